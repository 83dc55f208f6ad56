"""What will deny the next write although the stack says COMPLETE: each delivery judged on the live policies, as `diagnose` does.

in: a `Reader`, a `Delivery`. out: a problem or None, and what could not be read. Bucket and key go through the same
services → inspection → faults → checks as a failed resource's; only here nothing has failed yet, so the question is
the next write, not whether the resource can be made.

A deny for certain is a problem, and so is a delivery that AWS reports as failing, explained or not. What only may deny is
a risk, unless AWS reports that the last delivery succeeded: then it did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from stackdoctor.commands import CommandStyle
from stackdoctor.fixes import Proposal, propose
from stackdoctor.inspection import inspect
from stackdoctor.investigation import Investigation, examine, with_also_used
from stackdoctor.model import (
    JSON,
    Category,
    Confidence,
    Failure,
    Finding,
    Origin,
    Reason,
    Severity,
    Stack,
    StackEvent,
    StackHistory,
    Unread,
)
from stackdoctor.reader import Reader
from stackdoctor.report import json as as_json
from stackdoctor.scan.deliveries import Delivery
from stackdoctor.scan.stacks import identity
from stackdoctor.scanned import Kind, Problem
from stackdoctor.services import service_of
from stackdoctor.services.base import Blocking, Facts, Needed, Resource, Service
from stackdoctor.summary import finding_in_words

FAILING = "delivery-failing"
"""The check of a finding that AWS itself states: its last delivery failed."""

WRITES: Mapping[Kind, frozenset[str]] = {Kind.FLOW_LOG: frozenset({"kms:GenerateDataKey"})}
"""What is needed for a write and not for making the resource: a flow log is made, ACTIVE, and delivers nothing.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-cmk-policy.html
"""

STATUS_PAGES: Mapping[Kind, str] = {
    Kind.TRAIL: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html",
    Kind.DELIVERY_CHANNEL: "https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigExportDeliveryInfo.html",
    Kind.FLOW_LOG: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html",
}


def examined(reader: Reader, delivery: Delivery, at: datetime, style: CommandStyle) -> tuple[Problem | None, tuple[Unread, ...]]:
    """The problem with one delivery, if there is one, and what of its bucket and key could not be read."""
    found = _investigated(reader, delivery, at)
    grave = tuple(finding for finding in found.findings if finding.severity is Severity.CAUSE)
    if not delivery.works or delivery.errors:
        grave += found.risks
    shown = (*_failing(delivery), *grave)
    missing = tuple(Unread(row.what, row.error, row.needs, row.what in found.deciding) for row in found.missing)
    if not shown:
        return None, missing
    return _problem(delivery, found, shown, _fixes(found, delivery, style)), missing


def _investigated(reader: Reader, delivery: Delivery, at: datetime) -> Investigation:
    resource, failure = delivery.resource, _as_failure(delivery, at)
    service = service_of(resource.type)
    if service is None:
        return Investigation(failure)
    service = _for_the_write(service.of(resource), delivery.kind)
    evidence = inspect(reader, service.uses(resource), resource.scope, ())
    evidence = with_also_used(reader, service, resource, evidence)
    return examine(failure, resource, service, evidence, ())


def _for_the_write(service: Service, kind: Kind) -> Service:
    """The service, asked what its next write needs."""
    actions = WRITES.get(kind, frozenset())

    def needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
        return tuple(
            replace(need, blocking=Blocking.YES) if need.request.action in actions else need for need in service.needed(resource, facts)
        )

    return replace(service, needed=needed) if actions else service


def _as_failure(delivery: Delivery, at: datetime) -> Failure:
    """The delivery in the words of an investigation. Only where AWS reports an error was anything denied."""
    resource = delivery.resource
    event = StackEvent(
        event_id="",
        stack_id="",
        stack_name="",
        logical_id=resource.logical_id,
        physical_id=resource.physical_id,
        resource_type=resource.type,
        timestamp=at,
        status=delivery.status,
        reason="; ".join(delivery.errors) or None,
    )
    return Failure(event, (), None, Reason(Category.UNSPECIFIED_DENY if delivery.errors else Category.OTHER))


# ------------------------------------------------------------------------------------------------------------ as a problem
def _failing(delivery: Delivery) -> Iterable[Finding]:
    """What AWS says itself: the silent case, a stack that is COMPLETE and a delivery that fails."""
    service = delivery.resource.type.split("::")[1].lower()
    for said in delivery.errors:
        yield Finding(
            check=FAILING,
            severity=Severity.CAUSE,
            confidence=Confidence.CONFIRMED,
            service=service,
            resource=delivery.arn,
            origin=Origin.LIVE,
            title=f"AWS reports that it cannot deliver {said}",
            explanation="The resource was made and its stack is COMPLETE; the deliveries fail since, and nothing tells but this status.",
            references=(STATUS_PAGES[delivery.kind],) if delivery.kind in STATUS_PAGES else (),
        )


def _problem(delivery: Delivery, found: Investigation, shown: tuple[Finding, ...], proposal: Proposal) -> Problem:
    causes = tuple(finding for finding in shown if finding.severity is Severity.CAUSE)
    sure = [finding for finding in causes if finding.check != FAILING]
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
    why = [finding for finding in shown if finding.check != FAILING]
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
