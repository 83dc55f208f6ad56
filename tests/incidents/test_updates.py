"""Which policy the failed attempt met: after an update was rolled back, after somebody changed it by hand, across nested stacks."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from lab.attempts import Story
from lab.world import BEGAN, World

from incidents import judging
from incidents.account import KEY_ID, TYPES, Account, Where
from incidents.faults import FAULTS, Wrong

STACK = "AWS::CloudFormation::Stack"


class Update:
    """A stack that was made well, and an update of it that fails at the trail and is rolled back."""

    def __init__(self, name: str) -> None:
        self.good, self.bad = Account(), Account()
        self.wrongs: list[Wrong] = FAULTS[name].make(self.bad)
        self.world = judging.world_of(self.good)
        self.story = Story(self.world, "audit", BEGAN, operation_ids=True, tokens=True)
        self.story.arn = self.good.arn("cloudformation", "stack/audit/8c6b6a10-c6f3-11f0-9d1c-0e2b1f4c8a11")

    def row(self, name: str, status: str, shown: dict[str, Any], reason: str = "") -> None:
        physical = {"Bucket": self.good.bucket_name, "BucketPolicy": self.good.bucket_name, "Key": KEY_ID, "Trail": self.good.trail_name}
        self.story.add(name, TYPES[name], status, physical[name], reason, shown[name])

    def made_well(self) -> None:
        self.story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        for name in ("Key", "Bucket", "BucketPolicy", "Trail"):
            self.row(name, "CREATE_COMPLETE", self.good.properties())
        self.story.own("CREATE_COMPLETE")
        self.story.now += timedelta(days=1)

    def updated_badly(self, *names: str) -> str:
        self.story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        for name in names:
            self.row(name, "UPDATE_COMPLETE", self.bad.properties())
        self.row("Trail", "UPDATE_IN_PROGRESS", self.bad.properties())
        self.row("Trail", "UPDATE_FAILED", self.bad.properties(), self.bad.said("both"))
        self.story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS")
        for name in ("Trail", *names):
            self.row(name, "UPDATE_COMPLETE", self.good.properties())
        self.story.own("UPDATE_ROLLBACK_COMPLETE")
        self.world.stack(
            "audit", "UPDATE_ROLLBACK_COMPLETE", self.story.events, arn=self.story.arn, template=self.good.template(Where.KEPT)
        )
        return self.story.arn

    def live(self, account: Account) -> None:
        self.world.bucket(account.bucket_name, policy=account.bucket_policy, **account.bucket)
        self.world.key(KEY_ID, policy=account.key_policy, **(account.key or {}))


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("via-cloudtrail", "Key"),
        ("context-of-another-account", "Key"),
        ("write-for-another-account", "BucketPolicy"),
        ("source-name-on-acl", "BucketPolicy"),
    ],
)
def test_the_policy_that_the_rollback_took_back_is_the_one_that_was_met(name: str, changed: str) -> None:
    update = Update(name)
    update.made_well()
    arn = update.updated_badly(changed)
    update.live(update.good)
    found = judging.report(update.world, arn)
    said = judging.complaints(update.bad, Where.GONE, update.wrongs, found) + judging.verdict(found, update.wrongs, FAULTS[name].side)
    assert said + judging.fixes(update.bad, update.wrongs, found) == []


def test_a_prefix_that_only_the_update_brought() -> None:
    update = Update("write-without-the-prefix")
    update.made_well()
    arn = update.updated_badly()
    update.live(update.good)
    found = judging.report(update.world, arn)
    assert judging.complaints(update.bad, Where.BESIDE, update.wrongs, found) + judging.verdict(found, update.wrongs, "s3") == []


def test_a_policy_changed_by_hand_long_ago_is_met_as_it_is_live() -> None:
    update = Update("via-cloudtrail")
    update.made_well()
    update.bad.trail_properties["EnableLogFileValidation"] = "true"
    arn = update.updated_badly()
    update.live(update.bad)
    found = judging.report(update.world, arn)
    assert judging.complaints(update.bad, Where.BESIDE, update.wrongs, found) + judging.verdict(found, update.wrongs, "kms") == []


@pytest.mark.parametrize("name", ["via-cloudtrail", "write-for-another-account"])
def test_a_policy_put_right_since_the_failure_was_wrong_in_it(name: str) -> None:
    account = Account()
    wrongs = FAULTS[name].make(account)
    world = judging.world_of(account)
    arn = account.happen(world, Where.KEPT, "both")
    world.keys[account.key_arn]["policy"] = Account().key_policy
    world.buckets[account.bucket_name]["policy"] = Account().bucket_policy
    found = judging.report(world, arn)
    assert judging.complaints(account, Where.GONE, wrongs, found) + judging.verdict(found, wrongs, FAULTS[name].side) == []
    notes = {f["check"]: f["service"] for f in found["findings"] if f["severity"] == "note"}
    assert notes["policy-changed-since"] == FAULTS[name].side


def test_a_policy_that_only_reads_differently_was_not_changed() -> None:
    account = Account()
    FAULTS["via-cloudtrail"].make(account)
    world = judging.world_of(account)
    arn = account.happen(world, Where.KEPT, "both")
    read: Any = copy.deepcopy(account.key_policy)
    for statement in read["Statement"]:
        statement["Action"] = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    account_id = json.loads(json.dumps(read).replace(f"arn:aws:iam::{account.account}:root", account.account))
    world.keys[account.key_arn]["policy"] = account_id
    found = judging.report(world, arn)
    assert [f["origin"] for f in found["findings"] if f["severity"] == "cause"] == ["live"]


@pytest.mark.parametrize("where", [Where.GONE, Where.PENDING])
@pytest.mark.parametrize("name", ["via-cloudtrail", "source-wildcard-on-write"])
def test_the_trail_is_nested_and_its_bucket_and_key_are_its_parents(name: str, where: Where) -> None:
    account = Account()
    wrongs = FAULTS[name].make(account)
    world = judging.world_of(account)
    arn = nested(account, world)
    account._stand(world, where, Story(world, "x", BEGAN, operation_ids=True, tokens=True))
    found = judging.report(world, arn)
    assert judging.complaints(account, where, wrongs, found) + judging.verdict(found, wrongs, FAULTS[name].side) == []
    assert found["root_causes"][0]["stack_path"] == ["platform", "Audit"]


def nested(account: Account, world: World) -> str:
    """The parent makes bucket, policy and key, then the nested stack, whose trail fails."""
    parent = Story(world, "platform", BEGAN, operation_ids=True, tokens=True)
    parent.arn = account.arn("cloudformation", "stack/platform/11111111-c6f3-11f0-9d1c-0e2b1f4c8a11")
    child = Story(world, "platform-Audit-1A2B3C", BEGAN, operation_ids=True, tokens=True)
    child.arn = account.arn("cloudformation", "stack/platform-Audit-1A2B3C/22222222-c6f3-11f0-9d1c-0e2b1f4c8a11")
    shown, physical = account.properties(), {"Bucket": account.bucket_name, "BucketPolicy": account.bucket_name, "Key": KEY_ID}
    parent.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    for name, physical_id in physical.items():
        parent.add(name, TYPES[name], "CREATE_COMPLETE", physical_id, "", shown[name])
    parent.add("Audit", STACK, "CREATE_IN_PROGRESS", child.arn)
    child.now = parent.now
    child.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    child.add("Trail", TYPES["Trail"], "CREATE_FAILED", "", account.said("both"), shown["Trail"])
    child.own("CREATE_FAILED", "The following resource(s) failed to create: [Trail]. ")
    parent.now = child.now
    reason = f"Embedded stack {child.arn} was not successfully created: The following resource(s) failed to create: [Trail]. "
    parent.add("Audit", STACK, "CREATE_FAILED", child.arn, reason)
    parent.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Audit]. ")
    child.now = parent.now
    child.begin("DELETE_STACK", "DELETE_IN_PROGRESS")
    child.add("Trail", TYPES["Trail"], "DELETE_COMPLETE", "", "", shown["Trail"])
    child.own("DELETE_COMPLETE")
    for name, physical_id in reversed(physical.items()):
        parent.add(name, TYPES[name], "DELETE_COMPLETE", physical_id, "", shown[name])
    parent.own("ROLLBACK_COMPLETE")
    world.stack(parent.name, "ROLLBACK_COMPLETE", parent.events, arn=parent.arn)
    world.stack(child.name, "DELETE_COMPLETE", child.events, arn=child.arn, ParentId=parent.arn, RootId=parent.arn)
    return parent.arn
