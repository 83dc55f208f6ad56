"""What must never leave an account does not: parameters, environments, keys, tokens; and --redact leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from end_to_end.command import stackdoctor
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from robustness.command import CREDENTIALS, Account, run

SECRETS = {
    "parameter": "Hunter2-parameter-value",
    "default": "Hunter2-default-value",
    "environment": "Hunter2-environment-value",
    "password": "Hunter2-master-password",
    "key id": "AKIAI44QH8DHBEXAMPLE",
    "temporary key id": "ASIAI44QH8DHBEXAMPLE",
    "secret key": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    "token": "IQoJb3JpZ2luX2VjEXAMPLETOKENTOKENTOKENTOKENTOKENTOKENTOKENTOKENTOKENTOKEN",
}
TEMPLATE = {
    "Parameters": {"MasterPassword": {"Type": "String", "NoEcho": True, "Default": SECRETS["default"]}},
    "Resources": {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Variables": {"DB_PASSWORD": SECRETS["environment"], "TOKEN": SECRETS["token"]}}},
        },
        "AuditedDatabase": {"Type": "AWS::RDS::DBInstance", "Properties": {"MasterUserPassword": SECRETS["password"]}},
        "Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"TrailName": "t", "S3BucketName": "b"}},
    },
}
OUTPUTS = ("text", "json", "markdown")


def full_of_secrets(world: World) -> attempts.Told:
    told = attempts.four_stacks(world, evidence="there")
    for stack in world.stacks.values():
        stack["template"] = json.dumps(TEMPLATE)
        stack["public"]["Parameters"] = [{"ParameterKey": "MasterPassword", "ParameterValue": SECRETS["parameter"]}]
        stack["public"]["Outputs"] = [{"OutputKey": "AccessKey", "OutputValue": SECRETS["key id"]}]
        for event in stack["events"]:
            if event["LogicalResourceId"] == "AuditedDatabase" and "ResourceProperties" in event:
                properties = json.loads(event["ResourceProperties"]) | {"MasterUserPassword": SECRETS["password"]}
                event["ResourceProperties"] = json.dumps(
                    properties | {"Environment": {"Variables": {"DB_PASSWORD": SECRETS["environment"]}}}
                )
            if event.get("ResourceStatusReason", "").startswith("Resource handler"):
                event["ResourceStatusReason"] += f" called with {SECRETS['temporary key id']}"
    for record in world.records:
        record["userIdentity"] |= {"accessKeyId": SECRETS["temporary key id"], "arn": "arn:aws:sts::111122223333:assumed-role/R/jane.doe"}
        record["responseElements"] = {"credentials": {"secretAccessKey": SECRETS["secret key"], "sessionToken": SECRETS["token"]}}
    return told


def found_in(text: str) -> set[str]:
    return {name for name, secret in SECRETS.items() if secret in text or json.dumps(secret)[1:-1] in text}


def everything_in(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_secret_is_printed_or_kept(here: Account, tmp_path: Path, output: str) -> None:
    world = World()
    told = full_of_secrets(world)
    here.become(world)
    ran = here.diagnose(told.stack, "-o", output, "-v", "--save", str(tmp_path / "kept"))
    assert ran.code == 1, ran.err
    assert found_in(ran.out + ran.err + everything_in(tmp_path / "kept")) == set()


def test_no_secret_is_printed_of_kept_evidence_that_holds_some(here: Account, tmp_path: Path) -> None:
    """Kept by somebody else, or edited since."""
    world = World()
    told = full_of_secrets(world)
    here.become(world)
    here.diagnose(told.stack, "--save", str(tmp_path / "kept"))
    for path in (tmp_path / "kept" / "cloudformation").glob("GetTemplate*"):
        kept = json.loads(path.read_text())
        path.write_text(json.dumps(kept | {"answer": {"TemplateBody": json.dumps(TEMPLATE)}}))
    for output in OUTPUTS:
        ran = run("diagnose", "--from", str(tmp_path / "kept"), "-o", output, "-v", "--save", str(tmp_path / f"again-{output}"))
        assert ran.code == 1, ran.err
        assert found_in(ran.out + ran.err + everything_in(tmp_path / f"again-{output}")) == set()


def test_no_secret_is_in_a_debug_log_or_a_traceback(world: World, fake_aws: FakeAWS) -> None:
    """A process of its own: logging is global. What signs the calls must not show either."""
    told = full_of_secrets(world)
    mine = {name: CREDENTIALS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    words = ("diagnose", told.stack, "--region", "us-east-1", "--endpoint-url", fake_aws.url, "--debug", "-v")
    ran = stackdoctor(*words, **mine)
    assert ran.code == 1
    assert "GetKeyPolicy" in ran.err, "a log that says nothing hides nothing"
    assert found_in(ran.out + ran.err) == set()
    assert not [secret for secret in mine.values() if secret in ran.out + ran.err]
    world.break_off("*", "garbage")
    broken = stackdoctor(*words, **mine)
    assert broken.code == 4
    assert "Traceback" in broken.err, "--debug shows where"
    assert found_in(broken.err) == set()
    assert not [secret for secret in mine.values() if secret in broken.err]


# ---------------------------------------------------------------------------------------------------------------- --redact
ACCOUNT, PEOPLE = "111122223333", ("jane.doe", "john.roe@example.org")


def personal(world: World) -> attempts.Told:
    told = attempts.four_stacks(world, evidence="there")
    world.keys[told.key]["policy"]["Statement"][0]["Principal"]["AWS"] = [
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:user/{PEOPLE[0]}",
        "arn:aws:iam::444455556666:role/partner",
    ]
    for record in world.records:
        record["userIdentity"] |= {
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/{PEOPLE[1]}",
            "accessKeyId": SECRETS["temporary key id"],
        }
        record["requestParameters"]["tagsList"] = [{"key": "owner", "value": PEOPLE[0]}]
    for stack in world.stacks.values():
        stack["public"]["Tags"] = [{"Key": "Owner", "Value": PEOPLE[0]}]
        stack["public"]["RoleARN"] = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    return told


def names_in(text: str) -> set[str]:
    return {name for name in (ACCOUNT, "444455556666", *PEOPLE, SECRETS["temporary key id"]) if name in text}


def leaf_shapes(value: Any) -> Any:
    """The document without what masks change: what is compared is what was found, not whom it names."""
    if isinstance(value, dict):
        return {key: leaf_shapes(item) for key, item in value.items() if key not in {"generated_at", "calls"}}
    if isinstance(value, list):
        return [leaf_shapes(item) for item in value]
    return re.sub(r"\d{12}", "ACCOUNT", value) if isinstance(value, str) else value


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("story", [attempts.four_stacks, attempts.four_updates], ids=lambda story: story.__name__)
def test_redact_leaves_nothing_behind(here: Account, tmp_path: Path, output: str, story: Any) -> None:
    world = World()
    told = personal(world) if story is attempts.four_stacks else story(world)
    here.become(world)
    ran = here.diagnose(told.stack, "-o", output, "-v", "--redact", "--save", str(tmp_path / "kept"))
    assert ran.code == 1, ran.err
    files = everything_in(tmp_path / "kept")
    assert names_in(ran.out + ran.err + files) == set()
    assert len(set(re.findall(r"(?<!\d)\d{12}(?!\d)", ran.out)) & set(re.findall(r"(?<!\d)\d{12}(?!\d)", files))) >= 1, "one mask in both"
    assert not [path.name for path in (tmp_path / "kept").rglob("*") if names_in(path.name)]


def test_a_redacted_diagnosis_is_the_same_diagnosis(here: Account) -> None:
    """One account, one mask: what was found, where, and how it is mended does not change."""
    world = World()
    told = personal(world)
    here.become(world)
    plain, masked = here.diagnose(told.stack).report, here.diagnose(told.stack, "--redact").report
    assert leaf_shapes(masked) == leaf_shapes(plain)
    assert masked["stack"]["account"] != ACCOUNT
    assert masked["stack"]["account"] in masked["stack"]["id"]
    assert masked["stack"]["account"] in json.dumps(masked["fixes"][0]["document"])


def test_redacted_evidence_gives_the_redacted_diagnosis(here: Account, tmp_path: Path) -> None:
    """Redaction commutes with diagnosis, through the whole pipeline."""
    world = World()
    told = personal(world)
    here.become(world)
    live = here.diagnose(told.stack, "--redact", "--save", str(tmp_path / "kept"))
    again = run("diagnose", "--from", str(tmp_path / "kept"), "-o", "json")
    assert (live.code, again.code) == (1, 1), again.err
    drop = {"generated_at", "calls"}
    strip = f" --endpoint-url {here.url}"
    mine = json.loads(json.dumps({k: v for k, v in live.report.items() if k not in drop}).replace(strip, ""))
    assert mine == {k: v for k, v in again.report.items() if k not in drop}
    assert names_in(again.out) == set()


def test_kept_evidence_is_private(here: Account, tmp_path: Path) -> None:
    world = World()
    told = attempts.four_stacks(world)
    here.become(world)
    here.diagnose(told.stack, "--save", str(tmp_path / "kept"))
    if os.name != "nt":
        assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "kept").rglob("*") if path.is_file()} == {"0o600"}
        assert oct((tmp_path / "kept").stat().st_mode & 0o777) == "0o700"
