"""A scan → the text a tired person reads: one sentence, tables by account and Region, then each problem, worst first.

What is long is cut after MAX_ROWS rows and says so; `verbose` shows all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tabulate import tabulate

from stackdoctor.commands import CommandStyle
from stackdoctor.model import Severity
from stackdoctor.report.scan_words import KINDS, Missing, ScanVerdict, missing, summary, verdict
from stackdoctor.report.text import Style
from stackdoctor.report.untrusted import plain
from stackdoctor.scanned import Change, Kind, Report, Row, Tally

MAX_ROWS = 50
"""Rows of one table or list; the json document has all of them."""

_VERDICT = {ScanVerdict.HEALTHY: ("32", "HEALTHY"), ScanVerdict.PROBLEMS: ("31", "PROBLEMS"), ScanVerdict.INCOMPLETE: ("33", "INCOMPLETE")}
_CHANGE = {Change.NEW: "new", Change.STILL: "still there", Change.RESOLVED: "resolved", None: ""}


def render(report: Report, style: Style, *, only_new: bool = False) -> Iterator[str]:
    """The report, piece by piece; the last one ends in a newline."""
    code, word = _VERDICT[verdict(report.totals())]
    yield f"{style.paint(f'1;{code}', word)}  {plain(summary(report))}\n"
    if style.quiet:
        return
    if not only_new:
        yield from _table("By account", "account", report.by_account(), style)
        yield from _table("By Region", "Region", report.by_region(), style)
    yield from _problems("Wrong", report.problems(only_new=only_new), "31", style)
    yield from _problems("May be denied", report.problems(Severity.RISK, only_new=only_new), "33", style)
    yield from _problems("Resolved since the scan before", report.resolved(), "32", style)
    yield from _missing(missing(report), style)


def _table(title: str, what: str, tallies: Iterator[Tally], style: Style) -> Iterator[str]:
    shown = list(islice(tallies, None if style.verbose else MAX_ROWS))
    if not shown:
        return
    rows = [(plain(f"{row.of or '(none)'} {row.name}".strip()), row.stacks, row.deliveries, row.risks, row.unread) for row in shown]
    headers = (what, "stacks", "deliveries", "may be denied", "not read")
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=("left", "right", "right", "right", "right"))
    yield f"\n{style.head(title)}\n" + "".join(f"  {line}".rstrip() + "\n" for line in table.splitlines())
    yield from _rest(sum(1 for _ in tallies))


def _rest(number: int) -> Iterator[str]:
    if number:
        yield f"  … and {number:,} more: -v shows them, -o json has everything\n"


def _problems(title: str, rows: Iterator[Row], code: str, style: Style) -> Iterator[str]:
    first = next(rows, None)
    if first is None:
        return
    yield f"\n{style.head(title)}\n"
    yield _problem(first, code, style)
    for row in islice(rows, None if style.verbose else MAX_ROWS - 1):
        yield _problem(row, code, style)
    yield from _rest(sum(1 for _ in rows))


def _problem(row: Row, code: str, style: Style) -> str:
    problem, place = row.problem, row.place
    change = f"{_CHANGE[row.change]}: " if row.change and row.change is not Change.RESOLVED else ""
    name = f" {plain(place.name)}" if place.name else ""
    status = f" ({plain(problem.status)})" if problem.status else ""
    head = f"  {change}{style.paint(code, KINDS[problem.kind])} {style.head(plain(problem.name))}{status}"
    lines = [f"{head}  {plain(place.account)}{name} {plain(place.region)}", f"    {plain(problem.summary)}"]
    if problem.kind is Kind.STACK and row.change is not Change.RESOLVED:
        lines.append(f"    {plain(CommandStyle(place.region).diagnose(problem.resource))}")
    return "\n".join(lines) + "\n"


def _missing(groups: list[Missing], style: Style) -> Iterator[str]:
    if not groups:
        return
    yield f"\n{style.head('Not read')}\n"
    for group in groups[: None if style.verbose else MAX_ROWS]:
        needs = f"; needs {', '.join(group.needs)}" if group.needs else ""
        first, where = group.first.unread, group.first.place
        yield f"  {group.count:,} × {plain(group.error, 200)}{plain(needs)}\n"
        yield f"    e.g. {plain(first.what)} ({plain(where.account)} {plain(where.region)}): {plain(first.error, 300)}\n"
    yield from _rest(len(groups) - MAX_ROWS if len(groups) > MAX_ROWS and not style.verbose else 0)
