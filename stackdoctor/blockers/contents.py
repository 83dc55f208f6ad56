"""What must be empty before it can be deleted: buckets (and what still writes to them), repositories, zones, vaults.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/empty-bucket.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from stackdoctor.blockers.base import Blocked, Clearing, properties_of
from stackdoctor.blockers.data import saving
from stackdoctor.commands import Value, file_name, usable
from stackdoctor.model import StackEvent, Step

_EVERY_VERSION = "{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}, Quiet: `true`}"
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")

STOPS: Mapping[str, tuple[str, ...]] = {
    "AWS::CloudTrail::Trail": ("cloudtrail", "stop-logging", "--name", "{writer}"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "elbv2", "modify-load-balancer-attributes", "--load-balancer-arn", "{writer}",
        "--attributes", "Key=access_logs.s3.enabled,Value=false",
    ),
    "AWS::ElasticLoadBalancing::LoadBalancer": (
        "elb", "modify-load-balancer-attributes", "--load-balancer-name", "{writer}",
        "--load-balancer-attributes", '{"AccessLog": {"Enabled": false}}',
    ),
    "AWS::EC2::FlowLog": ("ec2", "delete-flow-logs", "--flow-log-ids", "{writer}"),
    "AWS::S3::Bucket": ("s3api", "put-bucket-logging", "--bucket", "{writer}", "--bucket-logging-status", "{}"),
    "AWS::Redshift::Cluster": ("redshift", "disable-logging", "--cluster-identifier", "{writer}"),
    "AWS::Config::DeliveryChannel": ("configservice", "stop-configuration-recorder", "--configuration-recorder-name", "{recorder}"),
}  # fmt: skip
"""How a service that writes to a bucket is told to stop; `{writer}` is the resource's physical id."""


def empty_bucket(blocked: Blocked) -> Clearing:
    """Stop what writes, copy what is there, then delete every version; nothing to delete where AWS shows the bucket empty."""
    stops = tuple(_stop_writers(blocked))
    if blocked.state.empty:
        return Clearing(stops)
    return Clearing((*stops, *saving(blocked)), tuple(_empty(blocked)))


def _stop_writers(blocked: Blocked) -> Iterator[Step]:
    for event in writers(blocked):
        words = STOPS.get(event.resource_type)
        if words is None or not usable(event.physical_id):
            continue
        filled = (Value(w.replace("{writer}", str(event.physical_id))) if "{writer}" in w else w for w in words)
        with_recorder = (Value(_recorder(blocked)) if word == "{recorder}" else word for word in filled)
        yield blocked.step(
            f"Stop {event.logical_id} from writing to the bucket", tuple(with_recorder),
            f"{event.resource_type} writes to {blocked.id}: the bucket would fill again while it is being emptied. "
            "If AWS answers that there is none, the rollback has deleted it, and nothing is left to stop.",
        )  # fmt: skip


def writers(blocked: Blocked) -> tuple[StackEvent, ...]:
    """Resources of the stack whose properties name the bucket, that may still exist."""
    bucket = str(blocked.id)
    found = {
        event.logical_id: event
        for event in blocked.resources
        if event.status not in _GONE and event.physical_id != bucket and bucket in _names(properties_of(event))
    }
    return tuple(found.values())


def _names(value: object) -> Iterator[str]:
    """Every text in a value that could name a bucket: as it is, and the bucket part of an ARN."""
    if isinstance(value, str):
        yield value
        if value.startswith("arn:") and ":s3:::" in value:
            yield value.split(":::", 1)[1].split("/", 1)[0]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def _recorder(blocked: Blocked) -> str:
    """The configuration recorder of the stack; AWS calls it `default` where nobody named it."""
    named = [e.physical_id for e in blocked.resources if e.resource_type == "AWS::Config::ConfigurationRecorder" and usable(e.physical_id)]
    return str(named[0]) if named else "default"


def _empty(blocked: Blocked) -> Iterator[Step]:
    state = blocked.state
    if state.object_lock and state.lock_mode == "COMPLIANCE":
        yield blocked.step(
            "See how long Object Lock keeps the objects of {name}", ("s3api", "get-object-lock-configuration", "--bucket", "{id}"),
            "In compliance mode nobody, not even the root user, deletes a version before its retention ends. Retain the bucket when the "
            "stack is DELETE_FAILED, and delete it after the retention.",
        )  # fmt: skip
        return
    if state.versioned is False:
        yield blocked.step(
            "Empty the bucket {name}", ("s3", "rm", "s3://{id}", "--recursive"),
            "AWS deletes no bucket that holds objects. It is not versioned, so this removes all of them.", destructive=True,
        )  # fmt: skip
        return
    yield from _delete_versions(blocked)


def _delete_versions(blocked: Blocked) -> Iterator[Step]:
    """Every version and delete marker; right for a bucket without versioning too, whose objects have the version `null`."""
    file = file_name(str(blocked.id)) + "-versions.json"
    listing = ("s3api", "list-object-versions", "--bucket", "{id}", "--max-items", "1000", "--query", _EVERY_VERSION)
    yield blocked.keep(
        "List the next 1000 versions in {name}", "-versions.json", listing,
        "AWS deletes no bucket that holds versions or delete markers, and `aws s3 rm` leaves both. DeleteObjects takes 1000 at a time.",
    )  # fmt: skip
    governed = blocked.state.object_lock and blocked.state.lock_mode == "GOVERNANCE"
    lock = (
        " Object Lock in governance mode: this needs s3:BypassGovernanceRetention, and legal holds must be lifted first."
        if governed
        else " Object Lock is on: versions under retention or legal hold stay."
        if blocked.state.object_lock
        else ""
    )
    yield blocked.step(
        "Delete these versions",
        (
            "s3api",
            "delete-objects",
            "--bucket",
            "{id}",
            "--delete",
            f"file://{file}",
            *(("--bypass-governance-retention",) if governed else ()),
        ),
        "Repeat this and the step before until the list of Objects is empty. For very many versions a lifecycle rule "
        f"(NoncurrentVersionExpiration) empties the bucket within days instead.{lock}",
        destructive=True,
    )


def empty_repository(blocked: Blocked) -> Clearing:
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-delete.html"""
    if blocked.state.empty:
        return Clearing()
    force = blocked.step(
        "Delete the repository {name} with its images", ("ecr", "delete-repository", "--repository-name", "{id}", "--force"),
        "CloudFormation deletes a repository that holds images only with EmptyOnDelete; one that is gone it counts as deleted.",
        destructive=True,
    )  # fmt: skip
    return Clearing(saving(blocked), (force,))


def empty_zone(blocked: Blocked) -> Clearing:
    """Delete every record but the zone's own NS and SOA: one command with the records read live, else the list of them."""
    records = (blocked.state.settings or {}).get("records")
    if not isinstance(records, list) or not records:
        look = blocked.step(
            "See which records are left in {name}", ("route53", "list-resource-record-sets", "--hosted-zone-id", "{id}"),
            "A zone can be deleted when only its own NS and SOA records are left. Delete the others with change-resource-record-sets, "
            "each exactly as it is listed.",
        )  # fmt: skip
        return Clearing(saving(blocked), (look,))
    changes = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record} for record in records]}
    delete = blocked.step(
        "Delete the records left in {name}",
        ("route53", "change-resource-record-sets", "--hosted-zone-id", "{id}", "--change-batch", Value(json.dumps(changes))),
        "A zone can be deleted when only its own NS and SOA records are left. If one changed since it was read, AWS refuses them all.",
        destructive=True,
    )
    return Clearing(saving(blocked), (delete,))


def empty_vault(blocked: Blocked) -> Clearing:
    """Recovery points are somebody's backups: copy, then delete one by one; a locked vault keeps them.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
    """
    keep = blocked.keep(
        "Keep the list of recovery points of {name}", "-recovery-points.json",
        ("backup", "list-recovery-points-by-backup-vault", "--backup-vault-name", "{id}"),
        "Recovery points are backups: copy those that are still needed to another vault (start-copy-job) before any is deleted.",
    )  # fmt: skip
    points = blocked.state.dependents
    if points is None:
        look = blocked.step(
            "See whether the vault {name} is locked", ("backup", "describe-backup-vault", "--backup-vault-name", "{id}"),
            "Each recovery point is deleted with delete-recovery-point. A vault locked in compliance mode keeps them until their retention "
            "ends: retain the vault when the stack is DELETE_FAILED.",
        )  # fmt: skip
        return Clearing((keep,), (look,))
    why = "A vault that holds recovery points cannot be deleted. Each of them is a backup."
    words = ("backup", "delete-recovery-point", "--backup-vault-name", "{id}", "--recovery-point-arn")
    return Clearing((keep,), tuple(blocked.step(f"Delete {point}", (*words, Value(point)), why, destructive=True) for point in points))


EMPTY: Mapping[str, Callable[[Blocked], Clearing]] = {
    "AWS::S3::Bucket": empty_bucket,
    "AWS::ECR::Repository": empty_repository,
    "AWS::Route53::HostedZone": empty_zone,
    "AWS::Backup::BackupVault": empty_vault,
}
"""Types that must be empty."""
