"""The templates: what cfn-lint says, who may do what, and that they deploy as they are printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.decode import cfn_yaml
from end_to_end.command import stackdoctor
from lab import deploy
from lab.ministack_server import ACCOUNT, MiniStack

from stackdoctor import permissions
from stackdoctor.deployment import machines, organization, role, runbook
from stackdoctor.scan.stacks import FAILED_STATES

TEMPLATES = {"org": organization.template, "role": role.template}
INLINE = 51_200
"""Bytes of a template given to CloudFormation directly."""


@pytest.mark.parametrize("output", ["yaml", "json"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_cfn_lint_has_nothing_to_say(name: str, output: str) -> None:
    printed = stackdoctor("deployment", name, "-o", output).out
    config = ManualArgs(regions=["us-east-1", "eu-central-1", "ap-southeast-2"], include_checks=["I"])
    assert [str(match) for match in lint(printed, config=config)] == []
    assert len(printed.encode()) < INLINE


def test_cfn_lint_would_have_said_something() -> None:
    """The lint above looks at what is inside policies."""
    wrong = stackdoctor("deployment", "org").out.replace("organizations:ListAccounts", "organizations:ListAcounts")
    assert "listacounts" in " ".join(str(match) for match in lint(wrong, config=ManualArgs(regions=["us-east-1"])))


@pytest.mark.parametrize(("name", "document"), [*((n, t) for n, t in TEMPLATES.items()), ("runbook", runbook.document)])
def test_yaml_and_json_say_the_same_to_cloudformation(name: str, document: Any) -> None:
    """YAML as cfn-lint reads it, which is 1.1: there OFF and 2010-09-09 would be something else."""
    read = cfn_yaml.loads(stackdoctor("deployment", name).out)
    assert json.loads(json.dumps(read, default=str)) == json.loads(stackdoctor("deployment", name, "--output", "json").out) == document()


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    return [s for policy in resource["Properties"]["Policies"] for s in policy["PolicyDocument"]["Statement"]]


ROLES = {k: v for k, v in organization.template()["Resources"].items() if v["Type"] == "AWS::IAM::Role"}  # type: ignore[union-attr,index,call-overload]
READS = {action for needed in permissions.OPERATIONS.values() for action in needed}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize("name", ["ScanRole", "DiagnoseRole", "ReduceRole"])
def test_the_functions_may_read_and_log_and_nothing_else(name: str) -> None:
    actions = {action for s in statements(ROLES[name]) for action in s["Action"]}
    assert actions <= READS | LOG
    assert ("sts:AssumeRole" in actions) == (name != "ReduceRole")


@pytest.mark.parametrize("name", ROLES)
def test_no_statement_grants_more_than_named_actions_and_writes_only_on_named_resources(name: str) -> None:
    for statement in statements(ROLES[name]):
        assert not [action for action in statement["Action"] if "*" in action]
        if statement["Resource"] == ["*"]:
            assert set(statement["Action"]) <= READS


def test_the_functions_are_granted_what_permissions_prints() -> None:
    for name, purpose in (("ScanRole", "scan"), ("DiagnoseRole", "diagnose")):
        assert statements(ROLES[name])[0]["Action"] == permissions.policy(purpose)["Statement"][0]["Action"]  # type: ignore[index,call-overload]


def test_the_role_for_every_account_is_what_permissions_prints() -> None:
    resource = role.template()["Resources"]["Role"]  # type: ignore[index,call-overload]
    assert resource["Properties"]["Policies"][0]["PolicyDocument"] == permissions.policy("scan")


def test_every_state_that_ends_badly_starts_a_diagnosis() -> None:
    rule = organization.template()["Resources"]["FailedStack"]["Properties"]  # type: ignore[index,call-overload]
    listed = rule["EventPattern"]["detail"]["status-details"]["status"]
    assert set(listed) == {s for s in FAILED_STATES if s.endswith(("_FAILED", "ROLLBACK_COMPLETE"))}
    assert {"CREATE_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"} <= set(listed)


@pytest.mark.parametrize("machine", [machines.organization(), machines.diagnosis()])
def test_every_placeholder_of_a_machine_is_something_of_the_template(machine: dict[str, Any]) -> None:
    template = organization.template()
    known = {*template["Parameters"], *template["Resources"], "RegionList", "AWS::Partition"}  # type: ignore[misc]
    used = {name.removesuffix(".Arn") for name in re.findall(r"\$\{([^}!]+)\}", machines.filled(machine))}
    assert used <= known


# ----------------------------------------------------------------------------------------------------------- deployed
@pytest.mark.parametrize("external_id", ["", "said-by-stackdoctor"])
def test_the_role_deploys_and_is_assumed_only_by_whom_it_trusts(strict_ministack: MiniStack, external_id: str) -> None:
    member, name = "444455556666", f"read-{len(external_id)}"
    cloudformation = strict_ministack.client("cloudformation", key=member)
    parameters = {"RoleName": name, "TrustedAccountId": ACCOUNT, "ExternalId": external_id}
    assert deploy.deploy(cloudformation, name, stackdoctor("deployment", "role").out, parameters) == "CREATE_COMPLETE"
    arn = f"arn:aws:iam::{member}:role/{name}"
    said = {"ExternalId": external_id} if external_id else {}
    key, secret = strict_ministack.user(
        f"scanner-{name}",
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}]}),
    )
    sts = strict_ministack.client("sts", key=key, secret=secret)
    given = sts.assume_role(RoleArn=arn, RoleSessionName="scan", **said)["Credentials"]
    with pytest.raises(Exception, match="AccessDenied"):
        strict_ministack.client("sts", key="999988887777").assume_role(RoleArn=arn, RoleSessionName="scan", **said)
    if external_id:
        with pytest.raises(Exception, match="AccessDenied"):
            sts.assume_role(RoleArn=arn, RoleSessionName="scan")
    assert given["AccessKeyId"]


def test_the_command_prints_nothing_else(tmp_path: Path) -> None:
    ran = stackdoctor("deployment", "runbook")
    assert (ran.code, ran.err) == (0, "")
    assert "org" in stackdoctor("deployment", "--help").out
    assert stackdoctor("deployment", "everything").code == 2


# ------------------------------------------------------------------------------------------ what no local engine enforces
NEEDS = {
    "aws-sdk:organizations:listAccounts": {"organizations:ListAccounts"},
    "aws-sdk:s3:putObject": {"s3:PutObject"},
    "s3:putObject": {"s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"},
    "s3:listObjectsV2": {"s3:ListBucket", "s3:GetObject"},
    "lambda:invoke": {"lambda:InvokeFunction"},
    "sns:publish": {"sns:Publish"},
    "DISTRIBUTED": {"states:StartExecution", "states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"},
}
"""https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html and the pages of each integration"""


def used(machine: Any) -> set[str]:
    """The integrations anywhere in a machine."""
    match machine:
        case dict():
            own = {machine["Resource"].split(":::")[1]} if isinstance(machine.get("Resource"), str) else set()
            return (
                own | ({"DISTRIBUTED"} if machine.get("Mode") == "DISTRIBUTED" else set()) | {u for v in machine.values() for u in used(v)}
            )
        case list():
            return {u for value in machine for u in used(value)}
    return set()


@pytest.mark.parametrize(("name", "machine"), [("OrganizationRole", machines.organization()), ("DiagnosisRole", machines.diagnosis())])
def test_a_machine_may_do_exactly_what_its_integrations_need(name: str, machine: dict[str, Any]) -> None:
    granted = {action for statement in statements(ROLES[name]) for action in statement["Action"]}
    assert granted == {action for integration in used(machine) for action in NEEDS[integration]}


def test_every_function_a_machine_invokes_is_granted() -> None:
    for name, machine in (("OrganizationRole", machines.organization()), ("DiagnosisRole", machines.diagnosis())):
        invoked = set(re.findall(r"\$\{(\w+)\.Arn\}", machines.filled(machine)))
        (granted,) = (s for s in statements(ROLES[name]) if s["Sid"] == "Invoke")
        assert {resource["Fn::GetAtt"][0] for resource in granted["Resource"]} == invoked
