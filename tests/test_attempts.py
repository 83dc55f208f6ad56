"""What people change between attempts, and what that adds up to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from stackdoctor.attempts import compare, sentence
from stackdoctor.classify import classify
from stackdoctor.model import ClauseRef, Confidence, Failure, Finding, Origin, Severity, Stack, StackEvent, StackHistory

REASON = "Insufficient permissions to access S3 bucket b or KMS key k (Service: CloudTrail, Status Code: 400, Request ID: {})"
VIA = {"StringEquals": {"kms:ViaService": "cloudtrail.us-east-1.amazonaws.com"}}


def attempt(number: int, condition: dict[str, Any]) -> StackHistory:
    """One stack of the name, whose trail failed under a key policy with this condition."""
    arn = f"arn:aws:cloudformation:us-east-1:111122223333:stack/audit/{number}"
    at = datetime(2026, 11, number, tzinfo=UTC)
    statement = {"Sid": "Trail", "Effect": "Allow", "Action": "kms:GenerateDataKey*", "Resource": "*", "Condition": condition}
    key = {"KeyPolicy": {"Version": "2012-10-17", "Statement": [statement]}}
    trail = {"KMSKeyId": f"key-{number}", "S3BucketName": "b"}

    def event(seconds: int, name: str, kind: str, status: str, physical: str, properties: Any = None, reason: str = "") -> StackEvent:
        text = json.dumps(properties) if properties else None
        return StackEvent(f"{number}-{seconds}", arn, "audit", name, physical, kind, at + timedelta(seconds=seconds), status, reason, text)

    events = (
        event(0, "audit", "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", arn),
        event(1, "Key", "AWS::KMS::Key", "CREATE_COMPLETE", f"key-{number}", key),
        event(2, "Trail", "AWS::CloudTrail::Trail", "CREATE_FAILED", "", trail, REASON.format(number)),
    )
    return StackHistory(Stack("audit", arn, "ROLLBACK_COMPLETE"), events, newest_first=False)


def tried(*conditions: dict[str, Any]) -> tuple[StackHistory, Failure]:
    stacks = [attempt(number, condition) for number, condition in enumerate(conditions, 1)]
    newest = stacks[-1]
    history = StackHistory(newest.stack, newest.events, newest_first=False, earlier=tuple(reversed(stacks[:-1])))
    event = newest.events[-1]
    return history, Failure(event, ("audit",), None, classify(event.reason, event.resource_type, event.status), repeated=len(stacks))


def blamed(key: str) -> list[Finding]:
    clause = ClauseRef("StringEquals", key, ("x",), "unknown")
    return [Finding("kms-via-service", Severity.CAUSE, Confidence.CONFIRMED, "kms", "k", Origin.LIVE, "t", "e", clause=clause)]


def test_tightened_twice_though_the_clause_was_there_from_the_first_attempt() -> None:
    once = {**VIA, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"}}
    twice = {**once, "StringEquals": {**VIA["StringEquals"], "aws:SourceAccount": "111122223333"}}
    history, failure = tried(VIA, once, twice)
    changes = compare(history, failure)
    assert [row.attempt for row in changes] == [1, 2, 3]
    assert changes[1].changes == (
        "added Key: Trail Condition StringLike kms:EncryptionContext:aws:cloudtrail:arn = arn:aws:cloudtrail:*:111122223333:trail/*",
    )
    assert all(row.same_failure for row in changes)
    assert sentence(changes, history, failure, blamed("kms:ViaService")) == (
        "Conditions were tightened twice; the clause that denies was there from the first attempt."
    )


def test_each_attempts_own_key_is_no_change() -> None:
    history, failure = tried(VIA, VIA)
    assert [row.changes for row in compare(history, failure)] == [(), ()]


def test_a_clause_that_came_later_is_dated() -> None:
    history, failure = tried({"StringEquals": {"aws:SourceAccount": "1"}}, VIA)
    changes = compare(history, failure)
    assert sentence(changes, history, failure, blamed("kms:ViaService")).endswith("the clause that denies came with attempt 2.")


def test_a_single_attempt_has_nothing_to_compare() -> None:
    history, failure = tried(VIA)
    assert compare(history, failure) == ()
    assert sentence((), history, failure, []) == ""
