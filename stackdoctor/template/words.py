"""New texts in the template's own words: an account id, Region or ARN becomes the reference that the policy already uses.

A literal of a generated name would be wrong after the next deployment; a reference that the policy does not have yet
could close a circle of dependencies. So only what stands in the same resource is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.template.context import Context, Unresolved
from stackdoctor.template.resolve import resolve
from stackdoctor.template.source import Template, intrinsic

_SUB_NAME = re.compile(r"\$\{\s*(?!!)([A-Za-z0-9:.]+)\s*\}")
_PSEUDO = ("AWS::AccountId", "AWS::Region", "AWS::Partition", "AWS::URLSuffix")


@dataclass(frozen=True, slots=True)
class Words:
    """References of one resource with their values, the longest value first."""

    known: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, template: Template, logical_id: str, context: Context) -> Words:
        """The references in this resource that resolve to a text."""
        found: dict[str, str] = {}
        for name in _references(template.section("Resources").get(logical_id)):
            if name not in _PSEUDO and name.partition(".")[0] not in template.section("Resources"):
                continue  # a parameter's value is a word that may stand there by chance
            value = resolve(template, {"Fn::Sub": "${" + name + "}"}, context)
            if isinstance(value, str) and not isinstance(value, Unresolved) and value:
                found.setdefault(value, name)
        return cls(tuple(sorted(found.items(), key=lambda pair: -len(pair[0]))))

    def express(self, value: JSON) -> JSON:
        """A literal value with every text put in the template's own words."""
        match value:
            case dict():
                return {name: self.express(item) for name, item in value.items()}
            case list():
                return [self.express(item) for item in value]
            case str():
                return self.text(value)
        return value

    def text(self, value: str) -> JSON:
        pieces = self.pieces(value)
        names = [piece for known, piece in pieces if known]
        if not names:
            return value
        if len(pieces) == 1:
            logical_id, dot, attribute = names[0].partition(".")
            return {"Fn::GetAtt": [logical_id, attribute]} if dot else {"Ref": logical_id}
        return {"Fn::Sub": self.sub(value)}

    def sub(self, value: str, *, arn: bool | None = None) -> str:
        """The text as Fn::Sub takes it."""
        return "".join("${" + piece + "}" if known else piece.replace("${", "${!") for known, piece in self.pieces(value, arn=arn))

    def pieces(self, value: str, *, arn: bool | None = None) -> list[tuple[bool, str]]:
        """The text cut into names (True) and literals (False)."""
        is_arn = value.startswith("arn:") if arn is None else arn
        pieces = [(False, value)]
        for literal, name in self.known:
            if name not in _PSEUDO and not is_arn and literal != value:
                continue
            pattern = _where(name, literal)
            pieces = [made for piece in pieces for made in ([piece] if piece[0] else _cut(piece[1], pattern, name))]
        return pieces


def _where(name: str, literal: str) -> re.Pattern[str]:
    escaped = re.escape(literal)
    if name == "AWS::Partition":
        return re.compile(rf"(?<=^arn:){escaped}(?=:)")
    if name == "AWS::URLSuffix":
        return re.compile(rf"(?<=\.){escaped}$")
    return re.compile(rf"(?<![A-Za-z0-9-]){escaped}(?![A-Za-z0-9-])" if name in _PSEUDO else rf"(?<![\w.-]){escaped}(?![\w.-])")


def _cut(literal: str, pattern: re.Pattern[str], name: str) -> Iterator[tuple[bool, str]]:
    at = 0
    for found in pattern.finditer(literal):
        if found.start() > at:
            yield False, literal[at : found.start()]
        yield True, name
        at = found.end()
    if at < len(literal):
        yield False, literal[at:]


def _references(value: JSON) -> Iterator[str]:
    match intrinsic(value):
        case ("Ref", str(name)):
            yield name
        case ("Fn::GetAtt", [str(name), str(attribute)]):
            yield f"{name}.{attribute}"
        case ("Fn::Sub", [str(text), dict(variables)]):
            yield from (name for name in _SUB_NAME.findall(text) if name not in variables)
            yield from _references(variables)
        case ("Fn::Sub", str(text)):
            yield from _SUB_NAME.findall(text)
        case _:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            for item in inner:
                yield from _references(item)
