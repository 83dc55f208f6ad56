"""A scan → markdown for a ticket or a job summary; every text from AWS is escaped, also inside tables.

Long tables are cut after MAX_ROWS rows and say so: a GitHub job summary takes 1 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from stackdoctor.model import Severity
from stackdoctor.report.scan_words import KINDS, Missing, missing, summary, verdict
from stackdoctor.report.untrusted import markdown
from stackdoctor.scanned import Report, Row, Tally

MAX_ROWS = 500


def render(report: Report, *, only_new: bool = False) -> Iterator[str]:
    """The report, piece by piece; the last one ends in a newline."""
    yield f"## stackdoctor scan: {verdict(report.totals())}\n\n{markdown(summary(report))}\n"
    if not only_new:
        yield from _tallies("By account", "account", report.by_account())
        yield from _tallies("By Region", "Region", report.by_region())
    yield from _problems("Wrong", report.problems(only_new=only_new))
    yield from _problems("May be denied", report.problems(Severity.RISK, only_new=only_new))
    yield from _problems("Resolved since the scan before", report.resolved())
    yield from _missing(missing(report))


def _row(*cells: object) -> str:
    return "| " + " | ".join(markdown(str(cell)) for cell in cells) + " |\n"


def _rest(number: int) -> Iterator[str]:
    if number:
        yield f"\n… and {number:,} more, all of them in the json document.\n"


def _tallies(title: str, what: str, tallies: Iterator[Tally]) -> Iterator[str]:
    shown = list(islice(tallies, MAX_ROWS))
    if not shown:
        return
    yield f"\n### {title}\n\n| {what} | stacks | deliveries | may be denied | not read |\n|---|--:|--:|--:|--:|\n"
    for row in shown:
        yield _row(f"{row.of or '(none)'} {row.name}".strip(), row.stacks, row.deliveries, row.risks, row.unread)
    yield from _rest(sum(1 for _ in tallies))


def _problems(title: str, rows: Iterator[Row]) -> Iterator[str]:
    first = next(rows, None)
    if first is None:
        return
    yield f"\n### {title}\n\n| | what | status | account | Region | why |\n|---|---|---|---|---|---|\n"
    yield _problem(first)
    for row in islice(rows, MAX_ROWS - 1):
        yield _problem(row)
    yield from _rest(sum(1 for _ in rows))


def _problem(row: Row) -> str:
    problem, place = row.problem, row.place
    what = f"{KINDS[problem.kind]} {problem.name}"
    return _row(row.change or "", what, problem.status, f"{place.account} {place.name}".strip(), place.region, problem.summary)


def _missing(groups: list[Missing]) -> Iterator[str]:
    if groups:
        yield "\n### Not read\n\n| times | error | needs | for example |\n|--:|---|---|---|\n"
    for group in groups[:MAX_ROWS]:
        example = f"{group.first.unread.what} ({group.first.place.account} {group.first.place.region})"
        yield _row(group.count, group.first.unread.error, ", ".join(group.needs), example)
    yield from _rest(max(0, len(groups) - MAX_ROWS))
