"""`stackdoctor scan` as a person runs it: outputs, exit codes, what changed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from lab.fake_aws import FakeAWS
from lab.world import ApiError, World

from scan.cloud import denied_trail, stuck, trail_bucket
from scan.running import Ran, quiet, scan, steady
from stackdoctor.report.schema import SCHEMAS

ACCOUNT = "111122223333"
NASTY = "\x1b[31m|<script>alert(1)</script>`rm -rf`\u202e\r\n# heading"


@pytest.fixture(scope="module")
def sick() -> Iterator[FakeAWS]:
    """An account with one of everything: a stuck stack, a trail that is denied, one that is well, something unread."""
    world = quiet(World())
    stuck(world)
    denied_trail(world)
    world.trail("well", f"logs-{ACCOUNT}", status={"IsLogging": True})
    world.deny("config:*")
    with FakeAWS(world) as aws:
        yield aws


@pytest.fixture(scope="module")
def reports(sick: FakeAWS) -> dict[str, Ran]:
    return {output: scan(sick.environment(), "-o", output) for output in ("text", "json", "jsonl", "markdown", "junit")}


# -------------------------------------------------------------------------------------------------------------- exit codes
def test_healthy_is_0(fake_aws: FakeAWS) -> None:
    ran = scan(fake_aws.environment())
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("HEALTHY")


def test_something_wrong_is_1_whatever_could_not_be_read(reports: dict[str, Ran]) -> None:
    assert {ran.code for ran in reports.values()} == {1}


def test_something_unread_and_nothing_wrong_is_3(fake_aws: FakeAWS, world: World) -> None:
    world.deny("logs:*")
    ran = scan(fake_aws.environment(), "-o", "json")
    assert (ran.code, ran.report["verdict"]) == (3, "incomplete")
    assert ran.report["unread"][0]["needs"] == ["logs:DescribeLogGroups"]


def test_exit_zero_for_schedules_that_retry(sick: FakeAWS, fake_aws: FakeAWS, world: World) -> None:
    assert scan(sick.environment(), "--exit-zero").code == 0
    world.deny("logs:*")
    assert scan(fake_aws.environment(), "--exit-zero").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--region", "us-east-1", "--all-regions"),
        ("--organization",),
        ("--ou", "ou-1"),
        ("--accounts", "x.yml", "--organization", "--role-name", "R"),
        ("--accounts", "no-such-file.yml"),
        ("--only-new",),
        ("--output", "html"),
        ("--workers", "0"),
        ("--checkpoint", "/no/such/folder/scan.db"),
    ],
)
def test_a_wrong_command_line_is_2_and_says_nothing_on_stdout(fake_aws: FakeAWS, words: tuple[str, ...]) -> None:
    ran = scan(fake_aws.environment(), *words, "-o", "json") if "--output" not in words else scan(fake_aws.environment(), *words)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.strip().splitlines()) == 1, ran.err


def test_what_cannot_start_is_4_and_says_nothing_on_stdout(fake_aws: FakeAWS, world: World) -> None:
    world.fail("sts:GetCallerIdentity", "ExpiredToken", "The security token included in the request is expired", 403)
    ran = scan(fake_aws.environment(), "-o", "json")
    assert (ran.code, ran.out) == (4, "")
    assert "ExpiredToken" in ran.err
    assert scan({"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1"}, "-o", "json").code == 4


def test_an_organization_that_cannot_be_listed_is_4(fake_aws: FakeAWS, world: World) -> None:
    world.deny("organizations:*")
    ran = scan(fake_aws.environment(), "--organization", "--role-name", "Audit", "-o", "json")
    assert (ran.code, ran.out) == (4, "")
    assert "organizations:ListAccounts" in ran.err


# ----------------------------------------------------------------------------------------------------------------- outputs
def test_json_keeps_its_schema(reports: dict[str, Ran]) -> None:
    Draft202012Validator.check_schema(SCHEMAS["scan"])
    Draft202012Validator(SCHEMAS["scan"]).validate(reports["json"].report)


def test_json_says_what_is_where(reports: dict[str, Ran]) -> None:
    report = reports["json"].report
    assert report["schema"] == "stackdoctor.scan/v1"
    assert [(row["kind"], row["name"], row["account"], row["region"]) for row in report["problems"]] == [
        ("stack", "payments", ACCOUNT, "us-east-1"),
        ("trail", "audit", ACCOUNT, "us-east-1"),
    ]
    stack, trail = report["problems"]
    assert stack["diagnosis"]["schema"] == "stackdoctor.diagnosis/v1"
    assert trail["diagnosis"] is None
    assert trail["findings"][0]["clause"]["key"] == "kms:ViaService"
    assert trail["fixes"]
    assert [row["what"] for row in report["unread"]] == ["delivery channels in us-east-1"]
    assert report["places"][0]["checked"] == {"stack": 1, "trail": 2, "delivery-channel": 0, "flow-log": 0, "log-group": 0}


def test_jsonl_is_a_line_a_place_and_a_summary(reports: dict[str, Ran]) -> None:
    place, summary = (json.loads(line) for line in reports["jsonl"].out.splitlines())
    whole = steady(reports["json"].report)
    assert steady(place["problems"]) == whole["problems"]
    assert steady(summary) == {"type": "summary"} | {key: whole[key] for key in ("schema", "tool_version", "verdict", "summary", "totals")}


def test_text_is_tables_and_then_the_problems(reports: dict[str, Ran]) -> None:
    text = reports["text"].out
    parts = ("PROBLEMS", "By account", "By Region", "Wrong", "payments", "audit", "Not read", "config:DescribeDeliveryChannels")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "stackdoctor diagnose arn:aws:cloudformation:" in text
    assert "\x1b" not in text


def test_markdown_is_tables(reports: dict[str, Ran]) -> None:
    text = reports["markdown"].out
    assert text.startswith("## stackdoctor scan: problems\n")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert any("payments" in row and ACCOUNT in row for row in rows)


def test_junit_has_a_testcase_a_stack(reports: dict[str, Ran]) -> None:
    (suite,) = ET.fromstring(reports["junit"].out)
    assert (suite.get("name"), suite.get("failures"), suite.get("errors")) == (f"{ACCOUNT} us-east-1", "2", "1")
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {
        "stack payments": ["failure"],
        "trail audit": ["failure"],
        "trail well": [],
        "delivery channels in us-east-1": ["error"],
    }
    assert suite.get("tests") == str(len(cases))


def test_junit_of_a_healthy_account_has_a_testcase_too(fake_aws: FakeAWS) -> None:
    (suite,) = ET.fromstring(scan(fake_aws.environment(), "-o", "junit").out)
    assert [case.get("name") for case in suite] == ["no failed stacks"]


@pytest.mark.parametrize("output", ["text", "markdown", "junit", "json", "jsonl"])
def test_text_from_aws_acts_nowhere(fake_aws: FakeAWS, world: World, output: str) -> None:
    world.answer(
        "ec2:DescribeFlowLogs", {"FlowLogs": [{"FlowLogId": "fl-1", "DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": NASTY}]}
    )
    ran = scan(fake_aws.environment(), "-o", output, "-v")
    assert "\x1b" not in ran.out
    match output:
        case "junit":
            ET.fromstring(ran.out)
        case "json" | "jsonl":
            assert json.loads(ran.out.splitlines()[0] if output == "jsonl" else ran.out)
        case "markdown":
            assert "<script>" not in ran.out
            assert "\n# heading" not in ran.out
    assert output in ("json", "jsonl") or "\u202e" not in ran.out


def test_a_long_list_is_cut_and_says_so(fake_aws: FakeAWS, world: World) -> None:
    key = world.key(policy={"Version": "2012-10-17", "Statement": []})
    world.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": f"/app/{number:03}", "kmsKeyId": key} for number in range(60)]})
    assert "… and 10 more" in scan(fake_aws.environment()).out
    assert "/app/059" in scan(fake_aws.environment(), "-v").out
    assert scan(fake_aws.environment(), "-o", "json").report["totals"]["problems"] == 60


def test_redacted_means_every_output(sick: FakeAWS) -> None:
    for output in ("text", "json", "jsonl", "markdown", "junit"):
        ran = scan(sick.environment(), "-o", output, "--redact")
        assert ACCOUNT not in ran.out, output
        assert "payments" in ran.out


def test_quiet_is_one_line(sick: FakeAWS) -> None:
    assert len(scan(sick.environment(), "-q").out.splitlines()) == 1


# ------------------------------------------------------------------------------------------------------------ what changed
def test_new_still_there_resolved(fake_aws: FakeAWS, world: World, tmp_path: Path) -> None:
    words = ("--checkpoint", str(tmp_path / "scan.db"))
    trail = denied_trail(world)
    assert scan(fake_aws.environment(), *words).code == 1
    stuck(world)
    second = scan(fake_aws.environment(), *words, "-o", "json").report
    assert {row["name"]: row["change"] for row in second["problems"]} == {"payments": "new", "audit": "still"}
    world.keys[world.trails[trail]["public"]["KmsKeyId"]]["policy"] = open_key()
    third = scan(fake_aws.environment(), *words, "-o", "json").report
    assert {row["name"]: row["change"] for row in third["problems"]} == {"payments": "still"}
    assert {row["name"]: row["change"] for row in third["resolved"]} == {"audit": "resolved"}
    Draft202012Validator(SCHEMAS["scan"]).validate(third)
    assert stat.S_IMODE((tmp_path / "scan.db").stat().st_mode) == 0o600


def open_key() -> dict[str, Any]:
    by = {"Service": "cloudtrail.amazonaws.com"}
    allow = {"Effect": "Allow", "Principal": by, "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def test_only_new_for_alerts(fake_aws: FakeAWS, world: World, tmp_path: Path) -> None:
    """What is shown is new; the exit code still tells the state of the account."""
    words = ("--checkpoint", str(tmp_path / "scan.db"), "--only-new")
    denied_trail(world)
    assert "audit" in scan(fake_aws.environment(), *words[:2]).out
    again = scan(fake_aws.environment(), *words)
    assert again.code == 1
    assert "audit" not in again.out
    stuck(world)
    alert = scan(fake_aws.environment(), *words)
    assert "payments" in alert.out
    assert "audit" not in alert.out
    whole = scan(fake_aws.environment(), *words, "-o", "json").report
    assert (whole["problems"], whole["totals"]["problems"]) == ([], 2)


# ---------------------------------------------------------------------------------------------------------------- where
def test_several_regions(fake_aws: FakeAWS, world: World) -> None:
    world.bucket("logs", policy=trail_bucket("logs", ACCOUNT))
    world.trail("audit", "logs", region="eu-west-1")
    report = scan(fake_aws.environment(), "--region", "eu-west-1", "--region", "us-east-1", "-o", "json").report
    assert [(row["region"], row["checked"]["trail"]) for row in report["places"]] == [("eu-west-1", 1), ("us-east-1", 0)]
    assert {call.region for call in world.calls if call.operation == "ListStacks"} == {"eu-west-1", "us-east-1"}


def test_all_enabled_regions(fake_aws: FakeAWS, world: World) -> None:
    world.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": name} for name in ("us-west-2", "eu-west-1", "us-east-1")]})
    report = scan(fake_aws.environment(), "--all-regions", "-o", "json").report
    assert [row["region"] for row in report["places"]] == ["eu-west-1", "us-east-1", "us-west-2"]


def test_regions_that_cannot_be_listed_are_one_row(fake_aws: FakeAWS, world: World) -> None:
    world.deny("ec2:DescribeRegions")
    ran = scan(fake_aws.environment(), "--all-regions", "-o", "json")
    assert ran.code == 3
    (row,) = ran.report["places"]
    assert (row["region"], row["state"]) == (None, "unread")
    assert "UnauthorizedOperation" in row["error"]


def test_a_region_that_is_not_enabled_does_not_end_the_others(fake_aws: FakeAWS, world: World) -> None:
    """It does not know the token, which is not the same as one that ran out."""

    def answers(name: str, region: str) -> None:
        whole = world.reply

        def reply(request: Any) -> Any:
            if request.region == region and f"{request.service}:{request.operation}" != name:
                raise ApiError("UnrecognizedClientException", "The security token included in the request is invalid.", 400)
            return whole(request)

        world.reply = reply  # type: ignore[method-assign]

    answers("sts:GetCallerIdentity", "me-south-1")
    ran = scan(fake_aws.environment(), "--region", "us-east-1", "--region", "me-south-1", "--region", "eu-west-1", "-o", "json")
    assert [row["state"] for row in ran.report["places"]] == ["healthy", "unread", "healthy"]
    assert all("is the Region me-south-1 enabled" in row["error"] for row in ran.report["unread"])


def test_accounts_from_stdin(fake_aws: FakeAWS) -> None:
    ran = scan(fake_aws.environment(), "--accounts", "-", "-o", "json", stdin=f"[{{account_id: '{ACCOUNT}', name: own}}]")
    assert [(row["account"], row["account_name"]) for row in ran.report["places"]] == [(ACCOUNT, "own")]


def test_nothing_is_ever_written(sick: FakeAWS) -> None:
    from stackdoctor.permissions import OPERATIONS

    assert set(sick.world.called()) <= set(OPERATIONS)
    assert sick.world.unanswered == []


def test_the_permissions_of_a_scan_are_enough(fake_aws: FakeAWS, world: World) -> None:
    """With nothing but what `stackdoctor permissions --for scan` prints, all of it is read."""
    from stackdoctor.permissions import PURPOSES

    stuck(world)
    denied_trail(world)
    world.answer("config:DescribeDeliveryChannels", {"DeliveryChannels": [{"name": "default", "s3BucketName": f"logs-{ACCOUNT}"}]})
    world.answer("config:DescribeDeliveryChannelStatus", {"DeliveryChannelsStatus": []})
    world.answer("config:DescribeConfigurationRecorders", {"ConfigurationRecorders": []})
    world.allow_only(*PURPOSES["scan"])
    ran = scan(fake_aws.environment(), "-o", "json")
    assert ran.report["unread"] == []
