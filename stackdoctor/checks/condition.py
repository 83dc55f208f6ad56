"""Any other condition that keeps the statement from matching."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, actions, carried, wants, who
from stackdoctor.faults import Fault

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"


def _recognises(fault: Fault, _case: Case) -> Words | None:
    if fault.clause is None:
        return Words(f"The policy does not allow {actions(fault)}", f"{who(fault)} needs {actions(fault)}: {fault.element} does not match.")
    return Words(
        f"{fault.clause.key} keeps the statement from matching",
        f"The statement allows {actions(fault)} only under {wants(fault.clause)}; {carried(fault.clause)}.",
    )


CHECK = Check(
    id="condition",
    title="A condition of the statement does not hold for the service's request",
    explanation="The statement names the service and the action, and a clause of its Condition does not hold for the request.",
    references=(PAGE,),
    recognises=_recognises,
)
