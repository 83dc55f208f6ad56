"""Services that use a key or bucket as whoever deploys, or with a role: the key's policy is blamed only for what it does itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services import judging
from services.examples import EXAMPLES, PARTITIONS, Example, Place
from stackdoctor.evidence import Grant
from stackdoctor.policy import OPEN_END, Known, Missing
from stackdoctor.services.base import Target

PLACE = Place("aws")
ROLE = "arn:aws:iam::111122223333:role/deployer"
OTHER = "arn:aws:iam::111122223333:role/somebody"
ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
FORWARDED = (
    "AWS::RDS::DBInstance", "AWS::SecretsManager::Secret", "AWS::EC2::Volume", "AWS::ECR::Repository", "AWS::EKS::Cluster",
    "AWS::OpenSearchService::Domain", "AWS::DynamoDB::Table", "AWS::EFS::FileSystem", "AWS::Backup::BackupVault",
    "AWS::DMS::ReplicationInstance",
)  # fmt: skip


def by(kind: str, caller: str | None) -> Example:
    example = EXAMPLES[kind]("aws")
    return replace(example, resource=replace(example.resource, caller=caller))


def only(statement: Mapping[str, object], **changes: object) -> dict[str, object]:
    return {**statement, **changes}


def ref(kind: str) -> str:
    return next(need.ref for need in EXAMPLES[kind]("aws").needed)


@pytest.mark.parametrize("kind", FORWARDED)
def test_nothing_is_asked_for_by_a_service_principal(kind: str) -> None:
    example = by(kind, ROLE)
    assert example.service.principal == ""
    assert {need.target for need in example.needed} == {Target.IDENTITY}
    assert {need.request.caller.name for need in example.needed} == {ROLE}


@pytest.mark.parametrize("caller", [ROLE, None])
@pytest.mark.parametrize("kind", FORWARDED)
def test_a_key_that_lets_the_account_delegate_is_not_blamed(kind: str, caller: str | None) -> None:
    outcomes, faults = judging.judged(by(kind, caller), judging.key(PLACE, ROOT, ref=ref(kind)))
    assert faults == ()
    assert {one.outcome for one in outcomes} == {"allowed"}


@pytest.mark.parametrize("kind", FORWARDED)
def test_a_key_that_neither_names_the_role_nor_delegates_denies_it(kind: str) -> None:
    named = only(ROOT, Principal={"AWS": OTHER})
    _, faults = judging.judged(by(kind, ROLE), judging.key(PLACE, named, ref=ref(kind)))
    assert {(fault.severity.value, fault.target.value, str(fault.element)) for fault in faults} == {("cause", "key", "Nothing")}


@pytest.mark.parametrize("kind", FORWARDED)
def test_a_deployer_that_is_not_known_may_be_the_one_the_key_names(kind: str) -> None:
    named = only(ROOT, Principal={"AWS": OTHER})
    assert judging.judged(by(kind, None), judging.key(PLACE, named, ref=ref(kind)))[1] == ()


@pytest.mark.parametrize("kind", FORWARDED)
def test_a_key_for_services_only_is_a_risk_for_a_deployer_that_is_not_known(kind: str) -> None:
    services = only(ROOT, Principal={"Service": "cloudtrail.amazonaws.com"})
    _, faults = judging.judged(by(kind, None), judging.key(PLACE, services, ref=ref(kind)))
    assert {fault.severity.value for fault in faults} == {"risk"}


def test_a_key_of_another_account_that_does_not_know_this_one_denies() -> None:
    foreign = only(ROOT, Principal={"AWS": "arn:aws:iam::999988887777:root"})
    _, faults = judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, foreign, account="999988887777"))
    assert judging.named(faults) == [("cause", "key", "Nothing", ("kms:CreateGrant", "kms:DescribeKey"))]


def test_a_root_statement_limited_to_another_service_is_named_with_its_clause() -> None:
    limited = only(ROOT, Condition={"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}})
    _, faults = judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, limited))
    assert [(fault.severity.value, fault.clause.key, fault.clause.values) for fault in faults if fault.clause] == [
        ("cause", "kms:ViaService", ("rds.eu-west-1.amazonaws.com",))
    ]


def test_an_explicit_deny_of_a_key_outweighs_its_root_statement() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "*",
            "Condition": {"StringNotEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}}  # fmt: skip
    _, faults = judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, ROOT, deny))
    assert judging.named(faults) == [("cause", "key", "Deny", ("kms:CreateGrant",))]


def test_a_grant_to_the_role_is_permission_beside_the_policy() -> None:
    services = only(ROOT, Principal={"Service": "cloudtrail.amazonaws.com"})
    grant = Grant(ROLE, ("CreateGrant", "DescribeKey"))
    assert judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, services, grants=(grant,)))[1] == ()
    half = replace(grant, operations=("DescribeKey",))
    _, faults = judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, services, grants=(half,)))
    assert [fault.actions for fault in faults] == [("kms:CreateGrant",)]


# --------------------------------------------------------------------------------------------- what the requests carry
@pytest.mark.parametrize(
    ("kind", "via"),
    [
        ("AWS::RDS::DBCluster", "rds"),
        ("AWS::SecretsManager::Secret", "secretsmanager"),
        ("AWS::EC2::Volume", "ec2"),
        ("AWS::ECR::Repository", "ecr"),
        ("AWS::OpenSearchService::Domain", "es"),
        ("AWS::DynamoDB::Table", "dynamodb"),
        ("AWS::EFS::FileSystem", "elasticfilesystem"),
        ("AWS::Backup::BackupVault", "backup"),
        ("AWS::DMS::ReplicationInstance", "dms"),
    ],
)
@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_forwarding_service_is_known(kind: str, via: str, partition: str) -> None:
    region = Place(partition).region
    for need in EXAMPLES[kind](partition).needed:
        assert need.request.context["kms:ViaService"] == Known((f"{via}.{region}.amazonaws.com",))


def test_a_create_grant_of_eks_is_not_for_an_aws_resource() -> None:
    """A statement under kms:GrantIsForAWSResource, right for RDS, denies EKS."""
    limited = only(ROOT, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}, Action="kms:CreateGrant")
    describe = only(ROOT, Action="kms:DescribeKey")
    assert judging.judged(by("AWS::RDS::DBInstance", ROLE), judging.key(PLACE, limited, describe))[1] == ()
    _, faults = judging.judged(by("AWS::EKS::Cluster", ROLE), judging.key(PLACE, limited, describe))
    assert [(fault.severity.value, fault.key, fault.clause and fault.clause.state) for fault in faults] == [
        ("cause", "kms:grantisforawsresource", "absent")
    ]


def test_the_deployer_carries_no_source_of_a_service() -> None:
    for need in EXAMPLES["AWS::RDS::DBInstance"]("aws").needed:
        assert isinstance(need.request.context["aws:SourceArn"], Missing)
        assert need.request.context["aws:PrincipalIsAWSService"] == Known(("false",))


def test_aws_managed_keys_need_nothing_of_the_caller() -> None:
    example = EXAMPLES["AWS::RDS::DBInstance"]("aws")
    managed = replace(example, resource=replace(example.resource, properties={"KmsKeyId": "alias/aws/rds"}))
    assert managed.needed == ()
    assert managed.service.uses(managed.resource) == ()


# --------------------------------------------------------------------------------------------------------- buckets
CODE = "AWS::Lambda::Function"


def test_an_identity_of_the_account_needs_no_allow_in_the_bucket_policy() -> None:
    allow = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": PLACE.bucket}
    for evidence in (judging.bucket(PLACE), judging.bucket(PLACE, allow)):
        outcomes, faults = judging.judged(by(CODE, ROLE), evidence)
        assert faults == ()
        assert {one.outcome for one in outcomes} == {"allowed"}


def test_an_explicit_deny_in_the_bucket_policy_is_found_all_the_same() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{PLACE.bucket}/*",
            "Condition": {"StringNotEquals": {"aws:PrincipalArn": OTHER}}}  # fmt: skip
    _, faults = judging.judged(by(CODE, ROLE), judging.bucket(PLACE, deny))
    assert judging.named(faults) == [("cause", "bucket", "Deny", ("s3:GetObject",))]
    _, unsure = judging.judged(by(CODE, None), judging.bucket(PLACE, deny))
    assert judging.named(unsure) == [("risk", "bucket", "Deny", ("s3:GetObject",))]


# ----------------------------------------------------------------------------------------------------- service roles
def test_firehose_writes_with_its_role_through_s3() -> None:
    example = EXAMPLES["AWS::KinesisFirehose::DeliveryStream"]("aws")
    assert {need.request.caller.name for need in example.needed} == {PLACE.role}
    keyed = [need for need in example.needed if need.request.action.startswith("kms:")]
    assert {need.request.context["kms:ViaService"] for need in keyed} == {Known(("s3.eu-west-1.amazonaws.com",))}
    assert {need.request.context["kms:EncryptionContext:aws:s3:arn"] for need in keyed} == {Known((f"{PLACE.bucket}/p/{OPEN_END}",))}


def test_firehose_key_statement_for_another_bucket_is_named() -> None:
    """AWS's page puts kms:ViaService and the encryption context on the statement for the role: here both are right but the bucket."""
    example = EXAMPLES["AWS::KinesisFirehose::DeliveryStream"]("aws")
    statement = {"Effect": "Allow", "Principal": {"AWS": PLACE.role}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
                 "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"},
                               "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::another/*"}}}  # fmt: skip
    _, faults = judging.judged(example, judging.key(PLACE, statement))
    assert [(fault.severity.value, fault.key) for fault in faults] == [("cause", "kms:encryptioncontext:aws:s3:arn")]


@pytest.mark.parametrize("kind", ["AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project"])
def test_a_role_that_works_later_makes_notes_only(kind: str) -> None:
    services = only(ROOT, Principal={"Service": "cloudtrail.amazonaws.com"})
    _, faults = judging.judged(EXAMPLES[kind]("aws"), judging.key(PLACE, services))
    assert {fault.severity.value for fault in faults} == {"note"}


# ------------------------------------------------------------------------------------------------------ Auto Scaling
SLR = "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
GROUP = "AWS::AutoScaling::AutoScalingGroup"


def test_auto_scaling_asks_with_its_service_linked_role() -> None:
    assert {need.request.caller.name for need in EXAMPLES[GROUP]("aws").needed} == {SLR}


def test_the_account_cannot_delegate_to_a_service_linked_role() -> None:
    """The default key policy: right for every role of yours, and the commonest cause of "Client.InternalError"."""
    _, faults = judging.judged(EXAMPLES[GROUP]("aws"), judging.key(PLACE, ROOT))
    assert {(fault.severity.value, str(fault.element)) for fault in faults} == {("cause", "Nothing")}
    named = only(ROOT, Principal={"AWS": ["arn:aws:iam::111122223333:root", SLR]})
    assert judging.judged(EXAMPLES[GROUP]("aws"), judging.key(PLACE, named))[1] == ()


def test_a_deny_for_the_account_reaches_the_service_linked_role() -> None:
    deny = only(ROOT, Effect="Deny", Action="kms:CreateGrant")
    named = only(ROOT, Principal={"AWS": SLR})
    _, faults = judging.judged(EXAMPLES[GROUP]("aws"), judging.key(PLACE, named, deny))
    assert judging.named(faults) == [("cause", "key", "Deny", ("kms:CreateGrant",))]


def test_the_statement_of_grants_alone_does_not_let_it_use_the_key() -> None:
    grants = {"Effect": "Allow", "Principal": {"AWS": SLR}, "Action": "kms:CreateGrant", "Resource": "*",
              "Condition": {"Bool": {"kms:GrantIsForAWSResource": True}}}  # fmt: skip
    _, faults = judging.judged(EXAMPLES[GROUP]("aws"), judging.key(PLACE, grants))
    assert "kms:CreateGrant" not in {action for fault in faults for action in fault.actions}
    assert {fault.severity.value for fault in faults} == {"cause"}


def test_a_grant_lets_the_role_use_a_key_of_another_account() -> None:
    """The documented way across accounts: create-grant for the role in the key's account."""
    foreign = only(ROOT, Principal={"AWS": "arn:aws:iam::999988887777:root"})
    operations = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey", "CreateGrant")
    there = judging.key(PLACE, foreign, account="999988887777", grants=(Grant(SLR, operations),))
    assert judging.judged(EXAMPLES[GROUP]("aws"), there)[1] == ()
    without = judging.key(PLACE, foreign, account="999988887777")
    assert {fault.severity.value for fault in judging.judged(EXAMPLES[GROUP]("aws"), without)[1]} == {"cause"}


def test_a_group_of_its_own_launch_template_only() -> None:
    example = EXAMPLES[GROUP]("aws")
    other = replace(example.resource, properties={"LaunchTemplate": {"LaunchTemplateId": "lt-2", "Version": "1"}})
    assert example.service.needed(other, example.facts) == ()
