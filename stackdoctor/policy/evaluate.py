"""The decision: policy and request in, `Outcome` out. Reasons are made on demand, in `explain`.

An explicit Deny wins, then any Allow (a statement's or a grant's), else the request is implicitly denied; RCPs can only
deny. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stackdoctor.policy.actions import is_wild, members
from stackdoctor.policy.conditions import agreed, either
from stackdoctor.policy.document import Policy
from stackdoctor.policy.grants import Grant
from stackdoctor.policy.public import is_public, keeps_access
from stackdoctor.policy.request import Request
from stackdoctor.policy.results import Outcome, Truth
from stackdoctor.policy.statement import Statement
from stackdoctor.policy.view import View
from stackdoctor.policy.worlds import worlds


def evaluate(
    policy: Policy | None,
    request: Request,
    *,
    grants: Sequence[Grant] = (),
    restrict_public_buckets: bool = False,
    rcps: Sequence[Policy] = (),
) -> Outcome:
    """Decides one request. Without a policy (None) nothing is allowed unless a grant allows it.

    A request for a wildcard action is allowed only if every action it stands for is.
    """
    if is_wild(request.action):
        asked = members(request, (*((policy,) if policy else ()), *rcps))
        return worst(evaluate(policy, one, grants=grants, restrict_public_buckets=restrict_public_buckets, rcps=rcps) for one in asked)
    view = View.of(request)
    statements = policy.statements if policy is not None else ()
    if rcps:
        statements = (*statements, *rcp_denies(rcps))
    outcome = _decide(statements, view, grants)
    if outcome is Outcome.UNDECIDED:
        outcome = settle(statements, view, grants).outcome
    if restrict_public_buckets and policy is not None and outcome in _PASSING:
        return restricted(outcome, policy, request)
    return outcome


_PASSING = frozenset({Outcome.ALLOWED, Outcome.UNDECIDED})
_BY_SEVERITY = (Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED, Outcome.UNDECIDED, Outcome.ALLOWED)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """What several requests that must all pass come to; no request at all is not allowed."""
    found = set(outcomes)
    return next((outcome for outcome in _BY_SEVERITY if outcome in found), Outcome.IMPLICITLY_DENIED)


def rcp_denies(rcps: Sequence[Policy]) -> tuple[Statement, ...]:
    """What resource control policies can do to a request: AWS's own RCPFullAWSAccess always allows, so only a Deny counts.

    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
    """
    return tuple(statement for rcp in rcps for statement in rcp.statements if not statement.allows)


def restricted(outcome: Outcome, policy: Policy, request: Request) -> Outcome:
    """What RestrictPublicBuckets leaves of an Allow."""
    keeps = keeps_access(request) if is_public(policy) else True
    return outcome if keeps else Outcome.UNDECIDED if keeps is None else Outcome.IMPLICITLY_DENIED


# ---------------------------------------------------------------------------------------------- one world, all worlds
def _decide(statements: Sequence[Statement], view: View, grants: Sequence[Grant]) -> Outcome:
    allowed: Truth = False
    doubted = False
    for statement in statements:
        if statement.allows:
            if allowed is not True:
                truth = statement.truth(view)
                if truth is not False:
                    allowed = truth
        else:
            truth = statement.truth(view)
            if truth:
                return Outcome.EXPLICITLY_DENIED
            if truth is None:
                doubted = True
    if doubted:
        return Outcome.UNDECIDED
    if grants and allowed is not True:
        allowed = combine(allowed, grants, view)
    return conclude(allowed, doubted=False)


def combine(allowed: Truth, grants: Sequence[Grant], view: View) -> Truth:
    """What the statements and the grants allow together."""
    for grant in grants:
        truth = grant.truth(view)
        if truth:
            return True
        if truth is None:
            allowed = None
    return allowed


def conclude(allowed: Truth, *, doubted: bool) -> Outcome:
    """The outcome where no Deny certainly applies; `doubted` where one may."""
    if allowed is False:
        return Outcome.IMPLICITLY_DENIED
    return Outcome.UNDECIDED if doubted or allowed is None else Outcome.ALLOWED


@dataclass(frozen=True, slots=True)
class Settled:
    """What all worlds agree on: the outcome, and for each statement whether it applies."""

    outcome: Outcome
    truths: dict[int, Truth]


def settle(statements: Sequence[Statement], view: View, grants: Sequence[Grant]) -> Settled:
    """Decides over all worlds. `truths` is keyed by the statement's place in `statements`."""
    fixed = {place: statement.truth(view) for place, statement in enumerate(statements)}
    open_places = [place for place, truth in fixed.items() if truth is None]
    denied = any(truth and not statements[place].allows for place, truth in fixed.items())
    allowed = any(truth and statements[place].allows for place, truth in fixed.items())
    outcomes: set[Outcome] = set()
    seen: dict[int, set[Truth]] = {place: set() for place in open_places}
    for world in worlds([statements[place] for place in open_places], view):
        truths = {place: statements[place].truth(world) for place in open_places}
        for place, truth in truths.items():
            seen[place].add(truth)
        outcomes.add(_in_world(statements, truths, world, grants, allowed=allowed, denied=denied))
    return Settled(_overall(outcomes), fixed | {place: agreed(found) for place, found in seen.items()})


def _in_world(
    statements: Sequence[Statement], truths: dict[int, Truth], world: View, grants: Sequence[Grant], *, allowed: bool, denied: bool
) -> Outcome:
    if denied or any(truth and not statements[place].allows for place, truth in truths.items()):
        return Outcome.EXPLICITLY_DENIED
    allows: Truth = True if allowed else either(truth for place, truth in truths.items() if statements[place].allows)
    if grants and allows is not True:
        allows = combine(allows, grants, world)
    return conclude(allows, doubted=any(truth is None and not statements[place].allows for place, truth in truths.items()))


def _overall(outcomes: set[Outcome]) -> Outcome:
    if len(outcomes) == 1:
        return outcomes.pop()
    return Outcome.IMPLICITLY_DENIED if all(outcome.denied for outcome in outcomes) else Outcome.UNDECIDED
