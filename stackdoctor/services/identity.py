"""Requests that are not made by a service principal: forward access sessions of whoever deploys, and service roles.

in: the resource and the role. out: `Needed` on the caller's own identity (Target.IDENTITY). Whether that identity's
policies allow the action is not read; the policy of the key or bucket (`ref`) may deny it all the same.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html
"""

from __future__ import annotations

from collections.abc import Mapping

from stackdoctor.policy.request import MISSING, UNKNOWN, Caller, Knowledge, Known, Request
from stackdoctor.services.base import Blocking, Needed, Resource, Scope, Target


def deployer(resource: Resource) -> Caller:
    """The identity that deploys: the stack's role, else the account's root for an identity that is not known."""
    return Caller.parse(resource.caller or root_of(resource.scope))


def root_of(scope: Scope, account: str = "") -> str:
    """The account's root, which stands for an identity of the account that is not known."""
    return f"arn:{scope.partition}:iam::{account or scope.account}:root"


def own(
    resource: Resource,
    action: str,
    on: str,
    page: str,
    why: str,
    *,
    ref: str = "",
    via: str = "",
    context: Mapping[str, Knowledge] | None = None,
    owner: str | None = None,
) -> Needed:
    """A request made with the deploying identity; `via` is the service that forwards it, `kms:ViaService` without its Region."""
    scope = resource.scope
    carried = _forwarded(resource, f"{via}.{scope.region}.amazonaws.com" if via else "") | dict(context or {})
    request = Request(deployer(resource), action, on, owner or scope.account, carried, UNKNOWN)
    return Needed(request, Target.IDENTITY, ref, Blocking.YES, why, page)


def _forwarded(resource: Resource, via: str) -> dict[str, Knowledge]:
    """What a forward access session carries of its caller.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    scope = resource.scope
    carried: dict[str, Knowledge] = {
        "aws:PrincipalAccount": Known((scope.account,)),
        "aws:PrincipalIsAWSService": Known(("false",)),
        "aws:PrincipalServiceName": MISSING,
        "aws:SourceArn": MISSING,
        "aws:SourceAccount": MISSING,
        "aws:ViaAWSService": Known(("true",)),
        "aws:SecureTransport": Known(("true",)),
        "kms:CallerAccount": Known((scope.account,)),
    }
    if resource.caller and ":role/" in resource.caller:
        carried["aws:PrincipalArn"] = Known((resource.caller,))
    if scope.organization:
        carried["aws:PrincipalOrgID"] = Known((scope.organization,))
    return carried | ({"kms:ViaService": Known((via,))} if via else {})


def by_role(
    role: str,
    resource: Resource,
    action: str,
    on: str,
    page: str,
    why: str,
    *,
    ref: str = "",
    blocking: Blocking = Blocking.YES,
    context: Mapping[str, Knowledge] | None = None,
    owner: str | None = None,
) -> Needed:
    """A request a service makes with a role it assumes; without the role's ARN, with one of the account's that is not known."""
    scope = resource.scope
    caller = Caller.parse(role if role.startswith("arn:") else root_of(scope))
    carried: dict[str, Knowledge] = {
        "aws:PrincipalAccount": Known((scope.account,)),
        "aws:PrincipalIsAWSService": Known(("false",)),
        "aws:SourceArn": MISSING,
        "aws:SourceAccount": MISSING,
        "aws:SecureTransport": Known(("true",)),
        "kms:CallerAccount": Known((scope.account,)),
    }
    if role.startswith("arn:"):
        carried["aws:PrincipalArn"] = Known((role,))
    request = Request(caller, action, on, owner or scope.account, carried | dict(context or {}), UNKNOWN)
    return Needed(request, Target.IDENTITY, ref, blocking, why, page)
