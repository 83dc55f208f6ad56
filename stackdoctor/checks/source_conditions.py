"""aws:SourceArn and aws:SourceAccount: wrong in name, Region, account or operator; or merely there."""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.checks.base import Case, Check, Words, carried, wants, who
from stackdoctor.faults import KINDS, Fault, clause_of
from stackdoctor.model import Finding, Found, Origin, Severity, StatementRef
from stackdoctor.policy import Leaf, LeafReason, Outcome, Policy, StatementResult, Tri, explain, parse
from stackdoctor.services.base import Needed

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcearn"
DEPUTY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"
KEYS = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"})


def _recognises(fault: Fault, _case: Case) -> Words | None:
    if fault.key not in KEYS or fault.clause is None:
        return None
    clause = fault.clause
    if fault.element == "Deny" and "Not" not in clause.operator:
        return None  # it matches what the service sends, as it was written to: explicit-deny has the words
    if fault.leaf is not None and fault.leaf.reason is LeafReason.WILDCARD_IN_EXACT_OPERATOR:
        return Words(
            f"{clause.operator} takes the * in {clause.key} literally",
            f"The statement asks for {wants(clause)}; {carried(clause)}. {clause.operator} knows no wildcards: use StringLike or ArnLike.",
        )
    verb = "denies" if fault.element == "Deny" else "allows only"
    return Words(
        f"{clause.key} in the statement is not what {who(fault)} sends",
        f"The statement {verb} under {wants(clause)}; {carried(clause)}.",
    )


CHECK = Check(
    id="source-arn-account",
    title="aws:SourceArn or aws:SourceAccount does not match",
    explanation="A service sends the ARN of the resource it acts for as aws:SourceArn and its account as aws:SourceAccount. A value with "
    "another name, Region or account never matches, nor does a * under StringEquals.",
    references=(PAGE, DEPUTY),
    recognises=_recognises,
)


def presence(case: Case) -> Iterator[Finding]:
    """The clauses on source keys in the Allows that let the requests pass: worth doubt only when nothing else explains a deny.

    A request that another Allow lets pass without them is not in doubt.
    """
    seen: set[tuple[str, int, str]] = set()
    for need in (judged.needed for judged in case.on_denied_side if judged.outcome is Outcome.ALLOWED):
        policy = case.evidence.policy(need.target, need.ref)
        parsed = parse(policy.value.text, KINDS[need.target]) if isinstance(policy, Found) else None
        if not isinstance(policy, Found) or not isinstance(parsed, Policy):
            continue
        results = [r for r in explain(parsed, need.request).statements if r.effect == "Allow" and r.matched is Tri.MATCH]
        doubted = [(result, [leaf for leaf in result.leaves if leaf.key.lower() in KEYS]) for result in results]
        for result, leaf in ((result, leaf) for result, found in doubted for leaf in found if all(found for _, found in doubted)):
            place = need.ref, result.index, leaf.key.lower()
            if place not in seen:
                seen.add(place)
                yield _present(case, need, policy.value.origin, result, leaf)


def _present(case: Case, need: Needed, origin: Origin, result: StatementResult, leaf: Leaf) -> Finding:
    clause = clause_of(leaf)
    return PRESENT.finding(
        Severity.RISK,
        need.target,
        case.evidence.arn(need.target, need.ref, case.resource.scope),
        f"{clause.key} is the one thing left that could deny",
        f"Every request is allowed as far as AWS documents them, yet one was denied. {wants(clause)} matches what "
        f"{need.request.caller.name} is documented to send; one team saw the first write fail under it. "
        "Take it out, deploy, and add it back deliberately, proven in a sandbox (--harden).",
        origin=origin,
        statement=StatementRef(result.index, result.sid),
        clause=clause,
    )


PRESENT = Check(
    id="source-condition-present",
    title="aws:SourceArn or aws:SourceAccount is present, and nothing else explains the deny",
    explanation="AWS's own policies carry these keys, so their presence is no cause. It is named only when a request was denied, "
    "everything else is allowed, and nothing is left that could explain it.",
    references=(PAGE, DEPUTY),
)
