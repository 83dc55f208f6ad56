"""Policy text → a compiled `Policy`, or a `Malformed` value that names the place. Never an exception.

The document is kept as it was parsed, key order and all; what is unusual but legal is evaluated and noted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from stackdoctor.policy.conditions import Clause, compile_clause
from stackdoctor.policy.principals import PrincipalSet, compile_principals
from stackdoctor.policy.results import Element
from stackdoctor.policy.statement import Statement, Texts, compile_texts

MAX_DEPTH = 32
"""AWS's grammar nests at most six deep."""

VERSIONS = ("2012-10-17", "2008-10-17")


class PolicyKind(StrEnum):
    """Whose policy it is; a few rules differ (a key policy's statement without Resource is dead)."""

    BUCKET = "bucket"
    KEY = "key"
    QUEUE = "queue"
    TOPIC = "topic"
    FUNCTION = "function"
    RCP = "rcp"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Text that is no policy: where (`Statement[1].Effect`) and what is wrong. One line of plain text each."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing about a document that is evaluated all the same."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A policy compiled once. `document` is the JSON as parsed; `statements` are in its order."""

    document: Mapping[str, Any]
    kind: PolicyKind
    version: str | None
    statements: tuple[Statement, ...]
    notes: tuple[Note, ...] = ()


class _Wrong(Exception):
    """Control flow inside this module; never seen outside."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem


def parse(document: str | Mapping[str, Any], kind: PolicyKind = PolicyKind.OTHER) -> Policy | Malformed:
    """Reads and compiles a policy. Everything AWS would store is accepted; anything else is a `Malformed` value."""
    notes: list[Note] = []
    try:
        body = _decode(document, notes) if isinstance(document, str) else document
        _check_shape(body, thorough=not isinstance(document, str) or document.count("{") + document.count("[") > MAX_DEPTH)
        return _compile(body, kind, notes)
    except _Wrong as wrong:
        return Malformed(wrong.place, wrong.problem)


# ---------------------------------------------------------------------------------------------- JSON
def _reject(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _decode(text: str, notes: list[Note]) -> Any:
    if text.startswith("\ufeff"):
        raise _Wrong("document", "starts with a byte order mark; AWS wants `{` as the first byte")
    repeated: list[str] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.extend(dict.fromkeys(name for name in names if names.count(name) > 1))
        return made

    try:
        body = json.JSONDecoder(object_pairs_hook=build, parse_constant=_reject).decode(text)
    except RecursionError:
        raise _Wrong("document", f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise _Wrong("document", f"is not JSON: {_one_line(str(error))}") from None
    notes.extend(Note("document", f"the name {name!r} stands twice in one object; only the last counts") for name in repeated)
    return body


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _check_shape(body: Any, *, thorough: bool) -> None:
    if not isinstance(body, Mapping):
        raise _Wrong("document", f"is {_name(body)}, not an object")
    if thorough and _too_deep(body):
        raise _Wrong("document", f"is nested deeper than {MAX_DEPTH} levels")


def _too_deep(body: Any) -> bool:
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


# ---------------------------------------------------------------------------------------------- the document
def _compile(body: Mapping[str, Any], kind: PolicyKind, notes: list[Note]) -> Policy:
    version = body.get("Version")
    if version is not None and version not in VERSIONS:
        raise _Wrong("Version", f"is {_show(version)}, neither 2012-10-17 nor 2008-10-17")
    if "Statement" not in body:
        raise _Wrong("Statement", "is missing")
    raw = body["Statement"]
    listed = isinstance(raw, list | tuple)
    if not listed and not isinstance(raw, Mapping):
        raise _Wrong("Statement", f"is {_name(raw)}, neither an object nor a list of objects")
    variables = version == VERSIONS[0]
    statements = tuple(
        _statement(item, index, f"Statement[{index}]" if listed else "Statement", kind, notes, variables=variables)
        for index, item in enumerate(raw if listed else [raw])
    )
    _note_sids(statements, notes)
    return Policy(body, kind, version, statements, tuple(notes))


def _note_sids(statements: tuple[Statement, ...], notes: list[Note]) -> None:
    seen: set[str] = set()
    for statement in statements:
        if statement.sid and statement.sid in seen:
            notes.append(Note(f"Statement[{statement.index}].Sid", f"{_show(statement.sid)} is used twice"))
        seen.add(statement.sid or "")


def _statement(raw: Any, index: int, place: str, kind: PolicyKind, notes: list[Note], *, variables: bool) -> Statement:
    if not isinstance(raw, Mapping):
        raise _Wrong(place, f"is {_name(raw)}, not an object")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _Wrong(f"{place}.Effect", "is missing" if effect is None else f"is {_show(effect)}, neither Allow nor Deny")
    sid = raw.get("Sid")
    if sid is not None and (isinstance(sid, bool) or not isinstance(sid, str | int)):
        raise _Wrong(f"{place}.Sid", f"is {_name(sid)}, not a text")
    principal, principals = _principals(raw, place)
    action, actions = _texts(raw, place, _ACTION, variables=False)
    resource, resources = _texts(raw, place, _RESOURCE, variables=variables)
    statement = Statement(
        index=index,
        sid=None if sid is None else str(sid),
        effect=effect,
        raw=raw,
        principal_element=principal,
        principals=principals,
        action_element=action,
        actions=actions,
        resource_element=resource,
        resources=resources,
        clauses=_clauses(raw, place, variables=variables),
        about_key=kind is PolicyKind.KEY,
        variables=variables,
        dead=_why_dead(principals, actions, resources, kind),
    )
    _note_statement(statement, place, notes)
    return statement


def _why_dead(principals: PrincipalSet | None, actions: Texts | None, resources: Texts | None, kind: PolicyKind) -> str:
    """Why a statement can never apply; a key policy is stored without Resource or Action, to no effect.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
    """
    if actions is None:
        return "it has neither Action nor NotAction"
    if resources is None and kind in _NEED_RESOURCE:
        return "it has neither Resource nor NotResource"
    if principals is None and kind is not PolicyKind.RCP:
        return "it has neither Principal nor NotPrincipal"
    return ""


_NEED_RESOURCE = frozenset({PolicyKind.KEY, PolicyKind.BUCKET, PolicyKind.RCP})
_ELEMENTS = frozenset({"Sid", "Effect", "Condition", *(element.value for element in Element)} - {"Statement"})


def _note_statement(statement: Statement, place: str, notes: list[Note]) -> None:
    if statement.dead:
        notes.append(Note(place, f"has no effect: {statement.dead}"))
    principals = statement.principals
    if principals is not None:
        where = f"{place}.{statement.principal_element}"
        for names, text in (
            (principals.deleted, "is the id of a principal that was deleted; it names nobody"),
            (principals.wildcarded, "wildcards for part of a name match nobody"),
            (principals.unknown, "is not a type of principal AWS documents"),
        ):
            notes.extend(Note(where, f"{_show(name)}: {text}") for name in names)
    notes.extend(
        Note(f"{place}.Condition.{clause.operator}", "is not a condition operator; its clauses are undecided")
        for clause in statement.clauses
        if clause.op is None
    )
    notes.extend(Note(f"{place}.{name}", "is not an element of a statement") for name in statement.raw if name not in _ELEMENTS)


# ---------------------------------------------------------------------------------------------- elements
_ACTION, _RESOURCE, _PRINCIPAL = ((Element(name), Element(f"Not{name}")) for name in ("Action", "Resource", "Principal"))


def _either(raw: Mapping[str, Any], place: str, pair: tuple[Element, Element]) -> Element | None:
    """Which of `Action` and `NotAction` (or the like) the statement has."""
    positive, negative = pair
    if positive.value in raw:
        if negative.value in raw:
            raise _Wrong(place, f"has both {positive} and {negative}")
        return positive
    return negative if negative.value in raw else None


def _texts(raw: Mapping[str, Any], place: str, pair: tuple[Element, Element], *, variables: bool) -> tuple[Element | None, Texts | None]:
    element = _either(raw, place, pair)
    if element is None:
        return None, None
    written = raw[element.value]
    if not isinstance(written, str):
        written = _strings(written, f"{place}.{element}")
    return element, compile_texts((written,) if isinstance(written, str) else written, fold=pair is _ACTION, variables=variables)


def _strings(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _Wrong(place, f"is {_name(value)}, neither a text nor a list of texts")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise _Wrong(f"{place}[{index}]", f"is {_name(item)}, not a text")
    return tuple(value)


def _principals(raw: Mapping[str, Any], place: str) -> tuple[Element | None, PrincipalSet | None]:
    element = _either(raw, place, _PRINCIPAL)
    if element is None:
        return None, None
    value = raw[element.value]
    where = f"{place}.{element}"
    if isinstance(value, str):
        return element, compile_principals((("", value),))
    if not isinstance(value, Mapping):
        raise _Wrong(where, f"is {_name(value)}, neither `*` nor an object")
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
            raise _Wrong(f"{place}.{kind}", f"is {_name(item)}, neither a text nor a list of texts")


def _clauses(raw: Mapping[str, Any], place: str, *, variables: bool) -> tuple[Clause, ...]:
    if "Condition" not in raw:
        return ()
    condition = raw["Condition"]
    if not isinstance(condition, Mapping):
        raise _Wrong(f"{place}.Condition", f"is {_name(condition)}, not an object")
    clauses: list[Clause] = []
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping):
            raise _Wrong(f"{place}.Condition.{operator}", f"is {_name(keys)}, not an object")
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
            raise _Wrong(place, f"holds {_name(item)}, not a text")


def _name(value: Any) -> str:
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


def _show(value: Any) -> str:
    return json.dumps(value[:80]) if isinstance(value, str) else _name(value)
