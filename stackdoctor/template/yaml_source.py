"""YAML text → nodes, from ruamel.yaml's events: they carry the marks that a splice needs.

CloudFormation reads YAML 1.1 with its own short-form tags; values are taken as it takes them (a date stays text,
an account id with a leading zero too).
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from stackdoctor.model import JSON
from stackdoctor.template.source import MAX_DEPTH, Node, Rejected, Shape, build, long_form

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,300})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,300})?\.[0-9]{1,300}(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, JSON] = {
    **dict.fromkeys(("null", "~", "")),
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t\r\n]*)*")


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    shape: Shape
    event: Any
    keys: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    merges: list[Node] = field(default_factory=list)
    key: Node | None = None


class _Composer:
    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset
        self.anchors: dict[str, Node] = {}
        self.used: set[str] = set()
        self.open: list[_Open] = []
        self.root: Node | None = None

    def take(self, event: Any) -> None:
        match event:
            case DocumentStartEvent() if self.root is not None:
                raise Rejected("more than one document", self._at(event.start_mark))
            case ScalarEvent():
                self._add(self._scalar(event))
            case AliasEvent():
                self._add(self._alias(event))
            case MappingStartEvent() | SequenceStartEvent():
                if len(self.open) >= MAX_DEPTH:
                    raise Rejected(f"nested deeper than {MAX_DEPTH}", self._at(event.start_mark))
                self.open.append(_Open(Shape.MAPPING if isinstance(event, MappingStartEvent) else Shape.SEQUENCE, event))
            case MappingEndEvent() | SequenceEndEvent():
                self._close(event)

    def _at(self, mark: Any) -> int:
        return int(mark.index) + self.offset

    def _scalar(self, event: Any) -> Node:
        start, end = self._at(event.start_mark), self._at(event.end_mark)
        style = event.style or ""
        if style in {"|", ">"}:
            end = start + len(self.text[start:end].rstrip())
        tag = _tag(event)
        as_text = style or tag.endswith("str") or tag == "!" or (tag and not event.value)  # `!GetAZs` alone is of the empty text
        value: JSON = event.value if as_text else plain(event.value)
        body = self._body(start, end)
        return self._named(Node(Shape.SCALAR, start, body, end, long_form(tag, value), tag=tag, style=style, anchor=event.anchor))

    def _body(self, start: int, end: int) -> int:
        found = _PROPERTIES.match(self.text, start, end)
        return found.end() if found else start

    def _alias(self, event: Any) -> Node:
        start = self._at(event.start_mark)
        target = self.anchors.get(event.anchor)
        if target is None:
            raise Rejected(f"no anchor {event.anchor!r} stands before this alias", start)
        self.used.add(event.anchor)
        return replace(target, start=start, body=start, end=self._at(event.end_mark), alias=True)

    def _named(self, node: Node) -> Node:
        if node.anchor:
            self.anchors[node.anchor] = node
        return node

    def _close(self, event: Any) -> None:
        done = self.open.pop()
        start = self._at(done.event.start_mark)
        flow = bool(done.event.flow_style)
        end = self._at(event.end_mark) if flow else self._block_end(done, start)
        body = self._body(start, end)
        keys, items, merges = tuple(done.keys), tuple(done.items), tuple(done.merges)
        node = build(
            done.shape, (start, body, end), tag=_tag(done.event), flow=flow, keys=keys, items=items, anchor=done.event.anchor, merges=merges
        )
        self._add(self._named(node))

    def _block_end(self, done: _Open, start: int) -> int:
        return max((node.end for node in (*done.items, *done.keys, *done.merges)), default=start)

    def _add(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        into = self.open[-1]
        if node.start == node.end:
            node = self._moved(node, into)
        if into.shape is Shape.SEQUENCE:
            into.items.append(node)
        elif into.key is None:
            if node.shape is not Shape.SCALAR or node.alias or node.tag:
                raise Rejected("a key that is no plain text", node.start)
            into.key = replace(node, value=self._key_text(node))
        elif into.key.value == "<<" and not into.key.style:
            into.key = None
            into.merges.extend(node.items if node.shape is Shape.SEQUENCE and not node.tag else [node])
        else:
            into.keys.append(into.key)
            into.items.append(node)
            into.key = None

    def _moved(self, node: Node, into: _Open) -> Node:
        """A value that is not written at all stands behind its colon or dash, not at whatever comes next."""
        if into.key is not None:
            at = self.text.find(":", into.key.end) + 1
        else:
            before = self.text[: node.start].rstrip()
            at = len(before) if before.endswith("-") else 0
        return replace(node, start=at, body=at, end=at) if 0 < at <= node.start else node

    def _key_text(self, node: Node) -> str:
        return node.value if isinstance(node.value, str) else self.text[node.body : node.end]


def _tag(event: Any) -> str:
    tag = getattr(event, "ctag", None)
    return str(tag) if tag is not None and str(tag) != "None" else ""


def plain(text: str) -> JSON:
    """An unquoted scalar's value."""
    lowered = text.lower() if text in {text.lower(), text.upper(), text.capitalize()} else text
    if lowered in _WORDS:
        return _WORDS[lowered]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _events(text: str) -> Iterator[Any]:
    yield from YAML(typ="safe", pure=True).parse(text)


def read_yaml(text: str, offset: int = 0) -> tuple[Node, frozenset[str]]:
    """The tree of one YAML document and the anchors it uses; `Rejected` where it is none."""
    composer = _Composer(text, offset)
    try:
        for event in _events(text[offset:]):
            composer.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Rejected(str(error.problem or error.context or "not YAML"), mark.index + offset if mark else -1) from error
    except YAMLError as error:  # a character that YAML does not allow
        raise Rejected(str(error).splitlines()[0] if str(error) else "not YAML", getattr(error, "position", -1)) from error
    except (ValueError, AssertionError, IndexError, RecursionError, AttributeError, TypeError) as error:  # ruamel.yaml on nonsense
        raise Rejected(f"not YAML: {type(error).__name__}") from error
    if composer.root is None:
        raise Rejected("the text is empty")
    return composer.root, frozenset(composer.used)
