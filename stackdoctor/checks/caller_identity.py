"""Requests made with the caller's own identity: forward access sessions and service roles."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor.checks.base import Case, Check
from stackdoctor.model import Confidence, DeniedBy, Finding, Origin, Severity
from stackdoctor.services.base import Target

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html"
_SIDES = {DeniedBy.S3: "s3:", DeniedBy.KMS: "kms:"}


def _looks(case: Case) -> Iterable[Finding]:
    if not case.denied or any(fault.severity is Severity.CAUSE for fault in case.faults):
        return
    side = case.failure.reason.denied_by
    prefix = _SIDES.get(side, "") if side else ""
    own = [judged.needed.request for judged in case.judged if judged.needed.target is Target.IDENTITY]
    needed = [request for request in own if request.action.startswith(prefix)]
    if not needed:
        return
    denied = case.failure.reason.denied
    stated = denied.action if denied else None
    listed = ", ".join(dict.fromkeys(request.action for request in needed))
    by = case.resource.caller or "the identity that deploys the stack"
    yield CHECK.finding(
        Severity.RISK,
        Target.IDENTITY,
        needed[0].resource,
        f"{by} needs {stated or listed}",
        f"{case.resource.type} calls KMS or S3 as the identity that deploys, not as a service principal: {by} must be allowed {listed}, "
        "by its own policy. The key policy is not at fault as long as it lets the account delegate to IAM.",
        origin=Origin.PROPERTIES,
        confidence=Confidence.LIKELY if case.denied else Confidence.POSSIBLE,
        references=case.service.documentation,
    )


CHECK = Check(
    id="caller-identity",
    title="The deploying identity lacks an action",
    explanation="Many services call KMS and S3 on behalf of whoever creates the resource (a forward access session). That identity needs "
    "the action in its own policy; a service-principal statement in the key policy does not help.",
    references=(PAGE,),
    looks=_looks,
)
