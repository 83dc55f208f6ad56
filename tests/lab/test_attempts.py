"""The incident as it happened, as boto3 and the AWS CLI see it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lab import deploy
from lab.attempts import four_continued_updates, four_stacks, four_updates, printed

FORMS = (four_stacks, four_updates, four_continued_updates)


@pytest.mark.parametrize("form", FORMS)
def test_the_stack_ends_stuck_and_its_trail_failed_in_every_attempt(world, fake_aws, form):
    told = form(world)
    cfn = fake_aws.client("cloudformation")

    names = [s["StackId"] for s in cfn.list_stacks()["StackSummaries"]]
    causes = [
        e for name in names for e in deploy.events(cfn, name) if (e["LogicalResourceId"], e["ResourceStatus"]) == ("Trail", "CREATE_FAILED")
    ]
    newest = deploy.events(cfn, told.stack)

    assert cfn.describe_stacks(StackName=told.stack)["Stacks"][0]["StackStatus"] == told.status
    assert len(causes) == told.repeated
    assert len({e["ResourceStatusReason"] for e in causes}) == told.repeated
    assert [e["LogicalResourceId"] for e in newest if e["ResourceStatus"].endswith("_FAILED") and e["LogicalResourceId"] != told.stack][
        -1
    ] == told.blocker


def test_a_cancelled_sibling_may_carry_the_earlier_timestamp(world, fake_aws):
    told = four_updates(world)

    failed = [e for e in deploy.events(fake_aws.client("cloudformation"), told.stack) if e["ResourceStatus"] == "CREATE_FAILED"]

    assert [e["LogicalResourceId"] for e in failed] == ["Trail", "WatchedTopic"] * 4
    assert [a["Timestamp"] > b["Timestamp"] for a, b in zip(failed[::2], failed[1::2], strict=True)] == [True, False, True, False]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("ids", "tokens"), [(True, True), (False, True), (False, False)])
def test_operations_are_marked_as_the_stack_is_old(world, form, ids, tokens):
    told = form(world, operation_ids=ids, tokens=tokens)
    stack = world.stacks[told.arn]

    assert ("OperationId" in stack["events"][0], "ClientRequestToken" in stack["events"][0]) == (ids, tokens)
    assert ("LastOperations" in stack["public"]) is ids


@pytest.mark.parametrize(
    ("evidence", "state", "bucket"), [("there", "Enabled", True), ("pending", "PendingDeletion", False), ("gone", None, False)]
)
def test_the_evidence_stands_or_is_gone(world, fake_aws, evidence, state, bucket):
    told = four_stacks(world, evidence=evidence)
    kms, s3 = fake_aws.client("kms"), fake_aws.client("s3")

    if state:
        assert kms.describe_key(KeyId=told.key)["KeyMetadata"]["KeyState"] == state
        assert json.loads(kms.get_key_policy(KeyId=told.key)["Policy"])["Statement"][told.statement]["Condition"]["StringEquals"][
            "kms:ViaService"
        ]
    else:
        with pytest.raises(ClientError, match="NotFoundException"):
            kms.describe_key(KeyId=told.key)
    if bucket:
        assert s3.get_bucket_policy(Bucket=told.bucket)["Policy"]
    else:
        with pytest.raises(ClientError, match="NoSuchBucket"):
            s3.get_bucket_policy(Bucket=told.bucket)


def test_the_aws_cli_prints_the_same_events_as_the_helper(world, fake_aws):
    told = four_stacks(world)
    aws = Path(sys.executable).with_name("aws")
    command = [aws, "cloudformation", "describe-stack-events", "--stack-name", told.arn, "--output", "json"]

    done = subprocess.run(command, env=fake_aws.environment(), capture_output=True, text=True, timeout=60, check=True)

    mine, theirs = json.loads(printed(world, told.arn))["StackEvents"], json.loads(done.stdout)["StackEvents"]
    assert [(e["EventId"], e.get("ResourceStatusReason")) for e in theirs] == [(e["EventId"], e.get("ResourceStatusReason")) for e in mine]
    assert json.loads(next(e for e in theirs if e["LogicalResourceId"] == "Key")["ResourceProperties"])["KeyPolicy"]
