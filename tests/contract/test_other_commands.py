"""CONTRACT.md, "Commands": explain, checks, schema, permissions, demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from contract.running import diagnose, run

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = "arn:aws:s3:::logs"
TRAIL = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit"
SERVICE = "cloudtrail.amazonaws.com"


def policy(tmp_path: Path, *statements: dict[str, Any]) -> str:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return str(file)


def allow(action: Any, resource: Any = "*", condition: Any = None, principal: Any = None, effect: str = "Allow") -> dict[str, Any]:
    made = {"Effect": effect, "Principal": principal or {"Service": SERVICE}, "Action": action, "Resource": resource}
    return made | ({"Condition": condition} if condition else {})


def ask(
    file: str, *more: str, principal: str = SERVICE, action: str = "kms:GenerateDataKey", resource: str = KEY, account: str = "111122223333"
):
    words = ("--principal", principal, "--action", action, "--resource", resource, "--account", account, *more)
    ran = run("explain", file, *words, "-o", "json", credentials=False)
    text = run("explain", file, *words, credentials=False)
    assert text.code == ran.code
    if ran.out:
        jsonschema.validate(ran.report, json.loads(run("schema", "explanation", credentials=False).out))
    return ran


def decided(ran) -> tuple[int, str]:
    return ran.code, ran.report["decision"]


# ------------------------------------------------------------------------------------------------ explain
def test_exit_0_allowed_1_denied_3_undecided(tmp_path: Path) -> None:
    given = policy(tmp_path, allow("kms:GenerateDataKey*", condition={"StringEquals": {"aws:SourceArn": TRAIL}}))
    assert decided(ask(given, "--context", f"aws:SourceArn={TRAIL}")) == (0, "allowed")
    assert decided(ask(given, "--context", f"aws:SourceArn={TRAIL}s")) == (1, "implicitly-denied")
    assert decided(ask(given, "--unknown", "aws:SourceArn")) == (3, "undecided")
    assert decided(ask(given, "--present", "aws:SourceArn")) == (3, "undecided")


def test_an_explicit_deny_is_told_apart(tmp_path: Path) -> None:
    given = policy(
        tmp_path, allow("kms:*"), allow("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, principal="*", effect="Deny")
    )
    assert decided(ask(given)) == (1, "explicitly-denied")
    assert decided(ask(given, "--context", "aws:PrincipalOrgID=o-1")) == (0, "allowed")


def test_a_key_not_named_is_absent_with_open_unknown(tmp_path: Path) -> None:
    given = policy(tmp_path, allow("kms:*", condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}))
    assert decided(ask(given)) == (1, "implicitly-denied")
    assert decided(ask(given, "--open")) == (3, "undecided")
    missing = policy(tmp_path, allow("kms:*", condition={"Null": {"aws:SourceAccount": "true"}}))
    assert decided(ask(missing)) == (0, "allowed")
    assert decided(ask(missing, "--present", "aws:SourceAccount")) == (1, "implicitly-denied")


def test_several_context_of_one_key_make_it_multivalued_and_key_equals_is_the_empty_string(tmp_path: Path) -> None:
    given = policy(tmp_path, allow("kms:*", condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}))
    assert decided(ask(given, "--context", "aws:TagKeys=a", "--context", "aws:TagKeys=b")) == (0, "allowed")
    assert decided(ask(given, "--context", "aws:TagKeys=a", "--context", "aws:TagKeys=c")) == (1, "implicitly-denied")
    empty = policy(tmp_path, allow("kms:*", condition={"StringEquals": {"aws:PrincipalTag/team": ""}}))
    assert decided(ask(empty, "--context", "aws:PrincipalTag/team=")) == (0, "allowed")
    assert decided(ask(empty)) == (1, "implicitly-denied")
    valued = policy(tmp_path, allow("kms:*", condition={"StringEquals": {"kms:EncryptionContext:a": "b=c"}}))
    assert decided(ask(valued, "--context", "kms:EncryptionContext:a=b=c")) == (0, "allowed")


def test_the_prefix_of_the_action_tells_a_key_policy_from_a_bucket_policy(tmp_path: Path) -> None:
    """`Resource: *` in a key policy is this key; a statement without Resource allows nothing in either."""
    star = policy(tmp_path, allow(["kms:*", "s3:*"]))
    assert decided(ask(star)) == (0, "allowed")
    assert decided(ask(star, action="s3:GetBucketAcl", resource=BUCKET))[0] == 0
    root = policy(tmp_path, allow("kms:*", principal={"AWS": "arn:aws:iam::111122223333:root"}))
    assert decided(ask(root)) == (1, "implicitly-denied")


@pytest.mark.parametrize(
    ("principal", "given", "code"),
    [
        ("*", {"AWS": "*"}, 0),
        ("*", "*", 0),
        ("*", {"AWS": "arn:aws:iam::111122223333:root"}, 1),
        ("arn:aws:iam::111122223333:role/R", {"AWS": "arn:aws:iam::111122223333:role/R"}, 0),
        ("arn:aws:iam::111122223333:role/R", {"AWS": "arn:aws:iam::111122223333:role/r"}, 1),
        ("arn:aws:sts::111122223333:assumed-role/R/me", {"AWS": "arn:aws:iam::111122223333:role/R"}, 0),
        (SERVICE, {"AWS": "*"}, 1),
        (SERVICE, "*", 0),
    ],
)
def test_principal_is_a_service_an_arn_or_star_for_anonymous(tmp_path: Path, principal: str, given: Any, code: int) -> None:
    file = policy(tmp_path, allow("s3:GetObject", BUCKET + "/*", principal=given))
    assert ask(file, principal=principal, action="s3:GetObject", resource=BUCKET + "/x").code in (
        {code} if principal != SERVICE else {0, 1}
    )


def test_conditions_that_name_a_key_twice_are_a_usage_error(tmp_path: Path) -> None:
    given = policy(tmp_path, allow("kms:*"))
    ran = run("explain", given, "--principal", SERVICE, "--action", "kms:Decrypt", "--context", "a=b", "--unknown", "a")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "words", [["--context", "novalue"], ["--context", "=x"], ["-o", "yaml"], ["--action", "Decrypt"], ["--action", ""], ["--principal", ""]]
)
def test_a_wrong_option_is_exit_2_and_one_line(tmp_path: Path, words: list[str]) -> None:
    given = policy(tmp_path, allow("kms:*"))
    ran = run("explain", given, "--principal", SERVICE, "--action", "kms:Decrypt", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"Statement": 7}', '{"Version": "2012-10-17"}', "\x00", "[" * 5000])
def test_a_file_that_is_no_policy_is_exit_4_and_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    ran = run("explain", str(file), "--principal", SERVICE, "--action", "kms:Decrypt", "-o", "json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert "policy.json" in ran.err


def test_a_file_that_is_not_there_is_one_line_and_never_a_denial(tmp_path: Path) -> None:
    ran = run("explain", str(tmp_path / "nothing.json"), "--principal", SERVICE, "--action", "kms:Decrypt", "-o", "json")
    assert ran.code in {2, 4}
    assert (ran.out, ran.err.count("\n")) == ("", 1)


def test_a_policy_from_stdin_also_as_get_key_policy_prints_it_also_redirected_by_powershell() -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("kms:*")]})
    words = ("explain", "-", "--principal", SERVICE, "--action", "kms:Decrypt", "-o", "json")
    for data in (
        document.encode(),
        document.replace(",", ",\r\n").encode(),
        json.dumps({"Policy": document, "PolicyName": "default"}).encode(),
    ):
        assert run(*words, stdin=data).code == 0
    assert run(*words, stdin=json.dumps({"Policy": document}, indent=4).encode("utf-8-sig")).code == 0
    assert run(*words, stdin=json.dumps({"Policy": document}, indent=4).encode("utf-16")).code == 0


# ------------------------------------------------------------------------------------------------ checks
def test_checks_lists_every_cause_one_line_each_and_an_id_explains_one_with_the_aws_page() -> None:
    lines = run("checks").out.splitlines()
    ids = [line.split()[0] for line in lines]
    assert len(ids) == len(set(ids)) >= 30
    for name in ids:
        one = run("checks", name)
        assert one.code == 0
        assert name in one.out
        assert "https://docs.aws.amazon.com/" in one.out, name


def test_every_check_that_a_shipped_incident_reports_is_listed() -> None:
    ids = {line.split()[0] for line in run("checks").out.splitlines()}
    for name in run("demo", "--list").out.split():
        found = {finding["check"] for finding in run("demo", name, "-o", "json").report["findings"]}
        assert found <= ids, name


# ------------------------------------------------------------------------------------------------ schema
@pytest.mark.parametrize("what", ["diagnosis", "scan", "explanation"])
def test_schema_prints_the_json_schema_of_an_output(what: str) -> None:
    ran = run("schema", what)
    assert (ran.code, ran.err) == (0, "")
    schema = json.loads(ran.out)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_schema_without_what_is_the_diagnosis() -> None:
    assert run("schema").out == run("schema", "diagnosis").out


def test_a_diagnosis_fits_its_schema_and_a_broken_one_does_not(world: World, fake_aws: FakeAWS) -> None:
    schema = json.loads(run("schema").out)
    report = diagnose(fake_aws, attempts.four_stacks(world).stack).report
    jsonschema.validate(report, schema)
    for key in ("verdict", "root_causes", "unread", "calls"):
        broken = {k: v for k, v in report.items() if k != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


# ------------------------------------------------------------------------------------------------ permissions
WRITES = (
    "Put",
    "Create",
    "Delete",
    "Update",
    "Attach",
    "Detach",
    "Set",
    "Modify",
    "Start",
    "Stop",
    "Enable",
    "Disable",
    "Run",
    "Invoke",
    "Tag",
    "Untag",
)


@pytest.mark.parametrize("purpose", ["diagnose", "scan", "organization"])
def test_permissions_is_an_iam_policy_that_only_reads(purpose: str) -> None:
    ran = run("permissions", "--for", purpose)
    document = json.loads(ran.out)
    assert (ran.code, document["Version"]) == (0, "2012-10-17")
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert "Principal" not in statement, "an identity policy names nobody"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            _, _, name = action.partition(":")
            assert "*" not in action
            if action != "sts:AssumeRole":
                assert not name.startswith(WRITES), action
    assert len(json.dumps(document, separators=(",", ":"))) <= 6144, "a managed policy may have 6,144 characters"


def test_permissions_without_for_is_diagnose() -> None:
    assert run("permissions").out == run("permissions", "--for", "diagnose").out


def test_the_policy_is_exactly_enough_for_the_incident(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world, evidence="there")
    document = json.loads(run("permissions").out)
    granted = {a for s in document["Statement"] for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])}
    report = diagnose(fake_aws, told.stack).report
    assert report["unread"] == []
    renamed = {
        "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
        "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
        "s3:ListObjectsV2": "s3:ListBucket",
    }
    called = {renamed.get(name, name) for name in report["calls"]["by_operation"]}
    assert called <= granted


def test_the_needs_of_unread_are_iam_actions_not_operations(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world, evidence="there")
    world.deny("s3:GetBucketEncryption", "s3:GetPublicAccessBlock")
    needs = {need for row in diagnose(fake_aws, told.stack).report["unread"] for need in row["needs"]}
    assert needs == {"s3:GetEncryptionConfiguration", "s3:GetBucketPublicAccessBlock"}


def test_needs_stands_whatever_the_error_was(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world, evidence="there")
    world.fail("kms:GetKeyPolicy", "InternalFailure", "oops", 500)
    [row] = [row for row in diagnose(fake_aws, told.stack).report["unread"] if "key" in row["what"]]
    assert row["needs"] == ["kms:GetKeyPolicy"]
    assert "InternalFailure" in row["error"]


# ------------------------------------------------------------------------------------------------ demo
def test_demo_without_an_argument_is_the_cloudtrail_kms_one_and_list_names_them() -> None:
    names = run("demo", "--list", credentials=False).out.split()
    assert len(names) > 20
    first = run("demo", "-o", "json", credentials=False)
    assert (first.code, first.report["root_causes"][0]["denied_by"]) == (1, "kms")
    assert first.report["root_causes"][0]["repeated"] == 4
    assert run("demo", "--exit-zero", credentials=False).code == 0
