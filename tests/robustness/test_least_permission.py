"""Borrowed roles: with two permissions the cause still comes, without any single one the rest does, and the policy that
`stackdoctor permissions` prints is exactly what is called.
"""

from __future__ import annotations

import ast
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor
from incidents.stories import STORIES
from lab import attempts
from lab import incidents as deployed
from lab.world import BEGAN, World

import stackdoctor as package
from robustness.command import Account, run
from stackdoctor.blockers.protection import FLAGS
from stackdoctor.blockers.reads import _ROWS
from stackdoctor.permissions import OPERATIONS, PURPOSES, policy

HISTORY = ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents")


# -------------------------------------------------------------------------------------------------------- next to nothing
@pytest.mark.parametrize("story", [attempts.four_stacks, attempts.four_updates, attempts.four_continued_updates], ids=lambda s: s.__name__)
def test_with_the_history_alone_cause_and_blockers_still_come(here: Account, story: Callable) -> None:
    world = World()
    told = story(world)
    world.allow_only(*HISTORY)
    here.become(world)
    ran = here.diagnose(told.stack)
    ran.is_sound()
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == [told.root]
    assert [blocker["logical_id"] for blocker in ran.report["blockers"]] == [told.blocker]
    assert ran.report["stack"]["status"] == told.status
    assert {"kms:GetKeyPolicy", "s3:GetBucketPolicy", "rds:DescribeDBInstances", "cloudtrail:LookupEvents"} <= ran.unread


def test_without_the_events_nothing_is_claimed(here: Account) -> None:
    world = World()
    told = attempts.four_stacks(world)
    world.deny("cloudformation:DescribeStackEvents")
    here.become(world)
    ran = here.diagnose(told.stack)
    ran.is_sound()
    assert ran.code == 3
    assert ran.report["root_causes"] == []
    [row] = [row for row in ran.report["unread"] if row["would_decide"]]
    assert row["needs"] == ["cloudformation:DescribeStackEvents"]


# ---------------------------------------------------------------------------------------------- each permission taken away
def calls_of(tell: Callable[[], tuple[World, str]], here: Account) -> list[str]:
    world, stack = tell()
    here.become(world)
    here.diagnose(stack).is_sound()
    return sorted(set(world.called()))


@pytest.mark.parametrize("name", STORIES)
def test_each_incident_without_each_permission(here: Account, name: str) -> None:
    """What is missing is named with its IAM action, nothing crashes, and a failure never becomes a success.

    CloudFormation's own are the same in all of them, and taken away from the first.
    """
    tell = STORIES[name].tell
    for taken in calls_of(tell, here):
        if taken.startswith("cloudformation:") and name != next(iter(STORIES)):
            continue
        world, stack = tell()
        world.deny(taken)
        world.faults.insert(0, world.faults.pop())  # before those of the incident itself
        here.become(world)
        ran = here.diagnose(stack)
        ran.is_sound()
        if taken == "cloudformation:DescribeStacks":  # one line saying what to type next, exit 4
            assert (ran.code, taken in ran.err) == (4, True)
            continue
        assert ran.code in {1, 3}, taken
        assert set(OPERATIONS[taken]) <= ran.unread, taken


# --------------------------------------------------------------------------------------------------- exactly what is called
def literals(path: Path) -> tuple[set[str], set[str]]:
    """The calls written in full, and every text of a module that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {
        f"{node.args[0].value}:{node.args[1].value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Call" and all(isinstance(a, ast.Constant) for a in node.args[:2])
        if len(node.args) > 1
    }
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    return calls, {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs}


def modules(*, scan: bool) -> Iterator[Path]:
    root = Path(package.__file__).parent
    for path in root.rglob("*.py"):
        place = path.relative_to(root).as_posix()
        if place.startswith(("cli/", "aws/")) or place in {"permissions.py", "hostile.py"}:
            continue
        if scan or not place.startswith("scan"):
            yield path


def test_every_call_that_is_written_is_permitted() -> None:
    written = {call for path in modules(scan=True) for call in literals(path)[0]}
    blockers = {":".join(flag.read) for flag in FLAGS.values() if flag.shown} | {
        f"{row.service}:{row.operation}" for rows in _ROWS.values() for row in rows
    }
    assert written | blockers <= set(OPERATIONS)
    assert blockers <= set(PURPOSES["diagnose"])


def test_every_permission_of_diagnose_is_written_somewhere() -> None:
    texts = [literals(path)[1] for path in modules(scan=False)]
    for name in PURPOSES["diagnose"]:
        service, _, operation = name.partition(":")
        assert any(operation in text and service in text for text in texts) or (
            service == "cloudformation" and any(operation in t for t in texts)
        ), name


def blocked_by(resource_type: str) -> tuple[World, str]:
    """A stack whose rollback fails at a resource of this type."""
    world = World()
    story = attempts.Story(world, "stuck", BEGAN, operation_ids=True, tokens=True)
    physical = "arn:aws:rds::111122223333:global-cluster:g" if "Global" in resource_type else "thing-1"
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Thing", resource_type, "CREATE_COMPLETE", physical)
    story.add("Role", "AWS::IAM::Role", "CREATE_FAILED", "", "Role with name r already exists. (Service: Iam, Status Code: 409)")
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", attempts.failed("create", "Role"))
    story.add("Thing", resource_type, "DELETE_FAILED", physical, "Cannot delete: it is protected")
    story.own("ROLLBACK_FAILED", attempts.failed("delete", "Thing"))
    story.tell("ROLLBACK_FAILED")
    return world, "stuck"


def other_ways() -> Iterator[Callable[[], tuple[World, str]]]:
    """Ways of failing that no shipped incident takes."""

    def updated_trail() -> tuple[World, str]:
        world = World()
        story = attempts.Story(world, "updated", BEGAN, operation_ids=True, tokens=True)
        story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        properties = {"S3BucketName": "elsewhere", "TrailName": "t", "IsOrganizationTrail": "true"}
        story.add(
            "Trail", "AWS::CloudTrail::Trail", "UPDATE_FAILED", "t", "Insufficient permissions to access S3 bucket elsewhere", properties
        )
        story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", attempts.failed("update", "Trail"))
        story.own("UPDATE_ROLLBACK_COMPLETE")
        story.tell("UPDATE_ROLLBACK_COMPLETE")
        return world, "updated"

    def change_set() -> tuple[World, str]:
        world = World()
        world.stack("planned", "REVIEW_IN_PROGRESS", [])
        return world, "planned"

    def notified() -> tuple[World, str]:
        world = World()
        story = attempts.Story(world, "notified", BEGAN, operation_ids=True, tokens=True)
        arn = f"us-east-1:{world.account}"
        configuration = {
            "TopicConfigurations": [{"Event": "s3:ObjectCreated:*", "Topic": f"arn:aws:sns:{arn}:t"}],
            "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": f"arn:aws:sqs:{arn}:q"}],
            "LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": f"arn:aws:lambda:{arn}:function:f"}],
        }
        story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        said = "Unable to validate the following destination configurations (Service: Amazon S3; Status Code: 400; Error Code: InvalidArgument)"
        story.add("Bucket", "AWS::S3::Bucket", "CREATE_FAILED", "b", said, {"BucketName": "b", "NotificationConfiguration": configuration})
        story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", attempts.failed("create", "Bucket"))
        story.own("ROLLBACK_COMPLETE")
        story.tell("ROLLBACK_COMPLETE")
        return world, "notified"

    yield from (updated_trail, change_set, notified)
    for resource_type in sorted({*FLAGS, *_ROWS}):
        yield lambda kind=resource_type: blocked_by(kind)


def test_permissions_is_exactly_what_the_incidents_call(here: Account) -> None:
    """Under the IAM names; a call of DocumentDB or Neptune is one of RDS on the wire."""
    called: set[str] = set()
    for tell in [*(story.tell for story in STORIES.values()), *other_ways()]:
        called |= set(calls_of(tell, here))
    listed = policy("diagnose")["Statement"][0]["Action"]
    assert {action for name in called for action in OPERATIONS[name]} == set(listed)


def test_the_command_prints_a_policy_for_each_purpose() -> None:
    for purpose in PURPOSES:
        ran = run("permissions", "--for", purpose)
        assert ran.code == 0
        [statement] = json.loads(ran.out)["Statement"]
        assert statement["Effect"] == "Allow"
        assert all(action.split(":")[1][:3] in {"Get", "Lis", "Des", "Loo", "Bat", "Ass"} for action in statement["Action"]), (
            "it only reads"
        )
        assert not [action for action in statement["Action"] if "*" in action]


# ------------------------------------------------------------------------------------------------------------ once for real
def test_a_user_with_this_policy_and_nothing_else_gets_the_whole_diagnosis(strict_ministack) -> None:
    """MiniStack with AUTH=true enforces the identity policy that the command prints."""
    incident = deployed.BY_NAME["cloudtrail-kms-viaservice"]
    name = f"least-{uuid.uuid4().hex[:6]}"
    deployed.happen(strict_ministack, incident, name)
    key, secret = strict_ministack.user(name, json.dumps(policy("diagnose")))
    words = ("diagnose", name, "--region", "us-east-1", "--endpoint-url", strict_ministack.url, "-o", "json")
    ran = stackdoctor(*words, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    assert ran.code == 1, ran.err
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == ["Trail"]
    assert not [row for row in ran.report["unread"] if "AccessDenied" in row["error"]], ran.report["unread"]


def test_a_user_with_two_permissions_gets_cause_and_blockers(strict_ministack) -> None:
    incident = deployed.BY_NAME["cloudtrail-kms-viaservice"]
    name = f"two-{uuid.uuid4().hex[:6]}"
    deployed.happen(strict_ministack, incident, name)
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(HISTORY), "Resource": "*"}]}
    key, secret = strict_ministack.user(name, json.dumps(allowed))
    words = ("diagnose", name, "--region", "us-east-1", "--endpoint-url", strict_ministack.url, "-o", "json")
    ran = stackdoctor(*words, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    assert ran.code in {1, 3}, ran.err
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == ["Trail"]
    assert [row["logical_id"] for row in ran.report["blockers"]] == list(incident.blockers)
    assert "kms:GetKeyPolicy" in {action for row in ran.report["unread"] for action in row["needs"]}
