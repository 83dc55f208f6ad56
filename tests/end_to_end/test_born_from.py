"""The incident stackdoctor was born from, served over HTTP, diagnosed by the installed command line."""

from __future__ import annotations

import json

import pytest
from end_to_end.command import stackdoctor, steady
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

STORIES = [attempts.four_stacks, attempts.four_updates, attempts.four_continued_updates]
EVIDENCE = ["there", "pending", "gone"]


def diagnose(server: FakeAWS, stack: str, *more: str):
    return stackdoctor("diagnose", stack, "--region", "us-east-1", "--endpoint-url", server.url, "-o", "json", *more)


def is_the_incident(report: dict, told: attempts.Told) -> None:
    [cause] = report["root_causes"]
    assert (cause["logical_id"], cause["denied_by"], cause["confidence"]) == (told.root, "kms", "confirmed")
    assert cause["repeated"] == told.repeated
    assert cause["denied"]["principal"] == "cloudtrail.amazonaws.com"
    assert told.sibling in [row["logical_id"] for row in cause["cascade"]]
    [finding] = [found for found in report["findings"] if found["severity"] == "cause"]
    assert finding["check"] == "kms-via-service"
    assert finding["statement"]["index"] == told.statement
    assert (finding["clause"]["operator"], finding["clause"]["key"]) == told.clause
    assert finding["clause"]["expected"] == ["cloudtrail.us-east-1.amazonaws.com"]
    assert finding["clause"]["actual"] == {"state": "unknown", "values": ["s3.us-east-1.amazonaws.com"]}
    assert [blocker["logical_id"] for blocker in report["blockers"]] == [told.blocker]
    recommended = report["fixes"][0]
    assert recommended["verified"]
    assert recommended["kind"] == "key-policy"
    assert "kms:ViaService" not in json.dumps(recommended["document"])


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize("operation_ids", [True, False], ids=["with-operation-ids", "without"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_way_it_was_tried_comes_out_the_same(world: World, fake_aws: FakeAWS, story, operation_ids, evidence) -> None:
    told = story(world, operation_ids=operation_ids, evidence=evidence)
    ran = diagnose(fake_aws, told.stack)
    assert ran.code == 1, ran.err
    is_the_incident(ran.report, told)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_kept_evidence_replays_to_the_same_report(world: World, fake_aws: FakeAWS, tmp_path, story) -> None:
    told = story(world)
    live = diagnose(fake_aws, told.stack, "--save", str(tmp_path / "kept"))
    again = stackdoctor("diagnose", "--from", str(tmp_path / "kept"), "-o", "json", credentials=False)
    assert (live.code, again.code) == (1, 1), again.err
    live_report, again_report = steady(live.report), steady(again.report)
    strip = f" --endpoint-url {fake_aws.url}"
    assert json.loads(json.dumps(live_report).replace(strip, "")) == again_report
    fixed = json.loads((tmp_path / "kept" / "fixes" / "key-policy.json").read_text())
    assert fixed == live.report["fixes"][0]["document"]


def test_events_printed_by_the_aws_cli_give_the_same_root_cause_and_blockers(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    client = fake_aws.client("cloudformation")
    printed = json.dumps(client.describe_stack_events(StackName=told.arn)["StackEvents"], default=str)
    ran = stackdoctor("diagnose", "--events", "-", "-o", "json", stdin=json.dumps({"StackEvents": json.loads(printed)}), credentials=False)
    assert ran.code == 1, ran.err
    [cause] = ran.report["root_causes"]
    assert (cause["logical_id"], cause["denied_by"]) == (told.root, "kms")
    assert [blocker["logical_id"] for blocker in ran.report["blockers"]] == [told.blocker]
    assert {row["what"] for row in ran.report["unread"]}, "what a document of events cannot show is said"


def test_it_takes_few_rounds_and_reads_each_thing_once(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    calls = diagnose(fake_aws, told.stack).report["calls"]
    assert calls["rounds"] <= 4
    assert calls["by_operation"]["kms:GetKeyPolicy"] == 1
    assert calls["by_operation"]["s3:GetBucketPolicy"] == 1
