"""A stack with its nested stacks and its elder namesakes, as one thing to walk: who is whose child, and which attempt was when.

In: the root's `StackHistory` and the reading of reasons. Out: operations, attempts, reasons (each worked out once) and,
for a nested stack's row, the child's own history and the child's operation that the row reports.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from stackdoctor.model import Operation, OperationType, Reason, StackEvent, StackHistory
from stackdoctor.rows import STACK_TYPE, embedded_stack, own_rows
from stackdoctor.timeline import Attempt, attempts, moment, operations

Classify = Callable[[StackEvent], Reason]

SKEW = timedelta(minutes=5)
"""How far the clocks of a parent's and a child's events may differ; attempts of one stack lie further apart."""

DEEPEST = 50
"""Levels of nested stacks that are followed; CloudFormation's own limit is far lower, a hostile listing has none."""


class Nest:
    """Everything read about one stack, its nested stacks and its namesakes; keeps what it has worked out."""

    def __init__(self, root: StackHistory, classify: Classify) -> None:
        self.root = root
        self._classify = classify
        self._by_id = {history.stack.id: history for history in _all_of(root) if history.stack.id}
        self._operations: dict[int, tuple[Operation, ...]] = {}
        self._attempts: dict[int, tuple[Attempt, ...]] = {}
        self._own: dict[int, frozenset[int]] = {}
        self._reasons: dict[tuple[str | None, str, str, str | None], Reason] = {}

    def operations(self, history: StackHistory) -> tuple[Operation, ...]:
        if id(history) not in self._operations:
            self._operations[id(history)] = operations(history)
        return self._operations[id(history)]

    def attempts(self, history: StackHistory) -> tuple[Attempt, ...]:
        if id(history) not in self._attempts:
            self._attempts[id(history)] = attempts(self.operations(history))
        return self._attempts[id(history)]

    def is_own(self, history: StackHistory, event: StackEvent) -> bool:
        """Whether the row is the stack's own."""
        if event.resource_type != STACK_TYPE:
            return False
        if id(history) not in self._own:
            events = [row for operation in self.operations(history) for row in operation.events]
            places = own_rows(events, history.stack.id, history.stack.name)
            self._own[id(history)] = frozenset(id(events[place]) for place in places)
        return id(event) in self._own[id(history)]

    def reason(self, event: StackEvent) -> Reason:
        """What the row's status reason says; the same wording is read once."""
        key = (event.reason, event.resource_type, event.status, event.hook_reason)
        if key not in self._reasons:
            self._reasons[key] = self._classify(event)
        return self._reasons[key]

    def child(self, history: StackHistory, row: StackEvent) -> StackHistory | None:
        """The nested stack that the row stands for, if its events were read: by id, or by name where a listing gives no ids."""
        if row.resource_type != STACK_TYPE:
            return None
        ids = [name for name in (row.physical_id, embedded_stack(row.reason)) if name]
        found = next((self._by_id[name] for name in ids if name in self._by_id), None)
        if found is None and not (row.physical_id or "").startswith("arn:"):
            found = next((child for child in history.children if _is_named_after(child, history, row)), None)
        return found if found is not None and found is not history and found.events else None

    def attempt_of(self, child: StackHistory, attempt: Attempt, row: StackEvent | None) -> Attempt | None:
        """The child's failed attempt that a row of the parent's attempt reports: in its time, and ended nearest to the row."""
        deletes = attempt.operation.type is OperationType.DELETE
        failed = [
            found
            for found in self.attempts(child)
            if found.failed
            and (found.operation.type is OperationType.DELETE if deletes else found.builds)
            and _is_within(found.operation, attempt.operation, row)
        ]
        return min(reversed(failed), key=lambda found: _distance(found.operation, row), default=None)

    def operations_of(self, child: StackHistory, operation: Operation, row: StackEvent) -> Iterator[Operation]:
        """The child's operations in the time of the parent's one, newest first."""
        return (found for found in reversed(self.operations(child)) if _is_within(found, operation, row))


def _all_of(history: StackHistory, depth: int = 0) -> Iterable[StackHistory]:
    yield history
    if depth < DEEPEST:
        for inner in (*history.children, *history.earlier):
            yield from _all_of(inner, depth + 1)


def _is_named_after(child: StackHistory, parent: StackHistory, row: StackEvent) -> bool:
    """CloudFormation names a nested stack PARENT-LOGICALID-SUFFIX."""
    return child.stack.name in {row.logical_id, row.physical_id} or child.stack.name.startswith(f"{parent.stack.name}-{row.logical_id}-")


def _is_within(found: Operation, operation: Operation, row: StackEvent | None) -> bool:
    """Whether a child's operation lies in the time of its parent's, as far as both have times."""
    began, ended = _moments(found)
    since = _moments(operation)[0]
    until = moment(row) if row is not None else None
    return not (since and ended and ended < since - SKEW) and not (until and began and began > until + SKEW)


def _distance(found: Operation, row: StackEvent | None) -> timedelta:
    ended, at = _moments(found)[1], moment(row) if row is not None else None
    return abs(ended - at) if ended and at else timedelta()


def _moments(operation: Operation) -> tuple[datetime | None, datetime | None]:
    return (moment(operation.events[0]), moment(operation.events[-1])) if operation.events else (None, None)
