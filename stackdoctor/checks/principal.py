"""The service principal is missing from the policy, misspelt, or thought to be covered by the account's root statement."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, actions, who
from stackdoctor.faults import SERVICE_LINKED, Fault, misspelt
from stackdoctor.policy import PrincipalKind

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services"
ROOT_PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"


def _misspelt(fault: Fault, _case: Case) -> Words | None:
    if fault.element != "Principal" or fault.leaf is None:
        return None
    meant = misspelt(fault.leaf.expected, who(fault))
    if meant is None:
        return None
    return Words(
        f"The principal {meant} is misspelt", f"The statement allows {meant}; the service calls as {who(fault)}. Names match exactly."
    )


def _missing(fault: Fault, case: Case) -> Words | None:
    if fault.element not in {"Nothing", "Principal", "NotPrincipal"} or len(fault.actions) < len(_decided(case, fault)):
        return None
    near = f" Nearest: {'; '.join(fault.near)}." if fault.near else ""
    if fault.needed[0].request.caller.kind is PrincipalKind.AWS:
        return _no_delegation(fault, near)
    root = (
        " The account's root statement lets IAM policies delegate; a service principal has no IAM policy, so it never covers one."
        if fault.target.value == "key"
        else ""
    )
    return Words(
        f"No statement lets {who(fault)} use the {fault.target}",
        f"{who(fault)} needs {actions(fault)}; no statement names it for that.{root}{near}",
    )


def _no_delegation(fault: Fault, near: str) -> Words:
    """A key's policy that neither names the identity nor lets its account delegate: IAM policies then count for nothing."""
    if SERVICE_LINKED in who(fault):
        return Words(
            f"No statement lets {who(fault).rsplit('/', 1)[-1]} use the {fault.target}",
            f"{who(fault)} needs {actions(fault)}. It is a service-linked role, whose permissions AWS sets: that the account may delegate "
            f"does not reach it. The {fault.target}'s policy must name it, or a grant must.{near}",
        )
    who_asks = "the deploying identity" if who(fault).endswith(":root") else who(fault)
    return Words(
        f"The {fault.target}'s policy neither names {who_asks} nor lets its account delegate",
        f"{actions(fault)} is asked for with {who_asks}. Unless the {fault.target}'s policy allows that identity, or the account "
        f"({who(fault).split(':')[4] if ':' in who(fault) else who(fault)}) with its root statement, no IAM policy can allow it.{near}",
    )


def _decided(case: Case, fault: Fault) -> set[str]:
    """The actions the service needs of this policy and that must not fail."""
    return {
        n.needed.request.action
        for n in case.judged
        if (n.needed.target, n.needed.ref) == (fault.target, fault.ref)
        and n.needed.request.caller == fault.needed[0].request.caller
        and n.needed.blocking != "no"
    }


MISSPELT = Check(
    id="principal-misspelt",
    title="The service principal is misspelt",
    explanation="A Principal matches exactly; part of a name takes no wildcard. A misspelt service principal allows nobody.",
    references=(PAGE,),
    recognises=_misspelt,
)
MISSING = Check(
    id="principal-missing",
    title="No statement names the service principal",
    explanation="The policy has no statement for the service. In a key policy the account's root statement does not help: it delegates "
    "to IAM, and a service principal has no IAM policy.",
    references=(PAGE, ROOT_PAGE),
    recognises=_missing,
)
