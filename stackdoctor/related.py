"""What the events of a failed stack lead to: nested stacks, earlier stacks of the name, validation and hook events.

in: the history as its own events tell it. out: `Related`, each part with what was cut off by a bound. Nested stacks are
read by the ARN in their row, also deleted ones, level below level; siblings at the same time.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stackdoctor import timeline
from stackdoctor.answers import STACK_TYPE, validation_from
from stackdoctor.model import Stack, StackEvent, StackHistory, Unread, ValidationError
from stackdoctor.pages import Ask, EventListing, unreadable
from stackdoctor.stack_reads import StackReads, stack_of
from stackdoctor.whereabouts import DeletedStack, DeletedStacks

EXTRA_PAGES = 10
"""Pages of older events read behind the attempt under diagnosis, for `operations` and `repeated`."""
MAX_CHILDREN = 60
"""Failed nested stacks read of one stack."""
MAX_DEPTH = 10
"""Levels of nested stacks."""
MAX_EARLIER_STACKS = 10
"""Earlier, deleted stacks of the same name read for `repeated`, newest first."""
MAX_VALIDATION_PAGES = 3
"""Pages of DescribeEvents, which only enriches."""
_CANCELLED = re.compile(r"\s*(?:Resource \w+ )?cancell?ed\b", re.IGNORECASE)
VALIDATIONS = frozenset({"VALIDATION_ERROR", "HOOK_INVOCATION_ERROR"})


@dataclass(slots=True)
class Related:
    """The reads that the events lead to; each method is one of them."""

    ask: Ask
    history: StackHistory
    events: EventListing
    deleted: DeletedStacks | None
    children: tuple[StackHistory, ...] = ()
    older_children: tuple[StackHistory, ...] = ()
    earlier: tuple[StackHistory, ...] = ()
    validations: tuple[ValidationError, ...] = ()
    unread: list[Unread] = field(default_factory=list)

    def read_children(self) -> None:
        self.children, cut = _children(self.ask, _failed_nested(self.history.events), above=(self.history.stack.id,), lean=False)
        self.unread.extend(cut)

    def read_older(self) -> None:
        known = {event.physical_id for event in _failed_nested(self.history.events)}
        before = len(self.events.events)
        self.events.read_more(EXTRA_PAGES)
        rest = [event for event in _failed_nested(self.events.events[before:]) if event.physical_id not in known]
        self.older_children, cut = _children(self.ask, rest, above=(self.history.stack.id,), lean=True)
        self.unread.extend(cut)

    def read_earlier(self) -> None:
        if self.deleted:
            self.earlier, cut = _earlier(self.ask, self.history.stack, self.deleted)
            self.unread.extend(cut)

    def read_validations(self) -> None:
        operation = _operation_to_explain(self.history)
        if operation:
            self.validations, missing = validations(self.ask, decides=False, OperationId=operation)
            self.unread.extend(missing)


def _failed_nested(events: Sequence[StackEvent]) -> list[StackEvent]:
    """The rows of nested stacks that failed, one a stack. A cancelled one explains nothing while another one failed."""
    found: dict[str, StackEvent] = {}
    for event in events:
        nested = event.resource_type == STACK_TYPE and not event.is_own and event.status.endswith("_FAILED")
        if nested and event.physical_id:  # an ARN, in a listing made by hand maybe only a name
            known = found.get(event.physical_id)
            if known is None or _is_cancelled(known):
                found[event.physical_id] = event
    culprits = [event for event in found.values() if not _is_cancelled(event)]
    return culprits or list(found.values())


def _is_cancelled(event: StackEvent) -> bool:
    return bool(_CANCELLED.match(event.reason or ""))


def _children(
    ask: Ask, nested: Sequence[StackEvent], *, above: tuple[str, ...], lean: bool
) -> tuple[tuple[StackHistory, ...], list[Unread]]:
    """The nested stacks behind these rows, in parallel. `lean` reads only what `repeated` needs: their events."""
    fresh = [event for event in nested if event.physical_id not in above]
    read, rest = fresh[:MAX_CHILDREN], fresh[MAX_CHILDREN:]
    unread = [Unread(f"{len(rest)} more nested stacks", f"at most {MAX_CHILDREN} are read of one stack", (), not lean)] if rest else []
    if len(above) > MAX_DEPTH and read:
        return (), [Unread(f"nested stack {read[0].physical_id}", f"at most {MAX_DEPTH} levels are read", (), not lean)]
    return tuple(ask.gather(*(_Child(ask, event, above, lean) for event in read))), unread


@dataclass(frozen=True, slots=True)
class _Child:
    """Reads one nested stack by its ARN, which finds it also when it is deleted, and what is nested in it."""

    ask: Ask
    row: StackEvent
    above: tuple[str, ...]
    lean: bool

    def __call__(self) -> StackHistory:
        arn = self.row.physical_id or ""
        first = StackReads(self.ask, arn, EventListing(self.ask, arn))
        self.ask.gather(first.read_events, *([] if self.lean else [first.read_resources, first.read_template]))
        events = first.events
        stack = stack_of(arn, events.status or self.row.status, self.ask.region, parent=self.row.stack_id)
        children, cut = _children(self.ask, _failed_nested(events.events), above=(*self.above, arn), lean=self.lean)
        return StackHistory(
            stack=stack,
            events=tuple(events.events),
            complete=events.complete,
            newest_first=events.newest_first,
            children=children,
            resources=first.resources,
            template=first.template,
            unread=(*events.unread(decides=not self.lean), *cut),
        )


# ----------------------------------------------------------------------------------------------- earlier stacks, details
def _earlier(ask: Ask, stack: Stack, deleted: DeletedStacks) -> tuple[tuple[StackHistory, ...], list[Unread]]:
    found = [gone for gone in deleted.of_name(stack.name) if gone.id != stack.id and not _is_later(gone, stack)]
    unread = list(deleted.unread)
    if len(found) > MAX_EARLIER_STACKS:
        older = len(found) - MAX_EARLIER_STACKS
        unread.append(Unread(f"{older} older deleted stacks named {stack.name}", f"only the newest {MAX_EARLIER_STACKS} are read"))
    return tuple(ask.gather(*(_EarlierStack(ask, gone) for gone in found[:MAX_EARLIER_STACKS]))), unread


def _is_later(gone: DeletedStack, stack: Stack) -> bool:
    """Whether the other stack was deleted after this one, itself a deleted one, was."""
    return bool(stack.deleted_at and gone.deleted_at and gone.deleted_at > stack.deleted_at)


@dataclass(frozen=True, slots=True)
class _EarlierStack:
    """Reads the last attempt of one deleted stack, and the nested stack that failed in it."""

    ask: Ask
    gone: DeletedStack

    def __call__(self) -> StackHistory:
        events = EventListing(self.ask, self.gone.id).read_attempt(EXTRA_PAGES)
        stack = stack_of(self.gone.id, events.status or "DELETE_COMPLETE", self.ask.region)
        stack = replace(stack, name=self.gone.name, created_at=self.gone.created_at, deleted_at=self.gone.deleted_at)
        children, cut = _children(self.ask, _failed_nested(events.events), above=(self.gone.id,), lean=True)
        unread = (*events.unread(decides=False), *cut)
        return StackHistory(stack, tuple(events.events), events.complete, events.newest_first, children, unread=unread)


def _operation_to_explain(history: StackHistory) -> str | None:
    """The OperationId of the diagnosed attempt, where its rows name no failed resource or a hook failed: then DescribeEvents may say more.

    By the stack's name DescribeEvents answers with the newest operation only, which after a rollback is the rollback.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    """
    attempt = timeline.diagnosed(timeline.attempts(timeline.operations(history)))
    if attempt is None:
        return None
    events = attempt.operation.events
    failed = any(event.status.endswith("_FAILED") and not event.is_own and not _is_cancelled(event) for event in events)
    hooked = any((event.hook_status or "").endswith("FAILED") for event in events)
    if failed and not hooked:
        return None
    return next((event.operation_id for event in events if event.operation_id), None)


def validations(ask: Ask, *, decides: bool, **asked: str) -> tuple[tuple[ValidationError, ...], list[Unread]]:
    """What failed before or beside the resources themselves: early validation of a change set, hooks."""
    pages = ask.pages("DescribeEvents", "OperationEvents", MAX_VALIDATION_PAGES, Filters={"FailedEvents": True}, **asked)
    found = tuple(event for event in map(validation_from, pages.rows) if event.event_type in VALIDATIONS)
    if pages.error is None:
        return found, []
    read = unreadable("validation and hook events", pages.error, "cloudformation:DescribeEvents")
    return found, [Unread(read.what, read.error, read.needs, decides and not found)]
