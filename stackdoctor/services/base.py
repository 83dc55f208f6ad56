"""What every service file gives: which buckets, keys, topics and queues a resource names, and the requests made on them.

in: a resource's resolved properties and what inspection found of the things it names (`Facts`).
out: `Use` (what to inspect) and `Needed` (what a policy must allow, with what is known of each condition key).

What AWS documents or shows in its published sample events counts as known, the rest is unknown:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stackdoctor.model import JSON
from stackdoctor.policy.request import MISSING, UNKNOWN, Caller, Knowledge, Known, OneOf, PrincipalKind, Request


class Target(StrEnum):
    """Whose policy decides a request. IDENTITY is the caller's own: forward access sessions, service roles."""

    BUCKET = "bucket"
    KEY = "key"
    TOPIC = "topic"
    QUEUE = "queue"
    FUNCTION = "function"
    IDENTITY = "identity"


class Blocking(StrEnum):
    """Whether a deny of the request fails the resource."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Constraint(StrEnum):
    """What a service asks of a bucket or key beside its policy."""

    KEY_IN_BUCKET_REGION = "key-in-bucket-region"
    KEY_IN_RESOURCE_REGION = "key-in-resource-region"
    KEY_SYMMETRIC = "key-symmetric"
    KEY_CUSTOMER_MANAGED = "key-customer-managed"
    KEY_BY_ARN = "key-by-arn"
    BUCKET_IN_RESOURCE_REGION = "bucket-in-resource-region"
    BUCKET_NOT_REQUESTER_PAYS = "bucket-not-requester-pays"
    BUCKET_SSE_S3_ONLY = "bucket-sse-s3-only"
    BUCKET_ACLS_ENABLED = "bucket-acls-enabled"
    BUCKET_NO_OBJECT_LOCK = "bucket-no-object-lock"
    POLICY_BEFORE_RESOURCE = "policy-before-resource"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the resource lives. `organization` is None unless known; `at` is when it failed."""

    partition: str
    region: str
    account: str
    organization: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource whose creation or update failed, with its resolved properties.

    `physical_id` may be empty: a resource that failed before it existed has none. `caller` is the ARN of the role
    CloudFormation acts with (the stack's service role), None where it acts with the person's own credentials.
    """

    type: str
    logical_id: str
    physical_id: str
    properties: Mapping[str, JSON]
    scope: Scope
    stack_name: str = ""
    caller: str | None = None

    def text(self, path: str) -> str:
        """The string at a dotted property path, '' where there is none or it is not text; `[]` takes the first list item."""
        value: JSON = dict(self.properties)
        for part in path.split("."):
            name = part.removesuffix("[]")
            value = value.get(name) if isinstance(value, dict) else None
            if part.endswith("[]"):
                value = value[0] if isinstance(value, list) and value else None
        return value if isinstance(value, str) else str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""

    def flag(self, path: str) -> bool:
        """A boolean property; CloudFormation shows it as true or "true"."""
        value = self.properties.get(path)
        return value is True or (isinstance(value, str) and value.lower() == "true")


@dataclass(frozen=True, slots=True)
class Use:
    """One thing the resource names: how it names it (bucket name, key id, alias or ARN, topic ARN …) and in which property."""

    target: Target
    ref: str
    property: str


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """What is known of a bucket; None is not known. `default_key` is the KMS key of its default encryption ('' for none)."""

    region: str | None = None
    account: str | None = None
    default_key: str | None = None
    bucket_key: bool | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of a key; None is not known."""

    arn: str | None = None
    region: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What inspection found, by the reference the resource uses."""

    buckets: Mapping[str, BucketFacts] = field(default_factory=dict)
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    encrypted_by: Mapping[str, str] = field(default_factory=dict)
    """Key of a queue or topic, by its ARN; '' for none."""

    def bucket(self, name: str) -> BucketFacts:
        return self.buckets.get(name, BucketFacts())

    def key(self, ref: str) -> KeyFacts:
        return self.keys.get(ref, KeyFacts())


@dataclass(frozen=True, slots=True)
class Needed:
    """One request that must be allowed, on whose policy, whether a deny of it fails the resource, and the AWS page that says so."""

    request: Request
    target: Target
    ref: str
    blocking: Blocking
    why: str
    source: str


def _no_uses(_resource: Resource, _facts: Facts) -> tuple[Use, ...]:
    return ()


def _no_statements(_resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service that writes to a bucket or uses a key when a stack makes one of its resources.

    `also_uses` names what only inspection can tell (the key of a bucket's default encryption, of a queue).
    `minimal` gives the statements AWS documents for a target: the place to start from when edits pile up.
    `source_arn` is the ARN the service sends as aws:SourceArn.
    """

    resource_types: tuple[str, ...]
    principal: str
    uses: Callable[[Resource], tuple[Use, ...]]
    needed: Callable[[Resource, Facts], tuple[Needed, ...]]
    documentation: tuple[str, ...]
    also_uses: Callable[[Resource, Facts], tuple[Use, ...]] = _no_uses
    minimal: Callable[[Resource, Facts, Target, str], tuple[dict[str, JSON], ...]] = _no_statements
    source_arn: Callable[[Resource], str | None] = lambda _resource: None
    api_calls: tuple[str, ...] = ()
    """Event names of the calls that make or change the resource, as CloudTrail records them."""
    constraints: frozenset[Constraint] = frozenset()


def bucket_arn(partition: str, bucket: str, path: str = "") -> str:
    """`arn:aws:s3:::bucket` or, with a path, the object's ARN."""
    return f"arn:{partition}:s3:::{bucket}" + (f"/{path}" if path else "")


def bucket_name(ref: str) -> str:
    """The bucket's name from a name, an ARN (`arn:aws:s3:::name/prefix`) or a domain name (`name.s3.amazonaws.com`)."""
    if ref.startswith("arn:"):
        ref = ref.split(":", 5)[-1]
    name = ref.split("/", 1)[0]
    for mark in (".s3.", ".s3-"):
        if mark in name and ".amazonaws.com" in name:
            return name.split(mark, 1)[0]
    return name


NEVER_OF_A_SERVICE = (
    "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalTag/*",
    "aws:SourceVpce", "aws:SourceVpc", "aws:SourceVpcArn", "aws:VpcSourceIp", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths",
    "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge",
    "aws:username", "aws:FederatedProvider", "aws:TokenIssueTime", "aws:SourceIdentity", "aws:RequestTag/*", "aws:TagKeys",
    "aws:ChatbotSourceArn", "aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "kms:GrantIsForAWSResource",
)  # fmt: skip
"""Condition keys that a request by a service principal does not carry, says the condition key page of each."""


def service_context(principal: str, scope: Scope, resource_account: str | None = None) -> dict[str, Knowledge]:
    """What a direct call by a service principal carries beside the service's own keys. Unnamed keys are unknown."""
    context: dict[str, Knowledge] = dict.fromkeys(NEVER_OF_A_SERVICE, MISSING)
    context |= {
        "aws:PrincipalIsAWSService": Known(("true",)),
        "aws:PrincipalServiceName": Known((principal,)),
        "aws:PrincipalServiceNamesList": Known((principal,)),
        "aws:ViaAWSService": Known(("false",)),
        "aws:SecureTransport": Known(("true",)),
        "s3:TlsVersion": OneOf((("1.2",), ("1.3",))),
        "aws:SourceOrgID": Known((scope.organization,)) if scope.organization else UNKNOWN,
    }
    if resource_account:
        context |= {"aws:ResourceAccount": Known((resource_account,)), "s3:ResourceAccount": Known((resource_account,))}
    if scope.at is not None:
        context |= {
            "aws:CurrentTime": Known((scope.at.strftime("%Y-%m-%dT%H:%M:%SZ"),)),
            "aws:EpochTime": Known((str(int(scope.at.timestamp())),)),
        }
    return context


def service_request(
    principal: str,
    action: str,
    resource: str,
    scope: Scope,
    context: Mapping[str, Knowledge],
    resource_account: str | None = None,
) -> Request:
    """A request made by a service principal itself; `context` adds to and overrides what every such call carries."""
    known = service_context(principal, scope, resource_account) | dict(context)
    return Request(Caller(PrincipalKind.SERVICE, principal), action, resource, resource_account, known, UNKNOWN)


def via_s3(bucket_region: str | None, region: str) -> Knowledge:
    """kms:ViaService on a service principal's call: absent or `s3.<bucket Region>.amazonaws.com`, never anything else.

    AWS documents the key for forward access sessions only; the suffix is the same in every partition.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return OneOf((None, (f"s3.{bucket_region or region}.amazonaws.com",)))
