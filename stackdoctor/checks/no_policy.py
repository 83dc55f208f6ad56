"""The bucket, topic or queue has no policy, or got it only after the resource that needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stackdoctor.checks.base import Case, Check, Words, actions, who
from stackdoctor.checks.endpoint_state import is_gone
from stackdoctor.faults import Fault
from stackdoctor.model import Confidence, Finding, Origin, Severity
from stackdoctor.services.base import Constraint, Target

PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html"


def _none(fault: Fault, case: Case) -> Words | None:
    if fault.element != "NoPolicy" or is_explained(fault, case):
        return None
    return Words(f"The {fault.target} has no policy", f"{who(fault)} needs {actions(fault)} and nothing allows it.")


def is_explained(fault: Fault, case: Case) -> bool:
    """Whether another finding says why there is no policy: it came too late, or what it would be of is not there."""
    return fault.element == "NoPolicy" and (is_gone(fault, case) or any(fault.arn == late.arn for late in _late(case)))


@dataclass(frozen=True, slots=True)
class _Late:
    target: Target
    arn: str
    made_by: str


def _late(case: Case) -> Iterator[_Late]:
    """The bucket, topic and queue policies that the stack makes, but had not made when the resource failed."""
    if not case.has(Constraint.POLICY_BEFORE_RESOURCE):
        return
    buckets = ((Target.BUCKET, bucket.arn, bucket.policy_resource) for bucket in case.evidence.buckets.values())
    others = ((endpoint.target, endpoint.arn, endpoint.policy_resource) for endpoint in case.evidence.endpoints.values())
    for target, arn, made_by in (*buckets, *others):
        if made_by is not None and not made_by.completed and made_by.logical_id not in case.after:
            yield _Late(target, arn, made_by.logical_id)


def _looks(case: Case) -> Iterable[Finding]:
    for late in _late(case):
        yield LATE.finding(
            Severity.CAUSE,
            late.target,
            late.arn,
            f"{late.made_by} was not there yet when {case.resource.logical_id} was made",
            f"{case.resource.logical_id} does not wait for the {late.target} policy {late.made_by}: a reference to the {late.target} "
            f"orders it after the {late.target} only. Add DependsOn: {late.made_by} to {case.resource.logical_id}.",
            origin=Origin.PROPERTIES,
            confidence=Confidence.CONFIRMED,
        )


CHECK = Check(
    id="no-policy",
    title="There is no policy that allows the service",
    explanation="A service principal is allowed by the resource's policy alone; without one every request is denied.",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",),
    recognises=_none,
)
LATE = Check(
    id="policy-after-resource",
    title="The bucket's, topic's or queue's policy is made only after the resource that needs it (missing DependsOn)",
    explanation="CloudFormation makes resources in parallel unless one refers to the other. A trail refers to its bucket, not to the "
    "bucket's policy; without DependsOn it may be made first and is refused.",
    references=(PAGE, "https://github.com/hashicorp/terraform/issues/6388"),
    looks=_looks,
)
