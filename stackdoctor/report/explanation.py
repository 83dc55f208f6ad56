"""What a policy says to one request, for people and for programs: explanation and edits in, text or JSON out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stackdoctor.policy import ActualState, Edit, Element, Explanation, Leaf, LeafReason, Note, Outcome, Request, StatementResult, Tri
from stackdoctor.report.text import Style
from stackdoctor.report.untrusted import plain

SCHEMA = "stackdoctor.explanation/v1"
NEAREST_SHOWN = 3

_OUTCOME = {
    Outcome.ALLOWED: ("32", "ALLOWED"),
    Outcome.EXPLICITLY_DENIED: ("31", "EXPLICITLY DENIED"),
    Outcome.IMPLICITLY_DENIED: ("31", "IMPLICITLY DENIED"),
    Outcome.UNDECIDED: ("33", "UNDECIDED"),
}
_MARK = {Tri.MATCH: ("32", "yes"), Tri.NO_MATCH: ("31", "no "), Tri.MAYBE: ("33", "?  ")}
_MATCHED = {Tri.MATCH: "applies", Tri.NO_MATCH: "does not apply", Tri.MAYBE: "may apply"}
_WORDS = {
    LeafReason.MATCHED: "",
    LeafReason.PRINCIPAL_NOT_LISTED: "the caller is not listed",
    LeafReason.PRINCIPAL_EXCLUDED: "the caller is exempt",
    LeafReason.ROOT_DOES_NOT_COVER_SERVICE: "an account is listed, and an account never covers a service",
    LeafReason.DELETED_PRINCIPAL: "what is listed is the id of a principal that was deleted",
    LeafReason.WILDCARD_IN_PRINCIPAL: "a wildcard for part of a principal's name matches nobody",
    LeafReason.UNKNOWN_PRINCIPAL: "whether the caller is meant cannot be told from its name",
    LeafReason.ACTION_NOT_LISTED: "the action is not listed",
    LeafReason.ACTION_EXCLUDED: "the action is excluded",
    LeafReason.RESOURCE_NOT_LISTED: "the resource is not listed",
    LeafReason.RESOURCE_EXCLUDED: "the resource is excluded",
    LeafReason.UNKNOWN_RESOURCE: "whether this resource is meant is not known",
    LeafReason.ABSENT: "the key is not in the request",
    LeafReason.PRESENT: "the key is in the request",
    LeafReason.VALUE_MISMATCH: "the request has another value",
    LeafReason.VALUE_EXCLUDED: "the request has just this value",
    LeafReason.CASE_MISMATCH: "the value differs in upper and lower case",
    LeafReason.WILDCARD_IN_EXACT_OPERATOR: "this operator takes * and ? literally; StringLike would match",
    LeafReason.VARIABLE_WITHOUT_VALUE: "a policy variable has no value in this request",
    LeafReason.VARIABLE_IN_OLD_VERSION: "without Version 2012-10-17 a policy variable is plain text",
    LeafReason.ENCRYPTION_CONTEXT_NOT_IN_CALL: "this call never carries an encryption context",
    LeafReason.UNREADABLE_VALUE: "what AWS answers for a value it cannot read is not documented",
    LeafReason.UNKNOWN_VALUE: "the key's value is not known",
    LeafReason.UNKNOWN_OPERATOR: "AWS documents no such operator",
    LeafReason.DEAD_STATEMENT: "the statement has no effect",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything `stackdoctor explain` has to say."""

    request: Request
    explanation: Explanation
    edits: tuple[Edit, ...]
    notes: tuple[Note, ...]


# ---------------------------------------------------------------------------------------------- json
def document(answer: Answer) -> dict[str, Any]:
    """The answer as JSON, in the shape of `stackdoctor schema explanation`."""
    found = answer.explanation
    return {
        "schema": SCHEMA,
        "decision": found.outcome.value,
        "request": _request(answer.request),
        "statements": [_statement(result) for result in found.statements],
        "rcp_statements": [_statement(result) for result in found.rcp_statements],
        "deciding": [_reference(result) for result in found.deciding],
        "nearest": [{**_reference(result), "unmet": [_leaf(leaf) for leaf in result.unmet]} for result in found.nearest],
        "hangs_on": [_leaf(leaf) for leaf in found.hangs_on],
        "restricted_by_public_access_block": found.restricted,
        "edits": [_edit(edit) for edit in answer.edits],
        "notes": [{"place": note.place, "text": note.text} for note in answer.notes],
    }


def _request(request: Request) -> dict[str, Any]:
    return {"principal": request.caller.name, "action": request.action, "resource": request.resource}


def _reference(result: StatementResult) -> dict[str, Any]:
    return {"layer": result.layer.value, "index": result.index, "sid": result.sid}


def _statement(result: StatementResult) -> dict[str, Any]:
    return {
        "index": result.index,
        "sid": result.sid,
        "effect": result.effect,
        "matched": result.matched.value,
        "results": [_leaf(leaf) for leaf in result.leaves],
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    return {
        "statement": leaf.statement,
        "element": leaf.element.value,
        "operator": leaf.operator or None,
        "key": leaf.key or None,
        "matched": leaf.matched.value,
        "reason": leaf.reason.value,
        "expected": list(leaf.expected),
        "actual": {"state": leaf.actual_state.value, "values": list(leaf.actual_values)},
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "title": edit.title,
        "outcome": edit.outcome.value,
        "opens": [_request(request) for request in edit.opens],
        "document": edit.document,
    }


# ---------------------------------------------------------------------------------------------- text
def render(answer: Answer, style: Style) -> str:
    """The same for a person; ends in a newline."""
    found = answer.explanation
    parts = [
        _headline(answer, style),
        *([] if style.quiet else ["\n".join(_tree(result, style)) for result in (*found.statements, *found.rcp_statements)]),
        "\n".join(_hangs(found, style)),
        "\n".join(_near(found, style)),
        "\n".join(_changes(answer.edits, style)),
        "\n".join(_notes(answer.notes, style)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(answer: Answer, style: Style) -> str:
    code, word = _OUTCOME[answer.explanation.outcome]
    request = answer.request
    asked = f"{plain(request.action)} by {plain(request.caller.name)} on {plain(request.resource)}"
    return f"{style.paint(f'1;{code}', word)}  {asked}\n{_because(answer.explanation)}"


def _because(found: Explanation) -> str:
    named = ", ".join(_name(result) for result in found.deciding)
    if found.restricted:
        return "RestrictPublicBuckets keeps everybody but AWS services and the owner's account out of a public policy."
    match found.outcome:
        case Outcome.ALLOWED:
            return f"Allowed by {named}." if named else "Allowed by a grant."
        case Outcome.EXPLICITLY_DENIED:
            return f"Denied by {named}."
        case Outcome.IMPLICITLY_DENIED:
            return "No statement allows it." if not found.deciding else f"Denied in every case; see {named}."
        case Outcome.UNDECIDED:
            return f"It depends on what is not known; see {named}."


def _name(result: StatementResult) -> str:
    text = f"statement {plain(result.sid)}" if result.sid else f"statement [{result.index}]"
    return f"RCP {text}" if result.layer == "rcp" else text


def _tree(result: StatementResult, style: Style) -> Iterator[str]:
    code, _ = _MARK[result.matched]
    sid = f" {plain(result.sid)}" if result.sid else ""
    yield f"{style.head(f'[{result.index}]{sid}')}  {result.effect}, {style.paint(code, _MATCHED[result.matched])}"
    yield from (_line(leaf, style) for leaf in result.leaves)


def _line(leaf: Leaf, style: Style) -> str:
    code, mark = _MARK[leaf.matched]
    what = f"{leaf.operator} {leaf.key}" if leaf.element is Element.CONDITION else leaf.element.value
    why = _WORDS[leaf.reason]
    return f"  {style.paint(code, mark)}  {plain(what)}: {_listed(leaf.expected)}" + (f"\n         {why}{_actual(leaf)}" if why else "")


def _listed(values: Sequence[str]) -> str:
    shown = [plain(value, 200) for value in values[:8]]
    return (", ".join(shown) or "(nothing)") + (f", … ({len(values) - 8} more)" if len(values) > 8 else "")


def _actual(leaf: Leaf) -> str:
    if leaf.element is not Element.CONDITION or not leaf.actual_values:
        return ""
    return (
        f"; it may be {_listed(leaf.actual_values)}"
        if leaf.actual_state is ActualState.UNKNOWN
        else f" (it has {_listed(leaf.actual_values)})"
    )


def _hangs(found: Explanation, style: Style) -> Iterator[str]:
    if found.hangs_on:
        yield style.head("It hangs on")
        yield from dict.fromkeys(
            f"  statement [{leaf.statement}] {plain(leaf.operator or leaf.element.value)} {plain(leaf.key)}".rstrip()
            for leaf in found.hangs_on
        )


def _near(found: Explanation, style: Style) -> Iterator[str]:
    if found.nearest:
        yield style.head("Nearest Allow")
    for result in found.nearest[:NEAREST_SHOWN]:
        misses = ", ".join(f"{leaf.operator} {leaf.key}".strip() or leaf.element.value for leaf in result.unmet)
        yield f"  {_name(result)} lacks: {plain(misses)}"


def _changes(edits: Sequence[Edit], style: Style) -> Iterator[str]:
    if edits:
        yield style.head("What would change it") + "  (-o json has the documents)"
    for edit in edits:
        remark = "" if edit.outcome is Outcome.ALLOWED else " (still undecided)"
        yield f"  {plain(edit.title)}{remark}{' (opens more than this request)' if edit.opens else ''}"


def _notes(notes: Sequence[Note], style: Style) -> Iterator[str]:
    if notes:
        yield style.head("Notes")
        yield from (f"  {plain(note.place)}: {plain(note.text)}" for note in notes)
