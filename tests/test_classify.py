"""A status reason is read as an on-call engineer would: who denied whom what, or that it was no deny at all.

`reasons.jsonl` are the labelled cases of the brief, `reasons_more.jsonl` further texts collected from public threads and AWS
documentation, `reasons_unseen.jsonl` texts that were labelled before the rules had seen them (`batch`: a to d, each measured
before it was learnt from), `error_patterns.jsonl` one text for each error pattern of facts/service_requirements.json.
"""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackdoctor.classify import RULES, classify, embedded_stack_arn, summary_names
from stackdoctor.classify.envelope import LONGEST
from stackdoctor.classify.rule import required_literals
from stackdoctor.model import Category, Denied, DeniedBy, Reason

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


CASES = rows("reasons.jsonl")
MORE = rows("reasons_more.jsonl")
UNSEEN = rows("reasons_unseen.jsonl")
PATTERNS = rows("error_patterns.jsonl")


def read(row: dict) -> Reason:
    return classify(row["reason"], row.get("resource_type") or "", row.get("status") or "")


def expected_side(message_only: dict) -> DeniedBy | None:
    """The words of the cases in those of the contract: unknown is both suspects, or a side nobody names."""
    side, category = message_only["service_denying"], message_only["category"]
    if side != "unknown":
        return None if side == "none" else DeniedBy(side)
    if category in {"s3_or_kms_ambiguous", "s3_deny"}:
        return DeniedBy.S3_OR_KMS
    return None if category == "custom_resource" else DeniedBy.OTHER


# ------------------------------------------------------------------------------------------------ the labelled cases
@pytest.mark.parametrize("row", CASES, ids=lambda row: row["id"])
def test_a_labelled_case_is_what_its_message_allows(row: dict) -> None:
    reason = read(row)
    assert (reason.category, reason.denied_by) == (row["message_only"]["category"], expected_side(row["message_only"]))


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["id"])
def test_who_what_and_which_are_read_where_the_message_states_them(row: dict) -> None:
    reason, label = read(row), row["label"]
    if reason.denied is None:
        return
    for said, wanted in (
        (reason.denied.action, label["missing_action"]),
        (reason.denied.resource, label["resource_arn"]),
        (reason.denied.principal, label["principal"]),
    ):
        if wanted and wanted in row["reason"]:
            assert said == wanted


@pytest.mark.parametrize("row", [r for r in CASES if (r["label"]["resource_arn"] or "").startswith("arn:aws:s3:::")], ids=lambda r: r["id"])
def test_a_bucket_the_message_names_becomes_the_denied_arn(row: dict) -> None:
    name = row["label"]["resource_arn"].removeprefix("arn:aws:s3:::")
    if name in row["reason"]:
        reason = read(row)
        assert reason.denied is not None
        assert reason.denied.resource == row["label"]["resource_arn"]
        assert reason.bucket == name.split("/")[0]


@pytest.mark.parametrize("row", MORE + UNSEEN, ids=lambda row: row["reason"][:60])
def test_further_real_reasons(row: dict) -> None:
    reason = read(row)
    assert row["source"]
    assert (reason.category, reason.denied_by) == (row["category"], row["denied_by"])


@pytest.mark.parametrize("row", [row for row in UNSEEN if "action" in row], ids=lambda row: row["reason"][:60])
def test_what_was_denied_on_which_resource(row: dict) -> None:
    denied = read(row).denied or Denied()
    assert (denied.action, denied.resource) == (row["action"], row["resource"])


def sides(implicates: list[str]) -> set[DeniedBy | None]:
    """The answers an error pattern's suspects leave open: one suspect, one answer."""
    names = {name.split(":")[0] for name in implicates}
    s3 = bool(names & {"bucket_policy", "object_ownership", "bucket_encryption"}) or "s3:" in "".join(implicates)
    kms = bool(names & {"key_policy", "key_state", "key_missing", "key_region", "encryption_context"})
    if names & {"role_trust", "topic_policy"} and not kms:
        return {DeniedBy.IAM}
    if names & {"queue_policy", "opaque", "rollback_blocker"}:
        return {None}
    allowed: set[DeniedBy | None] = {DeniedBy.S3} if s3 else set()
    allowed |= {DeniedBy.KMS} if kms else set()
    allowed |= {DeniedBy.S3_OR_KMS} if kms and (s3 or "bucket_missing" in names) else set()
    allowed |= {DeniedBy.OTHER, DeniedBy.S3} if "iam_caller" in names or "bucket_region" in names else set()
    return allowed or {None}


@pytest.mark.parametrize("row", PATTERNS, ids=lambda row: f"{row['resource_type']}-{row['reason'][:40]}")
def test_every_known_error_of_a_service_points_at_the_side_it_implicates(row: dict) -> None:
    assert read(row).denied_by in sides(row["implicates"])


# ------------------------------------------------------------------------------------------------ the table of rules
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_recognises_its_own_example(rule) -> None:
    assert rule.source.startswith("https://")
    if rule.example:
        assert classify(rule.example, rule.example_type).rule == rule.id


def test_rule_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.text and rule.example], ids=lambda rule: rule.id)
@pytest.mark.parametrize("tail", ['" (RequestToken: 1-2-3, HandlerErrorCode: GeneralServiceException)', '" (RequestToken: 1-2', '"', ""])
def test_the_handler_s_wrapping_whole_or_cut_off_changes_nothing(rule, tail: str) -> None:
    bare = classify(rule.example, rule.example_type)
    if rule.example.startswith(("Resource handler", "{")) or bare.category in {Category.INTERNAL_ERROR, Category.OTHER}:
        return
    wrapped = classify(f'Resource handler returned message: "{rule.example}{tail}', rule.example_type)
    assert (wrapped.category, wrapped.denied_by) == (bare.category, bare.denied_by)


def test_a_rule_s_literals_are_in_every_text_it_matches() -> None:
    assert required_literals(r"abc? de(?:x|y)fghi|\bfoo\b bar|x{2}yz[ab]cd") == ("fghi", " bar", "yz")
    assert required_literals("abc|(?:d|e)") == ()
    for text in {row["reason"].lower() for row in CASES + MORE + UNSEEN}:
        for rule in RULES:
            if re.search(rule.text, text):
                literals = required_literals(rule.text)
                assert not literals or any(literal in text for literal in literals)


# ------------------------------------------------------------------------------------------------ explained by itself
@pytest.mark.parametrize(
    ("reason", "resource_type", "explained"),
    [
        ("The maximum number of VPCs has been reached.", "AWS::EC2::VPC", True),
        ("my-bucket already exists", "AWS::S3::Bucket", True),
        ("Model validation failed (#/Name: expected maxLength: 64, actual: 70)", "AWS::Lambda::Function", True),
        ("The bucket you tried to delete is not empty", "AWS::S3::Bucket", True),
        ("Cannot delete protected DB Instance, please disable deletion protection and try again.", "AWS::RDS::DBInstance", True),
        ("API: s3:CreateBucket Access Denied", "AWS::S3::Bucket", True),
        ("User: arn:aws:iam::1:user/u is not authorized to perform: iam:GetRole on resource: role r", "AWS::IAM::Role", True),
        ("User: U is not authorized to perform: s3:PutObject on resource: R with an explicit deny in a service control policy", "", True),
        ("User: U is not authorized to perform: kms:Encrypt on resource: K because no identity-based policy allows it", "", True),
        ("arn:aws:kms:eu-west-1:1:key/k is pending deletion.", "AWS::SNS::Topic", True),
        ("The role defined for the function cannot be assumed by Lambda.", "AWS::Lambda::Function", True),
        ("Rate exceeded", "AWS::Lambda::EventSourceMapping", True),
        ("Received 0 SUCCESS signal(s) out of 1. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement", "", True),
        (
            "Received response status [FAILED] from custom resource. Message returned: See the details in CloudWatch Log Stream: s",
            "",
            False,
        ),
        ("Internal Failure", "AWS::KMS::Key", False),
        ("", "AWS::S3::Bucket", False),
        (None, "AWS::S3::Bucket", False),
        ("Resource of type 'AWS::ECS::Service' did not stabilize", "AWS::ECS::Service", False),
        ("Insufficient permissions to access S3 bucket b or KMS key k", "AWS::CloudTrail::Trail", False),
        ("Incorrect S3 bucket policy is detected for bucket: b", "AWS::CloudTrail::Trail", False),
        ("Access Denied (Service: S3, Status Code: 403, Request ID: X)", "AWS::S3::BucketPolicy", False),
        ("The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:r:1:log-group:g'", "", False),
        ("You don't have the permissions that are required to perform this operation", "", False),
        ("Resource creation cancelled", "AWS::S3::Bucket", False),
        ("The following resource(s) failed to create: [A]. ", "AWS::CloudFormation::Stack", False),
    ],
)
def test_whether_aws_s_own_message_names_the_cause(reason: str | None, resource_type: str, explained: bool) -> None:
    assert classify(reason, resource_type).self_explained is explained


# ------------------------------------------------------------------------------------------------ what the wrapping says
def test_the_registry_handler_s_envelope() -> None:
    reason = classify(
        'Resource handler returned message: "Invalid request provided: Insufficient permissions to access S3 bucket logs-1 or KMS key '
        'arn:aws:kms:eu-west-1:111122223333:key/AbC (Service: CloudTrail, Status Code: 400, Request ID: bff6e086-9c56-46ff-a32a-e4b9bc01188d)" '
        "(RequestToken: c1a89e38-2e3f-3cb9-c723-bac1ad5e5a03, HandlerErrorCode: InvalidRequest)",
        "AWS::CloudTrail::Trail",
    )
    assert reason.category is Category.S3_OR_KMS_AMBIGUOUS
    assert (reason.bucket, reason.key) == ("logs-1", "arn:aws:kms:eu-west-1:111122223333:key/AbC")
    assert reason.request_id == "bff6e086-9c56-46ff-a32a-e4b9bc01188d"
    assert reason.handler_error_code == "InvalidRequest"
    assert reason.exception is None


def test_the_old_handler_s_envelope_still_carries_the_error_code() -> None:
    reason = classify(
        "Incorrect S3 bucket policy is detected for bucket: b-1 (Service: AWSCloudTrail; Status Code: 400; Error Code: "
        "InsufficientS3BucketPolicyException; Request ID: 12c3d322-3443-4c23-822f-1d0c70235a84; Proxy: null)"
    )
    assert (reason.exception, reason.request_id) == ("InsufficientS3BucketPolicyException", "12c3d322-3443-4c23-822f-1d0c70235a84")
    assert reason.denied is not None
    assert (reason.denied.principal, reason.denied.resource) == ("cloudtrail.amazonaws.com", "arn:aws:s3:::b-1")


def test_redacted_ids_are_no_ids_and_a_custom_resource_s_request_id_is_not_the_failed_call_s() -> None:
    assert classify("Access Denied (Service: S3, Status Code: 403, Request ID:XXX, Extended Request ID: XXX").request_id is None
    text = (
        "Received response status [FAILED] from custom resource. Message returned: boom (RequestId: 66da938d-7b43-4aaf-9986-90d382a220aa)"
    )
    assert classify(text).request_id is None


def test_doubled_spaces_line_breaks_and_a_stack_set_s_prefix_do_not_matter() -> None:
    assert classify("The  subnet\n 'subnet-1'  has  dependencies\nand cannot be deleted.").category is Category.DEPENDENCY_IN_USE
    stack_set = "ResourceLogicalId:B, ResourceType:AWS::S3::Bucket, ResourceStatusReason:API: s3:CreateBucket Access Denied."
    assert classify(stack_set).category is Category.S3_DENY


def test_an_s3_api_name_becomes_the_action_iam_checks() -> None:
    reason = classify("API: s3:SetBucketEncryption Access Denied", "AWS::S3::Bucket")
    assert reason.denied is not None
    assert reason.denied.action == "s3:PutEncryptionConfiguration"


@pytest.mark.parametrize(("status", "action"), [("CREATE_FAILED", "s3:PutBucketPolicy"), ("DELETE_FAILED", "s3:DeleteBucketPolicy")])
def test_a_bare_deny_on_a_bucket_policy_is_about_what_was_done_to_it(status: str, action: str) -> None:
    reason = classify("Access Denied (Service: S3, Status Code: 403)", "AWS::S3::BucketPolicy", status)
    assert reason.denied is not None
    assert reason.denied.action == action


def test_the_partition_of_a_bucket_follows_the_message() -> None:
    reason = classify(
        "Received error for arn:aws-cn:elasticloadbalancing:cn-north-1:1:loadbalancer/app/l/1: Access Denied for bucket: b-1. Please check S3bucket permission",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
    )
    assert reason.denied is not None
    assert reason.denied.resource == "arn:aws-cn:s3:::b-1"


# ------------------------------------------------------------------------------------------------ summaries and cascades
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The following resource(s) failed to create: [A, B]. Rollback requested by user.", ("A", "B")),
        ("The following resource(s) failed to create: [A]. . Rollback requested by user.", ("A",)),
        ("The following resource(s) failed to import: [A].", ("A",)),
        (
            "Embedded stack arn:aws:cloudformation:r:1:stack/s/1 was not successfully created: The following resource(s) failed to create: [C]. ",
            ("C",),
        ),
        ("The following resource(s) failed to delete: [A, B", ("A", "B")),
        ("The following resource(s) failed to create: [].", ()),
        ("my-bucket already exists", ()),
        (None, ()),
    ],
)
def test_the_logical_ids_a_summary_names(text: str | None, names: tuple[str, ...]) -> None:
    assert summary_names(text) == names


def test_the_nested_stack_a_cascade_comes_from() -> None:
    arn = "arn:aws:cloudformation:us-east-1:111122223333:stack/parent-Child-1ABC/82615a0-8215-11e9-b24a-0e3ecaa51b46"
    text = f"Embedded stack {arn} was not successfully deleted: The following resource(s) failed to delete: [A]."
    assert embedded_stack_arn(text) == arn
    assert classify(text).category is Category.NESTED_STACK_CASCADE
    assert embedded_stack_arn("Resource creation cancelled") is None
    assert embedded_stack_arn(None) is None


@pytest.mark.parametrize("verb", ["creation", "update", "deletion", "import"])
@pytest.mark.parametrize("ending", ["cancelled", "canceled", "Cancelled."])
def test_a_cancelled_sibling_is_noise_in_every_spelling(verb: str, ending: str) -> None:
    assert classify(f"Resource {verb} {ending}").category is Category.CANCELLED_NOISE


# ------------------------------------------------------------------------------------------------ any text at all
@given(st.text(max_size=300), st.sampled_from(["", "AWS::S3::Bucket", "Custom::X", "AWS::CloudTrail::Trail"]))
def test_any_text_is_classified(text: str, resource_type: str) -> None:
    reason = classify(text, resource_type)
    assert reason.category in Category
    assert reason.rule


@given(st.sampled_from([row["reason"] for row in CASES + MORE + UNSEEN]), st.integers(0, 400))
def test_a_text_cut_off_anywhere_is_still_classified_and_names_only_what_it_holds(text: str, end: int) -> None:
    reason = classify(text[:end])
    assert reason.bucket is None or reason.bucket in text[:end]
    assert reason.request_id is None or reason.request_id in text[:end]


def test_a_letter_whose_lower_case_is_longer_does_not_shift_what_is_read() -> None:
    reason = classify("İ Incorrect S3 bucket policy is detected for bucket: logs-1")
    assert reason.bucket == "logs-1"


def test_a_very_long_text_is_read_to_a_named_bound() -> None:
    assert classify("x " * LONGEST + "already exists").category is Category.OTHER
