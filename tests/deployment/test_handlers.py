"""The handlers, invoked from the unpacked zip against an account: the same answers as the command line's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from end_to_end.command import stackdoctor
from lab import incidents
from lab.fake_aws import FakeAWS
from lab.ministack_server import ACCOUNT, REGION, MiniStack
from lab.world import World

from deployment.lambda_home import Home, Invoked
from stackdoctor import aws_lambda
from stackdoctor.aws.accounts import Accounts
from stackdoctor.aws.settings import Settings
from stackdoctor.report.schema import SCHEMAS

STACK = "failed-for-lambda"
UNSTEADY = {"generated_at", "calls"}


@pytest.fixture(scope="module")
def account(ministack: MiniStack) -> MiniStack:
    """An account in which the CloudTrail/KMS incident has happened."""
    incident = next(one for one in incidents.INCIDENTS if one.name == "cloudtrail-kms-viaservice")
    incidents.happen(ministack, incident, STACK)
    return ministack


def invoke(home: Home, aws: MiniStack, function: str, event: dict[str, Any], **more: str) -> Invoked:
    return home.invoke(function, event, aws.environment() | {"AWS_REGION": REGION, **more}, ACCOUNT)


def arn(aws: MiniStack) -> str:
    return str(aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["StackId"])


def test_diagnose_answers_what_the_command_line_prints(lambda_home: Home, account: MiniStack) -> None:
    answer = invoke(lambda_home, account, "diagnose", {"stack": STACK}).answer
    told = stackdoctor("diagnose", STACK, "-o", "json", **account.environment())
    assert {k: v for k, v in answer["document"].items() if k not in UNSTEADY} == {k: v for k, v in told.report.items() if k not in UNSTEADY}
    assert (answer["verdict"], answer["exit_code"], answer["summary"]) == ("explained", told.code, told.report["summary"])
    assert answer["message"] == stackdoctor("diagnose", STACK, **account.environment()).out


def test_an_event_of_a_status_change_names_the_stack(lambda_home: Home, account: MiniStack) -> None:
    event = {
        "detail-type": "CloudFormation Stack Status Change",
        "account": ACCOUNT,
        "region": REGION,
        "detail": {"stack-id": arn(account), "status-details": {"status": "ROLLBACK_FAILED", "status-reason": ""}},
    }
    answer = invoke(lambda_home, account, "diagnose", event).answer
    assert (answer["stack_id"], answer["tell"], answer["verdict"]) == (arn(account), True, "explained")


def test_a_runbook_is_answered_briefly(lambda_home: Home, account: MiniStack) -> None:
    answer = invoke(lambda_home, account, "diagnose", {"stack": STACK, "brief": True}).answer
    assert "document" not in answer
    assert answer["summary"]
    assert answer["commands"]


def test_nobody_is_told_of_a_healthy_stack(lambda_home: Home, account: MiniStack) -> None:
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, indent=1)
    incidents.deploy.deploy(account.client("cloudformation"), "well-for-lambda", template)
    answer = invoke(lambda_home, account, "diagnose", {"stack": "well-for-lambda"}).answer
    assert (answer["verdict"], answer["exit_code"], answer["tell"]) == ("healthy", 0, False)


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ({}, "UsageError", "names no stack"),
        ({"stack": "no-such-stack"}, "StackNotFound", "no-such-stack"),
        ({"stack": "x", "account": "999988887777"}, "UsageError", "STACKDOCTOR_ROLE_NAME"),
    ],
)
def test_what_cannot_be_diagnosed_is_an_error_that_says_why(
    lambda_home: Home, account: MiniStack, event: dict[str, Any], kind: str, words: str
) -> None:
    answer = invoke(lambda_home, account, "diagnose", event).answer
    assert answer["errorType"] == kind
    assert words in answer["errorMessage"]


def test_scan_answers_what_the_command_line_finds_in_one_account_and_region(lambda_home: Home, account: MiniStack) -> None:
    answer = invoke(lambda_home, account, "scan", {"account": ACCOUNT, "region": REGION, "name": "prod"}).answer
    told = stackdoctor("scan", "--region", REGION, "-o", "json", **account.environment()).report
    assert [(p["id"], p["summary"]) for p in answer["problems"]] == [(p["id"], p["summary"]) for p in told["problems"] + told["risks"]]
    assert any(p["name"] == STACK for p in answer["problems"])
    assert (answer["account"], answer["region"], answer["name"], answer["error"]) == (ACCOUNT, REGION, "prod", None)


def test_reduce_makes_the_report_that_the_schema_describes(lambda_home: Home, account: MiniStack) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="results-for-lambda")
    found = invoke(lambda_home, account, "scan", {"account": ACCOUNT, "region": REGION, "name": "prod"}).answer
    places = [{"account": ACCOUNT, "region": region, "name": "prod"} for region in (REGION, "eu-west-1", "eu-west-2")]
    succeeded = {"Status": "SUCCEEDED", "Input": json.dumps(places[0]), "Output": json.dumps(found)}
    cause = json.dumps({"errorType": "CannotRun", "errorMessage": "the role cannot be assumed"})
    failed = {"Status": "FAILED", "Input": json.dumps(places[1]), "Error": "CannotRun", "Cause": cause}
    for key, rows in {
        "runs/1/accounts/00001.json": places,
        "runs/1/results/u/SUCCEEDED_0.jsonl": [succeeded],
        "runs/1/results/u/FAILED_0.jsonl": [failed],
    }.items():
        text = "\n".join(map(json.dumps, rows)) if key.endswith("l") else json.dumps(rows)
        s3.put_object(Bucket="results-for-lambda", Key=key, Body=text.encode())
    event = {"bucket": "results-for-lambda", "prefix": "runs/1/", "started_at": "2026-11-25T12:00:00.000Z", "where": "s3://x/y/"}
    answer = invoke(lambda_home, account, "reduce", event).answer
    jsonschema.Draft202012Validator(SCHEMAS["scan"]).validate(answer["report"])
    assert (answer["verdict"], answer["exit_code"], answer["key"], answer["next"], answer["tell"]) == (
        "problems",
        1,
        "report.json",
        0,
        True,
    )
    assert [(p["region"], p["state"], p["error"]) for p in answer["report"]["places"]] == [
        (REGION, "problems", None),
        ("eu-west-1", "unread", "CannotRun: the role cannot be assumed"),
        ("eu-west-2", "unread", "not scanned: interrupted"),
    ]
    assert {(p["id"], p["name"]) for p in answer["report"]["problems"]} >= {
        (p["id"], STACK) for p in found["problems"] if p["name"] == STACK
    }
    assert "s3://x/y/" in answer["message"]
    assert answer["subject"].isascii()


def test_the_handlers_write_nothing(lambda_home: Home, account: MiniStack, tmp_path: Path) -> None:
    """Every operation they may call is on the list that the guard lets through, and no client is made around it."""
    sources = [
        path
        for path in (lambda_home.code / "stackdoctor").rglob("*.py")
        if "aws" not in path.relative_to(lambda_home.code / "stackdoctor").parts[:-1]
    ]
    assert not [path for path in sources if "import boto3" in path.read_text() or "import botocore" in path.read_text()]


class Invocation:
    """The context of an invocation within this process."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:stackdoctor-scan"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def test_what_aws_throttled_is_handed_back_to_step_functions_at_first(
    world: World, fake_aws: FakeAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With clients that try once: the function's own give in only after some twenty seconds."""
    for name, value in fake_aws.environment().items():
        monkeypatch.setenv(name, value)
    accounts = Accounts(Settings(region=world.region, attempts=1), 4)
    monkeypatch.setattr(aws_lambda, "_accounts", lambda: accounts)
    world.fail("logs:DescribeLogGroups", "ThrottlingException", "Rate exceeded")
    event = {"account": world.account, "region": world.region}
    for attempt in (0, 1):
        with pytest.raises(aws_lambda.Throttled, match="refused calls"):
            aws_lambda.scan(event | {"attempt": attempt}, Invocation())
    last = aws_lambda.scan(event | {"attempt": 2}, Invocation())
    assert last["throttled"]
    assert last["unread"]


def test_the_function_s_own_time_bounds_the_scan(lambda_home: Home, world: World, fake_aws: FakeAWS) -> None:
    world.break_off("cloudtrail:DescribeTrails", "stall")
    event = {"account": world.account, "region": world.region}
    answer = lambda_home.invoke("scan", event, fake_aws.environment() | {"AWS_REGION": world.region}, world.account, seconds=7).answer
    assert [row for row in answer["unread"] if row["would_decide"]]
    assert answer["problems"] == []
