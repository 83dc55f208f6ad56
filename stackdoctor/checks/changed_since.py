"""A policy that somebody changed after the failure: what is live is not what the attempt met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stackdoctor.checks.base import Case, Check
from stackdoctor.evidence import DeployedResource
from stackdoctor.model import Finding, Found, Severity
from stackdoctor.services.base import Target


def _looks(case: Case) -> Iterable[Finding]:
    for target, ref, made_by in _deployed(case):
        policy = case.evidence.policy(target, ref)
        if isinstance(policy, Found) and policy.value.changed and made_by is not None and not made_by.undone:
            yield CHECK.finding(
                Severity.NOTE,
                target,
                case.evidence.arn(target, ref, case.resource.scope),
                f"The policy of the {target} was changed since the failure",
                f"What {made_by.logical_id} deployed is what the attempt met and what is judged here; the live policy differs. "
                "Carry a change that was made by hand over into the template, or the next deployment may take it back.",
                origin=policy.value.origin,
            )


def _deployed(case: Case) -> Iterator[tuple[Target, str, DeployedResource | None]]:
    evidence = case.evidence
    yield from ((Target.BUCKET, ref, bucket.policy_resource) for ref, bucket in evidence.buckets.items())
    yield from ((Target.KEY, ref, key.owner) for ref, key in evidence.keys.items())
    yield from ((endpoint.target, ref, endpoint.policy_resource) for ref, endpoint in evidence.endpoints.items())


CHECK = Check(
    id="policy-changed-since",
    title="The policy was changed after the failure",
    explanation="What is live is not what the attempt met: somebody changed it since. The cause is looked for in what was deployed.",
    references=("https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html",),
    looks=_looks,
)
