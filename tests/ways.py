"""Stacks in every state and blockers of every kind, for the tests of the way out and of its commands."""

import json
from dataclasses import replace

from stackdoctor.blockers import BlockerState, key_of
from stackdoctor.blockers.contents import EMPTY
from stackdoctor.blockers.data import SAVINGS
from stackdoctor.blockers.dependents import IN_USE
from stackdoctor.blockers.protection import FLAGS
from stackdoctor.commands import CommandStyle
from stackdoctor.model import Category, Denied, DeniedBy, Failure, Reason, Stack, StackEvent
from stackdoctor.recovery import way_out

ACCOUNT = "111122223333"
ROOT_ID = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/audit/0a1b2c3d-1111-2222-3333-444455556666"
AWS = CommandStyle("eu-central-1", "ops")

STUCK = (
    "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED", "IMPORT_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE",
)  # fmt: skip
RUNNING = (
    "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS",
)  # fmt: skip
DELETING = ("ROLLBACK_FAILED", "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED")

PHYSICAL = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:loadbalancer/app/web/50dc6c495c0c9188",
    "AWS::NetworkFirewall::Firewall": f"arn:aws:network-firewall:eu-central-1:{ACCOUNT}:firewall/edge",
    "AWS::CloudTrail::EventDataStore": f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:eventdatastore/EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE",
    "AWS::SSMIncidents::ReplicationSet": f"arn:aws:ssm-incidents::{ACCOUNT}:replication-set/EXAMPLE-59a9-4f73-8c8a-bcf6cEXAMPLE",
    "AWS::Cognito::UserPool": "eu-central-1_AbCdEfGhI",
    "AWS::EC2::Instance": "i-0123456789abcdef0",
    "AWS::EC2::Volume": "vol-0123456789abcdef0",
    "AWS::EC2::Subnet": "subnet-0123456789abcdef0",
    "AWS::EC2::SecurityGroup": "sg-0123456789abcdef0",
    "AWS::EC2::NetworkInterface": "eni-0123456789abcdef0",
    "AWS::EC2::VPC": "vpc-0123456789abcdef0",
    "AWS::EC2::VPCGatewayAttachment": "IGW|vpc-0123456789abcdef0",
    "AWS::EC2::InternetGateway": "igw-0123456789abcdef0",
    "AWS::NeptuneGraph::Graph": "g-0123456789",
    "AWS::EMR::Cluster": "j-2AL4XXXXXX5T9",
    "AWS::Route53::HostedZone": "Z0123456789ABCDEFGHIJ",
    "AWS::DSQL::Cluster": "abcdefghijklmnopqrst123456",
    "AWS::VerifiedPermissions::PolicyStore": "PSEXAMPLEabcdefg111111",
    "AWS::OpenSearchServerless::Collection": "07tjusf2h91cunochc",
    "AWS::S3::Bucket": "audit-logs",
    "AWS::ECR::Repository": "audit-images",
    "AWS::Backup::BackupVault": "audit-vault",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/audit",
}  # fmt: skip


def stack(status: str, **changes: object) -> Stack:
    return replace(Stack("audit", ROOT_ID, status, region="eu-central-1", account=ACCOUNT), **changes)  # type: ignore[arg-type]


def event(resource_type: str, status: str = "DELETE_FAILED", *, logical_id: str = "Blocker", **changes: object) -> StackEvent:
    made = StackEvent(
        f"{logical_id}-1", ROOT_ID, "audit", logical_id, PHYSICAL.get(resource_type, "audit-thing-1"), resource_type, None, status,
        "Resource handler returned message: it did not work",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def blocker(resource_type: str, category: Category, status: str = "DELETE_FAILED", **changes: object) -> Failure:
    path = changes.pop("stack_path", ("audit",))
    reason = changes.pop("why", Reason(category))
    return Failure(event(resource_type, status, **changes), path, None, reason)  # type: ignore[arg-type]


def nested(resource_type: str, category: Category, status: str = "DELETE_FAILED", **changes: object) -> Failure:
    """A blocker two nested stacks down; the inner one's name is not its logical id."""
    child = (
        f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/audit-Storage-1ABC-Database-Z2VKC706XKXT/9f8e7d6c-0000-0000-0000-000000000000"
    )
    return blocker(
        resource_type, category, status, stack_path=("audit", "Storage", "Database"), stack_id=child,
        stack_name="audit-Storage-1ABC-Database-Z2VKC706XKXT", **changes,
    )  # fmt: skip


LIVE = {
    "AWS::S3::Bucket": (
        BlockerState(versioned=False, object_lock=False, empty=False),
        BlockerState(versioned=True, object_lock=False, empty=False),
        BlockerState(versioned=True, object_lock=True, lock_mode="GOVERNANCE"),
        BlockerState(versioned=True, object_lock=True, lock_mode="COMPLIANCE"),
    ),
    "AWS::Route53::HostedZone": (
        BlockerState(settings={"records": [{"Name": "a.example.com.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}]}),
    ),
    "AWS::Backup::BackupVault": (BlockerState(dependents=(f"arn:aws:backup:eu-central-1:{ACCOUNT}:recovery-point:1EB3B5E7",)),),
    "AWS::IAM::Role": (BlockerState(dependents=(f"arn:aws:iam::{ACCOUNT}:policy/by-hand",)),),
    "AWS::EC2::Subnet": (BlockerState(free=("eni-0aaaaaaaaaaaaaaaa",), dependents=("eni-0bbbbbbbbbbbbbbbb (ELB app/web/1)",)),),
    "AWS::RDS::DBInstance": (BlockerState(cluster="aurora-1"),),
    "AWS::RDS::GlobalCluster": (BlockerState(dependents=(f"arn:aws:rds:us-east-1:{ACCOUNT}:cluster:one",)),),
    "AWS::DynamoDB::GlobalTable": (BlockerState(regions=("us-east-1", "eu-west-1")),),
    "AWS::Cognito::UserPool": (BlockerState(settings={"MfaConfiguration": "OFF", "UserPoolTags": {"team": "o'hara"}}),),
    "AWS::VerifiedPermissions::PolicyStore": (BlockerState(settings={"mode": "OFF"}),),
}  # fmt: skip
"""What live reads may have shown, by type."""

ASSUMED = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/AWSCloudFormation"


def blockers() -> list[Failure]:
    """One failure of every kind this version has words for, and some it has none for."""
    found = [blocker(kind, Category.DELETION_PROTECTION) for kind in FLAGS]
    found += [blocker(kind, Category.NOT_EMPTY) for kind in EMPTY]
    found += [blocker(kind, Category.DEPENDENCY_IN_USE) for kind in IN_USE]
    found += [blocker(kind, Category.CONFLICT) for kind in SAVINGS]
    denied = Reason(Category.IAM_IDENTITY_DENY, DeniedBy.IAM, Denied(ASSUMED, "iam:DeleteRole", "role audit-role"))
    function = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:on-event"
    return [
        *found,
        blocker("AWS::IAM::Role", Category.IAM_IDENTITY_DENY, why=denied),
        blocker("AWS::IAM::Role", Category.EXPLICIT_DENY_SCP),
        blocker(
            "AWS::CloudFormation::Stack", Category.ROLE_TRUST_OR_EXECUTION_ROLE, logical_id="audit", physical_id=ROOT_ID,
            reason=f"Role arn:aws:iam::{ACCOUNT}:role/cdk/exec-role is invalid or cannot be assumed",
        ),
        blocker(
            "AWS::CloudFormation::Stack", Category.DEPENDENCY_IN_USE, logical_id="audit", physical_id=ROOT_ID,
            reason="Export audit:ExportsOutputRefVpc cannot be deleted as it is in use by web and worker",
        ),
        blocker(
            "AWS::Lambda::Function", Category.DEPENDENCY_IN_USE,
            reason="Lambda was unable to delete arn:aws:lambda:us-east-1:1:function:edge:1 because it is a replicated function.",
        ),
        blocker(
            "Custom::Cleaner", Category.CUSTOM_RESOURCE, properties=json.dumps({"ServiceToken": function}),
            reason="CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
            "[e74807a4-5bcc-4bde-b858-bc3f11c72c25].",
        ),
        blocker("Custom::Cleaner", Category.CUSTOM_RESOURCE),
        blocker("AWS::CloudFormation::Stack", Category.NESTED_STACK_CASCADE, physical_id=ROOT_ID.replace("audit", "child")),
        blocker("AWS::WAF::IPSet", Category.QUOTA),
        blocker("AWS::New::Thing", Category.DELETION_PROTECTION),
        blocker("AWS::RDS::DBInstance", Category.DELETION_PROTECTION, properties=json.dumps({"DBClusterIdentifier": "aurora-1"})),
        blocker("AWS::RDS::DBInstance", Category.NOT_FOUND, "UPDATE_FAILED"),
        blocker("AWS::EC2::SecurityGroup", Category.VALIDATION, "UPDATE_FAILED"),
        nested("AWS::S3::Bucket", Category.NOT_EMPTY),
        nested("AWS::Lambda::Function", Category.NOT_FOUND, "UPDATE_FAILED"),
    ]  # fmt: skip


WRITERS = tuple(
    event(kind, "CREATE_COMPLETE", logical_id=f"Writer{number}", properties=json.dumps(properties), **more)
    for number, (kind, properties, more) in enumerate(
        (
            ("AWS::CloudTrail::Trail", {"S3BucketName": "audit-logs"}, {"physical_id": "audit-trail"}),
            ("AWS::EC2::FlowLog", {"LogDestination": "arn:aws:s3:::audit-logs/vpc/"}, {"physical_id": "fl-0123456789abcdef0"}),
            ("AWS::S3::Bucket", {"LoggingConfiguration": {"DestinationBucketName": "audit-logs"}}, {"physical_id": "web-assets"}),
            ("AWS::Config::DeliveryChannel", {"S3BucketName": "audit-logs"}, {"physical_id": "channel"}),
            ("AWS::Redshift::Cluster", {"LoggingProperties": {"BucketName": "audit-logs"}}, {"physical_id": "dwh"}),
            ("AWS::ElasticLoadBalancing::LoadBalancer", {"AccessLoggingPolicy": {"S3BucketName": "audit-logs"}}, {"physical_id": "classic"}),
            (
                "AWS::ElasticLoadBalancingV2::LoadBalancer",
                {"LoadBalancerAttributes": [{"Key": "access_logs.s3.bucket", "Value": "audit-logs"}]}, {},
            ),
        )
    )
)  # fmt: skip


def scenes() -> list[tuple[str, Failure | None, BlockerState]]:
    """Every state with every blocker in every known live state."""
    made: list[tuple[str, Failure | None, BlockerState]] = [(status, None, BlockerState()) for status in (*STUCK, *RUNNING)]
    for failure in blockers():
        for live in (BlockerState(), *LIVE.get(failure.event.resource_type, ())):
            made += [(status, failure, live) for status in (*DELETING, "UPDATE_ROLLBACK_FAILED")]
    return made


def way(status: str, failure: Failure | None, live: BlockerState, **changes: object):
    found = () if failure is None else (failure,)
    known = {key_of(failure): live} if failure else {}
    given = {"states": known, "resources": WRITERS, "aws": AWS} | changes
    return way_out(stack(status, termination_protection=True), found, **given)  # type: ignore[arg-type]
