"""What a check is: words for a reason the evaluator gave, or a look at the state of a bucket or key.

in: a `Case`, everything known of one failure. out: `Finding` values. A check never reads a policy by pattern: the
evaluator names the clause (DESIGN, rule 1), the check says what it means and where AWS documents it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stackdoctor.evidence import DeployedResource, EvidenceSet
from stackdoctor.faults import Fault, Judged
from stackdoctor.model import Category, ClauseRef, Confidence, DeniedBy, Failure, Finding, Origin, Severity, StatementRef
from stackdoctor.services.base import TOPIC_KEY, Constraint, Facts, Resource, Service, Target


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a check may look at, for one failed resource. `denied` is whether AWS's message says a request was denied."""

    failure: Failure
    resource: Resource
    service: Service
    facts: Facts
    evidence: EvidenceSet
    judged: tuple[Judged, ...]
    faults: tuple[Fault, ...]
    resources: tuple[DeployedResource, ...] = ()
    denied: bool = True
    after: frozenset[str] = field(default_factory=frozenset)
    """Logical ids that CloudFormation makes before this resource, by DependsOn or reference."""

    @property
    def on_denied_side(self) -> tuple[Judged, ...]:
        """The requests that may have been the one denied: of the side the message names, of all where it names none or two."""
        reason = self.failure.reason
        side = {DeniedBy.S3: Target.BUCKET, DeniedBy.KMS: Target.KEY}.get(reason.denied_by or DeniedBy.OTHER)
        if reason.category is Category.DELIVERY_POLICY_OTHER:
            return tuple(judged for judged in self.judged if judged.needed.target not in {Target.BUCKET, Target.KEY})
        return tuple(judged for judged in self.judged if side in {None, judged.needed.target})

    def has(self, constraint: Constraint) -> bool:
        return constraint in self.service.constraints

    @property
    def who(self) -> str:
        """The service's principal, or a word for a service that has none of its own."""
        return self.service.principal or "The service"

    def is_of_endpoint(self, key: str) -> bool:
        """Whether the key is a queue's or topic's alone, so that its Region is theirs."""
        uses = (*self.service.uses(self.resource), *self.service.also_uses(self.resource, self.facts))
        named = {use.property for use in uses if use.target is Target.KEY and use.ref == key}
        return named == {TOPIC_KEY}


@dataclass(frozen=True, slots=True)
class Words:
    """What a check says of one fault."""

    title: str
    explanation: str


def _recognises_nothing(_fault: Fault, _case: Case) -> Words | None:
    return None


def _sees_nothing(_case: Case) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Check:
    """One cause we have words for. `recognises` explains a fault of the evaluator, `looks` examines state."""

    id: str
    title: str
    explanation: str
    references: tuple[str, ...]
    recognises: Callable[[Fault, Case], Words | None] = _recognises_nothing
    looks: Callable[[Case], Iterable[Finding]] = _sees_nothing

    def finding(
        self,
        severity: Severity,
        target: Target,
        resource: str,
        title: str,
        explanation: str,
        *,
        origin: Origin = Origin.LIVE,
        confidence: Confidence | None = None,
        statement: StatementRef | None = None,
        clause: ClauseRef | None = None,
        references: tuple[str, ...] = (),
    ) -> Finding:
        """A finding of this check; its confidence follows from its severity unless given."""
        return Finding(
            check=self.id,
            severity=severity,
            confidence=confidence or CONFIDENCE[severity],
            service=SERVICE_OF[target],
            resource=resource,
            origin=origin,
            title=title,
            explanation=explanation,
            statement=statement,
            clause=clause,
            references=tuple(dict.fromkeys((*self.references, *references))),
        )


CONFIDENCE = {Severity.CAUSE: Confidence.CONFIRMED, Severity.RISK: Confidence.POSSIBLE, Severity.NOTE: Confidence.CONFIRMED}
SERVICE_OF = {
    Target.BUCKET: "s3",
    Target.KEY: "kms",
    Target.TOPIC: "sns",
    Target.QUEUE: "sqs",
    Target.FUNCTION: "lambda",
    Target.IDENTITY: "iam",
}


def carried(clause: ClauseRef) -> str:
    """What the request carries for a clause's key, as words."""
    match clause.state:
        case "absent":
            return f"the request does not carry {clause.key}"
        case "unknown" if clause.values:
            return f"AWS does not document whether the request carries {clause.key}; it can only be {' or '.join(clause.values)} or absent"
        case "unknown":
            return f"what the request carries for {clause.key} is not documented"
    return f"the request carries {clause.key} = {', '.join(clause.values) or '(empty)'}"


def wants(clause: ClauseRef) -> str:
    """The clause itself, as words: `StringEquals kms:ViaService = …`."""
    return f"{clause.operator} {clause.key} = {', '.join(clause.expected)}"


def actions(fault: Fault) -> str:
    """The actions a fault denies, as words."""
    return " and ".join(fault.actions)


def who(fault: Fault) -> str:
    """The principal a fault denies."""
    return fault.needed[0].request.caller.name
