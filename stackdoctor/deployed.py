"""What the diagnosed attempt deployed: each resource's properties as CloudFormation resolved them.

in: the stack's history and the moment of the failure. out: `DeployedResource` values.
The events' ResourceProperties come first (they are resolved), the template second. Needed where the live thing is
gone or was changed back by the rollback (DESIGN, rule 5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from stackdoctor import template as templates
from stackdoctor.evidence import DeployedResource
from stackdoctor.model import Found, Origin, StackEvent, StackHistory
from stackdoctor.services.base import Target, bucket_name
from stackdoctor.timeline import order

_POLICY_TYPES = {
    Target.BUCKET: ("AWS::S3::BucketPolicy", "PolicyDocument"),
    Target.KEY: ("AWS::KMS::Key", "KeyPolicy"),
    Target.TOPIC: ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    Target.QUEUE: ("AWS::SQS::QueuePolicy", "PolicyDocument"),
}


def properties_of(event: StackEvent) -> dict[str, Any] | None:
    """The event's ResourceProperties, None where CloudFormation gave none or the text is cut."""
    if not event.properties:
        return None
    try:
        value = json.loads(event.properties)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def deployed(history: StackHistory, failed: StackEvent) -> tuple[DeployedResource, ...]:
    """Every resource of the stack and its nested stacks as it stood when `failed` failed."""
    return tuple(resource for member in _family(history) for resource in _of_stack(member, failed))


def _family(history: StackHistory) -> Iterator[StackHistory]:
    yield history
    for child in history.children:
        yield from _family(child)


def _of_stack(history: StackHistory, failed: StackEvent) -> Iterator[DeployedResource]:
    events = order(history.events, newest_first=history.newest_first)
    after = _after(events, failed)
    found: dict[str, DeployedResource] = {}
    for position, event in enumerate(events):
        if event.is_own:
            if event.status.endswith("_IN_PROGRESS") and position <= after:
                found = {logical: replace(resource, fresh=False) for logical, resource in found.items()}
            continue
        known = found.get(event.logical_id)
        if position > after:
            if known is not None and (undone := _undone(event.status)):
                found[event.logical_id] = replace(known, undone=known.undone or undone)
            continue
        properties = properties_of(event)
        complete = event.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
        found[event.logical_id] = DeployedResource(
            stack_id=event.stack_id,
            logical_id=event.logical_id,
            type=event.resource_type,
            physical_id=event.physical_id or (known.physical_id if known else ""),
            properties=properties if properties is not None else (known.properties if known else {}),
            origin=Origin.PROPERTIES,
            completed=complete or (known is not None and known.completed and not event.status.startswith("DELETE")),
            fresh=event.status.startswith("CREATE") or (known is not None and known.fresh),
        )
    yield from _with_template(history, found)


def _after(events: tuple[StackEvent, ...], failed: StackEvent) -> int:
    """The position of the failure; for another stack of the family, of the last event not later than it."""
    for position, event in enumerate(events):
        if event.event_id == failed.event_id and event.stack_id == failed.stack_id:
            return position
    moment: datetime | None = failed.timestamp
    if moment is None:
        return len(events)
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
