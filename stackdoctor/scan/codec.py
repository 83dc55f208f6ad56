"""Values of a scan ↔ JSON, for the checkpoint, for lines of jsonl, and for what a Lambda hands to the reducer.

in: `PlaceResult`, `Account`. out: plain JSON, and back. Our own writing is read back, from a file that may be damaged:
whatever is missing or of another type raises ValueError, KeyError or TypeError, which the reader of the file explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackdoctor.model import JSON, Severity, Unread
from stackdoctor.scanned import Account, Change, Kind, Place, PlaceResult, Problem

SCHEMA = "stackdoctor.place/v1"


def of_account(account: Account) -> dict[str, Any]:
    """As the checkpoint keeps it."""
    return {
        "account_id": account.id,
        "name": account.name,
        "roles": list(account.roles),
        "external_id": account.external_id,
        "regions": list(account.regions),
    }


def account_from(document: Mapping[str, Any]) -> Account:
    """An account that `of_account` wrote."""
    return Account(
        str(document["account_id"]),
        str(document["name"]),
        tuple(map(str, document["roles"])),
        str(document["external_id"]),
        tuple(map(str, document["regions"])),
    )


def of_place(place: Place) -> dict[str, Any]:
    """The members that say where."""
    return {"account": place.account, "region": place.region, "name": place.name, "partition": place.partition}


def place_from(document: Mapping[str, Any]) -> Place:
    """A place that `of_place` wrote."""
    return Place(str(document["account"]), str(document["region"]), str(document["name"]), str(document["partition"]))


def of_problem(problem: Problem, change: Change | None = None) -> dict[str, Any]:
    """A problem as the report has it."""
    return {
        "id": problem.id,
        "kind": problem.kind.value,
        "resource": problem.resource,
        "name": problem.name,
        "status": problem.status,
        "severity": problem.severity.value,
        "explained": problem.explained,
        "change": change.value if change else None,
        "summary": problem.summary,
        "document": dict(problem.document),
    }


def problem_from(document: Mapping[str, Any]) -> Problem:
    """A problem that `of_problem` wrote."""
    evidence: dict[str, JSON] = dict(document["document"])
    return Problem(
        id=str(document["id"]),
        kind=Kind(document["kind"]),
        resource=str(document["resource"]),
        name=str(document["name"]),
        status=str(document["status"]),
        severity=Severity(document["severity"]),
        explained=bool(document["explained"]),
        summary=str(document["summary"]),
        document=evidence,
    )


def of_unread(row: Unread) -> dict[str, Any]:
    """A row of `unread`."""
    return {"what": row.what, "error": row.error, "needs": list(row.needs), "would_decide": row.would_decide}


def unread_from(document: Mapping[str, Any]) -> Unread:
    """A row that `of_unread` wrote."""
    return Unread(str(document["what"]), str(document["error"]), tuple(map(str, document["needs"])), bool(document["would_decide"]))


def of_result(result: PlaceResult, changes: Mapping[str, Change] | None = None) -> dict[str, Any]:
    """One account and Region: a line of jsonl, and what a Lambda of one place returns. `changes` are by problem id."""
    known = changes or {}
    return {
        "schema": SCHEMA,
        **of_place(result.place),
        "error": result.error or None,
        "problems": [of_problem(problem, known.get(problem.id)) for problem in result.problems],
        "unread": [of_unread(row) for row in result.unread],
        "checked": {kind.value: list(names) for kind, names in result.checked.items()},
        "throttled": result.throttled,
    }


def result_from(document: Mapping[str, Any]) -> PlaceResult:
    """One account and Region that `of_result` wrote."""
    return PlaceResult(
        place=place_from(document),
        problems=tuple(map(problem_from, document["problems"])),
        unread=tuple(map(unread_from, document["unread"])),
        checked={Kind(kind): tuple(map(str, names)) for kind, names in document["checked"].items()},
        error=str(document["error"] or ""),
        throttled=bool(document["throttled"]),
    )
