"""What will deny the next write although the stack says COMPLETE: each delivery judged on the live policies, as `diagnose` does.

in: a `Reader`, a `Delivery`. out: what was found of it, and what could not be read. Bucket and key go through the same
services → inspection → faults → checks as a failed resource's; only here nothing has failed yet, so the question is
the next write, not whether the resource can be made.

A deny for certain is a problem, and so is a delivery that AWS reports as failing, explained or not. What only may deny is
a risk, unless AWS reports that the last delivery succeeded: then it did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stackdoctor.checks.delivery import FAILING
from stackdoctor.inspection import inspect
from stackdoctor.investigation import Investigation, examine, with_also_used
from stackdoctor.model import (
    Category,
    Confidence,
    Failure,
    Finding,
    Origin,
    Reason,
    Severity,
    StackEvent,
    Unread,
)
from stackdoctor.reader import Reader
from stackdoctor.scan.deliveries import Delivery
from stackdoctor.scanned import Kind
from stackdoctor.services import service_of
from stackdoctor.services.base import Blocking, Facts, Needed, Resource, Service

WRITES: Mapping[Kind, frozenset[str]] = {Kind.FLOW_LOG: frozenset({"kms:GenerateDataKey"})}
"""What is needed for a write and not for making the resource: a flow log is made, ACTIVE, and delivers nothing.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-cmk-policy.html
"""


@dataclass(frozen=True, slots=True)
class Examined:
    """One delivery with what was found. `shown` are the findings worth telling, none where all is well."""

    delivery: Delivery
    found: Investigation
    shown: tuple[Finding, ...]
    unread: tuple[Unread, ...]


def examined(reader: Reader, delivery: Delivery, at: datetime) -> Examined:
    """Judges one delivery on its bucket and key as they are now."""
    found = _investigated(reader, delivery, at)
    grave = tuple(finding for finding in found.findings if finding.severity is Severity.CAUSE)
    if not delivery.works or delivery.errors:
        grave += found.risks
    missing = tuple(Unread(row.what, row.error, row.needs, row.what in found.deciding) for row in found.missing)
    return Examined(delivery, found, (*_failing(delivery), *grave), missing)


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


def _failing(delivery: Delivery) -> Iterable[Finding]:
    """What AWS says itself: the silent case, a stack that is COMPLETE and a delivery that fails."""
    service = delivery.resource.type.split("::")[1].lower()
    for said in delivery.errors:
        yield Finding(
            check=FAILING.id,
            severity=Severity.CAUSE,
            confidence=Confidence.CONFIRMED,
            service=service,
            resource=delivery.arn,
            origin=Origin.LIVE,
            title=f"AWS reports that it cannot deliver {said}",
            explanation="The resource was made and its stack is COMPLETE; the deliveries fail since, and nothing tells but this status.",
            references=FAILING.references,
        )
