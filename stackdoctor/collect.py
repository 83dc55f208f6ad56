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

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stackdoctor import timeline
from stackdoctor.answers import arn_part, is_stack_arn, stack_name_of
from stackdoctor.commands import CommandStyle, Value
from stackdoctor.errors import BadEvidence, CannotRun, StackdoctorError, StackNotFound, TimedOut
from stackdoctor.model import Stack, StackHistory, Unread, Unreadable
from stackdoctor.pages import Ask, EventListing, does_not_exist
from stackdoctor.permissions import needs
from stackdoctor.reader import ErrorKind, Reader, ReadError
from stackdoctor.related import Related, validations
from stackdoctor.stack_reads import StackReads, stack_of
from stackdoctor.whereabouts import DeletedStacks, deleted_stacks, not_found


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
def _collect(reader: Reader, stack: str, *, earlier: bool) -> StackHistory:
    ask = Ask(reader, arn_part(stack, 3) or reader.region)
    first = StackReads(ask, stack, EventListing(ask, stack))
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


def _deepened(ask: Ask, history: StackHistory, first: StackReads) -> StackHistory:
    second = Related(ask, history, first.events, first.deleted)
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


def _validated(ask: Ask, history: StackHistory) -> StackHistory:
    """A stack that only has a change set: whether its early validation failed decides (contract, "Healthy")."""
    found, unread = validations(ask, decides=True, StackName=history.stack.id or history.stack.name)
    return _with(replace(history, validations=found), unread)


def _is_well(history: StackHistory) -> bool:
    """Whether nothing more has to be read; the events' own status counts where the stack's is not known."""
    return bool(history.stack.status) and timeline.is_healthy(history.stack.status, timeline.operations(history))


def _subject(first: StackReads) -> tuple[Stack, list[Unread]]:
    """The stack, by DescribeStacks or else by its own events; an error where neither can be read."""
    described, events = first.described, first.events
    if isinstance(described, Stack):
        region = described.region or first.ask.region
        return replace(described, name=described.name or stack_name_of(first.stack), region=region), []
    if not events.events or (described and described.code.startswith("AccessDenied")):
        raise _cannot_read(first, described or events.error)
    own = [event for event in events.events if event.is_own]
    arn = next((event.stack_id for event in [*own, *events.events] if is_stack_arn(event.stack_id)), first.stack)
    subject = stack_of(arn, events.status, first.ask.region)
    what, why = f"stack {first.stack}", f"{described.code}: {described.message}" if described else "no such stack in the answer"
    return subject, [Unread(what, why, needs("cloudformation:DescribeStacks"))]


def _cannot_read(first: StackReads, error: ReadError | None) -> StackdoctorError:
    stack = first.stack
    if error is None:
        return StackNotFound(f"There is no stack {stack}.")
    said = f"Stack {stack} cannot be read: {error.code}: {error.message}"
    match error.kind:
        case ErrorKind.DENIED:
            return CannotRun(said, error.hint or _permit(first))
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


def _permit(first: StackReads) -> str:
    """What to allow; who may read the events all the same gets the command that diagnoses them alone."""
    allow = "Allow cloudformation:DescribeStacks and DescribeStackEvents; `stackdoctor permissions` prints the whole policy."
    if not first.events.events:
        return allow
    style = CommandStyle(first.ask.region)
    listing = style.command("cloudformation", "describe-stack-events", "--stack-name", Value(first.stack))
    return f"{allow} Or diagnose the events alone: {listing} | stackdoctor diagnose --events -"


def _newest_deleted(ask: Ask, stack: str, deleted: DeletedStacks | None) -> str:
    """The ARN of the newest deleted stack of this name; StackNotFound where there is none."""
    if not is_stack_arn(stack):
        found = (deleted or deleted_stacks(ask)).of_name(stack)
        if found:
            return found[0].id
    raise not_found(ask, stack)
