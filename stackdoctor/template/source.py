"""The values of this package: a template's text with a tree of nodes over it, and the ways it can fail.

Each node knows the stretch of text it was written in, so that an edit can be spliced in, and its value in
CloudFormation's long form (`Fn::Sub`, …), so that two ways of writing one thing compare equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stackdoctor.model import JSON

MAX_CHARACTERS = 4_000_000  # CloudFormation takes 1 MB: a larger text is no template
MAX_DEPTH = 100
MAX_NODES = 400_000  # with aliases expanded: what stops a billion laughs


class Shape(StrEnum):
    SCALAR = "scalar"
    SEQUENCE = "sequence"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value as it is written: `text[start:end]` with its tag and anchor, `text[body:end]` without.

    `style` is a scalar's quoting ('' plain, `'`, `"`, `|`, `>`), `flow` whether a collection is in brackets.
    `alias` marks a use (`*name`) of an anchored node; `merged` a mapping that takes keys from elsewhere (`<<`).
    """

    shape: Shape
    start: int
    body: int
    end: int
    value: JSON
    tag: str = ""
    style: str = ""
    flow: bool = False
    keys: tuple[Node, ...] = ()
    items: tuple[Node, ...] = ()
    anchor: str | None = None
    alias: bool = False
    merged: bool = False
    size: int = 1
    depth: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """A mapping's own keys as text, in the order written."""
        return tuple(str(key.value) for key in self.keys)

    def child(self, name: str | int) -> Node | None:
        """The value under a mapping's own key, or a sequence's item."""
        if isinstance(name, int):
            return self.items[name] if self.shape is Shape.SEQUENCE and -len(self.items) <= name < len(self.items) else None
        if self.shape is not Shape.MAPPING:
            return None
        return next((item for key, item in zip(self.keys, self.items, strict=True) if key.value == name), None)

    def walk(self) -> Iterator[Node]:
        """Itself and all below it, aliases as often as they are used."""
        yield self
        for item in self.items:
            yield from item.walk()


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A template that could be read. `value` is the whole of it in long form; `aliased` names the anchors that are used."""

    text: str
    root: Node
    is_json: bool
    aliased: frozenset[str] = frozenset()

    @property
    def value(self) -> Mapping[str, JSON]:
        return self.root.value if isinstance(self.root.value, dict) else {}

    def section(self, name: str) -> Mapping[str, JSON]:
        """`Resources`, `Parameters`, …; empty where there is none."""
        found = self.value.get(name)
        return found if isinstance(found, dict) else {}

    def node(self, *path: str | int) -> Node | None:
        """The node under a path of keys; None where it is not written there (missing, or merged in from an anchor)."""
        node: Node | None = self.root
        for name in path:
            node = node.child(name) if node else None
        return node


@dataclass(frozen=True, slots=True)
class BadTemplate:
    """The text is no template; `line` and `column` (from 1) say where, 0 where the whole text is meant."""

    reason: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}" if self.line else self.reason


class Rejected(Exception):
    """Inside this package: the text at this offset makes it no template. `parse` turns it into `BadTemplate`."""

    def __init__(self, reason: str, offset: int = -1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The place or the edit is not certain, and why: the report then prints the statement to change instead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Patched:
    """The template's new text and the unified diff that makes it, `a/<filename>` to `b/<filename>`."""

    text: str
    diff: str


def build(
    shape: Shape,
    span: tuple[int, int, int],
    *,
    tag: str = "",
    flow: bool = False,
    keys: tuple[Node, ...] = (),
    items: tuple[Node, ...] = (),
    anchor: str | None = None,
    merges: tuple[Node, ...] = (),
) -> Node:
    """A collection from its parts; refuses duplicate keys and sizes that only a hostile text reaches."""
    size = 1 + sum(item.size for item in items) + sum(merge.size for merge in merges)
    if size > MAX_NODES:
        raise Rejected(f"more than {MAX_NODES} values once its aliases are expanded", span[0])
    depth = 1 + max((part.depth for part in (*items, *merges)), default=0)
    if depth > MAX_DEPTH:
        raise Rejected(f"nested deeper than {MAX_DEPTH}", span[0])
    value: JSON = [item.value for item in items]
    if shape is Shape.MAPPING:
        value = _mapping(keys, items, merges)
    return Node(
        shape=shape,
        start=span[0],
        body=span[1],
        end=span[2],
        value=long_form(tag, value),
        tag=tag,
        flow=flow,
        keys=keys,
        items=items,
        anchor=anchor,
        merged=bool(merges),
        size=size,
        depth=depth,
    )


def _mapping(keys: tuple[Node, ...], items: tuple[Node, ...], merges: tuple[Node, ...]) -> JSON:
    merged: dict[str, JSON] = {}
    for merge in merges:
        if not isinstance(merge.value, dict):
            raise Rejected("<<: takes a mapping", merge.start)
        merged = {**merge.value, **merged}
    own: dict[str, JSON] = {}
    for key, item in zip(keys, items, strict=True):
        name = str(key.value)
        if name in own:
            raise Rejected(f"duplicate key {name!r}", key.start)
        own[name] = item.value
    merged.update(own)
    if len(merged) == 1 and isinstance(att := merged.get("Fn::GetAtt"), str):
        return long_form("!GetAtt", att)
    return merged


def long_form(tag: str, value: JSON) -> JSON:
    """`!Sub x` → {"Fn::Sub": x}; https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html"""
    if not tag.startswith("!") or tag.startswith("!!") or tag == "!":
        return value
    name = tag[1:]
    if name in {"Ref", "Condition"}:
        return {name: value}
    if name == "GetAtt" and isinstance(value, str):
        return {"Fn::GetAtt": list(value.split(".", 1))}
    return {f"Fn::{name}": value}


def intrinsic(value: JSON) -> tuple[str, JSON] | None:
    """Name and argument where a value is an intrinsic function in long form."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
        if name in {"Ref", "Condition"} or name.startswith("Fn::"):
            # {"Condition": {...}} is a policy's clause or a resource's key, not the reference to a condition
            return (name, argument) if name != "Condition" or isinstance(argument, str | bool) else None
    return None


def argument(node: Node) -> tuple[str, Node] | None:
    """Name and the node of the argument where a node is an intrinsic function, in either form."""
    found = intrinsic(node.value)
    if found is None:
        return None
    if node.tag:
        return found[0], node
    return (found[0], node.items[0]) if node.items else None
