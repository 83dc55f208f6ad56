"""What stands in a template and what needs what: resources, dependencies, CDK construct paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from stackdoctor.model import JSON
from stackdoctor.template.context import Context
from stackdoctor.template.resolve import condition
from stackdoctor.template.source import Template, intrinsic

_SUB_NAME = re.compile(r"\$\{\s*(?!!)([A-Za-z0-9]+)(?:\.[^}]*)?\s*\}")


class Resource(NamedTuple):
    """A resource as written. `properties` are in long form, not resolved.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
    """

    type: str
    properties: Mapping[str, JSON]
    deletion_policy: str | None = None
    update_replace_policy: str | None = None
    condition: str | None = None
    depends_on: tuple[str, ...] = ()
    metadata: Mapping[str, JSON] = MappingProxyType({})


@lru_cache(maxsize=16)
def resources(template: Template) -> Mapping[str, Resource]:
    """Every resource that is written out, by logical id; what Fn::ForEach or a macro makes is not among them."""
    found: dict[str, Resource] = {}
    for logical_id, raw in template.section("Resources").items():
        if not isinstance(raw, dict) or not isinstance(kind := raw.get("Type"), str) or logical_id.startswith("Fn::"):
            continue
        properties, metadata = raw.get("Properties"), raw.get("Metadata")
        found[logical_id] = Resource(
            type=kind,
            properties=properties if isinstance(properties, dict) else {},
            deletion_policy=_text(raw.get("DeletionPolicy")),
            update_replace_policy=_text(raw.get("UpdateReplacePolicy")),
            condition=_text(raw.get("Condition")),
            depends_on=tuple(_texts(raw.get("DependsOn"))),
            metadata=metadata if isinstance(metadata, dict) else {},
        )
    return MappingProxyType(found)


def is_made(template: Template, logical_id: str, context: Context) -> bool | None:
    """Whether the resource's Condition holds; None where the known values do not decide it."""
    resource = template.section("Resources").get(logical_id)
    if logical_id not in resources(template) or not isinstance(resource, dict):
        return None
    return condition(template, resource["Condition"], context) if resource.get("Condition") is not None else True


def construct_path(template: Template, logical_id: str) -> str | None:
    """The CDK construct a resource was generated from (Metadata `aws:cdk:path`); None for templates of another origin.

    https://docs.aws.amazon.com/cdk/v2/guide/constructs.html
    """
    resource = resources(template).get(logical_id)
    return _text(resource.metadata.get("aws:cdk:path")) if resource else None


def depends_on(template: Template, logical_id: str, *, transitive: bool = True) -> frozenset[str]:
    """The resources made before this one: DependsOn, and whatever Ref, GetAtt and Sub name; by default all the way down."""
    known = template.section("Resources")
    found: set[str] = set()
    waiting = [logical_id]
    while waiting:
        raw = known.get(waiting.pop())
        named = {name for name in _direct(raw) if name in known} - found
        found |= named
        if not transitive:
            break
        waiting.extend(named)
    return frozenset(found - {logical_id})


def _direct(resource: JSON) -> Iterator[str]:
    if isinstance(resource, dict):
        yield from _texts(resource.get("DependsOn"))
        yield from _named(resource.get("Properties"))


def _named(value: JSON) -> Iterator[str]:
    match intrinsic(value):
        case ("Ref", str(name)):
            yield name
        case ("Fn::GetAtt", [str(name), *_]):
            yield name
        case ("Fn::Sub", [str(text), dict(variables)]):
            yield from (name for name in _SUB_NAME.findall(text) if name not in variables)
            yield from _named(variables)
        case ("Fn::Sub", str(text)):
            yield from _SUB_NAME.findall(text)
        case _:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            for item in inner:
                yield from _named(item)


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: JSON) -> Iterator[str]:
    yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
