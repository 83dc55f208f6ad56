"""History → the attempt to diagnose, its root causes, and apart from them what blocks the way back; through nested stacks.

In: a `StackHistory` and the reading of status reasons (`classify`). Out: `RootCauses`. The newest failed create, update
or import is diagnosed; later rollbacks, continued rollbacks and deletes add blockers only (contract, "The attempt").
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from stackdoctor import blocking, failures
from stackdoctor.model import Category, DeniedBy, Failure, Operation, OperationType, Reason, StackEvent, StackHistory, ValidationError
from stackdoctor.nesting import Nest
from stackdoctor.rows import STACK_TYPE, summarised
from stackdoctor.timeline import Attempt, diagnosed, is_healthy

_REVIEW = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class RootCauses:
    """What `find` found. `attempt` is 0 and `operation` None where nothing is diagnosed: a healthy stack, no surviving events.

    `leftovers` are what a healthy stack's clean-up could not delete; they are notes, not blockers.
    """

    attempt: int = 0
    operation: Operation | None = None
    failures: tuple[Failure, ...] = ()
    blockers: tuple[Failure, ...] = ()
    leftovers: tuple[Failure, ...] = ()


def find(history: StackHistory, classify: Callable[[StackEvent], Reason]) -> RootCauses:
    """The root causes and blockers of the stack's newest failure."""
    nest, path = Nest(history, classify), (history.stack.name,)
    refused = history.stack.status == _REVIEW and bool(history.validations)
    if refused:
        return RootCauses(failures=tuple(_of_validations(nest, history, path)))
    done = nest.operations(history)
    if is_healthy(history.stack.status, done):
        return RootCauses(leftovers=blocking.left_by_healthy(nest, history, path))
    attempt = diagnosed(nest.attempts(history))
    if attempt is None:
        return RootCauses()
    found = _found(nest, history, attempt, path)
    began = next(place for place, operation in enumerate(done) if operation is attempt.operation)
    since = began + (attempt.forward is not None and attempt.builds)
    return RootCauses(
        attempt.number,
        attempt.operation,
        _counted(nest, history, attempt, found),
        blocking.of_operations(nest, history, done[since:], path),
    )


def _found(nest: Nest, history: StackHistory, attempt: Attempt, path: tuple[str, ...]) -> tuple[Failure, ...]:
    """The attempt's failures; those of a nested stack whose row in the parent was not read, if there are no others."""
    found = failures.of_attempt(nest, history, attempt, path).failures
    return found or tuple(
        failure
        for child in history.children
        if child.stack.name not in path and (tried := nest.attempt_of(child, attempt, None)) is not None
        for failure in failures.of_attempt(nest, child, tried, (*path, blocking.logical_id_of(history, child))).failures
    )


def _of_validations(nest: Nest, history: StackHistory, path: tuple[str, ...]) -> Iterator[Failure]:
    """What early validation or a hook refused in the newest change set.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    newest = max(history.validations, key=lambda error: error.timestamp.timestamp() if error.timestamp else 0.0).operation_id
    for error in history.validations:
        if error.operation_id == newest:
            event = _event_of(history, error)
            yield Failure(event, path, newest, nest.reason(event))


def _event_of(history: StackHistory, error: ValidationError) -> StackEvent:
    return StackEvent(
        event_id=error.event_id,
        stack_id=history.stack.id,
        stack_name=history.stack.name,
        logical_id=error.logical_id or history.stack.name,
        physical_id=error.physical_id or (None if error.logical_id else history.stack.id),
        resource_type=error.resource_type or ("" if error.logical_id else STACK_TYPE),
        timestamp=error.timestamp,
        status=error.event_type,
        reason=error.reason,
        operation_id=error.operation_id,
    )


# ---------------------------------------------------------------------------------------------- repeated
def _counted(nest: Nest, history: StackHistory, attempt: Attempt, found: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Each failure with the number of attempts, of this stack and its deleted namesakes, that failed with the same cause."""
    if not found:
        return ()
    others = list(_other_attempts(nest, history, attempt))
    return tuple(replace(failure, repeated=1 + sum(any(_is_same(failure, other) for other in of) for of in others)) for failure in found)


def _other_attempts(nest: Nest, history: StackHistory, attempt: Attempt) -> Iterator[Sequence[Failure]]:
    deletes = attempt.operation.type is OperationType.DELETE
    for namesake in (history, *history.earlier):
        for other in nest.attempts(namesake):
            if other is not attempt and other.failed and (other.operation.type is OperationType.DELETE) is deletes:
                yield failures.of_attempt(nest, namesake, other, (history.stack.name,)).failures


def _is_same(one: Failure, other: Failure) -> bool:
    """Same stack path, logical id, category and, where proven, side; of a nested stack not read the names in its row decide."""
    here, there = _place(one), _place(other)
    if here == there:
        return one.reason.category is other.reason.category and _sides_agree(one.reason.denied_by, other.reason.denied_by)
    short, long = (one, there) if len(here) < len(there) else (other, here)
    depth = len(_place(short))
    is_parent = short.reason.category is Category.NESTED_STACK_CASCADE and long[:depth] == _place(short)
    return is_parent and len(long) > depth and long[depth] in summarised(short.event.reason)


def _place(failure: Failure) -> tuple[str, ...]:
    return (*failure.stack_path, failure.event.logical_id)


def _sides_agree(one: DeniedBy | None, other: DeniedBy | None) -> bool:
    unproven = {None, DeniedBy.S3_OR_KMS}
    return one in unproven or other in unproven or one is other
