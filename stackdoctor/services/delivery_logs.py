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
from stackdoctor.policy.request import Caller, Knowledge, Known, Request
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
    bucket_arn,
    bucket_name,
    service_request,
    via_s3,
)

PRINCIPAL = "delivery.logs.amazonaws.com"
BUCKET_PAGE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html"
FLOW_PAGE = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where logs go: the bucket, the prefix before AWSLogs/, and the property that names it."""

    bucket: str
    prefix: str
    property: str


def source_arn(scope: Scope) -> str:
    """aws:SourceArn of a log delivery; AWS documents it with a * at the end and not what the * stands for."""
    return f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:*"


def _source(scope: Scope) -> dict[str, Knowledge]:
    return {
        "aws:SourceArn": Known((source_arn(scope).removesuffix("*") + "…",)),
        "aws:SourceAccount": Known((scope.account,)),
    }


def on_bucket(to: Destination, resource: Resource, facts: Facts, page: str = BUCKET_PAGE, below: str = "") -> Iterator[Needed]:
    """GetBucketAcl and PutObject below [prefix/]AWSLogs/<account>/; ListBucket is a probe whose deny is noise."""
    scope, owner = resource.scope, facts.bucket(to.bucket).account
    bucket, folder = bucket_arn(scope.partition, to.bucket), f"{to.prefix}/AWSLogs" if to.prefix else "AWSLogs"
    headers: dict[str, Knowledge] = {"s3:x-amz-acl": Known(("bucket-owner-full-control",))}
    for action, where, carried, why in (
        ("s3:GetBucketAcl", bucket, {}, "log delivery reads the bucket's ACL before it writes"),
        ("s3:PutObject", f"{bucket}/{folder}/{scope.account}/{below}*", headers, f"log delivery writes below {folder}/{scope.account}/"),
    ):
        request = service_request(PRINCIPAL, action, where, scope, _source(scope) | carried, owner)
        yield Needed(request, Target.BUCKET, to.bucket, Blocking.YES, why, page)


def on_default_key(to: Destination, resource: Resource, facts: Facts, page: str = BUCKET_PAGE) -> Iterator[Needed]:
    """The key of the bucket's default encryption: its deny shows only after the resource was made."""
    store, scope = facts.bucket(to.bucket), resource.scope
    if not store.default_key:
        return
    key = facts.key(store.default_key)
    carried: dict[str, Knowledge] = _source(scope) | {"kms:ViaService": via_s3(store.region, scope.region)}
    for action in KEY_ACTIONS:
        request = service_request(PRINCIPAL, action, key.arn or store.default_key, scope, carried, key.account)
        yield Needed(request, Target.KEY, store.default_key, Blocking.UNKNOWN, "log delivery encrypts with the bucket's default key", page)


def caller(resource: Resource, action: str, on: str, page: str, why: str) -> Needed:
    """A request made with the deploying identity itself."""
    who = Caller.parse(resource.caller or f"arn:{resource.scope.partition}:iam::{resource.scope.account}:root")
    return Needed(Request(who, action, on), Target.IDENTITY, "", Blocking.YES, why, page)


def minimal(to: Destination, resource: Resource, target: Target) -> tuple[dict[str, JSON], ...]:
    """The statements of AWS's log delivery page."""
    scope = resource.scope
    by: JSON = {"Service": PRINCIPAL}
    account: JSON = {"aws:SourceAccount": scope.account}
    like: JSON = {"aws:SourceArn": source_arn(scope)}
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
            "Action": "s3:GetBucketAcl",
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
    ref = resource.text("DestinationResourceArn")
    return _at(bucket_name(ref), ref.rpartition(":")[2].partition("/")[2], "DestinationResourceArn") if ":s3:::" in ref else None


def _at(bucket: str, prefix: str, property_: str) -> Destination | None:
    return Destination(bucket, prefix.strip("/"), property_) if bucket else None


def _service(types: tuple[str, ...], find: Callable[[Resource], Destination | None], page: str, calls: tuple[str, ...]) -> Service:
    def uses(resource: Resource) -> tuple[Use, ...]:
        to = find(resource)
        return (Use(Target.BUCKET, to.bucket, to.property),) if to else ()

    def also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
        to = find(resource)
        key = facts.bucket(to.bucket).default_key if to else None
        return (Use(Target.KEY, key, "BucketEncryption"),) if key else ()

    def needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
        to = find(resource)
        if to is None:
            return ()
        own = caller(resource, "logs:CreateLogDelivery", "*", page, "the deploying identity creates the log delivery")
        return (*on_bucket(to, resource, facts, page), *on_default_key(to, resource, facts, page), own)

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
        source_arn=lambda resource: source_arn(resource.scope),
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
    ("AWS::Logs::DeliveryDestination", "AWS::Logs::Delivery"),
    _vended,
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html",
    ("PutDeliveryDestination", "PutDeliveryDestination"),
)
SERVICES = (FLOW_LOG, WAF, FIREWALL, MSK, VENDED)
