"""One row of the message table: what a wording must look like, and what it then says. A `Message` goes in, a match or None comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

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

    def match(self, message: Message) -> re.Match[str] | None:
        """The match of `text`, or None if any of the patterns does not hold."""
        if self.handler and self.handler != message.handler_code:
            return None
        if self.http and not (message.http_status or "").startswith(self.http):
            return None
        if self.custom is not None and self.custom != message.custom:
            return None
        if (self.code and not message.code) or (self.operation and not message.operation) or not _may_match(self.text, message.lower):
            return None
        if self.code and not (message.code and _compiled(self.code, re.IGNORECASE).fullmatch(message.code)):
            return None
        if self.operation and not (message.operation and _compiled(self.operation).fullmatch(message.operation)):
            return None
        if self.type and not _compiled(self.type).fullmatch(message.resource_type):
            return None
        if self.service and not any(_compiled(self.service).fullmatch(service) for service in message.services):
            return None
        return _compiled(self.text).search(message.lower)


def any_of(*parts: str) -> str:
    """A pattern that matches where one of `parts` does."""
    return "|".join(parts)


@cache
def _compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Compiled when it is first needed: a run reads few reasons, and the table is long."""
    return re.compile(pattern, flags)


def _may_match(pattern: str, text: str) -> bool:
    literals = required_literals(pattern)
    return not literals or any(literal in text for literal in literals)


@cache
def required_literals(pattern: str) -> tuple[str, ...]:
    """For each alternative of `pattern` the longest plain text it cannot match without; () where one has none.

    If none of them is in a text, the pattern cannot match: a cheap test before the costly search.
    """
    literals, run, depth = [""], "", 0
    tokens = [*_TOKEN.findall(pattern), "|"]
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if depth == 0 and len(token) == 1 and token not in _SPECIAL and following[:1] not in _OPTIONAL:
            run += token
            continue
        literals[-1], run = max(literals[-1], run, key=len), ""
        if token == "|" and depth == 0:
            literals.append("")
        depth += (token == "(") - (token == ")")
    return tuple(literals[:-1]) if all(literals[:-1]) else ()
