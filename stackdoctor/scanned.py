"""The values of a scan, from one account and Region up to the whole report. Frozen; no I/O.

A problem's `id` says what is wrong with what: it is the same in the next scan as long as the same thing is wrong, which
is how new, still there and resolved are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from stackdoctor.model import JSON, Severity, Unread


# ---------------------------------------------------------------------------------------------------------------- where
@dataclass(frozen=True, slots=True)
class Account:
    """One account to scan. No `roles`: it is read with the credentials of the run; several are assumed one from another.

    `regions` are empty where all enabled Regions are meant.
    """

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    external_id: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One account and Region. `region` is empty for an account that could not be opened at all."""

    account: str
    region: str
    name: str = ""
    partition: str = "aws"


# ----------------------------------------------------------------------------------------------------------- what is wrong
class Kind(StrEnum):
    """What a problem is with."""

    STACK = "stack"
    TRAIL = "trail"
    DELIVERY_CHANNEL = "delivery-channel"
    FLOW_LOG = "flow-log"
    LOG_GROUP = "log-group"


class Change(StrEnum):
    """A problem beside the scan before."""

    NEW = "new"
    STILL = "still"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Problem:
    """A stuck stack, or something that delivers logs and is, or will be, denied.

    `severity` is `cause` where the stack failed or the next write is denied for certain, `risk` where it may be.
    `document` is the stack's diagnosis (`stackdoctor.diagnosis/v1`), or the findings and fixes of a delivery.
    """

    id: str
    kind: Kind
    resource: str
    name: str
    status: str
    severity: Severity
    explained: bool
    summary: str
    document: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """What one question found in one place. `checked` names what was looked at; of stacks only those in a failed state."""

    problems: tuple[Problem, ...] = ()
    unread: tuple[Unread, ...] = ()
    checked: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlaceResult:
    """What was found in one account and Region. `error` says why nothing at all could be read there.

    `checked` names what was looked at, by kind; of stacks only those in a failed state, since healthy ones are not read.
    `throttled` is whether AWS refused calls for their number: worth another try. `expired` ends the whole run.
    """

    place: Place
    problems: tuple[Problem, ...] = ()
    unread: tuple[Unread, ...] = ()
    checked: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    error: str = ""
    throttled: bool = False
    expired: bool = False
    calls: int = 0


# ------------------------------------------------------------------------------------------------------------ the report
@dataclass(frozen=True, slots=True)
class Row:
    """A problem in the report: where it is, and whether it is new. `change` is None without an earlier scan."""

    place: Place
    problem: Problem
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One account and Region in the report."""

    place: Place
    error: str = ""
    problems: int = 0
    risks: int = 0
    unread: tuple[Unread, ...] = ()
    checked: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """problems, unread, risks or healthy: the gravest that is true of it."""
        if self.problems:
            return "problems"
        if self.error or self.unread:
            return "unread"
        return "risks" if self.risks else "healthy"


@dataclass(frozen=True, slots=True)
class UnreadRow:
    place: Place
    unread: Unread


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one account, or of one Region over all accounts. `name` is the account's own."""

    of: str
    name: str
    stacks: int
    deliveries: int
    risks: int
    unread: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole scan. `new`, `still` and `resolved` are None without an earlier scan."""

    accounts: int = 0
    places: int = 0
    stacks: int = 0
    deliveries: int = 0
    problems: int = 0
    risks: int = 0
    unread: int = 0
    failed: int = 0
    new: int | None = None
    still: int | None = None
    resolved: int | None = None


class Report(Protocol):
    """A whole scan, read row by row: nothing here grows with the number of accounts."""

    @property
    def started_at(self) -> str: ...

    def totals(self) -> Totals: ...

    @property
    def reason(self) -> str:
        """Why some of it was not scanned; empty where all was."""

    def by_account(self) -> Iterator[Tally]:
        """Accounts with anything wrong or unread, worst first."""

    def by_region(self) -> Iterator[Tally]:
        """Regions with anything wrong or unread, worst first."""

    def places(self) -> Iterator[PlaceRow]:
        """In the order of the accounts asked for, then of their Regions."""

    def problems(self, severity: Severity = Severity.CAUSE, *, only_new: bool = False) -> Iterator[Row]:
        """Worst first: stacks before deliveries, new before old, then in the order of places."""

    def problems_of(self, place: Place) -> Iterator[Row]:
        """Everything wrong in one place, risks as well."""

    def resolved(self) -> Iterator[Row]:
        """What the scan before found and this one did not, though it read as much."""

    def unread(self) -> Iterator[UnreadRow]:
        """Everything that could not be read, whole places as well."""
