"""The operations an edit is made of: document in → new document out. What an operation does not touch keeps order and shape.

A text stays a text where one value is left, a list stays a list, and a JSON boolean or number among condition values stays one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from stackdoctor.policy.results import Element


@dataclass(frozen=True, slots=True)
class DropClause:
    """Removes a clause; an operator or Condition left empty goes with it."""

    statement: int
    operator: str
    key: str


@dataclass(frozen=True, slots=True)
class AddClause:
    """Adds a clause to a statement, under an operator it may already have."""

    statement: int
    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MoveClause:
    """Gives a clause another operator."""

    statement: int
    operator: str
    new_operator: str
    key: str


@dataclass(frozen=True, slots=True)
class EditValue:
    """Replaces (`old` → `new`), adds (`old` is None) or removes (`new` is None) one value of a clause."""

    statement: int
    operator: str
    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class EditText:
    """The same for one text of an element; `kind` is the type of a principal (`Service`), else empty."""

    statement: int
    element: Element
    old: str | None
    new: str | None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AddStatement:
    """Appends a statement."""

    statement: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReplaceStatements:
    """Puts statements in the place of the first of some others; the rest of those goes."""

    indices: tuple[int, ...]
    statements: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SetVersion:
    version: str


Op: TypeAlias = DropClause | AddClause | MoveClause | EditValue | EditText | AddStatement | ReplaceStatements | SetVersion


def apply(document: Mapping[str, Any], *ops: Op) -> dict[str, Any]:
    """A new document with the operations applied in order.

    Raises LookupError or ValueError where a document has not what an operation changes.
    """
    made: dict[str, Any] = copy_json(document)
    for op in ops:
        _apply(made, op)
    return made


def touched(ops: Sequence[Op]) -> tuple[int, ...]:
    """Indices of the existing statements the operations change."""
    return tuple(dict.fromkeys(op.statement for op in ops if not isinstance(op, AddStatement | ReplaceStatements | SetVersion)))


def copy_json(value: Any) -> Any:
    """A deep copy that keeps the order of keys."""
    if isinstance(value, Mapping):
        return {key: copy_json(child) for key, child in value.items()}
    return [copy_json(child) for child in value] if isinstance(value, list | tuple) else value


def value_text(value: Any) -> str:
    """A condition value as the evaluator reads it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------------------------------------- one operation
def _apply(document: dict[str, Any], op: Op) -> None:
    match op:
        case DropClause():
            _drop_clause(_statement(document, op.statement), op.operator, op.key)
        case AddClause():
            block = _statement(document, op.statement).setdefault("Condition", {}).setdefault(op.operator, {})
            block[op.key] = op.values[0] if len(op.values) == 1 else list(op.values)
        case MoveClause():
            _move_clause(_statement(document, op.statement), op)
        case EditValue():
            _edit(_statement(document, op.statement)["Condition"][op.operator], op.key, op.old, op.new)
        case EditText():
            _edit_text(_statement(document, op.statement), op)
        case AddStatement():
            _statements(document).append(copy_json(op.statement))
        case ReplaceStatements():
            _replace(_statements(document), op)
        case SetVersion():
            _set_version(document, op.version)
        case _:
            assert_never(op)


def _statements(document: dict[str, Any]) -> list[Any]:
    """The list of statements; a single statement written as an object becomes a list when it is no longer alone."""
    if not isinstance(document.get("Statement"), list):
        document["Statement"] = [document["Statement"]] if "Statement" in document else []
    statements: list[Any] = document["Statement"]
    return statements


def _statement(document: dict[str, Any], index: int) -> dict[str, Any]:
    found: dict[str, Any] = document["Statement"][index] if isinstance(document["Statement"], list) else document["Statement"]
    return found


def _drop_clause(statement: dict[str, Any], operator: str, key: str) -> None:
    del statement["Condition"][operator][key]
    if not statement["Condition"][operator]:
        del statement["Condition"][operator]
    if not statement["Condition"]:
        del statement["Condition"]


def _move_clause(statement: dict[str, Any], op: MoveClause) -> None:
    condition = statement["Condition"]
    if op.key.lower() in {key.lower() for key in condition.get(op.new_operator, {})}:
        raise ValueError(f"{op.new_operator} {op.key} is there already")
    value = condition[op.operator].pop(op.key)
    if op.new_operator in condition:
        condition[op.new_operator][op.key] = value
        if not condition[op.operator]:
            del condition[op.operator]
    elif condition[op.operator]:
        _rebuild(condition, [pair for old in condition.items() for pair in (_with(old, op, value) if old[0] == op.operator else [old])])
    else:
        _rebuild(
            condition, [(op.new_operator, {op.key: value}) if name == op.operator else (name, keys) for name, keys in condition.items()]
        )


def _with(old: tuple[str, Any], op: MoveClause, value: Any) -> list[tuple[str, Any]]:
    return [old, (op.new_operator, {op.key: value})]


def _rebuild(target: dict[str, Any], pairs: Sequence[tuple[str, Any]]) -> None:
    target.clear()
    target.update(pairs)


def _edit_text(statement: dict[str, Any], op: EditText) -> None:
    if not op.kind:
        _edit(statement, op.element.value, op.old, op.new)
        return
    principals = statement[op.element.value]
    _edit(principals, op.kind, op.old, op.new)
    if not principals[op.kind]:
        del principals[op.kind]


def _edit(holder: dict[str, Any], name: str, old: str | None, new: str | None) -> None:
    """Edits one of the values under a name; a name that was not there gets the value as a plain text."""
    if name not in holder:
        holder[name] = new
        return
    current = holder[name]
    items = list(current) if isinstance(current, list) else [current]
    if old is None:
        items.append(new)
    else:
        at = [value_text(item) for item in items].index(old)
        items[at : at + 1] = [] if new is None else [new]
    holder[name] = items if isinstance(current, list) or len(items) != 1 else items[0]


def _replace(statements: list[Any], op: ReplaceStatements) -> None:
    at = min(op.indices, default=len(statements))
    kept = [item for index, item in enumerate(statements) if index not in op.indices]
    statements[:] = [*kept[:at], *(copy_json(item) for item in op.statements), *kept[at:]]


def _set_version(document: dict[str, Any], version: str) -> None:
    if "Version" in document:
        document["Version"] = version
    else:
        _rebuild(document, [("Version", version), *document.items()])


# ---------------------------------------------------------------------------------------------- in words
def describe(op: Op, document: Mapping[str, Any]) -> str:
    """What an operation does to this document, as a phrase without a full stop."""
    match op:
        case DropClause():
            return f"drop {op.operator} {op.key} from {name_of(document, op.statement)}"
        case AddClause():
            return f"add {op.operator} {op.key} {' or '.join(op.values)} to {name_of(document, op.statement)}"
        case MoveClause():
            return f"change {op.operator} {op.key} to {op.new_operator} in {name_of(document, op.statement)}"
        case EditValue():
            return _describe_edit(op.old, op.new, f"{op.operator} {op.key}", name_of(document, op.statement))
        case EditText():
            return _describe_edit(op.old, op.new, op.element.value, name_of(document, op.statement))
        case AddStatement():
            return f"add statement {op.statement.get('Sid', '')} for {_joined(op.statement.get('Action', ''))}".replace("  ", " ")
        case ReplaceStatements():
            return f"replace {', '.join(name_of(document, index) for index in op.indices)}"
        case SetVersion():
            return f"set Version to {op.version}"
        case _:
            assert_never(op)


def _describe_edit(old: str | None, new: str | None, what: str, where: str) -> str:
    if old is None:
        return f"add {new} to {what} of {where}"
    return f"remove {old} from {what} of {where}" if new is None else f"change {what} {old} to {new} in {where}"


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def name_of(document: Mapping[str, Any], index: int) -> str:
    """A statement by its Sid, or by its index from 0 where it has none."""
    statements = document.get("Statement")
    raw = statements[index] if isinstance(statements, list) and index < len(statements) else statements
    sid = raw.get("Sid") if isinstance(raw, Mapping) else None
    return f"statement {sid}" if sid else f"statement [{index}]"
