"""JSON text → nodes. The standard library's parser keeps no positions and takes duplicate keys; this one does neither."""

from __future__ import annotations

import json
import re

from stackdoctor.model import JSON
from stackdoctor.template.source import MAX_DEPTH, Node, Rejected, Shape, build

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, JSON] = {"true": True, "false": False, "null": None}
_DECODER = json.JSONDecoder(strict=False)


def read_json(text: str, offset: int = 0) -> Node:
    """The tree of one JSON document; `Rejected` where it is none."""
    node = _value(text, _skip(text, offset), 0)
    end = _skip(text, node.end)
    if end != len(text):
        raise Rejected("text after the end of the document", end)
    return node


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise Rejected(f"nested deeper than {MAX_DEPTH}", at)
    match text[at : at + 1]:
        case "{" | "[":
            return _collection(text, at, depth)
        case '"':
            return _string(text, at)
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return Node(Shape.SCALAR, at, at, at + len(word), value)
    number = _NUMBER.match(text, at)
    if not number:
        raise Rejected("a JSON value is missing here", at)
    return Node(Shape.SCALAR, at, at, number.end(), _number(number.group(), at))


def _number(text: str, at: int) -> int | float:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Rejected("not a number", at) from error
    return value if isinstance(value, int | float) else 0


def _string(text: str, at: int) -> Node:
    found = _STRING.match(text, at)
    if not found:
        raise Rejected("a string without an end", at)
    try:
        value = _DECODER.decode(found.group())
    except ValueError as error:
        raise Rejected("a string with a wrong escape", at) from error
    return Node(Shape.SCALAR, at, at, found.end(), str(value), style='"')


def _collection(text: str, start: int, depth: int) -> Node:
    mapping = text[start] == "{"
    close = "}" if mapping else "]"
    keys: list[Node] = []
    items: list[Node] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != close or items:
        if mapping:
            if text[at : at + 1] != '"':
                raise Rejected("a key in double quotes is missing here", at)
            keys.append(_string(text, at))
            at = _skip(text, keys[-1].end)
            if text[at : at + 1] != ":":
                raise Rejected("a colon is missing here", at)
            at = _skip(text, at + 1)
        items.append(_value(text, at, depth + 1))
        at = _skip(text, items[-1].end)
        if text[at : at + 1] == close:
            break
        if text[at : at + 1] != ",":
            raise Rejected(f"a comma or {close} is missing here", at)
        at = _skip(text, at + 1)
    shape = Shape.MAPPING if mapping else Shape.SEQUENCE
    return build(shape, (start, start, at + 1), flow=True, keys=tuple(keys), items=tuple(items))
