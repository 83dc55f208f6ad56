"""One attempt → its failures that nothing else explains, earliest first, each with what only followed from it.

In: a `StackHistory`, one of its `Attempt`s and the `Nest` around them. Out: `Found`. Cancelled siblings and parents of
nested stacks go to the cascade; a nested stack's row stands for itself only where the child's events tell nothing.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from stackdoctor.model import Cascaded, Category, Failure, Operation, OperationType, Reason, StackEvent, StackHistory
from stackdoctor.nesting import DEEPEST, Nest
from stackdoctor.rows import (
    embedded_stack,
    has_failed,
    is_user_initiated,
    only_names_hooks,
    says_leftovers,
    speaks_of_resources,
    summarised,
    tells_of_error,
)
from stackdoctor.timeline import Attempt, by_time, is_belated

_NOISE = frozenset({Category.CANCELLED_NOISE, Category.ROLLBACK_SUMMARY, Category.NESTED_STACK_CASCADE})
_OF_RESOURCES = _NOISE - {Category.NESTED_STACK_CASCADE}
"""What a stack says of itself that only repeats what its resources said."""
_OF_THE_DEFINITION = frozenset({Category.VALIDATION, Category.POLICY_DOCUMENT_INVALID})


@dataclass(frozen=True, slots=True)
class Found:
    """Failures, and the cascade that belongs to none of them because there is none."""

    failures: tuple[Failure, ...] = ()
    cascade: tuple[Cascaded, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    event: StackEvent
    operation: Operation


def of_attempt(nest: Nest, history: StackHistory, attempt: Attempt, path: tuple[str, ...]) -> Found:
    """What made the attempt fail: resources, else the stack's own event, else what was sorted behind the rollback's start."""
    rows = list(_failed_rows(nest, history, attempt))
    forward = [row for row in rows if row.operation is attempt.forward]
    behind = [row for row in rows if row.operation is not attempt.forward]
    found = _of_resources(nest, history, attempt, forward, path)
    if found.failures:
        return found
    alone = _of_a_hook(nest, history, attempt, path) or _of_the_stack(nest, history, attempt, path)
    if alone is not None:
        return _gathered([alone], found.cascade)
    late = _of_resources(nest, history, attempt, behind, path)
    if late.failures:
        return late
    both = _speaking_for_both(nest, history, attempt, path)
    if both is not None:
        return Found((both,), found.cascade + late.cascade)
    unfinished = _of_resources(nest, history, attempt, list(_unfinished_rows(attempt)), path)
    return Found(unfinished.failures, found.cascade + late.cascade + unfinished.cascade)


def _failed_rows(nest: Nest, history: StackHistory, attempt: Attempt) -> Iterator[_Row]:
    deletes = attempt.operation.type is OperationType.DELETE
    if attempt.forward is not None:
        for event in attempt.forward.events:
            if has_failed(event) and event.status.startswith("DELETE_") is deletes and not nest.is_own(history, event):
                yield _Row(event, attempt.forward)
    for operation in attempt.undo:
        for event in operation.events:
            if is_belated(event, operation) and not nest.is_own(history, event):
                yield _Row(event, operation)


def _unfinished_rows(attempt: Attempt) -> Iterator[_Row]:
    """Errors on rows that are still in progress, of resources that did not complete: where the failure itself was not read."""
    rows = attempt.forward.events if attempt.forward else ()
    last = {event.logical_id: event for event in rows}
    for event in rows:
        if tells_of_error(event) and not last[event.logical_id].status.endswith("_COMPLETE"):
            yield _Row(event, attempt.operation)


# ---------------------------------------------------------------------------------------------- resources
def _of_resources(nest: Nest, history: StackHistory, attempt: Attempt, rows: Sequence[_Row], path: tuple[str, ...]) -> Found:
    by_resource: dict[str, list[_Row]] = {}
    cancelled: dict[str, Cascaded] = {}
    for row in rows:
        if nest.reason(row.event).category is Category.CANCELLED_NOISE:
            cancelled.setdefault(row.event.logical_id, _cascaded(row.event))
        else:
            by_resource.setdefault(row.event.logical_id, []).append(row)
    found = [_of_resource(nest, history, attempt, of, path, by_resource) for of in by_resource.values()]
    failures = _with_reason([failure for one in found for failure in one.failures], attempt)
    lone = [cascaded for name, cascaded in cancelled.items() if name not in by_resource]
    return _gathered(failures, (*lone, *(cascaded for one in found for cascaded in one.cascade)))


def _of_resource(
    nest: Nest, history: StackHistory, attempt: Attempt, rows: Sequence[_Row], path: tuple[str, ...], others: dict[str, list[_Row]]
) -> Found:
    """Its first failed row with a real reason; of a nested stack, what failed inside."""
    speaking = (row for row in rows if row.event.reason and not embedded_stack(row.event.reason))
    row = next((row for row in speaking if nest.reason(row.event).category not in _NOISE), None)
    if row is not None:
        return Found((_failure(nest, history, attempt, row, path),))
    row = next((row for row in rows if row.event.reason), rows[0])
    inner = _inside(nest, history, attempt, row.event, path)
    if inner is not None:
        return inner
    if any(name in others and name != row.event.logical_id for name in summarised(row.event.reason)):
        return Found(cascade=(_cascaded(row.event),))  # a listing that mixes the child's rows with the parent's
    return Found((_failure(nest, history, attempt, row, path),))


def _inside(nest: Nest, history: StackHistory, attempt: Attempt, row: StackEvent, path: tuple[str, ...]) -> Found | None:
    """What failed inside the nested stack; None where its events tell nothing. All cancelled inside means cancelled itself."""
    child = nest.child(history, row)
    tried = nest.attempt_of(child, attempt, row) if child is not None and len(path) < DEEPEST else None
    if child is None or tried is None:
        return None
    found = of_attempt(nest, child, tried, (*path, row.logical_id))
    if not found.failures and not found.cascade:
        return None
    parent = _cascaded(row)
    failures = tuple(replace(failure, cascade=(*failure.cascade, parent)) for failure in found.failures)
    return Found(failures, () if failures else (parent, *found.cascade))


def _with_reason(failures: list[Failure], attempt: Attempt) -> list[Failure]:
    """Rows with a reason win. Several without: one is the cause and the rest its cancelled siblings, and nothing tells which."""
    if attempt.operation.type is OperationType.DELETE:
        return failures
    return [failure for failure in failures if failure.event.reason] or (failures if len(failures) == 1 else [])


def _gathered(failures: Iterable[Failure], cascade: Iterable[Cascaded]) -> Found:
    """Earliest first; siblings that were cancelled followed from the earliest."""
    ordered, rest = by_time(failures, lambda failure: failure.event), tuple(cascade)
    if not ordered:
        return Found((), rest)
    first = replace(ordered[0], cascade=(*ordered[0].cascade, *rest))
    return Found((first, *ordered[1:]))


def _cascaded(event: StackEvent) -> Cascaded:
    return Cascaded(event.logical_id, event.resource_type, event.reason or "")


def _failure(nest: Nest, history: StackHistory, attempt: Attempt, row: _Row, path: tuple[str, ...]) -> Failure:
    event, reason = _with_hook(nest, history, attempt, row.event)
    return Failure(event, path, row.operation.id, reason)


# ---------------------------------------------------------------------------------------------- hooks
def _with_hook(nest: Nest, history: StackHistory, attempt: Attempt, event: StackEvent) -> tuple[StackEvent, Reason]:
    """Where the reason only says that a hook failed, what the hook said is the cause.

    https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/hooks-view-invocations.html
    """
    if not event.hook_reason and only_names_hooks(event.reason):
        event = _joined(event, next(_failed_hooks(attempt, event.logical_id), None), history)
    return event, nest.reason(replace(event, reason=event.hook_reason) if event.hook_reason else event)


def _joined(event: StackEvent, hook: StackEvent | None, history: StackHistory) -> StackEvent:
    if hook is not None:
        return replace(
            event,
            hook_type=hook.hook_type,
            hook_status=hook.hook_status,
            hook_reason=hook.hook_reason,
            hook_failure_mode=hook.hook_failure_mode,
        )
    told = (
        told for told in history.validations if told.logical_id == event.logical_id and told.event_type.startswith("HOOK") and told.reason
    )
    error = next(told, None)
    return event if error is None else replace(event, hook_type=error.name, hook_reason=error.reason)


def _failed_hooks(attempt: Attempt, logical_id: str | None = None) -> Iterator[StackEvent]:
    for operation in (attempt.forward, *attempt.undo):
        for event in operation.events if operation else ():
            failed = (event.hook_status or "").endswith("FAILED") and event.hook_failure_mode != "WARN"
            if failed and event.hook_reason and logical_id in {None, event.logical_id}:
                yield event


def _of_a_hook(nest: Nest, history: StackHistory, attempt: Attempt, path: tuple[str, ...]) -> Failure | None:
    """A hook that refused a resource whose own failed row was not read."""
    hook = next((event for event in _failed_hooks(attempt) if not nest.is_own(history, event)), None)
    return Failure(hook, path, attempt.operation.id, nest.reason(replace(hook, reason=hook.hook_reason))) if hook else None


# ---------------------------------------------------------------------------------------------- the stack itself
def _of_the_stack(nest: Nest, history: StackHistory, attempt: Attempt, path: tuple[str, ...]) -> Failure | None:
    """The stack's own event, when no resource failed: a parameter, a transform, an alarm, a person who cancelled."""
    told = list(_own_failures(nest, history, attempt))
    real = [
        row
        for row in told
        if row.event.reason and not is_user_initiated(row.event) and nest.reason(row.event).category not in _OF_RESOURCES
    ]
    asked = [row for row in told if row.event.reason and not has_failed(row.event)]
    known = any(has_failed(row.event) or speaks_of_resources(row.event.reason) for row in told)
    row = next(iter(real or ([] if known else asked)), None)
    if row is None:
        return None
    failure = _failure(nest, history, attempt, row, path)
    return replace(failure, event=replace(failure.event, logical_id=history.stack.name or path[-1]))


def _own_failures(nest: Nest, history: StackHistory, attempt: Attempt) -> Iterator[_Row]:
    """The stack's own rows that may say why it failed: its failure, and how the first operation that undid it began and ended well."""
    for event in attempt.forward.events if attempt.forward else ():
        if has_failed(event) and nest.is_own(history, event):
            yield _Row(event, attempt.forward or attempt.operation)
    for undo in attempt.undo[:1]:
        for event in undo.events:
            if nest.is_own(history, event) and not has_failed(event) and not says_leftovers(event.reason):
                yield _Row(event, undo)


def _speaking_for_both(nest: Nest, history: StackHistory, attempt: Attempt, path: tuple[str, ...]) -> Failure | None:
    """The one deletion that a rollback shows failed, where neither what it undoes nor its own beginning was read.

    Only a definition that AWS refuses as such was refused in the attempt too; a full bucket or a dependency tells nothing of the attempt.
    """
    if attempt.forward is not None or any(event.status.endswith("_IN_PROGRESS") for event in _own_of_undo(nest, history, attempt)):
        return None
    rows = [_Row(event, undo) for undo in attempt.undo for event in undo.events if has_failed(event) and not nest.is_own(history, event)]
    if len({row.event.logical_id for row in rows}) != 1 or nest.reason(rows[0].event).category not in _OF_THE_DEFINITION:
        return None
    return _failure(nest, history, attempt, rows[0], path)


def _own_of_undo(nest: Nest, history: StackHistory, attempt: Attempt) -> Iterator[StackEvent]:
    return (event for undo in attempt.undo for event in undo.events if nest.is_own(history, event))
