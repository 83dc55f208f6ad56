"""Who, what and on which resource: every legal spelling, and what each covers."""

import pytest

from policy.asking import ACCOUNT, BUCKET, CLOUDTRAIL, KEY, document, policy, request, statement
from stackdoctor.policy import LeafReason, Outcome, Policy, PolicyKind, evaluate, explain, parse

ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/deployer"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/run-1"
USER = f"arn:aws:iam::{ACCOUNT}:user/Bob"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ROLE = "arn:aws:iam::444455556666:role/team/deployer"
CANONICAL = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
ALLOWED, IMPLICIT, EXPLICIT, UNDECIDED = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED, Outcome.EXPLICITLY_DENIED, Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("principal", "caller", "outcome"),
    [
        ("*", CLOUDTRAIL, ALLOWED),
        ("*", "*", ALLOWED),
        ({"AWS": "*"}, CLOUDTRAIL, ALLOWED),
        ({"AWS": "*"}, "*", ALLOWED),
        ({"AWS": "*"}, ROLE, ALLOWED),
        ({"Service": CLOUDTRAIL}, CLOUDTRAIL, ALLOWED),
        ({"Service": ["config.amazonaws.com", CLOUDTRAIL]}, CLOUDTRAIL, ALLOWED),
        ({"Service": "config.amazonaws.com"}, CLOUDTRAIL, IMPLICIT),
        ({"Service": "cloudtrail.us-east-1.amazonaws.com"}, CLOUDTRAIL, IMPLICIT),
        ({"Service": "cloudtrail.*"}, CLOUDTRAIL, IMPLICIT),
        ({"Service": CLOUDTRAIL}, "*", IMPLICIT),
        ({"AWS": ACCOUNT}, ROLE, ALLOWED),
        ({"AWS": 111122223333}, ROLE, ALLOWED),
        ({"AWS": ROOT}, ROLE, ALLOWED),
        ({"AWS": ROOT}, SESSION, ALLOWED),
        ({"AWS": ROOT}, USER, ALLOWED),
        ({"AWS": ROOT}, ROOT, ALLOWED),
        ({"AWS": ROOT}, ACCOUNT, ALLOWED),
        ({"AWS": ROOT}, OTHER_ROLE, IMPLICIT),
        ({"AWS": ROOT}, CLOUDTRAIL, IMPLICIT),
        ({"AWS": ROLE}, ROLE, ALLOWED),
        ({"AWS": ROLE}, SESSION, ALLOWED),
        ({"AWS": ROLE}, USER, IMPLICIT),
        ({"AWS": SESSION}, SESSION, ALLOWED),
        ({"AWS": SESSION}, SESSION.replace("run-1", "run-2"), IMPLICIT),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}, ROLE, IMPLICIT),
        ({"AWS": "AROAEXAMPLEEXAMPLE12"}, ROLE, IMPLICIT),
        ({"Federated": "arn:aws:iam::111122223333:saml-provider/corp"}, "arn:aws:iam::111122223333:saml-provider/corp", ALLOWED),
        ({"Federated": "cognito-identity.amazonaws.com"}, "cognito-identity.amazonaws.com", ALLOWED),
        ({"CanonicalUser": CANONICAL}, CANONICAL, ALLOWED),
        ({"CanonicalUser": CANONICAL}, CLOUDTRAIL, IMPLICIT),
        ({"CanonicalUser": CANONICAL}, ROLE, UNDECIDED),
        ({"Martian": "x"}, CLOUDTRAIL, UNDECIDED),
        ({"Martian": "x", "Service": CLOUDTRAIL}, CLOUDTRAIL, ALLOWED),
        (CLOUDTRAIL, CLOUDTRAIL, IMPLICIT),
    ],
)
def test_whom_a_principal_covers(principal, caller, outcome):
    assert evaluate(policy(statement(principal=principal)), request(principal=caller)) is outcome


def deny_all_but(not_principal):
    return policy(statement(principal="*"), {"Effect": "Deny", "NotPrincipal": not_principal, "Action": "*", "Resource": "*"})


@pytest.mark.parametrize(
    ("named", "caller", "outcome"),
    [
        ({"AWS": [ROOT]}, CLOUDTRAIL, EXPLICIT),
        ({"Service": CLOUDTRAIL}, CLOUDTRAIL, ALLOWED),
        ({"AWS": [USER, ROOT]}, USER, ALLOWED),
        ({"AWS": [USER, ROOT]}, ROLE, EXPLICIT),
        ({"AWS": [USER]}, USER, UNDECIDED),
        ({"AWS": [SESSION, ROLE, ROOT]}, SESSION, ALLOWED),
        ({"AWS": [ROLE, ROOT]}, SESSION, EXPLICIT),
        ({"AWS": [ROOT]}, ROOT, ALLOWED),
        ({"AWS": [ROOT]}, "*", EXPLICIT),
        ("*", "*", ALLOWED),
    ],
)
def test_a_deny_with_not_principal_spares_only_whom_it_names(named, caller, outcome):
    assert evaluate(deny_all_but(named), request(principal=caller)) is outcome


@pytest.mark.parametrize(
    ("principal", "caller", "reason"),
    [
        ({"AWS": ROOT}, CLOUDTRAIL, LeafReason.ROOT_DOES_NOT_COVER_SERVICE),
        ({"AWS": "AROAEXAMPLEEXAMPLE12"}, ROLE, LeafReason.DELETED_PRINCIPAL),
        ({"Service": "cloudtrail.*"}, CLOUDTRAIL, LeafReason.WILDCARD_IN_PRINCIPAL),
        ({"Service": "config.amazonaws.com"}, CLOUDTRAIL, LeafReason.PRINCIPAL_NOT_LISTED),
    ],
)
def test_the_leaf_says_why_the_caller_is_not_covered(principal, caller, reason):
    found = explain(policy(statement(principal=principal)), request(principal=caller))
    assert found.nearest[0].unmet[0].reason is reason


def test_the_id_of_a_deleted_role_is_noted():
    made = policy(statement(principal={"AWS": ["AROAEXAMPLEEXAMPLE12", ROOT]}))
    assert [(note.place, "AROAEXAMPLEEXAMPLE12" in note.text) for note in made.notes] == [("Statement[0].Principal", True)]


# ---------------------------------------------------------------------------------------------- actions and resources
@pytest.mark.parametrize(
    ("action", "asked", "outcome"),
    [
        ("s3:PutObject", "s3:PutObject", ALLOWED),
        ("S3:pUTobject", "s3:PutObject", ALLOWED),
        ("s3:Put*", "s3:PutObject", ALLOWED),
        ("s3:Put?bject", "s3:PutObject", ALLOWED),
        ("*", "s3:PutObject", ALLOWED),
        ("*:*", "s3:PutObject", ALLOWED),
        ("s3:PutObject", "s3:PutObjectAcl", IMPLICIT),
        (["s3:GetObject", "s3:*"], "s3:PutObject", ALLOWED),
        ("s3:Put*", "s3:Put*", ALLOWED),
        ("s3:PutObject", "s3:Put*", IMPLICIT),
        ([], "s3:PutObject", IMPLICIT),
    ],
)
def test_which_actions_are_covered(action, asked, outcome):
    assert evaluate(policy(statement(action=action)), request(action=asked)) is outcome


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ("kms:GenerateDataKey*", ALLOWED),
        (["kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:GenerateDataKeyPair*"], ALLOWED),
        ("kms:GenerateDataKey", IMPLICIT),
    ],
)
def test_a_wildcard_request_stands_for_every_kms_action_below_it(action, outcome):
    made = policy(statement(action=action), kind=PolicyKind.KEY)
    assert evaluate(made, request(action="kms:GenerateDataKey*", resource=KEY)) is outcome
    assert explain(made, request(action="kms:GenerateDataKey*", resource=KEY)).outcome is outcome


@pytest.mark.parametrize(
    ("resource", "asked", "outcome"),
    [
        (f"{BUCKET}/*", f"{BUCKET}/a/b", ALLOWED),
        (f"{BUCKET}/*", BUCKET, IMPLICIT),
        (BUCKET, f"{BUCKET}/a", IMPLICIT),
        ("*", f"{BUCKET}/a", ALLOWED),
        (f"{BUCKET}*", BUCKET, ALLOWED),
        (f"{BUCKET}/A/*", f"{BUCKET}/a/x", IMPLICIT),
        (f"{BUCKET}/*/x?", f"{BUCKET}/a/b/xy", ALLOWED),
        (f"{BUCKET}/AWSLogs/*", f"{BUCKET}/AWSLogs/1/*", ALLOWED),
        (f"{BUCKET}/AWSLogs/1/CloudTrail/*", f"{BUCKET}/AWSLogs/1/*", IMPLICIT),
        (f"{BUCKET}/AWSLogs/1/????????", f"{BUCKET}/AWSLogs/1/*", IMPLICIT),
        ([BUCKET, f"{BUCKET}/*"], f"{BUCKET}/a", ALLOWED),
    ],
)
def test_which_resources_are_covered(resource, asked, outcome):
    assert evaluate(policy(statement(resource=resource)), request(resource=asked)) is outcome


def test_not_action_and_not_resource_match_what_is_not_listed():
    everything_else = {"Effect": "Deny", "Principal": "*", "NotAction": "s3:Get*", "NotResource": [f"{BUCKET}/open/*", BUCKET]}
    made = policy(statement(action="s3:*"), everything_else)
    assert evaluate(made, request(resource=f"{BUCKET}/closed/a")) is EXPLICIT
    assert evaluate(made, request(resource=f"{BUCKET}/open/a")) is ALLOWED
    assert evaluate(made, request(action="s3:GetObject", resource=f"{BUCKET}/closed/a")) is ALLOWED


# ---------------------------------------------------------------------------------------------- policy variables
VARIABLE = f"{BUCKET}/${{aws:PrincipalTag/team}}/*"


@pytest.mark.parametrize(
    ("version", "resource", "context", "outcome"),
    [
        ("2012-10-17", VARIABLE, {"aws:principaltag/TEAM": "blue"}, ALLOWED),
        ("2012-10-17", VARIABLE, {"aws:PrincipalTag/team": "red"}, IMPLICIT),
        ("2012-10-17", VARIABLE, {}, IMPLICIT),
        ("2012-10-17", VARIABLE, {"aws:PrincipalTag/team": ["blue", "red"]}, IMPLICIT),
        ("2008-10-17", VARIABLE, {"aws:PrincipalTag/team": "blue"}, IMPLICIT),
        (None, VARIABLE, {"aws:PrincipalTag/team": "blue"}, IMPLICIT),
        ("2012-10-17", f"{BUCKET}/${{aws:PrincipalTag/team, 'blue'}}/*", {}, ALLOWED),
        ("2012-10-17", f"{BUCKET}/blue/${{*}}", {}, IMPLICIT),
    ],
)
def test_a_variable_in_a_resource(version, resource, context, outcome):
    made = policy(statement(resource=resource), version=version)
    assert evaluate(made, request(resource=f"{BUCKET}/blue/x", context=context)) is outcome


@pytest.mark.parametrize(
    ("operator", "expected", "context", "outcome"),
    [
        ("StringEquals", "${aws:b}", {"aws:a": "x", "aws:b": "x"}, ALLOWED),
        ("StringEquals", "${aws:b}", {"aws:a": "x"}, IMPLICIT),
        ("StringNotEquals", "${aws:b}", {"aws:a": "x"}, ALLOWED),
        ("StringNotEquals", ["${aws:b}", "x"], {"aws:a": "x"}, IMPLICIT),
        ("StringLike", "${aws:b}*", {"aws:a": "a*c", "aws:b": "a*"}, ALLOWED),
        ("StringLike", "${aws:b}*", {"aws:a": "abc", "aws:b": "a*"}, IMPLICIT),
        ("StringLike", "a${*}c", {"aws:a": "a*c"}, ALLOWED),
        ("StringLike", "a${*}c", {"aws:a": "abc"}, IMPLICIT),
        ("StringEquals", "${$}${?}", {"aws:a": "$?"}, ALLOWED),
        ("ArnLike", "arn:aws:s3:::${aws:b}/*", {"aws:a": "arn:aws:s3:::bucket/x", "aws:b": "bucket"}, ALLOWED),
        ("Bool", "${aws:b}", {"aws:a": "true", "aws:b": "true"}, ALLOWED),
        ("NumericEquals", "${aws:b}", {"aws:a": "1", "aws:b": "1"}, IMPLICIT),
    ],
)
def test_a_variable_in_a_condition(operator, expected, context, outcome):
    assert evaluate(policy(statement(condition={operator: {"aws:a": expected}})), request(context=context)) is outcome


def test_without_the_new_version_a_variable_is_text_and_the_leaf_says_so():
    made = policy(statement(condition={"StringEquals": {"aws:a": "${aws:b}"}}), version=None)
    found = explain(made, request(context={"aws:a": "x", "aws:b": "x"}))
    assert found.nearest[0].unmet[0].reason is LeafReason.VARIABLE_IN_OLD_VERSION
    assert evaluate(made, request(context={"aws:a": "${aws:b}"})) is ALLOWED


# ---------------------------------------------------------------------------------------------- one document
def test_a_single_statement_may_be_an_object():
    made = parse({"Version": "2012-10-17", "Statement": statement()}, PolicyKind.BUCKET)
    assert isinstance(made, Policy)
    assert evaluate(made, request()) is ALLOWED


def test_the_document_is_kept_as_it_was_in_its_own_order():
    text = '{"Statement": [], "Id": "x", "Version": "2012-10-17"}'
    made = parse(text, PolicyKind.BUCKET)
    assert isinstance(made, Policy)
    assert list(made.document) == ["Statement", "Id", "Version"]


def test_no_policy_allows_nothing():
    assert evaluate(None, request()) is IMPLICIT
    assert explain(None, request()).nearest == ()


def test_nearest_allows_come_best_first_with_exactly_what_they_lack():
    made = policy(
        statement(principal={"AWS": ROOT}, action="s3:*", sid="Root"),
        statement(action="s3:GetBucketAcl", resource=BUCKET, sid="Acl"),
        statement(condition={"StringEquals": {"s3:x-amz-acl": "private", "aws:SourceAccount": ACCOUNT}}, sid="Write"),
    )
    found = explain(made, request(context={"aws:SourceAccount": ACCOUNT}))
    assert [result.sid for result in found.nearest] == ["Write", "Acl", "Root"]
    assert [(leaf.operator, leaf.key) for leaf in found.nearest[0].unmet] == [("StringEquals", "s3:x-amz-acl")]


def test_a_document_of_duplicate_sids_is_evaluated_and_noted():
    made = policy(statement(sid="A"), statement(sid="A", effect="Deny", action="s3:Get*"))
    assert evaluate(made, request()) is ALLOWED
    assert [note.place for note in made.notes] == ["Statement[1].Sid"]


def test_documents_can_be_put_together_from_mappings():
    made = parse(document(statement()), PolicyKind.BUCKET)
    assert isinstance(made, Policy)
    assert made.statements[0].raw["Action"] == "s3:PutObject"
