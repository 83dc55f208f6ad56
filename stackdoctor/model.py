"""The values that flow from collect to report. Frozen; no I/O, no behaviour beyond reading themselves.

Three kinds of absence (DESIGN, rule 3): a live read is `Found`, `Absent` (AWS says there is none) or `Unreadable`.
Text from AWS is kept verbatim here; `report/` neutralises it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"


# ---------------------------------------------------------------------------------------------- what a read gave
@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The read succeeded."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS answered that there is none (NoSuchBucketPolicy, NotFoundException, …). `why` is AWS's error code."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The read failed, so nothing is known. `needs` are the IAM actions of the failed call, whatever the error was."""

    what: str
    error: str
    needs: tuple[str, ...] = ()


Read: TypeAlias = "Found[T] | Absent | Unreadable"


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of the report's `unread`: evidence that is missing and whether it would decide the diagnosis."""

    what: str
    error: str
    needs: tuple[str, ...] = ()
    would_decide: bool = False


_ONLY_OF_A_STACK = ("ROLLBACK_", "UPDATE_ROLLBACK_", "IMPORT_ROLLBACK_", "REVIEW_")


# ---------------------------------------------------------------------------------------------- the stack's history
@dataclass(frozen=True, slots=True)
class StackEvent:
    """One row of DescribeStackEvents.

    `timestamp` is None only for hand-made event files without times; the order of the file then counts.
    `reason` (ResourceStatusReason) and `properties` (ResourceProperties, JSON text) are verbatim.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """

    event_id: str
    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str | None
    resource_type: str
    timestamp: datetime | None
    status: str
    reason: str | None = None
    properties: str | None = None
    operation_id: str | None = None
    client_request_token: str | None = None
    hook_type: str | None = None
    hook_status: str | None = None
    hook_reason: str | None = None
    hook_failure_mode: str | None = None

    @property
    def told(self) -> str:
        """What AWS says of it: the status reason and, where that only names a hook, what the hook said."""
        hook = f"{self.hook_type or 'the hook'} says: {self.hook_reason}" if self.hook_reason else ""
        return "; ".join(part for part in (self.reason, hook) if part)

    @property
    def is_own(self) -> bool:
        """Whether this is the stack's own row, not one of its resources (a nested stack's row is a resource's)."""
        if self.resource_type != "AWS::CloudFormation::Stack":
            return False
        if self.physical_id and self.stack_id:
            return self.physical_id == self.stack_id
        return self.logical_id == self.stack_name or self.status.startswith(_ONLY_OF_A_STACK)


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, as DescribeStacks (or, for an events file, the newest stack event) shows it."""

    name: str
    id: str
    status: str
    status_reason: str | None = None
    region: str = ""
    account: str = ""
    partition: str = "aws"
    parent_id: str | None = None
    root_id: str | None = None
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    role_arn: str | None = None
    termination_protection: bool = False
    disable_rollback: bool = False
    retain_except_on_create: bool = False


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource a stack holds now (ListStackResources)."""

    logical_id: str
    physical_id: str | None
    resource_type: str
    status: str


@dataclass(frozen=True, slots=True)
class ValidationError:
    """One VALIDATION_ERROR or HOOK_INVOCATION_ERROR of DescribeEvents (change set early validation, hooks)."""

    event_id: str
    operation_id: str | None
    logical_id: str | None
    physical_id: str | None
    resource_type: str | None
    timestamp: datetime | None
    event_type: str
    name: str | None
    path: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class StackHistory:
    """A stack and everything read of its past.

    `events` are as read: any order, duplicates possible; `timeline.order` puts them right.
    `newest_first` says how the listing was ordered, which decides between events with the same or no timestamp.
    `complete` is False when older pages exist that were not read. `children` are nested stacks, by ARN, also deleted ones.
    `earlier` are deleted stacks of the same name, newest first.
    """

    stack: Stack
    events: tuple[StackEvent, ...]
    complete: bool = True
    newest_first: bool = True
    children: tuple[StackHistory, ...] = ()
    earlier: tuple[StackHistory, ...] = ()
    resources: Read[tuple[StackResource, ...]] = field(default_factory=Absent)
    template: Read[str] = field(default_factory=Absent)
    validations: tuple[ValidationError, ...] = ()
    unread: tuple[Unread, ...] = ()


class OperationType(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ROLLBACK = "ROLLBACK"
    CONTINUE_ROLLBACK = "CONTINUE_ROLLBACK"
    IMPORT = "IMPORT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one stack: its events oldest first.

    `attempt` counts forward operations from 1; a rollback carries the attempt it undoes.
    """

    id: str
    type: OperationType
    attempt: int
    events: tuple[StackEvent, ...]
    status: str

    @property
    def started_at(self) -> datetime | None:
        return self.events[0].timestamp if self.events else None

    @property
    def ended_at(self) -> datetime | None:
        """None while the operation runs."""
        return self.events[-1].timestamp if self.events and not self.status.endswith("_IN_PROGRESS") else None


# ---------------------------------------------------------------------------------------------- what failed
class Category(StrEnum):
    """What a status reason says happened; the words of cases/reasons.jsonl, fixed by the contract."""

    S3_DENY = "s3_deny"
    KMS_DENY = "kms_deny"
    S3_OR_KMS_AMBIGUOUS = "s3_or_kms_ambiguous"
    IAM_IDENTITY_DENY = "iam_identity_deny"
    EXPLICIT_DENY_SCP = "explicit_deny_scp"
    EXPLICIT_DENY_OTHER = "explicit_deny_other"
    ROLE_TRUST_OR_EXECUTION_ROLE = "role_trust_or_execution_role"
    DELIVERY_POLICY_OTHER = "delivery_policy_other"
    UNSPECIFIED_DENY = "unspecified_deny"
    AUTH_TOKEN = "auth_token"
    KMS_KEY_STATE = "kms_key_state"
    POLICY_DOCUMENT_INVALID = "policy_document_invalid"
    DELETION_PROTECTION = "deletion_protection"
    NOT_EMPTY = "not_empty"
    DEPENDENCY_IN_USE = "dependency_in_use"
    ALREADY_EXISTS = "already_exists"
    NOT_FOUND = "not_found"
    QUOTA = "quota"
    CAPACITY = "capacity"
    THROTTLING = "throttling"
    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    STABILIZATION = "stabilization"
    VALIDATION = "validation"
    CUSTOM_RESOURCE = "custom_resource"
    INTERNAL_ERROR = "internal_error"
    NESTED_STACK_CASCADE = "nested_stack_cascade"
    ROLLBACK_SUMMARY = "rollback_summary"
    CANCELLED_NOISE = "cancelled_noise"
    OTHER = "other"


class DeniedBy(StrEnum):
    S3 = "s3"
    KMS = "kms"
    S3_OR_KMS = "s3-or-kms"
    IAM = "iam"
    SCP = "scp"
    RCP = "rcp"
    PERMISSION_BOUNDARY = "permission-boundary"
    VPC_ENDPOINT = "vpc-endpoint"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Denied:
    """Who was denied what on which resource, as far as the wording or the evidence tells."""

    principal: str | None = None
    action: str | None = None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What a status reason says, read by its wording alone. `rule` names the row of the message table that matched.

    `self_explained` is whether AWS's own message names the cause without any policy being read (contract, "Explained").
    `request_id` is the failed call's, `exception` the API's error code where the text still carries it.
    """

    category: Category
    denied_by: DeniedBy | None = None
    denied: Denied | None = None
    self_explained: bool = False
    rule: str = ""
    bucket: str | None = None
    key: str | None = None
    exception: str | None = None
    request_id: str | None = None
    handler_error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Cascaded:
    """A failure that only followed from another one."""

    logical_id: str
    resource_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed resource (or, where no resource failed, the stack's own event), with what followed from it."""

    event: StackEvent
    stack_path: tuple[str, ...]
    operation_id: str | None
    reason: Reason
    cascade: tuple[Cascaded, ...] = ()
    repeated: int = 1


# ---------------------------------------------------------------------------------------------- what the evidence shows
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
