"""The lab itself: each incident really happens when its template is deployed, its one fault is the only one, and the way out works."""

import json

import pytest
from botocore.exceptions import ClientError

from lab import deploy
from lab.incidents import BY_NAME, INCIDENTS, correct, happen, key_policy, prepare

pytestmark = pytest.mark.engine


def test_the_born_from_incident_ends_in_rollback_failed_with_the_trail_failing_first(empty_ministack):
    cfn = empty_ministack.client("cloudformation")

    assert deploy.deploy(cfn, "audit", "cloudtrail-kms-viaservice") == "ROLLBACK_FAILED"

    assert deploy.failures(cfn, "audit") == [
        ("Trail", "CREATE_FAILED"),
        ("WatchedTopic", "CREATE_FAILED"),
        ("AuditedDatabase", "DELETE_FAILED"),
        ("audit", "ROLLBACK_FAILED"),
    ]
    events = deploy.events(cfn, "audit")
    failed = next(e for e in events if e["ResourceStatus"] == "CREATE_FAILED")
    assert "Insufficient permissions to access S3 bucket" in failed["ResourceStatusReason"]
    assert [e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "ROLLBACK_IN_PROGRESS"] == [
        "The following resource(s) failed to create: [Trail, WatchedTopic]. Rollback requested by user."
    ]
    times = [e["Timestamp"] for e in events]
    assert times == sorted(set(times))


def test_its_events_carry_operations_and_resolved_properties_but_no_secret(empty_ministack):
    cfn = empty_ministack.client("cloudformation")
    deploy.deploy(cfn, "audit", "cloudtrail-kms-viaservice")

    events = deploy.events(cfn, "audit")
    stack = cfn.describe_stacks(StackName="audit")["Stacks"][0]
    by_operation = cfn.describe_events(OperationId=events[0]["OperationId"], Filters={"FailedEvents": True})["OperationEvents"]
    properties = {e["LogicalResourceId"]: e.get("ResourceProperties", "") for e in events}

    assert [o["OperationType"] for o in stack["LastOperations"]] == ["ROLLBACK", "CREATE_STACK"]
    assert [e["LogicalResourceId"] for e in by_operation] == ["WatchedTopic", "Trail"]
    assert '"kms:ViaService":"cloudtrail.us-east-1.amazonaws.com"' in properties["Key"]
    assert '"MasterUserPassword":"****"' in properties["AuditedDatabase"]


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda i: i.name)
def test_an_incident_happens_as_it_is_told(empty_ministack, incident):
    cfn = empty_ministack.client("cloudformation")

    assert happen(empty_ministack, incident, "audit") == incident.status

    failed = deploy.failures(cfn, "audit")
    forward = "UPDATE_FAILED" if incident.updates else "CREATE_FAILED"
    assert failed[0] == (incident.inside or incident.root, forward)
    assert {name for name, status in failed if status == forward} == {
        incident.inside or incident.root,
        *incident.cancelled,
        *incident.blockers * incident.updates,
    }
    assert [name for name, _ in failed[1 + len(incident.cancelled) : -1]] == list(incident.blockers)


@pytest.mark.parametrize("incident", [i for i in INCIDENTS if i.fault], ids=lambda i: i.name)
def test_its_fault_is_the_only_one(empty_ministack, incident):
    cfn, right = empty_ministack.client("cloudformation"), correct(incident)
    parameters = prepare(empty_ministack, incident, "audit", right)

    if incident.updates:
        deploy.deploy(cfn, "audit", incident.name, parameters)
        assert deploy.update(cfn, "audit", right, parameters) == "UPDATE_COMPLETE"
    else:
        assert deploy.deploy(cfn, "audit", incident.name if incident.inside else right, parameters) == "CREATE_COMPLETE"


def test_a_stuck_stack_is_deleted_once_its_blocker_is_cleared_and_its_name_is_free_again(empty_ministack):
    cfn, rds = empty_ministack.client("cloudformation"), empty_ministack.client("rds")
    happen(empty_ministack, BY_NAME["cloudtrail-kms-viaservice"], "audit")
    with pytest.raises(ClientError, match="AlreadyExists"):
        deploy.deploy(cfn, "audit", "cloudtrail-kms-viaservice")

    assert deploy.delete(cfn, "audit") == "DELETE_FAILED"
    for database in rds.describe_db_instances()["DBInstances"]:
        rds.modify_db_instance(DBInstanceIdentifier=database["DBInstanceIdentifier"], DeletionProtection=False, ApplyImmediately=True)
    assert deploy.delete(cfn, "audit") == "DELETE_COMPLETE"

    assert deploy.deploy(cfn, "audit", correct(BY_NAME["cloudtrail-kms-viaservice"])) == "CREATE_COMPLETE"
    listed = cfn.list_stacks()["StackSummaries"]
    assert [s["StackStatus"] for s in listed] == ["CREATE_COMPLETE", "DELETE_COMPLETE"]
    assert deploy.failures(cfn, listed[1]["StackId"])[0] == ("Trail", "CREATE_FAILED")


def test_what_cannot_be_deleted_can_be_retained(empty_ministack):
    cfn = empty_ministack.client("cloudformation")
    happen(empty_ministack, BY_NAME["bucket-left-full"], "audit")

    assert deploy.delete(cfn, "audit") == "DELETE_FAILED"
    assert deploy.delete(cfn, "audit", RetainResources=["Bucket"]) == "DELETE_COMPLETE"
    assert len(empty_ministack.client("s3").list_buckets()["Buckets"]) == 1


@pytest.mark.parametrize("skip", [(), ("DataTrail",)])
def test_a_stuck_update_goes_on_once_the_key_is_open_again_or_the_resource_is_skipped(empty_ministack, skip):
    cfn, kms = empty_ministack.client("cloudformation"), empty_ministack.client("kms")
    happen(empty_ministack, BY_NAME["update-rollback-stuck"], "audit")

    if not skip:
        assert deploy.continue_rollback(cfn, "audit") == "UPDATE_ROLLBACK_FAILED"
        for key in kms.list_keys()["Keys"]:
            kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps(key_policy("audit-*")))
    assert deploy.continue_rollback(cfn, "audit", skip) == "UPDATE_ROLLBACK_COMPLETE"


def test_a_failed_nested_stack_keeps_its_own_history_under_its_arn(empty_ministack):
    cfn = empty_ministack.client("cloudformation")
    happen(empty_ministack, BY_NAME["nested-child-fails"], "audit")

    row = next(e for e in deploy.events(cfn, "audit") if e["ResourceStatus"] == "CREATE_FAILED")
    child = cfn.describe_stacks(StackName=row["PhysicalResourceId"])["Stacks"][0]
    own = [e["ResourceStatus"] for e in deploy.events(cfn, child["StackId"]) if e.get("PhysicalResourceId") == child["StackId"]]

    assert "was not successfully created: The following resource(s) failed to create: [Trail]." in row["ResourceStatusReason"]
    assert child["ParentId"] == child["RootId"] == row["StackId"]
    assert own == ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert deploy.failures(cfn, child["StackId"])[0] == ("Trail", "CREATE_FAILED")


def test_without_rollback_the_stack_stays_where_it_failed_until_it_is_rolled_back(empty_ministack):
    cfn = empty_ministack.client("cloudformation")

    assert deploy.deploy(cfn, "audit", "cloudtrail-kms-viaservice", DisableRollback=True) == "CREATE_FAILED"
    assert deploy.roll_back(cfn, "audit") == "ROLLBACK_FAILED"


def test_a_borrowed_role_may_do_what_its_policy_says_and_nothing_else(strict_ministack):
    happen(strict_ministack, BY_NAME["cloudtrail-kms-viaservice"], "audit")
    statement = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    key, secret = strict_ministack.user("oncall", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    cfn = strict_ministack.client("cloudformation", key=key, secret=secret)

    assert cfn.describe_stacks(StackName="audit")["Stacks"][0]["StackStatus"] == "ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="not authorized to perform: cloudformation:DescribeStackEvents"):
        cfn.describe_stack_events(StackName="audit")


def unprotect_database(aws, name):
    aws.client("rds").create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier="kept")
    aws.client("rds").modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)


def unprotect_cluster(aws, name):
    aws.client("rds").create_db_cluster_snapshot(DBClusterIdentifier=name, DBClusterSnapshotIdentifier="kept")
    aws.client("rds").modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)


def unprotect_table(aws, name):
    aws.client("dynamodb").create_backup(TableName=name, BackupName="kept")
    aws.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)


def empty_bucket(aws, name):
    s3 = aws.client("s3")
    for thing in s3.list_objects_v2(Bucket=name)["Contents"]:
        s3.delete_object(Bucket=name, Key=thing["Key"])


@pytest.mark.parametrize(
    ("name", "clear"),
    [
        ("key-for-the-root-only", unprotect_database),
        ("context-of-another-account", unprotect_cluster),
        ("key-action-misspelt", unprotect_table),
        ("bucket-left-full", empty_bucket),
    ],
)
def test_each_kind_of_blocker_can_be_cleared_and_the_stack_deployed_again(empty_ministack, name, clear):
    cfn, incident = empty_ministack.client("cloudformation"), BY_NAME[name]
    happen(empty_ministack, incident, "audit")
    left = cfn.list_stack_resources(StackName="audit")["StackResourceSummaries"]
    assert [(r["LogicalResourceId"], r["ResourceStatus"]) for r in left] == [(b, "DELETE_FAILED") for b in incident.blockers]

    clear(empty_ministack, left[0]["PhysicalResourceId"])

    assert deploy.delete(cfn, "audit") == "DELETE_COMPLETE"
    assert deploy.deploy(cfn, "audit", correct(incident)) == "CREATE_COMPLETE"
