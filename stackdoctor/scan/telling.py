"""What is wrong with deliveries, told: a sentence, findings, and corrected policies tried on the evidence.

in: `Examined` deliveries of one account and Region. out: problems. Fixes are worked out for the first MAX_FIXES deliveries
that the same policies deny: a thousand log groups on one key have one policy to correct, not a thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from stackdoctor.checks.delivery import FAILING
from stackdoctor.commands import CommandStyle
from stackdoctor.fixes import Proposal, propose
from stackdoctor.investigation import Investigation
from stackdoctor.model import JSON, Finding, Severity, Stack, StackHistory, Unread
from stackdoctor.report import json as as_json
from stackdoctor.scan.deliveries import Delivery
from stackdoctor.scan.latent import Examined
from stackdoctor.scan.stacks import identity
from stackdoctor.scan.surprise import survived
from stackdoctor.scanned import Kind, Part, Problem
from stackdoctor.summary import finding_in_words

MAX_FIXES = 20
"""Deliveries of a place, denied by the same policies, for which fixes are worked out."""


def told(deliveries: Iterable[Examined], style: CommandStyle) -> Part:
    """The problems among them, in their order, and everything unread."""
    problems: list[Problem] = []
    unread: list[Unread] = []
    fixed: Counter[frozenset[str]] = Counter()
    for one in deliveries:
        unread += one.unread
        if not one.shown:
            continue
        at_fault = frozenset(finding.resource for finding in one.shown if finding.check != FAILING.id)
        fixed[at_fault] += 1
        proposal = Proposal() if fixed[at_fault] > MAX_FIXES else _proposal(one, style, unread)
        problems.append(_problem(one, proposal))
    unread += [
        Unread(f"fixes for more than {MAX_FIXES} deliveries that {' and '.join(sorted(at_fault))} denies", "a bound of the scan")
        for at_fault, number in fixed.items()
        if number > MAX_FIXES and at_fault
    ]
    return Part(tuple(problems), tuple(unread))


def _proposal(one: Examined, style: CommandStyle, unread: list[Unread]) -> Proposal:
    """Corrected policies. What is wrong is known without them, so a bug in here hides nothing."""
    delivery = one.delivery
    proposal = survived(f"fixes of {delivery.kind.value} {delivery.name}", partial(_fixes, one.found, delivery, style))
    if isinstance(proposal, Proposal):
        return proposal
    unread.append(replace(proposal, would_decide=False))
    return Proposal()


def _problem(one: Examined, proposal: Proposal) -> Problem:
    delivery, found, shown = one.delivery, one.found, one.shown
    causes = tuple(finding for finding in shown if finding.severity is Severity.CAUSE)
    sure = [finding for finding in causes if finding.check != FAILING.id]
    explained = bool(sure) or (bool(delivery.errors) and found.explained)
    gravest = (causes or shown)[0].severity
    what = sorted({(finding.check, finding.resource) for finding in shown if finding.severity is gravest})
    return Problem(
        id=identity(delivery.kind, delivery.arn, what),
        kind=delivery.kind,
        resource=delivery.arn,
        name=delivery.name,
        status=delivery.status,
        severity=gravest,
        explained=explained or gravest is Severity.RISK,
        summary=_summary(delivery, shown, proposal),
        document=_document(found, shown, proposal),
    )


_NAMES = {
    Kind.TRAIL: "Trail",
    Kind.DELIVERY_CHANNEL: "Config delivery channel",
    Kind.FLOW_LOG: "Flow log",
    Kind.LOG_GROUP: "Log group",
    Kind.STACK: "Stack",
}


def _summary(delivery: Delivery, shown: tuple[Finding, ...], proposal: Proposal) -> str:
    """One sentence: what cannot deliver, since when AWS says so, and the clause that denies."""
    name = f"{_NAMES[delivery.kind]} {delivery.name}"
    why = [finding for finding in shown if finding.check != FAILING.id]
    sure = [finding for finding in why if finding.severity is Severity.CAUSE]
    repair = f" {proposal.fixes[0].title}." if proposal.fixes else ""
    if delivery.errors:
        said = f"{name} fails to deliver {'; '.join(delivery.errors)}"
        if sure:
            return f"{said}, because {finding_in_words(sure[0])}.{repair}"
        return f"{said}; likely because {finding_in_words(why[0])}.{repair}" if why else f"{said}."
    if sure:
        more = f" (and {len(sure) - 1} more)" if len(sure) > 1 else ""
        return f"{name} will be denied its next write: {finding_in_words(sure[0])}{more}.{repair}"
    return f"{name} may be denied its next write: {finding_in_words(why[0])}.{repair}"


def _fixes(found: Investigation, delivery: Delivery, style: CommandStyle) -> Proposal:
    """Corrected policies, tried on the evidence. There is no stack and no template here: they change the live policy."""
    scope = delivery.resource.scope
    bare = StackHistory(Stack("", "", "", region=scope.region, account=scope.account, partition=scope.partition), ())
    return propose((found,), (), bare, style.in_region(scope.region))


def _document(found: Investigation, shown: tuple[Finding, ...], proposal: Proposal) -> dict[str, JSON]:
    linked = tuple(replace(finding, fixes=proposal.links.get(finding, ())) for finding in shown)
    wanted = {name for finding in linked for name in finding.fixes}
    quotes = dict(found.quotes)
    statements: list[Any] = [
        {
            "resource": finding.resource,
            "index": finding.statement.index,
            "statement": quotes.get((finding.resource, finding.statement.index)),
        }
        for finding in linked
        if finding.statement is not None
    ]
    return {
        "findings": as_json.findings(linked),
        "fixes": as_json.fixes(tuple(fix for fix in proposal.fixes if fix.id in wanted)),
        "statements": statements,
    }
