"""Stage 1, collect: a stack's name or ARN in, everything read of its past out.

in: a `Reader` and the stack. out: `StackHistory`: the stack, its events (as many pages as the attempt under diagnosis
needs, then at most EXTRA_PAGES more), the nested stacks that failed, earlier deleted stacks of its name, its resources
and template. What could not be read, or was cut off by a bound, stands in `unread` of the history returned,
whatever it belongs to. Nothing here judges: `timeline` says how far an attempt reaches.

A stack is asked for twice at most: first all that waits for nothing, then what its events lead to. Deleted stacks
answer to their ARN for 90 days:
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from stackdoctor import timeline
from stackdoctor.answers import STACK_TYPE, arn_part, is_stack_arn, resource_from, rows, stack_from, stack_name_of, validation_from
from stackdoctor.errors import BadEvidence, CannotRun, StackdoctorError, StackNotFound, TimedOut
from stackdoctor.model import Absent, Found, Read, Stack, StackEvent, StackHistory, StackResource, Unread, Unreadable, ValidationError
from stackdoctor.pages import Ask, EventListing, does_not_exist, unreadable
from stackdoctor.permissions import needs
from stackdoctor.reader import ErrorKind, Reader, ReadError
from stackdoctor.whereabouts import DeletedStack, DeletedStacks, deleted_stacks, not_found

EXTRA_PAGES = 10
"""Pages of older events read behind the attempt under diagnosis, for `operations` and `repeated`."""
MAX_ATTEMPT_PAGES = 1000
"""Pages of one attempt with its rollbacks: 100,000 events, more than 500 resources make in 40 attempts."""
MAX_RESOURCE_PAGES = 20
"""Pages of ListStackResources, 100 resources each; a template holds at most 500."""
MAX_CHILDREN = 60
"""Failed nested stacks read of one stack."""
MAX_DEPTH = 10
"""Levels of nested stacks."""
MAX_EARLIER_STACKS = 10
"""Earlier, deleted stacks of the same name read for `repeated`, newest first."""
MAX_VALIDATION_PAGES = 3
"""Pages of DescribeEvents, which only enriches."""
VALIDATIONS = frozenset({"VALIDATION_ERROR", "HOOK_INVOCATION_ERROR"})


def collect(reader: Reader, stack: str, *, earlier: bool = True) -> StackHistory:
    """Reads the stack's past. A nested stack is read from its root; if the root cannot be read, from itself.

    Raises StackNotFound, CannotRun or TimedOut where nothing of the stack can be read.
    """
    return _lifted(_from_root(reader, stack, earlier=earlier))


def _from_root(reader: Reader, stack: str, *, earlier: bool) -> StackHistory:
    history = _collect(reader, stack, earlier=earlier)
    root = history.stack.root_id or history.stack.parent_id
    if not root or root == history.stack.id:
        return history
    try:
        above = _collect(reader, root, earlier=earlier)
    except (CannotRun, BadEvidence, TimedOut) as error:
        return _with(history, [Unread(f"root stack {root}", error.message, needs("cloudformation:DescribeStacks"))])
    return above if above.events else _with(history, [replace(unread, would_decide=False) for unread in above.unread])


def _lifted(history: StackHistory) -> StackHistory:
    """The history whose `unread` names all that is missing, below it as well."""
    return replace(history, unread=tuple(dict.fromkeys(_missing(history))))


def _missing(history: StackHistory) -> Iterator[Unread]:
    yield from history.unread
    for read in (history.resources, history.template):
        if isinstance(read, Unreadable):
            yield Unread(read.what, read.error, read.needs)
    for other in (*history.children, *history.earlier):
        yield from _missing(other)


def _with(history: StackHistory, unread: Sequence[Unread]) -> StackHistory:
    return replace(history, unread=(*history.unread, *unread))


# ---------------------------------------------------------------------------------------------------------- one stack
@dataclass(slots=True)
class _FirstRound:
    """All that waits for nothing, read at the same time. A subtask keeps its own errors."""

    ask: Ask
    stack: str
    events: EventListing
    described: Stack | ReadError | None = None
    resources: Read[tuple[StackResource, ...]] = field(default_factory=Absent)
    template: Read[str] = field(default_factory=Absent)
    deleted: DeletedStacks | None = None

    def describe(self) -> None:
        try:
            found = rows(self.ask.read("DescribeStacks", StackName=self.stack), "Stacks")
        except ReadError as error:
            self.described = error
        else:
            self.described = stack_from(found[0]) if found else None

    def read_events(self) -> None:
        self.events.read_attempt(MAX_ATTEMPT_PAGES)

    def read_resources(self) -> None:
        self.resources = _resources(self.ask, self.stack)

    def read_template(self) -> None:
        self.template = _template(self.ask, self.stack)

    def read_deleted(self) -> None:
        self.deleted = deleted_stacks(self.ask)


def _collect(reader: Reader, stack: str, *, earlier: bool) -> StackHistory:
    ask = Ask(reader, arn_part(stack, 3) or reader.region)
    first = _FirstRound(ask, stack, EventListing(ask, stack))
    tasks = [first.describe, first.read_events, first.read_resources, first.read_template]
    ask.gather(*tasks, *([first.read_deleted] if earlier else []))
    if isinstance(first.described, ReadError) and does_not_exist(first.described) and not first.events.events:
        return _collect(reader, _newest_deleted(ask, stack, first.deleted), earlier=earlier)
    subject, unread = _subject(first)
    history = StackHistory(
        stack=subject,
        events=tuple(first.events.events),
        complete=first.events.complete,
        newest_first=first.events.newest_first,
        resources=first.resources,
        template=first.template,
        unread=tuple(unread),
    )
    if subject.status == "REVIEW_IN_PROGRESS":
        return _validated(ask, history)
    if _is_well(history):
        return _with(history, first.events.unread(decides=True))
    return _deepened(ask, history, first)


def _is_well(history: StackHistory) -> bool:
    """Whether nothing more has to be read; the events' own status counts where the stack's is not known."""
    return bool(history.stack.status) and timeline.is_healthy(history.stack.status, timeline.operations(history))


def _subject(first: _FirstRound) -> tuple[Stack, list[Unread]]:
    """The stack, by DescribeStacks or else by its own events; an error where neither can be read."""
    described, events = first.described, first.events
    if isinstance(described, Stack):
        region = described.region or first.ask.region
        return replace(described, name=described.name or stack_name_of(first.stack), region=region), []
    if not events.events:
        raise _cannot_read(first.stack, described or events.error)
    own = [event for event in events.events if event.is_own]
    arn = next((event.stack_id for event in [*own, *events.events] if is_stack_arn(event.stack_id)), first.stack)
    subject = _stack_of(arn, events.status, first.ask.region)
    what, why = f"stack {first.stack}", f"{described.code}: {described.message}" if described else "no such stack in the answer"
    return subject, [Unread(what, why, needs("cloudformation:DescribeStacks"))]


def _stack_of(arn: str, status: str, region: str, parent: str | None = None) -> Stack:
    """A stack as its ARN and events tell it."""
    return Stack(
        name=stack_name_of(arn),
        id=arn if is_stack_arn(arn) else "",
        status=status,
        region=arn_part(arn, 3) or region,
        account=arn_part(arn, 4),
        partition=arn_part(arn, 1) or "aws",
        parent_id=parent,
    )


def _cannot_read(stack: str, error: ReadError | None) -> StackdoctorError:
    if error is None:
        return StackNotFound(f"There is no stack {stack}.")
    said = f"Stack {stack} cannot be read: {error.code}: {error.message}"
    match error.kind:
        case ErrorKind.DENIED:
            allow = "Allow cloudformation:DescribeStacks and DescribeStackEvents; `stackdoctor permissions` prints the whole policy."
            return CannotRun(said, error.hint or allow)
        case ErrorKind.NOT_KEPT:
            return StackNotFound(f"There is no stack {stack} here: {error.message}.")
        case ErrorKind.NOT_FOUND:
            return StackNotFound(said)
        case ErrorKind.TIMED_OUT:
            return TimedOut(said, "Give it more time with --timeout.")
        case ErrorKind.CREDENTIALS:
            return CannotRun(said, error.hint or "Renew the credentials, or add --profile NAME.")
        case ErrorKind.NETWORK:
            return CannotRun(said, error.hint or "Check the network, --region and --endpoint-url.")
        case ErrorKind.THROTTLED | ErrorKind.SERVICE | ErrorKind.BAD_ANSWER:
            return CannotRun(said, "Try again in a minute.")


def _newest_deleted(ask: Ask, stack: str, deleted: DeletedStacks | None) -> str:
    """The ARN of the newest deleted stack of this name; StackNotFound where there is none."""
    if not is_stack_arn(stack):
        found = (deleted or deleted_stacks(ask)).of_name(stack)
        if found:
            return found[0].id
    raise not_found(ask, stack)


def _resources(ask: Ask, stack: str) -> Read[tuple[StackResource, ...]]:
    pages = ask.pages("ListStackResources", "StackResourceSummaries", MAX_RESOURCE_PAGES, StackName=stack)
    if pages.error and not pages.rows:
        gone = does_not_exist(pages.error)
        return (
            Absent(pages.error.code)
            if gone
            else unreadable(f"resources of stack {stack}", pages.error, "cloudformation:ListStackResources")
        )
    return Found(tuple(resource_from(row) for row in pages.rows))


def _template(ask: Ask, stack: str) -> Read[str]:
    """The template as it was given, not as macros left it: an edit has to fit the user's own text."""
    try:
        body = ask.read("GetTemplate", StackName=stack, TemplateStage="Original").get("TemplateBody")
    except ReadError as error:
        if does_not_exist(error):
            return Absent(error.code)
        return unreadable(f"template of stack {stack}", error, "cloudformation:GetTemplate")
    if isinstance(body, dict):
        return Found(json.dumps(body, indent=2))
    return Found(body) if isinstance(body, str) and body else Absent("no TemplateBody")


# ---------------------------------------------------------------------------------------- what the events lead to
@dataclass(slots=True)
class _SecondRound:
    """What the events of a failed stack lead to, read at the same time."""

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
            self.validations, missing = _validations(self.ask, decides=False, OperationId=operation)
            self.unread.extend(missing)


def _deepened(ask: Ask, history: StackHistory, first: _FirstRound) -> StackHistory:
    second = _SecondRound(ask, history, first.events, first.deleted)
    ask.gather(second.read_children, second.read_older, second.read_earlier, second.read_validations)
    return replace(
        history,
        events=tuple(first.events.events),
        complete=first.events.complete,
        children=(*second.children, *second.older_children),
        earlier=second.earlier,
        validations=second.validations,
        unread=(*history.unread, *first.events.unread(decides=True), *sorted(second.unread, key=lambda unread: unread.what)),
    )


def _failed_nested(events: Sequence[StackEvent]) -> list[StackEvent]:
    """The rows of nested stacks that failed, one a stack. A cancelled one explains nothing while another one failed."""
    found: dict[str, StackEvent] = {}
    for event in events:
        nested = event.resource_type == STACK_TYPE and not event.is_own and is_stack_arn(event.physical_id)
        if nested and event.status.endswith("_FAILED") and event.physical_id:
            known = found.get(event.physical_id)
            if known is None or _is_cancelled(known):
                found[event.physical_id] = event
    culprits = [event for event in found.values() if not _is_cancelled(event)]
    return culprits or list(found.values())


def _is_cancelled(event: StackEvent) -> bool:
    return "cancelled" in (event.reason or "").lower()


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
        first = _FirstRound(self.ask, arn, EventListing(self.ask, arn))
        self.ask.gather(first.read_events, *([] if self.lean else [first.read_resources, first.read_template]))
        events = first.events
        stack = _stack_of(arn, events.status or self.row.status, self.ask.region, parent=self.row.stack_id)
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
        stack = _stack_of(self.gone.id, events.status or "DELETE_COMPLETE", self.ask.region)
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


def _validated(ask: Ask, history: StackHistory) -> StackHistory:
    """A stack that only has a change set: whether its early validation failed decides (contract, "Healthy")."""
    found, unread = _validations(ask, decides=True, StackName=history.stack.id or history.stack.name)
    return _with(replace(history, validations=found), unread)


def _validations(ask: Ask, *, decides: bool, **asked: str) -> tuple[tuple[ValidationError, ...], list[Unread]]:
    pages = ask.pages("DescribeEvents", "OperationEvents", MAX_VALIDATION_PAGES, Filters={"FailedEvents": True}, **asked)
    found = tuple(event for event in map(validation_from, pages.rows) if event.event_type in VALIDATIONS)
    if pages.error is None:
        return found, []
    read = unreadable("validation and hook events", pages.error, "cloudformation:DescribeEvents")
    return found, [Unread(read.what, read.error, read.needs, decides and not found)]
