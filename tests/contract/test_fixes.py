"""CONTRACT.md, "Fixes", `fixes[]` and `recovery[]`."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from incidents.account import ACCOUNT, CLOUDTRAIL, STRANGER, Account, Where
from incidents.faults import FAULTS
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from contract.running import diagnose, run
from contract.shape import complaints
from contract.tales import NOT_EMPTY, PROTECTED, QUOTA, Tale, failed_create

POLICY = {"key-policy", "bucket-policy"}


def happen(world: World, account: Account, where: Where = Where.BESIDE, wording: str = "both") -> None:
    world.account, world.region, world.partition = account.account, account.region, account.partition
    account.happen(world, where, wording)


def report_of(server: FakeAWS, stack: str = "audit", *more: str) -> dict[str, Any]:
    found = diagnose(server, stack, *more).report
    assert complaints(found) == []
    return found


def recommended(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The first fix of each document."""
    first: dict[str, dict[str, Any]] = {}
    for fix in report["fixes"]:
        if fix["kind"] in POLICY:
            first.setdefault(fix["target"], fix)
    return list(first.values())


def allowed(policy: Any, action: str, resource: str, *context: str, principal: str = CLOUDTRAIL, tmp_path: Any) -> int:
    """What `explain` says of one request: 0 allowed, 1 denied, 3 undecided."""
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    given = [word for pair in context for word in ("--context", pair)]
    return run(
        "explain", str(file), "--principal", principal, "--action", action, "--resource", resource, "--account", ACCOUNT, *given
    ).code


# ------------------------------------------------------------------------------------------------ one fix a document
def test_two_wrong_policies_give_two_fixes_and_all_causes_of_one_document_one(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    account.describe["Condition"]["StringEquals"]["kms:ViaService"] = "ec2.eu-west-1.amazonaws.com"
    account.write["Condition"]["StringEquals"]["s3:x-amz-acl"] = "private"
    account.acl["Principal"] = {"Service": "cloudtrial.amazonaws.com"}
    happen(world, account)
    report = report_of(fake_aws)
    [one, other] = recommended(report)
    assert {one["target"], other["target"]} == {account.key_arn, account.bucket_arn}
    assert one["verified"]
    assert other["verified"]
    for fix in (one, other):
        service = "kms" if fix["kind"] == "key-policy" else "s3"
        found = {f["check"] for f in report["findings"] if f["service"] == service and f["severity"] == "cause"}
        assert found <= set(fix["resolves"])


def test_verification_requests_are_the_requests_this_document_decides(world: World, fake_aws: FakeAWS) -> None:
    account = Account(bucket_key=True)
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    account.write["Condition"]["StringEquals"]["s3:x-amz-acl"] = "private"
    happen(world, account)
    asked = {fix["kind"]: fix["verification"]["requests"] for fix in recommended(report_of(fake_aws))}
    assert {row["action"] for row in asked["key-policy"]} == {"kms:GenerateDataKey", "kms:DescribeKey", "kms:Decrypt"}
    assert {row["action"] for row in asked["bucket-policy"]} == {"s3:GetBucketAcl", "s3:PutObject"}
    before = {row["action"]: row["before"] for rows in asked.values() for row in rows}
    assert before["kms:GenerateDataKey"] == before["s3:PutObject"] == "denied"
    assert before["kms:DescribeKey"] == before["s3:GetBucketAcl"] == before["kms:Decrypt"] == "allowed"
    assert {row["principal"] for rows in asked.values() for row in rows} == {CLOUDTRAIL}


SINGLE = ["via-cloudtrail", "context-of-another-account", "only-the-root-statement", "action-misspelt-with-an-equals-sign", "another-object-acl",
          "deny-outside-the-organization-on-the-bucket", "no-bucket-policy", "write-without-the-prefix", "dead-statement",
          "deny-outside-the-endpoint-on-the-key", "principal-misspelt-in-the-key-policy", "source-wildcard-on-acl"]  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_verified_means_all_are_allowed_and_nothing_that_was_denied_becomes_allowed(
    world: World, fake_aws: FakeAWS, tmp_path, name: str
) -> None:
    fault, account = FAULTS[name], Account(**dict(FAULTS[name].options))
    fault.make(account)
    happen(world, account, Where.BESIDE)
    report = report_of(fake_aws)
    [fix] = recommended(report)
    assert fix["verified"]
    assert fix["document"]
    assert fix["document"].get("Version") == "2012-10-17"
    assert fix["target"] == (account.key_arn if fix["kind"] == "key-policy" else account.bucket_arn)
    assert fix["scope"] == "environment", "bucket and key are not of this stack"
    source = f"aws:SourceArn={account.trail_arn}", f"aws:SourceAccount={ACCOUNT}"
    other = f"aws:SourceArn={account.arn('cloudtrail', 'trail/evil', account=STRANGER)}", f"aws:SourceAccount={STRANGER}"
    if fix["kind"] == "key-policy":
        context = f"kms:EncryptionContext:aws:cloudtrail:arn={account.trail_arn}"
        assert allowed(fix["document"], "kms:GenerateDataKey", account.key_arn, *source, context, tmp_path=tmp_path) == 0
        asked = ("kms:GenerateDataKey", account.key_arn, *other, context.replace(ACCOUNT, STRANGER))
        taboo = [("kms:CreateGrant", account.key_arn), ("kms:PutKeyPolicy", account.key_arn)]
    else:
        place = f"{account.bucket_arn}/{account.folder}/CloudTrail/x.json.gz"
        acl = "s3:x-amz-acl=bucket-owner-full-control"
        assert allowed(fix["document"], "s3:PutObject", place, *source, acl, tmp_path=tmp_path) == 0
        assert allowed(fix["document"], "s3:GetBucketAcl", account.bucket_arn, *source, tmp_path=tmp_path) == 0
        asked = ("s3:PutObject", place, *other, acl)
        taboo = [("s3:GetObject", place), ("s3:DeleteObject", place), ("s3:PutObject", f"{account.bucket_arn}/elsewhere/x")]
    assert allowed(fix["document"], *asked, tmp_path=tmp_path) == 1, "another account's trail stays out"
    for action, resource in taboo:
        assert allowed(fix["document"], action, resource, *source, tmp_path=tmp_path) == 1, action
        assert allowed(fix["document"], action, resource, principal="*", tmp_path=tmp_path) == 1, action


def test_where_the_smallest_edit_would_open_more_the_fix_adds_this_resources_exact_sourcearn(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.key_policy["Statement"] = account.key_policy["Statement"][:1]
    happen(world, account)
    [fix] = recommended(report_of(fake_aws))
    new = [
        s for s in fix["document"]["Statement"] if CLOUDTRAIL in json.dumps(s["Principal"]) and "GenerateDataKey" in json.dumps(s["Action"])
    ]
    assert new
    assert all(account.trail_arn in json.dumps(s["Condition"]) for s in new)


def test_statements_that_have_nothing_to_do_with_the_service_are_kept(world: World, fake_aws: FakeAWS) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    stranger = account.add(
        "kms",
        account.allow(
            "Backup", ["kms:Decrypt"], "*", {"Bool": {"kms:GrantIsForAWSResource": "true"}}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Backup"}
        ),
    )
    happen(world, account)
    [fix] = recommended(report_of(fake_aws))
    assert stranger in fix["document"]["Statement"]
    assert account.key_policy["Statement"][0] in fix["document"]["Statement"]


NO_POLICY = ["key-disabled", "alias-to-nothing", "bucket-in-another-region", "no-bucket", "key-of-aws", "key-asymmetric", "requester-pays"]


@pytest.mark.parametrize("name", NO_POLICY)
def test_no_policy_fix_where_the_fault_is_a_keys_state_region_alias_or_a_missing_bucket(world: World, fake_aws: FakeAWS, name: str) -> None:
    account = Account()
    FAULTS[name].make(account)
    happen(world, account, Where.BESIDE, FAULTS[name].wordings[0])
    report = report_of(fake_aws)
    assert not [fix["title"] for fix in report["fixes"] if fix["kind"] in POLICY or fix["document"]]
    assert report["fixes"], "the property to change, or the command"
    assert report["verdict"] == "explained"


def test_a_fix_of_the_stacks_own_resource_is_a_template_fix_and_its_diff_changes_only_the_lines_of_the_fix(
    world: World, fake_aws: FakeAWS
) -> None:
    account = Account()
    account.encrypt["Condition"] = {
        "StringEquals": {"kms:ViaService": f"cloudtrail.{account.region}.amazonaws.com", "aws:SourceArn": account.trail_arn}
    }
    happen(world, account, Where.GONE)
    fix = recommended(report_of(fake_aws))[0]
    assert fix["scope"] == "template"
    changed = [line for line in fix["diff"].splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    assert [line[0] for line in changed] == ["-"], changed
    assert "kms:ViaService" in changed[0]


# ------------------------------------------------------------------------------------------------ the first is the recommended one
def test_the_viaservice_incident_first_removes_the_clause_second_offers_s3_as_undecided(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    [first, second, *_] = [fix for fix in report_of(fake_aws, told.stack)["fixes"] if fix["kind"] == "key-policy"]
    assert first["verified"]
    assert "kms:ViaService" not in json.dumps(first["document"])
    assert "aws:SourceArn" in json.dumps(first["document"])
    assert not second["verified"]
    assert "s3.us-east-1.amazonaws.com" in json.dumps(second["document"])
    assert {row["after"] for row in second["verification"]["requests"]} == {"undecided"}


# ------------------------------------------------------------------------------------------------ commands
def commands(report: dict[str, Any]) -> list[str]:
    return [c for fix in report["fixes"] for c in fix["commands"]] + [step["command"] for step in report["recovery"]]


def words_of(command: str) -> list[str]:
    return shlex.split(command.split("<<", 1)[0])


def test_commands_are_exact_with_the_region_profile_and_endpoint_used(world: World, fake_aws: FakeAWS, tmp_path) -> None:
    account = Account()
    account.encrypt["Condition"]["StringEquals"]["aws:SourceArn"] = account.trail_arn + "s"
    happen(world, account, Where.KEPT)
    config = tmp_path / "config"
    config.write_text("[profile ops]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    ran = diagnose(fake_aws, "audit", "--profile", "ops", AWS_CONFIG_FILE=str(config))
    found = commands(ran.report)
    assert found
    for command in found:
        if not command.startswith(("aws ", "stackdoctor ")):
            continue
        words = words_of(command)
        assert words[words.index("--region") + 1] == account.region, command
        assert words[words.index("--profile") + 1] == "ops", command
        assert words[words.index("--endpoint-url") + 1] == fake_aws.url, command


def test_a_stacks_region_stands_in_every_command_though_the_environment_gave_it(world: World, fake_aws: FakeAWS) -> None:
    Tale(world).create().fails().undo().ends("ROLLBACK_COMPLETE").tell()
    ran = run("diagnose", "app", "-o", "json", "--endpoint-url", fake_aws.url, AWS_DEFAULT_REGION="us-east-1")
    assert all("--region us-east-1" in command for command in commands(ran.report) if command)


# ------------------------------------------------------------------------------------------------ the way out
def stuck(world: World, status: str) -> str:
    tale = Tale(world).create()
    if status.startswith(("UPDATE", "IMPORT")):
        kind = status.partition("_")[0]
        tale.makes("Topic").ends("CREATE_COMPLETE")
        (tale.update if kind == "UPDATE" else tale.import_)().fails(verb="CREATE" if kind == "UPDATE" else "IMPORT")
        if "ROLLBACK" in status:
            tale.undo(f"{kind}_ROLLBACK")
        if status == "UPDATE_ROLLBACK_FAILED":
            tale.fails("Topic", QUOTA, "AWS::SNS::Topic", "UPDATE")
        if status == "IMPORT_ROLLBACK_FAILED":
            tale.fails("Topic", QUOTA, "AWS::SNS::Topic", "UPDATE")
        return tale.ends(status).tell()
    tale.makes("Db", "AWS::RDS::DBInstance", physical="app-db").fails()
    if status == "CREATE_FAILED":
        return tale.ends(status).tell(DisableRollback=True)
    tale.undo()
    if status == "ROLLBACK_COMPLETE":
        return tale.ends(status).tell()
    tale.fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends("ROLLBACK_FAILED")
    if status == "DELETE_FAILED":
        tale.delete().fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends("DELETE_FAILED")
    return tale.tell()


STATES = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED",
          "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED", "IMPORT_ROLLBACK_COMPLETE"]  # fmt: skip


@pytest.mark.parametrize("status", STATES)
def test_every_stuck_state_has_its_ordered_way_out_that_ends_with_the_redeploy_and_the_check(
    world: World, fake_aws: FakeAWS, status: str
) -> None:
    stuck(world, status)
    steps = report_of(fake_aws, "app")["recovery"]
    assert len(steps) >= 2
    assert steps[-1]["command"].startswith("stackdoctor diagnose app")
    told = [step["command"] for step in steps]
    assert any(" cloudformation deploy " in c or " update-stack " in c or "create-change-set" in c for c in told[:-1]), told
    assert all(step["title"] and step["why"] for step in steps)
    for step in steps:
        if " delete-stack " in step["command"]:
            assert step["destructive"] is (status != "ROLLBACK_COMPLETE"), "nothing is left in a stack that was rolled back"


def test_rollback_failed_is_plain_delete_and_never_retain_before_delete_failed(world: World, fake_aws: FakeAWS) -> None:
    stuck(world, "ROLLBACK_FAILED")
    told = [step["command"] for step in report_of(fake_aws, "app")["recovery"]]
    assert any(c.startswith("aws cloudformation delete-stack --stack-name app ") for c in told)
    assert not any("retain-resources" in c or "FORCE_DELETE_STACK" in c for c in told)


def test_only_in_delete_failed_retain_resources_or_force_delete(world: World, fake_aws: FakeAWS) -> None:
    stuck(world, "DELETE_FAILED")
    told = [step["command"] for step in report_of(fake_aws, "app")["recovery"]]
    assert any("--retain-resources Db" in c or "FORCE_DELETE_STACK" in c for c in told), told


def test_update_rollback_failed_is_continued_skipping_only_what_failed_in_the_rollback(world: World, fake_aws: FakeAWS) -> None:
    stuck(world, "UPDATE_ROLLBACK_FAILED")
    told = [step["command"] for step in report_of(fake_aws, "app")["recovery"]]
    assert any("continue-update-rollback" in c for c in told)
    skipped = [c for c in told if "--resources-to-skip" in c]
    assert all("Topic" in c and "Queue" not in c for c in skipped)


def test_data_first_a_final_snapshot_precedes_anything_destructive(world: World, fake_aws: FakeAWS) -> None:
    stuck(world, "ROLLBACK_FAILED")
    world.answer(
        "rds:DescribeDBInstances",
        {
            "DBInstances": [
                {"DBInstanceIdentifier": "app-db", "DBInstanceStatus": "available", "Engine": "postgres", "DeletionProtection": True}
            ]
        },
    )
    steps = report_of(fake_aws, "app")["recovery"]
    order = [
        next(i for i, s in enumerate(steps) if word in s["command"])
        for word in ("create-db-snapshot", "no-deletion-protection", "delete-stack")
    ]
    assert order == sorted(order)
    assert next(i for i, s in enumerate(steps) if s["destructive"]) >= order[1]


def test_a_bucket_that_is_not_empty_is_emptied_destructively_before_the_delete(world: World, fake_aws: FakeAWS) -> None:
    world.bucket("app-logs", objects=["a"], versioning="Enabled", versions=[{"Key": "a", "VersionId": "1"}])
    tale = Tale(world).create().makes("Logs", "AWS::S3::Bucket", physical="app-logs").fails().undo()
    tale.fails("Logs", NOT_EMPTY, "AWS::S3::Bucket", "DELETE", "app-logs").ends("ROLLBACK_FAILED").tell()
    steps = report_of(fake_aws, "app")["recovery"]
    emptying = next(i for i, s in enumerate(steps) if "app-logs" in s["command"] and s["destructive"])
    assert emptying < next(i for i, s in enumerate(steps) if "delete-stack" in s["command"])


def test_the_redeploy_stands_after_the_fix(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).delete().ends("DELETE_COMPLETE")
    failed = failed_create(world, "gone").delete().ends("DELETE_COMPLETE")
    failed.tell()
    steps = report_of(fake_aws, failed.arn)["recovery"]
    assert not any("delete-stack" in step["command"] for step in steps), "it is deleted already"
