"""The decision with its reasons: every statement and every leaf, what decides, what an undecided answer hangs on,
and for a request that nothing allows the Allow statements nearest to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stackdoctor.policy.actions import is_wild, members
from stackdoctor.policy.document import Policy
from stackdoctor.policy.evaluate import Settled, combine, conclude, evaluate, rcp_denies, restricted, settle
from stackdoctor.policy.grants import Grant
from stackdoctor.policy.likeness import distance
from stackdoctor.policy.reasons import leaves
from stackdoctor.policy.request import Request
from stackdoctor.policy.results import TRI, Explanation, Layer, Leaf, LeafReason, Outcome, StatementResult, Tri, Truth
from stackdoctor.policy.statement import Statement
from stackdoctor.policy.view import View

_OPEN = frozenset({LeafReason.UNKNOWN_VALUE, LeafReason.UNKNOWN_OPERATOR, LeafReason.UNREADABLE_VALUE})


def explain(
    policy: Policy | None,
    request: Request,
    *,
    grants: Sequence[Grant] = (),
    restrict_public_buckets: bool = False,
    rcps: Sequence[Policy] = (),
) -> Explanation:
    """Decides one request and says why. Of a wildcard action, the first member that fares as badly as the whole is explained."""
    if is_wild(request.action):
        request = _member(policy, request, grants, rcps, restrict_public_buckets=restrict_public_buckets)
    view = View.of(request)
    own = policy.statements if policy is not None else ()
    statements = (*own, *rcp_denies(rcps)) if rcps else own
    results = [_result(statement, view) for statement in statements]
    settled = _settled(statements, results, view, grants)
    outcome = settled.outcome
    if settled.truths:
        results = [_refine(result, settled.truths[place]) for place, result in enumerate(results)]
    if restrict_public_buckets and policy is not None and not outcome.denied:
        outcome = restricted(outcome, policy, request)
    layered = tuple(replace(result, layer=Layer.RCP) for result in results[len(own) :])
    kept = tuple(results[: len(own)])
    return Explanation(
        outcome=outcome,
        statements=kept,
        deciding=_deciding(outcome, (*kept, *layered)),
        nearest=() if outcome is Outcome.ALLOWED or outcome is Outcome.EXPLICITLY_DENIED else _nearest(kept, request),
        hangs_on=_hangs_on((*kept, *layered)) if outcome is Outcome.UNDECIDED else (),
        rcp_statements=layered,
        grants=tuple(place for place, grant in enumerate(grants) if grant.truth(view)) if grants else (),
        restricted=outcome is not settled.outcome,
    )


def _member(
    policy: Policy | None, request: Request, grants: Sequence[Grant], rcps: Sequence[Policy], *, restrict_public_buckets: bool
) -> Request:
    asked = members(request, (*((policy,) if policy else ()), *rcps))
    outcomes = [evaluate(policy, one, grants=grants, rcps=rcps, restrict_public_buckets=restrict_public_buckets) for one in asked]
    overall = evaluate(policy, request, grants=grants, rcps=rcps, restrict_public_buckets=restrict_public_buckets)
    return next(
        (one for one, outcome in zip(asked, outcomes, strict=True) if outcome is overall),
        replace(request, action=request.action.rstrip("*?")),
    )


_TRUTH: dict[Tri, Truth] = {tri: truth for truth, tri in TRI.items()}


def _result(statement: Statement, view: View) -> StatementResult:
    found = leaves(statement, view)
    matched = Tri.MATCH
    for leaf in found:
        if leaf.matched is Tri.NO_MATCH:
            matched = Tri.NO_MATCH
            break
        if leaf.matched is Tri.MAYBE:
            matched = Tri.MAYBE
    return StatementResult(statement.index, statement.sid, statement.effect, matched, found)


def _settled(statements: Sequence[Statement], results: Sequence[StatementResult], view: View, grants: Sequence[Grant]) -> Settled:
    """The outcome; `truths` is empty where no statement is open."""
    if any(result.matched is Tri.MAYBE for result in results) or (grants and any(grant.truth(view) is None for grant in grants)):
        return settle(statements, view, grants)
    if any(result.matched is Tri.MATCH and not statement.allows for statement, result in zip(statements, results, strict=True)):
        return Settled(Outcome.EXPLICITLY_DENIED, {})
    allowed: Truth = any(result.matched is Tri.MATCH for result in results)
    return Settled(conclude(allowed or combine(allowed, grants, view), doubted=False), {})


def _refine(result: StatementResult, truth: Truth) -> StatementResult:
    """A statement whose clauses contradict each other in every world does not match, though each clause may."""
    return result if _TRUTH[result.matched] is truth else replace(result, matched=TRI[truth])


def _deciding(outcome: Outcome, results: Sequence[StatementResult]) -> tuple[StatementResult, ...]:
    if outcome is Outcome.IMPLICITLY_DENIED:
        return ()
    if outcome is Outcome.UNDECIDED:
        return tuple(result for result in results if result.matched is Tri.MAYBE)
    effect = "Allow" if outcome is Outcome.ALLOWED else "Deny"
    of_effect = [result for result in results if result.effect == effect]
    sure = tuple(result for result in of_effect if result.matched is Tri.MATCH)
    return sure or tuple(result for result in of_effect if result.matched is Tri.MAYBE)


def _nearest(results: Sequence[StatementResult], request: Request) -> tuple[StatementResult, ...]:
    candidates = [(distance(result, request), result) for result in results if result.effect == "Allow" and result.matched is not Tri.MATCH]
    return tuple(result for far, result in sorted(candidates, key=lambda item: (item[0], item[1].index)) if far is not None)


def _hangs_on(results: Sequence[StatementResult]) -> tuple[Leaf, ...]:
    return tuple(leaf for result in results if result.matched is Tri.MAYBE for leaf in result.leaves if leaf.matched is Tri.MAYBE)
