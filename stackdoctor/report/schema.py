"""The JSON Schemas (draft 2020-12) of what stackdoctor prints; the tests hold every report against them."""

from __future__ import annotations

from typing import Any

from stackdoctor.model import Category, Confidence, DeniedBy, OperationType, Origin, Severity, Verdict
from stackdoctor.report.scan_schema import scan_schema

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_TIME = {"type": ["string", "null"], "format": "date-time"}
_WORDS = {"type": "array", "items": _TEXT}
_BOOL = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}


def _record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _record(**properties)}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _one(words: type[Any], *, null: bool = False) -> dict[str, Any]:
    return {"enum": [*(word.value for word in words), *([None] if null else [])]}


_FAILED = {
    "stack_path": _WORDS, "logical_id": _TEXT, "physical_id": _MAYBE, "resource_type": _TEXT, "operation_id": _MAYBE,
    "timestamp": _TIME, "status": _TEXT, "reason": _MAYBE, "category": _one(Category),
}  # fmt: skip
_ACTUAL = _record(state={"enum": ["value", "absent", "unknown"]}, values=_WORDS)
_OUTCOME = {"enum": ["allowed", "denied", "undecided"]}
_REQUEST = _list(principal=_TEXT, action=_TEXT, resource=_TEXT, before=_OUTCOME, after=_OUTCOME)

DIAGNOSIS: dict[str, Any] = {
    "$schema": DRAFT,
    "$id": "stackdoctor.diagnosis/v1",
    "title": "A diagnosis of one stack",
    **_record(
        schema={"const": "stackdoctor.diagnosis/v1"},
        tool_version=_TEXT,
        generated_at=_TIME,
        verdict=_one(Verdict),
        summary=_TEXT,
        stack=_record(name=_MAYBE, id=_MAYBE, status=_MAYBE, region=_MAYBE, account=_MAYBE, partition=_MAYBE),
        operations=_list(
            id=_TEXT, type=_one(OperationType), attempt=_COUNT, started_at=_TIME, ended_at=_TIME, status=_TEXT, event_count=_COUNT
        ),
        root_causes=_list(
            **_FAILED,
            event_id=_TEXT,
            denied_by=_one(DeniedBy, null=True),
            confidence=_one(Confidence),
            denied=_or_null(_record(principal=_MAYBE, action=_MAYBE, resource=_MAYBE)),
            evidence=_list(
                source={"enum": ["event", "exception", "policy", "key", "bucket", "trail", "history", "template", "properties"]},
                ref=_TEXT,
                text=_TEXT,
            ),
            repeated={"type": "integer", "minimum": 1},
            cascade=_list(logical_id=_TEXT, resource_type=_TEXT, reason=_TEXT),
        ),
        blockers=_list(**_FAILED),
        findings=_list(
            check=_TEXT,
            severity=_one(Severity),
            confidence=_one(Confidence),
            service=_TEXT,
            resource=_TEXT,
            origin=_one(Origin),
            statement=_or_null(_record(index=_COUNT, sid=_MAYBE)),
            clause=_or_null(_record(operator=_TEXT, key=_TEXT, expected=_WORDS, actual=_ACTUAL)),
            title=_TEXT,
            explanation=_TEXT,
            references=_WORDS,
            fixes=_WORDS,
        ),
        fixes=_list(
            id=_TEXT,
            title=_TEXT,
            kind={"enum": ["key-policy", "bucket-policy", "resource-property", "template", "recovery"]},
            target=_TEXT,
            scope={"enum": ["template", "environment"]},
            disposition={"enum": ["safe", "risky"]},
            resolves=_WORDS,
            verified=_BOOL,
            verification=_or_null(_record(requests=_REQUEST, new_access=_WORDS)),
            document={"type": ["object", "null"]},
            diff=_MAYBE,
            commands=_WORDS,
            statements={"type": "array", "items": {"type": "object"}},
        ),
        recovery=_list(title=_TEXT, command=_TEXT, destructive=_BOOL, why=_TEXT),
        unread=_list(what=_TEXT, error=_TEXT, needs=_WORDS, would_decide=_BOOL),
        calls=_record(total=_COUNT, by_operation={"type": "object", "additionalProperties": _COUNT}, rounds=_COUNT),
        opinions=_WORDS,
        attempts=_list(attempt=_COUNT, changes=_WORDS, same_failure=_BOOL),
    ),
}

_TRI = {"enum": ["match", "no-match", "maybe"]}
_LEAF = _record(
    statement=_COUNT, element=_TEXT, operator=_MAYBE, key=_MAYBE, matched=_TRI, reason=_TEXT, expected=_WORDS, actual=_ACTUAL
)  # fmt: skip
_LEAVES = {"type": "array", "items": _LEAF}
_STATEMENTS = _list(index=_COUNT, sid=_MAYBE, effect={"enum": ["Allow", "Deny"]}, matched=_TRI, results=_LEAVES)
_ASKED = _record(principal=_TEXT, action=_TEXT, resource=_TEXT)
_DECISION = {"enum": ["allowed", "explicitly-denied", "implicitly-denied", "undecided"]}

EXPLANATION: dict[str, Any] = {
    "$schema": DRAFT,
    "$id": "stackdoctor.explanation/v1",
    "title": "One request put to one policy",
    **_record(
        schema={"const": "stackdoctor.explanation/v1"},
        decision=_DECISION,
        request=_ASKED,
        statements=_STATEMENTS,
        rcp_statements=_STATEMENTS,
        deciding=_list(layer={"enum": ["policy", "rcp"]}, index=_COUNT, sid=_MAYBE),
        nearest=_list(layer={"enum": ["policy", "rcp"]}, index=_COUNT, sid=_MAYBE, unmet=_LEAVES),
        hangs_on=_LEAVES,
        restricted_by_public_access_block=_BOOL,
        edits=_list(title=_TEXT, outcome=_DECISION, opens={"type": "array", "items": _ASKED}, document={"type": "object"}),
        notes=_list(place=_TEXT, text=_TEXT),
    ),
}

SCHEMAS: dict[str, dict[str, Any]] = {"diagnosis": DIAGNOSIS, "explanation": EXPLANATION, "scan": scan_schema(DIAGNOSIS)}
"""By the name `stackdoctor schema` takes."""
