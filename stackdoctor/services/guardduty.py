"""AWS::GuardDuty::PublishingDestination: writes findings to a bucket, always encrypted with a key.

One message stands for both sides, as with CloudTrail: both policies are evaluated.
https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import Knowledge, Known
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
    documented,
    key_arn,
    key_request,
    service_request,
    via_s3,
)
from stackdoctor.services.regions import regional

PAGE = "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html"
DESTINATION, KEY = "DestinationProperties.DestinationArn", "DestinationProperties.KmsKeyArn"


def _principal(resource: Resource) -> str:
    """The service's own name, with the Region in Regions that an account must opt in to."""
    return regional("guardduty", resource.scope.region)


def source_arn(resource: Resource) -> str:
    """The detector's ARN."""
    scope = resource.scope
    return f"arn:{scope.partition}:guardduty:{scope.region}:{scope.account}:detector/{resource.text('DetectorId') or '*'}"


def _source(resource: Resource) -> dict[str, Knowledge]:
    return {"aws:SourceArn": documented(source_arn(resource)), "aws:SourceAccount": Known((resource.scope.account,))}


def _uses(resource: Resource) -> tuple[Use, ...]:
    bucket, key = resource.text(DESTINATION), resource.text(KEY)
    named = (Use(Target.BUCKET, bucket_name(bucket), DESTINATION), Use(Target.KEY, key, KEY))
    return tuple(use for use in named if use.ref)


def _path(resource: Resource) -> str:
    """Where findings go: the folder of the destination's ARN, or the bucket's root."""
    folder = resource.text(DESTINATION).rpartition(":")[2].partition("/")[2].strip("/")
    return f"{folder}/*" if folder else "*"


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (*_on_key(resource, facts), *_on_bucket(resource, facts))


def _on_key(resource: Resource, facts: Facts) -> Iterator[Needed]:
    key, scope = resource.text(KEY), resource.scope
    if key:
        region = facts.bucket(bucket_name(resource.text(DESTINATION))).region
        carried = _source(resource) | {"kms:ViaService": via_s3(region, scope.region)}
        request = key_request(_principal(resource), "kms:GenerateDataKey", key, facts, scope, carried)
        yield Needed(request, Target.KEY, key, Blocking.YES, "GuardDuty encrypts the findings it exports", PAGE)


def _on_bucket(resource: Resource, facts: Facts) -> Iterator[Needed]:
    bucket, scope, key = bucket_name(resource.text(DESTINATION)), resource.scope, resource.text(KEY)
    if not bucket:
        return
    owner, arn = facts.bucket(bucket).account, bucket_arn(scope.partition, bucket)
    locate = service_request(_principal(resource), "s3:GetBucketLocation", arn, scope, _source(resource), owner)
    yield Needed(locate, Target.BUCKET, bucket, Blocking.YES, "GuardDuty looks for the bucket's Region", PAGE)
    headers: dict[str, Knowledge] = {
        "s3:x-amz-server-side-encryption": Known(("aws:kms",)),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": Known((key_arn(key, facts, scope),)),
    }
    put = service_request(_principal(resource), "s3:PutObject", f"{arn}/{_path(resource)}", scope, _source(resource) | headers, owner)
    yield Needed(put, Target.BUCKET, bucket, Blocking.YES, "GuardDuty writes the findings it exports", PAGE)


def _minimal(resource: Resource, facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The Allow statements of GuardDuty's page; its Denies of unencrypted uploads are left to you."""
    scope, who, arn = resource.scope, _principal(resource), source_arn(resource)
    like = "ArnLike" if arn.endswith("*") else "StringEquals"
    own: dict[str, JSON] = {"StringEquals": {"aws:SourceAccount": scope.account}}
    own |= {like: {"aws:SourceArn": arn}} if like == "ArnLike" else {like: {"aws:SourceAccount": scope.account, "aws:SourceArn": arn}}
    if target is Target.KEY:
        return (allow("AllowGuardDutyKey", who, "kms:GenerateDataKey", key_arn(ref, facts, scope), own),)
    bucket = bucket_arn(scope.partition, ref)
    return (
        allow("AllowGetBucketLocation", who, "s3:GetBucketLocation", bucket, own),
        allow("AllowPutObject", who, "s3:PutObject", f"{bucket}/{_path(resource)}", own),
    )


SERVICE = Service(
    resource_types=("AWS::GuardDuty::PublishingDestination",),
    principal="guardduty.amazonaws.com",
    uses=_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    source_arn=source_arn,
    api_calls=("CreatePublishingDestination", "UpdatePublishingDestination"),
    principal_of=_principal,
    constraints=frozenset(
        {Constraint.KEY_IN_BUCKET_REGION, Constraint.KEY_SYMMETRIC, Constraint.KEY_CUSTOMER_MANAGED, Constraint.POLICY_BEFORE_RESOURCE}
    ),
)
