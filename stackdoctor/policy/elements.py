"""The elements of a statement: JSON in, compiled matchers out. What AWS's grammar does not allow is raised as `Wrong`.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from stackdoctor.policy.conditions import Clause, compile_clause
from stackdoctor.policy.principals import PrincipalSet, compile_principals
from stackdoctor.policy.results import Element
from stackdoctor.policy.statement import Texts, compile_texts


class Wrong(Exception):
    """Malformed text: control flow between here and `document.parse`, never seen outside."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem


@dataclass(frozen=True, slots=True)
class Pair:
    """An element and its negation, with their names as the document has them."""

    positive: Element
    negative: Element
    name: str
    negative_name: str


ACTION, RESOURCE, PRINCIPAL = (
    Pair(Element(name), Element(f"Not{name}"), name, f"Not{name}") for name in ("Action", "Resource", "Principal")
)
ElementTexts: TypeAlias = "tuple[Element | None, Texts | None]"


def _either(raw: Mapping[str, Any], place: str, pair: Pair) -> tuple[Element | None, Any]:
    """Which of `Action` and `NotAction` (or the like) the statement has, and what stands there."""
    if pair.name in raw:
        if pair.negative_name in raw:
            raise Wrong(place, f"has both {pair.positive} and {pair.negative}")
        return pair.positive, raw[pair.name]
    return (pair.negative, raw[pair.negative_name]) if pair.negative_name in raw else (None, None)


def read_texts(raw: Mapping[str, Any], place: str, pair: Pair, *, variables: bool) -> ElementTexts:
    """`Action` or `NotAction`, `Resource` or `NotResource`: which of the two, and its values; None where there is neither."""
    element, written = _either(raw, place, pair)
    if element is None:
        return None, None
    texts = (written,) if isinstance(written, str) else _strings(written, f"{place}.{element}")
    return element, compile_texts(texts, fold=pair is ACTION, variables=variables)


def _strings(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise Wrong(place, f"is {name_type(value)}, neither a text nor a list of texts")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise Wrong(f"{place}[{index}]", f"is {name_type(item)}, not a text")
    return tuple(value)


def read_principals(raw: Mapping[str, Any], place: str) -> tuple[Element | None, PrincipalSet | None]:
    """`Principal` or `NotPrincipal`: which of the two, and whom it names; None where there is neither."""
    element, value = _either(raw, place, PRINCIPAL)
    if element is None:
        return None, None
    where = f"{place}.{element}"
    if isinstance(value, str):
        return element, compile_principals((("", value),))
    if not isinstance(value, Mapping):
        raise Wrong(where, f"is {name_type(value)}, neither `*` nor an object")
    entries = tuple((str(kind), name) for kind, names in value.items() for name in _names(names, where, kind))
    return element, compile_principals(entries)


def _names(value: Any, place: str, kind: object) -> Iterator[str]:
    """Principal names; an account id that lost its quotes (and leading zeros) is taken for what it is."""
    for item in value if isinstance(value, list | tuple) else (value,):
        if isinstance(item, str):
            yield item
        elif type(item) is int:
            yield f"{item:012d}"
        else:
            raise Wrong(f"{place}.{kind}", f"is {name_type(item)}, neither a text nor a list of texts")


def read_clauses(raw: Mapping[str, Any], place: str, *, variables: bool) -> tuple[Clause, ...]:
    """The clauses of the Condition, in the order written."""
    if "Condition" not in raw:
        return ()
    condition = raw["Condition"]
    if not isinstance(condition, Mapping):
        raise Wrong(f"{place}.Condition", f"is {name_type(condition)}, not an object")
    clauses: list[Clause] = []
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping):
            raise Wrong(f"{place}.Condition.{operator}", f"is {name_type(keys)}, not an object")
        for key, value in keys.items():
            expected = (value,) if isinstance(value, str) else _values(value, f"{place}.Condition.{operator}.{key}")
            clauses.append(compile_clause(str(operator), str(key), expected, variables=variables))
    return tuple(clauses)


def _values(value: Any, place: str) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(_value(item, place) for item in items)


def _value(item: Any, place: str) -> str:
    """A condition value as text; JSON booleans and numbers are legal and read as their text."""
    match item:
        case str():
            return item
        case bool():
            return "true" if item else "false"
        case int() | float():
            return json.dumps(item) if abs(item) < 10**300 else "inf"
        case _:
            raise Wrong(place, f"holds {name_type(item)}, not a text")


def name_type(value: Any) -> str:
    """A value's JSON type, for a sentence."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def show(value: Any) -> str:
    """A value for a sentence: text in quotes and cut short, everything else by its type."""
    return json.dumps(value[:80]) if isinstance(value, str) else name_type(value)
