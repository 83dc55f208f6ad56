"""Which blocker it is: by what the message says first, then by type and by what was read live. Steps for it."""

from __future__ import annotations

from dataclasses import replace

from stackdoctor.blockers.access import permit, role_gone
from stackdoctor.blockers.base import Blocked, Clearing
from stackdoctor.blockers.contents import EMPTY
from stackdoctor.blockers.custom import custom_resource, is_custom, nested_stack
from stackdoctor.blockers.data import saving
from stackdoctor.blockers.dependents import IN_USE, exported, replicated, unknown
from stackdoctor.blockers.protection import FLAGS, unprotect
from stackdoctor.model import Category, Step

DENIES = frozenset(
    {
        Category.IAM_IDENTITY_DENY, Category.EXPLICIT_DENY_SCP, Category.EXPLICIT_DENY_OTHER, Category.S3_DENY, Category.KMS_DENY,
        Category.S3_OR_KMS_AMBIGUOUS, Category.UNSPECIFIED_DENY, Category.AUTH_TOKEN,
    }
)  # fmt: skip
PASSING = frozenset(
    {Category.THROTTLING, Category.INTERNAL_ERROR, Category.TIMEOUT, Category.STABILIZATION, Category.CONFLICT, Category.CAPACITY}
)
"""What often succeeds on a second try: nothing to clear, only to repeat."""


def clearing(blocked: Blocked) -> Clearing:
    """The steps that save the resource's data and take it out of the way."""
    if blocked.state.gone:
        return Clearing()
    found = _by_message(blocked) or _by_state(blocked)
    if found is not None:
        return found if found.save else replace(found, save=saving(blocked))
    return Clearing(saving(blocked), tuple(unknown(blocked)))


def _by_message(blocked: Blocked) -> Clearing | None:
    category = blocked.failure.reason.category if blocked.failure else None
    known = bool(blocked.id)
    match category:
        case Category.DELETION_PROTECTION if known and blocked.type in FLAGS:
            return unprotect(blocked)
        case Category.NOT_EMPTY if known and blocked.type in EMPTY:
            return EMPTY[blocked.type](blocked)
        case Category.ROLE_TRUST_OR_EXECUTION_ROLE:
            return Clearing(clear=tuple(role_gone(blocked)))
        case Category.DEPENDENCY_IN_USE:
            steps = exported(blocked) or replicated(blocked)
            return Clearing(clear=steps) if steps else IN_USE[blocked.type](blocked) if known and blocked.type in IN_USE else None
        case Category.NESTED_STACK_CASCADE:
            return Clearing(clear=tuple(nested_stack(blocked)))
        case _ if category in DENIES:
            return Clearing(clear=permit(blocked))
        case Category.NOT_FOUND if blocked.event.status.startswith("UPDATE"):
            return Clearing(clear=_missing(blocked))
        case _ if is_custom(blocked.type):
            return Clearing(clear=tuple(custom_resource(blocked)))
        case _ if blocked.type == "AWS::CloudFormation::Stack" and not blocked.event.is_own:
            return Clearing(clear=tuple(nested_stack(blocked)))
        case _:
            return None


def _by_state(blocked: Blocked) -> Clearing | None:
    """Where the message does not say, what was read live may."""
    if blocked.id and blocked.state.protected and blocked.type in FLAGS:
        return unprotect(blocked)
    if blocked.id and blocked.state.empty is False and blocked.type in EMPTY:
        return EMPTY[blocked.type](blocked)
    if blocked.failure and blocked.failure.reason.category in PASSING:
        return Clearing()
    return None


def _missing(blocked: Blocked) -> tuple[Step, ...]:
    """A rollback must go back to something that was deleted outside of CloudFormation."""
    look, *_ = unknown(blocked)
    why = (
        f"{look.why} It looks as if something was deleted outside of CloudFormation: create it again by hand, with the same name, so that "
        "the rollback finds it."
    )
    return (Step(look.title, look.command, destructive=False, why=why),)
