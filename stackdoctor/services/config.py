"""AWS::Config::DeliveryChannel: writes to a bucket, encrypts with a key, may notify a topic.

Config tries the recorder's role first and its service principal second; either may satisfy. Its text is the only one
that names the step that failed: "unable to assume role", "unable to get s3 bucket acl", "unable to write to bucket".
https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html
https://docs.aws.amazon.com/config/latest/developerguide/s3-kms-key-policy.html
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

PRINCIPAL = "config.amazonaws.com"
BUCKET_PAGE = "https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html"
KEY_PAGE = "https://docs.aws.amazon.com/config/latest/developerguide/s3-kms-key-policy.html"
TOPIC_PAGE = "https://docs.aws.amazon.com/config/latest/developerguide/sns-topic-policy.html"
SERVICE_LINKED = "/aws-service-role/config.amazonaws.com/"


def source_arn(scope: Scope) -> str:
    """aws:SourceArn of Config; AWS documents it with a * at the end and not what the * stands for."""
    return f"arn:{scope.partition}:config:{scope.region}:{scope.account}:*"


def _source(scope: Scope) -> dict[str, Knowledge]:
    return {"aws:SourceArn": documented(source_arn(scope)), "aws:SourceAccount": Known((scope.account,))}


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = ((Target.BUCKET, "S3BucketName"), (Target.KEY, "S3KmsKeyArn"), (Target.TOPIC, "SnsTopicARN"))
    return tuple(Use(target, resource.text(path), path) for target, path in named if resource.text(path))


def _key(resource: Resource, facts: Facts) -> str:
    """The key Config encrypts with: its own property's, else the bucket's default."""
    return resource.text("S3KmsKeyArn") or facts.bucket(resource.text("S3BucketName")).default_key or ""


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    key = _key(resource, facts)
    return (Use(Target.KEY, key, "BucketEncryption"),) if key else ()


def _folder(resource: Resource) -> str:
    prefix = resource.text("S3KeyPrefix").strip("/")
    return f"{prefix}/AWSLogs/{resource.scope.account}/Config/" if prefix else f"AWSLogs/{resource.scope.account}/Config/"


def _blocking(resource: Resource) -> tuple[Blocking, Blocking]:
    """Whether the service principal's GetBucketAcl, and its write, must be allowed: what the message and the role tell.

    A step the message names was refused to role and service principal alike. A later step may be the role's to make.
    """
    reason = resource.reason.lower()
    if "unable to assume role" in reason:
        return Blocking.NO, Blocking.NO
    if "unable to get s3 bucket acl" in reason:
        return Blocking.YES, Blocking.UNKNOWN
    if "unable to write to bucket" in reason:
        return Blocking.NO, Blocking.YES
    if "delivery policy" in reason or "insufficientdeliverypolicy" in reason or any(SERVICE_LINKED in role for role in _roles(resource)):
        return Blocking.YES, Blocking.YES
    return Blocking.UNKNOWN, Blocking.UNKNOWN


def _roles(resource: Resource) -> Iterator[str]:
    for neighbour in resource.neighbours:
        role = neighbour.properties.get("RoleARN") if neighbour.type == "AWS::Config::ConfigurationRecorder" else None
        if isinstance(role, str):
            yield role


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (*_on_bucket(resource, facts), *_on_key(resource, facts), *_on_topic(resource))


def _on_bucket(resource: Resource, facts: Facts) -> Iterator[Needed]:
    """ListBucket is left out: an existence probe, whose deny AWS documents as noise."""
    bucket, scope = resource.text("S3BucketName"), resource.scope
    if not bucket:
        return
    arn, owner, (reading, writing) = bucket_arn(scope.partition, bucket), facts.bucket(bucket).account, _blocking(resource)
    acl = service_request(PRINCIPAL, "s3:GetBucketAcl", arn, scope, _source(scope), owner)
    yield Needed(acl, Target.BUCKET, bucket, reading, "Config reads the bucket's ACL before it writes", BUCKET_PAGE)
    carried = _source(scope) | {"s3:x-amz-acl": Known(("bucket-owner-full-control",))}
    put = service_request(PRINCIPAL, "s3:PutObject", f"{arn}/{_folder(resource)}*", scope, carried, owner)
    yield Needed(put, Target.BUCKET, bucket, writing, f"Config writes a test object below {_folder(resource)}", BUCKET_PAGE)


def _on_key(resource: Resource, facts: Facts) -> Iterator[Needed]:
    key, scope = _key(resource, facts), resource.scope
    if not key:
        return
    _reading, writing = _blocking(resource)
    region = facts.bucket(resource.text("S3BucketName")).region
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        request = key_request(PRINCIPAL, action, key, facts, scope, _source(scope) | {"kms:ViaService": via_s3(region, scope.region)})
        yield Needed(request, Target.KEY, key, writing, "Config writes objects encrypted with the key", KEY_PAGE)


def _on_topic(resource: Resource) -> Iterator[Needed]:
    """Publishing comes after the channel was made: nothing documents that PutDeliveryChannel tries it."""
    topic, scope = resource.text("SnsTopicARN"), resource.scope
    if topic:
        request = service_request(PRINCIPAL, "sns:Publish", topic, scope, _source(scope))
        yield Needed(request, Target.TOPIC, topic, Blocking.NO, "Config publishes its notifications", TOPIC_PAGE)


def _minimal(resource: Resource, facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The statements of AWS Config's pages."""
    scope = resource.scope
    source: JSON = {"aws:SourceAccount": scope.account}
    own: dict[str, JSON] = {"StringEquals": source}
    if target is Target.KEY:
        return (allow("AWSConfigKMSPolicy", PRINCIPAL, ("kms:Decrypt", "kms:GenerateDataKey"), key_arn(ref, facts, scope), own),)
    if target is Target.TOPIC:
        return (allow("AWSConfigSNSPolicy", PRINCIPAL, "SNS:Publish", ref, own),)
    arn = bucket_arn(scope.partition, ref)
    write: dict[str, JSON] = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": scope.account}}
    return (
        allow("AWSConfigBucketPermissionsCheck", PRINCIPAL, "s3:GetBucketAcl", arn, own),
        allow("AWSConfigBucketExistenceCheck", PRINCIPAL, "s3:ListBucket", arn, own),
        allow("AWSConfigBucketDelivery", PRINCIPAL, "s3:PutObject", f"{arn}/{_folder(resource)}*", write),
    )


SERVICE = Service(
    resource_types=("AWS::Config::DeliveryChannel",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(BUCKET_PAGE, KEY_PAGE),
    minimal=_minimal,
    source_arn=lambda resource: source_arn(resource.scope),
    api_calls=("PutDeliveryChannel", "PutDeliveryChannel"),
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
