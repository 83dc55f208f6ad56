"""One account and Region: everything stuck, and everything that will be denied its next write.

in: a `Reader` and the `Place`. out: a `PlaceResult`. Pure but for the reader: no threads, files or options of its own, so
that a Lambda, a runbook step and the command line run the very same scan. Nothing that fails here raises.

A place with nothing in it costs five calls: ListStacks, DescribeTrails, DescribeDeliveryChannels, DescribeFlowLogs,
DescribeLogGroups (and one for each further page). All of them are made at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from stackdoctor.commands import CommandStyle
from stackdoctor.diagnosis import Options
from stackdoctor.model import Unread
from stackdoctor.reader import Reader
from stackdoctor.scan.deliveries import Delivery, deliveries
from stackdoctor.scan.latent import Examined, examined
from stackdoctor.scan.shared import SharedReads, SharingReader, WatchedReader
from stackdoctor.scan.stacks import stuck_stacks
from stackdoctor.scan.surprise import survived
from stackdoctor.scan.telling import told
from stackdoctor.scanned import Kind, Part, Place, PlaceResult
from stackdoctor.services.base import Scope


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every place: the moment of the scan, and the options of each diagnosis."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    options: Options = field(default_factory=Options)


def scan_place(reader: Reader, place: Place, question: Question | None = None, shared: SharedReads | None = None) -> PlaceResult:
    """Everything wrong in one account and Region. `shared` are the answers of its account, if more of it is scanned."""
    question, shared, watched = question or Question(), shared or SharedReads(), WatchedReader(reader)

    def make() -> Reader:
        return SharingReader(watched, shared)

    scope = Scope(place.partition, place.region, place.account, at=question.at)
    parts = make().gather(
        partial(stuck_stacks, make, place.region, question.options, question.at),
        partial(_delivering, make, scope, question),
    )
    unread = _unread(row for part in parts for row in part.unread)
    return PlaceResult(
        place=place,
        problems=tuple(problem for part in parts for problem in part.problems),
        unread=unread,
        checked={kind: names for part in parts for kind, names in part.checked.items()},
        throttled=watched.throttled and bool(unread),
        expired=watched.expired,
        calls=watched.sent,
    )


def _delivering(make: Callable[[], Reader], scope: Scope, question: Question) -> Part:
    reader = make()
    listed = deliveries(reader, scope)
    style = CommandStyle(scope.region, question.options.profile, question.options.endpoint_url)

    def look(delivery: Delivery) -> Examined | Unread:
        return survived(f"{delivery.kind.value} {delivery.name}", partial(examined, reader, delivery, question.at))

    looked = reader.gather(*(partial(look, delivery) for delivery in listed.found))
    found = told((one for one in looked if isinstance(one, Examined)), style)
    return Part(
        problems=found.problems,
        unread=(*listed.unread, *(one for one in looked if isinstance(one, Unread)), *found.unread),
        checked={kind: names for kind in Kind if (names := tuple(one.name for one in listed.found if one.kind is kind))},
    )


def _unread(rows: Iterable[Unread]) -> tuple[Unread, ...]:
    """Each thing once; it would decide if it would for anybody."""
    found: dict[str, Unread] = {}
    for row in rows:
        if row.what not in found or row.would_decide:
            found[row.what] = row
    return tuple(found.values())
