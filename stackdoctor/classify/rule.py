"""One row of the message table: what a wording must look like, and what it then says. A `Message` goes in, a match or None comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from stackdoctor.classify.envelope import Message
from stackdoctor.model import Category, DeniedBy

_TOKEN = re.compile(r"\\.|\[\^?\]?[^\]]*\]|\{\d*,?\d*\}|.", re.DOTALL)
_SPECIAL = frozenset(".^$*+?|()")
_OPTIONAL = ("?", "*", "{")


@dataclass(frozen=True, slots=True)
class Rule:
    """All patterns given must match: `text` is searched in the lower-cased inner message, `http` begins the HTTP status,
    the others match whole values.

    Named groups of `text` fill the answer: principal, action, resource, bucket, object, key, operation with service.
    `source` is where `example` was found; `example_type` its resource type. `principal` and `action` are what the wording implies.
    """

    id: str
    category: Category
    text: str = ""
    code: str = ""
    service: str = ""
    type: str = ""
    handler: str = ""
    http: str = ""
    operation: str = ""
    custom: bool | None = None
    denied_by: DeniedBy | None = None
    explained: bool = False
    principal: str | None = None
    action: str | None = None
    example: str = ""
    example_type: str = ""
    source: str = ""
    literals: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _text: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _code: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _service: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _type: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _operation: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "literals", required_literals(self.text))
        object.__setattr__(self, "_text", re.compile(self.text))
        object.__setattr__(self, "_code", re.compile(self.code, re.IGNORECASE))
        object.__setattr__(self, "_service", re.compile(self.service))
        object.__setattr__(self, "_type", re.compile(self.type))
        object.__setattr__(self, "_operation", re.compile(self.operation))

    def match(self, message: Message) -> re.Match[str] | None:
        """The match of `text`, or None if any of the patterns does not hold."""
        if self.literals and not any(literal in message.lower for literal in self.literals):
            return None
        if self.code and not (message.code and self._code.fullmatch(message.code)):
            return None
        if self.operation and not (message.operation and self._operation.fullmatch(message.operation)):
            return None
        if self.handler and self.handler != message.handler_code:
            return None
        if self.http and not (message.http_status or "").startswith(self.http):
            return None
        if self.custom is not None and self.custom != message.custom:
            return None
        if self.type and not self._type.fullmatch(message.resource_type):
            return None
        if self.service and not any(self._service.fullmatch(service) for service in message.services):
            return None
        return self._text.search(message.lower)


def any_of(*parts: str) -> str:
    """A pattern that matches where one of `parts` does."""
    return "|".join(parts)


def required_literals(pattern: str) -> tuple[str, ...]:
    """For each alternative of `pattern` the longest plain text it cannot match without; () where one has none.

    If none of them is in a text, the pattern cannot match: a cheap test before the costly search.
    """
    literals = tuple(_longest_literal(alternative) for alternative in _alternatives(pattern))
    return literals if all(literals) else ()


def _tokens(pattern: str) -> Iterator[tuple[str, int]]:
    """The pattern's characters, escapes, classes and repetitions, each with the depth of groups it stands in."""
    depth = 0
    for match in _TOKEN.finditer(pattern):
        depth -= match[0] == ")"
        yield match[0], depth
        depth += match[0] == "("


def _alternatives(pattern: str) -> list[str]:
    """The parts of `pattern` between its outermost bars."""
    parts = [""]
    for token, depth in _tokens(pattern):
        if token == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _longest_literal(alternative: str) -> str:
    tokens = [*_tokens(alternative), ("", 0)]
    run = best = ""
    for (token, depth), (following, _) in pairwise(tokens):
        plain = depth == 0 and len(token) == 1 and token not in _SPECIAL and following[:1] not in _OPTIONAL
        run = run + token if plain else ""
        best = max(best, run, key=len)
    return best
