"""From a denied request to the smallest change of the document, tried before it is offered."""

import json

import pytest

from policy.asking import ACCOUNT, BUCKET, CLOUDTRAIL, KEY, TRAIL, document, known, policy, request, statement
from stackdoctor.policy import (
    OPEN_END,
    PRESENT,
    UNKNOWN,
    Known,
    OneOf,
    Outcome,
    PolicyKind,
    allows_all,
    evaluate,
    new_access,
    parse,
    propose,
    replace_statements,
    statement_for,
)
from stackdoctor.policy.ops import AddClause, AddStatement, DropClause, EditText, EditValue, MoveClause, SetVersion, apply

OTHER = "444455556666"
CONTEXT_KEY = "kms:EncryptionContext:aws:cloudtrail:arn"
ROOT = statement("kms:*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, sid="Root")
COMMON = {
    "aws:SourceArn": TRAIL,
    "aws:SourceAccount": ACCOUNT,
    "aws:PrincipalIsAWSService": "true",
    "aws:SecureTransport": "true",
    "aws:SourceIp": UNKNOWN,
}
ON_KEY = {**COMMON, CONTEXT_KEY: TRAIL, "kms:ViaService": OneOf((None, ("s3.us-east-1.amazonaws.com",)))}
ON_BUCKET = {**COMMON, "s3:x-amz-acl": "bucket-owner-full-control"}
KEY_REQUESTS = (
    request("kms:GenerateDataKey*", KEY, known(ON_KEY)),
    request("kms:DescribeKey", KEY, known(ON_KEY)),
)
ACL_CHECK = request("s3:GetBucketAcl", BUCKET, known(ON_BUCKET))
WRITE = request("s3:PutObject", f"{BUCKET}/AWSLogs/{ACCOUNT}/*", known(ON_BUCKET))


def acl(**changes):
    return {**statement("s3:GetBucketAcl", BUCKET, {"StringEquals": {"aws:SourceArn": TRAIL}}, sid="Acl"), **changes}


def write(resource=f"{BUCKET}/AWSLogs/{ACCOUNT}/*", **clauses):
    equals = {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": TRAIL, **clauses}
    return statement("s3:PutObject", resource, {"StringEquals": equals}, sid="Write")


def for_key(*statements, requests=KEY_REQUESTS):
    return edits(policy(ROOT, *statements, kind=PolicyKind.KEY), requests)


def for_bucket(*statements):
    return edits(policy(*statements), (ACL_CHECK, WRITE))


def edits(made, requests):
    found = propose(made, requests, source_arn=TRAIL)
    for edit in found:
        assert edit.outcome is Outcome.UNDECIDED or allows_all(edit.document, requests, made.kind)
        assert parse(json.dumps(edit.document), made.kind)
    return found


def use_key(condition=None, action=("kms:GenerateDataKey*", "kms:DescribeKey"), **more):
    return statement(list(action), condition=condition, sid="CT", **more)


# ---------------------------------------------------------------------------------------------- the key
def test_a_via_service_that_never_occurs_is_dropped_and_the_source_named_instead():
    first, *others = for_key(use_key({"StringEquals": {"kms:ViaService": "cloudtrail.us-east-1.amazonaws.com"}}))
    assert first.ops == (DropClause(1, "StringEquals", "kms:ViaService"), AddClause(1, "StringEquals", "aws:SourceArn", (TRAIL,)))
    assert first.opens == ()
    undecided = [edit for edit in others if edit.outcome is Outcome.UNDECIDED]
    assert [op.new for op in undecided[0].ops if isinstance(op, EditValue)] == ["s3.us-east-1.amazonaws.com"]


def test_where_the_source_is_named_already_dropping_alone_is_enough():
    condition = {"StringEquals": {"kms:ViaService": "cloudtrail.us-east-1.amazonaws.com", "aws:SourceArn": TRAIL}}
    first = for_key(use_key(condition))[0]
    assert first.ops == (DropClause(1, "StringEquals", "kms:ViaService"),)
    assert first.document["Statement"][1]["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}


def test_a_wrong_account_in_a_pattern_is_corrected_and_the_pattern_stays_as_wide():
    wrong = {"StringLike": {CONTEXT_KEY: f"arn:aws:cloudtrail:*:{OTHER}:trail/*"}, "StringEquals": {"aws:SourceArn": TRAIL}}
    first = for_key(use_key(wrong, action=["kms:GenerateDataKey*"]), statement("kms:DescribeKey"))[0]
    assert first.ops == (
        EditValue(1, "StringLike", CONTEXT_KEY, f"arn:aws:cloudtrail:*:{OTHER}:trail/*", f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"),
    )


def test_an_encryption_context_over_describe_key_gets_a_statement_beside_it_not_a_weaker_condition():
    first = for_key(use_key({"StringLike": {CONTEXT_KEY: f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}}))[0]
    (op,) = first.ops
    assert isinstance(op, AddStatement)
    assert op.statement == {
        "Sid": "AllowCloudtrailDescribeKey",
        "Effect": "Allow",
        "Principal": {"Service": CLOUDTRAIL},
        "Action": "kms:DescribeKey",
        "Resource": "*",
    }


def test_a_key_policy_of_the_root_alone_gets_the_service_with_its_exact_source():
    first = for_key()[0]
    added = first.document["Statement"][1:]
    assert all(item["Principal"] == {"Service": CLOUDTRAIL} for item in added)
    assert added[0]["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}
    assert first.document["Statement"][0] == ROOT


def test_a_dead_statement_is_given_the_element_it_lacks():
    dead = {key: value for key, value in use_key({"StringEquals": {"aws:SourceArn": TRAIL}}).items() if key != "Resource"}
    assert for_key(dead)[0].ops == (EditText(1, "Resource", None, "*"),)


@pytest.mark.parametrize("misspelt", ["kms=GenerateDataKey*", "kms:GenerateDataKeys", "kms:GeneratDataKey"])
def test_a_misspelt_action_is_corrected(misspelt):
    first = for_key(use_key({"StringEquals": {"aws:SourceArn": TRAIL}}, action=(misspelt, "kms:DescribeKey")))[0]
    assert first.ops == (EditText(1, "Action", misspelt, "kms:GenerateDataKey*"),)


def test_another_action_is_no_misspelling():
    encrypt = use_key({"StringEquals": {"aws:SourceArn": TRAIL}}, action=("kms:Encrypt", "kms:GenerateDataKey*"))
    first = edits(policy(ROOT, encrypt, kind=PolicyKind.KEY), (request("kms:Decrypt", KEY, known(ON_KEY)),))[0]
    assert first.ops == (EditText(1, "Action", None, "kms:Decrypt"),)
    assert first.document["Statement"][1]["Action"] == ["kms:Encrypt", "kms:GenerateDataKey*", "kms:Decrypt"]


@pytest.mark.parametrize("name", ["cloudtrail.us-east-1.amazonaws.com", "cloudtrial.amazonaws.com", "cloudtrail.*"])
def test_a_misspelt_service_is_corrected(name):
    first = for_key(use_key({"StringEquals": {"aws:SourceArn": TRAIL}}, principal={"Service": ["config.amazonaws.com", name]}))[0]
    assert first.document["Statement"][1]["Principal"] == {"Service": ["config.amazonaws.com", CLOUDTRAIL]}


def test_a_service_listed_under_aws_is_moved():
    first = for_key(use_key({"StringEquals": {"aws:SourceArn": TRAIL}}, principal={"AWS": CLOUDTRAIL}))[0]
    assert first.document["Statement"][1]["Principal"] == {"Service": CLOUDTRAIL}


def test_another_service_is_not_replaced():
    for edit in for_key(use_key(principal={"Service": "config.amazonaws.com"})):
        assert edit.document["Statement"][1] == use_key(principal={"Service": "config.amazonaws.com"})


def test_an_operator_aws_does_not_know_is_spelt_right():
    first = for_key(use_key({"StringEqual": {"aws:SourceArn": TRAIL}}))[0]
    assert first.ops == (MoveClause(1, "StringEqual", "StringEquals", "aws:SourceArn"),)


# ---------------------------------------------------------------------------------------------- the bucket
@pytest.mark.parametrize(
    "resource", [f"{BUCKET}/logs/AWSLogs/{ACCOUNT}/*", f"{BUCKET}/AWSLogs/{OTHER}/*", f"{BUCKET}s/AWSLogs/{ACCOUNT}/*", f"{BUCKET}/"]
)
def test_a_wrong_path_is_corrected(resource):
    first = for_bucket(acl(), write(resource))[0]
    assert first.ops == (EditText(1, "Resource", resource, f"{BUCKET}/AWSLogs/{ACCOUNT}/*"),)


def test_a_path_is_corrected_as_wide_as_it_was_for_a_single_object():
    asked = request("s3:PutObject", f"{BUCKET}/trail/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/01/01/x.json.gz", known(ON_BUCKET))
    first = edits(policy(acl(), write()), (asked,))[0]
    assert first.document["Statement"][1]["Resource"] == f"{BUCKET}/trail/AWSLogs/{ACCOUNT}/*"


def test_a_wildcard_under_an_exact_operator_becomes_the_exact_value_as_the_like_operator_would_open_more():
    wrong = {"aws:SourceArn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}
    first, *others = for_bucket(acl(), write(**wrong))
    assert first.ops == (EditValue(1, "StringEquals", "aws:SourceArn", wrong["aws:SourceArn"], TRAIL),)
    like = next(edit for edit in others if edit.ops == (MoveClause(1, "StringEquals", "StringLike", "aws:SourceArn"),))
    assert like.opens


def test_where_the_exact_source_stands_beside_it_the_like_operator_is_the_smallest_edit():
    condition = {"StringEquals": {"s3:x-amz-acl": "bucket-owner*", "aws:SourceArn": TRAIL}}
    first = for_bucket(acl(), {**write(), "Condition": condition})[0]
    assert first.ops == (MoveClause(1, "StringEquals", "StringLike", "s3:x-amz-acl"),)
    assert list(first.document["Statement"][1]["Condition"]) == ["StringEquals", "StringLike"]


def test_all_causes_of_one_document_are_mended_in_one_edit():
    first = for_bucket(acl(Resource=f"{BUCKET}x"), write(f"{BUCKET}/AWSLogs/{OTHER}/*", **{"aws:SourceAccount": OTHER}))[0]
    assert first.opens == ()
    assert len(first.ops) == 3
    assert first.document["Statement"][1]["Condition"]["StringEquals"] == {
        "s3:x-amz-acl": "bucket-owner-full-control",
        "aws:SourceArn": TRAIL,
        "aws:SourceAccount": ACCOUNT,
    }


def test_of_several_values_the_right_one_is_added():
    others = [TRAIL + "-b", TRAIL + "-c"]
    first = for_bucket(acl(), write(**{"aws:SourceArn": others}))[0]
    assert first.document["Statement"][1]["Condition"]["StringEquals"]["aws:SourceArn"] == [*others, TRAIL]


def test_a_variable_that_is_plain_text_gets_the_version_it_needs():
    made = parse(document(statement("s3:*", f"{BUCKET}/AWSLogs/${{aws:SourceAccount}}/*"), version=None), PolicyKind.BUCKET)
    first = propose(made, [WRITE])[0]
    assert first.ops == (SetVersion("2012-10-17"),)
    assert list(first.document) == ["Version", "Statement"]


def test_no_policy_at_all_gets_one_statement_a_request():
    first = propose(None, [ACL_CHECK, WRITE], kind=PolicyKind.BUCKET, source_arn=TRAIL)[0]
    assert [item["Action"] for item in first.document["Statement"]] == ["s3:GetBucketAcl", "s3:PutObject"]
    assert all(item["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}} for item in first.document["Statement"])


# ---------------------------------------------------------------------------------------------- a Deny
def deny(condition=None, **more):
    made = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [BUCKET, f"{BUCKET}/*"]}
    return {**made, **({"Condition": condition} if condition else {}), **more}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ],
)
def test_services_are_exempt_from_a_deny_by_a_second_clause(condition):
    first = for_bucket(acl(), write(), deny(condition))[0]
    assert first.ops == (AddClause(2, "Bool", "aws:PrincipalIsAWSService", ("false",)),)
    clause = first.document["Statement"][2]["Condition"]["Bool"]["aws:PrincipalIsAWSService"]
    assert clause == "false"


def test_a_deny_that_also_kept_other_sources_out_keeps_doing_so():
    open_allow = statement("s3:*", [BUCKET, f"{BUCKET}/*"], sid="Open")
    first, *others = for_bucket(open_allow, deny({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}))
    assert first.ops == (AddClause(1, "ArnNotEquals", "aws:SourceArn", (TRAIL,)),)
    assert first.opens == ()
    assert all(edit.opens for edit in others)


def test_a_deny_for_everybody_but_the_root_also_spares_the_service():
    first = for_bucket(acl(), write(), _but_root())[0]
    assert first.document["Statement"][2]["NotPrincipal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Service": CLOUDTRAIL}


def _but_root():
    return {key: value for key, value in deny(NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}).items() if key != "Principal"}


def test_a_wrong_account_in_a_deny_is_corrected():
    first = for_bucket(acl(), write(), deny({"StringNotEquals": {"aws:SourceAccount": "111122223334"}}))[0]
    assert first.ops == (EditValue(2, "StringNotEquals", "aws:SourceAccount", "111122223334", ACCOUNT),)


def test_an_if_exists_is_never_offered_against_a_deny():
    for edit in for_bucket(acl(), write(), deny({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}})):
        assert "IfExists" not in json.dumps(edit.document)


def test_a_deny_of_a_resource_control_policy_is_not_this_documents_to_mend():
    rcp = policy(statement("*", principal="*", effect="Deny"), kind=PolicyKind.RCP)
    assert propose(policy(acl(), write()), [WRITE], rcps=[rcp]) == ()


# ---------------------------------------------------------------------------------------------- restraint
def test_nothing_is_offered_where_all_is_allowed():
    assert propose(policy(acl(), write()), [ACL_CHECK, WRITE], source_arn=TRAIL) == ()


def test_nothing_is_opened_to_everybody():
    assert propose(policy(), [request(principal="*")]) == ()


def test_an_edit_touches_nothing_else():
    made = parse(
        json.dumps({"Id": "x", "Statement": [acl(), {**write(f"{BUCKET}/x/*"), "Odd": 1}], "Version": "2012-10-17"}), PolicyKind.BUCKET
    )
    edit = propose(made, [WRITE], source_arn=TRAIL)[0]
    assert list(edit.document) == ["Id", "Statement", "Version"]
    assert list(edit.document["Statement"][1]) == list({**write(), "Odd": 1})
    assert edit.document["Statement"][0] == acl()


def test_a_single_statement_stays_an_object():
    made = parse({"Version": "2012-10-17", "Statement": write(f"{BUCKET}/x/*")}, PolicyKind.BUCKET)
    assert isinstance(propose(made, [WRITE], source_arn=TRAIL)[0].document["Statement"], dict)


def test_new_access_is_seen_by_whoever_it_is_given_to():
    before = policy(write())
    assert new_access(before, before, [WRITE], source_arn=TRAIL) == ()
    everybody = policy(statement("s3:*", principal="*"))
    assert {probe.caller.name for probe in new_access(before, everybody, [WRITE])} >= {"*", "stranger.amazonaws.com"}
    every_trail = policy(statement("s3:*"))
    assert {probe.caller.name for probe in new_access(before, every_trail, [WRITE], source_arn=TRAIL)} == {CLOUDTRAIL}


def test_statements_are_replaced_where_the_first_of_them_stood():
    before = document(acl(), write(), deny())
    after = replace_statements(before, [0, 1], [statement(sid="New")])
    assert [item["Sid"] for item in after["Statement"]] == ["New", "No"]
    assert [item["Sid"] for item in replace_statements(before, [], [statement(sid="New")])["Statement"]] == ["Acl", "Write", "No", "New"]
    assert [item["Sid"] for item in before["Statement"]] == ["Acl", "Write", "No"]


def test_a_statement_for_a_request_allows_it_and_names_its_source():
    made = statement_for(WRITE, source_arn=TRAIL)
    assert made["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}
    assert evaluate(policy(made), WRITE) is Outcome.ALLOWED
    assert "Condition" not in statement_for(request("kms:DescribeKey", KEY, known(ON_KEY)), source_arn=TRAIL)


def test_an_unknown_value_can_only_be_dropped():
    made = policy(statement(condition={"StringEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceArn": TRAIL}}))
    asked = request(context={**known(ON_BUCKET), "aws:SourceVpc": PRESENT, "aws:SourceArn": Known((TRAIL,))})
    assert propose(made, [asked], source_arn=TRAIL)[0].ops == (DropClause(0, "StringEquals", "aws:SourceVpc"),)


@pytest.mark.parametrize(
    ("op", "condition"),
    [
        (DropClause(0, "A", "a"), {"A": {"b": 2}, "B": {"c": 3}}),
        (DropClause(0, "B", "c"), {"A": {"a": 1, "b": 2}}),
        (MoveClause(0, "A", "C", "a"), {"A": {"b": 2}, "C": {"a": 1}, "B": {"c": 3}}),
        (MoveClause(0, "B", "C", "c"), {"A": {"a": 1, "b": 2}, "C": {"c": 3}}),
        (MoveClause(0, "B", "A", "c"), {"A": {"a": 1, "b": 2, "c": 3}}),
        (AddClause(0, "A", "d", ("x",)), {"A": {"a": 1, "b": 2, "d": "x"}, "B": {"c": 3}}),
        (AddClause(0, "D", "d", ("x", "y")), {"A": {"a": 1, "b": 2}, "B": {"c": 3}, "D": {"d": ["x", "y"]}}),
        (EditValue(0, "A", "a", "1", "x"), {"A": {"a": "x", "b": 2}, "B": {"c": 3}}),
        (EditValue(0, "A", "a", None, "x"), {"A": {"a": [1, "x"], "b": 2}, "B": {"c": 3}}),
    ],
)
def test_an_operation_keeps_the_order_of_the_rest(op, condition):
    before = document({**statement(), "Condition": {"A": {"a": 1, "b": 2}, "B": {"c": 3}}})
    assert json.dumps(apply(before, op)["Statement"][0]["Condition"]) == json.dumps(condition)


@pytest.mark.parametrize("wrong", [f"arn:aws:logs:us-east-1:{OTHER}:x", f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery:x"])
def test_where_only_the_beginning_of_a_value_is_known_the_edit_writes_a_wildcard_under_an_operator_that_takes_one(wrong):
    begins = {**ON_BUCKET, "aws:SourceArn": Known((f"arn:aws:logs:us-east-1:{ACCOUNT}:{OPEN_END}",))}
    asked = request("s3:PutObject", f"{BUCKET}/AWSLogs/{ACCOUNT}/*", known(begins))
    made = policy(write(**{"aws:SourceArn": wrong, "aws:SourceAccount": ACCOUNT}))
    first = propose(made, (asked,))[0]
    assert first.outcome is Outcome.ALLOWED
    assert first.document["Statement"][0]["Condition"] == {
        "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": ACCOUNT},
        "StringLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"},
    }


def test_a_clause_never_moves_over_another_on_the_same_key():
    made = document(write())
    made["Statement"][0]["Condition"]["StringLike"] = {"AWS:sourcearn": "*"}
    with pytest.raises(ValueError, match="there already"):
        apply(made, MoveClause(0, "StringEquals", "StringLike", "aws:SourceArn"))


@pytest.mark.parametrize(
    ("operator", "old", "stays"),
    [
        ("StringEquals", TRAIL.replace("mgmt", "data-events"), True),
        ("ArnLike", TRAIL.replace("mgmt", "prod-*"), True),
        ("StringEquals", TRAIL + "2", True),
        ("StringEquals", TRAIL.replace("mgmt", "mgtm"), False),
        ("StringEquals", TRAIL.replace("mgmt", "Mgmt"), False),
        ("StringEquals", TRAIL + "s", False),
        ("StringEquals", TRAIL.replace(ACCOUNT, OTHER), False),
        ("StringEquals", TRAIL.replace("us-east-1", "us-west-2"), False),
        ("ArnEquals", TRAIL.replace(ACCOUNT, OTHER), False),
    ],
)
def test_a_value_that_names_another_resource_of_the_account_stays_beside_ours(operator, old, stays):
    made = policy(acl(Condition={operator: {"aws:SourceArn": old}}))
    first = propose(made, (ACL_CHECK,))[0]
    written = first.document["Statement"][0]["Condition"][operator]["aws:SourceArn"]
    assert written == ([old, TRAIL] if stays else TRAIL)


@pytest.mark.parametrize(("old", "stays"), [(TRAIL.replace("mgmt", "data-events"), True), (TRAIL.replace("mgmt", "mgnt"), False)])
def test_a_deny_that_spares_another_resource_goes_on_sparing_it(old, stays):
    made = policy(acl(), deny(Condition={"ArnNotEquals": {"aws:SourceArn": old}}))
    first = propose(made, (ACL_CHECK,))[0]
    assert first.document["Statement"][1]["Condition"]["ArnNotEquals"]["aws:SourceArn"] == ([old, TRAIL] if stays else TRAIL)
