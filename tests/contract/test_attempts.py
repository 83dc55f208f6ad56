"""CONTRACT.md, "The attempt", `operations[]`, `repeated`, `cascade`, "Where" and `blockers[]`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import BEGAN, World

from contract.running import diagnose
from contract.shape import complaints
from contract.tales import CANCELLED, NOT_EMPTY, PROTECTED, QUOTA, TAKEN, Tale, failed_create

NESTED = "AWS::CloudFormation::Stack"


def report_of(server: FakeAWS, stack: str = "app", *more: str) -> dict:
    found = diagnose(server, stack, *more).report
    assert complaints(found) == []
    return found


def shown(report: dict) -> list[tuple[str, int]]:
    return [(row["type"], row["attempt"]) for row in report["operations"]]


# ------------------------------------------------------------------------------------------------ operations
@pytest.mark.parametrize("ids", [True, False], ids=["operation-ids", "tokens"])
def test_attempt_counts_forward_operations_from_1_and_a_rollback_carries_the_attempt_it_undoes(
    world: World, fake_aws: FakeAWS, ids: bool
) -> None:
    tale = Tale(world, operation_ids=ids).create().makes("Topic").ends("CREATE_COMPLETE")
    tale.update().fails().undo("UPDATE_ROLLBACK").ends("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS").ends("UPDATE_ROLLBACK_COMPLETE")
    tale.import_().makes("Old", "AWS::SQS::Queue", "IMPORT").ends("IMPORT_COMPLETE")
    tale.update().fails().undo("UPDATE_ROLLBACK").fails("Topic", QUOTA, "AWS::SNS::Topic", "UPDATE").ends("UPDATE_ROLLBACK_FAILED")
    tale.again().fails("Topic", QUOTA, "AWS::SNS::Topic", "UPDATE").ends("UPDATE_ROLLBACK_FAILED")
    tale.tell()
    report = report_of(fake_aws)
    wanted = [("CREATE", 1), ("UPDATE", 2), ("ROLLBACK", 2), ("IMPORT", 3), ("UPDATE", 4), ("ROLLBACK", 4), ("CONTINUE_ROLLBACK", 4)]
    assert shown(report) == wanted, "oldest first"
    assert sum(row["event_count"] for row in report["operations"]) == len(tale.events)
    assert report["operations"][0]["started_at"] == "2026-11-20T09:00:02Z"
    if ids:
        assert [row["id"] for row in report["operations"]] == [row["OperationId"] for row in tale.operations]


def test_a_delete_by_a_person_is_a_forward_operation(world: World, fake_aws: FakeAWS) -> None:
    tale = failed_create(world).delete().fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "app-logs").ends("DELETE_FAILED")
    tale.delete().ends("DELETE_COMPLETE").tell()
    assert shown(report_of(fake_aws, tale.arn)) == [("CREATE", 1), ("ROLLBACK", 1), ("DELETE", 2), ("DELETE", 3)]


def test_making_a_change_set_is_no_operation(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).review().create().fails().undo().ends("ROLLBACK_COMPLETE")
    tale.tell()
    report = report_of(fake_aws)
    assert shown(report) == [("CREATE", 1), ("ROLLBACK", 1)]
    assert len(report["root_causes"]) == 1


def test_a_running_operation_has_no_end(world: World, fake_aws: FakeAWS) -> None:
    Tale(world).create().fails().undo().tell()
    [create, rollback] = report_of(fake_aws)["operations"]
    assert create["ended_at"]
    assert (rollback["ended_at"], rollback["status"]) == (None, "ROLLBACK_IN_PROGRESS")


# ------------------------------------------------------------------------------------------------ the attempt
def test_diagnosed_is_the_newest_create_update_or_import_that_failed_later_rollbacks_and_deletes_add_only_blockers(
    world: World, fake_aws: FakeAWS
) -> None:
    tale = Tale(world).create().makes("Db", "AWS::RDS::DBInstance").fails().undo()
    tale.fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends("ROLLBACK_FAILED")
    for _ in range(3):
        tale.delete().fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends("DELETE_FAILED")
    tale.tell()
    report = report_of(fake_aws)
    assert [cause["logical_id"] for cause in report["root_causes"]] == ["Queue"]
    [blocker] = report["blockers"]
    newest = max(e["Timestamp"] for e in tale.events if e["ResourceStatus"] == "DELETE_FAILED" and e["LogicalResourceId"] == "Db")
    assert blocker["timestamp"] == newest.isoformat().replace("+00:00", "Z"), "one entry a resource, with its newest failure"
    assert blocker["operation_id"] == tale.operations[-1]["OperationId"]
    assert blocker["category"] == "deletion_protection"
    assert report["root_causes"][0]["repeated"] == 1


def test_a_delete_is_diagnosed_itself_only_when_no_failed_operation_precedes_it(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).create().makes("Logs", "AWS::S3::Bucket", physical="app-logs").ends("CREATE_COMPLETE")
    tale.delete().fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "app-logs").ends("DELETE_FAILED").tell()
    report = report_of(fake_aws)
    assert [cause["logical_id"] for cause in report["root_causes"]] == ["Logs"]
    assert [row["logical_id"] for row in report["blockers"]] == ["Logs"], "its failures stand in both"
    assert report["verdict"] == "explained"


def test_a_delete_after_an_update_that_went_well_is_diagnosed_itself(world: World, fake_aws: FakeAWS) -> None:
    tale = failed_create(world).ends("CREATE_COMPLETE")
    tale = Tale(world, "other").create().makes("Logs", "AWS::S3::Bucket").ends("CREATE_COMPLETE")
    tale.update().fails().undo("UPDATE_ROLLBACK").ends("UPDATE_ROLLBACK_COMPLETE").update().makes("Topic", verb="UPDATE").ends(
        "UPDATE_COMPLETE"
    )
    tale.delete().fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "app-logs").ends("DELETE_FAILED").tell()
    assert [cause["logical_id"] for cause in report_of(fake_aws, "other")["root_causes"]] == ["Logs"]


# ------------------------------------------------------------------------------------------------ repeated
def test_attempts_of_this_stack_and_of_earlier_deleted_stacks_of_its_name_that_failed_with_the_same_cause(
    world: World, fake_aws: FakeAWS
) -> None:
    failed_create(world).delete().ends("DELETE_COMPLETE").tell()
    failed_create(world, reason=QUOTA, at=BEGAN + timedelta(hours=1)).delete().ends("DELETE_COMPLETE").tell()
    failed_create(world, "another", at=BEGAN + timedelta(hours=2)).delete().ends("DELETE_COMPLETE").tell()
    failed_create(world, reason=TAKEN.replace("1a2b", "9f9f"), at=BEGAN + timedelta(hours=3)).tell()
    [cause] = report_of(fake_aws)["root_causes"]
    assert cause["repeated"] == 2, "attempts need not be consecutive, ids do not matter; another category or name is another cause"


def test_1_is_only_this_one(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).tell()
    assert report_of(fake_aws)["root_causes"][0]["repeated"] == 1


def test_older_pages_are_read_only_up_to_a_named_bound_admitted_in_unread_with_would_decide_false(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).create().makes("Topic").ends("CREATE_COMPLETE")
    for _ in range(40):
        tale.update()
        for at in range(24):
            tale.makes(f"Topic{at}", verb="UPDATE")
        tale.fails().undo("UPDATE_ROLLBACK").ends("UPDATE_ROLLBACK_COMPLETE")
    tale.tell()
    report = report_of(fake_aws)
    [row] = report["unread"]
    assert row["would_decide"] is False
    assert 12 >= report["calls"]["by_operation"]["cloudformation:DescribeStackEvents"] > 1
    assert report["verdict"] == "explained"


# ------------------------------------------------------------------------------------------------ where
def nest(world: World, *, readable: bool = True) -> tuple[Tale, Tale, Tale]:
    """app → Storage → Inner; a queue fails in Inner, a bucket then blocks its deletion."""
    root = Tale(world).create()
    middle = Tale(world, "app-Storage-1ABC", BEGAN + timedelta(seconds=3))
    inner = Tale(world, "app-Storage-1ABC-Inner-2DEF", BEGAN + timedelta(seconds=6))
    middle.create(), inner.create()
    inner.makes("Logs", "AWS::S3::Bucket", physical="inner-logs").fails()
    inner.ends("CREATE_FAILED", "The following resource(s) failed to create: [Queue]. ")
    for outer, name, child in ((middle, "Inner", inner), (root, "Storage", middle)):
        outer.now = child.now
        outer.add(name, NESTED, "CREATE_IN_PROGRESS", child.arn)
        outer.add("Topic", "AWS::SNS::Topic", "CREATE_IN_PROGRESS")
        outer.add(
            name,
            NESTED,
            "CREATE_FAILED",
            child.arn,
            f"Embedded stack {child.arn} was not successfully created: The following resource(s) failed to create: [Queue]. ",
        )
        outer.add("Topic", "AWS::SNS::Topic", "CREATE_FAILED", "", CANCELLED)
        if outer is middle:
            outer.ends("CREATE_FAILED", "The following resource(s) failed to create: [Inner, Topic]. ")
    inner.now = middle.now = root.now
    root.undo("ROLLBACK", "Storage", "Topic")
    middle.now = inner.now = root.now
    middle.delete_nested(), inner.delete_nested()
    inner.fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "inner-logs").ends(
        "DELETE_FAILED", "The following resource(s) failed to delete: [Logs]. "
    )
    middle.now = inner.now
    middle.fails(
        "Inner",
        f"Embedded stack {inner.arn} was not successfully deleted: The following resource(s) failed to delete: [Logs]. ",
        NESTED,
        "DELETE",
        inner.arn,
    )
    middle.ends("DELETE_FAILED", "The following resource(s) failed to delete: [Inner]. ")
    root.now = middle.now
    root.fails(
        "Storage",
        f"Embedded stack {middle.arn} was not successfully deleted: The following resource(s) failed to delete: [Inner]. ",
        NESTED,
        "DELETE",
        middle.arn,
    )
    root.ends("ROLLBACK_FAILED", "The following resource(s) failed to delete: [Storage]. ")
    root.tell()
    if readable:
        middle.tell(ParentId=root.arn, RootId=root.arn)
        inner.tell(ParentId=middle.arn, RootId=root.arn)
    return root, middle, inner


def test_stack_path_is_the_root_stacks_name_then_each_nested_stacks_logical_id(world: World, fake_aws: FakeAWS) -> None:
    nest(world)
    report = report_of(fake_aws)
    [cause] = report["root_causes"]
    assert (cause["stack_path"], cause["logical_id"]) == (["app", "Storage", "Inner"], "Queue")
    assert {row["logical_id"] for row in cause["cascade"]} >= {"Storage", "Inner", "Topic"}, "parents of a nested stack followed"
    [blocker] = report["blockers"]
    assert (blocker["stack_path"], blocker["logical_id"]) == (["app", "Storage", "Inner"], "Logs")


def test_a_nested_stack_is_diagnosed_from_its_root(world: World, fake_aws: FakeAWS) -> None:
    _, _, inner = nest(world)
    report = report_of(fake_aws, inner.arn)
    assert report["stack"]["name"] == "app"
    assert report["root_causes"][0]["stack_path"] == ["app", "Storage", "Inner"]


def test_if_the_root_cannot_be_read_it_is_diagnosed_from_itself(world: World, fake_aws: FakeAWS) -> None:
    root, _, inner = nest(world)
    del world.stacks[root.arn]
    report = report_of(fake_aws, inner.arn)
    assert report["stack"]["name"] in {"app-Storage-1ABC", inner.name}
    assert report["root_causes"][0]["logical_id"] == "Queue"


def test_a_nested_stacks_own_row_is_a_root_cause_or_blocker_only_when_its_events_cannot_be_read(world: World, fake_aws: FakeAWS) -> None:
    nest(world, readable=False)
    report = report_of(fake_aws)
    assert [(cause["stack_path"], cause["logical_id"]) for cause in report["root_causes"]] == [(["app"], "Storage")]
    assert [(row["stack_path"], row["logical_id"]) for row in report["blockers"]] == [(["app", "Storage"], "Inner")], (
        "its row names what stuck"
    )
    assert report["verdict"] == "unexplained"
    assert any(row["would_decide"] for row in report["unread"]), report["unread"]


def test_if_no_resource_failed_the_stacks_own_event_is_the_root_cause_and_logical_id_is_the_stacks_name(
    world: World, fake_aws: FakeAWS
) -> None:
    tale = Tale(world).create()
    tale.begin(
        "ROLLBACK",
        "ROLLBACK_IN_PROGRESS",
        "Parameter validation failed: parameter value vpc-1 for parameter name Vpc does not exist. Rollback requested by user.",
    )
    tale.ends("ROLLBACK_COMPLETE").tell()
    [cause] = report_of(fake_aws)["root_causes"]
    assert (cause["logical_id"], cause["stack_path"]) == ("app", ["app"])
    assert cause["resource_type"] == NESTED


def test_reason_is_verbatim_and_event_id_timestamp_status_and_physical_id_are_the_events(world: World, fake_aws: FakeAWS) -> None:
    odd = "  queue «ü» \t already exists in <b>stack</b> & \U0001f600 "
    tale = Tale(world).create().fails(reason=odd, physical="q-1").undo().ends("ROLLBACK_COMPLETE")
    tale.tell()
    row = next(e for e in tale.events if e["ResourceStatus"] == "CREATE_FAILED" and e["ResourceType"] != NESTED)
    printed = diagnose(fake_aws).report["root_causes"][0]
    assert printed["reason"] == odd
    assert printed["event_id"] == row["EventId"]
    assert (printed["status"], printed["physical_id"]) == ("CREATE_FAILED", "q-1")
    assert printed["operation_id"] == tale.operations[0]["OperationId"]


def test_cancelled_siblings_are_never_a_cause_even_with_the_earlier_time(world: World, fake_aws: FakeAWS) -> None:
    tale = Tale(world).create()
    tale.add("Topic", "AWS::SNS::Topic", "CREATE_FAILED", "", CANCELLED)
    tale.fails().undo("ROLLBACK", "Topic", "Queue").ends("ROLLBACK_COMPLETE").tell()
    [cause] = report_of(fake_aws)["root_causes"]
    assert cause["logical_id"] == "Queue"
    assert cause["cascade"] == [{"logical_id": "Topic", "resource_type": "AWS::SNS::Topic", "reason": CANCELLED}]


def test_repeated_is_4_for_the_incident_the_tool_was_born_from(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    [cause] = report_of(fake_aws, told.stack)["root_causes"]
    assert cause["repeated"] == 4


def test_a_stack_arn_sets_the_region_and_also_finds_a_deleted_stack(world: World, fake_aws: FakeAWS) -> None:
    world.region = "eu-west-1"
    tale = failed_create(world).delete().ends("DELETE_COMPLETE")
    tale.tell()
    found = diagnose(fake_aws, tale.arn, "--region", "us-west-2").report
    assert (found["stack"]["region"], found["stack"]["id"], found["verdict"]) == ("eu-west-1", tale.arn, "explained")
