"""CONTRACT.md, "Exit codes", "Healthy" and "Explained": what each status of a stack and each wording comes to."""

from __future__ import annotations

import pytest
from incidents.account import Account, Where
from lab.fake_aws import FakeAWS
from lab.world import World

from contract.running import diagnose
from contract.shape import complaints
from contract.tales import CANCELLED, NOT_EMPTY, PROTECTED, QUOTA, TAKEN, Tale, failed_create

CODES = {"healthy": 0, "explained": 1, "unexplained": 3}


def outcome(server: FakeAWS, stack: str = "app", *more: str):
    ran = diagnose(server, stack, *more)
    report = ran.report
    assert complaints(report) == []
    assert ran.code == CODES[report["verdict"]]
    return report


def running_update_after_failures(world: World) -> None:
    tale = failed_create(world)
    tale.ends("CREATE_COMPLETE")
    tale.update().fails(verb="UPDATE").undo("UPDATE_ROLLBACK").ends("UPDATE_ROLLBACK_COMPLETE")
    tale.update().add("Topic", "AWS::SNS::Topic", "UPDATE_IN_PROGRESS")
    tale.tell()


def running_create_of_a_name_that_failed_before(world: World) -> None:
    failed_create(world).delete().ends("DELETE_COMPLETE").tell()
    Tale(world).create().makes("Topic").tell()


def done_after_failures(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE")
    tale.update().fails(verb="UPDATE").undo("UPDATE_ROLLBACK").ends("UPDATE_ROLLBACK_COMPLETE")
    tale.update().makes("Topic", verb="UPDATE").ends("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS").ends("UPDATE_COMPLETE")
    tale.tell()


def cleaning_up(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE")
    tale.update().makes("Topic", verb="UPDATE").ends("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    tale.tell()


def clean_up_left_something(world: World) -> None:
    tale = Tale(world).create().makes("Logs", "AWS::S3::Bucket").ends("CREATE_COMPLETE")
    tale.update().makes("Topic", verb="UPDATE").ends("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    tale.fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", physical="app-logs").ends(
        "UPDATE_COMPLETE", "Update successful. One or more resources could not be deleted."
    )
    tale.tell()


def good_stack_deleted(world: World) -> None:
    Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").delete().ends("DELETE_COMPLETE").tell()


def imported(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").import_()
    tale.makes("Queue", "AWS::SQS::Queue", "IMPORT").ends("IMPORT_COMPLETE")
    tale.tell()


def delete_running_of_a_good_stack(world: World) -> None:
    Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").delete().tell()


def in_review(world: World) -> None:
    Tale(world).review().tell()


HEALTHY = [
    running_update_after_failures, running_create_of_a_name_that_failed_before, done_after_failures, cleaning_up, clean_up_left_something,
    good_stack_deleted, imported, delete_running_of_a_good_stack, in_review,
]  # fmt: skip


@pytest.mark.parametrize("story", HEALTHY, ids=lambda story: story.__name__)
def test_a_running_forward_operation_or_a_complete_that_is_no_rollback_is_healthy_whatever_failed_before(
    world: World, fake_aws: FakeAWS, story
) -> None:
    story(world)
    arn = next(reversed(world.stacks))
    report = outcome(fake_aws, arn)
    assert report["verdict"] == "healthy"
    assert (report["root_causes"], report["blockers"], report["fixes"], report["recovery"]) == ([], [], [], [])
    assert {found["severity"] for found in report["findings"]} <= {"note"}
    assert report["unread"] == []


def test_leftovers_of_a_clean_up_are_notes(world: World, fake_aws: FakeAWS) -> None:
    clean_up_left_something(world)
    [note] = outcome(fake_aws)["findings"]
    assert note["severity"] == "note"
    assert "Logs" in note["title"]


def rolling_back(world: World) -> None:
    Tale(world).create().fails().undo().tell()


def rolled_back(world: World) -> None:
    failed_create(world).tell()


def rollback_failed(world: World) -> None:
    Tale(world).create().makes("Db").fails().undo().fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends(
        "ROLLBACK_FAILED"
    ).tell()


def update_rolling_back(world: World) -> None:
    Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").update().fails().undo("UPDATE_ROLLBACK").tell()


def update_rolled_back_cleaning_up(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").update().fails().undo("UPDATE_ROLLBACK")
    tale.ends("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS").tell()


def update_rolled_back(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").update().fails().undo("UPDATE_ROLLBACK")
    tale.ends("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS").ends("UPDATE_ROLLBACK_COMPLETE").tell()


def update_rollback_failed(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").update().fails().undo("UPDATE_ROLLBACK")
    tale.fails("Topic", QUOTA, "AWS::SNS::Topic", "UPDATE").ends("UPDATE_ROLLBACK_FAILED").tell()


def create_failed_without_rollback(world: World) -> None:
    Tale(world).create().fails().ends("CREATE_FAILED", "The following resource(s) failed to create: [Queue]. ").tell(DisableRollback=True)


def update_failed_without_rollback(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").update().fails()
    tale.ends("UPDATE_FAILED", "The following resource(s) failed to create: [Queue]. ").tell(DisableRollback=True)


def import_rolled_back(world: World) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE").import_().fails(verb="IMPORT").undo("IMPORT_ROLLBACK")
    tale.ends("IMPORT_ROLLBACK_COMPLETE").tell()


def failed_stack_deleted(world: World) -> None:
    failed_create(world).delete().ends("DELETE_COMPLETE").tell()


def failed_update_then_deleted(world: World) -> None:
    tale = (
        Tale(world)
        .create()
        .makes("Topic")
        .ends("CREATE_COMPLETE")
        .update()
        .fails()
        .undo("UPDATE_ROLLBACK")
        .ends("UPDATE_ROLLBACK_COMPLETE")
    )
    tale.delete().ends("DELETE_COMPLETE").tell()


def rolled_back_then_delete_running(world: World) -> None:
    failed_create(world).delete().fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "app-logs").ends("DELETE_FAILED").tell()


FAILED = [
    rolling_back, rolled_back, rollback_failed, update_rolling_back, update_rolled_back_cleaning_up, update_rolled_back, update_rollback_failed,
    create_failed_without_rollback, update_failed_without_rollback, import_rolled_back, failed_stack_deleted, failed_update_then_deleted,
    rolled_back_then_delete_running,
]  # fmt: skip


@pytest.mark.parametrize("story", FAILED, ids=lambda story: story.__name__)
def test_any_rollback_running_or_done_and_any_failed_is_a_failure(world: World, fake_aws: FakeAWS, story) -> None:
    story(world)
    report = outcome(fake_aws, next(reversed(world.stacks)))
    assert [cause["logical_id"] for cause in report["root_causes"]] == ["Queue"]
    assert report["verdict"] == "explained"
    assert report["root_causes"][0]["category"] == "already_exists"
    assert report["root_causes"][0]["denied_by"] is None
    assert report["root_causes"][0]["denied"] is None
    assert report["root_causes"][0]["confidence"] != "confirmed"


@pytest.mark.parametrize("story", FAILED, ids=lambda story: story.__name__)
def test_exit_zero_turns_1_and_3_into_0(world: World, fake_aws: FakeAWS, story) -> None:
    story(world)
    ran = diagnose(fake_aws, next(reversed(world.stacks)), "--exit-zero")
    assert (ran.code, ran.report["verdict"]) == (0, "explained")


def test_review_in_progress_whose_change_set_failed_early_validation_is_a_failure(world: World, fake_aws: FakeAWS) -> None:
    refused = {
        "EventId": "validation-1", "StackName": "app", "OperationId": "op-review", "OperationType": "CREATE_CHANGESET", "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "Logs", "PhysicalResourceId": "", "ResourceType": "AWS::S3::Bucket", "Timestamp": "2026-11-20T09:00:05Z",
        "ValidationFailureMode": "FAIL", "ValidationName": "NAME_CONFLICT_VALIDATION", "ValidationPath": "/Resources/Logs/Properties/BucketName",
        "ValidationStatus": "FAILED", "ValidationStatusReason": "Resource of type 'AWS::S3::Bucket' with identifier 'logs' already exists.",
    }  # fmt: skip
    tale = Tale(world).review()
    refused["OperationId"] = tale.operations[-1]["OperationId"]
    tale.tell(validations=[refused])
    report = outcome(fake_aws)
    [cause] = report["root_causes"]
    assert (cause["logical_id"], cause["event_id"], report["verdict"]) == ("Logs", "validation-1", "explained")
    assert report["operations"] == []
    assert report["recovery"]


def test_a_failed_status_without_a_surviving_failed_event_is_unexplained_with_no_root_causes(world: World, fake_aws: FakeAWS) -> None:
    Tale(world).tell("ROLLBACK_COMPLETE")
    report = outcome(fake_aws)
    assert (report["verdict"], report["root_causes"]) == ("unexplained", [])


def test_if_describestackevents_is_denied_exit_3(world: World, fake_aws: FakeAWS) -> None:
    rolled_back(world)
    world.deny("cloudformation:DescribeStackEvents")
    report = outcome(fake_aws)
    assert (report["verdict"], report["root_causes"]) == ("unexplained", [])
    decides = [row for row in report["unread"] if row["would_decide"]]
    assert [need for row in decides for need in row["needs"]] == ["cloudformation:DescribeStackEvents"]


def test_an_incomplete_run_is_never_0(world: World, fake_aws: FakeAWS) -> None:
    done_after_failures(world)
    world.deny("cloudformation:DescribeStackEvents")
    report = outcome(fake_aws)
    assert (report["verdict"], report["root_causes"]) == ("unexplained", [])


# ------------------------------------------------------------------------------------------------ explained
POINTS_ELSEWHERE = [
    'Resource handler returned message: "null" (RequestToken: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: InternalFailure)',
    "See the details in CloudWatch Log Stream: 2026/11/20/[$LATEST]5d1f2a (RequestId: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55)",
]
NAMES_THE_CAUSE = [
    TAKEN,
    QUOTA,
    "Property validation failure: [Encountered unsupported properties in {/}: [QueueNam]]",
    (
        "API: sqs:CreateQueue User: arn:aws:sts::111122223333:assumed-role/Deployer/x is not authorized to perform: sqs:createqueue on resource: "
        "arn:aws:sqs:us-east-1:111122223333:q because no identity-based policy allows the sqs:createqueue action"
    ),
]


@pytest.mark.parametrize("reason", NAMES_THE_CAUSE)
def test_explained_also_when_awss_own_message_names_the_cause_without_any_policy(world: World, fake_aws: FakeAWS, reason) -> None:
    failed_create(world, reason=reason).tell()
    assert outcome(fake_aws)["verdict"] == "explained"


@pytest.mark.parametrize("reason", POINTS_ELSEWHERE)
def test_unexplained_where_the_message_only_points_elsewhere(world: World, fake_aws: FakeAWS, reason) -> None:
    failed_create(world, reason=reason).tell()
    report = outcome(fake_aws)
    assert (report["verdict"], len(report["root_causes"])) == ("unexplained", 1)


def test_with_several_root_causes_all_must_be_explained(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).create().fails("Queue", TAKEN).fails("Hook", POINTS_ELSEWHERE[1], "Custom::Thing").undo("ROLLBACK", "Queue", "Hook")
    tale.ends("ROLLBACK_COMPLETE").tell()
    report = outcome(fake_aws)
    assert [cause["logical_id"] for cause in report["root_causes"]] == ["Queue", "Hook"], "earliest first"
    assert report["verdict"] == "unexplained"


def test_several_root_causes_that_are_all_explained_are_explained(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).create().fails("Queue", TAKEN).fails("Net", QUOTA, "AWS::EC2::VPC").fails("Topic", CANCELLED, "AWS::SNS::Topic")
    tale.undo("ROLLBACK", "Queue", "Net", "Topic").ends("ROLLBACK_COMPLETE").tell()
    report = outcome(fake_aws)
    assert [cause["logical_id"] for cause in report["root_causes"]] == ["Queue", "Net"]
    assert report["verdict"] == "explained"
    assert [row["logical_id"] for cause in report["root_causes"] for row in cause["cascade"]] == ["Topic"]


# ------------------------------------------------------------------------------------------------ denied
def trail(world: World, *, kms: bool = False, s3: bool = False, where: Where = Where.BESIDE, wording: str = "both") -> Account:
    """A trail that was refused; `kms` and `s3` say which side's policy is at fault."""
    account = Account()
    world.account, world.region, world.partition = account.account, account.region, account.partition
    if kms:
        account.encrypt["Condition"] = {"StringEquals": {"aws:SourceArn": account.trail_arn.replace("audit-trail", "other-trail")}}
    if s3:
        account.write["Condition"] = {"StringEquals": {"s3:x-amz-acl": "private"}}
    account.happen(world, where, wording)
    return account


def test_a_cause_proven_on_one_side_is_explained_although_the_other_side_was_unreadable(world: World, fake_aws: FakeAWS) -> None:
    trail(world, kms=True)
    world.deny("s3:GetBucketPolicy")
    report = outcome(fake_aws, "audit")
    assert (report["verdict"], report["root_causes"][0]["denied_by"]) == ("explained", "kms")
    assert report["root_causes"][0]["confidence"] == "confirmed"
    [row] = [row for row in report["unread"] if "s3:GetBucketPolicy" in row["needs"]]
    assert row["would_decide"] is False


@pytest.mark.parametrize("denied", ["s3:GetBucketPolicy", "kms:GetKeyPolicy"])
def test_elimination_alone_never_explains(world: World, fake_aws: FakeAWS, denied) -> None:
    trail(world)
    world.deny(denied)
    report = outcome(fake_aws, "audit")
    assert report["verdict"] == "unexplained"
    assert report["root_causes"][0]["denied_by"] == "s3-or-kms"
    assert report["root_causes"][0]["confidence"] == "possible"
    [row] = [row for row in report["unread"] if denied in row["needs"]]
    assert row["would_decide"] is True


def record(account: Account, code: str, name: str = "GenerateDataKey", source: str = "kms.amazonaws.com") -> dict:
    return {
        "eventName": name, "eventSource": source, "eventTime": "2026-11-20T09:00:08Z", "errorCode": code, "awsRegion": account.region,
        "userIdentity": {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}, "sourceIPAddress": "cloudtrail.amazonaws.com",
        "errorMessage": "User: cloudtrail.amazonaws.com is not authorized to perform: kms:GenerateDataKey",
        "resources": [{"ARN": account.key_arn, "accountId": account.account, "type": "AWS::KMS::Key"}],
        "requestParameters": {"keyId": account.key_arn, "keySpec": "AES_256"},
    }  # fmt: skip


def test_a_recorded_deny_in_the_event_history_explains(world: World, fake_aws: FakeAWS) -> None:
    account = trail(world)
    world.deny("kms:GetKeyPolicy")
    world.history([record(account, "AccessDenied")])
    report = outcome(fake_aws, "audit")
    assert report["verdict"] == "explained"
    assert (report["root_causes"][0]["denied_by"], report["root_causes"][0]["confidence"]) == ("kms", "confirmed")
    assert "history" in {row["source"] for row in report["root_causes"][0]["evidence"]}


def test_no_history_skips_cloudtrail_event_history(world: World, fake_aws: FakeAWS) -> None:
    account = trail(world)
    world.deny("kms:GetKeyPolicy")
    world.history([record(account, "AccessDenied")])
    report = outcome(fake_aws, "audit", "--no-history")
    assert report["verdict"] == "unexplained"
    assert "cloudtrail:LookupEvents" not in report["calls"]["by_operation"]
    assert not world.called("cloudtrail:LookupEvents")


def test_being_denied_the_history_decides_nothing_where_a_policy_proves_the_cause(world: World, fake_aws: FakeAWS) -> None:
    trail(world, kms=True)
    world.deny("cloudtrail:LookupEvents")
    report = outcome(fake_aws, "audit")
    rows = [row for row in report["unread"] if "cloudtrail:LookupEvents" in row["needs"]]
    assert len(rows) == 1, "it costs one line"
    assert not rows[0]["would_decide"]


def test_when_only_risks_remain_they_keep_severity_risk_the_root_cause_is_likely_and_the_verdict_explained(
    world: World, fake_aws: FakeAWS
) -> None:
    account = Account()
    world.account, world.region, world.partition = account.account, account.region, account.partition
    account.encrypt["Condition"] = {"StringEquals": {"kms:ViaService": f"s3.{account.region}.amazonaws.com"}}
    account.happen(world, Where.BESIDE)
    report = outcome(fake_aws, "audit")
    assert {found["severity"] for found in report["findings"]} == {"risk", "note"}
    assert report["root_causes"][0]["confidence"] == "likely"
    assert report["verdict"] == "explained"
    risk = next(found for found in report["findings"] if found["severity"] == "risk")
    assert risk["fixes"], "a risk gets a fix too"


# ------------------------------------------------------------------------------------------------ denied_by
@pytest.mark.parametrize(
    ("kms", "s3", "wording", "side"),
    [
        (True, False, "both", "kms"),
        (False, True, "both", "s3"),
        (True, True, "both", "s3-or-kms"),
        (False, True, "bucket", "s3"),
        (True, True, "bucket", "s3"),
    ],
)
def test_a_wording_that_names_one_side_wins_where_it_names_both_the_side_that_a_policy_proves(
    world: World, fake_aws: FakeAWS, kms, s3, wording, side
) -> None:
    trail(world, kms=kms, s3=s3, wording=wording)
    [cause] = outcome(fake_aws, "audit")["root_causes"]
    assert cause["denied_by"] == side
    assert cause["denied"]["principal"] == "cloudtrail.amazonaws.com"


def test_both_sides_proven_are_two_findings_and_two_fixes_in_order(world: World, fake_aws: FakeAWS) -> None:
    account = trail(world, kms=True, s3=True)
    report = outcome(fake_aws, "audit")
    causes = [found for found in report["findings"] if found["severity"] == "cause"]
    assert {found["service"] for found in causes} == {"s3", "kms"}
    assert {found["resource"] for found in causes} == {account.bucket_arn, account.key_arn}
    recommended = {}
    for fix in report["fixes"]:
        recommended.setdefault(fix["target"], fix)
    assert {fix["kind"] for fix in recommended.values() if fix["verified"]} == {"key-policy", "bucket-policy"}


def test_a_deleted_stack_without_any_surviving_event_is_not_called_healthy(world: World, fake_aws: FakeAWS) -> None:
    arn = Tale(world).tell("DELETE_COMPLETE")
    report = outcome(fake_aws, arn)
    assert (report["verdict"], report["root_causes"]) == ("unexplained", [])


def test_a_delete_under_way_is_a_running_forward_operation(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).delete().tell()
    assert outcome(fake_aws)["verdict"] == "healthy"


def test_default_encryption_that_could_not_be_read_may_hide_what_kms_was_asked(world: World, fake_aws: FakeAWS) -> None:
    """With an S3 Bucket Key the trail also needs kms:Decrypt, which this key does not allow."""
    account = Account()
    world.account, world.region, world.partition = account.account, account.region, account.partition
    account.bucket["bucket_key"] = True
    account.happen(world, Where.BESIDE)
    assert outcome(fake_aws, "audit")["root_causes"][0]["denied_by"] == "kms"
    world.deny("s3:GetBucketEncryption")
    report = outcome(fake_aws, "audit")
    assert report["verdict"] == "unexplained"
    assert [row["needs"] for row in report["unread"] if row["would_decide"]] == [["s3:GetEncryptionConfiguration"]]


def test_the_summary_says_what_to_change_in_each_document(world: World, fake_aws: FakeAWS) -> None:
    trail(world, kms=True, s3=True)
    said = outcome(fake_aws, "audit")["summary"]
    assert "in the key policy" in said
    assert said.count("in the bucket policy") + said.count("of the bucket policy") >= 1
    assert "; then " in said
