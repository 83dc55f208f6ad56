"""The operations stackdoctor may call, each with the IAM actions it needs. Nothing that is not here leaves the process.

One table serves three uses: `aws.live` refuses what it does not list, `stackdoctor permissions` prints it, and an
unreadable piece of evidence names the action that would change that. Where the API's name and the IAM action's
differ, the Service Authorization Reference decides:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
}

OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(_CORE)
"""Every operation that may be called, by `service:Operation`, with the IAM actions it needs."""


def needs(name: str) -> tuple[str, ...]:
    """The IAM actions of one operation."""
    return OPERATIONS[name]
