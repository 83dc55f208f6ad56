"""aws:SourceArn and aws:SourceAccount: wrong in name, Region, account or operator; or merely there."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor.checks.base import CONFIDENCE, SERVICE_OF, Case, Check, Words, carried, wants, who
from stackdoctor.faults import Fault
from stackdoctor.model import ClauseRef, Found, Severity, StatementRef
from stackdoctor.policy import LeafReason, Malformed, Tri, explain, parse
from stackdoctor.faults import KINDS

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcearn"
DEPUTY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"
KEYS = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"})


def _recognises(fault: Fault, _case: Case) -> Words | None:
    if fault.key not in KEYS or fault.clause is None:
        return None
    clause = fault.clause
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


def _present(case: Case) -> Iterable[object]:
    """The clauses on source keys in the Allows that let the requests pass: worth doubt only when nothing else explains a deny."""
    if not case.denied or any(fault.severity in {Severity.CAUSE, Severity.RISK} for fault in case.faults):
        return
    seen: set[tuple[str, int, str]] = set()
    for judged in case.judged:
        need = judged.needed
        policy = case.evidence.policy(need.target, need.ref)
        if judged.outcome is None or not isinstance(policy, Found):
            continue
        parsed = parse(policy.value.text, KINDS[need.target])
        if isinstance(parsed, Malformed):
            continue
        for result in explain(parsed, need.request).statements:
            for leaf in result.leaves if result.effect == "Allow" and result.matched is Tri.MATCH else ():
                key = (leaf.key or "").lower()
                if key in KEYS and (need.ref, result.index, key) not in seen:
                    seen.add((need.ref, result.index, key))
                    clause = ClauseRef(leaf.operator or "", leaf.key or "", leaf.expected, leaf.actual_state, leaf.actual_values)
                    yield PRESENT.finding(
                        Severity.RISK,
                        need.target,
                        case.evidence.arn(need.target, need.ref, case.resource.scope),
                        f"{clause.key} is the one thing left that could deny",
                        f"Every request is allowed as far as AWS documents them, yet one was denied. {wants(clause)} matches what "
                        f"{need.request.caller.name} is documented to send; one team saw the first write fail under it. "
                        "Take it out, deploy, and add it back deliberately, proven in a sandbox (--harden).",
                        origin=policy.value.origin,
                        statement=StatementRef(result.index, result.sid),
                        clause=clause,
                    )


PRESENT = Check(
    id="source-condition-present",
    title="aws:SourceArn or aws:SourceAccount is present, and nothing else explains the deny",
    explanation="AWS's own policies carry these keys, so their presence is no cause. It is named only when a request was denied, "
    "everything else is allowed, and nothing is left that could explain it.",
    references=(PAGE, DEPUTY),
    looks=_present,  # type: ignore[arg-type]
)
__all__ = ["CHECK", "CONFIDENCE", "PRESENT", "SERVICE_OF"]
