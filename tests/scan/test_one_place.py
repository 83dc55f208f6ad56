"""One account and Region: what is found in it, what is not, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lab.world import BEGAN, ApiError, World

from scan.cloud import EMPTY, denied_trail, stuck, trail_bucket
from stackdoctor.aws.live import LiveReader
from stackdoctor.model import Severity
from stackdoctor.scan import codec
from stackdoctor.scan.deliveries import Delivery
from stackdoctor.scan.latent import Examined, examined
from stackdoctor.scan.one import Question, scan_place
from stackdoctor.scan.stacks import FAILED_STATES
from stackdoctor.scan.telling import MAX_FIXES
from stackdoctor.scanned import Kind, Place, PlaceResult, Problem

ACCOUNT, REGION = "111122223333", "us-east-1"
LISTS = set(EMPTY)
HERE = Place(ACCOUNT, REGION)


def scanned(reader: LiveReader, region: str = REGION) -> PlaceResult:
    return scan_place(reader, Place(ACCOUNT, region), Question(datetime(2026, 11, 25, tzinfo=UTC)))


def only(result: PlaceResult) -> Problem:
    assert len(result.problems) == 1, [problem.summary for problem in result.problems]
    return result.problems[0]


def checks(problem: Problem) -> list[str]:
    findings: Any = problem.document["findings"]
    return [finding["check"] for finding in findings]


# ------------------------------------------------------------------------------------------------------------ what it costs
def test_a_healthy_place_costs_one_call_a_listing(reader: LiveReader, world: World) -> None:
    for number in range(30):
        world.stack(f"fine-{number}", "CREATE_COMPLETE")
    result = scanned(reader)
    assert (result.problems, result.unread) == ((), ())
    assert set(world.called()) == LISTS
    assert len(world.calls) == len(LISTS) == result.calls


def test_the_listing_of_stacks_is_filtered_by_aws(reader: LiveReader, world: World) -> None:
    scanned(reader)
    (asked,) = [call for call in world.calls if call.operation == "ListStacks"]
    assert set(asked.params["StackStatusFilter"]) == set(FAILED_STATES)
    assert not {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "CREATE_IN_PROGRESS"} & set(FAILED_STATES)


def test_every_state_that_is_a_failure_is_asked_for(reader: LiveReader, world: World) -> None:
    """botocore knows every state there is; the contract says which of them are failures."""
    from lab import wire

    every = wire.model("cloudformation").shape_for("StackStatus").enum
    assert set(FAILED_STATES) == {state for state in every if "ROLLBACK" in state or state.endswith("_FAILED")} | {"REVIEW_IN_PROGRESS"}


def test_a_bucket_and_a_key_shared_by_many_are_read_once(reader: LiveReader, world: World) -> None:
    key = world.trails[denied_trail(world)]["public"]["KmsKeyId"]
    for name in ("second", "third"):
        world.trail(name, f"logs-{ACCOUNT}", KmsKeyId=key)
    world.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": f"/app/{n}", "kmsKeyId": key} for n in range(5)]})
    result = scanned(reader)
    assert len(result.problems) == 8
    for name in ("s3:GetBucketPolicy", "s3:GetBucketLocation", "kms:GetKeyPolicy", "kms:DescribeKey", "kms:ListGrants"):
        assert len(world.called(name)) == 1, name


# ------------------------------------------------------------------------------------------------------------ stuck stacks
def test_a_stuck_stack_is_diagnosed_as_diagnose_does_it(reader: LiveReader, world: World) -> None:
    from stackdoctor.diagnosis import diagnose
    from stackdoctor.report.json import document

    arn = stuck(world)
    problem = only(scanned(reader))
    alone = document(diagnose(reader, arn), datetime(2026, 11, 25, tzinfo=UTC))
    assert {**problem.document, "calls": 0} == {**alone, "calls": 0}
    assert (problem.kind, problem.resource, problem.status, problem.explained) == (Kind.STACK, arn, "ROLLBACK_COMPLETE", True)
    assert problem.severity is Severity.CAUSE


def nested(world: World, root: str, child: str) -> tuple[str, str]:
    """A root and a stack nested in it, in these states; the child's queue is what failed."""
    above = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/root/1111"
    below = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/root-Child/2222"
    rows = [
        (above, "root", "AWS::CloudFormation::Stack", above, "CREATE_IN_PROGRESS", "User Initiated"),
        (
            above,
            "Child",
            "AWS::CloudFormation::Stack",
            below,
            "CREATE_FAILED",
            f"Embedded stack {below} was not successfully created: [Queue].",
        ),
        (above, "root", "AWS::CloudFormation::Stack", above, root, None),
        (below, "root-Child", "AWS::CloudFormation::Stack", below, "CREATE_IN_PROGRESS", None),
        (below, "Queue", "AWS::SQS::Queue", "", "CREATE_FAILED", "Limit exceeded"),
        (below, "root-Child", "AWS::CloudFormation::Stack", below, child, None),
    ]
    events = [
        {
            "StackId": stack,
            "EventId": f"{logical}-{number}",
            "LogicalResourceId": logical,
            "ResourceType": kind,
            "PhysicalResourceId": physical,
            "ResourceStatus": status,
            "Timestamp": BEGAN + timedelta(seconds=number),
            **({"ResourceStatusReason": reason} if reason else {}),
        }
        for number, (stack, logical, kind, physical, status, reason) in enumerate(rows)
    ]
    world.stack("root", root, [event for event in events if event["StackId"] == above], arn=above)
    world.stack("root-Child", child, [e for e in events if e["StackId"] == below], arn=below, ParentId=above, RootId=above)
    return above, below


def test_a_nested_stack_is_folded_into_its_root(reader: LiveReader, world: World) -> None:
    above, _ = nested(world, "ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE")
    problem = only(scanned(reader))
    assert problem.resource == above
    assert "Queue" in problem.summary


def test_a_nested_stack_whose_root_is_not_listed_leads_to_the_root(reader: LiveReader, world: World) -> None:
    above, below = nested(world, "ROLLBACK_IN_PROGRESS", "DELETE_FAILED")
    row = {"StackName": "root-Child", "StackStatus": "DELETE_FAILED", "CreationTime": BEGAN}
    world.answer("cloudformation:ListStacks", {"StackSummaries": [row | {"StackId": below, "RootId": above, "ParentId": above}]})
    assert only(scanned(reader)).resource == above


def test_what_a_healthy_root_left_behind_is_still_a_stuck_stack(reader: LiveReader, world: World) -> None:
    nested(world, "UPDATE_COMPLETE", "DELETE_FAILED")
    problem = only(scanned(reader))
    assert problem.name == "root-Child"
    assert "DELETE_FAILED" in problem.summary
    assert "UPDATE_COMPLETE" in problem.summary


def test_a_stack_that_recovered_meanwhile_is_no_problem(reader: LiveReader, world: World) -> None:
    arn = stuck(world)
    world.answer("cloudformation:ListStacks", lambda _: {"StackSummaries": [summary(world, arn)]})
    world.stacks[arn]["public"] |= {"StackStatus": "UPDATE_COMPLETE"}
    world.stacks[arn]["events"].clear()
    result = scanned(reader)
    assert result.problems == ()


def summary(world: World, arn: str) -> dict[str, Any]:
    public = world.stacks[arn]["public"]
    return {"StackId": arn, "StackName": public["StackName"], "CreationTime": BEGAN, "StackStatus": "ROLLBACK_COMPLETE"}


def test_a_change_set_in_review_is_no_problem(reader: LiveReader, world: World) -> None:
    world.stack("draft", "REVIEW_IN_PROGRESS")
    assert scanned(reader).problems == ()


def test_a_stack_that_cannot_be_diagnosed_stays_a_problem(reader: LiveReader, world: World) -> None:
    arn = stuck(world)
    world.deny("cloudformation:Describe*")
    result = scanned(reader)
    problem = only(result)
    assert (problem.resource, problem.explained, problem.document) == (arn, False, {})
    assert any("cloudformation:DescribeStacks" in row.needs and row.would_decide for row in result.unread)


def test_a_hundred_and_one_stuck_stacks_are_two_pages(reader: LiveReader, world: World) -> None:
    for number in range(101):
        world.stack(f"stuck-{number:03}", "DELETE_FAILED")
    assert len(scanned(reader).problems) == 101


# ------------------------------------------------------------------------------------------------------------ latent denies
def test_a_trail_that_was_made_and_will_be_denied(reader: LiveReader, world: World) -> None:
    arn = denied_trail(world)
    problem = only(scanned(reader))
    assert (problem.kind, problem.resource, problem.severity) == (Kind.TRAIL, arn, Severity.CAUSE)
    assert "kms:ViaService" in problem.summary
    findings: Any = problem.document["findings"]
    assert findings[0]["clause"]["key"] == "kms:ViaService"
    fixes: Any = problem.document["fixes"]
    assert [fix["verified"] for fix in fixes if fix["id"] in findings[0]["fixes"]][:1] == [True]


def test_a_trail_that_aws_documents_is_healthy(reader: LiveReader, world: World) -> None:
    world.bucket("logs", policy=trail_bucket("logs", ACCOUNT))
    world.trail("audit", "logs", status={"IsLogging": True, "LatestDeliveryTime": BEGAN})
    result = scanned(reader)
    assert result.problems == ()
    assert result.unread == ()
    assert result.checked[Kind.TRAIL] == ("audit",)


def test_a_trail_whose_bucket_is_gone(reader: LiveReader, world: World) -> None:
    world.trail("audit", "gone")
    problem = only(scanned(reader))
    assert problem.severity is Severity.CAUSE
    assert "gone" in problem.summary


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_trail_whose_key_cannot_be_used(reader: LiveReader, world: World, state: str) -> None:
    by = {"Service": "cloudtrail.amazonaws.com"}
    allow = {"Effect": "Allow", "Principal": by, "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"}
    key = world.key(policy={"Version": "2012-10-17", "Statement": [allow]}, state=state)
    world.bucket("logs", policy=trail_bucket("logs", ACCOUNT))
    world.trail("audit", "logs", KmsKeyId=key)
    problem = only(scanned(reader))
    assert state.lower() in problem.summary.lower().replace(" ", "")


def test_what_aws_reports_is_told_though_the_policies_allow_it(reader: LiveReader, world: World) -> None:
    world.bucket("logs", policy=trail_bucket("logs", ACCOUNT))
    world.trail(
        "audit", "logs", status={"IsLogging": True, "LatestDeliveryError": "AccessDenied", "LatestDigestDeliveryError": "AccessDenied"}
    )
    problem = only(scanned(reader))
    assert (problem.severity, problem.status) == (Severity.CAUSE, "failing")
    assert checks(problem)[:2] == ["delivery-failing", "delivery-failing"]
    assert "AccessDenied" in problem.summary


def test_a_shadow_of_a_trail_in_another_region_is_left_out(reader: LiveReader, world: World) -> None:
    scanned(reader)
    (asked,) = [call for call in world.calls if call.operation == "DescribeTrails"]
    assert asked.params == {"includeShadowTrails": False}


def flow_log(world: World, status: str | None, **more: Any) -> None:
    said = {"DeliverLogsStatus": status} if status else {}
    row = {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::flows/vpc"}
    world.answer("ec2:DescribeFlowLogs", {"FlowLogs": [row | said | more]})


def flows_bucket() -> dict[str, Any]:
    by = {"Service": "delivery.logs.amazonaws.com"}
    acl = {"Effect": "Allow", "Principal": by, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::flows"}
    put = {"Effect": "Allow", "Principal": by, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::flows/vpc/AWSLogs/{ACCOUNT}/*"}
    return {"Version": "2012-10-17", "Statement": [acl, put]}


def test_the_silent_case_a_flow_log_that_is_active_and_delivers_nothing(reader: LiveReader, world: World) -> None:
    """https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/1205"""
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    key = world.key(policy={"Version": "2012-10-17", "Statement": [root]})
    world.bucket("flows", policy=flows_bucket(), encryption={"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key})
    flow_log(world, "FAILED", FlowLogStatus="ACTIVE", DeliverLogsErrorMessage="Access error")
    problem = only(scanned(reader))
    assert (problem.status, problem.explained) == ("FAILED", True)
    assert "Access error" in problem.summary
    findings: Any = problem.document["findings"]
    assert {finding["resource"] for finding in findings} == {f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/fl-1", key}


def test_the_same_key_is_found_before_aws_reports_it(reader: LiveReader, world: World) -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    key = world.key(policy={"Version": "2012-10-17", "Statement": [root]})
    world.bucket("flows", policy=flows_bucket(), encryption={"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key})
    flow_log(world, None, FlowLogStatus="ACTIVE")
    assert only(scanned(reader)).severity is Severity.CAUSE


def test_a_flow_log_that_delivers_is_healthy(reader: LiveReader, world: World) -> None:
    world.bucket("flows", policy=flows_bucket())
    flow_log(world, "SUCCESS")
    assert scanned(reader).problems == ()


def test_a_flow_log_to_cloudwatch_logs_counts_only_when_it_fails(reader: LiveReader, world: World) -> None:
    flow_log(world, "SUCCESS", LogDestinationType="cloud-watch-logs", LogDestination="", LogGroupName="flows")
    assert Kind.FLOW_LOG not in scanned(reader).checked
    flow_log(world, "FAILED", LogDestinationType="cloud-watch-logs", LogGroupName="flows", DeliverLogsErrorMessage="Access error")
    assert "Access error" in only(scanned(reader)).summary


def channel(world: World, *, failing: bool, role: str = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/config.amazonaws.com/X") -> None:
    world.answer("config:DescribeDeliveryChannels", {"DeliveryChannels": [{"name": "default", "s3BucketName": "configs"}]})
    said = {"lastStatus": "Failure", "lastErrorCode": "AccessDenied", "lastErrorMessage": "Insufficient delivery policy"}
    info = {"configHistoryDeliveryInfo": said if failing else {"lastStatus": "Success"}}
    world.answer("config:DescribeDeliveryChannelStatus", {"DeliveryChannelsStatus": [{"name": "default", **info}]})
    world.answer("config:DescribeConfigurationRecorders", {"ConfigurationRecorders": [{"name": "default", "roleARN": role}]})


def test_a_delivery_channel_that_fails(reader: LiveReader, world: World) -> None:
    world.bucket("configs", policy={"Version": "2012-10-17", "Statement": []})
    channel(world, failing=True)
    problem = only(scanned(reader))
    assert (problem.kind, problem.status, problem.explained) == (Kind.DELIVERY_CHANNEL, "Failure", True)
    assert "Insufficient delivery policy" in problem.summary


def test_a_service_linked_recorder_needs_the_bucket_policy(reader: LiveReader, world: World) -> None:
    """With a role of one's own the role may write; the service-linked role has nothing but the bucket's policy."""
    world.bucket("configs", policy={"Version": "2012-10-17", "Statement": []})
    channel(world, failing=False)
    assert only(scanned(reader)).severity is Severity.CAUSE


def test_a_recorder_with_a_role_of_its_own_that_delivers_is_healthy(reader: LiveReader, world: World) -> None:
    world.bucket("configs", policy={"Version": "2012-10-17", "Statement": []})
    channel(world, failing=False, role=f"arn:aws:iam::{ACCOUNT}:role/config")
    assert scanned(reader).problems == ()


def test_a_log_group_whose_key_is_closed_to_it(reader: LiveReader, world: World) -> None:
    key = world.key(policy={"Version": "2012-10-17", "Statement": []})
    rows = [{"logGroupName": "/app", "kmsKeyId": key}, {"logGroupName": "/plain"}]
    world.answer("logs:DescribeLogGroups", {"logGroups": rows})
    result = scanned(reader)
    assert only(result).name == "/app"
    assert result.checked[Kind.LOG_GROUP] == ("/app",)


def test_log_groups_come_in_pages(reader: LiveReader, world: World) -> None:
    key = world.key(policy={"Version": "2012-10-17", "Statement": []})
    world.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": "/one"}], "nextToken": "more"})
    world.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": "/two", "kmsKeyId": key}]}, nextToken="more")
    assert only(scanned(reader)).name == "/two"


def test_pages_that_never_end_end(reader: LiveReader, world: World) -> None:
    world.answer("logs:DescribeLogGroups", {"logGroups": [], "nextToken": "again"})
    assert scanned(reader).problems == ()
    assert len(world.called("logs:DescribeLogGroups")) == 2


# --------------------------------------------------------------------------------------------------------- what is not read
def test_the_bucket_of_another_account_is_unread_and_the_key_is_judged(reader: LiveReader, world: World) -> None:
    key = world.trails[denied_trail(world)]["public"]["KmsKeyId"]
    world.trails.clear()
    world.bucket("central", account="999988887777")
    world.trail("audit", "central", KmsKeyId=key)
    result = scanned(reader)
    assert "kms:ViaService" in only(result).summary
    (row,) = [row for row in result.unread if row.what == "policy of bucket central"]
    assert row.would_decide
    assert row.needs == ("s3:GetBucketPolicy",)


def test_a_listing_that_is_denied_names_its_permission(reader: LiveReader, world: World) -> None:
    world.deny("cloudtrail:DescribeTrails")
    stuck(world)
    result = scanned(reader)
    only(result)
    (row,) = result.unread
    assert (row.what, row.needs, row.would_decide) == (f"trails in {REGION}", ("cloudtrail:DescribeTrails",), True)


def test_throttling_is_noted(reader: LiveReader, world: World) -> None:
    world.fail("logs:DescribeLogGroups", "ThrottlingException", "Rate exceeded")
    assert scanned(reader).throttled


def test_expired_credentials_are_noted(reader: LiveReader, world: World) -> None:
    world.fail("*", "ExpiredToken", "The security token included in the request is expired", 403)
    assert scanned(reader).expired


def test_what_a_place_does_not_answer_as_documented(reader: LiveReader, world: World) -> None:
    world.answer("cloudtrail:DescribeTrails", ApiError("InternalFailure", "", 500))
    world.break_off("logs:DescribeLogGroups", "garbage")
    result = scanned(reader)
    assert {row.what for row in result.unread} == {f"trails in {REGION}", f"log groups in {REGION}"}


# ---------------------------------------------------------------------------------------------------------------- the same
def test_the_same_thing_wrong_has_the_same_id_and_another_thing_another(reader: LiveReader, world: World) -> None:
    arn = denied_trail(world)
    first = only(scanned(reader)).id
    assert only(scanned(reader)).id == first
    world.keys[world.trails[arn]["public"]["KmsKeyId"]]["state"] = "Disabled"
    assert only(scanned(reader)).id != first


def test_a_result_survives_json(reader: LiveReader, world: World) -> None:
    import json

    stuck(world)
    denied_trail(world)
    world.deny("config:*")
    result = scanned(reader)
    read = codec.result_from(json.loads(json.dumps(codec.of_result(result))))
    assert codec.of_result(read) == codec.of_result(result)
    assert read.problems == result.problems
    assert read.unread == result.unread


def test_a_key_that_denies_many_is_corrected_once_not_a_thousand_times(reader: LiveReader, world: World) -> None:
    key = world.key(policy={"Version": "2012-10-17", "Statement": []})
    world.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": f"/app/{n:02}", "kmsKeyId": key} for n in range(30)]})
    result = scanned(reader)
    assert len(result.problems) == 30
    assert sum(bool(problem.document["fixes"]) for problem in result.problems) == MAX_FIXES
    (row,) = result.unread
    assert key in row.what
    assert not row.would_decide


# ------------------------------------------------------------------------------------------------------------- surprises
def test_a_bug_in_one_thing_hides_nothing_else(reader: LiveReader, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks while one trail is judged, the stack and the other trail are still told, and the odd one is unread."""
    from stackdoctor.scan import one

    def breaks(_reader: object, delivery: Delivery, at: datetime) -> Examined:
        if delivery.name == "odd":
            raise AttributeError("no such thing")
        return examined(reader, delivery, at)

    monkeypatch.setattr(one, "examined", breaks)
    stuck(world)
    denied_trail(world)
    world.trail("odd", f"logs-{ACCOUNT}")
    result = scanned(reader)
    assert [problem.name for problem in result.problems] == ["payments", "audit"]
    (row,) = result.unread
    assert row.what == "trail odd"
    assert row.error.startswith("internal error (AttributeError at test_one_place.py:")
