"""What to read live about a blocker, and what the answers mean. Pure: the calls are made by the pipeline.

Every operation here stands in `permissions.OPERATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from stackdoctor.blockers.base import BlockerState
from stackdoctor.blockers.protection import FLAGS, Flag, Path
from stackdoctor.commands import usable
from stackdoctor.model import JSON, Absent, Failure, Found, Read
from stackdoctor.reader import Call

Answer = Mapping[str, Any]
Tell = Callable[[Answer], BlockerState]
OFF = frozenset({"false", "inactive", "disabled", "none"})
_GONE = BlockerState(gone=True)
_AGAIN = (
    "Policies", "LambdaConfig", "AutoVerifiedAttributes", "SmsVerificationMessage", "EmailVerificationMessage", "EmailVerificationSubject",
    "VerificationMessageTemplate", "SmsAuthenticationMessage", "UserAttributeUpdateSettings", "MfaConfiguration", "DeviceConfiguration",
    "EmailConfiguration", "SmsConfiguration", "UserPoolTags", "AdminCreateUserConfig", "UserPoolAddOns", "AccountRecoverySetting",
    "UserPoolTier", "KeyConfiguration", "IssuerConfiguration",
)  # fmt: skip
"""What UpdateUserPool takes and DescribeUserPool shows."""


@dataclass(frozen=True, slots=True)
class BlockerRead:
    """One call to make, what its answer says, and what it says when AWS answers that there is none."""

    call: Call
    state: Tell
    absent: BlockerState


@dataclass(frozen=True, slots=True)
class _Row:
    service: str
    operation: str
    params: Mapping[str, JSON]
    tell: Tell
    absent: BlockerState = _GONE


def reads_for(failure: Failure, region: str = "") -> tuple[BlockerRead, ...]:
    """The calls that show the blocker's state now. `region` is otherwise taken from the stack's ARN."""
    event = failure.event
    if not usable(event.physical_id):
        return ()
    where = region or (event.stack_id.split(":")[3] if event.stack_id.startswith("arn:") else "")
    return tuple(
        BlockerRead(Call(row.service, row.operation, where, _with_id(row.params, str(event.physical_id))), row.tell, row.absent)
        for row in _rows(event.resource_type)
    )


def state_from(resource_type: str, answers: Mapping[str, Read[Answer]]) -> BlockerState:
    """What all answers show together; `answers` by `Call.name` (`rds:DescribeDBInstances`)."""
    state = BlockerState()
    for row in _rows(resource_type):
        match answers.get(f"{row.service}:{row.operation}"):
            case Found(value):
                state = state.joined(row.tell(value))
            case Absent():
                state = state.joined(row.absent)
            case _:
                pass
    return state


def _rows(resource_type: str) -> tuple[_Row, ...]:
    flag = FLAGS.get(resource_type)
    if flag and flag.shown:
        return (_Row(*flag.read, flag.params, _MORE.get(resource_type) or partial(_shown, flag)),)
    return _ROWS.get(resource_type, ())


def _with_id(value: JSON | Mapping[str, JSON], physical_id: str) -> Any:
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


def _rows_of(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


# ---------------------------------------------------------------------------------------------- protection
def _shown(flag: Flag, answer: Answer) -> BlockerState:
    """The flag; a list that came back empty says that there is no such resource."""
    if len(flag.shown) > 1 and isinstance(flag.shown[1], int) and answer.get(str(flag.shown[0])) == []:
        return _GONE
    shown = _dig(answer, flag.shown)
    return BlockerState(protected=None if shown is None else str(shown).lower() not in OFF)


def _with_flag(resource_type: str, answer: Answer, more: Tell) -> BlockerState:
    return _shown(FLAGS[resource_type], answer).joined(more(answer))


def _instance(answer: Answer) -> BlockerState:
    return BlockerState(cluster=_dig(answer, ("DBInstances", 0, "DBClusterIdentifier")))


def _global_table(answer: Answer) -> BlockerState:
    """The flag shown is that of the Region asked; with replicas the others' are not known, so off is not known either."""
    own = _shown(FLAGS["AWS::DynamoDB::GlobalTable"], answer).protected
    regions = tuple(str(row["RegionName"]) for row in _rows_of(_dig(answer, ("Table", "Replicas"))) if row.get("RegionName"))
    return BlockerState(protected=own or (None if regions else own), regions=regions or None)


def _members(answer: Answer) -> BlockerState:
    found = _dig(answer, ("GlobalClusters", 0, "GlobalClusterMembers"))
    return BlockerState(dependents=None if found is None else tuple(str(row.get("DBClusterArn")) for row in _rows_of(found)))


def _user_pool(answer: Answer) -> BlockerState:
    """The temporary password's validity may be passed in one of two places, not in both."""
    pool = _dig(answer, ("UserPool",))
    if not isinstance(pool, Mapping):
        return BlockerState()
    settings: dict[str, JSON] = {name: pool[name] for name in _AGAIN if pool.get(name) not in (None, "", {}, [])}
    invite = settings.get("AdminCreateUserConfig")
    if isinstance(invite, dict) and _dig(settings, ("Policies", "PasswordPolicy", "TemporaryPasswordValidityDays")) is not None:
        settings["AdminCreateUserConfig"] = {name: value for name, value in invite.items() if name != "UnusedAccountValidityDays"}
    return BlockerState(settings=settings)


def _policy_store(answer: Answer) -> BlockerState:
    return BlockerState(settings=_dig(answer, ("validationSettings",)))


_MORE: Mapping[str, Tell] = {
    "AWS::DynamoDB::GlobalTable": _global_table,
    **{
        kind: lambda answer, kind=kind, more=more: _with_flag(kind, answer, more)  # type: ignore[misc]
        for kind, more in {
            "AWS::RDS::DBInstance": _instance,
            "AWS::RDS::GlobalCluster": _members,
            "AWS::Neptune::GlobalCluster": _members,
            "AWS::DocDB::GlobalCluster": _members,
            "AWS::Cognito::UserPool": _user_pool,
            "AWS::VerifiedPermissions::PolicyStore": _policy_store,
        }.items()
    },
}
"""What else the answer about a protection flag tells."""


# ---------------------------------------------------------------------------------------------- contents and dependents
def _versioning(answer: Answer) -> BlockerState:
    """Suspended versioning keeps old versions: only a bucket that never had it has none."""
    return BlockerState(versioned=answer.get("Status") in {"Enabled", "Suspended"})


def _lock(answer: Answer) -> BlockerState:
    configured = _dig(answer, ("ObjectLockConfiguration", "ObjectLockEnabled"))
    mode = _dig(answer, ("ObjectLockConfiguration", "Rule", "DefaultRetention", "Mode"))
    return BlockerState(object_lock=configured == "Enabled", lock_mode=mode)


def _versions(answer: Answer) -> BlockerState:
    return BlockerState(empty=not (answer.get("Versions") or answer.get("DeleteMarkers")))


def _images(answer: Answer) -> BlockerState:
    return BlockerState(empty=not answer.get("imageIds"))


def _records(answer: Answer) -> BlockerState:
    """All but the zone's own NS and SOA; a cut listing tells nothing."""
    records = _rows_of(answer.get("ResourceRecordSets"))
    if not records or answer.get("IsTruncated"):
        return BlockerState()
    apex = next((row.get("Name") for row in records if row.get("Type") == "SOA"), None)
    left = [dict(row) for row in records if not (row.get("Name") == apex and row.get("Type") in {"NS", "SOA"})]
    return BlockerState(empty=not left, settings={"records": list(left)})


def _points(answer: Answer) -> BlockerState:
    if answer.get("NextToken"):
        return BlockerState()
    points = tuple(str(row.get("RecoveryPointArn")) for row in _rows_of(answer.get("RecoveryPoints")))
    return BlockerState(empty=not points, dependents=points)


def _attached(answer: Answer) -> BlockerState:
    return BlockerState(dependents=tuple(str(row.get("PolicyArn")) for row in _rows_of(answer.get("AttachedPolicies"))))


def _interfaces(answer: Answer) -> BlockerState:
    rows = _rows_of(answer.get("NetworkInterfaces"))
    free = tuple(str(row.get("NetworkInterfaceId")) for row in rows if row.get("Status") == "available" and not row.get("RequesterManaged"))
    used = tuple(
        f"{row.get('NetworkInterfaceId')} ({row.get('Description') or row.get('InterfaceType')})"
        for row in rows
        if str(row.get("NetworkInterfaceId")) not in free
    )
    return BlockerState(free=free, dependents=used)


def _on_interface(name: str) -> tuple[_Row, ...]:
    return (_Row("ec2", "DescribeNetworkInterfaces", {"Filters": [{"Name": name, "Values": ["{id}"]}]}, _interfaces),)


_ROWS: Mapping[str, tuple[_Row, ...]] = {
    "AWS::S3::Bucket": (
        _Row("s3", "GetBucketVersioning", {"Bucket": "{id}"}, _versioning),
        _Row("s3", "GetObjectLockConfiguration", {"Bucket": "{id}"}, _lock, BlockerState(object_lock=False)),
        _Row("s3", "ListObjectVersions", {"Bucket": "{id}", "MaxKeys": 1}, _versions),
    ),
    "AWS::ECR::Repository": (_Row("ecr", "ListImages", {"repositoryName": "{id}", "maxResults": 1}, _images),),
    "AWS::Route53::HostedZone": (_Row("route53", "ListResourceRecordSets", {"HostedZoneId": "{id}"}, _records),),
    "AWS::Backup::BackupVault": (_Row("backup", "ListRecoveryPointsByBackupVault", {"BackupVaultName": "{id}"}, _points),),
    "AWS::IAM::Role": (_Row("iam", "ListAttachedRolePolicies", {"RoleName": "{id}"}, _attached),),
    "AWS::EC2::Subnet": _on_interface("subnet-id"),
    "AWS::EC2::SecurityGroup": _on_interface("group-id"),
    "AWS::EC2::VPC": _on_interface("vpc-id"),
}
