"""Paged reads of CloudFormation: one operation in, its rows out, with what stopped the reading.

A listing that broke off keeps the pages it has; `next_token` says that older ones exist. A token that comes twice ends
the listing: nothing that an answer says can make it endless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stackdoctor import timeline
from stackdoctor.answers import event_from, malformed, newest_first, rows
from stackdoctor.model import StackEvent, Unread, Unreadable
from stackdoctor.permissions import needs
from stackdoctor.reader import Call, ErrorKind, Reader, ReadError

T = TypeVar("T")
Row = Mapping[str, Any]


def does_not_exist(error: ReadError) -> bool:
    """CloudFormation answers a ValidationError, "Stack with id x does not exist", for a name it does not know."""
    return error.kind is ErrorKind.NOT_FOUND or "does not exist" in error.message


@dataclass(slots=True)
class Pages:
    """The pages of one listing read so far."""

    operation: str
    rows: list[Row] = field(default_factory=list)
    count: int = 0
    next_token: str | None = None
    error: ReadError | None = None
    malformed: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def more(self) -> bool:
        """Whether a further page exists and may be asked for."""
        return self.error is None and (self.count == 0 or self.next_token is not None)

    @property
    def complete(self) -> bool:
        return self.error is None and self.next_token is None


class Ask:
    """Asks CloudFormation in one Region, through a reader."""

    def __init__(self, reader: Reader, region: str) -> None:
        self._reader = reader
        self.region = region

    def read(self, operation: str, region: str = "", **params: Any) -> dict[str, Any]:
        return self._reader.read(Call("cloudformation", operation, region or self.region, params))

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._reader.gather(*tasks)

    def next_page(self, pages: Pages, key: str, **params: Any) -> None:
        """Reads one page more, or notes the error that kept it from being read."""
        asked = {**params, "NextToken": pages.next_token} if pages.next_token else params
        try:
            answer = self.read(pages.operation, **asked)
        except ReadError as error:
            pages.error = error
            return
        pages.count += 1
        pages.rows.extend(rows(answer, key))
        pages.malformed += malformed(answer, key)
        token = answer.get("NextToken")
        pages.next_token = token if isinstance(token, str) and token and token not in pages.seen else None
        pages.seen.add(pages.next_token or "")

    def pages(self, operation: str, key: str, limit: int, **params: Any) -> Pages:
        """The pages of a listing, at most `limit`."""
        pages = Pages(operation)
        while pages.more and pages.count < limit:
            self.next_page(pages, key, **params)
        return pages


class EventListing:
    """The events of one stack, newest page first, read as far back as it takes."""

    def __init__(self, ask: Ask, stack: str) -> None:
        self._ask, self._stack = ask, stack
        self._pages = Pages("DescribeStackEvents")
        self._own: list[StackEvent] = []
        self.events: list[StackEvent] = []

    def read_attempt(self, limit: int) -> EventListing:
        """Reads the pages that the newest attempt and its rollbacks need. The rows themselves tell the status."""
        while self._pages.more and not self.covered and self._pages.count < limit:
            self._read_page()
        return self

    def read_more(self, limit: int) -> EventListing:
        """Reads at most `limit` older pages."""
        last = self._pages.count + limit
        while self._pages.more and self._pages.count < last:
            self._read_page()
        return self

    @property
    def newest_first(self) -> bool:
        return newest_first(self.events)

    @property
    def status(self) -> str:
        """The stack's status by its newest own row; "" where none was read."""
        return timeline.order(self._own, self._own_newest_first)[-1].status if self._own else ""

    @property
    def _own_newest_first(self) -> bool:
        """The stack's own rows alone tell little where they have no times."""
        return newest_first(self._own if any(event.timestamp for event in self._own) else self.events)

    @property
    def covered(self) -> bool:
        """Whether the pages reach back to the start of the attempt."""
        return bool(self._own) and timeline.covers_attempt(self._own, self.status, self._own_newest_first)

    @property
    def complete(self) -> bool:
        return self._pages.complete

    @property
    def error(self) -> ReadError | None:
        return self._pages.error

    def unread(self, *, decides: bool) -> list[Unread]:
        """What of the listing is missing. It decides only where the attempt itself is cut off."""
        what = f"events of stack {self._stack}"
        found: list[Unread] = []
        cut = decides and not self.covered
        if self.error:
            what = what if not self.events else f"older {what}"
            found.append(
                Unread(
                    what, f"{self.error.code}: {self.error.message}", self.error.needs or needs("cloudformation:DescribeStackEvents"), cut
                )
            )
        elif not self.complete:
            found.append(Unread(f"older {what}", f"only the newest {self._pages.count} pages were read", (), cut))
        if self._pages.malformed:
            found.append(Unread(f"{self._pages.malformed} rows of the {what}", "no object", (), False))
        return found

    def _read_page(self) -> None:
        before = len(self._pages.rows)
        self._ask.next_page(self._pages, "StackEvents", StackName=self._stack)
        fresh = [event_from(row) for row in self._pages.rows[before:]]
        self.events.extend(fresh)
        self._own.extend(event for event in fresh if event.is_own)


def unreadable(what: str, error: ReadError, operation: str) -> Unreadable:
    """A read that failed, with the permission it needs."""
    return Unreadable(what, f"{error.code}: {error.message}", error.needs or needs(operation))
