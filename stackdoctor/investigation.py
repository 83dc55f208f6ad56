"""One failure, from its status reason to findings: inspect what the resource names, evaluate, put into words.

in: a `Reader`, the stack's history and one `Failure`. out: an `Investigation`: what was proven and what could not be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from stackdoctor import checks, faults, trails
from stackdoctor import template as templates
from stackdoctor.deployed import deployed, properties_of
from stackdoctor.evidence import DeployedResource, EvidenceSet, PolicyText
from stackdoctor.history import History, look_up
from stackdoctor.inspection import inspect
from stackdoctor.model import (
    JSON,
    Category,
    Confidence,
    Denied,
    DeniedBy,
    Evidence,
    Failure,
    Finding,
    Found,
    RootCause,
    Severity,
    StackHistory,
    Unread,
    Unreadable,
)
from stackdoctor.organization import organization, within
from stackdoctor.reader import Reader
from stackdoctor.services import service_of
from stackdoctor.services.base import Neighbour, Resource, Scope, Service, Target

DENIES = frozenset(
    {
        Category.S3_DENY,
        Category.KMS_DENY,
        Category.S3_OR_KMS_AMBIGUOUS,
        Category.UNSPECIFIED_DENY,
        Category.DELIVERY_POLICY_OTHER,
        Category.KMS_KEY_STATE,
    }
)
"""Categories in which somebody was refused by a bucket, a key or a policy."""

UNRELATED = frozenset(
    {
        Category.QUOTA,
        Category.CAPACITY,
        Category.THROTTLING,
        Category.CONFLICT,
        Category.ALREADY_EXISTS,
        Category.AUTH_TOKEN,
        Category.EXPLICIT_DENY_SCP,
        Category.IAM_IDENTITY_DENY,
        Category.DELETION_PROTECTION,
        Category.NOT_EMPTY,
        Category.DEPENDENCY_IN_USE,
        Category.CANCELLED_NOISE,
        Category.ROLLBACK_SUMMARY,
        Category.NESTED_STACK_CASCADE,
    }
)
"""Categories for which no bucket or key need be looked at, whatever the resource."""

SIDE = {"s3": DeniedBy.S3, "kms": DeniedBy.KMS}


@dataclass(frozen=True, slots=True)
class Investigation:
    """What is known of one failure. `case` is None where nothing had to be inspected; `missing` are reads that failed."""

    failure: Failure
    case: checks.Case | None = None
    findings: tuple[Finding, ...] = ()
    missing: tuple[Unreadable, ...] = ()
    deciding: frozenset[str] = frozenset()
    """Which of `missing`, by `what`, hold a policy or state that decides requests."""
    quotes: tuple[tuple[tuple[str, int], JSON], ...] = ()
    history: History = field(default_factory=History)

    @property
    def causes(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.CAUSE)

    @property
    def risks(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.RISK)

    @property
    def proven(self) -> frozenset[DeniedBy]:
        """The sides that a policy, a key's state or a recorded denial proves to deny."""
        shown = frozenset(SIDE[finding.service] for finding in self.causes if finding.service in SIDE)
        return shown or (self.history.sides & frozenset(SIDE.values()))

    @property
    def open_side(self) -> bool:
        """Whether evidence that could decide was not read, on a side the message leaves open."""
        sides = {None: (), DeniedBy.S3: ("bucket",), DeniedBy.KMS: ("key",)}.get(self.failure.reason.denied_by)
        return any(sides is None or not sides or any(f" of {side} " in what for side in sides) for what in self.deciding)

    @property
    def explained(self) -> bool:
        """Whether the failure is explained: by proof, by AWS's own words, or by the only risks left after a denial."""
        if self.causes or self.proven:
            return True
        if self.failure.reason.self_explained:
            return True
        return bool(self.risks) and self.failure.reason.category in DENIES and not self.open_side

    @property
    def denied_by(self) -> DeniedBy | None:
        """A wording that names one side wins; where it names both, the side that is proven; both or neither: s3-or-kms.

        Where it names none and a policy proves a deny all the same, that side: `other` for a queue's, topic's or function's.
        """
        stated = self.failure.reason.denied_by
        if stated is DeniedBy.S3_OR_KMS or (stated in {None, DeniedBy.OTHER} and self.failure.reason.category in DENIES and self.proven):
            return next(iter(self.proven)) if len(self.proven) == 1 else DeniedBy.S3_OR_KMS if self.proven or stated else stated
        if stated is None and self.failure.reason.category in DENIES and len(self.proven) == 1:
            return next(iter(self.proven))
        if stated is None and self.hidden_deny:
            return next(iter(self.proven)) if len(self.proven) == 1 else DeniedBy.OTHER
        return stated

    @property
    def hidden_deny(self) -> bool:
        """Whether a message that only says "not valid" stands for a deny that a policy proves: a bucket's notification destinations."""
        reason = self.failure.reason
        faults_proven = self.case is not None and any(fault.severity is Severity.CAUSE for fault in self.case.faults)
        return reason.category is Category.VALIDATION and not reason.self_explained and faults_proven

    @property
    def confidence(self) -> Confidence:
        """Confirmed by a deny in every world, likely by the only risks left or AWS's own words, possible otherwise."""
        side = self.denied_by
        if (self.causes or self.proven) and (side not in {DeniedBy.S3, DeniedBy.KMS} or side in self.proven or not self.proven):
            return Confidence.CONFIRMED
        return Confidence.LIKELY if self.explained else Confidence.POSSIBLE

    def denied(self) -> Denied | None:
        """Who was denied what on what: the gravest fault on the denied side, else what the message says; None where nothing was denied.

        Where either side may have denied, neither resource is named.
        """
        side = self.denied_by
        if side is None:
            return None
        if self.case is not None:
            for fault in self.case.faults:
                if fault.severity is Severity.CAUSE and SIDE.get(checks.SERVICE_OF[fault.target]) in {side, None}:
                    request = fault.needed[0].request
                    return Denied(request.caller.name, request.action, fault.arn if fault.target is Target.KEY else request.resource)
            state = next((finding for finding in self.causes if SIDE.get(finding.service) in {side, None}), None)
            if state is not None:
                return Denied(self.case.service.principal or None, None, state.resource)
        said = self.failure.reason.denied or Denied()
        return replace(said, resource=None) if side is DeniedBy.S3_OR_KMS else said

    def root_cause(self) -> RootCause:
        """The failure with everything proven about it."""
        return RootCause(self.failure, self.denied_by, self.confidence, self.denied(), tuple(self._evidence()))

    def _evidence(self) -> Iterable[Evidence]:
        event = self.failure.event
        yield Evidence("event", event.event_id, event.told or "(no reason given)")
        if self.failure.reason.exception:
            yield Evidence("exception", event.event_id, self.failure.reason.exception)
        yield from self.history.evidence
        for finding in (*self.causes, *(self.risks if not self.causes else ())):
            source = "policy" if finding.statement or finding.clause else {"s3": "bucket", "kms": "key"}.get(finding.service, "properties")
            yield Evidence(source, finding.resource, finding.explanation)


def investigate(reader: Reader, history: StackHistory, failure: Failure, *, look_back: bool = True) -> Investigation:
    """Inspects and evaluates one failure; for a resource that is no service's of ours, the message is all there is."""
    service = service_of(failure.event.resource_type)
    if service is None or failure.reason.category in UNRELATED:
        return Investigation(failure)
    resources = deployed(history, failure.event)
    resource = _as_stated(_resource(history, failure, resources), failure, service)
    service = service.of(resource)
    uses = service.uses(resource)
    if not resource.properties:
        what = f"properties of {failure.event.logical_id}"
        unseen = Unreadable(what, "the events carry no ResourceProperties and the template gives none", ("cloudformation:GetTemplate",))
        return Investigation(failure, missing=(unseen,), deciding=frozenset({what}))
    past = partial(look_up, reader, failure, resource, service, uses) if look_back and failure.reason.category in DENIES else History
    whole = partial(organization, reader, resource)
    trail = partial(trails.existing, reader, failure, resource)
    tasks: tuple[Callable[[], Any], ...] = (partial(inspect, reader, uses, resource.scope, resources), past, whole, trail)
    evidence, recorded, known, standing = reader.gather(*tasks)
    of_the_trail, unread_of_the_trail = trails.told(standing)
    resource, unread_of_it = within(resource, known)
    evidence = with_also_used(reader, service, resource, evidence, resources)
    found = examine(failure, resource, service, evidence, resources, after=_made_before(history, failure))
    undecided = frozenset(read.what for read in unread_of_it)
    recorded = replace(recorded, evidence=(*of_the_trail, *recorded.evidence))
    missing = (*found.missing, *unread_of_it, *unread_of_the_trail)
    return replace(found, history=recorded, missing=missing, deciding=found.deciding | undecided)


def with_also_used(
    reader: Reader, service: Service, resource: Resource, evidence: EvidenceSet, resources: tuple[DeployedResource, ...] = ()
) -> EvidenceSet:
    """The evidence with what only inspection can name: the key of a bucket's default encryption, of a queue."""
    named = service.uses(resource)
    more = tuple(use for use in service.also_uses(resource, evidence.facts()) if use not in named)
    return _joined(evidence, inspect(reader, more, resource.scope, resources)) if more else evidence


def examine(
    failure: Failure,
    resource: Resource,
    service: Service,
    evidence: EvidenceSet,
    resources: tuple[DeployedResource, ...],
    *,
    after: frozenset[str] = frozenset(),
) -> Investigation:
    """Evaluates and checks what was inspected. Pure."""
    facts = evidence.facts()
    needed = service.needed(resource, facts)
    judged, found = faults.judge(needed, evidence, resource.scope)
    identity = tuple(faults.Judged(need, None) for need in needed if need.target is Target.IDENTITY)
    denied = failure.reason.category in DENIES
    case = checks.Case(failure, resource, service, facts, evidence, (*judged, *identity), found, resources, denied, after)
    findings = checks.findings(case)
    unjudged = tuple(j.unread for j in judged if j.unread)
    missing = tuple(dict.fromkeys((*_missing(evidence), *unjudged)))
    deciding = frozenset(read.what for read in unjudged) | _states(evidence)
    if failure.reason.denied_by is not DeniedBy.S3 and all(finding.severity is Severity.NOTE for finding in findings):
        deciding |= evidence.unknown_encryption
    return Investigation(failure, case, findings, missing, deciding, tuple(_quotes(findings, evidence)))


def _resource(history: StackHistory, failure: Failure, resources: tuple[DeployedResource, ...]) -> Resource:
    event = failure.event
    known = next((r for r in resources if r.logical_id == event.logical_id and r.stack_id == event.stack_id), None)
    properties = properties_of(event) or (known.properties if known else {})
    parts = event.stack_id.split(":")
    stack = history.stack
    named = len(parts) > 5
    scope = Scope(
        partition=parts[1] if named else stack.partition,
        region=parts[3] if named else stack.region,
        account=parts[4] if named else stack.account,
        at=event.timestamp,
    )
    return Resource(
        type=event.resource_type,
        logical_id=event.logical_id,
        physical_id=event.physical_id or "",
        properties=properties,
        scope=scope,
        stack_name=event.stack_name,
        caller=stack.role_arn or _stated_caller(failure),
        reason=event.reason or "",
        neighbours=tuple(Neighbour(r.type, r.logical_id, r.physical_id, r.properties) for r in resources if r != known),
    )


_WHOLE_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[0-9a-zA-Z-]{30,}")


def _as_stated(resource: Resource, failure: Failure, service: Service) -> Resource:
    """With the key that AWS's message names, where that is another one: a rollback's row may show the properties it undoes."""
    stated = failure.reason.key or ""
    if not _WHOLE_KEY.fullmatch(stated):
        return resource
    for use in service.uses(resource):
        named = use.target is Target.KEY and "alias/" not in use.ref and use.property in resource.properties
        if named and use.ref.rsplit("/", 1)[-1] != stated.rsplit("/", 1)[-1]:
            return replace(resource, properties={**resource.properties, use.property: stated})
    return resource


def _stated_caller(failure: Failure) -> str | None:
    """The identity AWS's own message says was refused: who deploys, where the stack has no role."""
    principal = failure.reason.denied.principal if failure.reason.denied else None
    return principal if principal and principal.startswith("arn:") and (":iam::" in principal or ":sts::" in principal) else None


def _made_before(history: StackHistory, failure: Failure) -> frozenset[str]:
    """The logical ids CloudFormation makes before the failed resource, as the template orders them."""
    member = _member(history, failure.event.stack_id) or history
    parsed = templates.parse(member.template.value) if isinstance(member.template, Found) else None
    return templates.depends_on(parsed, failure.event.logical_id) if isinstance(parsed, templates.Template) else frozenset()


def _member(history: StackHistory, stack_id: str) -> StackHistory | None:
    if history.stack.id == stack_id:
        return history
    return next((found for child in history.children if (found := _member(child, stack_id)) is not None), None)


def _joined(one: EvidenceSet, other: EvidenceSet) -> EvidenceSet:
    return replace(
        one,
        buckets={**one.buckets, **other.buckets},
        keys={**one.keys, **other.keys},
        endpoints={**one.endpoints, **other.endpoints},
    )


def _missing(evidence: EvidenceSet) -> tuple[Unreadable, ...]:
    reads: list[object] = []
    for bucket in evidence.buckets.values():
        reads += [bucket.region, bucket.policy, bucket.encryption, bucket.ownership, bucket.public_access, bucket.payer, *bucket.failed]
    for key in evidence.keys.values():
        reads += [key.description, key.policy, key.grants]
    reads += [endpoint.policy for endpoint in evidence.endpoints.values()]
    reads += [read.value.unread for read in reads if isinstance(read, Found) and isinstance(read.value, PolicyText)]
    return tuple(dict.fromkeys(read for read in reads if isinstance(read, Unreadable)))


def _states(evidence: EvidenceSet) -> frozenset[str]:
    """Reads that are no policy and may still decide: the key's state."""
    return frozenset(key.description.what for key in evidence.keys.values() if isinstance(key.description, Unreadable))


def _quotes(findings: Iterable[Finding], evidence: EvidenceSet) -> Iterable[tuple[tuple[str, int], JSON]]:
    for finding in findings:
        if finding.statement is None:
            continue
        for target, ref in _places(evidence):
            policy = evidence.policy(target, ref)
            if _arn_of(evidence, target, ref) == finding.resource and isinstance(policy, Found):
                statement = _statement(policy.value.text, finding.statement.index)
                if statement is not None:
                    yield (finding.resource, finding.statement.index), statement


def _places(evidence: EvidenceSet) -> list[tuple[Target, str]]:
    return [
        *((Target.BUCKET, ref) for ref in evidence.buckets),
        *((Target.KEY, ref) for ref in evidence.keys),
        *((endpoint.target, ref) for ref, endpoint in evidence.endpoints.items()),
    ]


def _arn_of(evidence: EvidenceSet, target: Target, ref: str) -> str:
    match target:
        case Target.BUCKET:
            return evidence.buckets[ref].arn
        case Target.KEY:
            return evidence.keys[ref].arn
    return evidence.endpoints[ref].arn


def _statement(text: str, index: int) -> JSON:
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError):
        return None
    found = statements if isinstance(statements, list) else [statements]
    return found[index] if index < len(found) else None


def unread(investigations: Iterable[Investigation], *, deciding: bool = True) -> tuple[Unread, ...]:
    """The rows of the report's `unread`; one that would decide is one on an open side of a failure not yet explained.

    `deciding` is False for blockers, whose evidence decides nothing about the cause.
    """
    rows: dict[str, Unread] = {}
    for found in investigations:
        for read in found.missing:
            decides = deciding and read.what in found.deciding and not found.explained
            known = rows.get(read.what)
            rows[read.what] = Unread(read.what, read.error, read.needs, decides or (known is not None and known.would_decide))
        rows |= {row.what: row for row in found.history.unread}
    return tuple(rows.values())
