"""`stackdoctor explain` as a person, a script and a hostile file meet it; the real program, its streams and exit codes."""

import json
import os
import subprocess
import sys
from urllib.parse import quote

import jsonschema
import pytest

from policy.asking import ACCOUNT, BUCKET, CLOUDTRAIL, KEY, TRAIL, document, statement
from stackdoctor.cli import app
from stackdoctor.errors import BadEvidence, UsageError
from stackdoctor.report.schema import SCHEMAS

VIA = {"StringEquals": {"kms:ViaService": "cloudtrail.us-east-1.amazonaws.com"}}
KEY_POLICY = document(
    statement("kms:*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, sid="Root"),
    statement(["kms:GenerateDataKey*", "kms:DescribeKey"], condition=VIA, sid="CloudTrail"),
)
ASK_KEY = ("--principal", CLOUDTRAIL, "--action", "kms:GenerateDataKey", "--resource", KEY)
ASK_BUCKET = ("--principal", CLOUDTRAIL, "--action", "s3:PutObject", "--resource", f"{BUCKET}/AWSLogs/{ACCOUNT}/x")


@pytest.fixture
def explained(tmp_path, capsys):
    """Runs the command inside this process: its exit code and what it printed."""

    def run(policy, *arguments):
        path = tmp_path / "policy.json"
        path.write_text(policy if isinstance(policy, str) else json.dumps(policy), encoding="utf-8")
        code = app(args=["explain", str(path), *arguments], standalone_mode=False)
        return code, capsys.readouterr().out

    return run


def program(*arguments, text=b"", **environment):
    """Runs the program as a shell would."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
    command = [sys.executable, "-m", "stackdoctor", "explain", *arguments]
    return subprocess.run(command, input=text, capture_output=True, env={**clean, **environment}, check=False, timeout=60)


# ---------------------------------------------------------------------------------------------- decisions and exit codes
@pytest.mark.parametrize(
    ("more", "code", "decision"),
    [
        ((), 1, "implicitly-denied"),
        (("--context", "kms:ViaService=cloudtrail.us-east-1.amazonaws.com"), 0, "allowed"),
        (("--context", "KMS:viaservice=other"), 1, "implicitly-denied"),
        (("--unknown", "kms:ViaService"), 3, "undecided"),
        (("--present", "kms:ViaService"), 3, "undecided"),
        (("--open",), 3, "undecided"),
    ],
)
def test_the_exit_code_is_the_decision(explained, more, code, decision):
    status, out = explained(KEY_POLICY, *ASK_KEY, *more, "-o", "json")
    answer = json.loads(out)
    assert (status, answer["decision"]) == (code, decision)
    jsonschema.validate(answer, SCHEMAS["explanation"])


def test_json_has_every_statement_every_clause_the_nearest_and_edits_that_work(explained):
    status, out = explained(KEY_POLICY, *ASK_KEY, "--context", f"aws:SourceArn={TRAIL}", "-o", "json")
    answer = json.loads(out)
    assert status == 1
    assert [item["sid"] for item in answer["statements"]] == ["Root", "CloudTrail"]
    clause = answer["statements"][1]["results"][-1]
    assert (clause["element"], clause["operator"], clause["key"], clause["reason"]) == (
        "Condition",
        "StringEquals",
        "kms:ViaService",
        "absent",
    )
    assert clause["actual"] == {"state": "absent", "values": []}
    assert [item["sid"] for item in answer["nearest"]] == ["CloudTrail", "Root"]
    assert [leaf["key"] for leaf in answer["nearest"][0]["unmet"]] == ["kms:ViaService"]
    edited = answer["edits"][0]["document"]
    assert explained(edited, *ASK_KEY, "--context", f"aws:SourceArn={TRAIL}")[0] == 0


def test_text_tells_the_same_tree_of_reasons(explained):
    status, out = explained(KEY_POLICY, *ASK_KEY)
    assert status == 1
    assert out.startswith("IMPLICITLY DENIED")
    for part in (
        "[1] CloudTrail",
        "an account never covers a service",
        "StringEquals kms:ViaService",
        "the key is not in the request",
        "Nearest Allow",
    ):
        assert part in out


def test_an_undecided_answer_names_the_clause_it_hangs_on(explained):
    _, out = explained(KEY_POLICY, *ASK_KEY, "--unknown", "kms:ViaService")
    assert "It hangs on\n  statement [1] StringEquals kms:ViaService" in out


def test_the_prefix_of_the_action_tells_a_key_policy_from_a_bucket_policy(explained):
    dead = document({key: value for key, value in statement("*").items() if key != "Resource"})
    assert explained(dead, *ASK_KEY)[0] == 1
    assert explained(dead, "--principal", CLOUDTRAIL, "--action", "secretsmanager:GetSecretValue", "--resource", "arn:aws:x")[0] == 0


def test_a_key_is_meant_where_no_resource_is_named(explained):
    assert explained(document(statement("kms:*")), "--principal", CLOUDTRAIL, "--action", "kms:Decrypt")[0] == 0


def test_a_key_named_several_times_is_multivalued_and_one_without_text_is_the_empty_string(explained):
    made = document(statement("s3:*", condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}))
    assert explained(made, *ASK_BUCKET, "--context", "aws:TagKeys=a", "--context", "aws:TagKeys=b")[0] == 0
    assert explained(made, *ASK_BUCKET, "--context", "aws:TagKeys=a", "--context", "aws:tagkeys=c")[0] == 1
    empty = document(statement("s3:*", condition={"StringEquals": {"aws:x": ""}}))
    assert explained(empty, *ASK_BUCKET, "--context", "aws:x=")[0] == 0
    assert explained(empty, *ASK_BUCKET)[0] == 1


def test_an_anonymous_caller_and_an_account_are_told_apart(explained):
    everybody = document(statement("s3:*", principal="*"))
    assert explained(everybody, "--principal", "*", "--action", "s3:GetObject", "--resource", f"{BUCKET}/x")[0] == 0
    assert (
        explained(everybody, "--principal", "*", "--action", "s3:GetObject", "--resource", f"{BUCKET}/x", "--restrict-public-buckets")[0]
        == 1
    )
    own = (
        "--principal",
        f"arn:aws:iam::{ACCOUNT}:role/r",
        "--action",
        "s3:GetObject",
        "--resource",
        f"{BUCKET}/x",
        "--restrict-public-buckets",
    )
    assert explained(everybody, *own, "--account", ACCOUNT)[0] == 0
    assert explained(everybody, *own)[0] == 3


def test_a_resource_control_policy_can_be_given_too(explained, tmp_path):
    rcp = tmp_path / "rcp.json"
    rcp.write_text(json.dumps(document(statement("s3:*", principal="*", effect="Deny", sid="No"))))
    status, out = explained(document(statement("s3:*")), *ASK_BUCKET, "--rcp", str(rcp))
    assert status == 1
    assert "Denied by RCP statement No." in out


def test_what_the_aws_cli_prints_of_a_policy_can_be_read_as_it_is(explained):
    assert explained({"Policy": json.dumps(KEY_POLICY), "PolicyName": "default"}, *ASK_KEY)[0] == 1
    assert explained({"Policy": KEY_POLICY}, *ASK_KEY, "--context", "kms:ViaService=cloudtrail.us-east-1.amazonaws.com")[0] == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"Attributes": {"Policy": json.dumps(KEY_POLICY), "TopicArn": "arn:aws:sns:us-east-1:111122223333:t"}},
        {"Policy": json.dumps(KEY_POLICY), "RevisionId": "1"},
        {"Role": {"RoleName": "r", "AssumeRolePolicyDocument": KEY_POLICY}},
        {"Role": {"RoleName": "r", "AssumeRolePolicyDocument": quote(json.dumps(KEY_POLICY))}},
        {"Policy": {"PolicySummary": {"Id": "p-1"}, "Content": json.dumps(KEY_POLICY)}},
        {"resourcePolicies": [{"policyName": "p", "policyDocument": json.dumps(KEY_POLICY)}]},
        json.dumps(KEY_POLICY),
        [KEY_POLICY],
    ],
    ids=["topic", "function", "role", "encoded role", "organization", "log group", "queried text", "queried list"],
)
def test_the_one_policy_in_any_answer_of_the_aws_cli_is_found(explained, answer):
    assert explained(json.dumps(answer), *ASK_KEY, "--context", "kms:ViaService=cloudtrail.us-east-1.amazonaws.com")[0] == 0


def test_of_two_policies_none_is_picked(explained):
    with pytest.raises(BadEvidence):
        explained([KEY_POLICY, KEY_POLICY], *ASK_KEY)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--principal=" + CLOUDTRAIL, "--action=KMS:generatedatakey", "--resource=" + KEY, "--context=KMS:VIASERVICE=x"), 1),
        ((*ASK_KEY, "--context", "kms:ViaService=a=b"), 1),
        ((*ASK_KEY, "--unknown", "kms:ViaService", "--unknown", "KMS:viaservice"), 3),
        ((*ASK_KEY, "--present=kms:ViaService", "--open"), 3),
        ((*ASK_KEY, "--open", "--context", "kms:ViaService=cloudtrail.us-east-1.amazonaws.com", "-ojson"), 0),
    ],
)
def test_options_may_be_spelt_as_they_are_elsewhere(explained, arguments, code):
    assert explained(KEY_POLICY, *arguments)[0] == code


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        ("*", 1),
        (ACCOUNT, 0),
        (f"arn:aws:iam::{ACCOUNT}:root", 0),
        (f"arn:aws:iam::{ACCOUNT}:user/a/b", 0),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", 0),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/f", 0),
        (f"arn:aws-cn:iam::{ACCOUNT}:role/r", 0),
        (f"arn:aws:iam::{ACCOUNT}:saml-provider/x", 1),
        ("accounts.google.com", 1),
        ("states.eu-west-1.amazonaws.com", 1),
        ("AIDAEXAMPLEEXAMPLE12", 1),
        ("79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be", 3),
    ],
)
def test_whom_the_account_stands_for(explained, principal, code):
    made = document(statement("kms:*", principal={"AWS": ACCOUNT}))
    assert explained(made, "--principal", principal, "--action", "kms:Decrypt", "--resource", KEY)[0] == code


# ---------------------------------------------------------------------------------------------- what is wrong
@pytest.mark.parametrize(
    "arguments",
    [
        ("--principal", "", "--action", "kms:Decrypt"),
        ("--principal", CLOUDTRAIL, "--action", "Decrypt"),
        ("--principal", CLOUDTRAIL, "--action", "kms:"),
        ("--principal", CLOUDTRAIL, "--action", "s3:PutObject"),
        (*ASK_KEY, "--context", "novalue"),
        (*ASK_KEY, "--context", "=x"),
        (*ASK_KEY, "--context", "a=b", "--unknown", "A"),
        (*ASK_KEY, "-o", "yaml"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(explained, arguments):
    with pytest.raises(UsageError):
        explained(KEY_POLICY, *arguments)


@pytest.mark.parametrize("text", ["", "no json", "{}", '{"Statement": [{}]}', "\ufeff{}", "[" * 100_000, '{"Policy": 1}'])
def test_a_malformed_policy_is_named_with_its_place(explained, text):
    with pytest.raises(BadEvidence, match=r"policy\.json is no policy: (document|Statement)"):
        explained(text, *ASK_KEY)


def test_the_program_keeps_its_streams_apart_and_its_exit_codes(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(KEY_POLICY))
    denied = program(str(path), *ASK_KEY)
    assert (denied.returncode, denied.stderr) == (1, b"")
    for arguments, code in (
        ((str(tmp_path / "none"), *ASK_KEY), 4),
        ((str(tmp_path), *ASK_KEY), 4),
        ((str(path),), 2),
        ((str(path), *ASK_KEY, "-o", "x"), 2),
    ):
        wrong = program(*arguments)
        assert (wrong.returncode, wrong.stdout) == (code, b"")
        assert wrong.stderr
    malformed = program("-", *ASK_KEY, text=b"{}")
    assert (malformed.returncode, malformed.stdout) == (4, b"")
    assert malformed.stderr == b"stackdoctor: standard input is no policy: Statement: is missing.\n"


def test_standard_input_latin_1_and_terminal_escapes_do_no_harm():
    hostile = document(statement("kms:*", sid="evil\x1b[2J\u202e\nALLOWED é"))
    answer = program("-", *ASK_KEY, text=json.dumps(hostile, ensure_ascii=False).encode("utf-8"), PYTHONIOENCODING="ascii")
    assert answer.returncode == 0
    assert b"\x1b" not in answer.stdout
    assert len([line for line in answer.stdout.split(b"\n") if line.startswith(b"ALLOWED")]) == 1
    latin = json.dumps(document(statement("kms:*", sid="café")), ensure_ascii=False).encode("latin-1")
    assert program("-", *ASK_KEY, text=latin).returncode == 0
