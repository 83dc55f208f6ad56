"""The policy AWS documents for a service lets it do all it needs, whatever AWS does not document about its requests; and no one else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.examples import EXAMPLES, PARTITIONS, Example, Place, network_balancer
from stackdoctor.faults import KINDS
from stackdoctor.fixes.foreign import foreign
from stackdoctor.model import JSON
from stackdoctor.policy import MISSING, Caller, Known, Outcome, Policy, PrincipalKind, evaluate, explain, parse
from stackdoctor.services.base import Needed, Target

MAKERS = {**EXAMPLES, "network load balancer": network_balancer}


def documents(example: Example) -> dict[tuple[Target, str], tuple[Policy, list[Needed]]]:
    """The documented policy of each bucket, key, queue, topic and function, with the requests it decides."""
    needs: dict[tuple[Target, str], list[Needed]] = {}
    for need in example.by_service():
        needs.setdefault((need.target, need.ref), []).append(need)
    return {(target, ref): (document(example, target, ref), wanted) for (target, ref), wanted in needs.items()}


def document(example: Example, target: Target, ref: str) -> Policy:
    statements: list[JSON] = [dict(statement) for statement in example.service.minimal(example.resource, example.facts, target, ref)]
    assert statements, f"no documented policy for the {target} {ref}"
    parsed = parse({"Version": "2012-10-17", "Statement": statements}, KINDS[target])
    assert isinstance(parsed, Policy), parsed
    return parsed


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("kind", MAKERS)
def test_the_documented_policy_allows_every_request_in_every_world(kind: str, partition: str) -> None:
    for policy, needs in documents(MAKERS[kind](partition)).values():
        for need in needs:
            outcome = evaluate(policy, need.request)
            assert outcome is Outcome.ALLOWED, explain(policy, need.request).nearest or (need.request.action, need.request.caller)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("kind", MAKERS)
def test_the_documented_policy_allows_nobody_else(kind: str, partition: str) -> None:
    for policy, needs in documents(MAKERS[kind](partition)).values():
        for need in needs:
            for caller in (
                Caller(PrincipalKind.ANONYMOUS, "*"),
                Caller(PrincipalKind.AWS, "arn:aws:iam::999988887777:role/stranger"),
                Caller(PrincipalKind.SERVICE, "ec2.amazonaws.com"),
            ):
                request = replace(need.request, caller=caller)
                assert evaluate(policy, request).denied, (caller, need.request.action)


SCOPED = ("AWS::Config::DeliveryChannel", "AWS::EC2::FlowLog", "AWS::GuardDuty::PublishingDestination", "AWS::S3::Bucket")


@pytest.mark.parametrize("kind", SCOPED)
def test_the_documented_bucket_or_queue_policy_is_for_this_account_only(kind: str) -> None:
    """A request that the service makes for somebody else's resource is refused."""
    for (target, _ref), (policy, needs) in documents(MAKERS[kind]("aws")).items():
        if target is Target.KEY:
            continue
        elsewhere = [other for other in foreign(needs) if other.what.startswith("another account's resource")]
        assert elsewhere
        for other in elsewhere:
            assert evaluate(policy, other.request).denied, other.what


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_arn_is_of_the_partition(kind: str, partition: str) -> None:
    example = MAKERS[kind](partition)
    texts = [need.request.resource for need in example.needed]
    texts += [
        value for need in example.needed for known in need.request.context.values() if isinstance(known, Known) for value in known.values
    ]
    texts += [alternative.caller.name for need in example.needed for alternative in need.alternatives]
    arns = [text for text in texts if text.startswith("arn:")]
    assert all(arn.startswith(f"arn:{partition}:") for arn in arns)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_only_the_logs_principal_has_a_partition_of_its_own(partition: str) -> None:
    """Every service principal ends in .amazonaws.com in every partition, but for CloudWatch Logs in China (inferred)."""
    names = {
        need.request.caller.name for make in MAKERS.values() for need in make(partition).needed if need.request.caller.kind == "service"
    }
    own = {name for name in names if not name.endswith(".amazonaws.com")}
    assert own == ({"logs.cn-north-1.amazonaws.com.cn"} if partition == "aws-cn" else set())


@pytest.mark.parametrize("partition", PARTITIONS)
def test_via_service_ends_the_same_way_in_every_partition(partition: str) -> None:
    for make in MAKERS.values():
        for need in make(partition).needed:
            known = need.request.context.get("kms:ViaService", MISSING)
            values = known.values if isinstance(known, Known) else ()
            assert all(value.endswith(f".{Place(partition).region}.amazonaws.com") for value in values)
