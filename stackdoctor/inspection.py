"""Inspects the live buckets, keys, topics and queues that a failed resource names, each in the Region where it lives.

in: a `Reader`, the uses a service named, what the attempt deployed. out: an `EvidenceSet`.
Everything that does not wait on anything is read at the same time. Where the live thing is gone or was changed back
by the rollback, the policy is the one the attempt deployed, and says so (`Origin`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from stackdoctor import deployed as deploying
from stackdoctor.evidence import (
    NO_ENDPOINT_POLICY,
    BucketEvidence,
    DeployedResource,
    Encryption,
    EndpointEvidence,
    EvidenceSet,
    Grant,
    KeyDescription,
    KeyEvidence,
    PolicyText,
    PublicAccessBlock,
)
from stackdoctor.model import Absent, Found, Origin, Read, Unreadable
from stackdoctor.reader import Call, ErrorKind, Reader, ReadError
from stackdoctor.services.base import Scope, Target, Use, bucket_arn, bucket_name

T = TypeVar("T")

US_EAST_1 = "us-east-1"
NO_BUCKET, NO_POLICY = "NoSuchBucket", "NoSuchBucketPolicy"


def inspect(reader: Reader, uses: tuple[Use, ...], scope: Scope, resources: tuple[DeployedResource, ...]) -> EvidenceSet:
    """Reads everything the uses name, at the same time."""
    tasks: dict[tuple[Target, str], Callable[[], Any]] = {}
    for use in uses:
        match use.target:
            case Target.BUCKET:
                tasks[use.target, use.ref] = partial(_bucket, reader, use.ref, scope, resources)
            case Target.KEY:
                tasks[use.target, use.ref] = partial(_key, reader, use.ref, scope, resources)
            case Target.TOPIC | Target.QUEUE | Target.FUNCTION:
                tasks[use.target, use.ref] = partial(_endpoint, reader, use, scope, resources)
    found = dict(zip(tasks, reader.gather(*tasks.values()), strict=True))
    return EvidenceSet(
        buckets={ref: value for (target, ref), value in found.items() if target is Target.BUCKET},
        keys={ref: value for (target, ref), value in found.items() if target is Target.KEY},
        endpoints={ref: value for (target, ref), value in found.items() if isinstance(value, EndpointEvidence)},
    )


def read(reader: Reader, call: Call, what: str, value: Callable[[Mapping[str, Any]], T], absent: tuple[str, ...] = ()) -> Read[T]:
    """One read as a value: Found, Absent where the error code is one of `absent`, else Unreadable."""
    try:
        return Found(value(reader.read(call)))
    except ReadError as error:
        if error.code in absent or (error.kind is ErrorKind.NOT_FOUND and error.code in _GONE):
            return Absent(error.code)
        return Unreadable(what, f"{error.code}: {error.message}" if error.message else error.code, error.needs)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return Unreadable(what, f"AWS's answer is not as documented ({type(error).__name__})", ())


_GONE = frozenset(
    {
        "NoSuchBucket", "404", "NotFoundException", "NotFound", "NoSuchBucketPolicy", "QueueDoesNotExist", "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue", "TrailNotFoundException",
    }
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- buckets
def _bucket(reader: Reader, ref: str, scope: Scope, resources: tuple[DeployedResource, ...]) -> BucketEvidence:
    """CloudFormation makes a bucket in the stack's own Region, so a bucket of the stack need not be asked for its Region."""
    name = bucket_name(ref)

    def ask(operation: str, what: str, value: Callable[[Mapping[str, Any]], Any], *absent: str) -> Callable[[], Any]:
        call = Call("s3", operation, scope.region, {"Bucket": name})
        return lambda: read(reader, call, f"{what} of bucket {name}", value, absent)

    made_by = deploying.policy_resource(resources, Target.BUCKET, ref)
    owner = deploying.owner(resources, Target.BUCKET, ref)
    region, policy, encryption, ownership, block, payer = reader.gather(
        (lambda: Found(scope.region)) if owner else ask("GetBucketLocation", "Region", _location),
        ask("GetBucketPolicy", "policy", lambda a: PolicyText(a["Policy"], Origin.LIVE)),
        ask("GetBucketEncryption", "default encryption", _encryption, "ServerSideEncryptionConfigurationNotFoundError"),
        ask("GetBucketOwnershipControls", "object ownership", _ownership, "OwnershipControlsNotFoundError"),
        ask("GetPublicAccessBlock", "public access block", _public_access, "NoSuchPublicAccessBlockConfiguration"),
        ask("GetBucketRequestPayment", "request payment", lambda a: str(a.get("Payer", "BucketOwner"))),
    )
    ours = owner is not None or isinstance(policy, Found) or policy == Absent("NoSuchBucketPolicy")
    return BucketEvidence(
        name=name,
        arn=bucket_arn(scope.partition, name),
        region=region,
        policy=_bucket_policy(policy, made_by, owner, resources, name),
        encryption=_deployed_encryption(encryption, owner),
        ownership=ownership,
        public_access=block,
        payer=payer,
        account=scope.account if ours else None,
        owner=owner,
        policy_resource=made_by,
        failed=tuple(failed for failed in (policy, encryption) if isinstance(failed, Unreadable)),
    )


def _bucket_policy(
    live: Read[PolicyText],
    made_by: DeployedResource | None,
    owner: DeployedResource | None,
    resources: tuple[DeployedResource, ...],
    name: str,
) -> Read[PolicyText]:
    """The bucket's policy as the attempt met it. Of a bucket that is gone with its policy nothing is known, unless the very
    operation that failed had made the bucket and no policy for it.
    """
    found = _in_force(live, made_by, Target.BUCKET)
    if found != Absent(NO_BUCKET) or owner is None or not owner.was_there:
        return found
    unseen = any(resource.type == "AWS::S3::BucketPolicy" and not resource.properties for resource in resources)
    late = made_by is not None and not made_by.completed
    if late or (owner.fresh and made_by is None and not unseen):
        return Absent(NO_POLICY)
    return _unknown(f"policy of bucket {name}", "the bucket")


def _unknown(what: str, thing: str) -> Unreadable:
    return Unreadable(what, f"{thing} is gone, and neither the events nor the template show its policy", ("cloudformation:GetTemplate",))


def _location(answer: Mapping[str, Any]) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html: null is us-east-1, EU is eu-west-1."""
    constraint = answer.get("LocationConstraint") or US_EAST_1
    return "eu-west-1" if constraint == "EU" else str(constraint)


def _encryption(answer: Mapping[str, Any]) -> Encryption:
    rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return Encryption(default.get("SSEAlgorithm", "AES256"), default.get("KMSMasterKeyID", ""), bool(rule.get("BucketKeyEnabled")))


def _ownership(answer: Mapping[str, Any]) -> str:
    return str(answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"])


def _public_access(answer: Mapping[str, Any]) -> PublicAccessBlock:
    block = answer["PublicAccessBlockConfiguration"]
    return PublicAccessBlock(bool(block.get("BlockPublicPolicy")), bool(block.get("RestrictPublicBuckets")))


def _deployed_encryption(live: Read[Encryption], owner: DeployedResource | None) -> Read[Encryption]:
    """The template's BucketEncryption where the live bucket is gone or unreadable."""
    if isinstance(live, Found) or owner is None:
        return live
    rules = owner.properties.get("BucketEncryption", {})
    try:
        rule = rules["ServerSideEncryptionConfiguration"][0]
        default = rule.get("ServerSideEncryptionByDefault", {})
        bucket_key = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
        return Found(Encryption(default.get("SSEAlgorithm", "AES256"), str(default.get("KMSMasterKeyID", "")), bucket_key))
    except (KeyError, IndexError, TypeError, AttributeError):
        return live


# ------------------------------------------------------------------------------------------------------------- keys
def key_region(ref: str, scope: Scope) -> str:
    """The Region a key reference names; a bare id or alias means the Region of the resource that uses it."""
    parts = ref.split(":")
    return parts[3] if ref.startswith("arn:") and len(parts) > 3 and parts[3] else scope.region


def _key(reader: Reader, ref: str, scope: Scope, resources: tuple[DeployedResource, ...]) -> KeyEvidence:
    region = key_region(ref, scope)
    owner = deploying.owner(resources, Target.KEY, ref)
    name = owner.physical_id if owner and ":alias/" not in f":{ref}" else ref
    alias = ":alias/" in f":{ref}"

    def describe() -> Read[KeyDescription]:
        return read(reader, Call("kms", "DescribeKey", region, {"KeyId": name}), f"state of key {ref}", _description)

    def policy(key_id: str) -> Read[PolicyText]:
        call = Call("kms", "GetKeyPolicy", region, {"KeyId": key_id, "PolicyName": "default"})
        return read(reader, call, f"policy of key {ref}", lambda a: PolicyText(a["Policy"], Origin.LIVE))

    def grants(key_id: str) -> Read[tuple[Grant, ...]]:
        call = Call("kms", "ListGrants", region, {"KeyId": key_id, "Limit": 100})
        return read(reader, call, f"grants of key {ref}", lambda a: tuple(map(_grant, a["Grants"])))

    if alias:
        description = describe()
        if not isinstance(description, Found):
            known = owner.physical_id if owner else ""
            blocked: Read[Any] = description if isinstance(description, Absent) else replace(description, what=f"policy of key {ref}")
            live, given = (policy(known), grants(known)) if known else (blocked, blocked)
        else:
            arn = description.value.arn
            both: tuple[Callable[[], Any], ...] = (lambda: policy(arn), lambda: grants(arn))
            live, given = reader.gather(*both)
    else:
        tasks: tuple[Callable[[], Any], ...] = (describe, lambda: policy(name), lambda: grants(name))
        description, live, given = reader.gather(*tasks)
    in_force = _in_force(live, owner, Target.KEY)
    if isinstance(in_force, Absent) and owner is not None and owner.was_there:
        in_force = _unknown(f"policy of key {ref}", "the key")
    return KeyEvidence(
        ref=ref,
        arn=description.value.arn if isinstance(description, Found) else _key_arn(ref, owner, region, scope),
        description=description,
        policy=in_force,
        grants=given,
        owner=owner,
    )


def _key_arn(ref: str, owner: DeployedResource | None, region: str, scope: Scope) -> str:
    if ref.startswith("arn:"):
        return ref
    name = owner.physical_id if owner else ref
    return f"arn:{scope.partition}:kms:{region}:{scope.account}:{name if name.startswith('alias/') else f'key/{name}'}"


def _description(answer: Mapping[str, Any]) -> KeyDescription:
    key = answer["KeyMetadata"]
    arn = str(key["Arn"])
    deletion = key.get("DeletionDate")
    return KeyDescription(
        arn=arn,
        state=str(key.get("KeyState", "Enabled")),
        spec=str(key.get("KeySpec", key.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"))),
        usage=str(key.get("KeyUsage", "ENCRYPT_DECRYPT")),
        manager=str(key.get("KeyManager", "CUSTOMER")),
        region=arn.split(":")[3],
        account=arn.split(":")[4],
        multi_region=bool(key.get("MultiRegion")),
        deletion_at=datetime.fromisoformat(deletion) if isinstance(deletion, str) else None,
    )


def _grant(grant: Mapping[str, Any]) -> Grant:
    limits = grant.get("Constraints", {})
    return Grant(
        grantee=str(grant.get("GranteePrincipal", "")),
        operations=tuple(grant.get("Operations", ())),
        context_equals=tuple(sorted(limits.get("EncryptionContextEquals", {}).items())),
        context_subset=tuple(sorted(limits.get("EncryptionContextSubset", {}).items())),
    )


# ------------------------------------------------------------------------------------------ topics, queues, functions
def _endpoint(reader: Reader, use: Use, scope: Scope, resources: tuple[DeployedResource, ...]) -> EndpointEvidence:
    arn = use.ref if use.ref.startswith("arn:") else f"arn:{scope.partition}:sns:{scope.region}:{scope.account}:{use.ref}"
    region = arn.split(":")[3] or scope.region
    policy: Read[PolicyText]
    key: Read[str] = Absent()
    match use.target:
        case Target.TOPIC:
            call = Call("sns", "GetTopicAttributes", region, {"TopicArn": arn})
            attributes = read(reader, call, f"policy of topic {use.ref}", lambda a: dict(a["Attributes"]))
        case Target.QUEUE:
            attributes = _queue(reader, arn, region)
        case _:
            call = Call("lambda", "GetPolicy", region, {"FunctionName": arn})
            attributes = read(reader, call, f"policy of function {use.ref}", lambda a: {"Policy": a["Policy"]})
    if isinstance(attributes, Found):
        text = attributes.value.get("Policy")
        policy = Found(PolicyText(text, Origin.LIVE)) if text else Absent(NO_ENDPOINT_POLICY)
        key = Found(attributes.value.get("KmsMasterKeyId", ""))
    else:
        policy = attributes
        key = attributes if isinstance(attributes, Unreadable) else Absent(attributes.why)
    made_by = deploying.policy_resource(resources, use.target, arn)
    return EndpointEvidence(use.target, use.ref, arn, _in_force(policy, made_by, use.target), key, made_by)


def _queue(reader: Reader, arn: str, region: str) -> Read[dict[str, Any]]:
    what, name, account = f"policy of queue {arn}", arn.rsplit(":", 1)[-1], arn.split(":")[4]
    url = read(
        reader,
        Call("sqs", "GetQueueUrl", region, {"QueueName": name, "QueueOwnerAWSAccountId": account}),
        what,
        lambda a: str(a["QueueUrl"]),
    )
    if not isinstance(url, Found):
        return url
    params = {"QueueUrl": url.value, "AttributeNames": ["Policy", "KmsMasterKeyId", "SqsManagedSseEnabled"]}
    return read(reader, Call("sqs", "GetQueueAttributes", region, params), what, lambda a: dict(a.get("Attributes", {})))


# --------------------------------------------------------------------------------------------- which policy was in force
def _in_force(live: Read[PolicyText], made_by: DeployedResource | None, target: Target) -> Read[PolicyText]:
    """The policy as the failed attempt met it: live, unless it is gone, the rollback changed it back, or somebody changed it since.

    What the failed operation itself had written is what it met. A live policy that differs from what an earlier operation
    wrote was changed outside of CloudFormation, and nobody knows when: live counts.
    """
    text = deploying.policy_document(made_by, target) if made_by else None
    if made_by is None or text is None or not made_by.completed:
        return live
    if isinstance(live, Found):
        if _same(live.value.text, text):
            return live
        if made_by.undone == "update" or (made_by.written and made_by.origin is Origin.PROPERTIES):
            return Found(PolicyText(text, made_by.origin, changed=live.value.text))
        return live
    return Found(PolicyText(text, made_by.origin, unread=live if isinstance(live, Unreadable) else None))


def _same(one: str, other: str) -> bool:
    try:
        return bool(_plain(json.loads(one)) == _plain(json.loads(other)))
    except (ValueError, RecursionError):
        return one == other


def _plain(value: Any) -> Any:
    """A document without the differences that mean nothing: one-item lists, booleans as text, order of lists, and an account
    written as its number, which S3 and KMS give back as its root's ARN.
    """
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=repr)
    if isinstance(value, str) and (root := _ROOT.fullmatch(value)):
        return root.group(1)
    return str(value).lower() if isinstance(value, bool) else value


_ROOT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")
