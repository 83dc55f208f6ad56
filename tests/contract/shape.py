"""The json document as CONTRACT.md writes it down, key by key: written from that page, not from the product's own schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Rule = Callable[[Any, str], list[str]]

CATEGORIES = frozenset(
    [
        "s3_deny",
        "kms_deny",
        "s3_or_kms_ambiguous",
        "iam_identity_deny",
        "explicit_deny_scp",
        "explicit_deny_other",
        "role_trust_or_execution_role",
        "delivery_policy_other",
        "unspecified_deny",
        "auth_token",
        "kms_key_state",
        "policy_document_invalid",
        "deletion_protection",
        "not_empty",
        "dependency_in_use",
        "already_exists",
        "not_found",
        "quota",
        "capacity",
        "throttling",
        "conflict",
        "timeout",
        "stabilization",
        "validation",
        "custom_resource",
        "internal_error",
        "nested_stack_cascade",
        "rollback_summary",
        "cancelled_noise",
        "other",
    ]
)
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def of(*kinds: type) -> Rule:
    """Of one of these types exactly: a bool is no int."""
    return lambda value, at: [] if type(value) in kinds else [f"{at} is {value!r}"]


def one_of(*words: str | None) -> Rule:
    return lambda value, at: [] if value in words else [f"{at} is {value!r}"]


def time(value: Any, at: str) -> list[str]:
    return [] if isinstance(value, str) and UTC_TIME.fullmatch(value) else [f"{at} is no time in UTC: {value!r}"]


def maybe(rule: Rule) -> Rule:
    return lambda value, at: [] if value is None else rule(value, at)


def every(rule: Rule) -> Rule:
    return lambda value, at: (
        [w for i, item in enumerate(value) for w in rule(item, f"{at}[{i}]")] if isinstance(value, list) else [f"{at} is no list"]
    )


def record(more: bool = True, **keys: Rule) -> Rule:
    def check(value: Any, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{at} is no object: {value!r}"]
        wrong = [f"{at}.{key} is missing" for key in keys if key not in value]
        return wrong + [w for key, rule in keys.items() if key in value for w in rule(value[key], f"{at}.{key}")]

    return check


text, number, flag, texts = of(str), of(int), of(bool), every(of(str))
outcome = one_of("allowed", "denied", "undecided")
FAILED = {
    "stack_path": texts, "logical_id": text, "physical_id": maybe(text), "resource_type": text, "operation_id": maybe(text),
    "timestamp": maybe(time), "status": text, "reason": maybe(text), "category": one_of(*CATEGORIES),
}  # fmt: skip
DIAGNOSIS = record(
    schema=one_of("stackdoctor.diagnosis/v1"),
    tool_version=text,
    generated_at=time,
    verdict=one_of("healthy", "explained", "unexplained"),
    summary=text,
    stack=record(name=text, id=maybe(text), status=text, region=maybe(text), account=maybe(text), partition=text),
    operations=every(
        record(
            id=text,
            type=one_of("CREATE", "UPDATE", "DELETE", "ROLLBACK", "CONTINUE_ROLLBACK", "IMPORT", "UNKNOWN"),
            attempt=number,
            started_at=maybe(time),
            ended_at=maybe(time),
            status=text,
            event_count=number,
        )
    ),
    root_causes=every(
        record(
            **FAILED,
            event_id=text,
            denied_by=one_of("s3", "kms", "s3-or-kms", "iam", "scp", "rcp", "permission-boundary", "vpc-endpoint", "other", None),
            confidence=one_of("confirmed", "likely", "possible"),
            denied=maybe(record(principal=maybe(text), action=maybe(text), resource=maybe(text))),
            evidence=every(
                record(
                    source=one_of("event", "exception", "policy", "key", "bucket", "trail", "history", "template", "properties"),
                    ref=text,
                    text=text,
                )
            ),
            repeated=number,
            cascade=every(record(logical_id=text, resource_type=text, reason=text)),
        )
    ),
    blockers=every(record(**FAILED)),
    findings=every(
        record(
            check=text,
            severity=one_of("cause", "risk", "note"),
            confidence=one_of("confirmed", "likely", "possible"),
            service=text,
            resource=text,
            origin=one_of("live", "properties", "template"),
            statement=maybe(record(index=number, sid=maybe(text))),
            clause=maybe(
                record(
                    operator=text,
                    key=text,
                    expected=texts,
                    actual=record(state=one_of("value", "absent", "unknown"), values=texts),
                )
            ),
            title=text,
            explanation=text,
            references=texts,
            fixes=texts,
        )
    ),
    fixes=every(
        record(
            id=text,
            title=text,
            kind=one_of("key-policy", "bucket-policy", "resource-property", "template", "recovery"),
            target=text,
            scope=one_of("template", "environment"),
            disposition=one_of("safe", "risky"),
            resolves=texts,
            verified=flag,
            verification=maybe(
                record(
                    requests=every(record(principal=text, action=text, resource=text, before=outcome, after=outcome)),
                    new_access=texts,
                )
            ),
            document=maybe(of(dict)),
            diff=maybe(text),
            commands=texts,
        )
    ),
    recovery=every(record(title=text, command=text, destructive=flag, why=text)),
    unread=every(record(what=text, error=text, needs=texts, would_decide=flag)),
    calls=record(total=number, by_operation=of(dict), rounds=number),
)
NEEDS = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+\Z")


def complaints(report: Json) -> list[str]:
    """Everything in a report that the page does not say; [] where there is nothing."""
    wrong = DIAGNOSIS(report, "$")
    if wrong:
        return wrong
    wrong += [f"unread needs {need}" for row in report["unread"] for need in row["needs"] if not NEEDS.match(need)]
    wrong += _calls(report["calls"]) + _links(report) + _verdict(report) + _fixes(report)
    return wrong


def _calls(calls: Json) -> list[str]:
    counted = sum(calls["by_operation"].values())
    return [] if counted == calls["total"] else [f"calls.total is {calls['total']}, its parts {counted}"]


def _links(report: Json) -> list[str]:
    known, checks = {fix["id"] for fix in report["fixes"]}, {found["check"] for found in report["findings"]}
    out = [f"finding of fix {name}" for found in report["findings"] for name in found["fixes"] if name not in known]
    out += [] if len(known) == len(report["fixes"]) else ["two fixes of one id"]
    out += [f"{fix['id']} resolves {name}" for fix in report["fixes"] for name in fix["resolves"] if name not in checks]
    places = [(tuple(row["stack_path"]), row["logical_id"]) for row in report["blockers"]]
    return out + ([] if len(set(places)) == len(places) else [f"one entry a resource: {places}"])


def _verdict(report: Json) -> list[str]:
    if report["verdict"] != "healthy":
        return []
    return [f"healthy with {key}" for key in ("root_causes", "blockers") if report[key]]


def _fixes(report: Json) -> list[str]:
    out = []
    for fix in report["fixes"]:
        if "policy" not in fix["kind"]:
            continue
        if fix["document"] is not None and "Statement" not in fix["document"]:
            out.append(f"{fix['id']} is not the whole policy")
        if fix["verified"]:
            seen = fix["verification"]
            out += [f"{fix['id']} verified without requests"] if not (seen and seen["requests"]) else []
            out += [f"{fix['id']} leaves {row}" for row in (seen or {}).get("requests", []) if row["after"] != "allowed"]
            out += [f"{fix['id']} opens {seen['new_access']}"] if seen and seen["new_access"] else []
    return out
