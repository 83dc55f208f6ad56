"""What the evidence shows: findings, fixes, steps, and the whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stackdoctor.model.failures import Denied, DeniedBy, Failure
from stackdoctor.model.history import Operation, Stack
from stackdoctor.model.reads import JSON, Unread


class Severity(StrEnum):
    CAUSE = "cause"
    RISK = "risk"
    NOTE = "note"


class Confidence(StrEnum):
    CONFIRMED = "confirmed"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Origin(StrEnum):
    LIVE = "live"
    PROPERTIES = "properties"
    TEMPLATE = "template"


class Verdict(StrEnum):
    HEALTHY = "healthy"
    EXPLAINED = "explained"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of what a statement rests on. `source`: event|exception|policy|key|bucket|trail|history|template|properties."""

    source: str
    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class StatementRef:
    """A statement by its index from 0 in the document as stored."""

    index: int
    sid: str | None


@dataclass(frozen=True, slots=True)
class ClauseRef:
    """The clause at fault: what it expects and what the request carries. `state`: value|absent|unknown."""

    operator: str
    key: str
    expected: tuple[str, ...]
    state: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """A row of a fix's before/after table; outcomes are allowed|denied|undecided."""

    principal: str
    action: str
    resource: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Verification:
    requests: tuple[RequestOutcome, ...]
    new_access: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that was tried on the evidence. kind: key-policy|bucket-policy|resource-property|template|recovery."""

    id: str
    title: str
    kind: str
    target: str
    scope: str
    disposition: str
    resolves: tuple[str, ...]
    verified: bool
    verification: Verification | None = None
    document: Mapping[str, JSON] | None = None
    diff: str | None = None
    commands: tuple[str, ...] = ()
    statements: tuple[JSON, ...] = ()
    """The statements of `document` that differ from the policy that was met."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `resource` is an ARN; `statement` is None where no statement is unmistakably meant."""

    check: str
    severity: Severity
    confidence: Confidence
    service: str
    resource: str
    origin: Origin
    title: str
    explanation: str
    statement: StatementRef | None = None
    clause: ClauseRef | None = None
    references: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step out of the stuck state: the exact command, whether it destroys data, and why it is needed."""

    title: str
    command: str
    destructive: bool
    why: str


@dataclass(frozen=True, slots=True)
class RootCause:
    """A failure nothing else explains, with what the evidence proved about it."""

    failure: Failure
    denied_by: DeniedBy | None
    confidence: Confidence
    denied: Denied | None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Calls:
    """API calls made: `rounds` is the longest chain of calls that waited for one another."""

    total: int = 0
    by_operation: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class AttemptChange:
    """What was changed in a policy or the failed resource before an attempt, and whether the attempt failed the same way."""

    attempt: int
    changes: tuple[str, ...]
    same_failure: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer; `report/` renders it, `report.json` in the shape CONTRACT.md fixes."""

    verdict: Verdict
    summary: str
    stack: Stack
    operations: tuple[Operation, ...]
    root_causes: tuple[RootCause, ...]
    blockers: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    fixes: tuple[Fix, ...]
    recovery: tuple[Step, ...]
    unread: tuple[Unread, ...]
    calls: Calls = field(default_factory=Calls)
    quotes: Mapping[tuple[str, int], JSON] = field(default_factory=dict)
    """Statements that findings point at, by resource ARN and index, as the report quotes them."""
    rejected: tuple[str, ...] = ()
    """Changes that were tried and kept out, with the reason."""
    attempts: tuple[AttemptChange, ...] = ()
    compared: str = ""
    """The sentence the attempts add up to."""
    opinions: tuple[str, ...] = ()
    """What Access Analyzer says of the corrected policies, where it was asked."""

    def quote(self, finding: Finding) -> JSON:
        """The statement a finding points at, None where it points at none."""
        return self.quotes.get((finding.resource, finding.statement.index)) if finding.statement else None
