"""The runbook, driven step by step: it invokes the unpacked function, and says the verdict and the sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from end_to_end.command import stackdoctor
from lab import incidents
from lab.ministack_server import ACCOUNT, REGION, MiniStack

from deployment import automation
from deployment.lambda_home import Home

STACK = "failed-for-the-runbook"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/automation"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(stackdoctor("deployment", "runbook", "-o", "json").out)


@pytest.fixture(scope="module")
def account(ministack: MiniStack) -> MiniStack:
    incidents.happen(ministack, next(one for one in incidents.INCIDENTS if one.name == "cloudtrail-kms-viaservice"), STACK)
    return ministack


def run(document: dict[str, Any], home: Home, aws: MiniStack, stack: str) -> dict[str, Any]:
    def invoke(function: str, payload: Any) -> Any:
        assert function == "stackdoctor-diagnose"
        return home.invoke("diagnose", payload, aws.environment() | {"AWS_REGION": REGION}, ACCOUNT).answer

    return automation.run(document, {"Stack": stack, "AutomationAssumeRole": ROLE}, invoke)


def test_it_says_what_the_command_line_says(document: dict[str, Any], lambda_home: Home, account: MiniStack) -> None:
    outputs = run(document, lambda_home, account, STACK)
    told = stackdoctor("diagnose", STACK, "-o", "json", **account.environment()).report
    assert outputs["Read.verdict"] == told["verdict"] == "explained"
    assert outputs["Read.summary"] == told["summary"]
    assert outputs["Read.commands"] == [step["command"] for step in told["recovery"]]
    assert outputs["Read.report"].startswith("EXPLAINED")


def test_a_stack_by_its_arn(document: dict[str, Any], lambda_home: Home, account: MiniStack) -> None:
    arn = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
    assert run(document, lambda_home, account, arn)["Read.verdict"] == "explained"


def test_a_stack_that_does_not_exist_fails_the_step_and_says_so(document: dict[str, Any], lambda_home: Home, account: MiniStack) -> None:
    with pytest.raises(automation.StepFailed, match=r"StackNotFound.*nowhere"):
        run(document, lambda_home, account, "nowhere")


@pytest.mark.parametrize("stack", ['x", "account": "999988887777', "", "arn:aws:s3:::bucket", "-x", "a b", "a\n"])
def test_a_stack_that_could_break_out_of_the_payload_is_not_allowed(
    document: dict[str, Any], lambda_home: Home, account: MiniStack, stack: str
) -> None:
    with pytest.raises(ValueError, match="not allowed"):
        run(document, lambda_home, account, stack)


def test_every_step_and_output_that_is_named_exists(document: dict[str, Any]) -> None:
    made = {f"{step['name']}.{output['Name']}" for step in document["mainSteps"] for output in step.get("outputs", [])}
    assert set(document["outputs"]) <= made
