"""What every service file gives: which buckets, keys, topics and queues a resource names, and the requests made on them.

in: a resource's resolved properties and what inspection found of the things it names (`Facts`).
out: `Use` (what to inspect) and `Needed` (what a policy must allow, with what is known of each condition key).

What AWS documents or shows in its published sample events counts as known, the rest is unknown:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from stackdoctor.model import JSON
from stackdoctor.policy.request import MISSING, OPEN_END, UNKNOWN, Caller, Knowledge, Known, OneOf, PrincipalKind, Request


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
    BUCKET_NOT_OPT_IN_REGION = "bucket-not-opt-in-region"
    POLICY_BEFORE_RESOURCE = "policy-before-resource"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the resource lives. `organization` and its `management` account are None unless known; `at` is when it failed."""

    partition: str
    region: str
    account: str
    organization: str | None = None
    at: datetime | None = None
    management: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another resource of the same stack: a recorder's role, a launch template's key, a delivery's destination."""

    type: str
    logical_id: str
    physical_id: str
    properties: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource whose creation or update failed, with its resolved properties.

    `physical_id` may be empty: a resource that failed before it existed has none. `caller` is the ARN of the role
    CloudFormation acts with (the stack's service role), None where it acts with the person's own credentials.
    `reason` is AWS's message, for the services whose text names the step that failed.
    """

    type: str
    logical_id: str
    physical_id: str
    properties: Mapping[str, JSON]
    scope: Scope
    stack_name: str = ""
    caller: str | None = None
    reason: str = ""
    neighbours: tuple[Neighbour, ...] = ()

    def texts(self, path: str) -> tuple[str, ...]:
        """Every string at a dotted property path: `[]` goes through a list, `[Key=x]` takes its items whose Key is x."""
        return texts_at(self.properties, path)

    def text(self, path: str) -> str:
        """The first string at a dotted property path, '' where there is none or it is not text."""
        return next(iter(self.texts(path)), "")

    def flag(self, path: str) -> bool:
        """A boolean property; CloudFormation shows it as true or "true"."""
        value = self.properties.get(path)
        return value is True or (isinstance(value, str) and value.lower() == "true")


_STEP = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?")


def texts_at(properties: Mapping[str, JSON], path: str) -> tuple[str, ...]:
    """Every string or number at a dotted path of resolved properties, see `Resource.texts`."""
    found: list[JSON] = [dict(properties)]
    for step in _STEP.finditer(path):
        name, within = step.group(1), step.group(2)
        found = [value[name] for value in found if isinstance(value, dict) and name in value]
        if within is not None:
            key, _, wanted = within.partition("=")
            items = [item for value in found if isinstance(value, list) for item in value]
            found = [item for item in items if not key or (isinstance(item, dict) and item.get(key) == wanted)]
    return tuple(_written(found))


def _written(values: list[JSON]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str) and value:
            yield value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value)


TOPIC_KEY = "KmsMasterKeyId"
"""The property of a queue or topic that names its key: such a key need not be where the resource or its bucket is."""


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
    """One request that must be allowed, on whose policy, whether a deny of it fails the resource, and the AWS page that says so.

    It is enough that one of `alternatives` is allowed: an older principal of the same service. A request of the caller's own
    (Target.IDENTITY) names in `ref` the bucket or key it is made on, whose policy may deny it all the same.
    """

    request: Request
    target: Target
    ref: str
    blocking: Blocking
    why: str
    source: str
    alternatives: tuple[Request, ...] = ()


def _no_uses(_resource: Resource, _facts: Facts) -> tuple[Use, ...]:
    return ()


def _no_statements(_resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service that writes to a bucket or uses a key when a stack makes one of its resources.

    `also_uses` names what only inspection can tell (the key of a bucket's default encryption, of a queue).
    `minimal` gives the statements AWS documents for a target: the place to start from when edits pile up.
    `source_arn` is the ARN the service sends as aws:SourceArn. `principal` is '' where only the caller's own identity asks.
    `of` is the service as it meets one resource, where its principal or its constraints hang on the Region or a property.
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
    principal_of: Callable[[Resource], str] | None = None
    constraints_of: Callable[[Resource], frozenset[Constraint]] | None = None

    def of(self, resource: Resource) -> Service:
        """The same service with the principal and the constraints it has for this resource."""
        return replace(
            self,
            principal=self.principal_of(resource) if self.principal_of else self.principal,
            constraints=self.constraints_of(resource) if self.constraints_of else self.constraints,
        )


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


UPLOAD_HEADERS = (
    "s3:x-amz-acl", "s3:x-amz-grant-*", "s3:x-amz-server-side-encryption*", "s3:x-amz-storage-class", "s3:x-amz-copy-source",
    "s3:x-amz-metadata-directive", "s3:x-amz-website-redirect-location", "s3:x-amz-object-ownership", "s3:object-lock-*",
    "s3:RequestObjectTag/*", "s3:RequestObjectTagKeys", "s3:if-none-match", "s3:if-match",
)  # fmt: skip
"""Condition keys that S3 fills from the headers of a write.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html: no read of a bucket or object has them.
"""


def not_of_the_action(action: str) -> dict[str, Knowledge]:
    """The condition keys that no request for this action carries, says the service authorization reference."""
    reads = action.lower().startswith(("s3:get", "s3:list", "s3:head"))
    return dict.fromkeys(UPLOAD_HEADERS, MISSING) if reads else {}


def service_request(
    principal: str,
    action: str,
    resource: str,
    scope: Scope,
    context: Mapping[str, Knowledge],
    resource_account: str | None = None,
) -> Request:
    """A request made by a service principal itself; `context` adds to and overrides what every such call carries."""
    known = service_context(principal, scope, resource_account) | not_of_the_action(action) | dict(context)
    return Request(Caller(PrincipalKind.SERVICE, principal), action, resource, resource_account, known, UNKNOWN)


def documented(arn: str) -> Knowledge:
    """What is known of an ARN that AWS documents with a * at its end: everything before it."""
    return Known((arn.removesuffix("*") + OPEN_END,)) if arn.endswith("*") else Known((arn,))


def key_arn(ref: str, facts: Facts, scope: Scope) -> str:
    """The ARN a key reference stands for, or the one it would have."""
    if known := facts.key(ref).arn:
        return known
    name = ref if ref.startswith("alias/") else f"key/{ref}"
    return ref if ref.startswith("arn:") else f"arn:{scope.partition}:kms:{scope.region}:{scope.account}:{name}"


def key_request(principal: str, action: str, ref: str, facts: Facts, scope: Scope, context: Mapping[str, Knowledge]) -> Request:
    """A request on a key by a service principal itself."""
    return service_request(principal, action, key_arn(ref, facts, scope), scope, context, facts.key(ref).account)


def allow(
    sid: str, principal: str, actions: str | tuple[str, ...], resource: str | tuple[str, ...], condition: Mapping[str, JSON] | None = None
) -> dict[str, JSON]:
    """An Allow for a service principal, as AWS's pages write it."""

    def one_or_list(texts: str | tuple[str, ...]) -> JSON:
        return texts if isinstance(texts, str) else texts[0] if len(texts) == 1 else list(texts)

    statement: dict[str, JSON] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": one_or_list(actions),
        "Resource": one_or_list(resource),
    }
    return statement | ({"Condition": dict(condition)} if condition else {})


def via_s3(bucket_region: str | None, region: str) -> Knowledge:
    """kms:ViaService on a service principal's call: absent or `s3.<bucket Region>.amazonaws.com`, never anything else.

    AWS documents the key for forward access sessions only; the suffix is the same in every partition.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return OneOf((None, (f"s3.{bucket_region or region}.amazonaws.com",)))
