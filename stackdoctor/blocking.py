"""Operation → what made a rollback, the clean-up after it, or a delete fail; through nested stacks.

In: operations of a stack and the `Nest` around it. Out: one `Failure` a resource, with its newest failure. A resource that
only the stack's summary names, because its row was not read, stands there with the summary as its event.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-update-rollback-failed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stackdoctor.model import Category, Failure, Operation, OperationType, StackEvent, StackHistory
from stackdoctor.nesting import DEEPEST, Nest
from stackdoctor.rows import has_failed, is_shown_as, is_user_initiated, says_leftovers, says_summary, summarised, summarised_status
from stackdoctor.timeline import by_time, is_belated

_SETTLED = ("_COMPLETE", "_SKIPPED")
_BUILDING = frozenset({OperationType.CREATE, OperationType.UPDATE, OperationType.IMPORT})


def of_operations(nest: Nest, history: StackHistory, later: Sequence[Operation], path: tuple[str, ...]) -> tuple[Failure, ...]:
    """The blockers of the newest of these operations that has any; none behind one that completed."""
    for operation in reversed(later):
        found = of_operation(nest, history, operation, path)
        if found or operation.status.endswith("_COMPLETE"):
            return found
    return ()


def of_operation(nest: Nest, history: StackHistory, operation: Operation, path: tuple[str, ...]) -> tuple[Failure, ...]:
    """What failed in one operation and stayed failed. Of a create, update or import only its clean-up counts."""
    failed = _failed_rows(nest, history, operation)
    found = [failure for row in failed.values() for failure in _through(nest, history, operation, row, path, failed)]
    found += _only_summarised(nest, history, operation, path, failed)
    return tuple(by_time(found, lambda failure: failure.event)) or _stack_itself(nest, history, operation, path)


def left_by_healthy(nest: Nest, history: StackHistory, path: tuple[str, ...]) -> tuple[Failure, ...]:
    """What the clean-up of a successful stack left behind, in the stack itself and in nested stacks that are gone from it."""
    done = nest.operations(history)
    found = of_operation(nest, history, done[-1], path) if done and done[-1].type in _BUILDING else ()
    seen = {failure.event.stack_id for failure in found}
    stuck = [child for child in history.children if child.stack.status.endswith("_FAILED") and child.stack.id not in seen]
    return (
        *found,
        *(
            failure
            for child in stuck
            for failure in of_operations(nest, child, nest.operations(child), (*path, logical_id_of(history, child)))
        ),
    )


def _failed_rows(nest: Nest, history: StackHistory, operation: Operation) -> dict[str, StackEvent]:
    """Each resource's newest failure in the operation, without cancelled ones and those that a retry settled."""
    failed: dict[str, StackEvent] = {}
    for row in operation.events:
        if has_failed(row):
            counts = row.status.startswith("DELETE_") if operation.type in _BUILDING else not is_belated(row, operation)
            if counts and not nest.is_own(history, row) and nest.reason(row).category is not Category.CANCELLED_NOISE:
                failed.pop(row.logical_id, None)
                failed[row.logical_id] = row
        elif failed and row.status.endswith(_SETTLED):
            failed.pop(row.logical_id, None)
    return failed


def _through(
    nest: Nest, history: StackHistory, operation: Operation, row: StackEvent, path: tuple[str, ...], failed: dict[str, StackEvent]
) -> Iterable[Failure]:
    """The failure itself, or behind a nested stack's row those of the child; its summary's names where the child was not read."""
    child = nest.child(history, row)
    if child is not None and len(path) < DEEPEST:
        for inner in nest.operations_of(child, operation, row):
            found = of_operation(nest, child, inner, (*path, row.logical_id))
            if found:
                return found
    names = summarised(row.reason)
    if any(name in failed and name != row.logical_id for name in names):
        return ()
    if names:
        return [_named(nest, name, row, None, operation, (*path, row.logical_id)) for name in names]
    return [Failure(row, path, operation.id, nest.reason(row))]


def _only_summarised(
    nest: Nest, history: StackHistory, operation: Operation, path: tuple[str, ...], failed: dict[str, StackEvent]
) -> Iterable[Failure]:
    """Resources that only the stack's summary names. Where siblings were cancelled a name may be one of them, so it proves nothing."""
    own = [row for row in operation.events if nest.is_own(history, row)]
    summary = next((row for row in reversed(own) if has_failed(row) and says_summary(row.reason)), None)
    if summary is None or not operation.status.endswith("_FAILED") or operation.type in _BUILDING:
        return ()
    if any(has_failed(row) and nest.reason(row).category is Category.CANCELLED_NOISE for row in operation.events):
        return ()
    missing = [name for name in summarised(summary.reason) if not any(is_shown_as(shown, name) for shown in failed)]
    begun = any(row.status.endswith("_IN_PROGRESS") for row in own)
    last = _last_rows(nest, history, frozenset(missing)) if missing else {}
    return [_named(nest, name, summary, last.get(name), operation, path, spare=not begun) for name in missing]


def _last_rows(nest: Nest, history: StackHistory, names: frozenset[str]) -> dict[str, StackEvent]:
    return {row.logical_id: row for operation in nest.operations(history) for row in operation.events if row.logical_id in names}


def _named(
    nest: Nest, name: str, summary: StackEvent, last: StackEvent | None, operation: Operation, path: tuple[str, ...], *, spare: bool = False
) -> Failure:
    """A resource known by name only. `spare`: its last row may serve, since the operation's beginning was not read."""
    if spare and last is not None and has_failed(last):
        return Failure(last, path, operation.id, nest.reason(last))
    told = {"logical_id": name, "timestamp": summary.timestamp, "status": summarised_status(summary.reason, name), "reason": summary.reason}
    bare = replace(summary, physical_id=None, resource_type="") if last is None else replace(last, event_id=summary.event_id)
    return Failure(replace(bare, **told), path, operation.id, nest.reason(summary))  # type: ignore[arg-type]


def _stack_itself(nest: Nest, history: StackHistory, operation: Operation, path: tuple[str, ...]) -> tuple[Failure, ...]:
    """The stack's own event, when the operation failed without any resource: a service role that is gone, a stack policy."""
    if operation.type in _BUILDING or not operation.status.endswith("_FAILED"):
        return ()
    for row in reversed(operation.events):
        if has_failed(row) and nest.is_own(history, row) and row.reason and not says_summary(row.reason):
            if is_user_initiated(row) or says_leftovers(row.reason):
                continue
            return (Failure(replace(row, logical_id=history.stack.name or row.logical_id), path, operation.id, nest.reason(row)),)
    return ()


def logical_id_of(parent: StackHistory, child: StackHistory) -> str:
    """The nested stack's logical id as its name tells it: PARENT-LOGICALID-SUFFIX."""
    prefix = parent.stack.name + "-"
    if child.stack.name.startswith(prefix) and "-" in (rest := child.stack.name.removeprefix(prefix)):
        return rest.rpartition("-")[0]
    return child.stack.name
