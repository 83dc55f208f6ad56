"""The queue or topic itself: not there."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor import deployed
from stackdoctor.checks.base import Case, Check
from stackdoctor.faults import Fault
from stackdoctor.model import Absent, Finding, Severity
from stackdoctor.services.base import Target

GONE = frozenset({"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NotFound", "NotFoundException", "NoSuchEntity"})
"""What SQS and SNS answer for a queue or topic that does not exist; a function without a policy is answered like no function."""


def is_gone(fault: Fault, case: Case) -> bool:
    """Whether the fault is of a queue or topic that does not exist, which has no policy to be at fault."""
    endpoint = case.evidence.endpoints.get(fault.ref)
    return (
        endpoint is not None
        and endpoint.target is not Target.FUNCTION
        and isinstance(endpoint.policy, Absent)
        and endpoint.policy.why in GONE
    )


def _looks(case: Case) -> Iterable[Finding]:
    for endpoint in case.evidence.endpoints.values():
        if endpoint.target is Target.FUNCTION or not isinstance(endpoint.policy, Absent) or endpoint.policy.why not in GONE:
            continue
        if deployed.owner(case.resources, endpoint.target, endpoint.arn) is None:
            yield MISSING.finding(
                Severity.CAUSE,
                endpoint.target,
                endpoint.arn,
                f"The {endpoint.target} {endpoint.arn} does not exist",
                f"{case.who} cannot send to a {endpoint.target} that is not there.",
            )


MISSING = Check(
    id="endpoint-missing",
    title="The queue or topic does not exist",
    explanation="The resource names a queue or topic that is not there, or not in the Region and account of its ARN.",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",),
    looks=_looks,
)
