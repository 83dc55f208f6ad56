"""AWS::S3::Bucket: event notifications to queues, topics and functions, which S3 tries when the bucket is made; inventory and
server access logs, which it delivers later.

Where the queue or topic is encrypted, S3 must be able to use its key; the AWS managed keys of SQS and SNS admit no service.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge, Known, OneOf
from stackdoctor.services.base import (
    TOPIC_KEY,
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
    key_request,
    service_request,
)

PRINCIPAL = "s3.amazonaws.com"
LOGGING = "logging.s3.amazonaws.com"
PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"
LOGGING_PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"
INVENTORY_PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of destination: the property that names it, the action S3 takes on it, and the service that encrypts it."""

    target: Target
    path: str
    action: str
    encrypts: str = ""


KINDS = (
    Kind(Target.QUEUE, "NotificationConfiguration.QueueConfigurations[].Queue", "sqs:SendMessage", "sqs"),
    Kind(Target.TOPIC, "NotificationConfiguration.TopicConfigurations[].Topic", "sns:Publish", "sns"),
    Kind(Target.FUNCTION, "NotificationConfiguration.LambdaConfigurations[].Function", "lambda:InvokeFunction"),
)
INVENTORY = "InventoryConfigurations[].Destination.BucketArn"
LOGS = "LoggingConfiguration.DestinationBucketName"


def source_arn(resource: Resource) -> str:
    """The bucket's own ARN; without a BucketName CloudFormation makes a name of stack and logical id."""
    name = resource.text("BucketName") or resource.physical_id or f"{resource.stack_name}-{resource.logical_id}-*".lower()
    return bucket_arn(resource.scope.partition, name)


def _source(resource: Resource) -> dict[str, Knowledge]:
    return {"aws:SourceArn": documented(source_arn(resource)), "aws:SourceAccount": Known((resource.scope.account,))}


def _destinations(resource: Resource) -> Iterator[tuple[Kind, str]]:
    for kind in KINDS:
        for ref in dict.fromkeys(resource.texts(kind.path)):
            yield kind, ref


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = [Use(kind.target, ref, kind.path.partition(".")[0]) for kind, ref in _destinations(resource)]
    named += [Use(Target.BUCKET, bucket_name(ref), "InventoryConfigurations") for ref in resource.texts(INVENTORY)]
    named += [Use(Target.BUCKET, ref, "LoggingConfiguration") for ref in resource.texts(LOGS) if _is_about_logging(resource)]
    return tuple(dict.fromkeys(named))


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    keys = (facts.encrypted_by.get(ref, "") for kind, ref in _destinations(resource) if kind.encrypts)
    return tuple(dict.fromkeys(Use(Target.KEY, key, TOPIC_KEY) for key in keys if key))


def _is_about_logging(resource: Resource) -> bool:
    """A bucket may let log delivery in by its ACL instead, so its policy is looked at only where the message speaks of logging."""
    return not resource.reason or "logging" in resource.reason.lower()


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    found: list[Needed] = []
    for kind, ref in _destinations(resource):
        send = service_request(PRINCIPAL, kind.action, ref, resource.scope, _source(resource))
        found.append(Needed(send, kind.target, ref, Blocking.YES, f"S3 sends a test event to the {kind.target}", PAGE))
        if kind.encrypts:
            found += _on_key(kind, ref, resource, facts)
    return (*found, *_on_buckets(resource, facts))


def _on_key(kind: Kind, ref: str, resource: Resource, facts: Facts) -> Iterator[Needed]:
    key, region = facts.encrypted_by.get(ref, ""), resource.scope.region
    if not key:
        return
    carried: dict[str, Knowledge] = {
        "aws:SourceArn": UNKNOWN,
        "aws:SourceAccount": UNKNOWN,
        "kms:ViaService": OneOf((None, (f"{kind.encrypts}.{region}.amazonaws.com",), (f"s3.{region}.amazonaws.com",))),
    }
    for action in KEY_ACTIONS:
        request = key_request(PRINCIPAL, action, key, facts, resource.scope, carried)
        yield Needed(request, Target.KEY, key, Blocking.YES, f"the {kind.target} is encrypted with the key", PAGE)


def _on_buckets(resource: Resource, facts: Facts) -> Iterator[Needed]:
    scope = resource.scope
    for ref in dict.fromkeys(resource.texts(INVENTORY)):
        name, owner = bucket_name(ref), facts.bucket(bucket_name(ref)).account
        carried = _source(resource) | {"s3:x-amz-acl": Known(("bucket-owner-full-control",))}
        put = service_request(PRINCIPAL, "s3:PutObject", f"{bucket_arn(scope.partition, name)}/*", scope, carried, owner)
        yield Needed(put, Target.BUCKET, name, Blocking.NO, "S3 delivers inventory lists later", INVENTORY_PAGE)
    for name in resource.texts(LOGS) if _is_about_logging(resource) else ():
        where = bucket_arn(scope.partition, name, f"{resource.text('LoggingConfiguration.LogFilePrefix')}*")
        put = service_request(LOGGING, "s3:PutObject", where, scope, _source(resource), facts.bucket(name).account)
        yield Needed(put, Target.BUCKET, name, Blocking.UNKNOWN, "S3 delivers server access logs later", LOGGING_PAGE)


def _minimal(resource: Resource, _facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The statements of S3's pages: for one bucket of this account."""
    scope, arn = resource.scope, source_arn(resource)
    account: JSON = {"aws:SourceAccount": scope.account}
    own: dict[str, JSON] = {"StringEquals": account, "ArnLike": {"aws:SourceArn": arn}}
    if target is Target.KEY:
        return (allow("AllowS3Notifications", PRINCIPAL, KEY_ACTIONS, "*"),)
    for kind in KINDS:
        if kind.target is target:
            return (allow("AllowS3Notifications", PRINCIPAL, kind.action, ref, own),)
    statements: list[dict[str, JSON]] = []
    if ref in resource.texts(LOGS):
        where = bucket_arn(scope.partition, ref, f"{resource.text('LoggingConfiguration.LogFilePrefix')}*")
        statements.append(allow("S3ServerAccessLogsPolicy", LOGGING, "s3:PutObject", where, own))
    if ref in {bucket_name(name) for name in resource.texts(INVENTORY)}:
        acl: dict[str, JSON] = {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": scope.account}
        delivery: dict[str, JSON] = {"StringEquals": acl, "ArnLike": {"aws:SourceArn": arn}}
        statements.append(allow("InventoryDelivery", PRINCIPAL, "s3:PutObject", f"{bucket_arn(scope.partition, ref)}/*", delivery))
    return tuple(statements)


SERVICE = Service(
    resource_types=("AWS::S3::Bucket",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(PAGE, LOGGING_PAGE),
    minimal=_minimal,
    source_arn=source_arn,
    api_calls=("CreateBucket", "PutBucketNotification"),
    constraints=frozenset({Constraint.KEY_CUSTOMER_MANAGED, Constraint.KEY_SYMMETRIC, Constraint.POLICY_BEFORE_RESOURCE}),
)
