"""AWS::Redshift::Cluster: audit logs into a bucket, written by Redshift and tried by whoever enables them; a key for the cluster.

The bucket must use Amazon S3 managed keys and no Object Lock; the page names no condition key for Redshift's own requests.
https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Service,
    Target,
    Use,
    allow,
    bucket_arn,
    key_arn,
    service_request,
)
from stackdoctor.services.identity import own
from stackdoctor.services.regions import regional

PAGE = "https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html"
KEY_PAGE = "https://docs.aws.amazon.com/redshift/latest/mgmt/working-with-db-encryption.html"
BUCKET, PREFIX = "LoggingProperties.BucketName", "LoggingProperties.S3KeyPrefix"
KEY_ACTIONS = ("kms:CreateGrant", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt")


def _principal(resource: Resource) -> str:
    return regional("redshift", resource.scope.region)


def _key(resource: Resource) -> str:
    key = resource.text("KmsKeyId")
    return "" if "alias/aws/" in key else key


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = (Use(Target.BUCKET, resource.text(BUCKET), BUCKET), Use(Target.KEY, _key(resource), "KmsKeyId"))
    return tuple(use for use in named if use.ref)


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (*_on_bucket(resource, facts), *_on_key(resource, facts))


def _on_bucket(resource: Resource, facts: Facts) -> Iterator[Needed]:
    bucket, scope = resource.text(BUCKET), resource.scope
    if not bucket:
        return
    arn, owner = bucket_arn(scope.partition, bucket), facts.bucket(bucket).account
    where = bucket_arn(scope.partition, bucket, f"{resource.text(PREFIX)}*")
    source: dict[str, Knowledge] = dict.fromkeys(("aws:SourceArn", "aws:SourceAccount"), UNKNOWN)
    for action, on, why in (
        ("s3:GetBucketAcl", arn, "Redshift reads the bucket's ACL when logging is enabled"),
        ("s3:PutObject", where, "Redshift writes a test object when logging is enabled"),
    ):
        request = service_request(_principal(resource), action, on, scope, source, owner)
        yield Needed(request, Target.BUCKET, bucket, Blocking.YES, why, PAGE)
    yield own(resource, "s3:PutObject", where, PAGE, "whoever enables the logs must be able to write them", ref=bucket, owner=owner)


def _on_key(resource: Resource, facts: Facts) -> Iterator[Needed]:
    """What the CloudFormation handler of the cluster asks for; no page names them."""
    key = _key(resource)
    for action in KEY_ACTIONS if key else ():
        arn, owner = key_arn(key, facts, resource.scope), facts.key(key).account
        yield own(resource, action, arn, KEY_PAGE, "the cluster is encrypted with the key", ref=key, owner=owner)


def _minimal(resource: Resource, _facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement, which has no condition; of the bucket no more than the prefix."""
    if target is not Target.BUCKET:
        return ()
    arn = bucket_arn(resource.scope.partition, ref)
    return (allow("PutAuditLogs", _principal(resource), ("s3:PutObject", "s3:GetBucketAcl"), (arn, f"{arn}/{resource.text(PREFIX)}*")),)


SERVICE = Service(
    resource_types=("AWS::Redshift::Cluster",),
    principal="redshift.amazonaws.com",
    uses=_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    api_calls=("CreateCluster", "EnableLogging"),
    principal_of=_principal,
    constraints=frozenset(
        {
            Constraint.BUCKET_SSE_S3_ONLY,
            Constraint.BUCKET_NO_OBJECT_LOCK,
            Constraint.POLICY_BEFORE_RESOURCE,
            Constraint.KEY_SYMMETRIC,
            Constraint.KEY_IN_RESOURCE_REGION,
        }
    ),
)
