"""kms:ViaService on a statement for a service that calls KMS itself."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, carried, wants, who
from stackdoctor.faults import Fault

PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service"


def _recognises(fault: Fault, _case: Case) -> Words | None:
    if fault.key != "kms:viaservice" or fault.clause is None:
        return None
    clause = fault.clause
    if fault.element == "Deny":
        return Words(
            f"A Deny on {clause.key} catches {who(fault)}",
            f"The statement denies every request for which {wants(clause)} holds; {carried(clause)}. "
            "AWS documents the key for forward access sessions only, which a service principal's own call is not.",
        )
    return Words(
        f"{clause.key} asks for a value that {who(fault)} does not send",
        f"The statement allows only under {wants(clause)}; {carried(clause)}. AWS documents the key for forward access sessions only: "
        f"{who(fault)} calls KMS as a service principal, and the list of services that can appear in it is KMS's own.",
    )


CHECK = Check(
    id="kms-via-service",
    title="kms:ViaService on a service principal's statement",
    explanation="kms:ViaService is set on requests a service forwards for an IAM principal. A service that calls KMS with its own service "
    "principal does not carry it, or at most s3.<region>.amazonaws.com; an Allow that asks for another value never matches. "
    "Remove the clause; aws:SourceArn and the encryption context give the protection AWS documents.",
    references=(PAGE, "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html"),
    recognises=_recognises,
)
