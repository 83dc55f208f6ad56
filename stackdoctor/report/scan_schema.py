"""The JSON Schema (draft 2020-12) of `stackdoctor.scan/v1`; the tests hold every scan against it."""

from __future__ import annotations

from typing import Any

from stackdoctor.model import Severity
from stackdoctor.report.scan_words import ScanVerdict
from stackdoctor.scanned import Change, Kind

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_MAYBE_COUNT = {"type": ["integer", "null"], "minimum": 0}
_BOOL = {"type": "boolean"}


def _record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _record(**properties)}


def _one(words: type[Any], *more: None) -> dict[str, Any]:
    return {"enum": [*(word.value for word in words), *more]}


def scan_schema(diagnosis: dict[str, Any]) -> dict[str, Any]:
    """The schema of a scan. `diagnosis` is that of one stack, which each problem with a stack holds whole."""
    whole = {key: value for key, value in diagnosis.items() if key not in {"$schema", "$id"}}
    known = diagnosis["properties"]
    problem = {
        "id": _TEXT,
        "change": _one(Change, None),
        "account": _TEXT,
        "account_name": _MAYBE,
        "region": _TEXT,
        "kind": _one(Kind),
        "resource": _TEXT,
        "name": _TEXT,
        "status": _MAYBE,
        "severity": {"enum": [Severity.CAUSE.value, Severity.RISK.value]},
        "explained": _BOOL,
        "summary": _TEXT,
        "diagnosis": {"anyOf": [whole, {"type": "null"}]},
        "findings": known["findings"],
        "fixes": known["fixes"],
    }
    return {
        "$schema": diagnosis["$schema"],
        "$id": "stackdoctor.scan/v1",
        "title": "A scan of accounts and Regions",
        **_record(
            schema={"const": "stackdoctor.scan/v1"},
            tool_version=_TEXT,
            generated_at=_TIME,
            started_at=_TIME,
            verdict=_one(ScanVerdict),
            summary=_TEXT,
            totals=_record(
                accounts=_COUNT, places=_COUNT, stacks=_COUNT, deliveries=_COUNT, problems=_COUNT, risks=_COUNT, unread=_COUNT,
                failed=_COUNT, new=_MAYBE_COUNT, still=_MAYBE_COUNT, resolved=_MAYBE_COUNT,
            ),
            places=_list(
                account=_TEXT, account_name=_MAYBE, region=_MAYBE, state={"enum": ["healthy", "problems", "risks", "unread"]}, error=_MAYBE,
                problem_count=_COUNT, risk_count=_COUNT, unread_count=_COUNT, checked=_record(**{kind.value: _COUNT for kind in Kind}),
            ),
            problems=_list(**problem),
            risks=_list(**problem),
            resolved=_list(**problem),
            unread=_list(
                account=_TEXT, region=_MAYBE, what=_TEXT, error=_TEXT, needs={"type": "array", "items": _TEXT}, would_decide=_BOOL
            ),
        ),
    }  # fmt: skip
