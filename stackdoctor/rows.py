"""What single rows of an event listing say: whose row it is, whether it failed, which resources its summary names.

In: `StackEvent`s of one stack. Out: facts about them, from the shape of the row and of CloudFormation's own sentences.
Listings that carry physical ids (every DescribeStackEvents answer does) are read by id; excerpts without, by shape.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stackdoctor.model import StackEvent

STACK_TYPE = "AWS::CloudFormation::Stack"
FAMILIES = ("UPDATE_ROLLBACK", "IMPORT_ROLLBACK", "ROLLBACK", "CREATE", "UPDATE", "DELETE", "IMPORT")
ROLLBACKS = frozenset({"UPDATE_ROLLBACK", "IMPORT_ROLLBACK", "ROLLBACK"})
USER_INITIATED = "User Initiated"

_SUMMARY = re.compile(
    r"(?:The following resource\(s\) failed\s+to\s+(create|update|delete|import)|Validation failed for following resources):\s*\[([^\[\]]*)"
)
_SUMMARISES = re.compile(r"The following resource\(s\) failed\b|Validation failed for following resources\b")
_CURRENTLY = re.compile(r"Currently in ([A-Z_]+)")
_ROLLS_BACK = re.compile(r"\bperform: ?cloudformation:(?:RollbackStack|ContinueUpdateRollback)\b", re.IGNORECASE)
_EMBEDDED = re.compile(r"Embedded stack (arn:\S+)")
_FAILED_CALL = re.compile(
    r"\(Service: |HandlerErrorCode: |\bnot authorized to perform\b|^Failed to receive \d+ resource signal", re.IGNORECASE
)
_HASHED = re.compile(r"([A-Za-z0-9]+)[0-9A-F]{8}")
_HOOKS = re.compile(r"\bhook\(s\) failed\b", re.IGNORECASE)
_STACK_ONLY = re.compile(r"(?:UPDATE_|IMPORT_)?ROLLBACK_|REVIEW_|\w+_CLEANUP_")


def family(status: str) -> str | None:
    """The part of a stack status that names what ran: `UPDATE_ROLLBACK` of UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS."""
    return next((prefix for prefix in FAMILIES if status.startswith(prefix + "_")), None)


def has_failed(event: StackEvent) -> bool:
    """Whether the row's status is a failure. DELETE_SKIPPED is none; a hook's failure shows on the resource's next row."""
    return event.status.endswith("_FAILED")


def tells_of_error(event: StackEvent) -> bool:
    """Whether a resource's row carries a failed call's error while CloudFormation still tries: the next row may be a failure."""
    return (
        event.status.endswith("_IN_PROGRESS") and event.resource_type != STACK_TYPE and _FAILED_CALL.search(event.reason or "") is not None
    )


def is_user_initiated(event: StackEvent) -> bool:
    """Whether a person (or an API caller) started the operation; CloudFormation's own moves carry another reason or none."""
    return (event.reason or "").startswith(USER_INITIATED)


def summarised(reason: str | None) -> tuple[str, ...]:
    """The logical ids a summary names, also one embedded in a nested stack's row; () when the reason is no summary.

    An update's summary has a sentence for each kind: `… failed to create: [A]. The following resource(s) failed to update: [B].`
    """
    found = _SUMMARY.finditer(reason or "")
    return tuple(dict.fromkeys(name for match in found for part in match[2].split(",") if (name := "".join(part.split()))))


def summarised_status(reason: str | None, logical_id: str) -> str:
    """The status that the named resource has: DELETE_FAILED for `failed to delete`."""
    for match in _SUMMARY.finditer(reason or ""):
        if logical_id in summarised(match[0]):
            return f"{(match[1] or 'create').upper()}_FAILED"
    return ""


def says_summary(reason: str | None) -> bool:
    """Whether the stack itself speaks: the reason begins with its summary (a nested stack's row only embeds one)."""
    return _SUMMARY.match((reason or "").lstrip()) is not None


def speaks_of_resources(reason: str | None) -> bool:
    """Whether the reason is about resources that failed, even where their names are cut off."""
    return _SUMMARISES.search(reason or "") is not None


def says_leftovers(reason: str | None) -> bool:
    """Whether a clean-up reports what it could not delete: `Update successful. One or more resources could not be deleted.`"""
    return (reason or "").lstrip().startswith("Update successful.")


def embedded_stack(reason: str | None) -> str | None:
    """The nested stack's ARN in `Embedded stack arn:… was not successfully created`."""
    match = _EMBEDDED.search(reason or "")
    return match[1] if match else None


def tells_of_rollback(reason: str | None) -> bool:
    """Whether a nested stack's row reports the child's failed rollback, so that the row itself belongs to a rollback."""
    match = _CURRENTLY.search(reason or "")
    return (match is not None and match[1].endswith("ROLLBACK_FAILED")) or _ROLLS_BACK.search(reason or "") is not None


def is_shown_as(shown: str, logical_id: str) -> bool:
    """Whether a log shows this logical id as `shown`: the CDK prints a construct's path, cut in its middle where it is long.

    The CDK makes the logical id of the path's parts and eight digits of their hash:
    https://docs.aws.amazon.com/cdk/v2/guide/identifiers.html#identifiers-logical-ids
    """
    hashed = _HASHED.fullmatch(logical_id)
    head, cut, tail = shown.replace("\u2026", "...").partition("...")
    if hashed is None or shown == logical_id:
        return shown == logical_id
    parts = [_letters(side) for side in (head, tail)]
    if cut:
        return all(parts) and logical_id.startswith(parts[0]) and (logical_id.endswith(tail) or hashed[1].endswith(parts[1]))
    return parts[0] == hashed[1]


def _letters(path: str) -> str:
    """The path's parts as one word, without those that a logical id leaves out."""
    parts = [part for part in path.split("/") if part not in {"Resource", "Default"}]
    return re.sub(r"[^A-Za-z0-9]", "", "".join(parts))


def only_names_hooks(reason: str | None) -> bool:
    """Whether the reason only says that a hook failed; what the hook said stands in HookStatusReason.

    https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/hooks-concepts.html
    """
    return _HOOKS.search(reason or "") is not None


def own_rows(events: Sequence[StackEvent], stack_id: str, stack_name: str) -> frozenset[int]:
    """Positions of the stack's own rows in `events` (oldest first); every other row is a resource's, nested stacks included."""
    stacks = [(at, event) for at, event in enumerate(events) if event.resource_type == STACK_TYPE]
    by_id = frozenset(at for at, event in stacks if event.physical_id and event.physical_id == (stack_id or event.stack_id))
    if by_id:
        return by_id
    nested = {event.logical_id for _, event in stacks if (event.reason or "").startswith("Embedded sta")}
    shaped = [(at, event) for at, event in stacks if not (event.physical_id or "").startswith("arn:") and event.logical_id not in nested]
    names = _own_names([event for _, event in shaped], stack_name) or _names_at_the_ends(events, shaped)
    return frozenset(at for at, event in shaped if event.logical_id in names)


def own_name(events: Sequence[StackEvent]) -> str | None:
    """The stack's name as its own rows give it, for a listing that does not say; None when it has no own row."""
    own = own_rows(events, "", "")
    return events[min(own)].logical_id if own else None


def _own_names(stacks: Iterable[StackEvent], stack_name: str) -> frozenset[str]:
    return frozenset(
        event.logical_id
        for event in stacks
        if (stack_name and event.logical_id == stack_name) or _STACK_ONLY.match(event.status) or says_summary(event.reason)
    )


def _names_at_the_ends(events: Sequence[StackEvent], shaped: Sequence[tuple[int, StackEvent]]) -> frozenset[str]:
    """A stack's row opens and closes its operation, without the reason that a nested stack's failure would carry."""
    ends = ((len(events) - 1, "_FAILED"), (0, "_IN_PROGRESS"))
    plain = {at: event for at, event in shaped if not event.reason or is_user_initiated(event)}
    names = [plain[at].logical_id for at, shape in ends if at in plain and plain[at].status.endswith(shape)]
    return frozenset(names[:1])
