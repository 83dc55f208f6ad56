"""What the template should say so that the next rollback is not blocked and loses no data.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
"""

from __future__ import annotations

from dataclasses import dataclass

from stackdoctor.blockers.base import properties_of
from stackdoctor.blockers.protection import FLAGS
from stackdoctor.model import JSON, Category, Failure

SNAPSHOT = frozenset(
    {
        "AWS::DocDB::DBCluster", "AWS::EC2::Volume", "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup",
        "AWS::Neptune::DBCluster", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::Redshift::Cluster",
    }
)  # fmt: skip
"""Types that support the DeletionPolicy Snapshot."""


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One value to set in a template. `attribute`: beside Properties (DeletionPolicy), not in them.

    `path` is dotted; `List[Key=name].Value` is the item of a list whose Key is `name`, added where there is none;
    `List[].Value` is each item.
    """

    logical_id: str
    path: str
    value: JSON
    attribute: bool
    why: str


def prevention(failure: Failure) -> tuple[PropertyChange, ...]:
    """The changes that would have kept this failure from blocking the rollback; () where the template is not to blame."""
    event, category = failure.event, failure.reason.category
    member = event.resource_type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in properties_of(event)
    if category is Category.DELETION_PROTECTION and not member:
        return (*_unprotected(failure), *_kept(failure))
    if category is Category.NOT_EMPTY:
        return _not_empty(failure)
    return ()


def _unprotected(failure: Failure) -> tuple[PropertyChange, ...]:
    flag = FLAGS.get(failure.event.resource_type)
    if flag is None:
        return ()
    why = "Off until the first create has succeeded: a protected resource makes every rollback of that create fail. Turn it on afterwards."
    return (PropertyChange(failure.event.logical_id, flag.property, flag.value, attribute=False, why=why),)


def _kept(failure: Failure) -> tuple[PropertyChange, ...]:
    """A snapshot where the type has one; else the resource stays, except after a failed create."""
    if failure.event.resource_type in SNAPSHOT:
        policy, why = "Snapshot", "A final snapshot keeps the data when the resource is deleted or replaced."
        return tuple(PropertyChange(failure.event.logical_id, name, policy, attribute=True, why=why) for name in _POLICIES)
    if failure.event.resource_type in FLAGS:
        why = "The resource stays when the stack is deleted, but a create that fails can still be rolled back."
        keep = PropertyChange(failure.event.logical_id, "DeletionPolicy", "RetainExceptOnCreate", attribute=True, why=why)
        return (keep, PropertyChange(failure.event.logical_id, "UpdateReplacePolicy", "Retain", attribute=True, why=why))
    return ()


_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")


def _not_empty(failure: Failure) -> tuple[PropertyChange, ...]:
    of = failure.event.logical_id
    match failure.event.resource_type:
        case "AWS::ECR::Repository":
            why = "CloudFormation then deletes the repository with its images; leave it off where images must outlive the stack."
            return (PropertyChange(of, "EmptyOnDelete", value=True, attribute=False, why=why),)
        case "AWS::S3::Bucket" | "AWS::Route53::HostedZone" | "AWS::Backup::BackupVault":
            why = "A rollback then leaves it with what it holds instead of failing. Under a fixed name it is in the way of the next create."
            return tuple(PropertyChange(of, name, "Retain", attribute=True, why=why) for name in _POLICIES)
        case _:
            return ()
