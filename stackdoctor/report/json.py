"""Diagnosis → the json document `stackdoctor.diagnosis/v1` (CONTRACT.md): every key always present, AWS's text verbatim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from stackdoctor import __version__
from stackdoctor.model import Diagnosis, Failure, Finding, Fix, Operation, RootCause, Stack

SCHEMA = "stackdoctor.diagnosis/v1"


def document(diagnosis: Diagnosis, generated_at: datetime) -> dict[str, Any]:
    """The whole document as plain values, ready for json.dumps."""
    return {
        "schema": SCHEMA,
        "tool_version": __version__,
        "generated_at": _plain(generated_at),
        "verdict": diagnosis.verdict.value,
        "summary": diagnosis.summary,
        "stack": _stack(diagnosis.stack),
        "operations": [_operation(operation) for operation in diagnosis.operations],
        "root_causes": [_root_cause(cause) for cause in diagnosis.root_causes],
        "blockers": [_blocker(blocker) for blocker in diagnosis.blockers],
        "findings": [_finding(finding) for finding in diagnosis.findings],
        "fixes": _plain(diagnosis.fixes),
        "recovery": _plain(diagnosis.recovery),
        "unread": _plain(diagnosis.unread),
        "calls": _plain(diagnosis.calls),
        "attempts": _plain(diagnosis.attempts),
        "opinions": _plain(diagnosis.opinions),
    }


def _stack(stack: Stack) -> dict[str, Any]:
    return {key: getattr(stack, key) or None for key in ("name", "id", "status", "region", "account", "partition")}


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "type": operation.type.value,
        "attempt": operation.attempt,
        "started_at": _plain(operation.started_at),
        "ended_at": _plain(operation.ended_at),
        "status": operation.status,
        "event_count": len(operation.events),
    }


def _failed(failure: Failure) -> dict[str, Any]:
    event = failure.event
    return {
        "stack_path": list(failure.stack_path),
        "logical_id": event.logical_id,
        "physical_id": event.physical_id or None,
        "resource_type": event.resource_type,
        "operation_id": failure.operation_id,
        "timestamp": _plain(event.timestamp),
        "status": event.status,
        "reason": event.reason,
        "category": failure.reason.category.value,
    }


def _blocker(failure: Failure) -> dict[str, Any]:
    return _failed(failure)


def _finding(finding: Finding) -> dict[str, Any]:
    clause = finding.clause
    actual = {"state": clause.state, "values": list(clause.values)} if clause else None
    shown = {"operator": clause.operator, "key": clause.key, "expected": list(clause.expected), "actual": actual} if clause else None
    return {**_plain(finding), "clause": shown}


def _root_cause(cause: RootCause) -> dict[str, Any]:
    failed = _failed(cause.failure)
    return failed | {
        "event_id": cause.failure.event.event_id,
        "denied_by": cause.denied_by.value if cause.denied_by else None,
        "confidence": cause.confidence.value,
        "denied": _plain(cause.denied),
        "evidence": _plain(cause.evidence),
        "repeated": cause.failure.repeated,
        "cascade": _plain(cause.failure.cascade),
    }


def _plain(value: Any) -> Any:
    """Dataclasses, enums, tuples and times as JSON has them. Times are ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [_plain(item) for item in value]
    return value


def findings(found: Iterable[Finding]) -> list[Any]:
    """Findings as the document has them."""
    return [_finding(finding) for finding in found]


def fixes(proposed: Iterable[Fix]) -> list[Any]:
    """Fixes as the document has them."""
    return [_plain(fix) for fix in proposed]
