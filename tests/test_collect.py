"""What is read of a stack's past, over real HTTP: enough for the attempt, no more, and what is missing is admitted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lab.fake_aws import FakeAWS
from lab.world import BEGAN, ApiError, World

from stackdoctor import related
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings
from stackdoctor.collect import collect
from stackdoctor.errors import CannotRun, StackNotFound, TimedOut
from stackdoctor.events_file import EventsReader
from stackdoctor.model import Absent, Found, StackHistory, Unreadable
from stackdoctor.reader import Call
from stackdoctor.recording import FolderReader, Saver, SavingReader

STACK = "AWS::CloudFormation::Stack"
Row = dict[str, Any]


@pytest.fixture
def reader(fake_aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> LiveReader:
    pretend(fake_aws, monkeypatch)
    return LiveReader(Settings(region=fake_aws.world.region, endpoint_url=fake_aws.url, timeout=20, attempts=1))


def pretend(fake_aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in fake_aws.environment().items():
        monkeypatch.setenv(name, value)


class Story:
    """Rows of one stack, oldest first, a second apart."""

    def __init__(self, name: str, arn: str, start: int = 0) -> None:
        self.name, self.arn, self.second = name, arn, start
        self.rows: list[Row] = []

    def own(self, status: str, reason: str = "", **more: Any) -> Story:
        return self.add(self.name, STACK, status, reason, PhysicalResourceId=self.arn, **more)

    def add(self, logical: str, kind: str, status: str, reason: str = "", **more: Any) -> Story:
        self.second += 1
        said = {"ResourceStatusReason": reason} if reason else {}
        at = {
            "LogicalResourceId": logical,
            "ResourceType": kind,
            "ResourceStatus": status,
            "Timestamp": BEGAN + timedelta(seconds=self.second),
        }
        self.rows.append({**at, "EventId": f"{self.arn}-{self.second}", **said, **more})
        return self

    def failed_create(self, resource: str = "Trail", reason: str = "Insufficient permissions to access S3 bucket") -> Story:
        self.own("CREATE_IN_PROGRESS", "User Initiated").add(resource, "AWS::CloudTrail::Trail", "CREATE_FAILED", reason)
        return self.own("ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: [{resource}].").own("ROLLBACK_COMPLETE")

    def failed_update(self, fill: int = 0) -> Story:
        self.own("UPDATE_IN_PROGRESS", "User Initiated")
        for number in range(fill):
            self.add(f"R{number}", "AWS::S3::Bucket", "UPDATE_COMPLETE")
        self.add("Trail", "AWS::CloudTrail::Trail", "UPDATE_FAILED", "Insufficient permissions to access S3 bucket")
        return self.own("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Trail].").own(
            "UPDATE_ROLLBACK_COMPLETE"
        )


def arn(name: str, number: int = 1, region: str = "us-east-1") -> str:
    return f"arn:aws:cloudformation:{region}:111122223333:stack/{name}/{number:08d}-0000-0000-0000-000000000000"


def tell(world: World, story: Story, status: str = "", **more: Any) -> str:
    return world.stack(story.name, status or story.rows[-1]["ResourceStatus"], story.rows, arn=story.arn, **more)


def calls(world: World) -> dict[str, int]:
    found = [name.split(":")[1] for name in world.called()]
    return {name: found.count(name) for name in sorted(set(found))}


def missing(history: StackHistory) -> dict[str, bool]:
    return {unread.what: unread.would_decide for unread in history.unread}


# ------------------------------------------------------------------------------------------------------------ one stack
def test_a_failed_stack_is_read_in_one_round(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).failed_create(), template="Resources: {}", RoleARN="arn:aws:iam::111122223333:role/deploy")
    history = collect(reader, "audit")
    assert (history.stack.name, history.stack.id, history.stack.status) == ("audit", arn("audit"), "ROLLBACK_COMPLETE")
    assert (history.stack.region, history.stack.account, history.stack.partition) == ("us-east-1", "111122223333", "aws")
    assert history.stack.role_arn == "arn:aws:iam::111122223333:role/deploy"
    assert [event.status for event in history.events] == [
        "ROLLBACK_COMPLETE",
        "ROLLBACK_IN_PROGRESS",
        "CREATE_FAILED",
        "CREATE_IN_PROGRESS",
    ]
    assert (history.complete, history.newest_first, history.unread) == (True, True, ())
    assert history.template == Found("Resources: {}")
    once = ("DescribeStackEvents", "DescribeStacks", "GetTemplate", "ListStackResources", "ListStacks")
    assert calls(world) == dict.fromkeys(once, 1)
    assert reader.calls.rounds == 1


def test_a_healthy_stack_costs_nothing_more_than_its_newest_page(world: World, reader: LiveReader) -> None:
    story = Story("audit", arn("audit")).failed_update(fill=250).own("UPDATE_IN_PROGRESS").own("UPDATE_COMPLETE")
    tell(world, story)
    history = collect(reader, "audit")
    assert calls(world)["DescribeStackEvents"] == 1
    assert not history.complete
    assert history.children == history.earlier == ()


def test_pages_are_read_through_the_attempt_however_long_it_is(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).failed_update(fill=700))
    history = collect(reader, "audit")
    assert history.complete
    assert len(history.events) == 704
    assert history.unread == ()


def test_behind_a_small_attempt_at_most_ten_more_pages_are_read_and_the_bound_is_admitted(world: World, reader: LiveReader) -> None:
    story = Story("audit", arn("audit"))
    for _ in range(40):
        story.failed_update(fill=46)
    tell(world, story)
    history = collect(reader, "audit")
    assert calls(world)["DescribeStackEvents"] == 1 + related.EXTRA_PAGES
    assert len(history.events) == 1100
    assert missing(history) == {"older events of stack audit": False}


def test_a_page_that_fails_behind_the_attempt_decides_nothing(world: World, reader: LiveReader) -> None:
    story = Story("audit", arn("audit")).failed_update(fill=100).failed_update()
    tell(world, story)
    world.answer("cloudformation:DescribeStackEvents", ApiError("InternalFailure", "try later", 500), NextToken="100")
    history = collect(reader, "audit")
    assert len(history.events) == 100
    assert missing(history) == {"older events of stack audit": False}


def test_a_page_that_fails_within_the_attempt_would_decide(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).failed_update(fill=200))
    world.answer("cloudformation:DescribeStackEvents", ApiError("InternalFailure", "try later", 500), NextToken="100")
    history = collect(reader, "audit")
    assert (len(history.events), history.complete) == (100, False)
    assert missing(history) == {"older events of stack audit": True}
    assert history.unread[0].needs == ("cloudformation:DescribeStackEvents",)


def test_a_token_that_comes_back_ends_the_listing(world: World, reader: LiveReader) -> None:
    story = Story("audit", arn("audit")).failed_update()
    tell(world, story)
    page = {"StackEvents": [{"StackId": story.arn, "StackName": "audit", **row} for row in story.rows[:0:-1]], "NextToken": "again"}
    world.answer("cloudformation:DescribeStackEvents", page)
    history = collect(reader, "audit")
    assert calls(world)["DescribeStackEvents"] == 2
    assert len(history.events) == 6


# ------------------------------------------------------------------------------------------------------- nested stacks
def nested(world: World, depth: int, **status: str) -> list[str]:
    """A chain of nested stacks, each failing because of the one in it; the innermost has the failed trail."""
    arns = [arn(f"level{level}", level + 1) for level in range(depth + 1)]
    for level, own in enumerate(arns):
        story = Story(f"level{level}", own)
        if level == depth:
            story.failed_create()
        else:
            story.own("CREATE_IN_PROGRESS", "User Initiated")
            said = f"Embedded stack {arns[level + 1]} was not successfully created"
            story.add("Inner", STACK, "CREATE_FAILED", said, PhysicalResourceId=arns[level + 1])
            story.own("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Inner].").own("ROLLBACK_COMPLETE")
        above = {"ParentId": arns[level - 1], "RootId": arns[0]} if level else {}
        tell(world, story, status.get(f"level{level}", "DELETE_COMPLETE" if level else ""), **above)
    return arns


def test_deleted_nested_stacks_are_read_by_their_arn_down_to_the_failure(world: World, reader: LiveReader) -> None:
    arns = nested(world, 6)
    history = collect(reader, "level0")
    chain = [history]
    while chain[-1].children:
        assert len(chain[-1].children) == 1
        chain += chain[-1].children
    assert [one.stack.id for one in chain] == arns
    assert chain[-1].events[2].logical_id == "Trail"
    assert isinstance(chain[-1].template, Found)
    assert chain[2].stack.parent_id == arns[1]
    assert reader.calls.rounds == 7


def test_a_nested_stack_is_diagnosed_from_its_root(world: World, reader: LiveReader) -> None:
    arns = nested(world, 2)
    assert collect(reader, arns[2]).stack.id == arns[0]


def test_where_the_root_cannot_be_read_the_nested_stack_itself_is(world: World, reader: LiveReader) -> None:
    arns = nested(world, 1)
    del world.stacks[arns[0]]
    history = collect(reader, arns[1])
    assert history.stack.id == arns[1]
    assert missing(history) == {f"root stack {arns[0]}": False}


def test_an_unreadable_nested_stack_would_decide(world: World, reader: LiveReader) -> None:
    arns = nested(world, 1)
    world.answer("cloudformation:DescribeStackEvents", ApiError("AccessDenied", "not you", 403), StackName=arns[1])
    history = collect(reader, "level0")
    assert history.children[0].events == ()
    assert missing(history)[f"events of stack {arns[1]}"] is True


def test_two_hundred_children_are_bounded_and_cancelled_ones_not_read(world: World, reader: LiveReader) -> None:
    story = Story("parent", arn("parent")).own("CREATE_IN_PROGRESS", "User Initiated")
    guilty = arn("guilty", 500)
    story.add("Guilty", STACK, "CREATE_FAILED", "Embedded stack was not successfully created", PhysicalResourceId=guilty)
    for number in range(199):
        story.add(f"C{number}", STACK, "CREATE_FAILED", "Resource creation cancelled", PhysicalResourceId=arn("child", number + 1000))
    tell(world, story.own("ROLLBACK_IN_PROGRESS", "failed to create").own("ROLLBACK_COMPLETE"))
    tell(world, Story("guilty", guilty).failed_create(), "DELETE_COMPLETE")
    history = collect(reader, "parent")
    assert [child.stack.id for child in history.children] == [guilty]


def test_more_failed_children_than_are_read_are_admitted(world: World, reader: LiveReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "MAX_CHILDREN", 2)
    story = Story("parent", arn("parent")).own("CREATE_IN_PROGRESS", "User Initiated")
    for number in range(3):
        child = tell(world, Story(f"child{number}", arn(f"child{number}", number + 10)).failed_create(), "DELETE_COMPLETE")
        story.add(f"C{number}", STACK, "CREATE_FAILED", "Embedded stack failed", PhysicalResourceId=child)
    tell(world, story.own("ROLLBACK_IN_PROGRESS", "failed to create").own("ROLLBACK_COMPLETE"))
    history = collect(reader, "parent")
    assert len(history.children) == 2
    assert missing(history) == {"1 more nested stacks": True}


def test_stacks_nested_in_a_circle_end(world: World, reader: LiveReader) -> None:
    one, two = arn("one"), arn("two", 2)
    for own, other in ((one, two), (two, one)):
        story = Story(own.split("/")[1], own).own("CREATE_IN_PROGRESS", "User Initiated")
        story.add("Inner", STACK, "CREATE_FAILED", "Embedded stack failed", PhysicalResourceId=other)
        tell(world, story.own("ROLLBACK_IN_PROGRESS").own("ROLLBACK_COMPLETE"))
    history = collect(reader, "one")
    assert history.children[0].stack.id == two
    assert history.children[0].children == ()


# ------------------------------------------------------------------------------------------------------ earlier stacks
def create_four_times(world: World) -> None:
    for attempt in range(1, 5):
        story = Story("audit", arn("audit", attempt), start=attempt * 100).failed_create()
        if attempt < 4:
            story.own("DELETE_IN_PROGRESS", "User Initiated").own("DELETE_COMPLETE")
        tell(world, story)


def test_earlier_deleted_stacks_of_the_name_are_read_newest_first(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    tell(world, Story("other", arn("other", 9)).failed_create().own("DELETE_IN_PROGRESS").own("DELETE_COMPLETE"))
    history = collect(reader, "audit")
    assert [stack.stack.id for stack in history.earlier] == [arn("audit", 3), arn("audit", 2), arn("audit", 1)]
    assert all(len(stack.events) == 6 and stack.stack.deleted_at for stack in history.earlier)
    assert reader.calls.rounds == 2
    assert calls(world)["GetTemplate"] == 1


def test_without_earlier_stacks_none_are_listed(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    assert collect(reader, "audit", earlier=False).earlier == ()
    assert "ListStacks" not in calls(world)


def test_more_earlier_stacks_than_are_read_are_admitted(world: World, reader: LiveReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "MAX_EARLIER_STACKS", 2)
    create_four_times(world)
    history = collect(reader, "audit")
    assert len(history.earlier) == 2
    assert missing(history) == {"1 older deleted stacks named audit": False}


def test_a_denied_listing_of_stacks_decides_nothing(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    world.deny("cloudformation:ListStacks")
    history = collect(reader, "audit")
    assert missing(history) == {"earlier, deleted stacks of this name": False}
    assert history.unread[0].needs == ("cloudformation:ListStacks",)


def test_a_deleted_stack_is_found_by_its_arn_with_only_what_came_before_it(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    history = collect(reader, arn("audit", 2))
    assert (history.stack.id, history.stack.status) == (arn("audit", 2), "DELETE_COMPLETE")
    assert [stack.stack.id for stack in history.earlier] == [arn("audit", 1)]


def test_the_name_of_a_deleted_stack_finds_the_newest_one(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    del world.stacks[arn("audit", 4)]
    history = collect(reader, "audit")
    assert (history.stack.id, history.stack.status) == (arn("audit", 3), "DELETE_COMPLETE")
    assert len(history.earlier) == 2


# ------------------------------------------------------------------------------------------------ stacks that are not there
def test_an_unknown_stack_names_the_nearest_and_where_else_it_lives(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit-trail", arn("audit-trail")).failed_create())
    tell(world, Story("audit-trial", arn("audit-trial", 1, "eu-west-1")).failed_create())
    with pytest.raises(StackNotFound) as unknown:
        collect(reader, "audit-trial")
    assert "audit-trial" in unknown.value.message
    assert "eu-west-1: add --region eu-west-1" in unknown.value.hint
    assert "Did you mean audit-trail?" in unknown.value.hint
    assert "\n" not in str(unknown.value)


def test_an_arn_that_is_gone_is_one_line(world: World, reader: LiveReader) -> None:
    with pytest.raises(StackNotFound, match="90 days"):
        collect(reader, arn("audit"))


def test_an_arn_sets_the_region(world: World, reader: LiveReader) -> None:
    where = arn("audit", 1, "eu-west-1")
    tell(world, Story("audit", where).failed_create())
    assert collect(reader, where).stack.region == "eu-west-1"
    assert {call.region for call in world.calls} == {"eu-west-1"}


# --------------------------------------------------------------------------------------------------- missing permissions
def test_describe_stacks_and_its_events_are_enough(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    world.allow_only("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents")
    history = collect(reader, "audit")
    assert len(history.events) == 4
    assert isinstance(history.template, Unreadable)
    assert missing(history) == {
        "earlier, deleted stacks of this name": False,
        "resources of stack audit": False,
        "template of stack audit": False,
    }
    assert {need for unread in history.unread for need in unread.needs} == {
        "cloudformation:ListStacks",
        "cloudformation:ListStackResources",
        "cloudformation:GetTemplate",
    }


def test_without_describe_stacks_the_line_says_how_to_diagnose_the_events_alone(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    world.deny("cloudformation:DescribeStacks")
    with pytest.raises(CannotRun) as refused:
        collect(reader, "audit")
    assert "describe-stack-events --stack-name audit --region us-east-1 | stackdoctor diagnose --events -" in str(refused.value)


def test_without_its_events_the_missing_permission_would_decide(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    world.deny("cloudformation:DescribeStackEvents")
    history = collect(reader, "audit")
    assert (history.stack.status, history.events) == ("ROLLBACK_COMPLETE", ())
    first = next(unread for unread in history.unread if unread.would_decide)
    assert (first.what, first.needs) == ("events of stack audit", ("cloudformation:DescribeStackEvents",))


def test_with_neither_it_is_one_line_that_names_the_permission(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    world.deny("cloudformation:*")
    with pytest.raises(CannotRun) as refused:
        collect(reader, "audit")
    assert not isinstance(refused.value, StackNotFound)
    assert "cloudformation:DescribeStacks" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ExpiredToken", 403, CannotRun),
        ("Throttling", 400, CannotRun),
        ("InternalFailure", 500, CannotRun),
        ("InvalidClientTokenId", 403, CannotRun),
    ],
)
def test_when_nothing_answers_it_is_one_line_with_a_hint(
    world: World, reader: LiveReader, code: str, status: int, error: type[CannotRun]
) -> None:
    world.fail("cloudformation:*", code, "no", status)
    with pytest.raises(error) as refused:
        collect(reader, "audit")
    assert code in refused.value.message
    assert refused.value.hint


def test_when_the_time_is_up_it_says_so(world: World, fake_aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(fake_aws, monkeypatch)
    world.break_off("cloudformation:*", "stall")
    with pytest.raises(TimedOut):
        collect(LiveReader(Settings(region=world.region, endpoint_url=fake_aws.url, timeout=0.5, attempts=1)), "audit")


# ------------------------------------------------------------------------------------------------- validation and hooks
def test_a_change_set_that_failed_early_validation_tells_why(world: World, reader: LiveReader) -> None:
    wrong = {
        "EventId": "v1",
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "Bucket",
        "ResourceType": "AWS::S3::Bucket",
        "OperationId": "op",
    }
    wrong |= {
        "ValidationName": "NAME_CONFLICT_VALIDATION",
        "ValidationPath": "/Resources/Bucket",
        "ValidationStatusReason": "exists",
        "Timestamp": BEGAN,
    }
    tell(world, Story("audit", arn("audit")).own("REVIEW_IN_PROGRESS", "User Initiated"), validations=[wrong])
    history = collect(reader, "audit")
    assert [(error.logical_id, error.name, error.reason) for error in history.validations] == [
        ("Bucket", "NAME_CONFLICT_VALIDATION", "exists")
    ]
    assert history.unread == ()


def test_a_change_set_whose_validation_cannot_be_read_is_not_called_well(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).own("REVIEW_IN_PROGRESS", "User Initiated"))
    world.deny("cloudformation:DescribeEvents")
    history = collect(reader, "audit")
    assert missing(history) == {"validation and hook events": True}
    assert history.unread[0].needs == ("cloudformation:DescribeEvents",)


def test_a_failed_stack_without_a_failed_resource_asks_for_details_by_its_operation(world: World, reader: LiveReader) -> None:
    story = Story("audit", arn("audit")).own("CREATE_IN_PROGRESS", "User Initiated", OperationId="op-create")
    story.own("ROLLBACK_IN_PROGRESS", "Hook failed", OperationId="op-back").own("ROLLBACK_COMPLETE", OperationId="op-back")
    hook = {
        "EventId": "h",
        "EventType": "HOOK_INVOCATION_ERROR",
        "OperationId": "op-create",
        "HookType": "My::Hook",
        "HookStatusReason": "no",
        "Timestamp": BEGAN,
    }
    tell(world, story, validations=[hook])
    history = collect(reader, "audit")
    assert [(error.event_type, error.name, error.reason) for error in history.validations] == [("HOOK_INVOCATION_ERROR", "My::Hook", "no")]


def test_a_failed_resource_needs_no_details(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).failed_create())
    assert collect(reader, "audit").validations == ()
    assert "DescribeEvents" not in calls(world)


# ------------------------------------------------------------------------------------------------------------- replays
@pytest.mark.parametrize("asked", ["audit", "level0", "gone"])
def test_a_kept_run_replays_to_the_same_history_and_the_same_calls(world: World, reader: LiveReader, tmp_path: Path, asked: str) -> None:
    create_four_times(world)
    nested(world, 2)
    tell(world, Story("gone", arn("gone", 77)).failed_create().own("DELETE_IN_PROGRESS").own("DELETE_COMPLETE"))
    world.deny("cloudformation:GetTemplate")
    live = collect(SavingReader(reader, Saver(tmp_path / "kept", stack=asked, region="us-east-1")), asked)
    replay = FolderReader(tmp_path / "kept")
    assert collect(replay, asked) == live
    assert replay.calls == reader.calls


def test_an_events_document_gives_the_same_events(world: World, reader: LiveReader) -> None:
    create_four_times(world)
    live = collect(reader, "audit")
    answer = reader.read(Call("cloudformation", "DescribeStackEvents", "us-east-1", {"StackName": "audit"}))
    replay = collect(EventsReader(json.dumps(answer)), "audit")
    assert replay.events == live.events
    assert replace(replay.stack, created_at=None) == replace(live.stack, created_at=None)
    assert isinstance(replay.template, Unreadable)
    assert not any(unread.would_decide for unread in replay.unread)


def test_what_does_not_exist_is_absent_not_unread(world: World, reader: LiveReader) -> None:
    tell(world, Story("audit", arn("audit")).failed_create())
    world.answer("cloudformation:GetTemplate", ApiError("ValidationError", "Template for stack audit does not exist"))
    assert collect(reader, "audit").template == Absent("ValidationError")


def test_secrets_are_gone_before_anybody_sees_the_answer(world: World, reader: LiveReader) -> None:
    template = "Parameters:\n  P:\n    Type: String\n    NoEcho: true\n    Default: hunter2\n"
    properties = json.dumps({"Environment": {"Variables": {"URL": "hunter2"}}})
    story = Story("audit", arn("audit")).own("CREATE_IN_PROGRESS")
    tell(
        world,
        story.add("F", "AWS::Lambda::Function", "CREATE_FAILED", "no", ResourceProperties=properties),
        "CREATE_FAILED",
        template=template,
    )
    history = collect(reader, "audit")
    assert "hunter2" not in repr(history)
    assert history.template == Found(template.replace("hunter2", "'****'"))
