"""AWS::CloudFront::Distribution with legacy standard logging: CloudFront adds itself to the bucket's ACL as whoever deploys.

Here, and only here, disabled ACLs are the cause; buckets in Regions that must be opted in to cannot be used.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
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
    bucket_name,
    key_request,
    via_s3,
)
from stackdoctor.services.identity import own

PRINCIPAL = "delivery.logs.amazonaws.com"
PAGE = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html"
BUCKET = "DistributionConfig.Logging.Bucket"


def _bucket(resource: Resource) -> str:
    """The bucket's name; the property holds its domain name."""
    return bucket_name(resource.text(BUCKET))


def _uses(resource: Resource) -> tuple[Use, ...]:
    bucket = _bucket(resource)
    return (Use(Target.BUCKET, bucket, BUCKET),) if bucket else ()


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    key = facts.bucket(_bucket(resource)).default_key
    return (Use(Target.KEY, key, "BucketEncryption"),) if key else ()


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    bucket = _bucket(resource)
    if not bucket:
        return ()
    arn, owner = bucket_arn(resource.scope.partition, bucket), facts.bucket(bucket).account
    why = "CloudFront adds its log delivery to the bucket's ACL as the deploying identity"
    acl = (own(resource, action, arn, PAGE, why, ref=bucket, owner=owner) for action in ("s3:GetBucketAcl", "s3:PutBucketAcl"))
    return (*acl, *_on_key(resource, facts))


def _on_key(resource: Resource, facts: Facts) -> Iterator[Needed]:
    """The bucket's default key is used only when the first logs are delivered."""
    store, scope = facts.bucket(_bucket(resource)), resource.scope
    if not store.default_key:
        return
    carried: dict[str, Knowledge] = dict.fromkeys(("aws:SourceArn", "aws:SourceAccount"), UNKNOWN)
    carried |= {"kms:ViaService": via_s3(store.region, scope.region)}
    for action in ("kms:GenerateDataKey", "kms:Decrypt") if store.bucket_key else ("kms:GenerateDataKey",):
        request = key_request(PRINCIPAL, action, store.default_key, facts, scope, carried)
        yield Needed(request, Target.KEY, store.default_key, Blocking.NO, "logs are encrypted with the bucket's default key", PAGE)


def _minimal(_resource: Resource, _facts: Facts, target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement for the bucket's key; a bucket policy is not needed, the ACL is."""
    actions = ("kms:GenerateDataKey*", "kms:Decrypt")
    return (allow("AllowLogDeliveryToUseKey", PRINCIPAL, actions, "*"),) if target is Target.KEY else ()


SERVICE = Service(
    resource_types=("AWS::CloudFront::Distribution",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    api_calls=("CreateDistribution", "UpdateDistribution"),
    constraints=frozenset({Constraint.BUCKET_ACLS_ENABLED, Constraint.BUCKET_NOT_OPT_IN_REGION}),
)
