"""One row of the message table: what a wording must look like, and what it then says. A `Message` goes in, a match or None comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stackdoctor.classify.envelope import Message
from stackdoctor.model import Category, DeniedBy


@dataclass(frozen=True, slots=True)
class Rule:
    """All patterns given must match; `text` is searched in the lower-cased inner message, the others match whole values.

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
    operation: str = ""
    custom: bool | None = None
    denied_by: DeniedBy | None = None
    explained: bool = False
    principal: str | None = None
    action: str | None = None
    example: str = ""
    example_type: str = ""
    source: str = ""
    hint: str = field(init=False, compare=False)
    _text: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _code: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _service: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _type: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _operation: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hint", required_literal(self.text))
        object.__setattr__(self, "_text", re.compile(self.text))
        object.__setattr__(self, "_code", re.compile(self.code, re.IGNORECASE))
        object.__setattr__(self, "_service", re.compile(self.service))
        object.__setattr__(self, "_type", re.compile(self.type))
        object.__setattr__(self, "_operation", re.compile(self.operation))

    def match(self, message: Message) -> re.Match[str] | None:
        """The match of `text`, or None if any of the patterns does not hold."""
        if self.hint and self.hint not in message.lower:
            return None
        if self.code and not (message.code and self._code.fullmatch(message.code)):
            return None
        if self.operation and not (message.operation and self._operation.fullmatch(message.operation)):
            return None
        if self.handler and self.handler != message.handler_code:
            return None
        if self.custom is not None and self.custom != message.custom:
            return None
        if self.type and not self._type.fullmatch(message.resource_type):
            return None
        if self.service and not any(self._service.fullmatch(service) for service in message.services):
            return None
        return self._text.search(message.lower)


def required_literal(pattern: str) -> str:
    """The longest plain text every match of `pattern` contains ("" if none is certain): a cheap test before the costly search."""
    depth, run, best, i = 0, "", "", 0
    while i < len(pattern):
        char = pattern[i]
        if char == "|" and depth == 0:
            return ""
        plain = depth == 0 and char not in "\\()[]{}.*+?^$|"
        optional = pattern[i + 1 : i + 2] in ("?", "*", "{")
        if plain and not optional:
            run += char
        else:
            best, run = max(best, run, key=len), ""
        if char == "\\":
            i += 1
        elif char == "[":
            i = pattern.index("]", i + 2)
        elif char == "{":
            i = pattern.index("}", i)
        depth += (char == "(") - (char == ")")
        i += 1
    return max(best, run, key=len)
