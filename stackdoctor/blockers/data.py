"""How to save what a resource stores, by type: a final snapshot, a backup or a copy, and the wait until it is complete.

A new type is a new row. `{id}` is the physical id, `{copy}` the copy's name (stable, so that a second run makes no second copy).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stackdoctor.blockers.base import Blocked
from stackdoctor.commands import usable
from stackdoctor.model import Step

_WAIT = "Nothing may be deleted before the copy is complete."


@dataclass(frozen=True, slots=True)
class Saving:
    """One command that saves, or waits until it is saved. With `ending` its answer is kept in a local file of that ending."""

    title: str
    words: tuple[str, ...]
    why: str
    ending: str = ""


def _cluster_snapshot(service: str) -> tuple[Saving, ...]:
    """Neptune and DocumentDB have no waiter, so the state is read: https://docs.aws.amazon.com/cli/latest/reference/neptune/."""
    take = ("create-db-cluster-snapshot", "--db-cluster-identifier", "{id}", "--db-cluster-snapshot-identifier", "{copy}")
    look = ("describe-db-cluster-snapshots", "--db-cluster-snapshot-identifier", "{copy}")
    return (
        Saving("Snapshot {name}", (service, *take), "A final snapshot keeps the data, whatever the following steps delete."),
        Saving("Wait until the snapshot is available", (service, *look), f"Repeat until Status is available. {_WAIT}"),
    )


_TABLE = (
    Saving(
        "Back up the table {name}", ("dynamodb", "create-backup", "--table-name", "{id}", "--backup-name", "{copy}"),
        "The backup outlives the table and can be restored to a new one.",
    ),
)  # fmt: skip

SAVINGS: Mapping[str, tuple[Saving, ...]] = {
    "AWS::RDS::DBInstance": (
        Saving(
            "Snapshot {name}",
            ("rds", "create-db-snapshot", "--db-instance-identifier", "{id}", "--db-snapshot-identifier", "{copy}"),
            "A final snapshot keeps the data, whatever the following steps delete.",
        ),
        Saving("Wait for the snapshot", ("rds", "wait", "db-snapshot-completed", "--db-snapshot-identifier", "{copy}"), _WAIT),
    ),
    "AWS::RDS::DBCluster": (
        Saving(
            "Snapshot {name}",
            ("rds", "create-db-cluster-snapshot", "--db-cluster-identifier", "{id}", "--db-cluster-snapshot-identifier", "{copy}"),
            "A final snapshot keeps the data, whatever the following steps delete.",
        ),
        Saving(
            "Wait for the snapshot", ("rds", "wait", "db-cluster-snapshot-available", "--db-cluster-snapshot-identifier", "{copy}"), _WAIT,
        ),
    ),
    "AWS::Neptune::DBCluster": _cluster_snapshot("neptune"),
    "AWS::DocDB::DBCluster": _cluster_snapshot("docdb"),
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::DynamoDB::GlobalTable": _TABLE,
    "AWS::NeptuneGraph::Graph": (
        Saving(
            "Snapshot {name}", ("neptune-graph", "create-graph-snapshot", "--graph-identifier", "{id}", "--snapshot-name", "{copy}"),
            f"The snapshot keeps the graph. Wait until list-graph-snapshots shows it AVAILABLE. {_WAIT}",
        ),
    ),
    "AWS::Redshift::Cluster": (
        Saving(
            "Snapshot {name}", ("redshift", "create-cluster-snapshot", "--cluster-identifier", "{id}", "--snapshot-identifier", "{copy}"),
            "A final snapshot keeps the data, whatever the following steps delete.",
        ),
        Saving("Wait for the snapshot", ("redshift", "wait", "snapshot-available", "--snapshot-identifier", "{copy}"), _WAIT),
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        Saving(
            "Snapshot {name}", ("elasticache", "create-snapshot", "--replication-group-id", "{id}", "--snapshot-name", "{copy}"),
            f"Wait until describe-snapshots shows it available. {_WAIT}",
        ),
    ),
    "AWS::MemoryDB::Cluster": (
        Saving(
            "Snapshot {name}", ("memorydb", "create-snapshot", "--cluster-name", "{id}", "--snapshot-name", "{copy}"),
            f"Wait until describe-snapshots shows it available. {_WAIT}",
        ),
    ),
    "AWS::EC2::Instance": (
        Saving(
            "Make an image of {name}", ("ec2", "create-image", "--instance-id", "{id}", "--name", "{copy}"),
            "The image holds the volumes, which are deleted with the instance unless they are kept. The instance restarts "
            "(--no-reboot would avoid it, at the price of an image that may not be consistent).",
        ),
        Saving("Wait for the image", ("ec2", "wait", "image-available", "--owners", "self", "--filters", "Name=name,Values={copy}"), _WAIT),
    ),
    "AWS::EC2::Volume": (
        Saving(
            "Snapshot {name}", ("ec2", "create-snapshot", "--volume-id", "{id}", "--description", "{copy}"), "The snapshot keeps the data.",
        ),
        Saving("Wait for the snapshot", ("ec2", "wait", "snapshot-completed", "--filters", "Name=description,Values={copy}"), _WAIT),
    ),
    "AWS::Logs::LogGroup": (
        Saving(
            "Keep the log events of {name}", ("logs", "filter-log-events", "--log-group-name", "{id}"),
            "The events are deleted with the group. For a large group use create-export-task to a bucket instead.", "-log-events.json",
        ),
    ),
    "AWS::Cognito::UserPool": (
        Saving(
            "Keep the list of users of {name}", ("cognito-idp", "list-users", "--user-pool-id", "{id}"),
            "Users are deleted with the pool; their passwords cannot be exported.", "-users.json",
        ),
    ),
    "AWS::ECR::Repository": (
        Saving(
            "Keep the list of images of {name}", ("ecr", "describe-images", "--repository-name", "{id}"),
            "Images are deleted with the repository: pull those that exist nowhere else.", "-images.json",
        ),
    ),
    "AWS::Route53::HostedZone": (
        Saving(
            "Keep the records of {name}", ("route53", "list-resource-record-sets", "--hosted-zone-id", "{id}"),
            "The file tells what to create again.", "-records.json",
        ),
    ),
    "AWS::S3::Bucket": (
        Saving(
            "Copy the objects of {name}", ("s3", "sync", "s3://{id}", "./{file}"),
            "The copy holds the current version of each object; older versions are not in it.",
        ),
    ),
    "AWS::VerifiedPermissions::PolicyStore": (
        Saving(
            "Keep the list of policies of {name}", ("verifiedpermissions", "list-policies", "--policy-store-id", "{id}"),
            "Policies are deleted with the store.", "-policies.json",
        ),
    ),
}  # fmt: skip
"""Types that store data which a command can save."""


def saving(blocked: Blocked) -> tuple[Step, ...]:
    """Steps that keep the data of a resource before anything deletes it; () for a type that stores none, or one that is gone."""
    if not blocked.id or blocked.state.gone:
        return ()
    if cluster := cluster_of(blocked):
        whole = Blocked(replace(blocked.event, physical_id=cluster, logical_id=cluster), blocked.state, blocked.aws)
        return tuple(_step(whole, row) for row in SAVINGS["AWS::RDS::DBCluster"])
    return tuple(_step(blocked, row) for row in SAVINGS.get(blocked.type, ()))


def cluster_of(blocked: Blocked) -> str:
    """The cluster an RDS instance is a member of, read live or from its properties; '' where it is none.

    A member has no snapshot and no protection of its own: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
    """
    if blocked.type != "AWS::RDS::DBInstance":
        return ""
    named = blocked.properties.get("DBClusterIdentifier")
    cluster = blocked.state.cluster or (named if isinstance(named, str) else "")
    return cluster if usable(cluster) else ""


def _step(blocked: Blocked, row: Saving) -> Step:
    words = tuple(word.replace("{file}", blocked.file("-backup")) for word in row.words)
    return blocked.keep(row.title, row.ending, words, row.why) if row.ending else blocked.step(row.title, words, row.why)
