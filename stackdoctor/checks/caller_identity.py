"""Requests made with the caller's own identity: forward access sessions and service roles."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor.checks.base import Case, Check
from stackdoctor.model import Confidence, DeniedBy, Finding, Origin, Severity
from stackdoctor.policy import Request
from stackdoctor.services.base import Blocking, Target

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html"
_SIDES = {DeniedBy.S3: "s3:", DeniedBy.KMS: "kms:"}


def lacking(case: Case) -> Iterable[Finding]:
    """What the identity may lack; asked only where no cause was found, since nothing shows the identity's own policies."""
    if case.denied:
        for name, needed in needed_by(case).items():
            yield _lacks(case, name, needed)


def needed_by(case: Case) -> dict[str, list[Request]]:
    """What each identity must be allowed by its own policy, on the side that denied."""
    side = case.failure.reason.denied_by
    prefix = _SIDES.get(side, "") if side else ""
    by_caller: dict[str, list[Request]] = {}
    for need in (judged.needed for judged in case.judged if judged.needed.target is Target.IDENTITY):
        if need.request.action.startswith(prefix) and need.blocking is Blocking.YES:
            by_caller.setdefault(need.request.caller.name, []).append(need.request)
    return by_caller


def _lacks(case: Case, name: str, needed: list[Request]) -> Finding:
    deploys = name == case.resource.caller or name.endswith(":root")
    by = "the identity that deploys the stack" if name.endswith(":root") else name
    denied = case.failure.reason.denied
    listed = ", ".join(dict.fromkeys(request.action for request in needed))
    how = "as the identity that deploys, not as a service principal" if deploys else "with the role it is given"
    return CHECK.finding(
        Severity.RISK,
        Target.IDENTITY,
        _owner(needed[0].resource),
        f"{by} needs {(denied.action if denied else None) or listed}",
        f"{case.resource.type} asks for this {how}: {by} must be allowed {listed}, by its own policy. "
        "The key policy is not at fault as long as it lets the account delegate to IAM.",
        origin=Origin.PROPERTIES,
        confidence=Confidence.LIKELY,
        references=case.service.documentation,
    )


def _owner(arn: str) -> str:
    """The bucket of objects; of everything else the thing itself."""
    return arn.partition("/")[0] if arn.split(":")[2:3] == ["s3"] else arn


CHECK = Check(
    id="caller-identity",
    title="The deploying identity lacks an action",
    explanation="Many services call KMS and S3 on behalf of whoever creates the resource (a forward access session). That identity needs "
    "the action in its own policy; a service-principal statement in the key policy does not help.",
    references=(PAGE,),
)
