"""What to read live about a blocker, and what the answers mean. Pure: the calls are made by inspection.

Every operation here stands in `permissions.OPERATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stackdoctor.blockers.base import BlockerState
from stackdoctor.blockers.protection import FLAGS, Path
from stackdoctor.commands import usable
from stackdoctor.model import JSON, Absent, Failure, Found, Read
from stackdoctor.reader import Call

Answers = Mapping[str, Read[Mapping[str, Any]]]
Params = Mapping[str, JSON]

_FILTER = {"AWS::EC2::Subnet": "subnet-id", "AWS::EC2::SecurityGroup": "group-id", "AWS::EC2::VPC": "vpc-id"}
_DIRECT: Mapping[str, tuple[tuple[str, str, Params], ...]] = {
    "AWS::S3::Bucket": (
        ("s3", "GetBucketVersioning", {"Bucket": "{id}"}),
        ("s3", "GetObjectLockConfiguration", {"Bucket": "{id}"}),
        ("s3", "ListObjectVersions", {"Bucket": "{id}", "MaxKeys": 1}),
    ),
    "AWS::ECR::Repository": (("ecr", "ListImages", {"repositoryName": "{id}", "maxResults": 1}),),
    "AWS::Route53::HostedZone": (("route53", "ListResourceRecordSets", {"HostedZoneId": "{id}"}),),
    "AWS::Backup::BackupVault": (("backup", "ListRecoveryPointsByBackupVault", {"BackupVaultName": "{id}"}),),
    "AWS::IAM::Role": (("iam", "ListAttachedRolePolicies", {"RoleName": "{id}"}),),
}
_INTERFACES_OF: Mapping[str, tuple[tuple[str, str, Params], ...]] = {
    kind: (("ec2", "DescribeNetworkInterfaces", {"Filters": [{"Name": name, "Values": ["{id}"]}]}),) for kind, name in _FILTER.items()
}
_MORE = {**_DIRECT, **_INTERFACES_OF}

OFF = frozenset({"false", "inactive", "disabled", "none"})
_AGAIN = (
    "Policies", "LambdaConfig", "AutoVerifiedAttributes", "SmsVerificationMessage", "EmailVerificationMessage", "EmailVerificationSubject",
    "VerificationMessageTemplate", "SmsAuthenticationMessage", "UserAttributeUpdateSettings", "MfaConfiguration", "DeviceConfiguration",
    "EmailConfiguration", "SmsConfiguration", "UserPoolTags", "AdminCreateUserConfig", "UserPoolAddOns", "AccountRecoverySetting",
    "UserPoolTier", "KeyConfiguration", "IssuerConfiguration",
)  # fmt: skip
"""What UpdateUserPool takes and DescribeUserPool shows."""


def reads_for(failure: Failure, region: str = "") -> tuple[Call, ...]:
    """The calls that show the blocker's state now. `region` is otherwise taken from the stack's ARN."""
    event = failure.event
    if not usable(event.physical_id):
        return ()
    where = region or (event.stack_id.split(":")[3] if event.stack_id.count(":") >= 5 else "")
    flag = FLAGS.get(event.resource_type)
    rows = ((*flag.read, flag.params),) if flag and flag.shown else _MORE.get(event.resource_type, ())
    return tuple(Call(service, operation, where, _with_id(params, str(event.physical_id))) for service, operation, params in rows)


def state_from(resource_type: str, answers: Answers) -> BlockerState:
    """The state the answers show; `answers` by `Call.name` (`rds:DescribeDBInstances`)."""
    if any(isinstance(answer, Absent) for name, answer in answers.items() if name not in _ABSENCE_IS_AN_ANSWER):
        return BlockerState(gone=True)
    values = {name.partition(":")[2]: answer.value for name, answer in answers.items() if isinstance(answer, Found)}
    absent = {name.partition(":")[2] for name, answer in answers.items() if isinstance(answer, Absent)}
    state = BlockerState()
    if flag := FLAGS.get(resource_type):
        state = BlockerState(protected=_protected(_dig(values.get(flag.read[1]), flag.shown)))
    more = _STATES.get(resource_type)
    return more(state, values, absent) if more else state


_ABSENCE_IS_AN_ANSWER = frozenset({"s3:GetObjectLockConfiguration"})
"""Reads that answer with an error code where the thing exists but has no such configuration."""


def _with_id(value: JSON | Params, physical_id: str) -> Any:
    match value:
        case str():
            return value.replace("{id}", physical_id)
        case list():
            return [_with_id(item, physical_id) for item in value]
        case Mapping():
            return {name: _with_id(item, physical_id) for name, item in value.items()}
        case _:
            return value


def _dig(value: Any, path: Path) -> Any:
    """The value at a path; `Key=name` picks the list's item with that Key; None where there is none."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and len(value) > part else None
        elif "=" in part and isinstance(value, list):
            name, wanted = part.split("=", 1)
            value = next((item for item in value if isinstance(item, Mapping) and item.get(name) == wanted), None)
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _protected(shown: Any) -> bool | None:
    return None if shown is None else str(shown).lower() not in OFF


_Values = Mapping[str, Mapping[str, Any]]
_Tell = Callable[[BlockerState, _Values, set[str]], BlockerState]


def _bucket(state: BlockerState, values: _Values, absent: set[str]) -> BlockerState:
    """Suspended versioning keeps old versions too: only a bucket that never had it has none."""
    versioning, lock, listed = (values.get(n) for n in ("GetBucketVersioning", "GetObjectLockConfiguration", "ListObjectVersions"))
    configured = _dig(lock, ("ObjectLockConfiguration", "ObjectLockEnabled"))
    return replace(
        state,
        versioned=None if versioning is None else versioning.get("Status") in {"Enabled", "Suspended"},
        object_lock=False if "GetObjectLockConfiguration" in absent else None if lock is None else configured == "Enabled",
        lock_mode=_dig(lock, ("ObjectLockConfiguration", "Rule", "DefaultRetention", "Mode")),
        empty=None if listed is None else not (listed.get("Versions") or listed.get("DeleteMarkers")),
    )


def _repository(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    listed = values.get("ListImages")
    return replace(state, empty=None if listed is None else not listed.get("imageIds"))


def _zone(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    """All but the zone's own NS and SOA records, which are those of the shortest name; a cut listing tells nothing."""
    listed = values.get("ListResourceRecordSets")
    records = listed.get("ResourceRecordSets") if listed else None
    if not isinstance(records, list) or not records or (listed and listed.get("IsTruncated")):
        return state
    apex = next((r.get("Name") for r in records if r.get("Type") == "SOA"), None)
    left = [r for r in records if not (r.get("Name") == apex and r.get("Type") in {"NS", "SOA"})]
    return replace(state, empty=not left, settings={"records": left})


def _vault(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    listed = values.get("ListRecoveryPointsByBackupVault")
    if listed is None or listed.get("NextToken"):
        return state
    points = tuple(str(p.get("RecoveryPointArn")) for p in listed.get("RecoveryPoints") or ())
    return replace(state, empty=not points, dependents=points)


def _role(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    listed = values.get("ListAttachedRolePolicies")
    return replace(
        state, dependents=None if listed is None else tuple(str(p.get("PolicyArn")) for p in listed.get("AttachedPolicies") or ())
    )


def _interfaces(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    listed = values.get("DescribeNetworkInterfaces")
    if listed is None:
        return state
    rows = [row for row in listed.get("NetworkInterfaces") or () if isinstance(row, Mapping)]
    free = tuple(str(r.get("NetworkInterfaceId")) for r in rows if r.get("Status") == "available" and not r.get("RequesterManaged"))
    used = tuple(
        f"{r.get('NetworkInterfaceId')} ({r.get('Description') or r.get('InterfaceType')})"
        for r in rows
        if str(r.get("NetworkInterfaceId")) not in free
    )
    return replace(state, free=free, dependents=used)


def _instance(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    return replace(state, cluster=_dig(values.get("DescribeDBInstances"), ("DBInstances", 0, "DBClusterIdentifier")))


def _global_table(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    """The flag shown is the replica's in the Region asked; others may still be protected, so `protected` off is not known."""
    replicas = _dig(values.get("DescribeTable"), ("Table", "Replicas"))
    regions = tuple(str(r["RegionName"]) for r in replicas or () if isinstance(r, Mapping) and r.get("RegionName"))
    return replace(state, protected=state.protected or (None if regions else state.protected), regions=regions or None)


def _global_cluster(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    members = _dig(values.get("DescribeGlobalClusters"), ("GlobalClusters", 0, "GlobalClusterMembers"))
    return replace(state, dependents=None if members is None else tuple(str(m.get("DBClusterArn")) for m in members))


def _user_pool(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    """The temporary password's validity may be given in one of two places, not in both."""
    pool = _dig(values.get("DescribeUserPool"), ("UserPool",))
    if not isinstance(pool, Mapping):
        return state
    settings: dict[str, Any] = {name: pool[name] for name in _AGAIN if pool.get(name) not in (None, "", {}, [])}
    if _dig(settings, ("Policies", "PasswordPolicy", "TemporaryPasswordValidityDays")) is not None and "AdminCreateUserConfig" in settings:
        kept = {k: v for k, v in settings["AdminCreateUserConfig"].items() if k != "UnusedAccountValidityDays"}
        settings["AdminCreateUserConfig"] = kept
    return replace(state, settings=settings)


def _policy_store(state: BlockerState, values: _Values, _absent: set[str]) -> BlockerState:
    return replace(state, settings=_dig(values.get("GetPolicyStore"), ("validationSettings",)))


_STATES: Mapping[str, _Tell] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::ECR::Repository": _repository,
    "AWS::Route53::HostedZone": _zone,
    "AWS::Backup::BackupVault": _vault,
    "AWS::IAM::Role": _role,
    "AWS::EC2::Subnet": _interfaces,
    "AWS::EC2::SecurityGroup": _interfaces,
    "AWS::EC2::VPC": _interfaces,
    "AWS::RDS::DBInstance": _instance,
    "AWS::DynamoDB::GlobalTable": _global_table,
    "AWS::RDS::GlobalCluster": _global_cluster,
    "AWS::Neptune::GlobalCluster": _global_cluster,
    "AWS::DocDB::GlobalCluster": _global_cluster,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::VerifiedPermissions::PolicyStore": _policy_store,
}
