"""Puts every request a service needs to the policies that decide it, and names what keeps each from being allowed.

in: `Needed` requests and the `EvidenceSet`. out: `Fault` values, one for each clause, statement or missing statement,
with all the requests it denies. The evaluator gives the reason; a check later adds the words (DESIGN, rule 1).

Denies and missing allows are looked for apart: a request that is explicitly denied may lack its Allow as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackdoctor.actions import is_action
from stackdoctor.evidence import EvidenceSet, PolicyText
from stackdoctor.model import Absent, ClauseRef, Found, Origin, Severity, StatementRef, Unreadable
from stackdoctor.policy import (
    Element,
    Explanation,
    Grant,
    Leaf,
    Malformed,
    Outcome,
    Policy,
    PolicyKind,
    PrincipalKind,
    Request,
    StatementResult,
    Tri,
    evaluate,
    explain,
    parse,
)
from stackdoctor.policy.likeness import ALIKE, likeness
from stackdoctor.services.base import Blocking, Needed, Scope, Target

KINDS = {
    Target.BUCKET: PolicyKind.BUCKET,
    Target.KEY: PolicyKind.KEY,
    Target.TOPIC: PolicyKind.TOPIC,
    Target.QUEUE: PolicyKind.QUEUE,
    Target.FUNCTION: PolicyKind.FUNCTION,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps requests from being allowed.

    `element` is the part of the statement at fault, 'Deny' for an explicit deny, 'Nothing' where no statement was
    meant for the request, 'NoPolicy' where there is none. `near` are the statements that come nearest, as text.
    """

    target: Target
    ref: str
    arn: str
    origin: Origin | None
    severity: Severity
    element: str
    needed: tuple[Needed, ...]
    statement: StatementRef | None = None
    leaf: Leaf | None = None
    clause: ClauseRef | None = None
    near: tuple[str, ...] = ()

    @property
    def actions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(needed.request.action for needed in self.needed))

    @property
    def key(self) -> str:
        """The condition key at fault, lower case; '' where none is."""
        return self.clause.key.lower() if self.clause else ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one needed request: its outcome, or why it could not be judged."""

    needed: Needed
    outcome: Outcome | None
    unread: Unreadable | None = None


def judge(needed: Iterable[Needed], evidence: EvidenceSet, scope: Scope) -> tuple[tuple[Judged, ...], tuple[Fault, ...]]:
    """Every request's outcome, and the faults behind those that are not allowed in every world.

    A request of the caller's own is put to the policy of the key or bucket it is made on, where it names one.
    """
    judged: list[Judged] = []
    faults: list[Fault] = []
    policies: dict[tuple[Target, str], Policy | None | Unreadable] = {}
    for need in (on for need in needed if (on := _on_resource(need)) is not None):
        where = need.target, need.ref
        if where not in policies:
            policies[where] = _policy(evidence, *where)
        one, found = _judged(need, policies[where], evidence, scope)
        judged.append(one)
        faults.extend(found)
    return tuple(judged), merge(faults)


def _judged(need: Needed, policy: Policy | None | Unreadable, evidence: EvidenceSet, scope: Scope) -> tuple[Judged, list[Fault]]:
    match policy:
        case Unreadable() as unread:
            return Judged(need, None, unread=unread), []
        case None if lets_identity_decide(need):
            return Judged(need, Outcome.ALLOWED), []
        case None:
            there = evidence.exists(need.target, need.ref)
            found = [_fault(need, evidence, scope, _severity(need, sure=True), "NoPolicy")] if there else []
            return Judged(need, Outcome.IMPLICITLY_DENIED), found
    if need.request.caller.kind is PrincipalKind.SERVICE and evidence.is_aws_managed(need.target, need.ref):
        return Judged(need, evaluate(policy, need.request)), []
    policy, grants = effective(policy, need.request), _grants(evidence, need)
    outcome = _best(policy, need, grants)
    if outcome is Outcome.ALLOWED:
        return Judged(need, outcome), []
    weighed = replace(need, blocking=Blocking.UNKNOWN) if outcome is Outcome.UNDECIDED and need.blocking is Blocking.YES else need
    found = list(_denials(policy, weighed, evidence, scope))
    if not lets_identity_decide(need):
        found += _missing_allow(policy, weighed, grants, evidence, scope)
    elif not found:
        outcome = Outcome.ALLOWED
    return Judged(need, outcome), found


def _best(policy: Policy, need: Needed, grants: tuple[Grant, ...]) -> Outcome:
    """What the request comes to, or the best of its alternatives: one that is allowed is enough."""
    outcomes = [evaluate(policy, request, grants=grants) for request in (need.request, *need.alternatives)]
    if Outcome.ALLOWED in outcomes:
        return Outcome.ALLOWED
    return Outcome.UNDECIDED if Outcome.UNDECIDED in outcomes else outcomes[0]


def _grants(evidence: EvidenceSet, need: Needed) -> tuple[Grant, ...]:
    """The grants of the key a request is made on: permission beside its policy."""
    key = evidence.keys.get(need.ref) if need.target is Target.KEY else None
    known = key.grants.value if key is not None and isinstance(key.grants, Found) else ()
    return tuple(Grant(g.grantee, g.operations, dict(g.context_equals), dict(g.context_subset)) for g in known)


# --------------------------------------------------------------------------------------- requests of the caller's own
def _on_resource(need: Needed) -> Needed | None:
    """A request of the caller's own, as the policy of the key or bucket it is made on meets it; None where it names none."""
    if need.target is not Target.IDENTITY:
        return need
    target = {"kms": Target.KEY, "s3": Target.BUCKET}.get(need.request.action.partition(":")[0])
    if target is None or not need.ref:
        return None
    sure = need.blocking if _is_known(need) or need.blocking is Blocking.NO else Blocking.UNKNOWN
    return replace(need, target=target, blocking=sure)


SERVICE_LINKED = ":role/aws-service-role/"
NOBODY = "arn:aws:iam::000000000000:root"
"""A principal that nobody is: what stands in the place of an account that may not delegate."""


def effective(policy: Policy, request: Request) -> Policy:
    """The policy as it counts for the caller. A service-linked role has the permissions AWS gives it, none on your keys: that a
    key's policy lets the account delegate to IAM does not reach it.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    """
    if policy.kind is not PolicyKind.KEY or SERVICE_LINKED not in request.caller.name:
        return policy
    statements = [
        _undelegated(dict(s.raw)) if s.allows and s.principals and s.principals.accounts else dict(s.raw) for s in policy.statements
    ]
    parsed = parse({**policy.document, "Statement": statements}, policy.kind)
    return policy if isinstance(parsed, Malformed) else parsed


def _undelegated(statement: dict[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else None
    names = [named] if isinstance(named, str) else named
    if not isinstance(principal, dict) or not isinstance(names, list):
        return statement
    kept = [name for name in names if not (str(name).isdigit() or str(name).endswith(":root"))]
    return {**statement, "Principal": {**principal, "AWS": kept or [NOBODY]}}


def _is_known(need: Needed) -> bool:
    """Whether the caller is known; the account's root stands for an identity that is not."""
    return not need.request.caller.name.endswith(":root")


def lets_identity_decide(need: Needed) -> bool:
    """Whether an identity policy alone may allow the request: an IAM identity on a bucket of its own account."""
    caller = need.request.caller
    if need.target is not Target.BUCKET or caller.kind is not PrincipalKind.AWS:
        return False
    return need.request.resource_account in {None, caller.name.split(":")[4] if caller.name.count(":") >= 5 else caller.name}


def _is_unknown_identity(need: Needed) -> bool:
    return need.request.caller.kind is PrincipalKind.AWS and not _is_known(need)


def _names_identities(policy: Policy) -> bool:
    """Whether the policy allows IAM identities by name: one that is not known may be among them."""
    return any(s.allows and s.principals is not None and s.principals.arns for s in policy.statements)


def _policy(evidence: EvidenceSet, target: Target, ref: str) -> Policy | None | Unreadable:
    """A document that is no policy decides nothing that could be known: it counts as not read."""
    match evidence.policy(target, ref):
        case Found(text):
            parsed = parse(text.text, KINDS[target])
            return Unreadable(f"policy of {target} {ref}", parsed.problem) if isinstance(parsed, Malformed) else parsed
        case Absent():
            return None
        case Unreadable() as unread:
            return unread


def _severity(need: Needed, *, sure: bool) -> Severity:
    match need.blocking:
        case Blocking.YES:
            return Severity.CAUSE if sure else Severity.RISK
        case Blocking.UNKNOWN:
            return Severity.RISK
        case Blocking.NO:
            return Severity.NOTE


def only(policy: Policy, effect: str) -> tuple[Policy, tuple[int, ...]]:
    """The policy with only its Allow or Deny statements, and the index each had."""
    kept = tuple(statement for statement in policy.statements if statement.effect == effect)
    document = {**policy.document, "Statement": [dict(statement.raw) for statement in kept]}
    parsed = parse(document, policy.kind)
    if isinstance(parsed, Malformed):  # a part of a well-formed policy is well-formed
        raise TypeError(parsed.problem)
    return parsed, tuple(statement.index for statement in kept)


# ---------------------------------------------------------------------------------------------------- explicit denies
def _denials(policy: Policy, need: Needed, evidence: EvidenceSet, scope: Scope) -> Iterable[Fault]:
    denies, indices = only(policy, "Deny")
    for result in explain(denies, need.request).statements if indices else ():
        if result.matched is Tri.NO_MATCH:
            continue
        severity = _severity(need, sure=result.matched is Tri.MATCH)
        leaf = _exempting(result)
        fault = _fault(need, evidence, scope, severity, "Deny", leaf=leaf)
        yield replace(fault, statement=StatementRef(indices[result.index], result.sid))


def _exempting(result: StatementResult) -> Leaf | None:
    """The clause of a Deny that was meant to spare somebody and does not: an absent key under a negated operator first."""
    clauses = [leaf for leaf in result.leaves if leaf.element == "Condition"]
    if result.matched is Tri.MAYBE:
        clauses = [leaf for leaf in clauses if leaf.matched is Tri.MAYBE] or clauses

    def rank(leaf: Leaf) -> tuple[bool, bool]:
        return ("Not" not in (leaf.operator or ""), leaf.actual_state != "absent")

    return min(clauses, key=rank, default=None)


# --------------------------------------------------------------------------------------------------- missing allows
def _missing_allow(policy: Policy, need: Needed, grants: tuple[Grant, ...], evidence: EvidenceSet, scope: Scope) -> Iterable[Fault]:
    allows, indices = only(policy, "Allow")
    explanation = explain(allows, need.request, grants=grants)
    if explanation.outcome is Outcome.ALLOWED or (_is_unknown_identity(need) and _names_identities(policy)):
        return
    severity = _severity(need, sure=explanation.outcome is not Outcome.UNDECIDED)
    meant = _intended(explanation, need)
    if meant is None:
        near = tuple(_place(result, indices) for result in explanation.nearest[:3])
        yield replace(_fault(need, evidence, scope, severity, "Nothing"), near=near)
        return
    contradict = all(leaf.matched is Tri.MAYBE for leaf in meant.unmet)  # each may hold, together they may not
    for leaf in meant.unmet:
        graded = severity if contradict or leaf.matched is Tri.NO_MATCH else _severity(need, sure=False)
        fault = _fault(need, evidence, scope, graded, leaf.element, leaf=leaf)
        yield replace(fault, statement=StatementRef(indices[meant.index], meant.sid))


def _failing(result: StatementResult) -> list[Leaf]:
    """The leaves that keep a statement from matching; those that surely do, if any does."""
    sure = [leaf for leaf in result.leaves if leaf.matched is Tri.NO_MATCH]
    return sure or [leaf for leaf in result.leaves if leaf.matched is Tri.MAYBE]


def _intended(explanation: Explanation, need: Needed) -> StatementResult | None:
    """The one statement unmistakably meant for the request, None where there is none or several come equally near.

    Meant is a statement whose principal and action match, or are misspelt by a letter or two.
    """
    meant = [result for result in explanation.nearest if all(_forgivable(leaf, need) for leaf in _failing(result))]
    if not meant:
        return None
    fewest = min(len(_failing(result)) for result in meant)
    best = [result for result in meant if len(_failing(result)) == fewest]
    return best[0] if len(best) == 1 else None


def _forgivable(leaf: Leaf, need: Needed) -> bool:
    match leaf.element:
        case "Principal":
            return misspelt(leaf.expected, need.request.caller.name) is not None
        case "Action":
            return misspelt(leaf.expected, need.request.action) is not None
        case "NotPrincipal" | "NotAction":
            return False
    return True


def misspelt(expected: Iterable[str], wanted: str) -> str | None:
    """The principal or action among `expected` that was meant to be `wanted`, and is no name of its own. IAM names are all their own."""
    if wanted.startswith("arn:") or wanted.isdigit():
        return None
    alike = _alike_action if ":" in wanted else _alike_principal
    return next((value for text in expected if alike(value := text.removeprefix("Service: "), wanted)), None)


def _alike_action(text: str, wanted: str) -> bool:
    return not is_action(text) and likeness(text.rstrip("*"), wanted) >= ALIKE


def _alike_principal(text: str, wanted: str) -> bool:
    """Alike before `.amazonaws.com`, or the same service under another Region or suffix."""
    one, other = (name.lower().partition(".amazon")[0] for name in (text, wanted))
    return "." in text and (one.partition(".")[0] == other.partition(".")[0] or likeness(one, other) >= ALIKE)


def _place(result: StatementResult, indices: tuple[int, ...]) -> str:
    sid = f" ({result.sid})" if result.sid else ""
    failing = ", ".join(dict.fromkeys(leaf.key or leaf.element for leaf in _failing(result)))
    return f"statement {indices[result.index]}{sid}: {failing}"


# -------------------------------------------------------------------------------------------------------- assembling
def _fault(need: Needed, evidence: EvidenceSet, scope: Scope, severity: Severity, element: str, leaf: Leaf | None = None) -> Fault:
    return Fault(
        target=need.target,
        ref=need.ref,
        arn=evidence.arn(need.target, need.ref, scope),
        origin=evidence.origin(need.target, need.ref),
        severity=severity,
        element=element,
        needed=(need,),
        leaf=leaf,
        clause=clause_of(leaf) if leaf is not None and leaf.element is Element.CONDITION else None,
    )


def clause_of(leaf: Leaf) -> ClauseRef:
    """The clause a leaf stands for."""
    return ClauseRef(leaf.operator, leaf.key, leaf.expected, leaf.actual_state.value, leaf.actual_values)


_WEIGHT: Mapping[Severity, int] = {Severity.CAUSE: 0, Severity.RISK: 1, Severity.NOTE: 2}


def merge(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """One fault for each place, with all the requests it denies and the gravest severity; gravest first."""
    merged: dict[object, Fault] = {}
    for fault in faults:
        clause = (fault.clause.operator, fault.key) if fault.clause else None
        place = (fault.target, fault.ref, fault.statement, fault.element, clause)
        known = merged.get(place)
        if known is None:
            merged[place] = fault
            continue
        graver = fault if _WEIGHT[fault.severity] < _WEIGHT[known.severity] else known
        merged[place] = replace(graver, needed=(*known.needed, *fault.needed))
    return tuple(sorted(merged.values(), key=lambda fault: _WEIGHT[fault.severity]))


def policy_text(evidence: EvidenceSet, fault: Fault) -> PolicyText | None:
    """The text of the policy a fault stands in."""
    policy = evidence.policy(fault.target, fault.ref)
    return policy.value if isinstance(policy, Found) else None
