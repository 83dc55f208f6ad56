"""Services that deliver to a bucket as themselves: Config's steps, load balancers and their accounts of old, log delivery, GuardDuty,
Systems Manager, Redshift, CloudFront; and what is known of the requests they make.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services import judging
from services.examples import BUCKET, EXAMPLES, PARTITIONS, Example, Place, example, network_balancer
from stackdoctor.policy import OPEN_END, Known, OneOf
from stackdoctor.services import elb
from stackdoctor.services.base import Constraint, Neighbour, Target, Use

PLACE = Place("aws")
CHANNEL, TYPE_V2, CLASSIC = (
    "AWS::Config::DeliveryChannel",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancing::LoadBalancer",
)
CONFIG = {"Service": "config.amazonaws.com"}
READ = {"Effect": "Allow", "Principal": CONFIG, "Action": "s3:GetBucketAcl", "Resource": PLACE.bucket}
WRITE = {"Effect": "Allow", "Principal": CONFIG, "Action": "s3:PutObject", "Resource": f"{PLACE.bucket}/p/AWSLogs/111122223333/Config/*"}
USE = {"Effect": "Allow", "Principal": CONFIG, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}


# ---------------------------------------------------------------------------------------------------------- Config
def channel(reason: str, *recorder: str) -> Example:
    recorders = tuple(Neighbour("AWS::Config::ConfigurationRecorder", "R", "default", {"RoleARN": role}) for role in recorder)
    made = EXAMPLES[CHANNEL]("aws")
    return replace(made, resource=replace(made.resource, reason=reason, neighbours=recorders))


NO_ACL = "Insufficient delivery policy to s3 bucket: audit-logs-8f3a, unable to get s3 bucket acl. (Error Code: InsufficientDeliveryPolicyException)"
NO_WRITE = "Insufficient delivery policy to s3 bucket: audit-logs-8f3a, unable to write to bucket, provided s3 key prefix is 'p'."
NO_ROLE = "Insufficient delivery policy to s3 bucket: audit-logs-8f3a, unable to assume role: arn:aws:iam::111122223333:role/config."
OTHERS = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": PLACE.bucket}


@pytest.mark.parametrize(
    ("reason", "read", "write"),
    [
        (NO_ACL, "cause", "risk"),
        (NO_WRITE, "note", "cause"),
        (NO_ROLE, "note", "note"),
        ("InsufficientDeliveryPolicyException", "cause", "cause"),
    ],
)
def test_the_step_that_the_message_names_is_the_cause(reason: str, read: str, write: str) -> None:
    """A step that the message passed was somebody's to make: the role's, perhaps."""
    _, only_writes = judging.judged(channel(reason), judging.bucket(PLACE, OTHERS, WRITE))
    assert judging.named(only_writes) == [(read, "bucket", "Nothing", ("s3:GetBucketAcl",))]
    _, only_reads = judging.judged(channel(reason), judging.bucket(PLACE, READ))
    assert [fault[0] for fault in judging.named(only_reads)] == [write]
    _, no_key = judging.judged(channel(reason), judging.key(PLACE, {**USE, "Action": "kms:Decrypt"}))
    assert [(fault.severity.value, fault.actions) for fault in no_key] == [(write, ("kms:GenerateDataKey",))]


def test_without_a_failure_only_the_service_linked_role_makes_the_service_principal_needed() -> None:
    own = "arn:aws:iam::111122223333:role/config-recorder"
    linked = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    severities = {
        role: {f.severity.value for f in judging.judged(channel("", role), judging.bucket(PLACE, OTHERS))[1]} for role in (own, linked)
    }
    assert severities == {own: {"risk"}, linked: {"cause"}}


def test_config_organization_conditions_do_not_work() -> None:
    """AWS says so of aws:PrincipalOrgID: the service carries none."""
    for statement in ({**READ, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},):
        _, faults = judging.judged(channel(NO_ACL), judging.bucket(PLACE, statement, WRITE))
        assert [(fault.severity.value, fault.key, fault.clause and fault.clause.state) for fault in faults] == [
            ("cause", "aws:principalorgid", "absent")
        ]


def test_a_key_of_the_bucket_counts_where_the_channel_names_none() -> None:
    properties = {"S3BucketName": BUCKET}
    made = example(CHANNEL, properties, PLACE, default_key=True, reason=NO_WRITE)
    assert made.service.also_uses(made.resource, made.facts) == (Use(Target.KEY, PLACE.key, "BucketEncryption"),)
    assert ("key", "kms:GenerateDataKey") in made.asked()


# -------------------------------------------------------------------------------------------------------- balancers
@pytest.mark.parametrize("kind", [TYPE_V2, CLASSIC])
@pytest.mark.parametrize("principal", [{"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, {"AWS": "arn:aws:iam::156460612806:root"},
                                       {"AWS": "156460612806"}])  # fmt: skip
def test_either_the_service_principal_or_the_account_of_old_is_enough(kind: str, principal: dict[str, str]) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:PutObject",
        "Resource": f"{PLACE.bucket}/p/AWSLogs/111122223333/*",
    }
    outcomes, faults = judging.judged(EXAMPLES[kind]("aws"), judging.bucket(PLACE, statement))
    assert faults == ()
    assert {one.outcome for one in outcomes} == {"allowed"}


@pytest.mark.parametrize("principal", [{"Service": "delivery.logs.amazonaws.com"}, {"AWS": "arn:aws:iam::127311923021:root"}])
def test_log_delivery_or_another_regions_account_is_not(principal: dict[str, str]) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:PutObject",
        "Resource": f"{PLACE.bucket}/p/AWSLogs/111122223333/*",
    }
    _, faults = judging.judged(EXAMPLES[TYPE_V2]("aws"), judging.bucket(PLACE, statement))
    assert [(fault.severity.value, fault.needed[0].request.caller.name) for fault in faults] == [
        ("cause", "logdelivery.elasticloadbalancing.amazonaws.com")
    ]


def test_the_prefix_counts_for_both() -> None:
    for principal in ({"Service": elb.PRINCIPAL}, {"AWS": "arn:aws:iam::156460612806:root"}):
        statement = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": f"{PLACE.bucket}/AWSLogs/111122223333/*",
        }
        _, faults = judging.judged(EXAMPLES[TYPE_V2]("aws"), judging.bucket(PLACE, statement))
        assert {fault.severity.value for fault in faults} == {"cause"}


def test_every_older_region_has_its_account_and_newer_ones_have_none() -> None:
    gov = EXAMPLES[TYPE_V2]("aws-us-gov").needed[0]
    assert [request.caller.name for request in gov.alternatives] == ["arn:aws-us-gov:iam::048591011584:root"]
    assert EXAMPLES[TYPE_V2]("aws-cn").needed[0].alternatives == ()
    assert all(len(account) == 12 and account.isdigit() for account in elb.ACCOUNTS.values())


def test_logging_that_is_switched_off_needs_nothing() -> None:
    pairs = {"access_logs.s3.enabled": "false", "access_logs.s3.bucket": BUCKET}
    made = example(TYPE_V2, {"LoadBalancerAttributes": [{"Key": k, "Value": v} for k, v in pairs.items()]}, PLACE)
    assert made.needed == () == made.service.uses(made.resource)


def test_connection_logs_are_asked_for_too() -> None:
    pairs = {"connection_logs.s3.enabled": "true", "connection_logs.s3.bucket": BUCKET}
    made = example(TYPE_V2, {"LoadBalancerAttributes": [{"Key": k, "Value": v} for k, v in pairs.items()]}, PLACE)
    assert [need.request.resource for need in made.needed] == [f"{PLACE.bucket}/AWSLogs/111122223333/*"]


def test_only_network_load_balancers_write_to_encrypted_buckets() -> None:
    assert Constraint.BUCKET_SSE_S3_ONLY in EXAMPLES[TYPE_V2]("aws").service.constraints
    assert Constraint.BUCKET_SSE_S3_ONLY not in network_balancer().service.constraints


# ----------------------------------------------------------------------------------------------------- log delivery
@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("kind", ["AWS::EC2::FlowLog", "AWS::WAFv2::LoggingConfiguration", "AWS::NetworkFirewall::LoggingConfiguration",
                                  "AWS::MSK::Cluster"])  # fmt: skip
def test_log_delivery_names_the_account_and_an_arn_known_up_to_its_end(kind: str, partition: str) -> None:
    region = Place(partition).region
    for need in EXAMPLES[kind](partition).by_service():
        assert need.request.context["aws:SourceAccount"] == Known(("111122223333",))
        assert need.request.context["aws:SourceArn"] == Known((f"arn:{partition}:logs:{region}:111122223333:{OPEN_END}",))


def test_vended_logs_come_from_a_delivery_source() -> None:
    for kind in ("AWS::Logs::DeliveryDestination", "AWS::Logs::Delivery"):
        made = EXAMPLES[kind]("aws")
        assert made.service.uses(made.resource)[0].ref == BUCKET
        assert {n.request.context["aws:SourceArn"] for n in made.by_service()} == {
            Known((f"arn:aws:logs:eu-west-1:111122223333:delivery-source:{OPEN_END}",))
        }


def test_a_delivery_to_a_destination_of_another_stack_names_no_bucket() -> None:
    made = EXAMPLES["AWS::Logs::Delivery"]("aws")
    alone = replace(made, resource=replace(made.resource, neighbours=()))
    assert alone.service.uses(alone.resource) == ()
    assert alone.needed == ()


# -------------------------------------------------------------------------------------------------- other deliveries
def test_guardduty_writes_encrypted_with_the_named_key() -> None:
    put = next(need for need in EXAMPLES["AWS::GuardDuty::PublishingDestination"]("aws").needed if need.request.action == "s3:PutObject")
    assert put.request.context["s3:x-amz-server-side-encryption"] == Known(("aws:kms",))
    assert put.request.context["s3:x-amz-server-side-encryption-aws-kms-key-id"] == Known((PLACE.key,))
    assert put.request.context["aws:SourceArn"] == Known(("arn:aws:guardduty:eu-west-1:111122223333:detector/d1",))


@pytest.mark.parametrize(("kind", "name"), [("AWS::GuardDuty::PublishingDestination", "guardduty"), ("AWS::Redshift::Cluster", "redshift")])
def test_opt_in_regions_have_principals_of_their_own(kind: str, name: str) -> None:
    made = EXAMPLES[kind]("aws")
    there = replace(made, resource=replace(made.resource, scope=replace(made.resource.scope, region="af-south-1")))
    assert there.service.principal == f"{name}.af-south-1.amazonaws.com"
    assert {need.request.caller.name for need in there.by_service()} == {f"{name}.af-south-1.amazonaws.com"}
    assert made.service.principal == f"{name}.amazonaws.com"


def test_a_data_sync_writes_below_its_accounts_folders() -> None:
    """`prefix/*/accountid=ACCOUNT/*`: what stands in the middle is Systems Manager's."""
    made = EXAMPLES["AWS::SSM::ResourceDataSync"]("aws")
    for path, allowed in (
        ("p/*/accountid=111122223333/*", True),
        ("*/accountid=111122223333/*", True),
        ("p/*/accountid=999988887777/*", False),
    ):
        statement = {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"},
                     "Action": ["s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectTagging"],
                     "Resource": [PLACE.bucket, f"{PLACE.bucket}/{path}"]}  # fmt: skip
        _, faults = judging.judged(made, judging.bucket(PLACE, statement))
        assert (faults == ()) is allowed


def test_older_templates_of_a_data_sync_name_the_bucket_at_the_top() -> None:
    made = example("AWS::SSM::ResourceDataSync", {"SyncName": "s", "BucketName": BUCKET, "KMSKeyArn": PLACE.key}, PLACE)
    assert {use.ref for use in made.service.uses(made.resource)} == {BUCKET, PLACE.key}
    assert "s3:PutObjectTagging" not in {action for _, action in made.asked()}


def test_cloudfront_asks_for_the_acl_as_the_deployer_and_needs_acls() -> None:
    made = EXAMPLES["AWS::CloudFront::Distribution"]("aws")
    assert {n.request.action for n in made.needed if n.target is Target.IDENTITY} == {"s3:GetBucketAcl", "s3:PutBucketAcl"}
    assert made.service.constraints == {Constraint.BUCKET_ACLS_ENABLED, Constraint.BUCKET_NOT_OPT_IN_REGION}


def test_a_distribution_without_logging_names_nothing() -> None:
    made = example("AWS::CloudFront::Distribution", {"DistributionConfig": {"Enabled": "true"}}, PLACE)
    assert made.service.uses(made.resource) == () == made.needed


# ------------------------------------------------------------------------------------------------------- CloudTrail
def test_an_event_data_store_never_sends_its_arn() -> None:
    """Right for a trail, wrong here: a condition on aws:SourceArn denies."""
    made = EXAMPLES["AWS::CloudTrail::EventDataStore"]("aws")
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
                 "Resource": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:111122223333:*"}}}  # fmt: skip
    root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
    _, faults = judging.judged(made, judging.key(PLACE, statement, root))
    assert [(fault.severity.value, fault.key, fault.clause and fault.clause.state) for fault in faults] == [
        ("cause", "aws:sourcearn", "absent")
    ]


def trail(**scope: Any) -> Example:
    made = EXAMPLES["AWS::CloudTrail::Trail"]("aws")
    properties = {**made.resource.properties, "IsOrganizationTrail": "true"}
    return replace(made, resource=replace(made.resource, properties=properties, scope=replace(made.resource.scope, **scope)))


def test_an_organization_trail_writes_below_the_organization_too() -> None:
    known = trail(organization="o-abcdefgh12", management="111122223333")
    paths = [need.request.resource for need in known.needed if need.request.action == "s3:PutObject"]
    assert paths == [f"{PLACE.bucket}/p/AWSLogs/111122223333/*", f"{PLACE.bucket}/p/AWSLogs/o-abcdefgh12/*"]


def test_where_the_organization_is_not_known_its_path_is_not_asked_for() -> None:
    paths = [need.request.resource for need in trail().needed if need.request.action == "s3:PutObject"]
    assert paths == [f"{PLACE.bucket}/p/AWSLogs/111122223333/*"]


def test_an_organization_trail_of_a_delegated_administrator_is_the_management_accounts() -> None:
    delegated = trail(organization="o-abcdefgh12", management="222233334444")
    arn = "arn:aws:cloudtrail:eu-west-1:222233334444:trail/audit"
    assert delegated.service.source_arn(delegated.resource) == arn
    writes = [need.request for need in delegated.needed if need.request.action == "s3:PutObject"]
    assert {request.context["aws:SourceArn"] for request in writes} == {Known((arn,))}
    assert writes[0].resource == f"{PLACE.bucket}/p/AWSLogs/222233334444/*"


def test_a_trails_topic_key_is_asked_for_apart_from_its_own() -> None:
    made = EXAMPLES["AWS::CloudTrail::Trail"]("aws")
    assert made.service.also_uses(made.resource, made.facts) == (Use(Target.KEY, PLACE.key, "KmsMasterKeyId"),)
    of_topic = [need for need in made.needed if need.target is Target.KEY and need.ref == PLACE.key]
    assert {(need.request.action, need.blocking.value) for need in of_topic} == {
        ("kms:GenerateDataKey", "unknown"),
        ("kms:Decrypt", "unknown"),
    }


def test_the_cloudwatch_role_is_spoken_of_only_where_the_message_does() -> None:
    made = EXAMPLES["AWS::CloudTrail::Trail"]("aws")
    silent = replace(made, resource=replace(made.resource, reason="Incorrect S3 bucket policy is detected for bucket: audit-logs-8f3a"))
    assert {n.request.caller.name for n in made.needed if n.target is Target.IDENTITY} == {PLACE.role}
    assert [n for n in silent.needed if n.target is Target.IDENTITY] == []


# -------------------------------------------------------------------------------------------------------- log groups
def test_a_log_group_is_its_own_encryption_context() -> None:
    for need in EXAMPLES["AWS::Logs::LogGroup"]("aws").by_service():
        context = need.request.context
        assert context["kms:EncryptionContext:aws:logs:arn"] == Known(("arn:aws:logs:eu-west-1:111122223333:log-group:/audit",))
        assert context["kms:ViaService"] == OneOf((None, ("logs.eu-west-1.amazonaws.com",)))


@pytest.mark.parametrize(("arn", "allowed"), [("arn:aws:logs:eu-west-1:111122223333:log-group:*", True), ("arn:aws:logs:eu-west-1:111122223333:*", True),
                                              ("arn:aws:logs:eu-west-1:111122223333:log-group:audit-It-*", True),
                                              ("arn:aws:logs:eu-west-1:111122223333:log-group:other-*", False)])  # fmt: skip
def test_of_a_log_group_without_a_name_the_beginning_is_known(arn: str, allowed: bool) -> None:
    made = example("AWS::Logs::LogGroup", {"KmsKeyId": PLACE.key}, PLACE)
    statement = {"Effect": "Allow", "Principal": {"Service": "logs.eu-west-1.amazonaws.com"}, "Action": "kms:*", "Resource": "*",
                 "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}}}  # fmt: skip
    root = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}
    _, faults = judging.judged(made, judging.key(PLACE, statement, root))
    assert (faults == ()) is allowed


def test_a_log_group_without_a_key_needs_nothing() -> None:
    made = example("AWS::Logs::LogGroup", {"LogGroupName": "/audit"}, PLACE)
    assert made.needed == () == made.service.uses(made.resource)
