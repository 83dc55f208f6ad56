"""The report of a scan, read row by row from its checkpoint: nothing here grows with the number of accounts.

in: a `Checkpoint`. out: a `scanned.Report`. What is left unscanned (the time was up, the credentials ran out) is in it as
rows that could not be read, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stackdoctor.model import Severity, Unread
from stackdoctor.scan import codec
from stackdoctor.scan.checkpoint import RESOLVED, Checkpoint
from stackdoctor.scanned import Account, Change, Place, PlaceRow, Row, Tally, Totals, UnreadRow


class StoredReport:
    """`reason` says why the accounts that are left were not scanned."""

    def __init__(self, checkpoint: Checkpoint, partition: str = "aws", reason: str = "") -> None:
        self._kept, self._partition = checkpoint, partition
        self.reason = reason

    @property
    def started_at(self) -> str:
        return self._kept.started_at

    def totals(self) -> Totals:
        """Counts over everything read so far."""
        counted = (
            "SELECT count(*), sum(rank = 0), sum(change = 'new'), sum(change = 'still') FROM problem"
            " WHERE scan = ? AND NOT carried AND severity = ?"
        )
        problems, stacks, new, still = self._row(counted, self._kept.scan, Severity.CAUSE.value)
        risks, *_ = self._row(counted, self._kept.scan, Severity.RISK.value)
        places, unread, failed = self._row("SELECT count(*), sum(unread), sum(error <> '') FROM place WHERE scan = ?", self._kept.scan)
        left = sum(1 for _ in self._left())
        known = self._kept.before is not None
        return Totals(
            accounts=self._row("SELECT count(*) FROM account WHERE scan = ?", self._kept.scan)[0],
            places=places + left,
            stacks=stacks,
            deliveries=problems - stacks,
            problems=problems,
            risks=risks,
            unread=unread + failed + left,
            failed=failed + left,
            new=new if known else None,
            still=still if known else None,
            resolved=sum(1 for _ in self.resolved()) if known else None,
        )

    def by_account(self) -> Iterator[Tally]:
        """Accounts with anything wrong or unread, worst first."""
        yield from self._tallied("account", "name")

    def by_region(self) -> Iterator[Tally]:
        """Regions with anything wrong or unread, worst first."""
        yield from self._tallied("region", "''")

    def _tallied(self, by: str, name: str) -> Iterator[Tally]:
        query = (
            f"SELECT who, max(name), sum(s), sum(d), sum(r), sum(u) FROM (SELECT {by} who, {name} name, 0 s, 0 d, 0 r,"  # noqa: S608
            " unread + (error <> '') u FROM place WHERE scan = :scan UNION ALL"
            f" SELECT {by}, '', rank = 0 AND severity = 'cause', rank > 0 AND severity = 'cause', severity = 'risk', 0"
            " FROM problem WHERE scan = :scan AND NOT carried)"
            " GROUP BY who HAVING sum(s + d + r + u) > 0 ORDER BY sum(s + d) DESC, sum(u) DESC, sum(r) DESC, who"
        )
        for row in self._kept.db.execute(query, {"scan": self._kept.scan}):
            yield Tally(*row)

    def places(self) -> Iterator[PlaceRow]:
        """In the order of the accounts asked for, then of their Regions."""
        for (position,) in self._rows("SELECT position FROM account WHERE scan = ? ORDER BY position", self._kept.scan):
            yield from self.places_of(position)

    def places_of(self, position: int) -> Iterator[PlaceRow]:
        """The rows of one account, in the order of its Regions; those that were not scanned last."""
        query = (
            "SELECT document, (SELECT count(*) FROM problem p WHERE p.scan = q.scan AND NOT carried AND p.position = q.position"
            " AND p.number = q.number AND severity = 'cause'), (SELECT count(*) FROM problem p WHERE p.scan = q.scan AND NOT carried"
            " AND p.position = q.position AND p.number = q.number AND severity = 'risk') FROM place q"
            " WHERE scan = ? AND position = ? ORDER BY number"
        )
        for document, problems, risks in self._rows(query, self._kept.scan, position):
            result = codec.result_from(json.loads(document))
            yield PlaceRow(result.place, result.error, problems, risks, result.unread, result.checked)
        if not self._kept.is_finished(position):
            yield from self._left_of(position)

    def _left(self) -> Iterator[PlaceRow]:
        for (position,) in self._rows("SELECT position FROM account WHERE scan = ? AND NOT done ORDER BY position", self._kept.scan):
            yield from self._left_of(position)

    def _left_of(self, position: int) -> Iterator[PlaceRow]:
        """The Regions of an account that were not scanned; without a Region where they are not known."""
        document, planned = self._row("SELECT document, regions FROM account WHERE scan = ? AND position = ?", self._kept.scan, position)
        account: Account = codec.account_from(json.loads(document))
        regions = tuple(json.loads(planned)) if planned else account.regions or ("",)
        done = {number for (number,) in self._rows("SELECT number FROM place WHERE scan = ? AND position = ?", self._kept.scan, position)}
        for number, region in enumerate(regions):
            if number not in done:
                yield PlaceRow(Place(account.id, region, account.name, self._partition), f"not scanned: {self.reason or 'interrupted'}")

    def problems(self, severity: Severity = Severity.CAUSE, *, only_new: bool = False) -> Iterator[Row]:
        """Worst first: stacks before deliveries, new before old, then in the order of places."""
        chosen = " AND change IS NOT 'still'" if only_new else ""
        order = "ORDER BY rank, change = 'still', position, number, line"
        yield from self._problems(f"scan = ? AND NOT carried AND severity = ?{chosen} {order}", self._kept.scan, severity.value)

    def problems_of(self, place: Place) -> Iterator[Row]:
        """Everything wrong in one place, risks as well."""
        where = "scan = ? AND NOT carried AND account = ? AND region = ? ORDER BY position, number, line"
        yield from self._problems(where, self._kept.scan, place.account, place.region)

    def _problems(self, where: str, *values: object) -> Iterator[Row]:
        for place, document, change in self._rows(f"SELECT place, document, change FROM problem WHERE {where}", *values):  # noqa: S608
            yield _row(place, document, Change(change) if change else None)

    def resolved(self) -> Iterator[Row]:
        """What the scan before found and this one did not, though it read as much."""
        if self._kept.before is None:
            return
        query = (
            f"SELECT old.place, old.document {RESOLVED} AND old.severity = 'cause' ORDER BY old.rank, old.position, old.number, old.line"
        )
        for place, document in self._kept.db.execute(query, {"scan": self._kept.scan, "before": self._kept.before}):
            yield _row(place, document, Change.RESOLVED)

    def unread(self) -> Iterator[UnreadRow]:
        """Everything that could not be read, whole places first as they come."""
        for row in self.places():
            if row.error:
                what = f"account {row.place.account}" + (f" in {row.place.region}" if row.place.region else "")
                yield UnreadRow(row.place, Unread(what, row.error, (), would_decide=True))
            yield from (UnreadRow(row.place, unread) for unread in row.unread)

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        yield from self._kept.db.execute(query, values)

    def _row(self, query: str, *values: object) -> list[Any]:
        row = self._kept.db.execute(query, values).fetchone()
        return [0 if value is None and not isinstance(value, str) else value for value in row]


def _row(place: str, document: str, change: Change | None) -> Row:
    return Row(codec.place_from(json.loads(place)), codec.problem_from(json.loads(document)), change)
