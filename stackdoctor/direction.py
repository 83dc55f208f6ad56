"""Which way a listing without usable times runs: by what CloudFormation must have written before what.

In: the rows of one stack in the order of the listing. Out: votes, positive for newest first, 0 where nothing tells.
A resource starts before it ends, is created before it is deleted, and fails before the stack's summary names it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stackdoctor.model import StackEvent
from stackdoctor.rows import STACK_TYPE, has_failed, is_shown_as, says_summary, summarised

_RUNNING = "_IN_PROGRESS"


def votes(events: Sequence[StackEvent]) -> int:
    """How many more signs say that the listing begins with its newest row than with its oldest."""
    return sum((*_by_resource(events), *(list(_by_summary(events)) or _by_rollback(events))))


def _by_resource(events: Sequence[StackEvent]) -> Iterator[int]:
    """Each row compared with the row before it of the same resource."""
    before: dict[str, StackEvent] = {}
    for event in events:
        elder = before.get(event.logical_id)
        before[event.logical_id] = event
        if elder is not None:
            yield _follows(event, elder) - _follows(elder, event)


def _follows(event: StackEvent, other: StackEvent) -> bool:
    """Whether `other` can only stand behind `event` in time."""
    verb, other_verb = _verb(event), _verb(other)
    if event.resource_type == STACK_TYPE:
        return _moves_on(verb, event.status, other.status)
    if verb != other_verb:
        return verb == "CREATE" and other_verb == "DELETE"
    return event.status.endswith(_RUNNING) and (not other.status.endswith(_RUNNING) or (not event.reason and bool(other.reason)))


def _moves_on(verb: str, status: str, other: str) -> bool:
    """Whether a stack's operation moves from one status to the other; a start behind an end is another operation's."""
    undone = "ROLLBACK" if verb == "CREATE" else f"{verb}_ROLLBACK"
    if status == verb + _RUNNING and other in {f"{verb}_COMPLETE_CLEANUP{_RUNNING}", undone + _RUNNING}:
        return True
    return verb.endswith("_CLEANUP") and other == verb.removesuffix("_CLEANUP")


def _verb(event: StackEvent) -> str:
    for ending in (_RUNNING, "_COMPLETE", "_FAILED", "_SKIPPED"):
        if event.status.endswith(ending):
            return event.status.removesuffix(ending)
    return event.status


def _by_summary(events: Sequence[StackEvent]) -> Iterator[int]:
    failed: dict[str, list[int]] = {}
    for at, event in enumerate(events):
        if has_failed(event):
            failed.setdefault(event.logical_id, []).append(at)
    for at, event in enumerate(events):
        if says_summary(event.reason):
            names = summarised(event.reason)
            shown = [name for name in failed if name in names or any(is_shown_as(name, whole) for whole in names)]
            yield from (1 if at < place else -1 for name in shown for place in failed[name])


def _by_rollback(events: Sequence[StackEvent]) -> list[int]:
    rolled = next((at for at, event in enumerate(events) if event.resource_type == STACK_TYPE and "ROLLBACK_" in event.status), None)
    built = next((at for at, event in enumerate(events) if event.status in {"CREATE_FAILED", "UPDATE_FAILED"}), None)
    return [] if rolled is None or built is None else [1 if rolled < built else -1]
