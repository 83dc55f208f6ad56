"""A bucket's notifications: the destination's policy, the key of an encrypted one, and what the bucket calls itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services import judging
from services.examples import EXAMPLES, PARTITIONS, Example, Place, example
from stackdoctor.policy import OPEN_END, Known
from stackdoctor.services.base import Target, Use

PLACE = Place("aws")
BUCKET = "AWS::S3::Bucket"


def with_queue(**options: object) -> Example:
    properties = {"BucketName": "uploads", "NotificationConfiguration": {"QueueConfigurations": [{"Queue": PLACE.queue}]}}
    return example(BUCKET, properties, PLACE, **options)  # type: ignore[arg-type]


def let_in(**condition: object) -> dict[str, object]:
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": PLACE.queue,
    }
    return statement | ({"Condition": condition} if condition else {})


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_destination_is_used_and_asked_in_its_own_policy(partition: str) -> None:
    made, place = EXAMPLES[BUCKET](partition), Place(partition)
    named = {(use.target, use.ref) for use in made.service.uses(made.resource)}
    assert {(Target.QUEUE, place.queue), (Target.TOPIC, place.topic), (Target.FUNCTION, place.arn("lambda", "function:resize"))} <= named
    sent = {
        need.request.action: need.request.context["aws:SourceArn"]
        for need in made.needed
        if need.target in {Target.QUEUE, Target.TOPIC, Target.FUNCTION}
    }
    assert set(sent) == {"sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction"}
    assert set(sent.values()) == {Known((f"arn:{partition}:s3:::uploads",))}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::uploads"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:uploads"}, "StringEquals": {"aws:SourceAccount": "111122223333"}},
        {"StringLike": {"aws:SourceArn": "arn:aws:s3:::up*"}},
    ],
)
def test_a_queue_that_lets_s3_in_is_not_at_fault(condition: dict[str, object]) -> None:
    assert judging.judged(with_queue(), judging.endpoint(Target.QUEUE, PLACE.queue, let_in(**condition)))[1] == ()


@pytest.mark.parametrize(
    ("condition", "key"),
    [
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::uploads-old"}}, "aws:sourcearn"),
        ({"StringEquals": {"aws:SourceAccount": "999988887777"}}, "aws:sourceaccount"),
        ({"StringEquals": {"aws:SourceArn": "arn:aws:s3:::uploads*"}}, "aws:sourcearn"),
    ],
)
def test_a_queue_for_another_bucket_or_account_is_the_cause(condition: dict[str, object], key: str) -> None:
    _, faults = judging.judged(with_queue(), judging.endpoint(Target.QUEUE, PLACE.queue, let_in(**condition)))
    assert [(fault.severity.value, fault.target.value, fault.key) for fault in faults] == [("cause", "queue", key)]


def test_an_encrypted_queue_brings_its_key() -> None:
    made = with_queue(encrypted=True)
    assert made.service.also_uses(made.resource, made.facts) == (Use(Target.KEY, PLACE.key, "KmsMasterKeyId"),)
    root = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}
    _, faults = judging.judged(made, judging.key(PLACE, root))
    assert [(fault.severity.value, fault.actions) for fault in faults] == [("cause", ("kms:GenerateDataKey", "kms:Decrypt"))]
    s3 = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
        "Resource": "*",
    }
    assert judging.judged(made, judging.key(PLACE, root, s3))[1] == ()


def test_a_key_statement_under_a_condition_that_s3_may_not_meet_is_a_risk() -> None:
    """Whether S3 names its bucket to KMS here is not documented."""
    s3 = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": "*",
          "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::uploads"}}}  # fmt: skip
    _, faults = judging.judged(with_queue(encrypted=True), judging.key(PLACE, s3))
    assert [(fault.severity.value, fault.key) for fault in faults] == [("risk", "aws:sourcearn")]


def test_of_a_bucket_without_a_name_the_beginning_is_known() -> None:
    properties = {"NotificationConfiguration": {"QueueConfigurations": [{"Queue": PLACE.queue}]}}
    made = example(BUCKET, properties, PLACE)
    assert made.needed[0].request.context["aws:SourceArn"] == Known((f"arn:aws:s3:::audit-it-{OPEN_END}",))
    _, wide = judging.judged(made, judging.endpoint(Target.QUEUE, PLACE.queue, let_in(ArnLike={"aws:SourceArn": "arn:aws:s3:::audit-*"})))
    assert wide == ()


def test_access_logs_are_looked_at_only_where_the_message_speaks_of_them() -> None:
    """Their bucket may let them in by its ACL instead."""
    made = EXAMPLES[BUCKET]("aws")
    other = replace(made, resource=replace(made.resource, reason="Unable to validate the following destination configurations"))
    assert "logging.s3.amazonaws.com" in {need.request.caller.name for need in made.needed}
    assert "logging.s3.amazonaws.com" not in {need.request.caller.name for need in other.needed}


def test_a_bucket_without_destinations_names_nothing() -> None:
    made = example(BUCKET, {"BucketName": "plain", "VersioningConfiguration": {"Status": "Enabled"}}, PLACE)
    assert made.service.uses(made.resource) == () == made.needed


def test_a_queue_key_notes_what_its_producers_lack() -> None:
    made = EXAMPLES["AWS::SQS::Queue"]("aws")
    root = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}
    _, faults = judging.judged(made, judging.key(PLACE, root))
    assert [(fault.severity.value, fault.needed[0].request.caller.name) for fault in faults] == [("note", "s3.amazonaws.com")]
