"""One failed resource of each service, from AWS's own message to the report: who is proven to have denied, and where it stands.

The live account is a World read without HTTP; policies are AWS's documented ones with one thing wrong.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from incidents.reading import WorldReader
from lab.attempts import Story
from lab.world import BEGAN, World

from services.examples import BUCKET, EXAMPLES, KEY_ID, Example, Place, network_balancer
from stackdoctor.diagnosis import Options, diagnose
from stackdoctor.report import json as as_json
from stackdoctor.services.base import Target

PLACE = Place("aws")
Json = dict[str, Any]
ROOT = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"


def policy(example: Example, target: Target, ref: str) -> Json:
    """AWS's documented policy, behind the account's own statement where it is a key's."""
    statements = [dict(s) for s in example.service.minimal(example.resource, example.facts, target, ref)]
    return {"Version": "2012-10-17", "Statement": [*([ROOT] if target is Target.KEY else []), *statements]}


def handler(service: str, message: str, status: int = 400) -> str:
    inner = f"{message} (Service: {service}, Status Code: {status}, Request ID: 3f4e2a10-0000-4000-8000-000000000000)"
    return f'Resource handler returned message: "{inner}" (RequestToken: 9a7c, HandlerErrorCode: InvalidRequest)'


@dataclass
class Account:
    """What stands in the account: the documented policies, to be spoilt. `bucket_rule` is the bucket's default encryption."""

    bucket: Json
    key: Json
    bucket_rule: Json | None = None
    queue: Json | None = None
    queue_key: str = ""
    more: Json | None = None
    grants: tuple[Json, ...] = ()

    def statement(self, side: str, sid: str) -> Json:
        statements: list[Json] = (self.bucket if side == "bucket" else self.key)["Statement"]
        return next(s for s in statements if s["Sid"] == sid)


def account(example: Example) -> Account:
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": PLACE.key} if example.facts.bucket(BUCKET).default_key else None
    return Account(policy(example, Target.BUCKET, BUCKET), policy(example, Target.KEY, PLACE.key), rule)


def report(example: Example, reason: str, there: Account, properties: Mapping[str, Any] | None = None, role: str | None = None) -> Json:
    """The json report of a stack that could not make the resource."""
    world = World("111122223333", PLACE.region)
    world.bucket(BUCKET, policy=there.bucket if there.bucket["Statement"] else None, encryption=there.bucket_rule, **(there.more or {}))
    world.key(KEY_ID, policy=there.key, alias="alias/audit", grants=list(there.grants))
    if there.queue is not None:
        attributes = {"Policy": json.dumps(there.queue)} | ({"KmsMasterKeyId": there.queue_key} if there.queue_key else {})
        world.answer("sqs:GetQueueUrl", {"QueueUrl": "https://sqs/q"})
        world.answer("sqs:GetQueueAttributes", {"Attributes": attributes})
    let_in = {
        "Effect": "Allow",
        "Principal": {"Service": example.service.principal or "x"},
        "Action": "sns:Publish",
        "Resource": PLACE.topic,
    }
    world.answer("sns:GetTopicAttributes", {"Attributes": {"Policy": json.dumps({"Statement": [let_in]})}})
    story = Story(world, "audit", BEGAN, operation_ids=True, tokens=True)
    story.arn = PLACE.arn("cloudformation", "stack/audit/8c6b6a10-c6f3-11f0-9d1c-0e2b1f4c8a11")
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    for near in example.resource.neighbours:
        story.add(near.logical_id, near.type, "CREATE_COMPLETE", near.physical_id, "", dict(near.properties))
    shown = dict(properties if properties is not None else example.resource.properties)
    story.add("It", example.resource.type, "CREATE_FAILED", "", reason, shown)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [It]. Rollback requested by user.")
    story.own("ROLLBACK_COMPLETE")
    world.stack("audit", "ROLLBACK_COMPLETE", story.events, arn=story.arn, **({"RoleARN": role} if role else {}))
    made = as_json.document(diagnose(WorldReader(world), story.arn, Options()), datetime(2026, 11, 25, tzinfo=UTC))
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


def causes(found: Json) -> list[tuple[str, str, str | None, str | None]]:
    """(check, owner, Sid, condition key) of each cause."""
    return [
        (f["check"], f["service"], f["statement"]["sid"] if f["statement"] else None, f["clause"]["key"] if f["clause"] else None)
        for f in found["findings"]
        if f["severity"] == "cause"
    ]


Spoil = Callable[[Account], None]


def condition(side: str, sid: str, operator: str, key: str, value: Any) -> Spoil:
    def spoil(there: Account) -> None:
        there.statement(side, sid).setdefault("Condition", {})[operator] = {key: value}

    return spoil


def element(side: str, sid: str, name: str, value: Any) -> Spoil:
    return lambda there: there.statement(side, sid).__setitem__(name, value)


CONFIG = "Insufficient delivery policy to s3 bucket: audit-logs-8f3a, "
GUARDDUTY = handler(
    "GuardDuty",
    "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the "
    "destinationArn parameter. Refer to https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html",
)
FLOW = handler("Ec2", "Access Denied for LogDestination: audit-logs-8f3a. Please check LogDestination permission")
BALANCER = handler("ElasticLoadBalancingV2", "Access Denied for bucket: audit-logs-8f3a. Please check S3bucket permission")
LOGS = handler(
    "CloudWatchLogs",
    "The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:eu-west-1:111122223333:log-group:/audit'",
)
REDSHIFT = handler("Redshift", "Cannot write to bucket audit-logs-8f3a. Please ensure that your IAM permissions are set up correctly.")
SYNC = "ResourceDataSyncInvalidConfigurationException: The S3 bucket policy of audit-logs-8f3a does not allow the sync to write."
OTHER = "999988887777"

INCIDENTS: list[tuple[str, str, str, Spoil, tuple[str, str, str | None, str | None], str]] = [
    ("config reads", "AWS::Config::DeliveryChannel", CONFIG + "unable to get s3 bucket acl.",
     condition("bucket", "AWSConfigBucketPermissionsCheck", "StringEquals", "aws:SourceAccount", OTHER),
     ("source-arn-account", "s3", "AWSConfigBucketPermissionsCheck", "aws:SourceAccount"), "s3"),
    ("config writes", "AWS::Config::DeliveryChannel", CONFIG + "unable to write to bucket, provided s3 key prefix is 'p', provided kms key is 'k'.",
     element("key", "AWSConfigKMSPolicy", "Action", "kms:Decrypt"), ("action-missing", "kms", None, None), "kms"),
    ("flow log", "AWS::EC2::FlowLog", FLOW, element("bucket", "AWSLogDeliveryWrite", "Resource", f"{PLACE.bucket}/AWSLogs/111122223333/*"),
     ("resource-path", "s3", "AWSLogDeliveryWrite", None), "s3"),
    ("balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", BALANCER,
     element("bucket", "AWSLoadBalancerLogs", "Principal", {"Service": "delivery.logs.amazonaws.com"}), ("principal-missing", "s3", None, None), "s3"),
    ("network balancer", "network", BALANCER, condition("bucket", "AWSLogDeliveryAclCheck", "StringEquals", "aws:SourceAccount", OTHER),
     ("source-arn-account", "s3", "AWSLogDeliveryAclCheck", "aws:SourceAccount"), "s3"),
    ("log group", "AWS::Logs::LogGroup", LOGS,
     condition("key", "AllowCloudWatchLogs", "ArnLike", "kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:eu-west-1:111122223333:log-group:/other/*"),
     ("encryption-context", "kms", "AllowCloudWatchLogs", "kms:EncryptionContext:aws:logs:arn"), "kms"),
    ("log group of no Region", "AWS::Logs::LogGroup", LOGS, element("key", "AllowCloudWatchLogs", "Principal", {"Service": "logs.amazonaws.com"}),
     ("principal-misspelt", "kms", "AllowCloudWatchLogs", None), "kms"),
    ("guardduty's key", "AWS::GuardDuty::PublishingDestination", GUARDDUTY, element("key", "AllowGuardDutyKey", "Action", "kms:Encrypt"),
     ("action-missing principal-missing", "kms", None, None), "kms"),
    ("guardduty's bucket", "AWS::GuardDuty::PublishingDestination", GUARDDUTY,
     condition("bucket", "AllowPutObject", "ArnLike", "aws:SourceArn", "arn:aws:guardduty:eu-west-1:111122223333:detector/other"),
     ("source-arn-account", "s3", "AllowPutObject", "aws:SourceArn"), "s3"),
    ("redshift", "AWS::Redshift::Cluster", REDSHIFT, condition("bucket", "PutAuditLogs", "StringEquals", "aws:PrincipalOrgID", "o-1"),
     ("condition", "s3", "PutAuditLogs", "aws:PrincipalOrgID"), "s3"),
    ("event data store", "AWS::CloudTrail::EventDataStore", "InsufficientEncryptionPolicyException: Insufficient permissions to access KMS key k.",
     condition("key", "AllowCloudTrailEventDataStore", "StringEquals", "aws:SourceAccount", "111122223333"),
     ("source-arn-account", "kms", "AllowCloudTrailEventDataStore", "aws:SourceAccount"), "kms"),
    ("data sync", "AWS::SSM::ResourceDataSync", SYNC,
     element("bucket", "SSMBucketDelivery", "Resource", f"{PLACE.bucket}/p/*/accountid={OTHER}/*"),
     ("resource-path", "s3", "SSMBucketDelivery", None), "s3"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "reason", "spoil", "cause", "denied_by"), INCIDENTS, ids=[row[0] for row in INCIDENTS])
def test_the_one_thing_wrong_is_found_proven_and_mended(
    name: str, kind: str, reason: str, spoil: Spoil, cause: tuple[str, str, str | None, str | None], denied_by: str
) -> None:
    example = network_balancer() if kind == "network" else EXAMPLES[kind]("aws")
    there = account(example)
    spoil(there)
    found = report(example, reason, there)
    assert [(owner, sid, key) for _check, owner, sid, key in causes(found)] == [cause[1:]]
    assert causes(found)[0][0] in cause[0].split()
    root = found["root_causes"][0]
    assert (found["verdict"], root["denied_by"], root["confidence"]) == ("explained", denied_by, "confirmed")
    mended = [fix for fix in found["fixes"] if fix["verified"]]
    assert mended, [fix["title"] for fix in found["fixes"]]


@pytest.mark.parametrize(("name", "kind", "reason", "spoil", "cause", "denied_by"), INCIDENTS, ids=[row[0] for row in INCIDENTS])
def test_the_documented_policies_have_no_cause(
    name: str, kind: str, reason: str, spoil: Spoil, cause: tuple[str, str, str | None, str | None], denied_by: str
) -> None:
    example = network_balancer() if kind == "network" else EXAMPLES[kind]("aws")
    found = report(example, reason, account(example))
    assert causes(found) == []
    assert {root["confidence"] for root in found["root_causes"]} <= {"likely", "possible"}


# ------------------------------------------------------------------------------------------------ the caller's own
RDS = (
    "The specified KMS key [arn:aws:kms:eu-west-1:111122223333:key/k] does not exist, is not enabled or you do not have permissions to "
    "access it. (Service: Rds, Status Code: 400, Request ID: x)"
)


def test_a_key_that_delegates_leaves_the_deploying_identity() -> None:
    found = report(EXAMPLES["AWS::RDS::DBInstance"]("aws"), RDS, account(EXAMPLES["AWS::RDS::DBInstance"]("aws")), role=DEPLOYER)
    assert causes(found) == []
    (risk,) = [f for f in found["findings"] if f["severity"] == "risk"]
    assert (risk["check"], risk["service"]) == ("caller-identity", "iam")
    assert "kms:CreateGrant" in risk["explanation"] and DEPLOYER in risk["title"]
    assert (found["verdict"], found["root_causes"][0]["confidence"]) == ("explained", "likely")
    assert [fix["kind"] for fix in found["fixes"]] == ["resource-property"], "no key policy is blamed"


def test_a_key_that_does_not_delegate_is_the_cause() -> None:
    there = account(EXAMPLES["AWS::RDS::DBInstance"]("aws"))
    there.key["Statement"][0] = {**ROOT, "Principal": {"AWS": "arn:aws:iam::111122223333:role/admin"}}
    found = report(EXAMPLES["AWS::RDS::DBInstance"]("aws"), RDS, there, role=DEPLOYER)
    assert causes(found) == [("principal-missing", "kms", None, None)]
    assert found["root_causes"][0]["denied_by"] == "kms"
    assert found["root_causes"][0]["denied"]["principal"] == DEPLOYER


def test_the_default_key_policy_does_not_reach_auto_scaling() -> None:
    example = EXAMPLES["AWS::AutoScaling::AutoScalingGroup"]("aws")
    there = account(example)
    there.key["Statement"] = [copy.deepcopy(ROOT)]
    found = report(example, "Group did not stabilize. {Instances failed to launch: Client.InternalError: Client error on launch}", there)
    assert causes(found) == [("principal-missing", "kms", None, None)]
    assert found["root_causes"][0]["denied_by"] == "kms"
    mended = [fix for fix in found["fixes"] if fix["verified"]]
    assert mended and {row["before"] for row in mended[0]["verification"]["requests"]} == {"denied"}


def test_a_grant_reaches_auto_scaling() -> None:
    example = EXAMPLES["AWS::AutoScaling::AutoScalingGroup"]("aws")
    there = account(example)
    there.key["Statement"] = [copy.deepcopy(ROOT)]
    linked = "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    operations = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey", "CreateGrant"]
    there.grants = ({"GranteePrincipal": linked, "Operations": operations},)
    found = report(example, "Group did not stabilize. {Instances failed to launch: Client.InternalError: Client error on launch}", there)
    assert causes(found) == []


# --------------------------------------------------------------------------------------------------- notifications
NOTIFY = handler("S3", "Unable to validate the following destination configurations")
UPLOADS = {
    "BucketName": "uploads",
    "NotificationConfiguration": {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": PLACE.queue}]},
}
LET_IN = {
    "Sid": "S3",
    "Effect": "Allow",
    "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": PLACE.queue,
}


def queue_report(statement: Json, key: str = "", key_statements: tuple[Json, ...] = ()) -> Json:
    example = EXAMPLES["AWS::S3::Bucket"]("aws")
    there = account(example)
    there.queue, there.queue_key = {"Version": "2012-10-17", "Statement": [statement]}, key
    there.key["Statement"] = [ROOT, *key_statements]
    return report(example, NOTIFY, there, UPLOADS)


def test_the_queue_is_closed() -> None:
    found = queue_report({**LET_IN, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::uploads-old"}}})
    assert causes(found) == [("source-arn-account", "sqs", "S3", "aws:SourceArn")]
    (root,) = found["root_causes"]
    assert (found["verdict"], root["confidence"], root["category"], root["denied_by"]) == ("explained", "confirmed", "validation", "other")
    assert root["denied"] == {"principal": "s3.amazonaws.com", "action": "sqs:SendMessage", "resource": PLACE.queue}


def test_the_queue_is_open_and_its_key_is_closed() -> None:
    found = queue_report(LET_IN, PLACE.key)
    assert causes(found) == [("principal-missing", "kms", None, None)]
    assert (found["verdict"], found["root_causes"][0]["denied_by"]) == ("explained", "kms")


def test_the_queue_is_encrypted_with_the_aws_managed_key() -> None:
    world_key = "alias/aws/sqs"
    found = queue_report(LET_IN, world_key)
    assert [(check, owner) for check, owner, *_ in causes(found) if check != "key-missing"] == [("key-aws-managed", "kms")]


def test_queue_and_key_are_open() -> None:
    use = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
        "Resource": "*",
    }
    assert causes(queue_report(LET_IN, PLACE.key, (use,))) == []


# ---------------------------------------------------------------------------------------------------- bucket states
def test_a_balancer_cannot_write_to_an_encrypted_bucket() -> None:
    example = EXAMPLES["AWS::ElasticLoadBalancingV2::LoadBalancer"]("aws")
    there = account(example)
    there.bucket_rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": PLACE.key}
    assert causes(report(example, BALANCER, there)) == [("bucket-encryption", "s3", None, None)]


def test_cloudfront_needs_acls() -> None:
    example = EXAMPLES["AWS::CloudFront::Distribution"]("aws")
    there = account(example)
    there.more = {"ownership": "BucketOwnerEnforced"}
    said = handler(
        "CloudFront", "The S3 bucket that you specified for CloudFront logs does not enable ACL access: audit-logs-8f3a.s3.amazonaws.com"
    )
    assert causes(report(example, said, there)) == [("bucket-acls-disabled", "s3", None, None)]
