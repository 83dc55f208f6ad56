"""Requests that nobody means to allow: the same one from another source, by another caller, for another listed action.

An edit is held against them before it is offered. The unconditioned DescribeKey and Decrypt of a service, which AWS's
documented key policies grant, are not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from stackdoctor.policy.actions import is_wild
from stackdoctor.policy.document import Policy
from stackdoctor.policy.repairs import IS_SERVICE, UNCONDITIONED
from stackdoctor.policy.request import MISSING, OPEN_END, Caller, Knowledge, Known, PrincipalKind, Request

STRANGER = "999999999999"
_STRANGERS = (
    Caller(PrincipalKind.SERVICE, "stranger.amazonaws.com"),
    Caller(PrincipalKind.AWS, f"arn:aws:iam::{STRANGER}:role/stranger"),
    Caller(PrincipalKind.ANONYMOUS, "*"),
)
_SOURCE_KEYS = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"})
MAX_ACTIONS = 12


def probes(before: Policy | None, after: Policy, requests: Sequence[Request], source_arn: str | None) -> Iterator[Request]:
    """Every probe for these requests; `before` and `after` add the callers and actions they name, the resource its own account."""
    named = (*_named(before), *_named(after), *_STRANGERS)
    actions = _actions(after)
    for request in requests:
        own = (Caller(PrincipalKind.AWS, f"arn:aws:iam::{request.resource_account}:role/anyone"),) if request.resource_account else ()
        callers = tuple(dict.fromkeys((*named, *own)))
        for caller in callers:
            if caller != request.caller:
                yield _by(caller, request)
                if caller.kind is PrincipalKind.SERVICE and request.resource_account:
                    yield _for_its_own(caller, request, request.resource_account)
        if request.caller.kind is not PrincipalKind.SERVICE:
            continue
        service = request.action.partition(":")[0]
        for action in dict.fromkeys((request.action, *(a for a in actions if a.partition(":")[0] == service))):
            if action.lower() not in UNCONDITIONED:
                yield from _from_elsewhere(replace(request, action=action), source_arn)


def _named(policy: Policy | None) -> Iterator[Caller]:
    for statement in policy.statements if policy else ():
        if statement.principals is None:
            continue
        yield from (Caller(PrincipalKind.SERVICE, name) for name in sorted(statement.principals.services))
        yield from (Caller(PrincipalKind.AWS, name) for name in sorted(statement.principals.accounts | statement.principals.arns))


def _actions(policy: Policy) -> tuple[str, ...]:
    """The concrete actions that Allow statements list; a wildcard at the end stands for one of its members."""
    texts = (text for s in policy.statements if s.allows and s.actions for text in s.actions.written)
    concrete = (text.rstrip("*") if text.endswith("*") else text for text in texts)
    return tuple(dict.fromkeys(text for text in concrete if ":" in text and not text.endswith(":") and not is_wild(text)))[:MAX_ACTIONS]


def _by(caller: Caller, request: Request) -> Request:
    """The same call made by somebody else, who does not act for the resource: an IAM identity's own call names no source at all."""
    context: dict[str, Knowledge] = {key: known for key, known in request.context.items() if key.lower() not in _SOURCE_KEYS}
    context |= dict.fromkeys(_SOURCE_KEYS, MISSING)
    context = {key: known for key, known in context.items() if not key.lower().startswith("aws:principal")}
    context[IS_SERVICE] = Known(("true" if caller.kind is PrincipalKind.SERVICE else "false",))
    return replace(request, caller=caller, context=context)


def _for_its_own(caller: Caller, request: Request, account: str) -> Request:
    """Another service's call for a resource of its own in the same account."""
    partition = request.resource.split(":")[1] if request.resource.count(":") > 4 else "aws"
    arn = f"arn:{partition}:{caller.name.partition('.')[0]}:us-east-1:{account}:theirs"
    made = _by(caller, request)
    return replace(made, context={**made.context, "aws:sourcearn": Known((arn,)), "aws:sourceaccount": Known((account,))})


def _from_elsewhere(request: Request, source_arn: str | None) -> Iterator[Request]:
    """The same service, on behalf of another account's resource, of another one of the same account, and of none it names.

    A service that may not name its source at all is not asked to: the request without one is its own.
    """
    known = next(
        (k.values[0] for key, k in request.context.items() if key.lower() == "aws:sourcearn" and isinstance(k, Known) and k.values), None
    )
    arn = source_arn or known
    if arn is None or arn.count(":") < 5:
        return
    account = arn.split(":")[4]
    for swap in ({account: STRANGER} if account else {}, {arn: arn + "-other"} if arn[-1:] != OPEN_END else {}):
        if swap:
            yield replace(request, context={key: _swapped(known, swap) for key, known in _with_source(request, arn, account).items()})
    if known is not None:
        yield replace(request, context=_without_source(request.context))


def _with_source(request: Request, arn: str, account: str) -> dict[str, Knowledge]:
    context = dict(request.context)
    names = {key.lower() for key in context}
    if "aws:sourcearn" not in names:
        context["aws:SourceArn"] = Known((arn,))
    if "aws:sourceaccount" not in names:
        context["aws:SourceAccount"] = Known((account,))
    return context


def _swapped(known: Knowledge, swap: Mapping[str, str]) -> Knowledge:
    if not isinstance(known, Known):
        return known
    values = list(known.values)
    for old, new in swap.items():
        values = [value.replace(old, new) for value in values]
    return Known(tuple(values))


def _without_source(context: Mapping[str, Knowledge]) -> dict[str, Knowledge]:
    return {key: MISSING if key.lower() in _SOURCE_KEYS else known for key, known in context.items()}
