"""Resource policies evaluated with what is not known kept apart: policy and request in, outcome, reasons and edits out.

`parse` a document once, `evaluate` it for the decision, `explain` it for the reason at every leaf.
Imports nothing outside the standard library and itself.
"""

from stackdoctor.policy.document import Malformed, Note, Policy, PolicyKind, parse
from stackdoctor.policy.edit import Edit, allows_all, new_access, propose, replace_statements, statement_for
from stackdoctor.policy.evaluate import evaluate
from stackdoctor.policy.explain import explain
from stackdoctor.policy.grants import Grant
from stackdoctor.policy.request import (
    MISSING,
    OPEN_END,
    PRESENT,
    UNKNOWN,
    Caller,
    Knowledge,
    Known,
    Missing,
    OneOf,
    Present,
    PrincipalKind,
    Request,
    Unknown,
)
from stackdoctor.policy.results import ActualState, Element, Explanation, Leaf, LeafReason, Outcome, StatementResult, Tri

__all__ = [
    "MISSING",
    "OPEN_END",
    "PRESENT",
    "UNKNOWN",
    "ActualState",
    "Caller",
    "Edit",
    "Element",
    "Explanation",
    "Grant",
    "Knowledge",
    "Known",
    "Leaf",
    "LeafReason",
    "Malformed",
    "Missing",
    "Note",
    "OneOf",
    "Outcome",
    "Policy",
    "PolicyKind",
    "Present",
    "PrincipalKind",
    "Request",
    "StatementResult",
    "Tri",
    "Unknown",
    "allows_all",
    "evaluate",
    "explain",
    "new_access",
    "parse",
    "propose",
    "replace_statements",
    "statement_for",
]
