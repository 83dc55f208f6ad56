"""Causes we have words for, in the order in which they are asked; one file a family.

To add one: its file, one line in CHECKS, a fixture, a row in the README's table.
in: a `Case`. out: findings, gravest first, each once.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.checks import (
    action,
    bucket_state,
    caller_identity,
    changed_since,
    condition,
    delivery,
    encryption_context,
    endpoint_state,
    explicit_deny,
    key_state,
    kms_via_service,
    no_policy,
    principal,
    resource_element,
    source_conditions,
    upload_headers,
)
from stackdoctor.checks.base import SERVICE_OF, Case, Check
from stackdoctor.faults import Fault
from stackdoctor.model import DeniedBy, Finding, Origin, Severity
from stackdoctor.services.base import Target

CHECKS: tuple[Check, ...] = (
    kms_via_service.CHECK,
    encryption_context.ON_DESCRIBE,
    encryption_context.CHECK,
    source_conditions.CHECK,
    upload_headers.ACL,
    upload_headers.ENCRYPTION,
    explicit_deny.FOR_ORGANIZATION,
    explicit_deny.FOR_NETWORK,
    explicit_deny.FOR_PRINCIPAL,
    explicit_deny.ANY,
    resource_element.DEAD,
    principal.MISSPELT,
    action.MISSPELT,
    principal.MISSING,
    action.MISSING,
    resource_element.CHECK,
    no_policy.LATE,
    no_policy.CHECK,
    key_state.STATE,
    key_state.SPEC,
    key_state.MISSING,
    key_state.MANAGED,
    key_state.REGION,
    endpoint_state.MISSING,
    bucket_state.MISSING,
    bucket_state.PAYER,
    bucket_state.ENCRYPTION,
    bucket_state.ACLS,
    bucket_state.REGION,
    bucket_state.OPT_IN_REGION,
    bucket_state.LOCK,
    condition.CHECK,
    source_conditions.PRESENT,
    caller_identity.CHECK,
    changed_since.CHECK,
    key_state.NAMING,
    bucket_state.HARMLESS,
)

OF_A_SCAN: tuple[Check, ...] = (delivery.FAILING,)
"""Causes that only `stackdoctor scan` can see."""

_ORDER = {Severity.CAUSE: 0, Severity.RISK: 1, Severity.NOTE: 2}


def findings(case: Case) -> tuple[Finding, ...]:
    """Every finding of one failure, gravest first."""
    found = [finding for fault in case.faults if (finding := _of_fault(fault, case)) is not None]
    found += [finding for check in CHECKS for finding in check.looks(case)]
    if not any(finding.severity is Severity.CAUSE for finding in found):
        found += caller_identity.lacking(case)
    if _nothing_else(case, found):
        found += source_conditions.presence(case)
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda finding: _ORDER[finding.severity]))


def _nothing_else(case: Case, found: list[Finding]) -> bool:
    """Whether a request was denied, everything that decides was read, and nothing found explains it."""
    read = all(judged.outcome is not None or judged.needed.target is Target.IDENTITY for judged in case.on_denied_side)
    known = case.failure.reason.denied_by is DeniedBy.S3 or not case.evidence.unknown_encryption
    return case.denied and read and known and all(finding.severity is Severity.NOTE for finding in found)


def _of_fault(fault: Fault, case: Case) -> Finding | None:
    """The words of the first check that recognises the fault."""
    for check, title, explanation in _recognised(fault, case):
        return check.finding(
            fault.severity,
            fault.target,
            fault.arn,
            title,
            explanation,
            origin=fault.origin or Origin.LIVE,
            statement=fault.statement,
            clause=fault.clause,
            references=tuple(dict.fromkeys(need.source for need in fault.needed)),
        )
    return None


def _recognised(fault: Fault, case: Case) -> Iterator[tuple[Check, str, str]]:
    if no_policy.is_explained(fault, case):
        return
    for check in CHECKS:
        words = check.recognises(fault, case)
        if words is not None:
            yield check, words.title, words.explanation


__all__ = ["CHECKS", "OF_A_SCAN", "SERVICE_OF", "Case", "Check", "findings"]
