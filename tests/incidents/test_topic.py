"""The trail's topic: its policy is judged like a bucket's, and a message about the topic doubts nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from incidents import judging
from incidents.account import Account, Json, Where

SAID = "SNS Topic does not exist or the topic policy is incorrect!"


def found(policy: Callable[[Account, str], Json] | None) -> dict[str, Any]:
    account = Account()
    topic = account.arn("sns", "audit-topic")
    account.trail_properties["SnsTopicName"] = "audit-topic"
    world = judging.world_of(account)
    arn = account.happen(world, Where.BESIDE, SAID)
    if policy is None:
        world.fail("sns:GetTopicAttributes", "NotFound", "Topic does not exist", 404)
    else:
        world.answer("sns:GetTopicAttributes", {"Attributes": {"Policy": json.dumps(policy(account, topic))}})
    return judging.report(world, arn)


def publish(account: Account, topic: str, source: str) -> Json:
    return account.policy(account.allow("Publish", "SNS:Publish", topic, {"StringEquals": {"aws:SourceArn": source}}))


def grave(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(f["check"], f["severity"], f["service"]) for f in report["findings"] if f["severity"] != "note"]


def test_a_topic_policy_for_another_trail() -> None:
    report = found(lambda account, topic: publish(account, topic, account.arn("cloudtrail", "trail/other")))
    assert grave(report) == [("source-arn-account", "cause", "sns")]
    assert report["fixes"][0]["verified"]
    assert report["root_causes"][0]["denied"]["action"] == "sns:Publish"


def test_a_topic_without_a_statement_for_cloudtrail() -> None:
    report = found(lambda account, topic: account.policy(account.allow("Own", "SNS:*", topic, principal={"AWS": account.account})))
    assert grave(report) == [("principal-missing", "cause", "sns")]


def test_a_topic_that_is_not_there() -> None:
    assert grave(found(None)) == [("endpoint-missing", "cause", "sns")]


def test_only_the_topic_is_doubted_where_the_message_names_it() -> None:
    report = found(lambda account, topic: publish(account, topic, account.trail_arn))
    assert grave(report) == [("source-condition-present", "risk", "sns")]
