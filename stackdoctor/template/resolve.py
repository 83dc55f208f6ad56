"""Template values → what CloudFormation made of them, as far as the deployed values tell; the rest is `Unresolved`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stackdoctor.model import JSON
from stackdoctor.template.context import ATTRIBUTES, IAM_KINDS, NAMED, Context, Unresolved
from stackdoctor.template.source import Template, intrinsic

_VARIABLE = re.compile(r"\$\{(!?)\s*([^}]*?)\s*\}")
_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")


class _NoValue:
    """AWS::NoValue: the property or item is left out."""


_NO_VALUE = _NoValue()
_Result: TypeAlias = "JSON | _NoValue"


def resolve(template: Template, value: JSON, context: Context) -> JSON:
    """A value of the template (long form) as deployed. `AWS::NoValue` at the very top gives None."""
    found = _resolved(template, value, context)
    return None if isinstance(found, _NoValue) else found


def is_no_value(template: Template, value: JSON, context: Context) -> bool:
    """Whether a value is left out."""
    return isinstance(_resolved(template, value, context), _NoValue)


def _resolved(template: Template, value: JSON, context: Context) -> _Result:
    try:
        return _Resolver(template, context).value(value)
    except RecursionError:  # names that need names that need names, deeper than any honest template
        return Unresolved("${nested too deep}")


def condition(template: Template, name: JSON, context: Context) -> bool | None:
    """A named condition; None where the known values do not decide it."""
    try:
        return _Resolver(template, context).condition(name)
    except RecursionError:
        return None


def resource_properties(template: Template, logical_id: str, context: Context) -> dict[str, JSON] | None:
    """The properties of a resource as deployed, with `Unresolved` where a value is not known; None without such a resource."""
    resource = template.section("Resources").get(logical_id)
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        return None
    properties = resolve(template, resource.get("Properties") or {}, context)
    return properties if isinstance(properties, dict) else {}


def sub_pieces(template: Template, text: str, variables: Mapping[str, JSON], context: Context) -> list[tuple[int, int, JSON]]:
    """A text of Fn::Sub cut up: literal, variable, literal, …, each with where it stands in the text and its value."""
    try:
        return _Resolver(template, context).pieces(text, variables)
    except RecursionError:
        return [(0, len(text), Unresolved("${nested too deep}"))]


@dataclass(frozen=True, slots=True)
class _Resolver:
    template: Template
    context: Context
    names: dict[str, str | None] = field(default_factory=dict)  # physical ids found; None also while one is looked for
    held: dict[str, bool | None] = field(default_factory=dict)  # conditions alike

    def value(self, value: JSON) -> _Result:
        found = intrinsic(value)
        if found is not None:
            return self.function(*found)
        match value:
            case dict():
                made = {name: self.value(item) for name, item in value.items()}
                return {name: item for name, item in made.items() if not isinstance(item, _NoValue)}
            case list():
                items = [self.value(item) for item in value]
                return [item for item in items if not isinstance(item, _NoValue)]
            case str() if "{{resolve:" in value:
                return _joined(
                    [_DYNAMIC_HOLE if _DYNAMIC.fullmatch(part) else part for part in re.split(r"(\{\{resolve:[^}]*\}\})", value)]
                )
        return value

    def plain(self, value: JSON) -> JSON:
        """A value where AWS::NoValue has no meaning."""
        found = self.value(value)
        return Unresolved("${AWS::NoValue}") if isinstance(found, _NoValue) else found

    def function(self, name: str, argument: JSON) -> _Result:
        match name:
            case "Ref" if argument == "AWS::NoValue":
                return _NO_VALUE
            case "Ref" if isinstance(argument, str):
                return self.ref(argument)
            case "Fn::GetAtt" if isinstance(argument, list) and len(argument) == 2 and all(isinstance(part, str) for part in argument):
                return self.attribute(str(argument[0]), str(argument[1]))
            case "Fn::Sub":
                return self.sub(argument)
            case "Fn::Join" if isinstance(argument, list) and len(argument) == 2:
                return self.join(self.plain(argument[0]), self.plain(argument[1]))
            case "Fn::Split" if isinstance(argument, list) and len(argument) == 2:
                return self.split(self.plain(argument[0]), self.plain(argument[1]))
            case "Fn::Select" if isinstance(argument, list) and len(argument) == 2:
                return self.select(self.plain(argument[0]), self.plain(argument[1]))
            case "Fn::If" if isinstance(argument, list) and len(argument) == 3:
                holds = self.condition(argument[0])
                return Unresolved("${Fn::If}") if holds is None else self.value(argument[1] if holds else argument[2])
            case "Fn::FindInMap" if isinstance(argument, list) and len(argument) >= 3:
                return self.find_in_map(argument)
        return Unresolved("${" + name + "}")

    def ref(self, name: str) -> JSON:
        if name.startswith("AWS::"):
            if name == "AWS::NotificationARNs":
                return Unresolved("${AWS::NotificationARNs}")
            return self.context.pseudo(name) or Unresolved("${" + name + "}")
        if name in self.template.section("Parameters"):
            return self.parameter(name)
        return self.physical_id(name) or Unresolved("${" + name + "}")

    def parameter(self, name: str) -> JSON:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""
        declared = self.template.section("Parameters").get(name)
        unknown = Unresolved("${" + name + "}")
        if not isinstance(declared, dict) or str(declared.get("NoEcho", "")).lower() == "true":
            return unknown
        kind = str(declared.get("Type", "String"))
        value = self.context.parameters.get(name)
        if value is None and self.context.defaults and not kind.startswith("AWS::SSM::"):
            value = declared.get("Default")
        if value is None or isinstance(value, dict):
            return unknown
        if isinstance(value, str) and ("List<" in kind or kind == "CommaDelimitedList"):
            return [part.strip() for part in value.split(",")]
        return value if isinstance(value, list) else _text(value)

    def physical_id(self, name: str) -> str | None:
        """From the stack's resources, else from the property that names the resource."""
        known = self.context.physical_ids.get(name)
        if known:
            return known
        if name not in self.names:
            self.names[name] = None
            self.names[name] = self.name_of(self.template.section("Resources").get(name))
        return self.names[name]

    def name_of(self, resource: JSON) -> str | None:
        if not isinstance(resource, dict) or not isinstance(properties := resource.get("Properties"), dict):
            return None
        named = NAMED.get(str(resource.get("Type")))
        if named is None or properties.get(named[0]) is None:
            return None
        value = self.plain(properties[named[0]])
        return named[1](value, self.context) if isinstance(value, str) and not isinstance(value, Unresolved) else None

    def attribute(self, logical_id: str, attribute: str) -> JSON:
        unknown = Unresolved("${" + f"{logical_id}.{attribute}" + "}")
        known = self.context.attributes.get(f"{logical_id}.{attribute}")
        physical_id = self.physical_id(logical_id)
        resource = self.template.section("Resources").get(logical_id)
        if known or not physical_id or not isinstance(resource, dict):
            return known or unknown
        kind = str(resource.get("Type"))
        derive = ATTRIBUTES.get(kind, {}).get(attribute)
        if derive is not None:
            return derive(physical_id, self.context)
        if kind in IAM_KINDS and attribute == "Arn":
            return self.iam_arn(IAM_KINDS[kind], physical_id, resource.get("Properties")) or unknown
        return unknown

    def iam_arn(self, kind: str, name: str, properties: JSON) -> str | None:
        raw = properties.get("Path") if isinstance(properties, dict) else None
        path = "/" if raw is None else self.plain(raw)
        if not isinstance(path, str) or isinstance(path, Unresolved):
            return None
        return f"arn:{self.context.partition}:iam::{self.context.account}:{kind}{path}{name}"

    def sub(self, argument: JSON) -> JSON:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html"""
        text, variables = argument, {}
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
            text, variables = argument[0], argument[1]
        if not isinstance(text, str):
            return Unresolved("${Fn::Sub}")
        return _joined([value for _start, _end, value in self.pieces(text, variables)])

    def pieces(self, text: str, variables: Mapping[str, JSON]) -> list[tuple[int, int, JSON]]:
        """A Sub text cut into what it is made of: where each piece stands, and its value."""
        made: list[tuple[int, int, JSON]] = []
        at = 0
        for found in _VARIABLE.finditer(text):
            made.append((at, found.start(), text[at : found.start()]))
            literal, name = found.groups()
            made.append((found.start(), found.end(), "${" + name + "}" if literal else self.variable(name, variables)))
            at = found.end()
        return [*made, (at, len(text), text[at:])]

    def variable(self, name: str, variables: Mapping[str, JSON]) -> JSON:
        if name in variables:
            return self.plain(variables[name])
        logical_id, dot, attribute = name.partition(".")
        return self.attribute(logical_id, attribute) if dot else self.ref(name)

    def join(self, separator: JSON, items: JSON) -> JSON:
        if not isinstance(separator, str) or not isinstance(items, list):
            return Unresolved("${Fn::Join}")
        pieces: list[JSON] = []
        for item in items:
            if pieces:
                pieces.append(separator)
            pieces.append(item)
        return _joined(pieces)

    def split(self, separator: JSON, text: JSON) -> JSON:
        if isinstance(text, Unresolved) or not isinstance(separator, str) or not isinstance(text, str) or not separator:
            return Unresolved("${Fn::Split}")
        return list(text.split(separator))

    def select(self, index: JSON, items: JSON) -> JSON:
        try:
            return items[int(str(index))] if isinstance(items, list) and int(str(index)) >= 0 else Unresolved("${Fn::Select}")
        except (ValueError, IndexError):
            return Unresolved("${Fn::Select}")

    def find_in_map(self, argument: list[JSON]) -> JSON:
        found: JSON = dict(self.template.section("Mappings"))
        for part in argument[:3]:
            key = self.plain(part)
            if isinstance(key, Unresolved) or not isinstance(found, dict) or _text(key) not in found:
                return Unresolved("${Fn::FindInMap}")
            found = found[_text(key)]
        return found

    def condition(self, named: JSON) -> bool | None:
        name = _name(named, self.template.section("Conditions"))
        if name in self.context.conditions:
            return self.context.conditions[name]
        conditions = self.template.section("Conditions")
        if name in conditions and name not in self.held:
            self.held[name] = None
            self.held[name] = self.holds(conditions[name])
        return self.held.get(name)

    def holds(self, value: JSON) -> bool | None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html"""
        match intrinsic(value):
            case ("Condition", name):
                return self.condition(name)
            case ("Fn::Equals", [left, right]):
                return self.equal(self.plain(left), self.plain(right))
            case ("Fn::Not", [inner]):
                held = self.holds(inner)
                return None if held is None else not held
            case ("Fn::And", list(inner)):
                each = [self.holds(item) for item in inner]
                return False if False in each else None if None in each else True
            case ("Fn::Or", list(inner)):
                each = [self.holds(item) for item in inner]
                return True if True in each else None if None in each else False
        return None

    def equal(self, left: JSON, right: JSON) -> bool | None:
        if isinstance(left, Unresolved) or isinstance(right, Unresolved):
            return None
        return _text(left) == _text(right)


_DYNAMIC_HOLE = Unresolved("${resolve}")


def _name(named: JSON, known: Mapping[str, JSON]) -> str:
    """A condition's name; one called Yes is true where it is used without quotes."""
    if not isinstance(named, bool):
        return str(named)
    words = ("yes", "on", "true") if named else ("no", "off", "false")
    return next((name for name in known if name.lower() in words), str(named))


def _text(value: JSON) -> str:
    """A scalar as CloudFormation writes it into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(pieces: list[JSON]) -> JSON:
    """One string of many pieces; `Unresolved`, with holes, where one of them is not known."""
    parts: list[str | None] = []
    for piece in pieces:
        inner: tuple[str | None, ...] = piece.parts if isinstance(piece, Unresolved) else (_text(piece),)
        if isinstance(piece, dict | list):
            inner = (None,)
        for part in inner:
            if part is not None and parts and parts[-1] is not None:
                parts[-1] += part
            else:
                parts.append(part)
    if None not in parts:
        return "".join(part for part in parts if part is not None)
    return Unresolved("".join(_text(piece) for piece in pieces), tuple(part for part in parts if part != ""))
