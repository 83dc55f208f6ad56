"""What the diagnosed attempt deployed: each resource's properties as CloudFormation resolved them.

in: the stack's history and the moment of the failure. out: `DeployedResource` values.
The events' ResourceProperties come first (they are resolved), the template second. Needed where the live thing is
gone or was changed back by the rollback (DESIGN, rule 5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from stackdoctor import template as templates
from stackdoctor.evidence import DeployedResource
from stackdoctor.model import Found, Origin, StackEvent, StackHistory
from stackdoctor.services.base import Target, bucket_name
from stackdoctor.timeline import order

Parsed: TypeAlias = "dict[str, dict[str, Any] | None]"
_COMPLETED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_POLICY_TYPES = {
    Target.BUCKET: ("AWS::S3::BucketPolicy", "PolicyDocument"),
    Target.KEY: ("AWS::KMS::Key", "KeyPolicy"),
    Target.TOPIC: ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    Target.QUEUE: ("AWS::SQS::QueuePolicy", "PolicyDocument"),
}


def properties_of(event: StackEvent) -> dict[str, Any] | None:
    """The event's ResourceProperties, None where CloudFormation gave none or the text is cut."""
    return _object(event.properties) if event.properties else None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def deployed(history: StackHistory, failed: StackEvent) -> tuple[DeployedResource, ...]:
    """Every resource of the stack and its nested stacks as it stood when `failed` failed, and what became of it since."""
    return tuple(resource for member in _family(history) for resource in _of_stack(member, (failed,), since=True)[0])


def snapshots(history: StackHistory, failed: Sequence[StackEvent]) -> list[tuple[DeployedResource, ...]]:
    """The same for several failures, in one pass over the events; what became of the resources since is left out."""
    of_members = [_of_stack(member, failed, since=False) for member in _family(history)]
    return [tuple(resource for of_member in of_members for resource in of_member[number]) for number in range(len(failed))]


def _family(history: StackHistory) -> Iterator[StackHistory]:
    yield history
    for child in history.children:
        yield from _family(child)


@dataclass(slots=True)
class _Seen:
    """A resource as its events so far show it. `texts` are its ResourceProperties, newest last, parsed when they are asked for."""

    last: StackEvent
    physical_id: str = ""
    texts: list[str] = field(default_factory=list)
    completed: bool = False
    made_in: int = -1
    written_in: int = -1
    undone: str = ""

    def take(self, event: StackEvent, operation: int) -> None:
        self.last = event
        self.physical_id = event.physical_id or self.physical_id
        if event.properties:
            self.texts.append(event.properties)
        self.completed = event.status in _COMPLETED or (self.completed and not event.status.startswith("DELETE"))
        self.written_in = operation
        if event.status.startswith("CREATE"):
            self.made_in = operation


def _of_stack(history: StackHistory, failed: Sequence[StackEvent], *, since: bool) -> list[list[DeployedResource]]:
    """One snapshot a failure, in one pass: a history may have a hundred thousand events, and an attempt hundreds of resources."""
    events = order(history.events, newest_first=history.newest_first)
    afters = _afters(events, failed)
    moments: dict[int, list[DeployedResource]] = {}
    parsed: Parsed = {}
    seen: dict[str, _Seen] = {}
    operation, last, due = 0, max(afters, default=-1), set(afters)
    for position, event in enumerate(events[: last + 1]):
        if not event.is_own:
            if event.logical_id not in seen:
                seen[event.logical_id] = _Seen(event)
            seen[event.logical_id].take(event, operation)
        elif event.status.endswith("_IN_PROGRESS"):
            operation += 1
        if position in due and not (since and position == last):
            moments[position] = _snapshot(history, seen, operation, parsed)
    if since:
        for event in events[last + 1 :]:
            if event.logical_id in seen and not event.is_own:
                known = seen[event.logical_id]
                known.undone = known.undone or _undone(event.status)
        moments[last] = _snapshot(history, seen, operation, parsed)
    return [moments[after] if after in moments else _snapshot(history, {}, 0, parsed) for after in afters]


def _snapshot(history: StackHistory, seen: dict[str, _Seen], operation: int, parsed: Parsed) -> list[DeployedResource]:
    found = {
        logical_id: DeployedResource(
            stack_id=one.last.stack_id,
            logical_id=logical_id,
            type=one.last.resource_type,
            physical_id=one.physical_id,
            properties=_newest_properties(one.texts, parsed),
            origin=Origin.PROPERTIES,
            completed=one.completed,
            undone=one.undone,
            fresh=one.made_in == operation,
            written=one.written_in == operation,
        )
        for logical_id, one in seen.items()
    }
    return list(_with_template(history, found))


def _newest_properties(texts: list[str], parsed: Parsed) -> dict[str, Any]:
    """The newest ones that are whole; the same text is parsed once."""
    for text in reversed(texts):
        if text not in parsed:
            parsed[text] = _object(text)
        if (value := parsed[text]) is not None:
            return value
    return {}


def _afters(events: tuple[StackEvent, ...], failed: Sequence[StackEvent]) -> list[int]:
    if len(failed) == 1:
        return [_after(events, failed[0])]
    wanted = {(event.event_id, event.stack_id) for event in failed}
    places = {at: place for place, event in enumerate(events) if (at := (event.event_id, event.stack_id)) in wanted}
    return [places[at] if (at := (event.event_id, event.stack_id)) in places else _after(events, event) for event in failed]


def _after(events: tuple[StackEvent, ...], failed: StackEvent) -> int:
    """The position of the failure; for another stack of the family, of the last event not later than it."""
    for position, event in enumerate(events):
        if event.event_id == failed.event_id and event.stack_id == failed.stack_id:
            return position
    moment: datetime | None = failed.timestamp
    if moment is None:
        return len(events) - 1
    return sum(1 for event in events if event.timestamp is not None and event.timestamp <= moment) - 1


def _undone(status: str) -> str:
    if status.startswith("DELETE_") and status != "DELETE_SKIPPED":
        return "delete"
    return "update" if status.startswith("UPDATE_") else ""


def _with_template(history: StackHistory, found: dict[str, DeployedResource]) -> Iterator[DeployedResource]:
    """Adds the template's properties where the events gave none, and resources that the events do not show."""
    parsed = templates.parse(history.template.value) if isinstance(history.template, Found) else None
    if not isinstance(parsed, templates.Template):
        yield from found.values()
        return
    physical = {logical: resource.physical_id for logical, resource in found.items() if resource.physical_id}
    context = templates.Context.of(history.stack, physical)
    for logical, (kind, *_rest) in templates.resources(parsed).items():
        known = found.get(logical)
        if (known is None or not known.properties) and templates.is_made(parsed, logical, context) is not False:
            properties = templates.resource_properties(parsed, logical, context) or {}
            base = known or DeployedResource(history.stack.id, logical, kind, "", {}, Origin.TEMPLATE, completed=not history.complete)
            found[logical] = replace(base, properties=properties, origin=Origin.TEMPLATE)
    yield from found.values()


def policy_resource(resources: tuple[DeployedResource, ...], target: Target, ref: str) -> DeployedResource | None:
    """The stack's resource that makes the policy of this bucket, key, topic or queue."""
    kind, _property = _POLICY_TYPES.get(target, ("", ""))
    for resource in resources:
        if resource.type == kind and _is_for(resource, target, ref, resources):
            return resource
    return None


def policy_document(resource: DeployedResource, target: Target) -> str | None:
    """The policy document of such a resource as JSON text; None where the template's text does not tell it whole."""
    document = resource.properties.get(_POLICY_TYPES[target][1])
    if templates.unresolved(document):
        return None
    if isinstance(document, str):
        return document
    return json.dumps(document) if isinstance(document, dict) else None


def _is_for(resource: DeployedResource, target: Target, ref: str, resources: tuple[DeployedResource, ...]) -> bool:
    match target:
        case Target.BUCKET:
            return resource.properties.get("Bucket") == bucket_name(ref)
        case Target.KEY:
            return is_key(resource, ref, resources)
        case Target.TOPIC:
            return ref in _texts(resource.properties.get("Topics"))
        case Target.QUEUE:
            name = ref.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
            return any(queue.rsplit("/", 1)[-1] == name for queue in _texts(resource.properties.get("Queues")))
    return False


def is_key(resource: DeployedResource, ref: str, resources: tuple[DeployedResource, ...]) -> bool:
    """Whether this AWS::KMS::Key is the one a key id, ARN, alias or alias ARN stands for."""
    if not resource.physical_id:
        return False
    alias = ref.rsplit(":", 1)[-1]
    if alias.startswith("alias/"):
        aliases = (r for r in resources if r.type == "AWS::KMS::Alias" and alias in {r.physical_id, r.properties.get("AliasName")})
        targets = {str(r.properties.get("TargetKeyId", "")) for r in aliases}
        return any(target.rsplit("/", 1)[-1] == resource.physical_id for target in targets)
    return ref.rsplit("/", 1)[-1] == resource.physical_id.rsplit("/", 1)[-1]


def owner(resources: tuple[DeployedResource, ...], target: Target, ref: str) -> DeployedResource | None:
    """The stack's resource that is this bucket, key, topic or queue."""
    for resource in resources:
        match target:
            case Target.BUCKET if resource.type == "AWS::S3::Bucket" and resource.physical_id == bucket_name(ref):
                return resource
            case Target.KEY if resource.type == "AWS::KMS::Key" and is_key(resource, ref, resources):
                return resource
            case Target.TOPIC | Target.QUEUE if resource.type in {"AWS::SNS::Topic", "AWS::SQS::Queue"}:
                if resource.physical_id and resource.physical_id.rsplit("/", 1)[-1].rsplit(":", 1)[-1] == ref.rsplit(":", 1)[-1]:
                    return resource
    return None


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(item for item in items if isinstance(item, str))
