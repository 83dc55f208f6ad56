"""Policy text → a compiled `Policy`, or a `Malformed` value that names the place. Never an exception.

The document is kept as it was parsed, key order and all; what is unusual but legal is evaluated and noted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from stackdoctor.policy.elements import ACTION, RESOURCE, Wrong, name_type, read_clauses, read_principals, read_texts, show
from stackdoctor.policy.principals import PrincipalSet
from stackdoctor.policy.results import Element
from stackdoctor.policy.statement import Statement, Texts

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


def parse(document: str | Mapping[str, Any], kind: PolicyKind = PolicyKind.OTHER) -> Policy | Malformed:
    """Reads and compiles a policy. Everything AWS would store is accepted; anything else is a `Malformed` value."""
    notes: list[Note] = []
    try:
        body = _decode(document) if isinstance(document, str) else document
        names = _count_names(body)
        if isinstance(document, str) and document.count('":') != names:
            notes.extend(_repeated(document))
        return _compile(body, kind, notes)
    except Wrong as wrong:
        return Malformed(wrong.place, wrong.problem)


# ---------------------------------------------------------------------------------------------- JSON
def _reject(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_reject)


def _decode(text: str) -> Any:
    if text.startswith("\ufeff"):
        raise Wrong("document", "starts with a byte order mark; AWS wants `{` as the first byte")
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise Wrong("document", f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise Wrong("document", f"is not JSON: {_one_line(str(error))}") from None


def _repeated(text: str) -> list[Note]:
    """Names that stand twice in one object, of a text that is known to be JSON."""
    found: dict[str, None] = {}

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            found.update((name, None) for name in names if names.count(name) > 1)
        return made

    json.JSONDecoder(object_pairs_hook=build).decode(text)
    return [Note("document", f"the name {show(name)} stands twice in one object; only the last counts") for name in found]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _count_names(body: Any) -> int:
    """How many names all objects of a document have; raises Wrong where it is no object or nested deeper than any policy.

    Fewer than the text has are a sign of names given twice, which JSON's readers keep silent about.
    """
    if not isinstance(body, Mapping):
        raise Wrong("document", f"is {name_type(body)}, not an object")
    names = 0
    level: list[Any] = [dict(body)]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                names += len(node)
                node = node.values()  # noqa: PLW2901 - of an object its values, of a list its items
            below += [child for child in node if type(child) is dict or type(child) is list]
        if not below:
            return names
        level = below
    raise Wrong("document", f"is nested deeper than {MAX_DEPTH} levels")


# ---------------------------------------------------------------------------------------------- the document
def _compile(body: Mapping[str, Any], kind: PolicyKind, notes: list[Note]) -> Policy:
    version = body.get("Version")
    if version is not None and version not in VERSIONS:
        raise Wrong("Version", f"is {show(version)}, neither 2012-10-17 nor 2008-10-17")
    if "Statement" not in body:
        raise Wrong("Statement", "is missing")
    raw = body["Statement"]
    listed = isinstance(raw, list | tuple)
    if not listed and not isinstance(raw, Mapping):
        raise Wrong("Statement", f"is {name_type(raw)}, neither an object nor a list of objects")
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
            notes.append(Note(f"Statement[{statement.index}].Sid", f"{show(statement.sid)} is used twice"))
        seen.add(statement.sid or "")


def _statement(raw: Any, index: int, place: str, kind: PolicyKind, notes: list[Note], *, variables: bool) -> Statement:
    if not isinstance(raw, Mapping):
        raise Wrong(place, f"is {name_type(raw)}, not an object")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise Wrong(f"{place}.Effect", "is missing" if effect is None else f"is {show(effect)}, neither Allow nor Deny")
    sid = raw.get("Sid")
    if sid is not None and (isinstance(sid, bool) or not isinstance(sid, str | int)):
        raise Wrong(f"{place}.Sid", f"is {name_type(sid)}, not a text")
    principal, principals = read_principals(raw, place)
    action, actions = read_texts(raw, place, ACTION, variables=False)
    resource, resources = read_texts(raw, place, RESOURCE, variables=variables)
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
        clauses=read_clauses(raw, place, variables=variables),
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
    if principals is not None and not principals.is_plain:
        where = f"{place}.{statement.principal_element}"
        for names, text in (
            (principals.deleted, "is the id of a principal that was deleted; it names nobody"),
            (principals.wildcarded, "wildcards for part of a name match nobody"),
            (principals.unknown, "is not a type of principal AWS documents"),
        ):
            notes.extend(Note(where, f"{show(name)}: {text}") for name in names)
    notes += [
        Note(f"{place}.Condition.{clause.operator}", "is not a condition operator; its clauses are undecided")
        for clause in statement.clauses
        if clause.op is None
    ]
    if not statement.raw.keys() <= _ELEMENTS:
        notes.extend(Note(f"{place}.{name}", "is not an element of a statement") for name in statement.raw if name not in _ELEMENTS)
