"""Services that write through CloudWatch's log delivery (delivery.logs.amazonaws.com): VPC flow logs, WAF, Network Firewall,
MSK broker logs, vended log deliveries.

A bucket policy that denies fails the resource; a key policy that denies does not: the flow log is ACTIVE and its
DeliverLogsStatus FAILED (https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/1205).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.policy.request import Knowledge, Known
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Neighbour,
    Resource,
    Service,
    Target,
    Use,
    bucket_arn,
    bucket_name,
    documented,
    service_request,
    texts_at,
    via_s3,
)
from stackdoctor.services.identity import own

PRINCIPAL = "delivery.logs.amazonaws.com"
BUCKET_PAGE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html"
FLOW_PAGE = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html"
VENDED_TYPES = ("AWS::Logs::DeliveryDestination", "AWS::Logs::Delivery")
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where logs go: the bucket, the prefix before AWSLogs/, and the property that names it."""

    bucket: str
    prefix: str
    property: str


def source_arn(resource: Resource) -> str:
    """aws:SourceArn of a log delivery; AWS documents it with a * at the end and not what the * stands for."""
    scope, of = resource.scope, "delivery-source:*" if resource.type in VENDED_TYPES else "*"
    return f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:{of}"


def _source(resource: Resource) -> dict[str, Knowledge]:
    return {"aws:SourceArn": documented(source_arn(resource)), "aws:SourceAccount": Known((resource.scope.account,))}


def on_bucket(to: Destination, resource: Resource, facts: Facts, page: str = BUCKET_PAGE, below: str = "") -> Iterator[Needed]:
    """GetBucketAcl and PutObject below [prefix/]AWSLogs/<account>/; ListBucket is a probe whose deny is noise."""
    scope, owner = resource.scope, facts.bucket(to.bucket).account
    bucket, folder = bucket_arn(scope.partition, to.bucket), f"{to.prefix}/AWSLogs" if to.prefix else "AWSLogs"
    headers: dict[str, Knowledge] = {"s3:x-amz-acl": Known(("bucket-owner-full-control",))}
    for action, where, carried, why in (
        ("s3:GetBucketAcl", bucket, {}, "log delivery reads the bucket's ACL before it writes"),
        ("s3:PutObject", f"{bucket}/{folder}/{scope.account}/{below}*", headers, f"log delivery writes below {folder}/{scope.account}/"),
    ):
        request = service_request(PRINCIPAL, action, where, scope, _source(resource) | carried, owner)
        yield Needed(request, Target.BUCKET, to.bucket, Blocking.YES, why, page)


def on_default_key(to: Destination, resource: Resource, facts: Facts, page: str = BUCKET_PAGE) -> Iterator[Needed]:
    """The key of the bucket's default encryption: its deny shows only after the resource was made."""
    store, scope = facts.bucket(to.bucket), resource.scope
    if not store.default_key:
        return
    key = facts.key(store.default_key)
    carried: dict[str, Knowledge] = _source(resource) | {"kms:ViaService": via_s3(store.region, scope.region)}
    for action in KEY_ACTIONS:
        request = service_request(PRINCIPAL, action, key.arn or store.default_key, scope, carried, key.account)
        yield Needed(request, Target.KEY, store.default_key, Blocking.UNKNOWN, "log delivery encrypts with the bucket's default key", page)


def _by_caller(to: Destination, resource: Resource, page: str) -> Iterator[Needed]:
    """The deploying identity makes the delivery; the bucket policy it may leave as it is where that allows the delivery already."""
    if to.bucket and resource.type not in VENDED_TYPES:
        yield own(resource, "logs:CreateLogDelivery", "*", page, "the deploying identity creates the log delivery")
    if resource.type == "AWS::WAFv2::LoggingConfiguration":
        yield own(resource, "wafv2:PutLoggingConfiguration", "*", page, "the deploying identity sets the logging configuration")
    if resource.type in {"AWS::WAFv2::LoggingConfiguration", "AWS::EC2::FlowLog"}:
        bucket = bucket_arn(resource.scope.partition, to.bucket)
        for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy"):
            yield own(resource, action, bucket, page, "the service adds log delivery to the bucket policy", ref=to.bucket)
    volumes = _volume_key(resource)
    for action in ("kms:CreateGrant", "kms:DescribeKey") if volumes else ():
        yield own(resource, action, volumes, page, "MSK encrypts its volumes with the key", ref=volumes)


def _volume_key(resource: Resource) -> str:
    """The customer managed key of an MSK cluster's volumes."""
    key = resource.text("EncryptionInfo.EncryptionAtRest.DataVolumeKMSKeyId")
    return "" if "alias/aws/" in key else key


def minimal(to: Destination, resource: Resource, target: Target) -> tuple[dict[str, JSON], ...]:
    """The statements of AWS's log delivery page."""
    scope = resource.scope
    by: JSON = {"Service": PRINCIPAL}
    account: JSON = {"aws:SourceAccount": scope.account}
    like: JSON = {"aws:SourceArn": source_arn(resource)}
    if target is Target.KEY:
        actions: JSON = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        condition: JSON = {"StringEquals": account, "ArnLike": like}
        return (
            {"Sid": "AllowLogDelivery", "Effect": "Allow", "Principal": by, "Action": actions, "Resource": "*", "Condition": condition},
        )
    bucket = bucket_arn(scope.partition, to.bucket)
    path = f"{bucket}/{f'{to.prefix}/' if to.prefix else ''}AWSLogs/{scope.account}/*"
    write: JSON = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": scope.account}, "ArnLike": like}
    read: JSON = {"StringEquals": account, "ArnLike": like}
    return (
        {
            "Sid": "AWSLogDeliveryAclCheck",
            "Effect": "Allow",
            "Principal": by,
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": bucket,
            "Condition": read,
        },
        {"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": by, "Action": "s3:PutObject", "Resource": path, "Condition": write},
    )


# ------------------------------------------------------------------------------------------------ who delivers this way
def _flow_log(resource: Resource) -> Destination | None:
    if resource.text("LogDestinationType") != "s3":
        return None
    path = resource.text("LogDestination").rpartition(":")[2]
    return _at(path.partition("/")[0], path.partition("/")[2], "LogDestination")


def _waf(resource: Resource) -> Destination | None:
    ref = resource.text("LogDestinationConfigs[]")
    return _at(bucket_name(ref), ref.rpartition(":")[2].partition("/")[2], "LogDestinationConfigs") if ":s3:::" in ref else None


def _firewall(resource: Resource) -> Destination | None:
    base = "LoggingConfiguration.LogDestinationConfigs[].LogDestination"
    return _at(resource.text(f"{base}.bucketName"), resource.text(f"{base}.prefix"), "LoggingConfiguration")


def _msk(resource: Resource) -> Destination | None:
    base = "LoggingInfo.BrokerLogs.S3"
    return _at(resource.text(f"{base}.Bucket"), resource.text(f"{base}.Prefix"), base)


def _vended(resource: Resource) -> Destination | None:
    """A delivery names its delivery destination, which names the bucket: both are of one stack, or the bucket is not known."""
    ref = resource.text("DestinationResourceArn")
    if destination := resource.text("DeliveryDestinationArn"):
        known = (n for n in resource.neighbours if n.type == "AWS::Logs::DeliveryDestination")
        ref = next((texts_at(n.properties, "DestinationResourceArn")[0] for n in known if _is_named(n, destination)), "")
    return _at(bucket_name(ref), ref.rpartition(":")[2].partition("/")[2], "DestinationResourceArn") if ":s3:::" in ref else None


def _is_named(neighbour: Neighbour, arn: str) -> bool:
    name = arn.rpartition(":")[2]
    names = {neighbour.physical_id.rpartition(":")[2], *texts_at(neighbour.properties, "Name")}
    return name in names and bool(texts_at(neighbour.properties, "DestinationResourceArn"))


def _at(bucket: str, prefix: str, property_: str) -> Destination | None:
    return Destination(bucket, prefix.strip("/"), property_) if bucket else None


def _service(types: tuple[str, ...], find: Callable[[Resource], Destination | None], page: str, calls: tuple[str, ...]) -> Service:
    def uses(resource: Resource) -> tuple[Use, ...]:
        to, volumes = find(resource), _volume_key(resource)
        bucket = (Use(Target.BUCKET, to.bucket, to.property),) if to else ()
        return (*bucket, *((Use(Target.KEY, volumes, "EncryptionInfo"),) if volumes else ()))

    def also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
        to = find(resource)
        key = facts.bucket(to.bucket).default_key if to else None
        return (Use(Target.KEY, key, "BucketEncryption"),) if key else ()

    def needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
        to = find(resource)
        if to is None:
            return tuple(_by_caller(Destination("", "", ""), resource, page)) if resource.type == "AWS::MSK::Cluster" else ()
        return (*on_bucket(to, resource, facts, page), *on_default_key(to, resource, facts, page), *_by_caller(to, resource, page))

    def statements(resource: Resource, _facts: Facts, target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
        to = find(resource)
        return minimal(to, resource, target) if to else ()

    return Service(
        resource_types=types,
        principal=PRINCIPAL,
        uses=uses,
        also_uses=also_uses,
        needed=needed,
        minimal=statements,
        documentation=(page, BUCKET_PAGE),
        source_arn=source_arn,
        api_calls=calls,
        constraints=frozenset({Constraint.KEY_CUSTOMER_MANAGED, Constraint.KEY_SYMMETRIC, Constraint.POLICY_BEFORE_RESOURCE}),
    )


FLOW_LOG = _service(("AWS::EC2::FlowLog",), _flow_log, FLOW_PAGE, ("CreateFlowLogs",))
WAF = _service(
    ("AWS::WAFv2::LoggingConfiguration",),
    _waf,
    "https://docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html",
    ("PutLoggingConfiguration", "PutLoggingConfiguration"),
)
FIREWALL = _service(
    ("AWS::NetworkFirewall::LoggingConfiguration",),
    _firewall,
    "https://docs.aws.amazon.com/network-firewall/latest/developerguide/logging-s3.html",
    ("UpdateLoggingConfiguration", "UpdateLoggingConfiguration"),
)
MSK = _service(("AWS::MSK::Cluster",), _msk, "https://docs.aws.amazon.com/msk/latest/developerguide/msk-logging.html", ("CreateClusterV2",))
VENDED = _service(
    VENDED_TYPES,
    _vended,
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html",
    ("PutDeliveryDestination", "PutDeliveryDestination"),
)
SERVICES = (FLOW_LOG, WAF, FIREWALL, MSK, VENDED)
