"""Deletion protection, one row a type: the flag in the template, the call that shows it, the command that turns it off.

A new type is a new row. Flags are the schemas', operations and parameters the API models'; each row's command is parsed by
the AWS CLI in tests/test_commands.py.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stackdoctor.blockers.base import Blocked, Clearing, filled
from stackdoctor.blockers.data import cluster_of, saving
from stackdoctor.commands import Value
from stackdoctor.model import JSON, Step

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """One type's protection. `off` are the words after `aws`; `read` the service, operation and parameters that show it at `shown`."""

    property: str
    off: tuple[str, ...]
    read: tuple[str, str] = ("", "")
    params: Mapping[str, JSON] = field(default_factory=dict)
    shown: Path = ()
    value: JSON = False
    care: str = ""


def _cluster(service: str) -> Flag:
    return Flag(
        "DeletionProtection",
        (service, "modify-db-cluster", "--db-cluster-identifier", "{id}", "--no-deletion-protection", "--apply-immediately"),
        (service, "DescribeDBClusters"), {"DBClusterIdentifier": "{id}"}, ("DBClusters", 0, "DeletionProtection"),
    )  # fmt: skip


def _global(service: str) -> Flag:
    return Flag(
        "DeletionProtection",
        (service, "modify-global-cluster", "--global-cluster-identifier", "{id}", "--no-deletion-protection"),
        (service, "DescribeGlobalClusters"), {"GlobalClusterIdentifier": "{id}"}, ("GlobalClusters", 0, "DeletionProtection"),
        care="A global cluster can only be deleted after its member clusters were removed from it.",
    )  # fmt: skip


def _texting(operation: str, option: str) -> Flag:
    return Flag("DeletionProtectionEnabled", ("pinpoint-sms-voice-v2", operation, option, "{id}", "--no-deletion-protection-enabled"))


FLAGS: Mapping[str, Flag] = {
    "AWS::RDS::DBInstance": Flag(
        "DeletionProtection",
        ("rds", "modify-db-instance", "--db-instance-identifier", "{id}", "--no-deletion-protection", "--apply-immediately"),
        ("rds", "DescribeDBInstances"), {"DBInstanceIdentifier": "{id}"}, ("DBInstances", 0, "DeletionProtection"),
    ),
    "AWS::RDS::DBCluster": _cluster("rds"),
    "AWS::RDS::GlobalCluster": _global("rds"),
    "AWS::Neptune::DBCluster": _cluster("neptune"),
    "AWS::Neptune::GlobalCluster": _global("neptune"),
    "AWS::DocDB::DBCluster": _cluster("docdb"),
    "AWS::DocDB::GlobalCluster": _global("docdb"),
    "AWS::DynamoDB::Table": Flag(
        "DeletionProtectionEnabled", ("dynamodb", "update-table", "--table-name", "{id}", "--no-deletion-protection-enabled"),
        ("dynamodb", "DescribeTable"), {"TableName": "{id}"}, ("Table", "DeletionProtectionEnabled"),
    ),
    "AWS::DynamoDB::GlobalTable": Flag(
        "Replicas[].DeletionProtectionEnabled", ("dynamodb", "update-table", "--table-name", "{id}", "--no-deletion-protection-enabled"),
        ("dynamodb", "DescribeTable"), {"TableName": "{id}"}, ("Table", "DeletionProtectionEnabled"),
        care="Each replica has its own flag, so the command is sent to each replica's Region.",
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Flag(
        "LoadBalancerAttributes[Key=deletion_protection.enabled].Value",
        ("elbv2", "modify-load-balancer-attributes", "--load-balancer-arn", "{id}",
         "--attributes", "Key=deletion_protection.enabled,Value=false"),
        ("elbv2", "DescribeLoadBalancerAttributes"), {"LoadBalancerArn": "{id}"},
        ("Attributes", "Key=deletion_protection.enabled", "Value"), value="false",
    ),
    "AWS::Cognito::UserPool": Flag(
        "DeletionProtection", ("cognito-idp", "update-user-pool", "--user-pool-id", "{id}", "--deletion-protection", "INACTIVE"),
        ("cognito-idp", "DescribeUserPool"), {"UserPoolId": "{id}"}, ("UserPool", "DeletionProtection"), value="INACTIVE",
        care="UpdateUserPool sets every attribute that is not passed back to its default: if the pool is to live on, pass again all that "
        "describe-user-pool shows.",
    ),
    "AWS::EC2::Instance": Flag(
        "DisableApiTermination", ("ec2", "modify-instance-attribute", "--instance-id", "{id}", "--no-disable-api-termination"),
        ("ec2", "DescribeInstanceAttribute"), {"InstanceId": "{id}", "Attribute": "disableApiTermination"},
        ("DisableApiTermination", "Value"),
        care="If stop protection is on too (DisableApiStop), --no-disable-api-stop turns it off.",
    ),
    "AWS::AutoScaling::AutoScalingGroup": Flag(
        "DeletionProtection",
        ("autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", "{id}", "--deletion-protection", "none"),
        ("autoscaling", "DescribeAutoScalingGroups"), {"AutoScalingGroupNames": ["{id}"]}, ("AutoScalingGroups", 0, "DeletionProtection"),
        value="none",
    ),
    "AWS::EKS::Cluster": Flag(
        "DeletionProtection", ("eks", "update-cluster-config", "--name", "{id}", "--no-deletion-protection"),
        ("eks", "DescribeCluster"), {"name": "{id}"}, ("cluster", "deletionProtection"),
        care="Volumes and load balancers that workloads made are not the stack's: delete those workloads first.",
    ),
    "AWS::Logs::LogGroup": Flag(
        "DeletionProtectionEnabled",
        ("logs", "put-log-group-deletion-protection", "--log-group-identifier", "{id}", "--no-deletion-protection-enabled"),
        ("logs", "DescribeLogGroups"), {"logGroupNamePrefix": "{id}", "limit": 1}, ("logGroups", 0, "deletionProtectionEnabled"),
    ),
    "AWS::CloudTrail::EventDataStore": Flag(
        "TerminationProtectionEnabled",
        ("cloudtrail", "update-event-data-store", "--event-data-store", "{id}", "--no-termination-protection-enabled"),
        ("cloudtrail", "GetEventDataStore"), {"EventDataStore": "{id}"}, ("TerminationProtectionEnabled",),
        care="A deleted event data store can be restored for seven days (restore-event-data-store).",
    ),
    "AWS::CloudTrail::Dashboard": Flag(
        "TerminationProtectionEnabled",
        ("cloudtrail", "update-dashboard", "--dashboard-id", "{id}", "--no-termination-protection-enabled"),
        ("cloudtrail", "GetDashboard"), {"DashboardId": "{id}"}, ("TerminationProtectionEnabled",),
    ),
    "AWS::NetworkFirewall::Firewall": Flag(
        "DeleteProtection", ("network-firewall", "update-firewall-delete-protection", "--firewall-arn", "{id}", "--no-delete-protection"),
        ("network-firewall", "DescribeFirewall"), {"FirewallArn": "{id}"}, ("Firewall", "DeleteProtection"),
        care="Routes that lead to the firewall's endpoints and its logging configuration must be gone before it can be deleted.",
    ),
    "AWS::NeptuneGraph::Graph": Flag(
        "DeletionProtection", ("neptune-graph", "update-graph", "--graph-identifier", "{id}", "--no-deletion-protection"),
        ("neptune-graph", "GetGraph"), {"graphIdentifier": "{id}"}, ("deletionProtection",),
    ),
    "AWS::DSQL::Cluster": Flag(
        "DeletionProtectionEnabled", ("dsql", "update-cluster", "--identifier", "{id}", "--no-deletion-protection-enabled"),
        ("dsql", "GetCluster"), {"identifier": "{id}"}, ("deletionProtectionEnabled",),
        care="Aurora DSQL has no snapshot of its own: take an AWS Backup of the cluster first if its data matters.",
    ),
    "AWS::VerifiedPermissions::PolicyStore": Flag(
        "DeletionProtection.Mode",
        ("verifiedpermissions", "update-policy-store", "--policy-store-id", "{id}", "--validation-settings", "mode={mode}",
         "--deletion-protection", "DISABLED"),
        ("verifiedpermissions", "GetPolicyStore"), {"policyStoreId": "{id}"}, ("deletionProtection",), value="DISABLED",
        care="UpdatePolicyStore wants the validation mode again; it is passed as the store has it, as far as known.",
    ),
    "AWS::OpenSearchServerless::Collection": Flag(
        "DeletionProtection", ("opensearchserverless", "update-collection", "--id", "{id}", "--deletion-protection", "DISABLED"),
        ("opensearchserverless", "BatchGetCollection"), {"ids": ["{id}"]}, ("collectionDetails", 0, "deletionProtection"), value="DISABLED",
        care="Serverless collections keep no snapshots that could be taken by hand: export the documents first if they matter.",
    ),
    "AWS::EMR::Cluster": Flag(
        "Instances.TerminationProtected", ("emr", "modify-cluster-attributes", "--cluster-id", "{id}", "--no-termination-protected"),
        ("emr", "DescribeCluster"), {"ClusterId": "{id}"}, ("Cluster", "TerminationProtected"),
        care="What only HDFS holds is lost with the cluster: copy it to S3 first (s3-dist-cp).",
    ),
    "AWS::SSMIncidents::ReplicationSet": Flag(
        "DeletionProtected", ("ssm-incidents", "update-deletion-protection", "--arn", "{id}", "--no-deletion-protected"),
        ("ssm-incidents", "GetReplicationSet"), {"arn": "{id}"}, ("replicationSet", "deletionProtected"),
        care="Deleting the replication set deletes all Incident Manager data of the account.",
    ),
    "AWS::SMSVOICE::PhoneNumber": _texting("update-phone-number", "--phone-number-id"),
    "AWS::SMSVOICE::Pool": _texting("update-pool", "--pool-id"),
    "AWS::SMSVOICE::ProtectConfiguration": _texting("update-protect-configuration", "--protect-configuration-id"),
}  # fmt: skip
"""Types with a protection that a command turns off."""


def unprotect(blocked: Blocked) -> Clearing:
    """Save, then turn the flag off; nothing to turn off where AWS shows it off already."""
    if cluster := cluster_of(blocked):
        return _of_cluster(blocked, cluster)
    save = saving(blocked)
    if blocked.state.protected is False:
        return Clearing(save)
    flag = FLAGS[blocked.type]
    first = (_describe_pool(blocked),) if blocked.type == "AWS::Cognito::UserPool" else ()
    return Clearing((*save, *first), tuple(_off(blocked, flag, flag.off)))


def _of_cluster(blocked: Blocked, cluster: str) -> Clearing:
    off = blocked.step(
        f"Turn off deletion protection of the cluster {cluster}",
        ("rds", "modify-db-cluster", "--db-cluster-identifier", Value(cluster), "--no-deletion-protection", "--apply-immediately"),
        "The instance belongs to a cluster, and of a cluster's members the cluster carries the protection.",
    )
    return Clearing(saving(blocked), (off,))


def _off(blocked: Blocked, flag: Flag, words: tuple[str, ...]) -> Iterable[Step]:
    why = " ".join(filter(None, ("AWS refuses to delete it while its protection is on.", flag.care)))
    title = "Turn off deletion protection of {name}"
    if blocked.type.endswith("::GlobalCluster"):
        for member in blocked.state.dependents or ():
            yield blocked.step(
                f"Remove {member} from the global cluster",
                (words[0], "remove-from-global-cluster", "--global-cluster-identifier", "{id}", "--db-cluster-identifier", Value(member)),
                "A global cluster with members cannot be deleted; the member lives on as a cluster of its own.",
            )
    if blocked.type == "AWS::DynamoDB::GlobalTable":
        for region in replica_regions(blocked):
            command = blocked.aws.in_region(region).command(*filled(blocked, words))
            yield Step(f"Turn off deletion protection of {blocked.name} in {region}", command, destructive=False, why=why)
        return
    if blocked.type == "AWS::Cognito::UserPool" and blocked.state.settings is not None:
        given = {"UserPoolId": blocked.id} | dict(blocked.state.settings) | {"DeletionProtection": "INACTIVE"}
        all_again = ("cognito-idp", "update-user-pool", "--cli-input-json", Value(json.dumps(given)))
        yield blocked.step(title, all_again, "UpdateUserPool resets what is not passed, so everything read live is passed again.")
        return
    yield blocked.step(title, tuple(word.replace("{mode}", _mode(blocked)) for word in words), why)


def replica_regions(blocked: Blocked) -> tuple[str, ...]:
    """Regions of a global table: read live, else from its properties, else the stack's own."""
    if blocked.state.regions:
        return tuple(dict.fromkeys((*blocked.state.regions, *filter(None, (blocked.aws.region,)))))
    replicas = blocked.properties.get("Replicas")
    named = [r.get("Region") for r in replicas if isinstance(r, dict)] if isinstance(replicas, list) else []
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name)) or (blocked.aws.region,)


def _mode(blocked: Blocked) -> str:
    settings = blocked.state.settings or blocked.properties.get("ValidationSettings") or {}
    mode = (settings.get("Mode") or settings.get("mode")) if isinstance(settings, Mapping) else None
    return mode if mode in {"OFF", "STRICT"} else "STRICT"


def _describe_pool(blocked: Blocked) -> Step:
    return blocked.keep(
        "Keep the settings of the user pool {name}", "-user-pool.json",
        ("cognito-idp", "describe-user-pool", "--user-pool-id", "{id}"),
        "UpdateUserPool resets what is not passed: this file tells what it was.",
    )  # fmt: skip
