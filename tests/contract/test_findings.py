"""CONTRACT.md, "Findings", "Severity", "denied_by" and what a rollback does to the evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from incidents.account import ACCOUNT, STRANGER, Account, Where
from lab.fake_aws import FakeAWS
from lab.world import World

from contract.running import diagnose, run
from contract.shape import complaints
from contract.tales import Tale


def happen(world: World, account: Account, where: Where = Where.BESIDE, wording: str = "both") -> None:
    world.account, world.region, world.partition = account.account, account.region, account.partition
    account.happen(world, where, wording)


def report_of(server: FakeAWS, stack: str = "audit", *more: str) -> dict[str, Any]:
    found = diagnose(server, stack, *more).report
    assert complaints(found) == []
    return found


def causes(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [found for found in report["findings"] if found["severity"] == "cause"]


# ------------------------------------------------------------------------------------------------ statement and clause
def test_statement_is_the_index_in_the_document_as_stored_where_a_clause_is_at_fault(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.encrypt["Condition"]["StringLike"] = {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{STRANGER}:trail/*"}
    account.add("kms", account.allow("Unrelated", "kms:Sign", "*", None, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), first=True)
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert cause["statement"] == {"index": account.key_policy["Statement"].index(account.encrypt), "sid": "Encrypt"}
    assert cause["clause"] == {
        "operator": "StringLike",
        "key": "kms:EncryptionContext:aws:cloudtrail:arn",
        "expected": [f"arn:aws:cloudtrail:*:{STRANGER}:trail/*"],
        "actual": {"state": "value", "values": [account.trail_arn]},
    }
    assert (cause["service"], cause["resource"], cause["origin"]) == ("kms", account.key_arn, "live")


def test_a_statement_without_a_sid_has_sid_null_and_nothing_else_is_null(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    del account.encrypt["Sid"]
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert cause["statement"] == {"index": 1, "sid": None}
    assert cause["clause"]["actual"] == {"state": "value", "values": [account.trail_arn]}


def test_a_policy_with_one_statement_that_is_no_list_has_index_0(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.key_policy = {
        "Version": "2012-10-17",
        "Statement": account.denial("Out", "kms:*", "*", {"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefgh12"}}),
    }
    happen(world, account)
    found = [cause for cause in causes(report_of(fake_aws)) if cause["clause"]]
    assert found[0]["statement"] == {"index": 0, "sid": "Out"}
    assert found[0]["clause"]["actual"]["state"] == "absent", "AWS documents that a service principal carries no organization"
    assert found[0]["clause"]["actual"]["values"] == []


def test_where_no_statement_covers_the_request_statement_is_null(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.key_policy["Statement"] = account.key_policy["Statement"][:1]
    happen(world, account)
    found = causes(report_of(fake_aws))
    assert {cause["check"] for cause in found} == {"principal-missing"}
    assert all(cause["statement"] is None and cause["clause"] is None for cause in found)


def test_where_several_come_equally_near_it_is_null_and_the_nearest_are_named_in_explanation(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.key_policy["Statement"].remove(account.encrypt)
    for sid, other in (("First", "one"), ("Second", "two")):
        account.add(
            "kms",
            account.allow(
                sid, "kms:GenerateDataKey*", "*", {"StringEquals": {"aws:SourceArn": account.arn("cloudtrail", f"trail/{other}")}}
            ),
        )
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert cause["statement"] is None
    assert cause["clause"] is None
    assert "First" in cause["explanation"]
    assert "Second" in cause["explanation"]


def test_one_unmistakably_intended_statement_is_named_though_its_principal_is_misspelt(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    for statement in (account.encrypt, account.describe):
        statement["Principal"] = {"Service": "cloudtrial.amazonaws.com"}
    happen(world, account)
    found = causes(report_of(fake_aws))
    assert {cause["check"] for cause in found} == {"principal-misspelt"}
    assert all(cause["clause"] is None for cause in found)
    assert {cause["statement"]["index"] for cause in found} <= {1, 2}


def test_an_explicit_deny_is_named_by_its_index_and_clause(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.add(
        "s3",
        account.denial(
            "OnlyOurs", "s3:*", [account.bucket_arn, account.bucket_arn + "/*"], {"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefgh12"}}
        ),
        first=True,
    )
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert cause["statement"] == {"index": 0, "sid": "OnlyOurs"}
    assert (cause["clause"]["operator"], cause["clause"]["key"]) == ("StringNotEquals", "aws:PrincipalOrgID")
    assert cause["resource"] == account.bucket_arn, "the ARN of the bucket, without /*"
    assert cause["service"] == "s3"


def test_expected_and_actual_values_are_strings(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.write["Condition"]["Bool"] = {"aws:SecureTransport": False}
    account.write["Condition"]["NumericLessThan"] = {"s3:TlsVersion": 1.2}
    happen(world, account)
    for found in report_of(fake_aws)["findings"]:
        if found["clause"]:
            assert all(isinstance(v, str) for v in (*found["clause"]["expected"], *found["clause"]["actual"]["values"]))


# ------------------------------------------------------------------------------------------------ resource
def test_resource_of_a_missing_bucket_is_the_arn_it_would_have(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.bucket_exists = False
    happen(world, account, wording="no-bucket")
    report = report_of(fake_aws)
    assert [cause["resource"] for cause in causes(report)] == [account.bucket_arn]
    assert not [fix for fix in report["fixes"] if "policy" in fix["kind"]], "no policy fix where the fault is a missing bucket"


def test_resource_of_a_missing_key_is_the_arn_it_would_have_else_the_propertys_text(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.key_named, account.key["nowhere"] = "alias/audit", True
    happen(world, account, wording="no-key")
    [cause] = causes(report_of(fake_aws))
    assert cause["resource"] in {account.arn("kms", "alias/audit"), "alias/audit"}
    assert cause["service"] == "kms"


# ------------------------------------------------------------------------------------------------ origin
@pytest.mark.parametrize("where", list(Where), ids=str)
@pytest.mark.parametrize("side", ["s3", "kms"])
def test_origin_says_whether_the_policy_is_live_or_the_deployed_one_from_properties_or_template(
    world: World, fake_aws: FakeAWS, where: Where, side: str
) -> None:
    account = Account()
    statement = account.write if side == "s3" else account.encrypt
    statement["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    happen(world, account, where)
    [cause] = causes(report_of(fake_aws))
    assert cause["origin"] == where.origin(side)


@pytest.mark.parametrize("denied", ["kms:GetKeyPolicy", "kms:*"])
def test_if_the_live_policy_cannot_be_read_the_deployed_one_is_evaluated_and_said_so_and_the_failed_read_stands_in_unread(
    world: World, fake_aws: FakeAWS, denied: str
) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    happen(world, account, Where.KEPT)
    world.deny(denied)
    report = report_of(fake_aws)
    [cause] = causes(report)
    assert cause["origin"] == "properties"
    assert any("kms:GetKeyPolicy" in row["needs"] for row in report["unread"])
    assert report["root_causes"][0]["denied_by"] == "kms"


@pytest.mark.parametrize("where", [Where.PENDING, Where.GONE, Where.TEMPLATE], ids=str)
def test_what_the_rollback_itself_did_is_a_note_never_a_cause(world: World, fake_aws: FakeAWS, where: Where) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    happen(world, account, where)
    report = report_of(fake_aws)
    assert {cause["check"] for cause in causes(report)} == {"source-arn-account"}
    for found in report["findings"]:
        if found["check"] in {"key-state", "bucket-missing", "key-missing", "no-policy"}:
            assert found["severity"] == "note", found["title"]


def test_the_rollback_deleting_both_leaves_a_correct_trail_unexplained(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    for statement in (*account.key_policy["Statement"], *account.bucket_policy["Statement"]):
        (statement.get("Condition") or {}).get("StringEquals", {}).pop("aws:SourceArn", None)
        if statement.get("Condition") == {"StringEquals": {}}:
            del statement["Condition"]
    happen(world, account, Where.GONE)
    report = report_of(fake_aws)
    assert causes(report) == []
    assert report["root_causes"][0]["confidence"] != "confirmed"
    assert report["root_causes"][0]["denied_by"] == "s3-or-kms"
    assert not [fix for fix in report["fixes"] if "policy" in fix["kind"]], "no policy fix where every required request is already allowed"


# ------------------------------------------------------------------------------------------------ actual.state
def test_actual_state_is_unknown_where_aws_does_not_say_with_the_few_possible_values(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.encrypt["Condition"] = {"StringEquals": {"kms:ViaService": f"cloudtrail.{account.region}.amazonaws.com"}}
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert cause["clause"]["actual"] == {"state": "unknown", "values": [f"s3.{account.region}.amazonaws.com"]}
    assert cause["confidence"] == "confirmed"


def test_actual_state_absent_has_no_values(world: World, fake_aws: FakeAWS) -> None:
    account = Account(merged=True)
    account.encrypt["Condition"]["StringLike"] = {
        "kms:EncryptionContext:aws:cloudtrail:arn": account.arn("cloudtrail", "trail/*", region="*")
    }
    happen(world, account)
    report = report_of(fake_aws)
    [risk] = [found for found in report["findings"] if found["severity"] == "risk"]
    assert risk["check"] == "encryption-context-not-in-call"
    assert risk["clause"]["actual"] == {"state": "absent", "values": []}
    assert report["root_causes"][0]["confidence"] == "likely"


# ------------------------------------------------------------------------------------------------ denied_by of the others
SAYS = "User: arn:aws:sts::111122223333:assumed-role/Deployer/x is not authorized to perform: {action} on resource: {resource} {why}"
WORDINGS = [
    ("sqs:createqueue", "because no identity-based policy allows the sqs:createqueue action", "iam"),
    ("sqs:createqueue", "with an explicit deny in a service control policy", "scp"),
    ("sqs:createqueue", "because no service control policy allows the sqs:createqueue action", "scp"),
    ("sqs:createqueue", "with an explicit deny in a resource control policy", "rcp"),
    ("sqs:createqueue", "because no permissions boundary allows the sqs:createqueue action", "permission-boundary"),
    ("sqs:createqueue", "with an explicit deny in a permissions boundary", "permission-boundary"),
    ("sqs:createqueue", "with an explicit deny in a VPC endpoint policy", "vpc-endpoint"),
    ("sqs:createqueue", "because no VPC endpoint policy allows the sqs:createqueue action", "vpc-endpoint"),
    ("sqs:createqueue", "with an explicit deny in an identity-based policy", "iam"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "why", "by"), WORDINGS, ids=[f"{why[:40]}" for _, why, _ in WORDINGS])
def test_denied_by_is_the_policy_type_that_awss_own_wording_names(world: World, fake_aws: FakeAWS, action: str, why: str, by: str) -> None:
    resource = "arn:aws:sqs:us-east-1:111122223333:q"
    said = SAYS.format(action=action, resource=resource, why=why)
    inner = f"{said} (Service: Sqs, Status Code: 403, Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)"
    reason = (
        f'Resource handler returned message: "{inner}" (RequestToken: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: AccessDenied)'
    )
    Tale(world).create().fails(reason=reason).undo().ends("ROLLBACK_COMPLETE").tell()
    [cause] = report_of(fake_aws, "app")["root_causes"]
    assert cause["denied_by"] == by
    assert cause["denied"] == {"principal": "arn:aws:sts::111122223333:assumed-role/Deployer/x", "action": action, "resource": resource}


def test_never_confirmed_on_wording_alone(world: World, fake_aws: FakeAWS) -> None:
    happen(world, Account(), wording="bucket")
    world.deny("s3:GetBucketPolicy")
    [cause] = report_of(fake_aws)["root_causes"]
    assert cause["denied_by"] == "s3", "a wording that names one side wins"
    assert cause["confidence"] != "confirmed"


# ------------------------------------------------------------------------------------------------ every shipped incident
def incidents() -> list[str]:
    return run("demo", "--list", credentials=False).out.split()


@pytest.mark.parametrize("name", incidents())
def test_every_promise_of_the_shape_and_the_words_holds_for_every_shipped_incident(name: str) -> None:
    ran = run("demo", name, "-o", "json", credentials=False)
    report = ran.report
    assert ran.code == {"healthy": 0, "explained": 1, "unexplained": 3}[report["verdict"]]
    assert complaints(report) == []
    for found in report["findings"]:
        where = f"{found['check']}: {found['title']}"
        assert not found["resource"].endswith("/*"), where
        assert found["clause"] is None or found["statement"] is not None, where
        if found["clause"]:
            actual = found["clause"]["actual"]
            assert actual["state"] != "absent" or actual["values"] == [], where
            assert actual["state"] != "value" or actual["values"], where
        if found["severity"] == "cause":
            assert found["confidence"] == "confirmed", where
        assert found["severity"] != "note" or found["fixes"] == [], where
    if any(found["severity"] == "cause" for found in report["findings"]):
        assert report["verdict"] == "explained"
    for fix in report["fixes"]:
        assert '"Principal": "*"' not in json.dumps([s for s in (fix["document"] or {}).get("Statement", []) if s.get("Effect") == "Allow"])
        assert fix["document"] is None or fix["target"].startswith("arn:"), fix["title"]
    last = [step["command"] for step in report["recovery"]]
    if report["stack"]["status"] != "DELETE_COMPLETE" and report["recovery"]:
        assert last[-1].startswith("stackdoctor diagnose"), last


@pytest.mark.parametrize("name", incidents())
def test_denied_is_null_where_nothing_was_denied_and_only_there(name: str) -> None:
    for cause in run("demo", name, "-o", "json", credentials=False).report["root_causes"]:
        assert (cause["denied"] is None) is (cause["denied_by"] is None)
        if cause["denied_by"] == "s3-or-kms":
            assert cause["denied"]["resource"] is None, "which of the two is not known"


@pytest.mark.parametrize("name", incidents())
def test_every_cause_and_every_risk_has_a_fix_and_every_fix_says_how(name: str) -> None:
    report = run("demo", name, "-o", "json", credentials=False).report
    for found in report["findings"]:
        if found["severity"] != "note" and found["check"] != "source-condition-present":  # every request is allowed there
            assert found["fixes"], found["title"]
    for fix in report["fixes"]:
        assert fix["document"] or fix["diff"] or fix["commands"], fix["title"]


def test_a_deny_that_matches_what_the_service_sends_is_an_explicit_deny(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.add("kms", account.denial("Ours", "kms:GenerateDataKey", "*", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}))
    happen(world, account)
    [cause] = causes(report_of(fake_aws))
    assert (cause["check"], cause["clause"]["key"]) == ("explicit-deny", "aws:SourceAccount")
