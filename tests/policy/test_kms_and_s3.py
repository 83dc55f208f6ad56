"""What is particular to key policies, grants, public buckets and resource control policies."""

import pytest

from policy.asking import ACCOUNT, BUCKET, CLOUDTRAIL, KEY, TRAIL, policy, request, statement
from stackdoctor.policy import (
    MISSING,
    PRESENT,
    UNKNOWN,
    Grant,
    LeafReason,
    OneOf,
    Outcome,
    PolicyKind,
    evaluate,
    explain,
)

ALLOWED, IMPLICIT, EXPLICIT, UNDECIDED = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED, Outcome.EXPLICITLY_DENIED, Outcome.UNDECIDED
VIA_S3 = OneOf((None, ("s3.us-east-1.amazonaws.com",)))
CONTEXT_KEY = "kms:EncryptionContext:aws:cloudtrail:arn"
ROOT = statement("kms:*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, sid="Root")


def key_policy(*statements):
    return policy(ROOT, *statements, kind=PolicyKind.KEY)


def data_key(context=None, action="kms:GenerateDataKey", **more):
    return request(action=action, resource=KEY, context=context, **more)


# ---------------------------------------------------------------------------------------------- key policies
def test_the_root_statement_alone_never_helps_a_service():
    found = explain(key_policy(), data_key())
    assert found.outcome is IMPLICIT
    assert found.nearest[0].unmet[0].reason is LeafReason.ROOT_DOES_NOT_COVER_SERVICE


@pytest.mark.parametrize("lacking", ["Resource", "Action"])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_statement_without_resource_or_action_is_dead(lacking, effect):
    dead = {key: value for key, value in statement("kms:*", effect=effect).items() if key != lacking}
    made = key_policy(statement("kms:GenerateDataKey") if effect == "Deny" else ROOT, dead)
    assert evaluate(made, data_key()) is (ALLOWED if effect == "Deny" else IMPLICIT)
    assert made.notes[0].place == "Statement[2]"
    assert explain(made, data_key()).statements[2].leaves[0].reason is LeafReason.DEAD_STATEMENT


@pytest.mark.parametrize(
    ("resource", "outcome"),
    [("*", ALLOWED), (KEY, ALLOWED), (KEY.replace("1234abcd", "00000000"), IMPLICIT), (f"arn:aws:kms:*:{ACCOUNT}:key/*", ALLOWED)],
)
def test_the_resource_of_a_key_policy_is_this_key(resource, outcome):
    assert evaluate(key_policy(statement("kms:*", resource)), data_key()) is outcome


@pytest.mark.parametrize("knowledge", [None, UNKNOWN, PRESENT, TRAIL])
@pytest.mark.parametrize("key", [CONTEXT_KEY, "kms:EncryptionContextKeys", "KMS:ENCRYPTIONCONTEXT:x"])
@pytest.mark.parametrize("action", ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ScheduleKeyDeletion"])
def test_calls_without_encryption_context_lack_its_keys_whatever_the_request_says(action, key, knowledge):
    made = key_policy(statement("kms:*", condition={"StringLike": {key: "*"}}))
    found = explain(made, data_key({key: knowledge}, action=action))
    assert found.outcome is IMPLICIT
    assert found.nearest[0].unmet[0].reason is LeafReason.ENCRYPTION_CONTEXT_NOT_IN_CALL
    assert found.nearest[0].unmet[0].actual_state == "absent"


def test_encryption_context_counts_on_the_calls_that_carry_it():
    made = key_policy(statement("kms:*", condition={"StringLike": {CONTEXT_KEY: "arn:aws:cloudtrail:*:111122223333:trail/*"}}))
    assert evaluate(made, data_key({CONTEXT_KEY: TRAIL})) is ALLOWED
    assert evaluate(made, data_key({CONTEXT_KEY.upper(): TRAIL})) is ALLOWED
    assert evaluate(made, data_key({CONTEXT_KEY: TRAIL.replace(ACCOUNT, "444455556666")})) is IMPLICIT
    assert evaluate(made, data_key({CONTEXT_KEY: UNKNOWN})) is UNDECIDED


@pytest.mark.parametrize(
    ("operator", "value", "effect", "outcome"),
    [
        ("StringEquals", "cloudtrail.us-east-1.amazonaws.com", "Allow", IMPLICIT),
        ("StringEquals", "s3.us-east-1.amazonaws.com", "Allow", UNDECIDED),
        ("StringEqualsIfExists", "s3.us-east-1.amazonaws.com", "Allow", ALLOWED),
        ("StringLike", "s3.*.amazonaws.com", "Allow", UNDECIDED),
        ("StringNotEquals", "s3.us-east-1.amazonaws.com", "Deny", UNDECIDED),
        ("StringNotEquals", "s3.eu-west-1.amazonaws.com", "Deny", EXPLICIT),
        ("StringNotEqualsIfExists", "s3.us-east-1.amazonaws.com", "Deny", UNDECIDED),
        ("StringEquals", "s3.us-east-1.amazonaws.com", "Deny", UNDECIDED),
    ],
)
def test_via_service_on_a_services_own_call_is_absent_or_s3_and_never_anything_else(operator, value, effect, outcome):
    clause = statement("kms:*", condition={operator: {"kms:ViaService": value}}, effect=effect)
    made = key_policy(*([statement("kms:*")] if effect == "Deny" else []), clause)
    found = explain(made, data_key({"kms:ViaService": VIA_S3}))
    assert found.outcome is evaluate(made, data_key({"kms:ViaService": VIA_S3})) is outcome
    if outcome is UNDECIDED:
        leaf = found.hangs_on[0]
        assert (leaf.key, leaf.actual_state, leaf.actual_values) == ("kms:ViaService", "unknown", ("s3.us-east-1.amazonaws.com",))


# ---------------------------------------------------------------------------------------------- grants
@pytest.mark.parametrize(
    ("grant", "outcome"),
    [
        (Grant(CLOUDTRAIL, ("GenerateDataKey",)), ALLOWED),
        (Grant(CLOUDTRAIL, ("Decrypt",)), IMPLICIT),
        (Grant("config.amazonaws.com", ("GenerateDataKey",)), IMPLICIT),
        (Grant(CLOUDTRAIL, ("GenerateDataKey",), context_subset={"aws:cloudtrail:arn": TRAIL}), ALLOWED),
        (Grant(CLOUDTRAIL, ("GenerateDataKey",), context_subset={"aws:cloudtrail:arn": TRAIL.upper()}), IMPLICIT),
        (Grant(CLOUDTRAIL, ("GenerateDataKey",), context_equals={"aws:cloudtrail:arn": TRAIL}), IMPLICIT),
        (Grant(CLOUDTRAIL, ("GenerateDataKey",), context_equals={"aws:cloudtrail:arn": TRAIL, "aws:s3:arn": BUCKET}), ALLOWED),
    ],
)
def test_a_grant_adds_permission_within_its_constraints(grant, outcome):
    asked = data_key({CONTEXT_KEY: TRAIL, "kms:EncryptionContext:aws:s3:arn": BUCKET})
    assert evaluate(key_policy(), asked, grants=[grant]) is outcome
    assert explain(key_policy(), asked, grants=[grant]).grants == ((0,) if outcome is ALLOWED else ())


def test_an_explicit_deny_beats_a_grant_and_a_grant_needs_no_policy():
    grant = Grant(CLOUDTRAIL, ("GenerateDataKey",))
    assert evaluate(key_policy(statement("kms:*", effect="Deny")), data_key(), grants=[grant]) is EXPLICIT
    assert evaluate(None, data_key(), grants=[grant]) is ALLOWED


def test_a_constraint_on_an_unknown_context_is_undecided():
    grant = Grant(CLOUDTRAIL, ("GenerateDataKey",), context_subset={"aws:cloudtrail:arn": TRAIL})
    assert evaluate(key_policy(), data_key({CONTEXT_KEY: UNKNOWN}), grants=[grant]) is UNDECIDED
    assert explain(key_policy(), data_key({CONTEXT_KEY: UNKNOWN}), grants=[grant]).outcome is UNDECIDED


# ---------------------------------------------------------------------------------------------- RestrictPublicBuckets
PUBLIC = statement("s3:*", principal="*", sid="Public")
STRANGER = "arn:aws:iam::444455556666:role/x"
OWN = f"arn:aws:iam::{ACCOUNT}:role/x"


@pytest.mark.parametrize(("caller", "outcome"), [(CLOUDTRAIL, ALLOWED), (OWN, ALLOWED), (STRANGER, IMPLICIT), ("*", IMPLICIT)])
def test_with_a_public_policy_only_services_and_the_owners_account_pass(caller, outcome):
    assert evaluate(policy(PUBLIC), request(principal=caller)) is ALLOWED
    assert evaluate(policy(PUBLIC), request(principal=caller), restrict_public_buckets=True) is outcome
    assert explain(policy(PUBLIC), request(principal=caller), restrict_public_buckets=True).restricted is (outcome is IMPLICIT)


@pytest.mark.parametrize(
    ("condition", "is_public"),
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, False),
        ({"ArnLike": {"aws:SourceArn": TRAIL}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:111122223333:trail/*"}}, True),
        ({"StringEquals": {"aws:SourceVpc": "${aws:userid}"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
        ({"StringEquals": {"s3:x-amz-acl": "private"}}, True),
    ],
)
def test_what_makes_a_statement_for_everybody_public(condition, is_public):
    made = policy({**PUBLIC, "Condition": condition}, statement("s3:*", principal={"AWS": STRANGER}))
    outcome = evaluate(made, request(principal=STRANGER), restrict_public_buckets=True)
    assert outcome is (IMPLICIT if is_public else ALLOWED)


# ---------------------------------------------------------------------------------------------- resource control policies
def test_an_rcp_denies_but_never_allows():
    rcp = policy(statement("*", principal="*"), statement("s3:*", principal="*", effect="Deny", sid="No"), kind=PolicyKind.RCP)
    found = explain(policy(statement("s3:*")), request(), rcps=[rcp])
    assert found.outcome is evaluate(policy(statement("s3:*")), request(), rcps=[rcp]) is EXPLICIT
    assert [(result.layer, result.sid) for result in found.deciding] == [("rcp", "No")]
    assert evaluate(policy(), request(), rcps=[policy(statement("*", principal="*"), kind=PolicyKind.RCP)]) is IMPLICIT


def test_an_rcp_that_hangs_on_an_unknown_key_leaves_the_answer_open():
    rcp = policy(
        statement("*", principal="*", effect="Deny", condition={"StringNotEqualsIfExists": {"aws:SourceOrgID": "o-1"}}), kind=PolicyKind.RCP
    )
    made = policy(statement("s3:*"))
    assert evaluate(made, request(context={"aws:SourceOrgID": UNKNOWN}), rcps=[rcp]) is UNDECIDED
    assert evaluate(made, request(context={"aws:SourceOrgID": "o-1"}), rcps=[rcp]) is ALLOWED
    assert evaluate(made, request(context={"aws:SourceOrgID": MISSING}), rcps=[rcp]) is EXPLICIT
