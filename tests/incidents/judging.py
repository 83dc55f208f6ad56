"""Runs an incident through the whole pipeline and holds the json report against what was put in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lab.world import World

from incidents import oracle
from incidents.account import CLOUDTRAIL, Account, Where
from incidents.faults import Wrong
from incidents.reading import WorldReader
from stackdoctor.diagnosis import Options, diagnose
from stackdoctor.report import json as as_json

Json = dict[str, Any]


def world_of(account: Account) -> World:
    return World(account.account, account.region, account.partition)


def report(world: World, arn: str) -> Json:
    """The json document, without a process and without HTTP."""
    made = as_json.document(diagnose(WorldReader(world), arn, Options()), datetime(2026, 11, 25, tzinfo=UTC))
    return json.loads(json.dumps(made))


def happened(account: Account, where: Where, wording: str) -> Json:
    world = world_of(account)
    return report(world, account.happen(world, where, wording))


def index_of(account: Account, wrong: Wrong) -> int | None:
    if wrong.statement is None:
        return None
    document = oracle.policy(account, wrong.service)
    return next(i for i, s in enumerate(document["Statement"]) if s is wrong.statement)


def arn_of(account: Account, service: str) -> str:
    if service == "s3":
        return account.bucket_arn
    named = account.named
    return named if named.startswith("arn:") else account.key_arn


def shown(finding: Json) -> tuple[Any, ...]:
    """A finding as far as it is compared: severity, side, statement, clause."""
    clause = finding["clause"]
    statement = finding["statement"]
    place = statement["index"] if statement else None
    return finding["severity"], finding["service"], place, (clause["operator"], clause["key"].lower()) if clause else None


def wanted(account: Account, wrong: Wrong) -> tuple[Any, ...]:
    clause = (wrong.clause[0], wrong.clause[1].lower()) if wrong.clause else None
    return wrong.severity, wrong.service, index_of(account, wrong), clause


def complaints(account: Account, where: Where, wrongs: Sequence[Wrong], found: Json) -> list[str]:
    """Everything in which a report differs from what was put in; [] where it is right."""
    grave = [f for f in found["findings"] if f["severity"] != "note"]
    left = list(grave)
    out: list[str] = []
    for wrong in wrongs:
        want = wanted(account, wrong)
        alike = [f for f in left if shown(f) == want]
        hit = next((f for f in alike if f["check"] in wrong.checks.split()), next(iter(alike), None))
        if hit is None:
            out.append(f"missed {wrong.checks} {want}; there is {[(f['check'], *shown(f)) for f in grave]}")
            continue
        left.remove(hit)
        out += _details(account, where, wrong, hit)
    out += [f"invented {f['check']} {shown(f)}: {f['title']}" for f in left]
    return out


def _details(account: Account, where: Where, wrong: Wrong, hit: Json) -> list[str]:
    out = []
    if hit["check"] not in wrong.checks.split():
        out.append(f"called {hit['check']}, is {wrong.checks}")
    if wrong.state and hit["clause"] and hit["clause"]["actual"]["state"] != wrong.state:
        out.append(f"actual.state {hit['clause']['actual']['state']}, is {wrong.state}")
    resource = wrong.resource or arn_of(account, wrong.service)
    if hit["resource"] != resource and not (account.key_named and wrong.service == "kms"):
        out.append(f"resource {hit['resource']}, is {resource}")
    if wrong.denies and hit["origin"] != where.origin(wrong.service):
        out.append(f"origin {hit['origin']}, is {where.origin(wrong.service)}")
    confidence = {"cause": {"confirmed"}, "risk": {"possible", "likely"}}[wrong.severity]
    if hit["confidence"] not in confidence:
        out.append(f"finding's confidence {hit['confidence']}")
    return out


def verdict(found: Json, wrongs: Sequence[Wrong], denied_by: str | None, wording: str = "both") -> list[str]:
    """Complaints about root cause, verdict, confidence and the denying side."""
    out = []
    sure = [w for w in wrongs if w.severity == "cause" and (wording != "bucket" or w.service == "s3")]
    if found["verdict"] != "explained":
        out.append(f"verdict {found['verdict']}")
    if len(found["root_causes"]) != 1:
        return [*out, f"root causes {[c['logical_id'] for c in found['root_causes']]}"]
    [root] = found["root_causes"]
    if root["logical_id"] != "Trail":
        out.append(f"root cause {root['logical_id']}")
    if root["confidence"] != ("confirmed" if sure else "likely"):
        out.append(f"confidence {root['confidence']}")
    if root["denied_by"] != denied_by:
        out.append(f"denied_by {root['denied_by']}, is {denied_by}")
    if denied_by is not None and (root["denied"] or {}).get("principal") != CLOUDTRAIL:
        out.append(f"denied {root['denied']}")
    return out


def fixes(account: Account, wrongs: Sequence[Wrong], found: Json) -> list[str]:
    """Complaints about the recommended fix of each document at fault, judged by the oracle."""
    out: list[str] = []
    for side in {w.service for w in wrongs if w.denies}:
        before = oracle.policy(account, side)
        kind = "key-policy" if side == "kms" else "bucket-policy"
        offered = [f for f in found["fixes"] if f["kind"] == kind]
        if not offered or not offered[0]["verified"]:
            out.append(f"no verified {kind}: {[(f['title'], f['verified']) for f in offered]}")
            continue
        after = offered[0]["document"]
        decided = [(asked.call.action, oracle.decide(account, asked, after)) for asked in oracle.calls(account) if asked.side == side]
        out += [f"{offered[0]['title']}: {action} is {decision}" for action, decision in decided if decision != "allowed"]
        out += [f"{offered[0]['title']} opens {what}" for what in oracle.opens(account, side, before, after)]
        out += _untouched(before, after, [w.statement for w in wrongs if w.service == side])
        if offered[0]["target"] != arn_of(account, side) and not account.key_named:
            out.append(f"fix of {offered[0]['target']}")
    policies = [f for f in found["fixes"] if f["kind"] in {"key-policy", "bucket-policy"}]
    sides = {"key-policy" if w.service == "kms" else "bucket-policy" for w in wrongs if w.denies}
    out += [f"needless fix {f['title']}" for f in policies if f["kind"] not in sides]
    return out


def _untouched(before: Any, after: Json, faulty: Sequence[Json | None]) -> list[str]:
    """Statements that have nothing to do with CloudTrail are still there, byte for byte."""
    statements = before["Statement"] if isinstance(before, dict) else []
    kept = {json.dumps(s) for s in after["Statement"]} if isinstance(after["Statement"], list) else {json.dumps(after["Statement"])}
    return [
        f"changed an unrelated statement {s.get('Sid')}"
        for s in (statements if isinstance(statements, list) else [statements])
        if CLOUDTRAIL.partition(".")[0] not in json.dumps(s.get("Principal")) and s["Effect"] == "Allow"
        and not any(s is f for f in faulty) and json.dumps(s) not in kept
    ]  # fmt: skip
