"""Attempts compared: what was changed in the failed resource and the policies it meets before each attempt.

in: a stack's history and one failure. out: one `AttemptChange` an attempt, oldest first, and the sentence they add up to.
Physical ids are written as logical ids, since each attempt makes its own key and bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from stackdoctor.deployed import snapshots
from stackdoctor.evidence import DeployedResource
from stackdoctor.model import AttemptChange, Failure, Finding, StackEvent, StackHistory
from stackdoctor.timeline import order

COMPARED = ("AWS::KMS::Key", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
"""Types whose properties are policies a service meets; the failed resource itself is compared too."""
MAX_ATTEMPTS = 20

Facts = Mapping[str, str]


def compare(history: StackHistory, failure: Failure) -> tuple[AttemptChange, ...]:
    """The changes before each attempt that ended in a failure of this resource; () for a single attempt."""
    met = _attempts(history, failure)
    if len(met) < 2:
        return ()
    rows = [AttemptChange(1, (), same_failure=_same(met[0][0], failure))]
    for number, ((_, before), (event, after)) in enumerate(pairwise(met), 2):
        rows.append(AttemptChange(number, tuple(_changes(before, after)), same_failure=_same(event, failure)))
    return tuple(rows)


def _same(event: StackEvent, failure: Failure) -> bool:
    """Whether the attempt failed in the same words, ids aside."""
    return _words(event.reason) == _words(failure.event.reason)


def _words(reason: str | None) -> str:
    return " ".join(word for word in (reason or "").split() if word.isalpha())


def _attempts(history: StackHistory, failure: Failure) -> list[tuple[StackEvent, Facts]]:
    """The newest failed attempts of the resource, oldest first, over deleted stacks of the name and this one."""
    members = (*reversed(history.earlier), history)
    failed = [(member, event) for member in members for event in order(_failed(member, failure), newest_first=member.newest_first)]
    met: list[tuple[StackEvent, Facts]] = []
    for member in members:
        events = [event for of, event in failed[-MAX_ATTEMPTS:] if of is member]
        stood = snapshots(member, events) if events else []
        met += [(event, _facts(resources, event)) for event, resources in zip(events, stood, strict=True)]
    return met


def _failed(history: StackHistory, failure: Failure) -> list[StackEvent]:
    wanted = failure.event
    return [
        event
        for event in history.events
        if event.logical_id == wanted.logical_id
        and event.status in {"CREATE_FAILED", "UPDATE_FAILED"}
        and event.resource_type == wanted.resource_type
        and not event.is_own
    ]


def _facts(resources: Sequence[DeployedResource], event: StackEvent) -> Facts:
    """What the compared resources said, flat: `Key: KeyPolicy AllowCloudTrail Condition StringEquals kms:ViaService` → value."""
    names = {resource.physical_id: resource.logical_id for resource in resources if resource.physical_id}
    chosen = [r for r in resources if r.type in COMPARED or r.logical_id == event.logical_id]
    flat: dict[str, str] = {}
    for resource in chosen:
        for path, value in _flat(resource.properties, ()):
            flat[f"{resource.logical_id}: {' '.join(path)}"] = _named(value, names)
    return flat


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, path if key in {"Statement", "Version", "PolicyDocument", "KeyPolicy"} else (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            name = item.get("Sid") if isinstance(item, Mapping) else None
            yield from _flat(item, (*path, str(name or f"statement {index}")))
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(text: str, names: Mapping[str, str]) -> str:
    for physical_id, logical_id in names.items():
        text = text.replace(physical_id, f"<{logical_id}>")
    return text


def _changes(before: Facts, after: Facts) -> Iterator[str]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old == new or path.endswith(" Sid"):
            continue
        yield f"added {path} = {new}" if old is None else f"removed {path}" if new is None else f"changed {path} to {new}"


def sentence(changes: Sequence[AttemptChange], history: StackHistory, failure: Failure, findings: Sequence[Finding]) -> str:
    """`Conditions were tightened twice; the clause that denies was there from the first attempt.`"""
    if not changes:
        return ""
    tightened = sum(any(text.startswith("added") and " Condition " in text for text in row.changes) for row in changes)
    clause = next((finding.clause for finding in findings if finding.clause), None)
    said = {0: "No condition was added between the attempts", 1: "Conditions were tightened once", 2: "Conditions were tightened twice"}
    first = said.get(tightened, f"Conditions were tightened {tightened} times")
    if clause is None:
        return f"{first}, and the attempts failed alike." if tightened and all(row.same_failure for row in changes) else ""
    wanted = f" Condition {clause.operator} {clause.key}"
    there = [any(path.endswith(wanted) for path in facts) for _event, facts in _attempts(history, failure)]
    if there and all(there):
        return f"{first}; the clause that denies was there from the first attempt."
    since = next((number for number, present in enumerate(there, 1) if present), None)
    return f"{first}; the clause that denies came with attempt {since}." if since else ""
