"""A scan → the json document `stackdoctor.scan/v1`, or lines of jsonl, piece by piece: the whole is never held in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from stackdoctor import __version__
from stackdoctor.model import Severity, Unread
from stackdoctor.report.scan_words import summary, verdict
from stackdoctor.scanned import Kind, PlaceRow, Report, Row, Totals, UnreadRow

SCHEMA = "stackdoctor.scan/v1"


def document(report: Report, generated_at: datetime, *, only_new: bool = False) -> Iterator[str]:
    """The document as pieces of text, ending in a newline."""
    yield "{\n"
    for key, value in _head(report, generated_at).items():
        yield f"  {json.dumps(key)}: {_dump(value)},\n"
    yield from _array("places", map(_place, report.places()))
    yield ",\n"
    yield from _array("problems", map(_problem, report.problems(only_new=only_new)))
    yield ",\n"
    yield from _array("risks", map(_problem, report.problems(Severity.RISK, only_new=only_new)))
    yield ",\n"
    yield from _array("resolved", map(_problem, report.resolved()))
    yield ",\n"
    yield from _array("unread", map(_unread, report.unread()))
    yield "\n}\n"


def line(report: Report, row: PlaceRow, *, only_new: bool = False) -> str:
    """One account and Region as a line of jsonl."""
    rows = [found for found in report.problems_of(row.place) if not only_new or found.change == "new"]
    return _line({"type": "place", **_place(row), "problems": [_problem(found) for found in rows], "unread": _missing(row)})


def last_lines(report: Report, generated_at: datetime) -> Iterator[str]:
    """What jsonl ends with: what is resolved, then the summary."""
    for row in report.resolved():
        yield _line({"type": "resolved", **_problem(row)})
    yield _line({"type": "summary", **_head(report, generated_at)})


def _head(report: Report, generated_at: datetime) -> dict[str, Any]:
    totals = report.totals()
    return {
        "schema": SCHEMA,
        "tool_version": __version__,
        "generated_at": generated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "started_at": report.started_at,
        "verdict": verdict(totals).value,
        "summary": summary(report),
        "totals": _totals(totals),
    }


def _totals(totals: Totals) -> dict[str, int | None]:
    return {field.name: getattr(totals, field.name) for field in fields(totals)}


def _place(row: PlaceRow) -> dict[str, Any]:
    return {
        "account": row.place.account,
        "account_name": row.place.name or None,
        "region": row.place.region or None,
        "state": row.state,
        "error": row.error or None,
        "problem_count": row.problems,
        "risk_count": row.risks,
        "unread_count": len(row.unread),
        "checked": {kind.value: len(row.checked.get(kind, ())) for kind in Kind},
    }


def _problem(row: Row) -> dict[str, Any]:
    problem, place = row.problem, row.place
    diagnosed = problem.kind is Kind.STACK and bool(problem.document)
    return {
        "id": problem.id,
        "change": row.change.value if row.change else None,
        "account": place.account,
        "account_name": place.name or None,
        "region": place.region,
        "kind": problem.kind.value,
        "resource": problem.resource,
        "name": problem.name,
        "status": problem.status or None,
        "severity": problem.severity.value,
        "explained": problem.explained,
        "summary": problem.summary,
        "diagnosis": dict(problem.document) if diagnosed else None,
        "findings": [] if diagnosed else problem.document.get("findings", []),
        "fixes": [] if diagnosed else problem.document.get("fixes", []),
    }


def _unread(row: UnreadRow) -> dict[str, Any]:
    return {"account": row.place.account, "region": row.place.region or None, **_row(row.unread)}


def _missing(row: PlaceRow) -> list[dict[str, Any]]:
    return [_row(unread) for unread in row.unread]


def _row(unread: Unread) -> dict[str, Any]:
    return {"what": unread.what, "error": unread.error, "needs": list(unread.needs), "would_decide": unread.would_decide}


def _array(name: str, rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield f"  {json.dumps(name)}: ["
    separator, end = "\n    ", "]"
    for row in rows:
        yield separator + _dump(row, "    ")
        separator, end = ",\n    ", "\n  ]"
    yield end


def _dump(value: object, indent: str = "  ") -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{indent}")


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
