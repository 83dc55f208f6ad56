"""What inspection found of the buckets, keys, topics and queues that the failed resource names; values only.

Each read is Found, Absent or Unreadable. A policy says where its text came from: live, the events'
ResourceProperties, or the template (DESIGN, rule 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stackdoctor.model import Absent, Found, Origin, Read, Unreadable
from stackdoctor.services.base import BucketFacts, Facts, KeyFacts, Scope, Target, bucket_arn

NO_ENDPOINT_POLICY = "no policy"
"""Why a topic or queue that is there has none."""


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """A resource of the stack as the attempt deployed it: its properties from the events, else from the template.

    `completed` is whether it was there when the failed resource was made; `undone` what the rollback did to it
    since: 'delete', 'update' or ''. `fresh` is whether the very operation that failed had made it, `written` whether it had
    made or changed it.
    """

    stack_id: str
    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Any]
    origin: Origin
    completed: bool
    undone: str = ""
    fresh: bool = False
    written: bool = False

    @property
    def was_there(self) -> bool:
        """Whether it stood when the failure happened, whatever became of it since."""
        return self.undone == "delete" or (self.fresh and self.completed)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy document's text. `changed` is what is live instead, where the rollback or somebody changed it since;
    `unread` the failed read of the live policy, where the deployed one stands in for it.
    """

    text: str
    origin: Origin
    changed: str = ""
    unread: Unreadable | None = None


@dataclass(frozen=True, slots=True)
class Encryption:
    """Default encryption of a bucket: AES256, aws:kms or aws:kms:dsse, its key ('' for the AWS managed one), S3 Bucket Key."""

    algorithm: str
    key: str
    bucket_key: bool


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    block_policy: bool
    restrict_buckets: bool


@dataclass(frozen=True, slots=True)
class BucketEvidence:
    """A bucket: `owner` is the stack's resource that makes it, `policy_resource` the one that makes its policy."""

    name: str
    arn: str
    region: Read[str]
    policy: Read[PolicyText]
    encryption: Read[Encryption] = field(default_factory=Absent)
    ownership: Read[str] = field(default_factory=Absent)
    public_access: Read[PublicAccessBlock] = field(default_factory=Absent)
    payer: Read[str] = field(default_factory=Absent)
    account: str | None = None
    owner: DeployedResource | None = None
    policy_resource: DeployedResource | None = None
    failed: tuple[Unreadable, ...] = ()
    """Reads that failed, also where what the stack deployed stands in for them."""


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """DescribeKey, as far as it decides anything. https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html"""

    arn: str
    state: str
    spec: str
    usage: str
    manager: str
    region: str
    account: str
    multi_region: bool = False
    deletion_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant on a key: who may do what, under which encryption context constraints."""

    grantee: str
    operations: tuple[str, ...]
    context_equals: tuple[tuple[str, str], ...] = ()
    context_subset: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyEvidence:
    """A key under the reference the resource uses for it. `arn` is what the reference stands for, as far as known."""

    ref: str
    arn: str
    description: Read[KeyDescription]
    policy: Read[PolicyText]
    grants: Read[tuple[Grant, ...]] = field(default_factory=Absent)
    owner: DeployedResource | None = None


@dataclass(frozen=True, slots=True)
class EndpointEvidence:
    """A topic, queue or function: its policy and the key it is encrypted with ('' for none)."""

    target: Target
    ref: str
    arn: str
    policy: Read[PolicyText]
    key: Read[str] = field(default_factory=Absent)
    policy_resource: DeployedResource | None = None


@dataclass(frozen=True, slots=True)
class EvidenceSet:
    """Everything inspected, by the reference the resource uses."""

    buckets: Mapping[str, BucketEvidence] = field(default_factory=dict)
    keys: Mapping[str, KeyEvidence] = field(default_factory=dict)
    endpoints: Mapping[str, EndpointEvidence] = field(default_factory=dict)

    def policy(self, target: Target, ref: str) -> Read[PolicyText]:
        """The policy that decides requests on a target."""
        match target:
            case Target.BUCKET if ref in self.buckets:
                return self.buckets[ref].policy
            case Target.KEY if ref in self.keys:
                return self.keys[ref].policy
            case Target.TOPIC | Target.QUEUE | Target.FUNCTION if ref in self.endpoints:
                return self.endpoints[ref].policy
        return Unreadable(f"policy of {target} {ref}", "not inspected")

    def origin(self, target: Target, ref: str) -> Origin | None:
        """Where the policy, or that there was none, is known from; None where it is not known otherwise than live."""
        policy = self.policy(target, ref)
        if isinstance(policy, Found):
            return policy.value.origin
        owner = self.buckets[ref].owner if target is Target.BUCKET and ref in self.buckets else None
        return owner.origin if owner is not None and owner.undone == "delete" else None

    def exists(self, target: Target, ref: str) -> bool:
        """Whether the thing itself was there for the attempt: one that was not has no policy at fault.

        Lambda answers for a function without a policy as for no function.
        """
        match target:
            case Target.BUCKET if ref in self.buckets:
                return self.buckets[ref].policy != Absent("NoSuchBucket")
            case Target.KEY if ref in self.keys:
                return not isinstance(self.keys[ref].policy, Absent)
            case Target.TOPIC | Target.QUEUE if ref in self.endpoints:
                return not isinstance(self.endpoints[ref].policy, Absent) or self.endpoints[ref].policy == Absent(NO_ENDPOINT_POLICY)
        return True

    def is_aws_managed(self, target: Target, ref: str) -> bool:
        """Whether a key is AWS's own, whose policy nobody can change."""
        key = self.keys.get(ref) if target is Target.KEY else None
        if key is None:
            return False
        return "alias/aws/" in key.ref or (isinstance(key.description, Found) and key.description.value.manager == "AWS")

    def arn(self, target: Target, ref: str, scope: Scope) -> str:
        """The ARN of a target, or the one it would have."""
        match target:
            case Target.BUCKET:
                return bucket_arn(scope.partition, ref)
            case Target.KEY if ref in self.keys:
                return self.keys[ref].arn
            case Target.TOPIC | Target.QUEUE | Target.FUNCTION if ref in self.endpoints:
                return self.endpoints[ref].arn
        return ref

    @property
    def unknown_encryption(self) -> frozenset[str]:
        """The reads of default encryption that failed, by `what`: a default key or an S3 Bucket Key asks more of KMS than is known."""
        return frozenset(bucket.encryption.what for bucket in self.buckets.values() if isinstance(bucket.encryption, Unreadable))

    def facts(self) -> Facts:
        """What services may know of what was inspected."""
        buckets = {ref: _bucket_facts(bucket) for ref, bucket in self.buckets.items()}
        keys = {ref: _key_facts(key) for ref, key in self.keys.items()}
        encrypted = {ref: e.key.value for ref, e in self.endpoints.items() if isinstance(e.key, Found)}
        return Facts(buckets, keys, encrypted)


def _bucket_facts(bucket: BucketEvidence) -> BucketFacts:
    encryption = bucket.encryption.value if isinstance(bucket.encryption, Found) else None
    return BucketFacts(
        region=bucket.region.value if isinstance(bucket.region, Found) else None,
        account=bucket.account,
        default_key=(encryption.key if encryption.algorithm.startswith("aws:kms") else "") if encryption else None,
        bucket_key=encryption.bucket_key if encryption else None,
    )


def _key_facts(key: KeyEvidence) -> KeyFacts:
    if isinstance(key.description, Found):
        known = key.description.value
        return KeyFacts(known.arn, known.region, known.account)
    parts = key.arn.split(":")
    if len(parts) >= 6 and ":key/" in key.arn:
        return KeyFacts(key.arn, parts[3], parts[4])
    return KeyFacts()
