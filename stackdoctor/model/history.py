"""A stack and everything read of its past: events, operations, resources. Text from AWS is verbatim."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stackdoctor.model.reads import Absent, Read, Unread

_ONLY_OF_A_STACK = ("ROLLBACK_", "UPDATE_ROLLBACK_", "IMPORT_ROLLBACK_", "REVIEW_")


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
