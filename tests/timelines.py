"""Rows of data/timelines.jsonl → `StackHistory`: real excerpts, as people pasted them, in the shape the tool reads.

Times come in a dozen notations or not at all; a clock without a date gets one; what cannot be read counts as missing.
A row with a `stack` of its own is a nested stack's, unless all rows share it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from stackdoctor.classify import classify
from stackdoctor.model import Reason, Stack, StackEvent, StackHistory
from stackdoctor.rows import embedded_stack, own_name
from stackdoctor.timeline import operations_of, order, status_of

DATA = Path(__file__).parent / "data"
PATH = DATA / "timelines.jsonl"

_CLOCK = re.compile(r"(?P<before>上午|下午)?(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.(?P<f>\d+))?)? ?(?P<after>[AaPp][Mm])?")
_ZONE = re.compile(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)$")
_DAY = "%Y-%m-%d", "%m/%d/%Y", "%d %b %Y", "%a %b %d %Y"


def rows() -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def unseen_rows() -> list[Mapping[str, Any]]:
    """Excerpts that were labelled before the tool had seen them; `batch` tells when they were collected."""
    return [json.loads(line) for line in (DATA / "timelines_unseen.jsonl").read_text(encoding="utf-8").splitlines()]


def reading(event: StackEvent) -> Reason:
    """The real classifier, as the pipeline passes it."""
    return classify(event.reason, event.resource_type, event.status)


def moment(text: str | None) -> datetime | None:
    clock = _CLOCK.search(text or "")
    if text is None or clock is None:
        return None
    hour, minute, second = int(clock["h"]), int(clock["m"]), int(clock["s"] or 0)
    half = {"上午": "am", "下午": "pm"}.get(clock["before"] or "", (clock["after"] or "").lower())
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    rest = text[clock.end() :].strip()
    zone = _ZONE.match(rest)
    offset = timedelta(hours=int(zone[2]), minutes=int(zone[3])) * (-1 if zone[1] == "-" else 1) if zone else timedelta()
    micro = int((clock["f"] or "0").ljust(6, "0")[:6])
    return _day(text[: clock.start()].strip(" T")).replace(
        hour=hour, minute=minute, second=second, microsecond=micro, tzinfo=timezone(offset)
    )


def _day(text: str) -> datetime:
    for form in _DAY:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return datetime(2000, 1, 1, tzinfo=UTC)


def history(row: Mapping[str, Any]) -> StackHistory:
    newest_first = row["order"] == "newest_first"
    groups: dict[str, list[Mapping[str, Any]]] = {}
    named = {event["stack"] for event in row["events"] if event.get("stack")}
    for event in row["events"]:
        is_own = event["logical_id"] in named and not embedded_stack(event.get("reason"))
        groups.setdefault(event.get("stack") or (event["logical_id"] if is_own else ""), []).append(event)
    root = "" if "" in groups else min(groups, key=len)
    made = {name: _one(row["id"], name, of, newest_first, parent="" if name == root else root) for name, of in groups.items()}
    children = tuple(made[name] for name in groups if name != root)
    return StackHistory(made[root].stack, made[root].events, complete=False, newest_first=newest_first, children=children)


def _one(case: str, name: str, group: list[Mapping[str, Any]], newest_first: bool, parent: str) -> StackHistory:
    stack_id = f"arn:aws:cloudformation:eu-west-1:111122223333:stack/{name or 'stack'}/{case}"
    events = tuple(_events(case, stack_id, name, group))
    name = name or own_name(order(events, newest_first)) or "stack"
    done = operations_of(events, stack_id, name, newest_first)
    stack = Stack(name, stack_id, status_of(done), parent_id=parent or None)
    return StackHistory(stack, events, complete=False, newest_first=newest_first)


def _events(case: str, stack_id: str, name: str, group: list[Mapping[str, Any]]) -> Iterator[StackEvent]:
    for at, row in enumerate(group):
        yield StackEvent(
            event_id=f"{case}-{name}-{at}",
            stack_id=stack_id,
            stack_name=name or "stack",
            logical_id=row["logical_id"],
            physical_id=None,
            resource_type=row["resource_type"],
            timestamp=moment(row.get("timestamp")),
            status=row["status"],
            reason=row.get("reason") or None,
        )
