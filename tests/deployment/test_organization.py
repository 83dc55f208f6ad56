"""The printed template, deployed: a schedule starts the state machine, its Distributed Map scans 200 accounts × 2 Regions through
the unpacked Lambda zip, 5 % of them failing, and the report goes to S3 and SNS.

MiniStack runs it, as local processes, with AUTH=true: the functions' roles and the role in every account are enforced.
Not exercised: ItemBatcher (not used), the state machines' own roles (MiniStack's integrations ask nobody), ResultWriter as
AWS writes it (the lab's does, in the documented format), the abort of running children when the tolerance is exceeded, and
the bucket's TLS-only policy, which is taken away here since MiniStack speaks plain HTTP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
from end_to_end.command import stackdoctor
from lab import deploy, incidents
from lab.ministack_server import ACCOUNT, MiniStack

from stackdoctor.report.schema import SCHEMAS

pytestmark = pytest.mark.engine

ACCOUNTS, REGIONS = 200, ("us-east-1", "eu-west-1")
FAILING = 10
STUCK = 3
INCIDENT = next(one for one in incidents.INCIDENTS if one.name == "cloudtrail-kms-viaservice")


@dataclass
class Deployed:
    """The organization and what was deployed for it. `denied` are accounts without the role, `stuck` those with a stuck stack."""

    aws: MiniStack
    parameters: dict[str, str]
    outputs: dict[str, str]
    denied: set[str]
    stuck: set[str]
    queue: str

    def reports(self) -> dict[str, dict[str, Any]]:
        return self.objects("reports/")

    def objects(self, prefix: str) -> dict[str, dict[str, Any]]:
        s3, bucket = self.aws.client("s3"), self.outputs["ResultsBucket"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {row["Key"]: json.loads(s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read()) for row in listed}

    def messages(self) -> list[dict[str, str]]:
        """What the topic's subscriber got, since it was last asked."""
        got = self.aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            self.aws.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in got]

    def executions(self, output: str) -> list[dict[str, Any]]:
        machine = self.outputs[output]
        return self.aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]

    def ended(self, arn: str, seconds: float = 300) -> dict[str, Any]:
        describe = self.aws.client("stepfunctions").describe_execution
        return eventually(lambda: d if (d := describe(executionArn=arn))["status"] != "RUNNING" else None, seconds)

    def map_run(self, arn: str) -> dict[str, Any]:
        states = self.aws.client("stepfunctions")
        (run,) = states.list_map_runs(executionArn=arn)["mapRuns"]
        return states.describe_map_run(mapRunArn=run["mapRunArn"])


def eventually(look: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s")


@pytest.fixture(scope="module")
def deployed(package: Path) -> Iterator[Deployed]:
    with MiniStack(AUTH="true") as aws:
        made = aws.client("organizations")
        names = [f"account-{number:03}" for number in range(1, ACCOUNTS)]
        ids = [made.create_account(Email=f"{n}@example.org", AccountName=n)["CreateAccountStatus"]["AccountId"] for n in names]
        denied, stuck = set(ids[:FAILING]), set(ids[-STUCK:])
        template = stackdoctor("deployment", "role").out
        give_role(aws, ids[FAILING:], template)
        for member in stuck:
            assert deploy.deploy(aws.client("cloudformation", key=member), "audit", INCIDENT.failing) == INCIDENT.status
        aws.client("s3").create_bucket(Bucket="code")
        aws.client("s3").put_object(Bucket="code", Key=package.name, Body=package.read_bytes())
        parameters = {
            "CodeBucket": "code",
            "CodeKey": package.name,
            "Regions": ",".join(REGIONS),
            "Concurrency": "4",
            "ToleratedFailurePercentage": "10",
            "ScheduleExpression": f"at({(datetime.now(UTC) + timedelta(seconds=15)).strftime('%Y-%m-%dT%H:%M:%S')})",
        }
        yield start(aws, parameters, denied, stuck)


def give_role(aws: MiniStack, members: list[str], template: str) -> None:
    """As a StackSet does it: the same stack in every account."""
    trusted = [{"ParameterKey": "TrustedAccountId", "ParameterValue": ACCOUNT}]
    session = boto3.session.Session(region_name="us-east-1")  # one for all: it keeps the service models it has loaded
    for member in members:
        client = session.client("cloudformation", endpoint_url=aws.url, aws_access_key_id=member, aws_secret_access_key="test")
        made = client.create_stack(StackName="role", TemplateBody=template, Parameters=trusted, Capabilities=["CAPABILITY_NAMED_IAM"])
        assert deploy.wait(client, made["StackId"]) == "CREATE_COMPLETE"


def start(aws: MiniStack, parameters: dict[str, str], denied: set[str], stuck: set[str]) -> Deployed:
    cloudformation = aws.client("cloudformation")
    assert deploy.deploy(cloudformation, "stackdoctor", stackdoctor("deployment", "org").out, parameters) == "CREATE_COMPLETE"
    shown = cloudformation.describe_stacks(StackName="stackdoctor")["Stacks"][0]["Outputs"]
    outputs = {row["OutputKey"]: row["OutputValue"] for row in shown}
    aws.client("s3").delete_bucket_policy(Bucket=outputs["ResultsBucket"])
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:told"
    may_send = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    queue = aws.client("sqs").create_queue(QueueName="told", Attributes={"Policy": policy})["QueueUrl"]
    aws.client("sns").subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
    return Deployed(aws, parameters, outputs, denied, stuck, queue)


@pytest.fixture(scope="module")
def scanned(deployed: Deployed) -> dict[str, Any]:
    """The execution that the schedule started, ended."""
    (execution,) = eventually(lambda: deployed.executions("OrganizationStateMachine"), 60)
    return deployed.ended(execution["executionArn"])


def test_the_schedule_starts_it_and_it_succeeds_within_the_tolerance(deployed: Deployed, scanned: dict[str, Any]) -> None:
    assert scanned["status"] == "SUCCEEDED", scanned
    run = deployed.map_run(scanned["executionArn"])
    counts = run["itemCounts"]
    assert (counts["total"], counts["failed"], counts["succeeded"]) == (400, 2 * FAILING, 400 - 2 * FAILING)
    assert (run["maxConcurrency"], run["toleratedFailurePercentage"]) == (4, 10.0)


def test_the_report_in_s3_has_every_account_and_region(deployed: Deployed, scanned: dict[str, Any]) -> None:
    report = deployed.reports()[f"reports/{scanned['name']}/report.json"]
    jsonschema.Draft202012Validator(SCHEMAS["scan"]).validate(report)
    totals = report["totals"]
    assert (report["verdict"], totals["accounts"], totals["places"], totals["stacks"]) == ("problems", ACCOUNTS, 400, STUCK)
    assert {(p["account"], p["region"]) for p in report["places"] if p["error"]} == {(a, r) for a in deployed.denied for r in REGIONS}
    assert all("cannot be assumed: AccessDenied" in p["error"] for p in report["places"] if p["error"])
    assert {(p["account"], p["region"], p["name"]) for p in report["problems"]} == {(a, "us-east-1", "audit") for a in deployed.stuck}
    assert [p["account"] for p in report["places"][::2]] == sorted(p["account"] for p in report["places"][::2])


def test_it_is_the_report_of_the_command_line(deployed: Deployed, scanned: dict[str, Any]) -> None:
    report = deployed.reports()[f"reports/{scanned['name']}/report.json"]
    words = ["--organization", "--role-name", "stackdoctor-read", "-o", "json", "--region", REGIONS[0], "--region", REGIONS[1]]
    told = stackdoctor("scan", *words, **deployed.aws.environment())
    assert told.code == 1, told.err
    assert [shown(p) for p in report["problems"]] == [shown(p) for p in told.report["problems"]]
    assert {p["account"] for p in told.report["places"] if p["error"]} == deployed.denied
    well = [p for p in told.report["places"] if p["account"] not in deployed.denied]
    assert [p for p in report["places"] if p["account"] not in deployed.denied] == well


def shown(problem: dict[str, Any]) -> dict[str, Any]:
    """Without when it was made, and what it cost."""
    diagnosis = {k: v for k, v in problem["diagnosis"].items() if k not in {"generated_at", "calls"}}
    return problem | {"diagnosis": diagnosis}


def test_everybody_subscribed_is_told_once(deployed: Deployed, scanned: dict[str, Any]) -> None:
    (message,) = [m for m in deployed.messages() if m["Subject"].startswith("stackdoctor: problems")]
    assert message["Subject"] == f"stackdoctor: problems in {ACCOUNTS} accounts, {STUCK} wrong, {2 * FAILING} not read"
    assert f"reports/{scanned['name']}/" in message["Message"]
    assert "audit" in message["Message"]


def test_more_failures_than_tolerated_end_the_scan_and_are_still_reported(deployed: Deployed, scanned: dict[str, Any]) -> None:
    fewer = deployed.parameters | {"ToleratedFailurePercentage": "2", "Regions": "us-east-1", "ScheduleExpression": "rate(30 days)"}
    cloudformation = deployed.aws.client("cloudformation")
    assert deploy.update(cloudformation, "stackdoctor", stackdoctor("deployment", "org").out, fewer) == "UPDATE_COMPLETE"
    machine = deployed.outputs["OrganizationStateMachine"]
    started = deployed.aws.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
    ended = deployed.ended(started["executionArn"])
    assert (ended["status"], ended["error"]) == ("FAILED", "TooManyFailed")
    assert deployed.map_run(started["executionArn"])["status"] == "FAILED"
    report = deployed.reports()[f"reports/{started['executionArn'].rsplit(':', 1)[1]}/report.json"]
    assert "more accounts and Regions failed than are tolerated" in report["summary"]
    assert report["totals"]["failed"] == FAILING


def test_a_stack_that_fails_is_diagnosed_within_a_minute(deployed: Deployed, scanned: dict[str, Any]) -> None:
    deployed.messages()
    began = time.monotonic()
    assert deploy.deploy(deployed.aws.client("cloudformation"), "ledger", INCIDENT.failing) == INCIDENT.status
    (message,) = eventually(lambda: [m for m in deployed.messages() if "ledger" in m["Subject"]], 60)
    assert time.monotonic() - began < 60
    assert message["Subject"] == f"stackdoctor: ledger is {INCIDENT.status}"
    assert message["Message"].startswith("EXPLAINED")
    (document,) = deployed.objects(f"diagnoses/{ACCOUNT}/us-east-1/ledger/").values()
    jsonschema.Draft202012Validator(SCHEMAS["diagnosis"]).validate(document)
    assert document["verdict"] == "explained"
    told = stackdoctor("diagnose", "ledger", "-o", "json", **deployed.aws.environment()).report
    assert (document["summary"], document["root_causes"]) == (told["summary"], told["root_causes"])


def test_a_stack_that_succeeds_starts_nothing(deployed: Deployed, scanned: dict[str, Any]) -> None:
    before = len(deployed.executions("DiagnosisStateMachine"))
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, indent=1)
    assert deploy.deploy(deployed.aws.client("cloudformation"), "well", template) == "CREATE_COMPLETE"
    time.sleep(1)
    assert len(deployed.executions("DiagnosisStateMachine")) == before
