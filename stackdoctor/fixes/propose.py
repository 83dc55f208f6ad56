"""Collects the fixes of every failure, one for each document or property at fault, and links them to the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stackdoctor.commands import CommandStyle
from stackdoctor.fixes.harden import harden
from stackdoctor.fixes.identity import identity_fixes
from stackdoctor.fixes.policies import policy_fixes
from stackdoctor.fixes.prevention import prevention_fixes
from stackdoctor.fixes.state import state_fixes
from stackdoctor.fixes.templates import Templates
from stackdoctor.investigation import Investigation
from stackdoctor.model import Failure, Finding, Fix, Severity, StackHistory


@dataclass(frozen=True, slots=True)
class Proposal:
    """Fixes in the order to apply them, which finding each resolves, and what was tried and kept out."""

    fixes: tuple[Fix, ...] = ()
    links: Mapping[Finding, tuple[str, ...]] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()


def propose(
    investigations: Sequence[Investigation],
    blockers: Sequence[Failure],
    history: StackHistory,
    style: CommandStyle,
    *,
    template: str | None = None,
    hardening: bool = False,
) -> Proposal:
    """Every fix for what was found, recommended ones first for each document."""
    templates = Templates(history, template)
    fixes: list[Fix] = []
    rejected: list[str] = []
    for one in investigations:
        if one.case is None:
            continue
        fixes += state_fixes(one, templates, style)
        found, kept_out = policy_fixes(one, templates, style)
        fixes += found
        fixes += identity_fixes(one, style)
        rejected += kept_out
    fixes += prevention_fixes(blockers, templates)
    if hardening:
        corrected = {fix.target: fix.document for fix in reversed(fixes) if fix.verified and fix.document is not None}
        fixes += [fix for one in investigations for fix in harden(one, corrected, style)]
    numbered = _numbered(fixes)
    links: dict[Finding, tuple[str, ...]] = {}
    for finding in (finding for one in investigations for finding in one.findings if finding.severity is not Severity.NOTE):
        links[finding] = tuple(fix.id for fix in numbered if _resolves(fix, finding))
    return Proposal(numbered, links, tuple(dict.fromkeys(rejected)))


def _numbered(fixes: Iterable[Fix]) -> tuple[Fix, ...]:
    """Ids in order; the same fix of two failures is one."""
    unique = {(fix.kind, fix.target, fix.title): fix for fix in fixes}
    return tuple(replace(fix, id=f"fix-{number}") for number, fix in enumerate(unique.values(), 1))


def _resolves(fix: Fix, finding: Finding) -> bool:
    if finding.check not in fix.resolves:
        return False
    return fix.kind not in {"key-policy", "bucket-policy"} or fix.target == finding.resource
