"""An action the service needs is misspelt or in no statement for it."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, actions, who
from stackdoctor.faults import Fault, misspelt

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html"


def _misspelt(fault: Fault, _case: Case) -> Words | None:
    if fault.element != "Action" or fault.leaf is None:
        return None
    meant = misspelt(fault.leaf.expected, fault.needed[0].request.action)
    if meant is None:
        return None
    return Words(
        f"The action {meant} is misspelt", f"No action is called {meant}; {who(fault)} needs {actions(fault)}. AWS accepts unknown names."
    )


def _missing(fault: Fault, _case: Case) -> Words | None:
    if fault.element not in {"Nothing", "Action", "NotAction", "Principal", "NotPrincipal"}:
        return None
    near = f" Nearest: {'; '.join(fault.near)}." if fault.near else ""
    why = "; ".join(dict.fromkeys(need.why for need in fault.needed))
    return Words(f"No statement allows {who(fault)} to call {actions(fault)}", f"{why[:1].upper()}{why[1:]}. No Allow covers it.{near}")


MISSPELT = Check(
    id="action-misspelt",
    title="An action is misspelt",
    explanation="PutKeyPolicy and PutBucketPolicy accept action names that do not exist in some forms; such a statement allows nothing.",
    references=(PAGE,),
    recognises=_misspelt,
)
MISSING = Check(
    id="action-missing",
    title="An action the service needs is in no statement for it",
    explanation="The policy names the service but not for every action it needs: GetBucketAcl beside PutObject, Decrypt where the bucket "
    "has an S3 Bucket Key.",
    references=(PAGE,),
    recognises=_missing,
)
