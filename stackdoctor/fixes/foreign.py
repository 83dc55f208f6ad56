"""Requests that no fix may open: for each request a service needs, the ones beside it that must stay denied.

Another account's resource, another service, an anonymous caller, a foreign role, a path outside the prefix, and what
the service has no business doing (reading objects, deciphering, granting, changing the policy). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from stackdoctor.policy.request import MISSING, Caller, Knowledge, Known, PrincipalKind, Request
from stackdoctor.services.base import Needed, Target

FOREIGN_ACCOUNTS = ("999999999999", "888888888888")
OTHER_SERVICES = ("config.amazonaws.com", "ec2.amazonaws.com")
NOT_ITS_BUSINESS: Mapping[Target, tuple[str, ...]] = {
    Target.BUCKET: ("s3:GetObject", "s3:DeleteObject", "s3:PutBucketPolicy"),
    Target.KEY: ("kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
    Target.TOPIC: ("sns:Subscribe", "sns:SetTopicAttributes"),
    Target.QUEUE: ("sqs:ReceiveMessage", "sqs:DeleteMessage"),
    Target.FUNCTION: ("lambda:UpdateFunctionCode",),
}
DOCUMENTED_WITHOUT_CONDITION = frozenset({"kms:DescribeKey", "kms:Decrypt"})
"""Actions that AWS's own policies allow a service without any condition: its other accounts' resources share them."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A request that must not become allowed, and who makes it, as words."""

    request: Request
    what: str


def foreign(needed: Iterable[Needed], document: str = "") -> tuple[Foreign, ...]:
    """Every foreign request beside the needed ones, each once. `document` is the policy's text, whose accounts count as well."""
    wanted = tuple(needed)
    allowed = {need.request.action for need in wanted}
    named = tuple(dict.fromkeys(_ACCOUNT.findall(document)))[:MAX_NAMED]
    found = {(f.request.caller, f.request.action, f.request.resource, f.what): f for need in wanted for f in _beside(need, allowed, named)}
    return tuple(found.values())


_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
MAX_NAMED = 8
"""Accounts that a policy names, as far as they are tried."""


def _beside(need: Needed, allowed: set[str], named: tuple[str, ...]) -> Iterator[Foreign]:
    request = need.request
    if request.action not in DOCUMENTED_WITHOUT_CONDITION and request.caller.kind is PrincipalKind.SERVICE:
        for account, elsewhere in _of_accounts(request, named):
            yield Foreign(elsewhere, f"another account's resource through {request.caller.name}: {request.action} ({account})")
    for service in OTHER_SERVICES:
        if service != request.caller.name:
            theirs = _by(request, Caller(PrincipalKind.SERVICE, service), service=True)
            yield Foreign(theirs, f"{service}: {request.action}")
            yield Foreign(_for_its_own(theirs, service, request), f"{service} for a resource of its own: {request.action}")
    yield Foreign(_by(request, Caller(PrincipalKind.ANONYMOUS, "*")), f"anyone: {request.action}")
    account = next(a for a in FOREIGN_ACCOUNTS if a != request.resource_account)
    role = Caller(PrincipalKind.AWS, f"arn:aws:iam::{account}:role/foreign")
    yield Foreign(_by(request, role), f"a role of another account: {request.action}")
    for action in NOT_ITS_BUSINESS.get(need.target, ()):
        if action not in allowed and request.caller.kind is PrincipalKind.SERVICE:
            for resource in _asked_on(action, request.resource, need.target):
                yield Foreign(replace(request, action=action, resource=resource), f"{request.caller.name}: {action}")
    bucket, _, path = request.resource.partition("/")
    if need.target is Target.BUCKET and request.action == "s3:PutObject" and path != "*":
        yield Foreign(replace(request, resource=f"{bucket}/elsewhere/object"), f"{request.caller.name} outside its prefix: s3:PutObject")


def _asked_on(action: str, resource: str, target: Target) -> tuple[str, ...]:
    """The resource itself; of a bucket also the bucket or an object, whichever the action is about."""
    if target is not Target.BUCKET:
        return (resource,)
    bucket, _, path = resource.partition("/")
    return tuple(dict.fromkeys((resource, bucket if "Object" not in action else f"{bucket}/{path or 'object'}")))


def _of_accounts(request: Request, named: tuple[str, ...]) -> Iterator[tuple[str, Request]]:
    """The same request made for a resource of other accounts: its ARNs, account and encryption context name that account.

    Nothing where nothing that is known of the request names its account: it cannot be told from another account's.
    """
    own = _own_account(request)
    if not own:
        return
    default = next(a for a in FOREIGN_ACCOUNTS if a not in {own, request.resource_account})
    for other in dict.fromkeys((default, *named)):
        if other != own:
            yield other, replace(request, context={key: _moved(key, value, own, other) for key, value in request.context.items()})


def _own_account(request: Request) -> str:
    """The account of the resource the service acts for, from aws:SourceAccount or an ARN in what it sends."""
    account = request.context.get("aws:SourceAccount")
    if isinstance(account, Known) and account.values:
        return account.values[0]
    for key, value in request.context.items():
        if key.lower().startswith(("aws:sourcearn", "kms:encryptioncontext:")) and isinstance(value, Known):
            parts = value.values[0].split(":") if value.values else []
            if len(parts) > 5 and parts[4].isdigit():
                return parts[4]
    return ""


def _for_its_own(theirs: Request, service: str, request: Request) -> Request:
    """Another service's call for a resource of its own in the same account, as its aws:SourceArn says."""
    account = _own_account(request) or request.resource_account or FOREIGN_ACCOUNTS[0]
    partition = request.resource.split(":")[1] if request.resource.count(":") > 4 else "aws"
    arn = f"arn:{partition}:{service.partition('.')[0]}:us-east-1:{account}:theirs"
    return replace(theirs, context={**theirs.context, "aws:SourceArn": Known((arn,)), "aws:SourceAccount": Known((account,))})


def _moved(key: str, value: Knowledge, own: str, other: str) -> Knowledge:
    sources = key.lower().startswith(("aws:source", "kms:encryptioncontext:"))
    if not sources or not isinstance(value, Known):
        return value
    return Known(tuple(text.replace(own, other) for text in value.values))


def _by(request: Request, caller: Caller, *, service: bool = False) -> Request:
    """The same call by somebody else, who carries nothing that only a service sends."""
    kept: dict[str, Knowledge] = {
        key: value
        for key, value in request.context.items()
        if not key.lower().startswith(("aws:source", "aws:principal", "kms:encryptioncontext", "kms:via", "aws:via"))
    }
    principal = {
        "aws:PrincipalIsAWSService": Known(("true" if service else "false",)),
        "aws:SecureTransport": Known(("true",)),
    }
    if service:
        principal |= {"aws:PrincipalServiceName": Known((caller.name,)), "aws:PrincipalServiceNamesList": Known((caller.name,))}
    return Request(caller, request.action, request.resource, request.resource_account, {**kept, **principal}, MISSING)
