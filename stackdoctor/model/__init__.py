"""The values that flow from collect to report. Frozen; no I/O, no behaviour beyond reading themselves.

reads → history → failures → diagnosis, each built from those before it. Text from AWS is kept verbatim; `report/` neutralises it.
"""

from stackdoctor.model.diagnosis import (
    AttemptChange,
    Calls,
    ClauseRef,
    Confidence,
    Diagnosis,
    Evidence,
    Finding,
    Fix,
    Origin,
    RequestOutcome,
    RootCause,
    Severity,
    StatementRef,
    Step,
    Verdict,
    Verification,
)
from stackdoctor.model.failures import Cascaded, Category, Denied, DeniedBy, Failure, Reason
from stackdoctor.model.history import Operation, OperationType, Stack, StackEvent, StackHistory, StackResource, ValidationError
from stackdoctor.model.reads import JSON, Absent, Found, Read, Unread, Unreadable

__all__ = [
    "JSON",
    "Absent",
    "AttemptChange",
    "Calls",
    "Cascaded",
    "Category",
    "ClauseRef",
    "Confidence",
    "Denied",
    "DeniedBy",
    "Diagnosis",
    "Evidence",
    "Failure",
    "Finding",
    "Fix",
    "Found",
    "Operation",
    "OperationType",
    "Origin",
    "Read",
    "Reason",
    "RequestOutcome",
    "RootCause",
    "Severity",
    "Stack",
    "StackEvent",
    "StackHistory",
    "StackResource",
    "StatementRef",
    "Step",
    "Unread",
    "Unreadable",
    "ValidationError",
    "Verdict",
    "Verification",
]
