"""The bucket, topic or queue has no policy, or got it only after the resource that needs it."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor.checks.base import Case, Check, Words, actions, who
from stackdoctor.faults import Fault
from stackdoctor.model import Confidence, Finding, Origin, Severity
from stackdoctor.services.base import Constraint, Target

PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html"


def _none(fault: Fault, case: Case) -> Words | None:
    if fault.element != "NoPolicy":
        return None
    late = _late(case)
    if fault.target is Target.BUCKET and late is not None:
        return None
    return Words(f"The {fault.target} has no policy", f"{who(fault)} needs {actions(fault)} and nothing allows it.")


def _late(case: Case) -> str | None:
    """The logical id of a bucket policy that the stack makes, but had not made when the resource failed."""
    if not case.has(Constraint.POLICY_BEFORE_RESOURCE):
        return None
    for bucket in case.evidence.buckets.values():
        made_by = bucket.policy_resource
        if made_by is not None and not made_by.completed and made_by.logical_id not in case.after:
            return made_by.logical_id
    return None


def _looks(case: Case) -> Iterable[Finding]:
    logical_id = _late(case)
    if logical_id is None:
        return
    for bucket in case.evidence.buckets.values():
        if bucket.policy_resource is None or bucket.policy_resource.logical_id != logical_id:
            continue
        yield LATE.finding(
            Severity.CAUSE,
            Target.BUCKET,
            bucket.arn,
            f"{logical_id} was not there yet when {case.resource.logical_id} was made",
            f"{case.resource.logical_id} does not wait for the bucket policy {logical_id}: a reference to the bucket orders it after the "
            f"bucket only. Add DependsOn: {logical_id} to {case.resource.logical_id}.",
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
    title="The bucket policy is made only after the resource that needs it (missing DependsOn)",
    explanation="CloudFormation makes resources in parallel unless one refers to the other. A trail refers to its bucket, not to the "
    "bucket's policy; without DependsOn it may be made first and is refused.",
    references=(PAGE, "https://github.com/hashicorp/terraform/issues/6388"),
    looks=_looks,
)
