"""The statement's Resource does not cover what the service asks for: a prefix, an account's folder, another bucket."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, actions, who
from stackdoctor.faults import Fault
from stackdoctor.policy import LeafReason

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"


def _recognises(fault: Fault, _case: Case) -> Words | None:
    if fault.element not in {"Resource", "NotResource"} or fault.leaf is None:
        return None
    wanted = ", ".join(dict.fromkeys(need.request.resource for need in fault.needed))
    return Words(
        f"The statement's {fault.element} does not cover {wanted}",
        f"{who(fault)} calls {actions(fault)} on {wanted}; the statement covers {', '.join(fault.leaf.expected) or 'nothing'}. "
        "A bucket's own ARN and its objects' ARNs are different resources; the key prefix and the account's folder are part of the path.",
    )


def _dead(fault: Fault, _case: Case) -> Words | None:
    if fault.leaf is None or fault.leaf.reason is not LeafReason.DEAD_STATEMENT:
        return None
    return Words(
        "The statement has no effect",
        f"A statement without Resource or Action is accepted and allows nothing; {who(fault)} needs {actions(fault)}. "
        'In a key policy write "Resource": "*", which means this key.',
    )


CHECK = Check(
    id="resource-path",
    title="The statement's Resource does not cover the service's path",
    explanation="The service writes below [prefix/]AWSLogs/<account>/. A Resource with another prefix, account or bucket does not.",
    references=(PAGE,),
    recognises=_recognises,
)
DEAD = Check(
    id="dead-statement",
    title="A key-policy statement without Resource or Action",
    explanation="PutKeyPolicy accepts a statement without a Resource element, and it has no effect.",
    references=("https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html",),
    recognises=_dead,
)
