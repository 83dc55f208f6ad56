"""Events → operations → attempts, across any number of rollbacks and continued rollbacks.

In: a `StackHistory` as read (any order, duplicates, several operations). Out: `Operation`s oldest first, and the
`Attempt`s they form: a forward operation (create, update, import, a person's delete) with what undid it.

An operation is told by the stack's own status rows; OperationIds, and where those are missing ClientRequestTokens,
say which rows belong to it. An excerpt that begins in the middle gives the operation its rows imply.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from stackdoctor.model import Operation, OperationType, StackEvent, StackHistory
from stackdoctor.rows import (
    ROLLBACKS,
    family,
    has_failed,
    is_user_initiated,
    own_rows,
    says_summary,
    summarised,
    tells_of_error,
    tells_of_rollback,
)

T = TypeVar("T")

_UNDONE_BY = {"ROLLBACK": "CREATE", "UPDATE_ROLLBACK": "UPDATE", "IMPORT_ROLLBACK": "IMPORT"}
_BUILDS = frozenset({OperationType.CREATE, OperationType.UPDATE, OperationType.IMPORT})
_WELL = ("_COMPLETE", "_IN_PROGRESS")
_ENDINGS = (*_WELL, "_FAILED")
_EPOCH = datetime.min.replace(tzinfo=UTC)


# ---------------------------------------------------------------------------------------------- order
def order(events: Iterable[StackEvent], newest_first: bool = True) -> tuple[StackEvent, ...]:
    """Oldest first, each event once: by time, the listing's order deciding ties; a row without a time stays behind its elder neighbour."""
    rows = _once(events)
    if newest_first:
        rows.reverse()
    times = _times(rows)
    places = sorted(range(len(rows)), key=times.__getitem__)
    return tuple(rows[place] for place in places)


def _once(events: Iterable[StackEvent]) -> list[StackEvent]:
    seen: set[str] = set()
    rows: list[StackEvent] = []
    for event in events:
        if event.event_id:
            if event.event_id in seen:
                continue
            seen.add(event.event_id)
        rows.append(event)
    return rows


def _times(rows: Sequence[StackEvent]) -> list[datetime]:
    last = next((moment(row) for row in rows if row.timestamp), None) or _EPOCH
    times = []
    for row in rows:
        last = moment(row) or last
        times.append(last)
    return times


def moment(event: StackEvent) -> datetime | None:
    """The event's time, comparable with every other: a time without a zone is taken as UTC."""
    time = event.timestamp
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def by_time(items: Iterable[T], event: Callable[[T], StackEvent]) -> list[T]:
    """Earliest first; in the order given where a time is missing."""
    timed = [(moment(event(item)), item) for item in items]
    if all(time is not None for time, _ in timed):
        timed.sort(key=lambda pair: pair[0] or _EPOCH)
    return [item for _, item in timed]


# ---------------------------------------------------------------------------------------------- operations
@dataclass(slots=True)
class _Draft:
    """An operation being put together. `family` is None until one of the stack's own rows tells it."""

    attempt: int
    family: str | None = None
    type: OperationType | None = None
    id: str | None = None
    token: str | None = None
    status: str | None = None
    started: bool = False
    undone: bool = False
    rows: list[StackEvent] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.status is not None and not self.status.endswith("_IN_PROGRESS")

    @property
    def undoes(self) -> bool:
        """Whether this is a rollback, of whatever kind."""
        return self.family in ROLLBACKS

    @property
    def succeeded(self) -> bool:
        return self.status is not None and self.status.endswith("_COMPLETE")


class _Segmenter:
    """One pass over ordered rows; the newest draft is the operation that rows without ids fall into."""

    def __init__(self, *, nested: bool) -> None:
        self.drafts: list[_Draft] = []
        self._by_id: dict[str, _Draft] = {}
        self._by_token: dict[str, _Draft] = {}
        self._attempts = 0
        self._nested = nested

    def own(self, event: StackEvent) -> None:
        """A row of the stack itself: begins an operation or moves it on."""
        kind = family(event.status)
        if kind is None:  # REVIEW_IN_PROGRESS: making a change set is no operation
            return
        begins = event.status == kind + "_IN_PROGRESS"
        current = self._current
        if current is None or self._is_new(current, event, kind, begins=begins):
            current = self._open_with_early_rows(kind, event, begins=begins)
        current.family = current.family or kind
        current.started = current.started or begins
        current.status = event.status
        self._add(current, event)

    def resource(self, event: StackEvent) -> None:
        """A row of a resource: falls into the operation its id or token names, else into the running one."""
        self._add(self._place(event), event)

    @property
    def _current(self) -> _Draft | None:
        return self.drafts[-1] if self.drafts else None

    def _add(self, draft: _Draft, event: StackEvent) -> None:
        draft.rows.append(event)
        if event.operation_id:
            draft.id = draft.id or event.operation_id
            self._by_id[event.operation_id] = draft
        if event.client_request_token:
            draft.token = draft.token or event.client_request_token
            self._by_token[event.client_request_token] = draft

    def _place(self, event: StackEvent) -> _Draft:
        current = self._current
        if current is None:
            return self._begin()
        if event.operation_id:
            return self._by_operation(current, event, event.operation_id)
        if event.client_request_token and current.token not in {None, event.client_request_token}:
            return self._by_token.get(event.client_request_token) or self._begin()
        return self._begin() if _is_past(current, event) else current

    def _by_operation(self, current: _Draft, event: StackEvent, operation_id: str) -> _Draft:
        known = self._by_id.get(operation_id)
        if known is None:
            return self._begin() if current.id or current.over else current
        shares = current.undoes and current.id is None and known.attempt == current.attempt and _is_later(event, current)
        return current if shares else known

    def _is_new(self, current: _Draft, event: StackEvent, kind: str, *, begins: bool) -> bool:
        """Whether the stack's own row belongs to another operation than the current one."""
        if current.family is None:
            return begins or kind in ROLLBACKS or (kind == "DELETE" and any(not row.status.startswith("DELETE_") for row in current.rows))
        if current.family != kind or current.over:
            return True
        if not begins:
            return False
        if event.operation_id and current.id:
            return event.operation_id != current.id
        if event.client_request_token and current.token and current.started:
            return event.client_request_token != current.token
        return not current.started or is_user_initiated(event) or (current.undoes and bool(event.reason))

    def _open_with_early_rows(self, kind: str, event: StackEvent, *, begins: bool) -> _Draft:
        """Opens an operation; rows that carry its id but sorted in front of its start (a tie, a skewed clock) come along."""
        early = self._current
        if early is None or not begins or early.family is not None or not _is_early(early, event, kind):
            return self._open(kind, event, begins=begins)
        self.drafts.pop()
        self._attempts -= 1
        draft = self._open(kind, event, begins=begins)
        draft.rows = early.rows
        return draft

    def _begin(self) -> _Draft:
        self._attempts += 1
        return self._append(_Draft(self._attempts))

    def _open(self, kind: str, event: StackEvent, *, begins: bool) -> _Draft:
        elder = self._current
        if kind in ROLLBACKS:
            return self._open_rollback(kind, elder, event, begins=begins)
        if kind == "DELETE" and elder is not None and self._is_automatic(elder, event):
            elder.undone = True
            draft = self._append(_Draft(elder.attempt, kind, OperationType.DELETE))
        elif kind == "DELETE" and elder is None and says_summary(event.reason):  # of a create that was not read
            self._attempts += 1
            draft = self._append(_Draft(self._attempts, kind, OperationType.ROLLBACK))
        else:
            self._attempts += 1
            draft = self._append(_Draft(self._attempts, kind, OperationType(kind)))
        if kind == "DELETE" and not begins and elder is not None and elder.family is None:
            draft.rows = _take(elder, lambda row: row.status.startswith("DELETE_"))
        return draft

    def _open_rollback(self, kind: str, elder: _Draft | None, event: StackEvent, *, begins: bool) -> _Draft:
        says_why = begins and bool(event.reason) and not is_user_initiated(event)
        if elder is not None and elder.family == kind and not elder.succeeded and not says_why:
            return self._append(_Draft(elder.attempt, kind, OperationType.CONTINUE_ROLLBACK))
        if elder is None or elder.undoes or elder.succeeded or elder.family == "DELETE":
            self._attempts += 1
            return self._append(_Draft(self._attempts, kind, OperationType.ROLLBACK))
        draft = self._append(_Draft(elder.attempt, kind, OperationType.ROLLBACK))
        elder.family = elder.family or _UNDONE_BY[kind]
        elder.undone = True
        if not begins:
            draft.rows = _rows_of_rollback(elder, event)
        return draft

    def _is_automatic(self, elder: _Draft, event: StackEvent) -> bool:
        """OnFailure=DELETE, or a parent's rollback deleting this nested stack: no person asked for the delete.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
        """
        if is_user_initiated(event) or elder.succeeded or elder.family not in {"CREATE", None}:
            return False
        return says_summary(event.reason) or (not elder.over and elder.family is not None) or self._nested

    def _append(self, draft: _Draft) -> _Draft:
        self.drafts.append(draft)
        return draft


def _is_early(early: _Draft, event: StackEvent, kind: str) -> bool:
    same = (event.operation_id is not None and event.operation_id == early.id) or (
        event.operation_id is None and event.client_request_token is not None and event.client_request_token == early.token
    )
    return same and (kind not in ROLLBACKS or moment(early.rows[0]) == moment(event))


def _is_past(current: _Draft, event: StackEvent) -> bool:
    """Whether the row is of a later, unannounced attempt: it creates behind a finished rollback or delete, which create nothing,
    or its resource failed to be created or updated behind an operation that completed.
    """
    if not current.over or not _is_later(event, current):
        return False
    creates = (current.undoes or current.family == "DELETE") and event.status.startswith("CREATE_")
    return creates or (current.succeeded and has_failed(event) and not event.status.startswith("DELETE_"))


def _is_later(event: StackEvent, draft: _Draft) -> bool:
    last, now = moment(draft.rows[-1]) if draft.rows else None, moment(event)
    return last is None or now is None or now > last


def _rows_of_rollback(elder: _Draft, end: StackEvent) -> list[StackEvent]:
    """The rows of a rollback whose beginning was not read, taken out of the operation it undoes.

    Deletions are the rollback's. Updates may be either's: those its summary says it failed to update are the
    rollback's too, unless that is the only failure shown, which then has to speak for both.
    """
    names = frozenset(summarised(end.reason))
    failed = {row.logical_id for row in elder.rows if has_failed(row)}
    placed = elder.started or (len(failed) == 1 and failed <= names)

    def is_rollback(row: StackEvent) -> bool:
        if row.status.startswith("DELETE_") or tells_of_rollback(row.reason):
            return True
        return not placed and row.status == "UPDATE_FAILED" and row.logical_id in names

    return _take(elder, is_rollback)


def _take(draft: _Draft, wanted: Callable[[StackEvent], bool]) -> list[StackEvent]:
    taken = [row for row in draft.rows if wanted(row)]
    draft.rows = [row for row in draft.rows if not wanted(row)]
    return taken


def operations(history: StackHistory) -> tuple[Operation, ...]:
    """The operations of this stack id, oldest first."""
    stack = history.stack
    return operations_of(_of_stack(history.events, stack.id), stack.id, stack.name, history.newest_first, nested=bool(stack.parent_id))


def operations_of(
    events: Iterable[StackEvent], stack_id: str = "", stack_name: str = "", newest_first: bool = True, *, nested: bool = False
) -> tuple[Operation, ...]:
    """The operations of a listing of one stack's events, oldest first."""
    ordered = order(events, newest_first)
    own = own_rows(ordered, stack_id, stack_name)
    segmenter = _Segmenter(nested=nested)
    for at, event in enumerate(ordered):
        if at in own:
            segmenter.own(event)
        else:
            segmenter.resource(event)
    return tuple(operation for draft in segmenter.drafts for operation in _finished(draft))


def _of_stack(events: tuple[StackEvent, ...], stack_id: str) -> Iterable[StackEvent]:
    """Without the rows of another stack of the same name; a listing made by hand may carry no usable id at all."""
    mine = [event for event in events if event.stack_id == stack_id]
    return mine or events


def _finished(draft: _Draft) -> Iterable[Operation]:
    if draft.family is None:
        if draft.rows:
            yield from _implied(draft)
    elif draft.rows:
        kind, rows = draft.type or OperationType(draft.family), draft.rows
        unannounced = _deleted_behind_a_failure(draft) if kind in _BUILDS else []
        if unannounced:
            yield _operation(draft, [row for row in rows if row not in unannounced], kind, kind + "_FAILED")
            yield _unannounced_rollback(draft, unannounced, kind)
        else:
            yield _operation(draft, rows, kind, _final_status(draft, draft.family))


def _deleted_behind_a_failure(draft: _Draft) -> list[StackEvent]:
    """Deletions behind a failure to build, in an operation that is running by its own rows: its rollback, whose own rows are missing."""
    if draft.over or draft.undone or draft.status != f"{draft.family}_IN_PROGRESS":
        return []
    first = next((at for at, row in enumerate(draft.rows) if has_failed(row) and not row.status.startswith("DELETE_")), None)
    return [] if first is None else [row for row in draft.rows[first:] if row.status.startswith("DELETE_")]


def _unannounced_rollback(draft: _Draft, deleted: Sequence[StackEvent], of: OperationType) -> Operation:
    ended = "ROLLBACK_FAILED" if any(map(has_failed, deleted)) else "ROLLBACK_IN_PROGRESS"
    return _operation(draft, deleted, OperationType.ROLLBACK, ended if of is OperationType.CREATE else f"{of}_{ended}")


def _final_status(draft: _Draft, family_: str) -> str:
    """The stack's own last word; a forward operation that was undone has failed without one."""
    return family_ + "_FAILED" if draft.undone and not draft.over else draft.status or ""


def _implied(draft: _Draft) -> Iterable[Operation]:
    """An operation none of whose own rows was read; failures to build followed by deletions are a rollback's beginning."""
    rollback = [row for row in draft.rows if tells_of_rollback(row.reason)]
    if rollback:
        yield _operation(draft, draft.rows, OperationType.ROLLBACK, "UPDATE_ROLLBACK_FAILED")
        return
    built = [row for row in draft.rows if not row.status.startswith("DELETE_")]
    deleted = [row for row in draft.rows if row.status.startswith("DELETE_")]
    if deleted and any(has_failed(row) for row in built):
        kind = _type_by_rows(built)
        yield _operation(draft, built, kind, kind + "_FAILED")
        yield _unannounced_rollback(draft, deleted, kind)
        return
    kind = _type_by_rows(draft.rows)
    failed = any(has_failed(row) or tells_of_error(row) for row in draft.rows)
    yield _operation(draft, draft.rows, kind, kind + ("_FAILED" if failed else "_IN_PROGRESS"))


def _type_by_rows(rows: Sequence[StackEvent]) -> OperationType:
    """A resource that is created may show a stray UPDATE_IN_PROGRESS; one that is only updated was there before."""
    kinds = {kind for row in rows if (kind := family(row.status))}
    created = {row.logical_id for row in rows if row.status.startswith("CREATE_")}
    if "IMPORT" in kinds:
        return OperationType.IMPORT
    if any(row.status.startswith("UPDATE_") and row.logical_id not in created for row in rows):
        return OperationType.UPDATE
    if created:
        return OperationType.CREATE
    return OperationType.DELETE if "DELETE" in kinds else OperationType.UNKNOWN


def _operation(draft: _Draft, rows: Sequence[StackEvent], kind: OperationType, status: str) -> Operation:
    first = next((row.event_id for row in rows if row.event_id), "")
    return Operation(draft.id or first or f"{kind.lower()}-{draft.attempt}", kind, draft.attempt, tuple(rows), status)


# ---------------------------------------------------------------------------------------------- attempts
@dataclass(frozen=True, slots=True)
class Attempt:
    """A forward operation and what undid it: rollback, continued rollbacks, an automatic delete. `forward` is None if not read."""

    number: int
    forward: Operation | None
    undo: tuple[Operation, ...] = ()

    @property
    def operation(self) -> Operation:
        """The forward operation, or the oldest known of those that undid it."""
        return self.forward or self.undo[0]

    @property
    def builds(self) -> bool:
        """Whether this is a create, update or import (a rollback without its forward operation undoes one of them)."""
        return self.forward is None or self.forward.type in _BUILDS

    @property
    def failed(self) -> bool:
        return bool(self.undo) or self.operation.status.endswith("_FAILED") or is_failing(self.operation)

    @property
    def succeeded(self) -> bool:
        return not self.undo and self.operation.status.endswith("_COMPLETE")


def attempts(of: Sequence[Operation]) -> tuple[Attempt, ...]:
    """The attempts that the operations form, oldest first."""
    found: dict[int, list[Operation]] = {}
    for operation in of:
        found.setdefault(operation.attempt, []).append(operation)
    return tuple(_attempt(number, found[number]) for number in sorted(found))


def _attempt(number: int, of: Sequence[Operation]) -> Attempt:
    undoing = {OperationType.ROLLBACK, OperationType.CONTINUE_ROLLBACK}
    if of[0].type in undoing:
        return Attempt(number, None, tuple(of))
    return Attempt(number, of[0], tuple(of[1:]))


def is_belated(row: StackEvent, of: Operation) -> bool:
    """Whether a failure among a rollback's rows is the forward operation's: made no later, or of a kind that no rollback makes."""
    if of.type is not OperationType.ROLLBACK or row.status.startswith("DELETE_") or not has_failed(row):
        return False
    if row.status == "CREATE_FAILED" and of.status.startswith("ROLLBACK_"):
        return True
    began, made = moment(of.events[0]), moment(row)
    begins = of.events[0].status.endswith("ROLLBACK_IN_PROGRESS")
    return begins and began is not None and made is not None and made <= began


def diagnosed(of: Sequence[Attempt]) -> Attempt | None:
    """The attempt to diagnose: the newest create, update or import if it failed, else the newest failed delete after it."""
    delete = None
    for attempt in reversed(of):
        if attempt.operation.type is OperationType.UNKNOWN:
            continue
        if attempt.builds:
            return attempt if attempt.failed else delete
        if delete is None and attempt.failed:
            delete = attempt
    return delete


def is_failing(operation: Operation) -> bool:
    """Whether a resource failed for good in a forward operation that has not said yet that it failed."""
    if operation.status != f"{operation.type}_IN_PROGRESS":
        return False
    deletes = operation.type is OperationType.DELETE
    failed: set[str] = set()
    for row in operation.events:
        if has_failed(row) and row.status.startswith("DELETE_") is deletes:
            failed.add(row.logical_id)
        elif row.status.endswith(("_COMPLETE", "_SKIPPED")):
            failed.discard(row.logical_id)
    return bool(failed)


def is_healthy(status: str, of: Sequence[Operation], *, change_set_failed: bool = False) -> bool:
    """Decided by the stack's status (contract, "Healthy"); of a deleted stack by its last create or update.

    A running forward operation is healthy whatever failed before it, but not once a resource failed in it. A status that
    says nothing of how it ended, because AWS added the word since, leaves it to the stack's own events.
    """
    status = status if status.endswith(_ENDINGS) else status_of(of)
    if "ROLLBACK" in status or status.startswith(OperationType.UNKNOWN) or not status.endswith(_WELL):
        return False
    if status == "REVIEW_IN_PROGRESS":
        return not change_set_failed
    if status == "DELETE_COMPLETE":
        last = next((attempt for attempt in reversed(attempts(of)) if attempt.builds), None)
        return bool(of) if last is None else last.succeeded
    if not of:
        return True
    if status == of[-1].status and (is_failing(of[-1]) or of[-1] in attempts(of)[-1].undo):
        return False
    return not _is_rolled_back_unannounced(status, of)


def _is_rolled_back_unannounced(status: str, of: Sequence[Operation]) -> bool:
    """Whether the running operation of this status is being undone already, though none of the rollback's own rows was read."""
    undo, forward = of[-1], of[-2] if len(of) > 1 else None
    unannounced = undo.type is OperationType.ROLLBACK and all(event.status.startswith("DELETE_") for event in undo.events)
    return unannounced and forward is not None and status == f"{forward.type}_IN_PROGRESS"


def status_of(of: Sequence[Operation]) -> str:
    """The stack's status as its operations tell it, for a listing without DescribeStacks."""
    return of[-1].status if of else ""


def covers_attempt(events: Sequence[StackEvent], status: str, newest_first: bool = True) -> bool:
    """Whether the pages read so far reach back to the start of the attempt to diagnose; only the stack's own rows decide.

    True for a healthy stack as soon as its status is seen.
    """
    own = order((event for event in events if event.is_own), newest_first)
    if status != "DELETE_COMPLETE" and is_healthy(status, ()):
        return any(event.status == status for event in own)
    for event in reversed(own):
        kind = family(event.status)
        if kind in {"CREATE", "UPDATE", "IMPORT"} and (event.status == f"{kind}_IN_PROGRESS" or event.status.endswith("_COMPLETE")):
            return True
    return False
