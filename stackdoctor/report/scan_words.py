"""What every rendering of a scan says: the verdict, one sentence, and what was not read, summed up.

in: a `scanned.Report`. out: words. Nothing here depends on the number of accounts but the time it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stackdoctor.scanned import Kind, Report, Totals, UnreadRow

KINDS = {
    Kind.STACK: "stack",
    Kind.TRAIL: "trail",
    Kind.DELIVERY_CHANNEL: "Config delivery channel",
    Kind.FLOW_LOG: "flow log",
    Kind.LOG_GROUP: "log group",
}


class ScanVerdict(StrEnum):
    """`incomplete`: nothing wrong was found, but something could not be read."""

    HEALTHY = "healthy"
    PROBLEMS = "problems"
    INCOMPLETE = "incomplete"


def verdict(totals: Totals) -> ScanVerdict:
    """A finding outranks what could not be read; an incomplete scan is never healthy."""
    if totals.problems:
        return ScanVerdict.PROBLEMS
    return ScanVerdict.INCOMPLETE if totals.unread else ScanVerdict.HEALTHY


def counted(number: int, word: str, plural: str = "") -> str:
    """`1 stack`, `3 stacks`."""
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


def summary(report: Report) -> str:
    """One or two sentences: how much was read, what is wrong, what changed, what is missing."""
    totals = report.totals()
    where = f"{counted(totals.accounts, 'account')}, {counted(totals.places, 'Region')} in all"
    parts = [
        part
        for number, part in (
            (totals.stacks, f"{counted(totals.stacks, 'failed or stuck stack')}"),
            (totals.deliveries, f"{counted(totals.deliveries, 'delivery', 'deliveries')} denied"),
        )
        if number
    ]
    found = " and ".join(parts) or "nothing wrong found"
    more = [f"{counted(totals.risks, 'delivery', 'deliveries')} may be denied"] if totals.risks else []
    if totals.unread:
        more.append(f"{counted(totals.unread, 'thing')} could not be read")
    if totals.new is not None:
        more.append(f"since the scan before: {totals.new} new, {totals.still} still there, {totals.resolved} resolved")
    text = "; ".join([f"{where}: {found}", *more]) + "."
    return f"{text} Not all was scanned: {report.reason}." if report.reason else text


@dataclass(slots=True)
class Missing:
    """Everything unread for the same reason: how often, what would change it, and the first one."""

    error: str
    needs: tuple[str, ...]
    first: UnreadRow
    count: int = 0


def missing(report: Report) -> list[Missing]:
    """What was not read, by error code and the permission it needs; most frequent first."""
    found: dict[tuple[str, tuple[str, ...]], Missing] = {}
    for row in report.unread():
        code = row.unread.error.split(":", 1)[0]
        found.setdefault((code, row.unread.needs), Missing(code, row.unread.needs, row)).count += 1
    return sorted(found.values(), key=lambda one: -one.count)
