"""CloudFormation's answers → the model's values: a row of JSON in, a frozen value out.

Rows come from AWS, from a kept folder or from a file somebody edited: a missing field is None or "", a field of
the wrong type counts as missing, an unknown status passes through as text. Nothing here raises on a dict.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from stackdoctor.direction import votes
from stackdoctor.model import Stack, StackEvent, StackResource, ValidationError

STACK_TYPE = "AWS::CloudFormation::Stack"


def text(row: Mapping[str, Any], key: str) -> str | None:
    """A text field; None where it is missing, empty or no text."""
    value = row.get(key)
    return value if isinstance(value, str) and value else None


def flag(row: Mapping[str, Any], key: str) -> bool:
    """A boolean field; False where it is missing or no boolean."""
    return row.get(key) is True


def rows(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects; what is no object is left out (`malformed` counts those)."""
    value = answer.get(key)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def malformed(answer: Mapping[str, Any], key: str) -> int:
    """How many entries of the list are no objects; 1 where the list itself is none."""
    value = answer.get(key)
    if value is None:
        return 0
    return sum(not isinstance(row, dict) for row in value) if isinstance(value, list) else 1


def moment(value: object) -> datetime | None:
    """ISO 8601 text (a time without a zone is UTC) or seconds since 1970; None where it is neither."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def arn_part(arn: str | None, index: int) -> str:
    """Part of an ARN by its place: 1 partition, 3 Region, 4 account; "" where it is no ARN."""
    parts = (arn or "").split(":", 5)
    return parts[index] if len(parts) == 6 and parts[0] == "arn" else ""


def is_stack_arn(value: str | None) -> bool:
    """Whether it is a stack's ARN: arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<uuid>."""
    return arn_part(value, 2) == "cloudformation" and arn_part(value, 5).startswith("stack/")


def stack_name_of(value: str) -> str:
    """The stack's name, of an ARN or of the name itself."""
    return (arn_part(value, 5).split("/")[1] or value) if is_stack_arn(value) else value


def event_from(row: Mapping[str, Any]) -> StackEvent:
    """One row of DescribeStackEvents. Histories have a hundred thousand of them."""
    get = {key: value for key, value in row.items() if value and isinstance(value, str)}.get
    stack_id = get("StackId", "")
    return StackEvent(
        event_id=get("EventId", ""),
        stack_id=stack_id,
        stack_name=get("StackName") or stack_name_of(stack_id),
        logical_id=get("LogicalResourceId", ""),
        physical_id=get("PhysicalResourceId"),
        resource_type=get("ResourceType", ""),
        timestamp=moment(row.get("Timestamp")),
        status=get("ResourceStatus", ""),
        reason=get("ResourceStatusReason"),
        properties=get("ResourceProperties"),
        operation_id=get("OperationId"),
        client_request_token=get("ClientRequestToken"),
        hook_type=get("HookType"),
        hook_status=get("HookStatus"),
        hook_reason=get("HookStatusReason"),
        hook_failure_mode=get("HookFailureMode"),
    )


def stack_from(row: Mapping[str, Any]) -> Stack:
    """One stack of DescribeStacks. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html."""
    arn = text(row, "StackId") or ""
    return Stack(
        name=text(row, "StackName") or stack_name_of(arn),
        id=arn,
        status=text(row, "StackStatus") or "",
        status_reason=text(row, "StackStatusReason"),
        region=arn_part(arn, 3),
        account=arn_part(arn, 4),
        partition=arn_part(arn, 1) or "aws",
        parent_id=text(row, "ParentId"),
        root_id=text(row, "RootId"),
        created_at=moment(row.get("CreationTime")),
        deleted_at=moment(row.get("DeletionTime")),
        role_arn=text(row, "RoleARN"),
        termination_protection=flag(row, "EnableTerminationProtection"),
        disable_rollback=flag(row, "DisableRollback"),
        retain_except_on_create=flag(row, "RetainExceptOnCreate"),
    )


def resource_from(row: Mapping[str, Any]) -> StackResource:
    """One row of ListStackResources."""
    return StackResource(
        logical_id=text(row, "LogicalResourceId") or "",
        physical_id=text(row, "PhysicalResourceId"),
        resource_type=text(row, "ResourceType") or "",
        status=text(row, "ResourceStatus") or "",
    )


def validation_from(row: Mapping[str, Any]) -> ValidationError:
    """One VALIDATION_ERROR or HOOK_INVOCATION_ERROR of DescribeEvents (API_OperationEvent)."""
    reasons = ("ValidationStatusReason", "HookStatusReason", "ResourceStatusReason")
    return ValidationError(
        event_id=text(row, "EventId") or "",
        operation_id=text(row, "OperationId"),
        logical_id=text(row, "LogicalResourceId"),
        physical_id=text(row, "PhysicalResourceId"),
        resource_type=text(row, "ResourceType"),
        timestamp=moment(row.get("Timestamp")),
        event_type=text(row, "EventType") or "",
        name=text(row, "ValidationName") or text(row, "HookType"),
        path=text(row, "ValidationPath"),
        reason=next((found for key in reasons if (found := text(row, key))), ""),
    )


def newest_first(events: Sequence[StackEvent]) -> bool:
    """Whether the listing runs from the newest event to the oldest, as AWS lists them; a file may be turned round.

    The times decide; where they are missing or tie, what must have come before what, at last the shape of the stack's own events.
    """
    times = [event.timestamp for event in events if event.timestamp]
    falls = sum(later < earlier for earlier, later in pairwise(times))
    rises = sum(later > earlier for earlier, later in pairwise(times))
    if falls != rises:
        return falls > rises
    told = votes(events)
    if told:
        return told > 0
    own = [event.status for event in events if event.is_own] or [event.status for event in events]
    return not own or not own[0].endswith("_IN_PROGRESS") or own[-1].endswith("_IN_PROGRESS")
