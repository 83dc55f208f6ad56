"""A scan → JUnit XML, as CI systems read it: an account and Region is a testsuite, a stack or a delivery a testcase.

A problem is a failure, what could not be read an error; a delivery that may be denied passes, with a word on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import Severity
from stackdoctor.report.scan_words import KINDS
from stackdoctor.report.untrusted import page
from stackdoctor.scanned import Change, Kind, PlaceRow, Report, Row


def render(report: Report, *, only_new: bool = False) -> Iterator[str]:
    """The document, piece by piece. With `only_new` what was there before counts as passed."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="stackdoctor scan">\n'
    for row in report.places():
        yield from _suite(row, list(report.problems_of(row.place)), only_new=only_new)
    yield "</testsuites>\n"


def _suite(row: PlaceRow, found: list[Row], *, only_new: bool) -> Iterator[str]:
    where = f"{row.place.account} {row.place.region}".strip()
    cases = [*_of_problems(found, where, only_new=only_new), *_passed(row, found, where), *_unread(row, where)]
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    yield (
        f'  <testsuite name="{page(where)}" tests="{len(cases)}" failures="{failures}" errors="{errors}">\n{"".join(cases)}  </testsuite>\n'
    )


def _case(name: str, where: str, inner: str = "") -> str:
    return f'    <testcase name="{page(name)}" classname="{page(where)}">{inner}</testcase>\n'


def _of_problems(found: list[Row], where: str, *, only_new: bool) -> Iterator[str]:
    for row in found:
        problem, name = row.problem, f"{KINDS[row.problem.kind]} {row.problem.name}"
        said = f"{page(problem.summary)} ({page(problem.resource)})"
        if problem.severity is Severity.CAUSE and not (only_new and row.change is Change.STILL):
            yield _case(
                name, where, f'<failure message="{page(problem.summary)}" type="{page(problem.status or problem.kind)}">{said}</failure>'
            )
        else:
            yield _case(name, where, f"<system-out>{said}</system-out>")


def _passed(row: PlaceRow, found: list[Row], where: str) -> Iterator[str]:
    """What was looked at and is well. Healthy stacks are not read, so that there are none in a failed state stands for them."""
    wrong = {(one.problem.kind, one.problem.name) for one in found}
    if not row.error and not any(kind is Kind.STACK for kind, _ in wrong):
        yield _case("no failed stacks", where)
    for kind, names in row.checked.items():
        if kind is not Kind.STACK:
            yield from (_case(f"{KINDS[kind]} {name}", where) for name in names if (kind, name) not in wrong)


def _unread(row: PlaceRow, where: str) -> Iterator[str]:
    if row.error:
        yield _case("account", where, f'<error message="{page(row.error)}" type="unread"></error>')
    for unread in row.unread:
        needs = f" Needs {', '.join(unread.needs)}." if unread.needs else ""
        yield _case(unread.what, where, f'<error message="{page(unread.error + needs)}" type="unread"></error>')
