"""Explicit Denies that were meant for people and catch a service: organization, network, principal, anything else."""

from __future__ import annotations

from collections.abc import Callable

from stackdoctor.checks.base import Case, Check, Words, actions, carried, wants, who
from stackdoctor.faults import Fault

PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"
SERVICE_PAGE = f"{PAGE}#condition-keys-principalisawsservice"
ORGANIZATION = ("aws:principalorgid", "aws:principalorgpaths")
NETWORK = ("aws:sourcevpce", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourceip", "aws:vpcsourceip", "aws:vpceaccount", "aws:vpceorgid")
PRINCIPAL = ("aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid", "aws:username")


def _deny(keys: tuple[str, ...], meant: str) -> Callable[[Fault, Case], Words | None]:
    def recognises(fault: Fault, _case: Case) -> Words | None:
        if fault.element != "Deny" or fault.clause is None or not (fault.key in keys or fault.key.startswith("aws:principaltag/")):
            return None
        if fault.key.startswith("aws:principaltag/") and keys is not PRINCIPAL:
            return None
        return Words(
            f"A Deny meant for {meant} catches {who(fault)}",
            f"The statement denies {actions(fault)} unless {fault.clause.key} is right: {wants(fault.clause)}; {carried(fault.clause)}, "
            "and a negated operator matches a missing key. Spare services with "
            '"Bool": {"aws:PrincipalIsAWSService": "false"} in the same Condition.',
        )

    return recognises


def _any_deny(fault: Fault, _case: Case) -> Words | None:
    if fault.element != "Deny":
        return None
    reason = f" under {wants(fault.clause)}; {carried(fault.clause)}" if fault.clause else ", without a condition that spares it"
    return Words(
        f"An explicit Deny catches {who(fault)}", f"The statement denies {actions(fault)}{reason}. An explicit Deny outweighs every Allow."
    )


_EXPLANATION = (
    "A service that acts for itself carries no {what}, and a negated operator (StringNotEquals …) matches when the key is missing, so the "
    "Deny fires. Add Bool aws:PrincipalIsAWSService = false to the statement: it then spares calls by AWS services only."
)

FOR_ORGANIZATION = Check(
    id="deny-organization",
    title="A Deny on the caller's organization catches the service",
    explanation=_EXPLANATION.format(what="aws:PrincipalOrgID"),
    references=(SERVICE_PAGE, f"{PAGE}#condition-keys-principalorgid"),
    recognises=_deny(ORGANIZATION, "callers outside the organization"),
)
FOR_NETWORK = Check(
    id="deny-network",
    title="A Deny on the caller's network catches the service",
    explanation=_EXPLANATION.format(what="VPC endpoint, VPC or address of yours"),
    references=(SERVICE_PAGE, f"{PAGE}#condition-keys-sourcevpce"),
    recognises=_deny(NETWORK, "callers outside the network"),
)
FOR_PRINCIPAL = Check(
    id="deny-principal",
    title="A Deny on the caller's ARN or account catches the service",
    explanation=_EXPLANATION.format(what="aws:PrincipalArn or aws:PrincipalAccount"),
    references=(SERVICE_PAGE, f"{PAGE}#condition-keys-principalarn"),
    recognises=_deny(PRINCIPAL, "other principals"),
)
ANY = Check(
    id="explicit-deny",
    title="An explicit Deny catches the service",
    explanation="An explicit Deny in the policy matches the service's request. It outweighs every Allow; NotPrincipal in a Deny denies "
    "everybody it does not name, services too.",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",),
    recognises=_any_deny,
)
