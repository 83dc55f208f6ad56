"""Conditions on the encryption context: a wrong account, Region, partition or name, and calls that carry none."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, actions, carried, wants, who
from stackdoctor.faults import Fault
from stackdoctor.policy import LeafReason

PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context"
LEAST = "https://docs.aws.amazon.com/kms/latest/developerguide/least-privilege.html"


def _is_context(fault: Fault) -> bool:
    return fault.key.startswith("kms:encryptioncontext")


def _without_context(fault: Fault, _case: Case) -> Words | None:
    if not _is_context(fault) or fault.clause is None or fault.leaf is None:
        return None
    if fault.leaf.reason is not LeafReason.ENCRYPTION_CONTEXT_NOT_IN_CALL:
        return None
    return Words(
        f"{actions(fault)} carries no encryption context, the statement asks for one",
        f"The statement allows only under {wants(fault.clause)}. {actions(fault)} takes no encryption context, so KMS denies it to "
        f"{who(fault)}. Whether the service fails for it is not documented; AWS's own policy allows the call without a condition.",
    )


def _mismatch(fault: Fault, _case: Case) -> Words | None:
    if not _is_context(fault) or fault.clause is None:
        return None
    return Words(
        f"The encryption context of {who(fault)} is not the one the statement asks for",
        f"The statement {'denies' if fault.element == 'Deny' else 'allows only'} under {wants(fault.clause)}; {carried(fault.clause)}.",
    )


ON_DESCRIBE = Check(
    id="encryption-context-not-in-call",
    title="An encryption context is asked of a call that carries none",
    explanation="DescribeKey and the other calls without cryptography carry no encryption context; under a condition on "
    "kms:EncryptionContext:* permission is denied. Put such actions in a statement of their own.",
    references=(PAGE, LEAST),
    recognises=_without_context,
)

CHECK = Check(
    id="encryption-context",
    title="The encryption context does not match",
    explanation="The service sends an encryption context that names its own resource. A condition with another account, Region, "
    "partition or name never matches. AWS's documented form is scoped to the account and wildcarded otherwise, with StringLike.",
    references=(PAGE, LEAST),
    recognises=_mismatch,
)
