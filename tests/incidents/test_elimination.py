"""What cannot be read: elimination explains nothing, a cause proven on one side is enough, and nothing that failed is kept quiet."""

from __future__ import annotations

from typing import Any

import pytest
from lab.world import BEGAN

from incidents import judging
from incidents.account import STRANGER, Account, Where
from incidents.decoys import DECOYS
from incidents.faults import FAULTS
from incidents.test_decoys import named

KEY, BUCKET = "kms:GetKeyPolicy", "s3:GetBucketPolicy"


def told(account: Account, where: Where, *denied: str, wording: str = "both", history: Any = ()) -> dict[str, Any]:
    world = judging.world_of(account)
    arn = account.happen(world, where, wording)
    world.deny(*denied)
    world.history(history)
    return judging.report(world, arn)


def row(found: dict[str, Any], what: str) -> dict[str, Any]:
    return next(row for row in found["unread"] if row["what"].startswith(what))


def unexplained(found: dict[str, Any]) -> None:
    [root] = found["root_causes"]
    assert (found["verdict"], root["confidence"]) == ("unexplained", "possible")
    assert named(found) == []
    assert found["fixes"] == []


@pytest.mark.parametrize(("denied", "what"), [(KEY, "policy of key"), (BUCKET, "policy of bucket")])
def test_one_side_unreadable_and_the_other_clean_explains_nothing(denied: str, what: str) -> None:
    found = told(Account(), Where.BESIDE, denied)
    unexplained(found)
    assert (row(found, what)["would_decide"], row(found, what)["needs"]) == (True, [denied])
    assert found["root_causes"][0]["denied_by"] == "s3-or-kms"


@pytest.mark.parametrize(
    ("denied", "what", "name"), [(KEY, "policy of key", "write-without-the-prefix"), (BUCKET, "policy of bucket", "via-cloudtrail")]
)
def test_a_cause_proven_on_one_side_is_enough(denied: str, what: str, name: str) -> None:
    account = Account()
    wrongs = FAULTS[name].make(account)
    found = told(account, Where.BESIDE, denied)
    assert judging.complaints(account, Where.BESIDE, wrongs, found) + judging.verdict(found, wrongs, FAULTS[name].side) == []
    assert row(found, what)["would_decide"] is False


@pytest.mark.parametrize("name", ["via-cloudtrail", "write-without-the-prefix"])
def test_the_deployed_policy_stands_in_for_one_that_cannot_be_read(name: str) -> None:
    account = Account()
    wrongs = FAULTS[name].make(account)
    found = told(account, Where.KEPT, KEY, BUCKET)
    assert judging.complaints(account, Where.GONE, wrongs, found) + judging.verdict(found, wrongs, FAULTS[name].side) == []
    assert [row(found, what)["would_decide"] for what in ("policy of key", "policy of bucket")] == [False, False]


def test_a_risk_on_one_side_is_no_explanation_while_the_other_is_unread() -> None:
    account = Account()
    FAULTS["via-s3"].make(account)
    found = told(account, Where.BESIDE, BUCKET)
    assert (found["verdict"], found["root_causes"][0]["confidence"]) == ("unexplained", "possible")
    assert row(found, "policy of bucket")["would_decide"] is True


def test_a_wording_that_names_the_bucket_needs_no_key() -> None:
    found = told(Account(), Where.BESIDE, KEY, wording="bucket")
    assert {f["service"] for f in found["findings"] if f["severity"] == "risk"} == {"s3"}
    [root] = found["root_causes"]
    assert (found["verdict"], root["confidence"], root["denied_by"]) == ("explained", "likely", "s3")
    assert row(found, "policy of key")["would_decide"] is False


def test_the_state_of_the_key_may_decide_too() -> None:
    found = told(Account(), Where.BESIDE, "kms:DescribeKey")
    assert found["verdict"] == "unexplained"
    assert row(found, "state of key")["would_decide"] is True


@pytest.mark.parametrize("whose", ["key", "bucket"])
def test_what_another_account_owns_cannot_be_judged(whose: str) -> None:
    account = Account()
    (account.key if whose == "key" else account.bucket)["account"] = STRANGER
    unexplained(told(account, Where.BESIDE))


def test_nothing_is_known_of_a_policy_that_went_with_its_stack() -> None:
    account = Account()
    world = judging.world_of(account)
    arn = account.happen(world, Where.TEMPLATE, "both")
    world.deny("cloudformation:GetTemplate")
    unexplained(judging.report(world, arn))


def test_a_bucket_made_without_a_policy_and_deleted_again_had_none() -> None:
    account = Account()
    account.bucket_policy = None
    found = told(account, Where.GONE, wording="bucket")
    assert [(f["check"], f["severity"], f["origin"]) for f in found["findings"] if f["severity"] != "note"] == [
        ("no-policy", "cause", "properties")
    ]


def test_a_recorded_denial_explains_what_elimination_cannot() -> None:
    account = Account()
    record = {
        "eventName": "GenerateDataKey",
        "eventSource": "kms.amazonaws.com",
        "eventTime": BEGAN.replace(minute=1).isoformat(),
        "awsRegion": account.region,
        "errorCode": "AccessDenied",
        "userIdentity": {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"},
        "requestParameters": {"keyId": account.key_arn},
    }
    found = told(account, Where.BESIDE, KEY, history=[record])
    [root] = found["root_causes"]
    assert (found["verdict"], root["confidence"], root["denied_by"]) == ("explained", "confirmed", "kms")
    assert "history" in {piece["source"] for piece in root["evidence"]}
    assert row(found, "policy of key")["would_decide"] is False


BROKEN = {
    "no json": "{not json",
    "a list": "[1, 2]",
    "no statement": '{"Version": "2012-10-17"}',
    "a text": '"Allow everybody"',
    "numbers": '{"Version": "2012-10-17", "Statement": 7}',
    "effect": '{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}',
    "condition": '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": []}]}',
    "deep": '{"Statement": ' + "[" * 5000 + "]" * 5000 + "}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_document_that_is_no_policy_counts_as_not_read(text: str) -> None:
    account = Account()
    account.bucket_policy = text
    found = told(account, Where.BESIDE)
    assert found["verdict"] == "unexplained", named(found)
    assert row(found, "policy of bucket")["would_decide"] is True


def test_a_fault_is_found_beside_a_document_that_is_no_policy() -> None:
    account = Account()
    wrongs = FAULTS["via-cloudtrail"].make(account)
    account.bucket_policy = "{not json"
    found = told(account, Where.BESIDE)
    assert judging.complaints(account, Where.BESIDE, wrongs, found) + judging.verdict(found, wrongs, "kms") == []


def test_a_request_that_another_statement_lets_pass_is_not_in_doubt() -> None:
    account = Account()
    DECOYS["nothing-at-all"].make(account)
    account.add("s3", account.allow("Free", ["s3:GetBucketAcl", "s3:PutObject"], [account.bucket_arn, f"{account.bucket_arn}/*"]))
    found = told(account, Where.BESIDE)
    assert {f["service"] for f in found["findings"] if f["severity"] == "risk"} == {"kms"}


@pytest.mark.parametrize("where", [Where.PENDING, Where.GONE])
def test_a_key_that_the_template_makes_disabled_was_disabled_though_it_is_gone(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    shown = account.properties()
    shown["Key"] |= {"Enabled": "false"}
    monkeypatch.setattr(account, "properties", lambda: shown)
    found = told(account, where)
    assert [(f["check"], f["origin"]) for f in found["findings"] if f["severity"] != "note"] == [("key-state", "properties")]
    assert (found["root_causes"][0]["denied_by"], found["root_causes"][0]["confidence"]) == ("kms", "confirmed")
    assert [fix["target"] for fix in found["fixes"]] == ["Key"]
