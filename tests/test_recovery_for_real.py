"""The printed way out, run by a shell with the real AWS CLI against MiniStack: the stack is gone, and the data was saved first."""

import subprocess
import sys
from pathlib import Path

import pytest
from lab import deploy

from stackdoctor.blockers import key_of, reads_for, state_from
from stackdoctor.classify import classify
from stackdoctor.commands import CommandStyle
from stackdoctor.model import Failure, Found, Stack, StackEvent
from stackdoctor.recovery import way_out

pytestmark = pytest.mark.engine

TEMPLATE = """
Resources:
  Logs:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: way-out-logs
      VersioningConfiguration: {Status: Enabled}
  Db:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceIdentifier: way-out-db
      DBInstanceClass: db.t3.micro
      Engine: postgres
      AllocatedStorage: "20"
      MasterUsername: admin1
      MasterUserPassword: secret-secret
      DeletionProtection: true
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: way-out-table
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: true
"""


def blocked(server, name):
    """The failures of the delete, with the reason read as the pipeline reads it."""
    found = {}
    for row in deploy.events(server.client("cloudformation"), name):
        if row["ResourceStatus"] == "DELETE_FAILED" and row["LogicalResourceId"] != name:
            event = StackEvent(
                row["EventId"], row["StackId"], name, row["LogicalResourceId"], row["PhysicalResourceId"], row["ResourceType"], None,
                row["ResourceStatus"], row.get("ResourceStatusReason"), row.get("ResourceProperties"),
            )  # fmt: skip
            found[event.logical_id] = Failure(event, (name,), None, classify(event.reason, event.resource_type, event.status))
    return tuple(found.values())


def seen(server, failure):
    """The blocker's state, read live."""
    answers = {}
    for ask in reads_for(failure):
        client = server.client(ask.call.service)
        operation = next(name for name, api in client.meta.method_to_api_mapping.items() if api == ask.call.operation)
        try:
            answers[ask.call.name] = Found(getattr(client, operation)(**ask.call.params))
        except client.exceptions.ClientError:
            continue
    return state_from(failure.event.resource_type, answers)


def run(command, server, folder):
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", command], check=False, cwd=folder, env=server.environment() | path, capture_output=True, text=True)


def test_the_printed_commands_lead_out_of_delete_failed_and_lose_nothing(empty_ministack, tmp_path):
    server = empty_ministack
    cfn, s3 = server.client("cloudformation"), server.client("s3")
    assert deploy.deploy(cfn, "way-out", TEMPLATE) == "CREATE_COMPLETE"
    for body in (b"old", b"new"):
        s3.put_object(Bucket="way-out-logs", Key="it's a/$(log) file.json", Body=body)
    s3.put_object(Bucket="way-out-logs", Key="deleted", Body=b"x")
    s3.delete_object(Bucket="way-out-logs", Key="deleted")
    s3.put_bucket_versioning(Bucket="way-out-logs", VersioningConfiguration={"Status": "Suspended"})  # keeps its old versions
    assert deploy.delete(cfn, "way-out") == "DELETE_FAILED"

    failures = blocked(server, "way-out")
    assert {f.event.logical_id for f in failures} == {"Logs", "Db", "Table"}
    live = {key_of(f): seen(server, f) for f in failures}
    assert live["way-out/Logs"].versioned
    assert live["way-out/Db"].protected
    stack = Stack("way-out", failures[0].event.stack_id, "DELETE_FAILED", region="us-east-1")
    steps = way_out(stack, failures, states=live, aws=CommandStyle("us-east-1", endpoint_url=server.url))

    for step in steps:
        if step.title.startswith("Last resort"):
            break
        done = run(step.command, server, tmp_path)
        assert done.returncode == 0, (step.command, done.stderr)

    assert cfn.describe_stacks(StackName=stack.id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert (tmp_path / "way-out-logs-backup" / "it's a" / "$(log) file.json").read_bytes() == b"new"
    snapshots = server.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert [s["DBInstanceIdentifier"] for s in snapshots if s["DBSnapshotIdentifier"].startswith("final-way-out-db-")] == ["way-out-db"]
    assert [b["TableName"] for b in server.client("dynamodb").list_backups()["BackupSummaries"]] == ["way-out-table"]
