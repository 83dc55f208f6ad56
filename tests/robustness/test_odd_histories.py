"""Odd histories, each a short story that happened to somebody, through `stackdoctor diagnose` over HTTP."""

from __future__ import annotations

import copy
import random
from datetime import timedelta
from typing import Any

import pytest
from lab import attempts
from lab.attempts import Story, failed
from lab.world import BEGAN, World

from robustness.command import Account, Ran
from robustness.large import failing

STACK, BUCKET, TOPIC, DATABASE = "AWS::CloudFormation::Stack", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::RDS::DBInstance"


def story_of(world: World, name: str = "odd", **options: Any) -> Story:
    return Story(world, name, options.pop("at", BEGAN), **({"operation_ids": True, "tokens": True} | options))


def diagnosed(here: Account, world: World, stack: str = "odd", *more: str) -> Ran:
    here.become(world)
    ran = here.diagnose(stack, *more)
    ran.is_sound()
    return ran


def causes(ran: Ran) -> list[str]:
    return [cause["logical_id"] for cause in ran.report["root_causes"]]


def blockers(ran: Ran) -> list[str]:
    return [blocker["logical_id"] for blocker in ran.report["blockers"]]


# ------------------------------------------------------------------------------------------------------------------ hooks
def hooked(story: Story, mode: str, status: str) -> None:
    story.add("Bucket", BUCKET, "CREATE_IN_PROGRESS")
    story.events[-1] |= {
        "HookType": "Org::Guard::Hook",
        "HookStatus": status,
        "HookStatusReason": "Buckets must block public access",
        "HookInvocationPoint": "PRE_PROVISION",
        "HookFailureMode": mode,
    }


def test_what_a_hook_said_is_the_reason(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    hooked(story, "FAIL", "HOOK_COMPLETE_FAILED")
    story.add("Bucket", BUCKET, "CREATE_FAILED", reason="The following hook(s) failed: [Org::Guard::Hook]")
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Bucket"))
    story.own("ROLLBACK_COMPLETE")
    story.tell("ROLLBACK_COMPLETE")
    ran = diagnosed(here, world)
    assert causes(ran) == ["Bucket"]
    shown = here.diagnose("odd", "-o", "text").out
    assert "Buckets must block public access" in shown


def test_a_hook_that_only_warns_is_not_the_cause(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    hooked(story, "WARN", "HOOK_COMPLETE_FAILED")
    story.add("Bucket", BUCKET, "CREATE_COMPLETE", "b")
    failing(story)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail"))
    story.own("ROLLBACK_COMPLETE")
    story.tell("ROLLBACK_COMPLETE")
    assert causes(diagnosed(here, world)) == ["Trail"]


# -------------------------------------------------------------------------------------------------- change sets, validation
def validation(**more: Any) -> dict[str, Any]:
    return {
        "EventId": "v-1",
        "OperationId": "op-1",
        "OperationType": "CREATE_CHANGESET",
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "Bucket",
        "PhysicalResourceId": "",
        "ResourceType": BUCKET,
        "Timestamp": BEGAN,
        "ValidationName": "NAME_CONFLICT_VALIDATION",
        "ValidationStatus": "FAILED",
        "ValidationStatusReason": "A resource of type 'AWS::S3::Bucket' with identifier 'logs' already exists.",
        "ValidationPath": "/Resources/Bucket",
    } | more


def test_a_change_set_that_failed_early_validation(here: Account) -> None:
    world = World()
    world.stack("odd", "REVIEW_IN_PROGRESS", [], validations=[validation()])
    ran = diagnosed(here, world)
    assert ran.code in {1, 3}
    assert causes(ran) == ["Bucket"]
    assert "already exists" in ran.report["root_causes"][0]["reason"]


def test_a_change_set_that_waits_for_somebody_is_healthy(here: Account) -> None:
    world = World()
    world.stack("odd", "REVIEW_IN_PROGRESS", [])
    ran = diagnosed(here, world)
    assert (ran.code, ran.report["verdict"], causes(ran)) == (0, "healthy", [])


def test_whether_validation_failed_is_not_known_without_the_permission(here: Account) -> None:
    """Then it is not healthy either: an incomplete run is never 0."""
    world = World()
    world.stack("odd", "REVIEW_IN_PROGRESS", [], validations=[validation()])
    world.deny("cloudformation:DescribeEvents")
    ran = diagnosed(here, world)
    assert ran.code == 3
    assert ran.unread == {"cloudformation:DescribeEvents"}


# ------------------------------------------------------------------------------------------------------- how it was deployed
def test_with_rollback_disabled_the_failure_is_the_newest_row(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Topic", TOPIC, "CREATE_COMPLETE", "t")
    failing(story)
    story.own("CREATE_FAILED", failed("create", "Trail"))
    story.tell("CREATE_FAILED", DisableRollback=True)
    ran = diagnosed(here, world)
    assert (causes(ran), blockers(ran)) == (["Trail"], [])
    assert ran.report["recovery"], "there is a way out of CREATE_FAILED"


def test_with_rollback_disabled_an_update_can_fail_twice(here: Account) -> None:
    world = World()
    story = story_of(world)
    for _ in range(2):
        story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        failing(story)
        story.own("UPDATE_FAILED", failed("create", "Trail"))
    story.tell("UPDATE_FAILED", DisableRollback=True)
    ran = diagnosed(here, world)
    assert causes(ran) == ["Trail"]
    assert ran.report["root_causes"][0]["repeated"] == 2


def test_retained_except_on_create_a_rollback_deletes_what_it_made(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Bucket", BUCKET, "CREATE_COMPLETE", "b")
    failing(story)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail"))
    story.add("Bucket", BUCKET, "DELETE_COMPLETE", "b")
    story.own("ROLLBACK_COMPLETE")
    story.tell("ROLLBACK_COMPLETE", RetainExceptOnCreate=True)
    ran = diagnosed(here, world)
    assert (causes(ran), blockers(ran)) == (["Trail"], [])


def test_what_was_skipped_blocks_nothing(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Bucket", BUCKET, "CREATE_COMPLETE", "b")
    failing(story)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail"))
    story.add("Bucket", BUCKET, "DELETE_SKIPPED", "b")
    story.own("ROLLBACK_COMPLETE")
    story.tell("ROLLBACK_COMPLETE")
    ran = diagnosed(here, world)
    assert (causes(ran), blockers(ran)) == (["Trail"], [])


# ------------------------------------------------------------------------------------------------ somebody else stopped it
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "Rollback requested by user."),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "Rollback triggered: Alarm arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors went to ALARM"),
    ],
)
def test_a_rollback_that_was_asked_for_is_not_blamed_on_a_resource(here: Account, status: str, reason: str) -> None:
    world = World()
    story = story_of(world)
    story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
    story.add("Topic", TOPIC, "UPDATE_IN_PROGRESS", "t")
    story.begin("ROLLBACK", status, reason)
    story.add("Topic", TOPIC, "UPDATE_FAILED", "t", "Resource update cancelled")
    story.add("Topic", TOPIC, "UPDATE_COMPLETE", "t")
    story.own("UPDATE_ROLLBACK_COMPLETE")
    story.tell("UPDATE_ROLLBACK_COMPLETE")
    ran = diagnosed(here, world)
    assert causes(ran) == ["odd"], "the stack's own event"
    assert ran.report["root_causes"][0]["reason"] == reason


# ------------------------------------------------------------------------------------------------------------ what is gone
@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_events_that_expired_leave_a_failure_unexplained(here: Account, status: str) -> None:
    world = World()
    world.stack("odd", status, [])
    ran = diagnosed(here, world)
    assert (ran.code, ran.report["verdict"], causes(ran)) == (3, "unexplained", [])
    assert ran.report["stack"]["status"] == status


def test_of_an_attempt_whose_beginning_expired_the_rest_counts(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    failing(story)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail"))
    story.add("Database", DATABASE, "DELETE_FAILED", "db-1", "Cannot delete protected DB Instance")
    story.own("ROLLBACK_FAILED", failed("delete", "Database"))
    del story.events[:2]
    story.tell("ROLLBACK_FAILED")
    ran = diagnosed(here, world)
    assert (causes(ran), blockers(ran)) == (["Trail"], ["Database"])


def test_a_deleted_stack_is_found_by_its_name_and_by_its_arn(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    failing(story)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail"))
    story.own("ROLLBACK_COMPLETE")
    story.begin("DELETE_STACK", "DELETE_IN_PROGRESS")
    story.own("DELETE_COMPLETE")
    story.tell("DELETE_COMPLETE")
    for name in ("odd", story.arn):
        assert causes(diagnosed(here, world, name)) == ["Trail"]


def test_a_stack_made_again_under_its_name_is_judged_by_itself(here: Account) -> None:
    world = World()
    attempts.four_stacks(world, "odd")
    next(s for s in world.stacks.values() if s["public"]["StackStatus"] == "ROLLBACK_FAILED")["public"]["StackStatus"] = "DELETE_COMPLETE"
    story = story_of(world, at=BEGAN + timedelta(days=1))
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Topic", TOPIC, "CREATE_COMPLETE", "t")
    story.own("CREATE_COMPLETE")
    story.tell("CREATE_COMPLETE")
    ran = diagnosed(here, world)
    assert (ran.code, causes(ran), blockers(ran)) == (0, [], [])


def test_a_resource_that_was_renamed_is_another_cause(here: Account) -> None:
    world = World()
    told = attempts.four_stacks(world, "odd")
    for number, stack in enumerate(world.stacks.values()):
        for event in stack["events"]:
            if event["LogicalResourceId"] == "Trail" and number < 2:
                event["LogicalResourceId"] = "OldTrail"
    ran = diagnosed(here, world)
    assert causes(ran) == [told.root]
    assert ran.report["root_causes"][0]["repeated"] == 2


# ----------------------------------------------------------------------------------------------------------------- imports
def test_an_import_that_failed(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("IMPORT_STACK", "IMPORT_IN_PROGRESS")
    story.add("Bucket", BUCKET, "IMPORT_IN_PROGRESS", "logs")
    story.add(
        "Bucket",
        BUCKET,
        "IMPORT_FAILED",
        "logs",
        "Resource of type 'AWS::S3::Bucket' with identifier 'logs' was not found. (HandlerErrorCode: NotFound)",
    )
    story.begin("ROLLBACK", "IMPORT_ROLLBACK_IN_PROGRESS", failed("import", "Bucket"))
    story.own("IMPORT_ROLLBACK_COMPLETE")
    story.tell("IMPORT_ROLLBACK_COMPLETE")
    ran = diagnosed(here, world)
    assert causes(ran) == ["Bucket"]
    assert [operation["type"] for operation in ran.report["operations"]] == ["IMPORT", "ROLLBACK"]


def test_a_running_import_is_healthy(here: Account) -> None:
    world = World()
    story = story_of(world)
    story.begin("IMPORT_STACK", "IMPORT_IN_PROGRESS")
    story.add("Bucket", BUCKET, "IMPORT_IN_PROGRESS", "logs")
    story.tell("IMPORT_IN_PROGRESS")
    assert diagnosed(here, world).code == 0


# ------------------------------------------------------------------------------------------------------- how it was listed
STORIES = [attempts.four_stacks, attempts.four_updates, attempts.four_continued_updates]


def ties(events: list[dict[str, Any]], _chance: random.Random) -> list[dict[str, Any]]:
    """Times without fractions: rows of one second tie, and the listing's order decides."""
    return [event | {"Timestamp": event["Timestamp"].replace(microsecond=0)} for event in events]


def half_without_ids(events: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k != "OperationId" or chance.random() < 0.5} for event in events]


def duplicated(events: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """As pages that overlap because a row came in between."""
    return [row for event in events for row in [event] * (1 + (chance.random() < 0.3))]


def neighbours_swapped(events: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """The listing is not in the order of its times."""
    made = copy.copy(events)
    for place in range(0, len(made) - 1, 2):
        if chance.random() < 0.5:
            made[place], made[place + 1] = made[place + 1], made[place]
    return made


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("odd", [ties, half_without_ids, duplicated, neighbours_swapped], ids=lambda odd: odd.__name__)
def test_however_it_is_listed_the_incident_is_the_same(here: Account, story: Any, odd: Any) -> None:
    world = World()
    told = story(world)
    for number, stack in enumerate(world.stacks.values()):
        stack["events"] = odd(stack["events"], random.Random(number))
    ran = diagnosed(here, world, told.stack)
    assert (causes(ran), blockers(ran)) == ([told.root], [told.blocker])
    assert ran.report["root_causes"][0]["repeated"] == told.repeated


@pytest.mark.parametrize("skew", [-90, 90])
def test_the_clocks_of_parent_and_child_may_differ(here: Account, skew: int) -> None:
    world = World()
    child = story_of(world, "odd-Child-X1")
    child.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    failing(child)
    child.begin("DELETE_STACK", "DELETE_IN_PROGRESS", "")
    child.own("DELETE_COMPLETE")
    for event in child.events:
        event["Timestamp"] += timedelta(seconds=skew)
    parent = story_of(world)
    parent.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    parent.add("Child", STACK, "CREATE_IN_PROGRESS", child.arn)
    said = f"Embedded stack {child.arn} was not successfully created: {failed('create', 'Trail')}"
    parent.add("Child", STACK, "CREATE_FAILED", child.arn, said, seconds=5)
    parent.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Child"))
    parent.own("ROLLBACK_COMPLETE")
    child.tell("DELETE_COMPLETE", ParentId=parent.arn, RootId=parent.arn)
    parent.tell("ROLLBACK_COMPLETE")
    ran = diagnosed(here, world)
    assert causes(ran) == ["Trail"]
    assert ran.report["root_causes"][0]["stack_path"] == ["odd", "Child"]
    from_below = diagnosed(here, world, child.arn)
    assert from_below.report["stack"]["name"] == "odd", "a nested stack is diagnosed from its root"


# ------------------------------------------------------------------------------------------------------------- well, or not
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_a_stack_that_looks_well_is_not_called_so_without_its_events(here: Account, status: str) -> None:
    """A running operation may have failed already, and an incomplete run is never 0."""
    world = World()
    story = story_of(world)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.own(status)
    story.tell(status)
    assert diagnosed(here, world).code == 0
    world.deny("cloudformation:DescribeStackEvents")
    ran = here.diagnose("odd")
    ran.is_sound()
    assert (ran.code, causes(ran)) == (3, [])
