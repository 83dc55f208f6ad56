"""The code asks for exactly what AWS documents: the same actions of the same policies by the same principals, as blocking as it is.

tests/data/service_requirements.jsonl lists the documented requirements of 37 resource types. What the code leaves out or weighs
otherwise stands here, with the reason.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from services.examples import EXAMPLES, Example, network_balancer
from stackdoctor.policy.request import Missing
from stackdoctor.services import SERVICES, service_of
from stackdoctor.services.base import Needed, Target

DATA = Path(__file__).parent.parent / "data" / "service_requirements.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]
OF = {
    "bucket_policy": Target.BUCKET,
    "key_policy": Target.KEY,
    "topic_policy": Target.TOPIC,
    "queue_policy": Target.QUEUE,
    "function_policy": Target.FUNCTION,
    "iam_caller": Target.IDENTITY,
    "role": Target.IDENTITY,
    "role+key_policy": Target.IDENTITY,
}
DELIVERED = {
    "AWS::EC2::FlowLog", "AWS::WAFv2::LoggingConfiguration", "AWS::MSK::Cluster", "AWS::NetworkFirewall::LoggingConfiguration",
    "AWS::Logs::Delivery", "AWS::Logs::DeliveryDestination", "AWS::ElasticLoadBalancingV2::LoadBalancer",
}  # fmt: skip


def left_out(kind: str, row: dict[str, Any]) -> str:
    """Why the code does not ask for a documented requirement; '' where it must."""
    if row["blocking"] == "no" and row["action"] == "s3:ListBucket":
        return "an existence probe whose deny AWS documents as noise"
    if "org_id" in row["applies_when"] or "IsOrganizationTrail" in row["applies_when"]:
        return "asked only where the organization is known"
    if (kind, row["action"], row["policy"]) == ("AWS::Logs::LogGroup", "kms:DescribeKey", "key_policy"):
        return "AWS's own key policy puts it under an encryption context that DescribeKey never carries"
    if row["principal"] == "{event_source}.amazonaws.com":
        return "the producer's own resource asks for it"
    if (kind, row["action"]) == ("AWS::Lambda::Function", "s3:GetObjectVersion"):
        return "only with a version: one or the other"
    if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer" and row["principal"] == "delivery.logs.amazonaws.com":
        return "a network load balancer, see below"
    if kind == "AWS::Glue::SecurityConfiguration" and row["action"].startswith("s3:"):
        return "it names no bucket"
    return ""


def weighed_otherwise(kind: str, need: Needed) -> str:
    """Why a documented deny is taken less seriously than the page sounds."""
    action = need.request.action
    if kind in DELIVERED and need.target is Target.KEY:
        return "the resource is made all the same, and its delivery fails silently"
    if kind == "AWS::CloudTrail::Trail" and action == "kms:DescribeKey":
        return "whether a trail fails for it is not documented"
    return ""


def found(example: Example, row: dict[str, Any]) -> list[Needed]:
    target = OF[row["policy"]]
    return [need for need in example.needed if need.target is target and fnmatchcase(need.request.action, row["action"])]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["resource_type"])
def test_every_documented_type_has_a_service(row: dict[str, Any]) -> None:
    assert service_of(row["resource_type"]) is not None
    assert row["resource_type"] in EXAMPLES


def test_every_type_of_a_service_has_an_example_and_one_service() -> None:
    types = [kind for service in SERVICES for kind in service.resource_types]
    assert len(types) == len(set(types))
    assert set(types) == set(EXAMPLES)


REQUIREMENTS = [(row["resource_type"], required) for row in ROWS for required in row["required"]]


@pytest.mark.parametrize(
    ("kind", "row"), REQUIREMENTS, ids=lambda value: value if isinstance(value, str) else f"{value['policy']}-{value['action']}"
)
def test_what_is_documented_is_asked_for(kind: str, row: dict[str, Any]) -> None:
    needs = found(EXAMPLES[kind]("aws"), row)
    if left_out(kind, row):
        return
    assert needs, f"nothing asks for {row['action']} of the {row['policy']}"
    if OF[row["policy"]] in {Target.BUCKET, Target.KEY} and row["principal"].endswith(".amazonaws.com"):
        principal = row["principal"].replace("{region}", "eu-west-1")
        assert principal in {need.request.caller.name for need in needs}


@pytest.mark.parametrize(
    ("kind", "row"), REQUIREMENTS, ids=lambda value: value if isinstance(value, str) else f"{value['policy']}-{value['action']}"
)
def test_it_fails_the_resource_as_surely_as_is_documented(kind: str, row: dict[str, Any]) -> None:
    for need in found(EXAMPLES[kind]("aws"), row):
        if row["principal"].replace("{region}", "eu-west-1") != need.request.caller.name and OF[row["policy"]] is not Target.IDENTITY:
            continue
        if need.source.endswith("cloudtrail-permissions-for-sns-notifications.html") and need.target is Target.KEY:
            continue  # the topic's key, not the trail's
        if row["policy"] == "iam_caller" and row["blocking"] == "unknown":
            continue  # nothing reads the caller's own policies: it is a risk at most
        if not weighed_otherwise(kind, need):
            assert need.blocking.value == row["blocking"], need.why


@pytest.mark.parametrize(
    ("kind", "row"), REQUIREMENTS, ids=lambda value: value if isinstance(value, str) else f"{value['policy']}-{value['action']}"
)
def test_keys_that_are_never_sent_are_known_to_be_absent(kind: str, row: dict[str, Any]) -> None:
    for need in found(EXAMPLES[kind]("aws"), row):
        if row["principal"].replace("{region}", "eu-west-1") != need.request.caller.name and OF[row["policy"]] is not Target.IDENTITY:
            continue
        for key in row["never"]:
            if not key.startswith("kms:EncryptionContext"):
                assert isinstance(need.request.context.get(key, need.request.otherwise), Missing), key


@pytest.mark.parametrize("kind", EXAMPLES)
def test_nothing_is_asked_for_that_is_not_documented(kind: str) -> None:
    rows = [row for name, row in REQUIREMENTS if name == kind]
    undocumented = {
        (need.target.value, need.request.action)
        for need in EXAMPLES[kind]("aws").needed
        if not any(OF[row["policy"]] is need.target and fnmatchcase(need.request.action, row["action"]) for row in rows)
    }
    expected = {
        "AWS::CloudTrail::Trail": {("identity", "logs:CreateLogStream"), ("identity", "logs:PutLogEvents")},
        "AWS::Config::DeliveryChannel": {("topic", "sns:Publish")},
        "AWS::MSK::Cluster": {("identity", "logs:CreateLogDelivery")},
        "AWS::Redshift::Cluster": {
            ("identity", f"kms:{a}") for a in ("CreateGrant", "DescribeKey", "GenerateDataKey", "Encrypt", "Decrypt")
        },
    }
    if rows:
        assert undocumented == expected.get(kind, set())


def test_a_network_load_balancer_is_served_by_log_delivery() -> None:
    asked = {(need.request.caller.name, need.target.value, need.request.action) for need in network_balancer().needed}
    assert asked == {
        ("delivery.logs.amazonaws.com", "bucket", "s3:GetBucketAcl"),
        ("delivery.logs.amazonaws.com", "bucket", "s3:PutObject"),
        ("delivery.logs.amazonaws.com", "key", "kms:GenerateDataKey"),
    }
    assert network_balancer().service.principal == "delivery.logs.amazonaws.com"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_requirement_names_the_page_it_comes_from(kind: str) -> None:
    example = EXAMPLES[kind]("aws")
    assert example.service.documentation
    for need in example.needed:
        assert need.source.startswith("https://docs.aws.amazon.com/")
        assert need.why
