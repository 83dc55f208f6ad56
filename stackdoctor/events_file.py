"""What `aws cloudformation describe-stack-events` printed, replayed as if AWS answered.

in: the text of one or more such documents: objects with StackEvents, bare lists of rows, or single rows, one after
another; rows may lack StackId, EventId, PhysicalResourceId or Timestamp. out: a reader that answers DescribeStackEvents,
and DescribeStacks and ListStacks as far as the stacks' own events tell. Every other call was not kept.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from stackdoctor import hostile, timeline
from stackdoctor.answers import STACK_TYPE, arn_part, event_from, is_stack_arn, newest_first, stack_name_of
from stackdoctor.errors import BadEvidence, StackNotFound, UsageError
from stackdoctor.model import Calls, StackEvent
from stackdoctor.permissions import OPERATIONS
from stackdoctor.reader import Call, ErrorKind, ReadError
from stackdoctor.rows import embedded_stack, family, tells_of_error
from stackdoctor.scrub import scrub_secrets

T = TypeVar("T")
Row = dict[str, Any]

MAX_BYTES = 1024**3
"""Size of one document: 100,000 events with long properties are below 300 MB."""
AS_JSON = "Give what describe-stack-events prints with --output json."
NO_NAME = "stack"
"""Stands for the stack's name where no row carries it."""


class EventsReader:
    """Replays an events document, given as text or as the file's bytes.

    `stack` is the stack to diagnose: the one asked for, else the only root in it.
    """

    def __init__(self, text: str | bytes, stack: str | None = None, name: str = "events") -> None:
        self._name = name
        rows = _rows(hostile.decode(text, name, MAX_BYTES) if isinstance(text, bytes) else text, name)
        if not rows:
            raise BadEvidence(
                f"{name}: holds no stack events.", "Print them with: aws cloudformation describe-stack-events --stack-name STACK"
            )
        if not any(row.get("ResourceStatus") for row in rows):
            raise BadEvidence(f"{name}: no event has a ResourceStatus.", AS_JSON)
        self._groups = _linked(_grouped(rows, stack))
        self._stacks: dict[str, Row] = {}
        self.stack = self._asked(stack) if stack else self._root()
        self.region = arn_part(self.stack, 3)

    def read(self, call: Call) -> Row:
        """Every answer is made from the document, so no call is counted."""
        asked = call.params.get("StackName") or ""
        group = self._find(asked)
        match call.name:
            case "cloudformation:DescribeStackEvents" if group:
                return {"StackEvents": self._groups[group]}
            case "cloudformation:DescribeStacks" if group:
                return {"Stacks": [self._stack(group)]}
            case "cloudformation:ListStacks":
                stacks = [self._stack(key) for key in self._groups]
                wanted = call.params.get("StackStatusFilter")
                return {"StackSummaries": [stack for stack in stacks if not wanted or stack["StackStatus"] in wanted]}
        raise ReadError(call, ErrorKind.NOT_KEPT, "NotKept", "not in an events document", OPERATIONS.get(call.name, ()))

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return [task() for task in tasks]

    @property
    def calls(self) -> Calls:
        return Calls()

    def _find(self, asked: str) -> str | None:
        if asked in self._groups:
            return asked
        named = [key for key in self._groups if stack_name_of(key) == asked]
        return max(named, key=self._newest) if len(named) > 1 else next(iter(named), None)

    def _asked(self, stack: str) -> str:
        found = self._find(stack) or self._find(stack_name_of(stack))
        if found is None:
            names = sorted({stack_name_of(key) for key in self._groups})
            near = difflib.get_close_matches(stack_name_of(stack), names, n=3) or names[:3]
            raise StackNotFound(f"{self._name}: holds no event of stack {stack}.", f"It holds events of {', '.join(near)}.")
        return found

    def _root(self) -> str:
        """The stack that is no resource of another one; of several by one name, the newest."""
        nested = {
            row.get("PhysicalResourceId") for key, rows in self._groups.items() for row in rows if row.get("PhysicalResourceId") != key
        }
        roots = [key for key in self._groups if key not in nested] or list(self._groups)
        if len(roots) > 1:
            roots = [key for key in roots if not self._named_as_nested(key)] or roots
        names = sorted({stack_name_of(key) for key in roots})
        if len(names) > 1:
            raise UsageError(f"{self._name}: holds events of several stacks: {', '.join(names[:10])}.", "Name the one to diagnose.")
        return max(roots, key=self._newest) if len(roots) > 1 else roots[0]

    def _named_as_nested(self, group: str) -> bool:
        """CloudFormation names a nested stack `<parent>-<logical id>-<random>`; that tells where no physical id does."""
        name = stack_name_of(group)
        return any(name != (parent := stack_name_of(key)) and name.startswith(f"{parent}-") for key in self._groups)

    def _newest(self, group: str) -> float:
        times = [event.timestamp.timestamp() for event in map(event_from, self._groups[group]) if event.timestamp]
        return max(times, default=0.0)

    def _stack(self, group: str) -> Row:
        if group not in self._stacks:
            self._stacks[group] = _stack_row(group, self._groups[group])
        return self._stacks[group]


def _stack_row(group: str, rows: list[Row]) -> Row:
    """The stack as DescribeStacks would show it, as far as its newest own event tells."""
    own = [event for row in rows if row.get("ResourceType") == STACK_TYPE if (event := event_from(row)).is_own]
    newest = _newest_of(own)
    stack: Row = {"StackName": stack_name_of(group), "StackId": group if is_stack_arn(group) else ""}
    stack["StackStatus"] = newest.status if newest else inferred_status([event_from(row) for row in rows])
    if newest and newest.reason:
        stack["StackStatusReason"] = newest.reason
    if newest and newest.timestamp and newest.status == "DELETE_COMPLETE":
        stack["DeletionTime"] = newest.timestamp.isoformat()
    return stack


def _newest_of(events: list[StackEvent]) -> StackEvent | None:
    ordered = timeline.order(events, newest_first(events))
    return ordered[-1] if ordered else None


def inferred_status(events: list[StackEvent]) -> str:
    """A stack's status where none of its own events survived: what failed decides, else the newest event.

    A deletion that failed beside a failed create or update is that attempt's rollback.
    """
    statuses = {event.status for event in events}
    for verb, undone in (("CREATE", "ROLLBACK"), ("UPDATE", "UPDATE_ROLLBACK"), ("IMPORT", "IMPORT_ROLLBACK")):
        if f"{verb}_FAILED" in statuses:
            return f"{undone}_FAILED" if "DELETE_FAILED" in statuses else f"{verb}_FAILED"
    if "DELETE_FAILED" in statuses:
        return "DELETE_FAILED"
    newest, completed = _newest_of(events), {event.logical_id for event in events if event.status.endswith("_COMPLETE")}
    if newest and any(tells_of_error(event) and event.logical_id not in completed for event in events):
        return f"{family(newest.status) or 'CREATE'}_FAILED"
    return newest.status if newest else ""


# ------------------------------------------------------------------------------------------------ reading the document
def _rows(text: str, name: str) -> list[Row]:
    rows: list[Row] = []
    try:
        for number, document in enumerate(hostile.load_all(text, name)):
            place = f"document {number + 1}" if number else ""
            rows.extend(_document_rows(document, name, place))
    except BadEvidence as error:
        raise BadEvidence(error.message, error.hint or AS_JSON) from None
    return [scrub_secrets(row) for row in rows]


def _document_rows(document: Any, name: str, place: str) -> Iterator[Row]:
    if isinstance(document, dict) and "StackEvents" not in document:
        if not {"ResourceStatus", "LogicalResourceId"} & document.keys():
            raise BadEvidence(f"{name}: {place or 'the document'} has no StackEvents.", AS_JSON)
        document = {"StackEvents": [document]}
    elif isinstance(document, list):
        document = {"StackEvents": document}
    hostile.check(document, hostile.SHAPES["cloudformation:DescribeStackEvents"], name, place)
    if not isinstance(document, dict):
        raise BadEvidence(f"{name}: {place or 'the document'} is no object and no list.")
    yield from document["StackEvents"] or ()


def _grouped(rows: list[Row], asked: str | None) -> dict[str, list[Row]]:
    """The rows of each stack, by its id, else by its name; a row that says neither belongs to the only stack there is."""
    groups: dict[str, list[Row]] = {}
    by_name: dict[str, str] = {}
    for row in rows:
        if row.get("StackId") and is_stack_arn(row["StackId"]):
            by_name.setdefault(stack_name_of(row["StackId"]), row["StackId"])
    only = next(iter(by_name.values())) if len(by_name) == 1 else _name_of_all(rows, asked)
    for row in rows:
        key = row.get("StackId") or by_name.get(row.get("StackName") or "") or row.get("StackName") or only
        groups.setdefault(key, []).append({**row, "StackName": row.get("StackName") or stack_name_of(key)})
    return groups


def _linked(groups: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The groups, in which a nested stack's row without a physical id names the group that holds the nested stack's own events."""
    for parent, rows in groups.items():
        names = {stack_name_of(key): key for key in groups if key != parent} if len(groups) > 1 else {}
        for row in rows if names else ():
            if row.get("ResourceType") == STACK_TYPE and not is_stack_arn(row.get("PhysicalResourceId")):
                found = _nested_group(row, stack_name_of(parent), names)
                if found:
                    row["PhysicalResourceId"] = found
    return groups


def _nested_group(row: Row, parent: str, names: dict[str, str]) -> str | None:
    """By the ARN in its reason, else by name: the logical id itself, as some tools print it, or PARENT-LOGICALID-SUFFIX."""
    logical_id, embedded = row.get("LogicalResourceId") or "", embedded_stack(row.get("ResourceStatusReason"))
    if embedded in names.values() or not logical_id or logical_id == parent:
        return embedded
    named = [name for name in names if name == logical_id or name.startswith(f"{parent}-{logical_id}-")]
    return names[min(named, key=len)] if named else None


def _name_of_all(rows: list[Row], asked: str | None) -> str:
    """The stack's name where some rows do not carry it: from another row, the name asked for, or a row of a stack's status."""
    named = next((row["StackName"] for row in rows if row.get("StackName")), None)
    own = [row["LogicalResourceId"] for row in rows if _is_stack_row(row)]
    return named or (asked if asked and not is_stack_arn(asked) else None) or (own[-1] if own else NO_NAME)


def _is_stack_row(row: Mapping[str, Any]) -> bool:
    """Only a stack, never a resource, rolls back; and a nested stack's row has its own ARN as physical id."""
    rolls_back = "ROLLBACK" in (row.get("ResourceStatus") or "")
    return row.get("ResourceType") == STACK_TYPE and bool(row.get("LogicalResourceId")) and rolls_back and not row.get("PhysicalResourceId")
