"""The smallest changes that let requests pass in every world: policy and requests in, `Edit` values out.

Candidates come from the leaves (`repairs`); each is applied and the result evaluated, cheapest first, until all requests
are allowed. An edit is then held against requests nobody meant to allow; where it would let one of them pass and the
service's own aws:SourceArn is known, the edit carries it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from stackdoctor.policy.document import Policy, PolicyKind, parse
from stackdoctor.policy.evaluate import evaluate, worst
from stackdoctor.policy.explain import explain
from stackdoctor.policy.grants import Grant
from stackdoctor.policy.ops import AddClause, Op, ReplaceStatements, apply, describe, touched
from stackdoctor.policy.probes import probes
from stackdoctor.policy.repairs import SOURCE_ARN, carries_source, new_statement, repairs
from stackdoctor.policy.request import PrincipalKind, Request
from stackdoctor.policy.results import Outcome
from stackdoctor.policy.statement import Statement

MAX_EXPANSIONS = 200
"""States looked at; fewer for a document larger than USUAL, so that the time stays the same."""
USUAL = 10_000
MAX_EDITS = 6


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a whole document.

    `outcome` is the worst of the requests under it: allowed, or undecided for an alternative that some worlds still deny.
    `opens` are requests it allows that were denied before and that nobody asked for; empty for an edit that is safe.
    """

    title: str
    ops: tuple[Op, ...]
    document: Mapping[str, Any]
    outcome: Outcome
    opens: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What stays the same while documents change."""

    kind: PolicyKind
    requests: tuple[Request, ...]
    grants: Sequence[Grant] = ()
    rcps: Sequence[Policy] = ()
    source_arn: str | None = None

    def outcome(self, policy: Policy | None) -> Outcome:
        return worst(evaluate(policy, request, grants=self.grants, rcps=self.rcps) for request in self.requests)


def allows_all(
    document: Policy | Mapping[str, Any] | str,
    requests: Sequence[Request],
    kind: PolicyKind = PolicyKind.OTHER,
    *,
    grants: Sequence[Grant] = (),
    rcps: Sequence[Policy] = (),
) -> bool:
    """Whether every request is allowed in every world."""
    policy = document if isinstance(document, Policy) else parse(document, kind)
    return isinstance(policy, Policy) and Setting(policy.kind, tuple(requests), grants, rcps).outcome(policy) is Outcome.ALLOWED


def replace_statements(document: Mapping[str, Any], indices: Sequence[int], statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document with some statements replaced by others, everything else untouched; without indices they are appended."""
    return apply(document, ReplaceStatements(tuple(indices), tuple(statements)))


def propose(
    policy: Policy | None,
    requests: Sequence[Request],
    *,
    kind: PolicyKind = PolicyKind.OTHER,
    source_arn: str | None = None,
    grants: Sequence[Grant] = (),
    rcps: Sequence[Policy] = (),
    limit: int = MAX_EDITS,
) -> tuple[Edit, ...]:
    """Edits that make all requests allowed, the safe and small ones first; then alternatives that stay undecided.

    `kind` counts only without a policy. Empty where everything is allowed already, or where no edit of this document helps.
    """
    setting = Setting(policy.kind if policy else kind, tuple(requests), grants, rcps, source_arn)
    if setting.outcome(policy) is Outcome.ALLOWED:
        return ()
    start = policy or _empty(setting.kind)
    sure: dict[str, tuple[float, Edit]] = {}
    hopeful: dict[str, tuple[float, Edit]] = {}
    for state in _search(start, setting):
        if not _is_minimal(start, state, setting):
            continue
        edit = _guarded(policy, state, setting)
        group = sure if edit.outcome is Outcome.ALLOWED else hopeful
        group.setdefault(_text(edit.document), (state.cost, edit))
        if len(sure) >= limit:
            break
    ranked = sorted(sure.values(), key=lambda item: (bool(item[1].opens), item[0]))
    return (*(edit for _, edit in ranked[:limit]), *(edit for _, edit in list(hopeful.values())[:2]))


def new_access(before: Policy | None, after: Policy, requests: Sequence[Request], *, source_arn: str | None = None) -> tuple[Request, ...]:
    """Requests nobody asked for that the new policy lets pass and the old one did not."""
    return tuple(
        probe
        for probe in probes(before, after, requests, source_arn)
        if _freedom(evaluate(after, probe), probe) > _freedom(evaluate(before, probe), probe)
    )


def _freedom(outcome: Outcome, probe: Request) -> int:
    """How far a request gets; what a policy merely does not allow, the IAM policies of the owner's account still may."""
    if outcome is Outcome.IMPLICITLY_DENIED and probe.caller.kind is PrincipalKind.AWS:
        return 1
    return {Outcome.ALLOWED: 3, Outcome.UNDECIDED: 2}.get(outcome, 0)


# ---------------------------------------------------------------------------------------------- the search
@dataclass(frozen=True, slots=True)
class _State:
    policy: Policy
    steps: tuple[tuple[Op, ...], ...]
    cost: float
    hopeful: bool = False

    @property
    def ops(self) -> tuple[Op, ...]:
        return tuple(op for step in self.steps for op in step)


def _empty(kind: PolicyKind) -> Policy:
    made = parse({"Version": "2012-10-17", "Statement": []}, kind)
    if not isinstance(made, Policy):
        raise TypeError(made)
    return made


def _search(start: Policy, setting: Setting) -> Iterator[_State]:
    """States in which no request is denied, cheapest first; bounded."""
    order = count()
    heap: list[tuple[float, int, _State]] = [(0.0, next(order), _State(start, (), 0.0))]
    seen: set[str] = set()
    for _ in range(max(10, MAX_EXPANSIONS * USUAL // max(USUAL, len(_text(start.document))))):
        if not heap:
            return
        _, _, state = heappop(heap)
        text = _text(state.policy.document)
        if text in seen:
            continue
        seen.add(text)
        blocked = _first_blocked(state, setting)
        if blocked is None:
            yield state
            continue
        for following in _expand(state, blocked, setting):
            heappush(heap, (following.cost, next(order), following))


def _first_blocked(state: _State, setting: Setting) -> Request | None:
    """The request to mend next; a hopeful state is content with undecided."""
    for request in setting.requests:
        outcome = evaluate(state.policy, request, grants=setting.grants, rcps=setting.rcps)
        if outcome is not Outcome.ALLOWED and not (state.hopeful and outcome is Outcome.UNDECIDED):
            return request
    return None


def _expand(state: _State, request: Request, setting: Setting) -> Iterator[_State]:
    found = explain(state.policy, request, grants=setting.grants, rcps=setting.rcps)
    for repair in repairs(state.policy, request, found, setting.source_arn):
        policy = _applied(state.policy, repair.ops)
        if policy is not None:
            yield _State(policy, (*state.steps, repair.ops), state.cost + repair.cost, state.hopeful or repair.hopeful)


def _applied(policy: Policy, ops: Sequence[Op]) -> Policy | None:
    try:
        made = parse(apply(policy.document, *ops), policy.kind)
    except (LookupError, ValueError):
        return None
    return made if isinstance(made, Policy) else None


def _is_minimal(start: Policy, state: _State, setting: Setting) -> bool:
    """Whether every step is needed: an edit of which a part does as well is no alternative."""
    reached = setting.outcome(state.policy)
    if len(state.steps) < 2:
        return True
    for left_out in range(len(state.steps)):
        rest = [op for place, step in enumerate(state.steps) if place != left_out for op in step]
        shorter = _applied(start, rest)
        if shorter is not None and setting.outcome(shorter) is reached:
            return False
    return True


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document)


# ---------------------------------------------------------------------------------------------- not wider than meant
def _guarded(before: Policy | None, state: _State, setting: Setting) -> Edit:
    """The state as an edit; one that opens more than was asked carries the exact aws:SourceArn if that keeps it working."""
    opens = new_access(before, state.policy, setting.requests, source_arn=setting.source_arn)
    if opens:
        guard = _guards(state, setting)
        narrow = _applied(state.policy, guard) if guard else None
        if narrow is not None and setting.outcome(narrow) is setting.outcome(state.policy):
            fewer = new_access(before, narrow, setting.requests, source_arn=setting.source_arn)
            if len(fewer) < len(opens):
                opens, state = fewer, _State(narrow, (*state.steps, guard), state.cost, state.hopeful)
    title = _title(state.ops, state.policy.document)
    return Edit(title, state.ops, state.policy.document, setting.outcome(state.policy), opens)


def _guards(state: _State, setting: Setting) -> tuple[Op, ...]:
    """A clause on the exact aws:SourceArn for every Allow statement that was changed and has none."""
    if setting.source_arn is None or not all(carries_source(r, setting.source_arn) for r in setting.requests):
        return ()
    callers = {request.caller.name for request in setting.requests}
    statements = [state.policy.statements[index] for index in touched(state.ops)]
    return tuple(
        AddClause(s.index, "StringEquals", SOURCE_ARN, (setting.source_arn,))
        for s in statements
        if s.allows and _only_for(s, callers) and not any(clause.name == SOURCE_ARN.lower() for clause in s.clauses)
    )


def _only_for(statement: Statement, callers: set[str]) -> bool:
    """Whether a statement names nobody else, who would lose by a clause on the source."""
    return statement.principals is not None and {text.rpartition(": ")[2] for text in statement.principals.written} <= callers


def _title(ops: Sequence[Op], document: Mapping[str, Any]) -> str:
    text = "; ".join(dict.fromkeys(describe(op, document) for op in ops))
    return text[:1].upper() + text[1:]


def statement_for(request: Request, *, source_arn: str | None = None, policy: Policy | None = None) -> dict[str, object] | None:
    """An Allow for exactly this request, with the exact aws:SourceArn where the request carries it."""
    return new_statement(policy, request, source_arn)
