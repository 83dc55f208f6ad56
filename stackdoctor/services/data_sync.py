"""AWS::SSM::ResourceDataSync: Systems Manager writes inventory to a bucket, encrypted with a key where one is named.

https://docs.aws.amazon.com/systems-manager/latest/userguide/inventory-create-resource-data-sync.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge, Known
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Scope,
    Service,
    Target,
    Use,
    allow,
    bucket_arn,
    documented,
    key_arn,
    key_request,
    service_request,
    via_s3,
)

PRINCIPAL = "ssm.amazonaws.com"
PAGE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/inventory-create-resource-data-sync.html"


def source_arn(scope: Scope) -> str:
    """aws:SourceArn of a data sync, documented with a * for Region and name."""
    return f"arn:{scope.partition}:ssm:*:{scope.account}:resource-data-sync/*"


def _source(resource: Resource) -> dict[str, Knowledge]:
    """The name of the sync is known, and its Region is that of the resource."""
    scope = resource.scope
    arn = f"arn:{scope.partition}:ssm:{scope.region}:{scope.account}:resource-data-sync/{resource.text('SyncName') or '*'}"
    return {"aws:SourceArn": documented(arn), "aws:SourceAccount": Known((scope.account,))}


def _text(resource: Resource, name: str, legacy: str) -> str:
    """A property of S3Destination, or the same one at the top as older templates have it."""
    return resource.text(f"S3Destination.{name}") or resource.text(legacy)


def _bucket(resource: Resource) -> str:
    return _text(resource, "BucketName", "BucketName")


def _key(resource: Resource) -> str:
    return _text(resource, "KMSKeyArn", "KMSKeyArn")


def _path(resource: Resource) -> str:
    prefix = _text(resource, "BucketPrefix", "BucketPrefix").strip("/")
    return f"{prefix}/*/accountid={resource.scope.account}/*" if prefix else f"*/accountid={resource.scope.account}/*"


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = (Use(Target.BUCKET, _bucket(resource), "S3Destination.BucketName"), Use(Target.KEY, _key(resource), "S3Destination.KMSKeyArn"))
    return tuple(use for use in named if use.ref)


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (*_on_bucket(resource, facts), *_on_key(resource, facts))


def _on_bucket(resource: Resource, facts: Facts) -> Iterator[Needed]:
    bucket, scope = _bucket(resource), resource.scope
    if not bucket:
        return
    arn, owner = bucket_arn(scope.partition, bucket), facts.bucket(bucket).account
    acl = service_request(PRINCIPAL, "s3:GetBucketAcl", arn, scope, _source(resource), owner)
    yield Needed(acl, Target.BUCKET, bucket, Blocking.YES, "Systems Manager reads the bucket's ACL", PAGE)
    carried = _source(resource) | {"s3:x-amz-acl": Known(("bucket-owner-full-control",))}
    put = service_request(PRINCIPAL, "s3:PutObject", f"{arn}/{_path(resource)}", scope, carried, owner)
    yield Needed(put, Target.BUCKET, bucket, Blocking.YES, "Systems Manager writes inventory data", PAGE)
    if resource.text("SyncSource.SourceType") == "AwsOrganizations":
        tag = service_request(PRINCIPAL, "s3:PutObjectTagging", f"{arn}/{_path(resource)}", scope, carried, owner)
        yield Needed(tag, Target.BUCKET, bucket, Blocking.YES, "a sync of the organization tags its objects", PAGE)


def _on_key(resource: Resource, facts: Facts) -> Iterator[Needed]:
    key, scope = _key(resource), resource.scope
    if key:
        carried = dict.fromkeys(("aws:SourceArn", "aws:SourceAccount"), UNKNOWN)
        context: dict[str, Knowledge] = {**carried, "kms:ViaService": via_s3(facts.bucket(_bucket(resource)).region, scope.region)}
        request = key_request(PRINCIPAL, "kms:GenerateDataKey", key, facts, scope, context)
        yield Needed(request, Target.KEY, key, Blocking.YES, "Systems Manager encrypts inventory data with the key", PAGE)


def _minimal(resource: Resource, facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The statements of Systems Manager's page; the ACL one, which has no condition there, gets the source of the other."""
    scope = resource.scope
    if target is Target.KEY:
        return (allow("ssm-access-policy-statement", PRINCIPAL, "kms:GenerateDataKey", key_arn(ref, facts, scope)),)
    arn = bucket_arn(scope.partition, ref)
    actions = ("s3:PutObject", "s3:PutObjectTagging") if resource.text("SyncSource.SourceType") == "AwsOrganizations" else "s3:PutObject"
    source: dict[str, JSON] = {"ArnLike": {"aws:SourceArn": source_arn(scope)}}
    check: dict[str, JSON] = {"StringEquals": {"aws:SourceAccount": scope.account}, **source}
    condition: dict[str, JSON] = {
        "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": scope.account},
        **source,
    }
    return (
        allow("SSMBucketPermissionsCheck", PRINCIPAL, "s3:GetBucketAcl", arn, check),
        allow("SSMBucketDelivery", PRINCIPAL, actions, f"{arn}/{_path(resource)}", condition),
    )


SERVICE = Service(
    resource_types=("AWS::SSM::ResourceDataSync",),
    principal=PRINCIPAL,
    uses=_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    source_arn=lambda resource: source_arn(resource.scope),
    api_calls=("CreateResourceDataSync", "UpdateResourceDataSync"),
    constraints=frozenset(
        {
            Constraint.KEY_IN_BUCKET_REGION,
            Constraint.KEY_SYMMETRIC,
            Constraint.KEY_CUSTOMER_MANAGED,
            Constraint.BUCKET_NO_OBJECT_LOCK,
            Constraint.POLICY_BEFORE_RESOURCE,
        }
    ),
)
