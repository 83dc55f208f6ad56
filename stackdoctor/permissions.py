"""The operations stackdoctor may call, each with the IAM actions it needs. Nothing that is not here leaves the process.

One table serves three uses: `aws.live` refuses what it does not list, `stackdoctor permissions` prints it, and an
unreadable piece of evidence names the action that would change that. Where the API's name and the IAM action's
differ, the Service Authorization Reference decides:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stackdoctor.model import JSON

_CORE: dict[str, tuple[str, ...]] = {
    "cloudformation:DescribeStacks": ("cloudformation:DescribeStacks",),
    "cloudformation:DescribeStackEvents": ("cloudformation:DescribeStackEvents",),
    "cloudformation:DescribeEvents": ("cloudformation:DescribeEvents",),
    "cloudformation:ListStacks": ("cloudformation:ListStacks",),
    "cloudformation:ListStackResources": ("cloudformation:ListStackResources",),
    "cloudformation:GetTemplate": ("cloudformation:GetTemplate",),
    "s3:GetBucketLocation": ("s3:GetBucketLocation",),
    "s3:GetBucketPolicy": ("s3:GetBucketPolicy",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketOwnershipControls": ("s3:GetBucketOwnershipControls",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:GetBucketRequestPayment": ("s3:GetBucketRequestPayment",),
    "kms:DescribeKey": ("kms:DescribeKey",),
    "kms:GetKeyPolicy": ("kms:GetKeyPolicy",),
    "kms:ListGrants": ("kms:ListGrants",),
    "sns:GetTopicAttributes": ("sns:GetTopicAttributes",),
    "sqs:GetQueueUrl": ("sqs:GetQueueUrl",),
    "sqs:GetQueueAttributes": ("sqs:GetQueueAttributes",),
    "lambda:GetPolicy": ("lambda:GetPolicy",),
    "cloudtrail:GetTrail": ("cloudtrail:GetTrail",),
    "cloudtrail:LookupEvents": ("cloudtrail:LookupEvents",),
    "organizations:DescribeOrganization": ("organizations:DescribeOrganization",),
}

_BLOCKERS: dict[str, tuple[str, ...]] = {
    "autoscaling:DescribeAutoScalingGroups": ("autoscaling:DescribeAutoScalingGroups",),
    "backup:ListRecoveryPointsByBackupVault": ("backup:ListRecoveryPointsByBackupVault",),
    "cloudtrail:GetDashboard": ("cloudtrail:GetDashboard",),
    "cloudtrail:GetEventDataStore": ("cloudtrail:GetEventDataStore",),
    "cognito-idp:DescribeUserPool": ("cognito-idp:DescribeUserPool",),
    "docdb:DescribeDBClusters": ("rds:DescribeDBClusters",),
    "docdb:DescribeGlobalClusters": ("rds:DescribeGlobalClusters",),
    "dsql:GetCluster": ("dsql:GetCluster",),
    "dynamodb:DescribeTable": ("dynamodb:DescribeTable",),
    "ec2:DescribeInstanceAttribute": ("ec2:DescribeInstanceAttribute",),
    "ec2:DescribeNetworkInterfaces": ("ec2:DescribeNetworkInterfaces",),
    "ecr:ListImages": ("ecr:ListImages",),
    "eks:DescribeCluster": ("eks:DescribeCluster",),
    "elbv2:DescribeLoadBalancerAttributes": ("elasticloadbalancing:DescribeLoadBalancerAttributes",),
    "emr:DescribeCluster": ("elasticmapreduce:DescribeCluster",),
    "iam:ListAttachedRolePolicies": ("iam:ListAttachedRolePolicies",),
    "logs:DescribeLogGroups": ("logs:DescribeLogGroups",),
    "neptune:DescribeDBClusters": ("rds:DescribeDBClusters",),
    "neptune:DescribeGlobalClusters": ("rds:DescribeGlobalClusters",),
    "neptune-graph:GetGraph": ("neptune-graph:GetGraph",),
    "network-firewall:DescribeFirewall": ("network-firewall:DescribeFirewall",),
    "opensearchserverless:BatchGetCollection": ("aoss:BatchGetCollection",),
    "rds:DescribeDBClusters": ("rds:DescribeDBClusters",),
    "rds:DescribeDBInstances": ("rds:DescribeDBInstances",),
    "rds:DescribeGlobalClusters": ("rds:DescribeGlobalClusters",),
    "route53:ListResourceRecordSets": ("route53:ListResourceRecordSets",),
    "s3:GetBucketVersioning": ("s3:GetBucketVersioning",),
    "s3:GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "ssm-incidents:GetReplicationSet": ("ssm-incidents:GetReplicationSet",),
    "verifiedpermissions:GetPolicyStore": ("verifiedpermissions:GetPolicyStore",),
}
"""The state of what blocks a rollback (`blockers.reads`)."""

_SCAN: dict[str, tuple[str, ...]] = {
    "cloudtrail:DescribeTrails": ("cloudtrail:DescribeTrails",),
    "cloudtrail:GetTrailStatus": ("cloudtrail:GetTrailStatus",),
    "config:DescribeConfigurationRecorders": ("config:DescribeConfigurationRecorders",),
    "config:DescribeDeliveryChannels": ("config:DescribeDeliveryChannels",),
    "config:DescribeDeliveryChannelStatus": ("config:DescribeDeliveryChannelStatus",),
    "ec2:DescribeFlowLogs": ("ec2:DescribeFlowLogs",),
    "ec2:DescribeRegions": ("ec2:DescribeRegions",),
    "logs:DescribeLogGroups": ("logs:DescribeLogGroups",),
    "sts:GetCallerIdentity": ("sts:GetCallerIdentity",),
}
"""What delivers logs, and in which Regions and account the scan is (`scan`)."""

_ORGANIZATION: dict[str, tuple[str, ...]] = {
    "organizations:ListAccounts": ("organizations:ListAccounts",),
    "organizations:ListAccountsForParent": ("organizations:ListAccountsForParent",),
    "organizations:ListOrganizationalUnitsForParent": ("organizations:ListOrganizationalUnitsForParent",),
    "sts:AssumeRole": ("sts:AssumeRole",),
}
"""Which accounts there are, and the way into them: for the account the scan starts from (`scan --organization`)."""

_GATHERED: dict[str, tuple[str, ...]] = {
    "s3:GetObject": ("s3:GetObject",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
}
"""What Step Functions wrote of the parts of a scan: read by the reducer of `deployment org` alone (`scan.gathered`)."""

_CONFIRM: dict[str, tuple[str, ...]] = {"accessanalyzer:ValidatePolicy": ("access-analyzer:ValidatePolicy",)}
"""Only with --confirm-with-aws; a POST that reads nothing and changes nothing."""

OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(_CORE | _BLOCKERS | _SCAN | _ORGANIZATION | _GATHERED | _CONFIRM)
"""Every operation that may be called, by `service:Operation`, with the IAM actions it needs."""

PURPOSES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "diagnose": _CORE | _BLOCKERS,
        "scan": _CORE | _BLOCKERS | _SCAN,
        "organization": _CORE | _BLOCKERS | _SCAN | _ORGANIZATION,
    }
)
"""The operations each command may call."""


def needs(name: str) -> tuple[str, ...]:
    """The IAM actions of one operation."""
    return OPERATIONS[name]


def policy(purpose: str = "diagnose") -> dict[str, JSON]:
    """The least read-only identity policy for a purpose, as `aws iam create-policy` takes it."""
    actions: list[JSON] = sorted({action for needed in PURPOSES[purpose].values() for action in needed})  # type: ignore[assignment]
    statement: JSON = {"Sid": "StackdoctorReadOnly", "Effect": "Allow", "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
