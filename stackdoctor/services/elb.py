"""Access and connection logs of load balancers: application and classic ones write as Elastic Load Balancing's own
principal, network load balancers through log delivery.

The account that wrote the logs of a Region before the service principal existed is still honoured: a policy that
allows either is enough.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-access-logs.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stackdoctor.model import JSON
from stackdoctor.policy.request import MISSING, UNKNOWN, Caller, Knowledge, Known, Request
from stackdoctor.services import delivery_logs
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
    service_request,
)
from stackdoctor.services.delivery_logs import Destination
from stackdoctor.services.identity import root_of

PRINCIPAL = "logdelivery.elasticloadbalancing.amazonaws.com"
ALB_PAGE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"
NLB_PAGE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html"
CLASSIC_PAGE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-access-logs.html"

ACCOUNTS = {
    "us-east-1": "127311923021", "us-east-2": "033677994240", "us-west-1": "027434742980", "us-west-2": "797873946194",
    "af-south-1": "098369216593", "ap-east-1": "754344448648", "ap-southeast-3": "589379963580", "ap-south-1": "718504428378",
    "ap-northeast-3": "383597477331", "ap-northeast-2": "600734575887", "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266", "ap-northeast-1": "582318560864", "ca-central-1": "985666609251",
    "eu-central-1": "054676820928", "eu-west-1": "156460612806", "eu-west-2": "652711504416", "eu-south-1": "635631232127",
    "eu-west-3": "009996457667", "eu-north-1": "897822967062", "me-south-1": "076674570225", "sa-east-1": "507241528517",
    "us-gov-east-1": "190560391635", "us-gov-west-1": "048591011584",
}  # fmt: skip
"""Elastic Load Balancing's account of each older Region, as AWS lists them."""


def source_arn(scope: Scope) -> str:
    """aws:SourceArn of the service principal, documented with a * in the place of the load balancer."""
    return f"arn:{scope.partition}:elasticloadbalancing:{scope.region}:{scope.account}:loadbalancer/*"


# ------------------------------------------------------------------------------------------------- where logs go
def _attribute(resource: Resource, name: str) -> str:
    return resource.text(f"LoadBalancerAttributes[Key={name}].Value")


def _destinations(resource: Resource) -> Iterator[Destination]:
    if resource.type == "AWS::ElasticLoadBalancing::LoadBalancer":
        policy = resource.properties.get("AccessLoggingPolicy")
        if isinstance(policy, dict) and str(policy.get("Enabled", "")).lower() == "true":
            prefix = resource.text("AccessLoggingPolicy.S3BucketPrefix").strip("/")
            yield Destination(resource.text("AccessLoggingPolicy.S3BucketName"), prefix, "AccessLoggingPolicy")
        return
    for kind in ("access_logs", "connection_logs"):
        bucket = _attribute(resource, f"{kind}.s3.bucket")
        if bucket and _attribute(resource, f"{kind}.s3.enabled").lower() != "false":
            yield Destination(bucket, _attribute(resource, f"{kind}.s3.prefix").strip("/"), "LoadBalancerAttributes")


def _is_network(resource: Resource) -> bool:
    return resource.text("Type") == "network"


def _uses(resource: Resource) -> tuple[Use, ...]:
    return tuple(Use(Target.BUCKET, to.bucket, to.property) for to in _destinations(resource) if to.bucket)


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    keys = (facts.bucket(to.bucket).default_key for to in _destinations(resource)) if _is_network(resource) else ()
    return tuple(Use(Target.KEY, key, "BucketEncryption") for key in keys if key)


# --------------------------------------------------------------------------------------------------- what is needed
def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    found = (to for to in _destinations(resource) if to.bucket)
    if _is_network(resource):
        return tuple(need for to in found for need in _by_delivery(to, resource, facts))
    return tuple(_write(to, resource, facts) for to in found)


def _by_delivery(to: Destination, resource: Resource, facts: Facts) -> Iterator[Needed]:
    """The key's policy lets log delivery make a data key, no more."""
    yield from delivery_logs.on_bucket(to, resource, facts, NLB_PAGE)
    keys = delivery_logs.on_default_key(to, resource, facts, NLB_PAGE)
    yield from (need for need in keys if need.request.action == "kms:GenerateDataKey")


def _write(to: Destination, resource: Resource, facts: Facts) -> Needed:
    scope, owner = resource.scope, facts.bucket(to.bucket).account
    folder = f"{to.prefix}/AWSLogs/{scope.account}/" if to.prefix else f"AWSLogs/{scope.account}/"
    carried: dict[str, Knowledge] = {
        "aws:SourceArn": documented(source_arn(scope)),
        "aws:SourceAccount": UNKNOWN,
        "s3:x-amz-acl": UNKNOWN,
        "s3:x-amz-server-side-encryption": UNKNOWN,
    }
    put = service_request(PRINCIPAL, "s3:PutObject", bucket_arn(scope.partition, to.bucket, f"{folder}*"), scope, carried, owner)
    page = ALB_PAGE if resource.type == "AWS::ElasticLoadBalancingV2::LoadBalancer" else CLASSIC_PAGE
    why = f"Elastic Load Balancing writes a test file below {folder}"
    return Needed(put, Target.BUCKET, to.bucket, Blocking.YES, why, page, _legacy(put, scope))


def _legacy(put: Request, scope: Scope) -> tuple[Request, ...]:
    """The same write by the Region's account of old, which carries no source keys."""
    account = ACCOUNTS.get(scope.region)
    if account is None:
        return ()
    carried: dict[str, Knowledge] = {
        "aws:PrincipalAccount": Known((account,)),
        "aws:SourceArn": MISSING,
        "aws:SourceAccount": MISSING,
        "aws:SecureTransport": Known(("true",)),
        "aws:PrincipalIsAWSService": Known(("false",)),
    }
    return (replace(put, caller=Caller.parse(root_of(scope, account)), context=carried, otherwise=UNKNOWN),)


def _minimal(resource: Resource, _facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement for the service principal, with the condition its page recommends."""
    scope, found = resource.scope, [to for to in _destinations(resource) if to.bucket]
    if _is_network(resource):
        where = [to for to in found if target is Target.KEY or to.bucket == ref]
        return tuple(statement for to in where[:1] for statement in delivery_logs.minimal(to, resource, target))
    folders = (f"{to.prefix}/AWSLogs/{scope.account}/*" if to.prefix else f"AWSLogs/{scope.account}/*" for to in found if to.bucket == ref)
    paths = tuple(dict.fromkeys(bucket_arn(scope.partition, ref, folder) for folder in folders))
    condition: dict[str, JSON] = {"ArnLike": {"aws:SourceArn": source_arn(scope)}}
    return (allow("AWSLoadBalancerLogs", PRINCIPAL, "s3:PutObject", paths, condition),) if paths else ()


def _principal(resource: Resource) -> str:
    return delivery_logs.PRINCIPAL if _is_network(resource) else PRINCIPAL


def _constraints(resource: Resource) -> frozenset[Constraint]:
    """Application and classic load balancers write to buckets with Amazon S3 managed keys only."""
    common = {Constraint.BUCKET_IN_RESOURCE_REGION, Constraint.POLICY_BEFORE_RESOURCE}
    if _is_network(resource):
        return frozenset({*common, Constraint.KEY_CUSTOMER_MANAGED, Constraint.KEY_SYMMETRIC})
    return frozenset({*common, Constraint.BUCKET_SSE_S3_ONLY})


V2 = Service(
    resource_types=("AWS::ElasticLoadBalancingV2::LoadBalancer",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(ALB_PAGE, NLB_PAGE),
    minimal=_minimal,
    source_arn=lambda resource: delivery_logs.source_arn(resource) if _is_network(resource) else source_arn(resource.scope),
    api_calls=("ModifyLoadBalancerAttributes", "ModifyLoadBalancerAttributes"),
    principal_of=_principal,
    constraints_of=_constraints,
)
CLASSIC = replace(
    V2,
    resource_types=("AWS::ElasticLoadBalancing::LoadBalancer",),
    documentation=(CLASSIC_PAGE,),
)
SERVICES = (V2, CLASSIC)
