"""The pipeline: from a stack's history to a diagnosis. The stages, in order, and what each may do:

    collect      reads the stack's history                                          (collect.py; touches the world)
    order        events → operations → attempts                                     (timeline.py)
    find         the failures nothing else explains, and what blocks the rollback   (root_cause.py)
    classify     what each status reason says                                       (classify)
    inspect      reads what the failed resource names, live or as deployed          (inspection.py; touches the world)
    evaluate     puts the service's requests to the policies                        (faults.py, policy/)
    check        words for what the evaluator found                                 (checks/)
    fix          tries changes on the evidence; the way out                         (fixes.py, recovery.py)
    report       renders the `Diagnosis`                                            (report/)

Only collect and inspect read anything; the rest are pure, so kept evidence replays to the same diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from stackdoctor import attempts, recovery, root_cause, timeline
from stackdoctor import blockers as blocking
from stackdoctor.classify import classify
from stackdoctor.collect import collect
from stackdoctor.commands import CommandStyle
from stackdoctor.fixes import Proposal, propose
from stackdoctor.inspection import read
from stackdoctor.investigation import Investigation, investigate, unread
from stackdoctor.model import (
    Confidence,
    Diagnosis,
    Failure,
    Finding,
    Origin,
    Read,
    Reason,
    Severity,
    StackEvent,
    StackHistory,
    Unread,
    Unreadable,
    Verdict,
)
from stackdoctor.reader import Reader
from stackdoctor.second_opinion import opinions
from stackdoctor.summary import sentence

States: TypeAlias = dict[str, blocking.BlockerState]
BLOCKERS_GONE = ("DBInstanceNotFound", "DBClusterNotFoundFault", "ObjectLockConfigurationNotFoundError")
"""Error codes that say a blocker, or its object lock, is not there."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for beside the stack. `profile` and `endpoint_url` only shape the commands that are printed."""

    profile: str | None = None
    endpoint_url: str | None = None
    history: bool = True
    harden: bool = False
    template: str | None = None
    confirm: bool = False


def diagnose(reader: Reader, stack: str, options: Options | None = None) -> Diagnosis:
    """Diagnoses one stack by name or ARN. Raises StackdoctorError where nothing can be said at all."""
    return analyse(reader, collect(reader, stack), options or Options())


def analyse(reader: Reader, history: StackHistory, options: Options) -> Diagnosis:
    """Diagnoses a collected history; reads only what the failures name."""
    operations = timeline.operations(history)
    found = root_cause.find(history, _classify)
    if timeline.is_healthy(history.stack.status, operations) and not history.validations:
        return _finish(reader, history, Verdict.HEALTHY, (), (), found.leftovers, Proposal(), options)
    tasks = [partial(investigate, reader, history, failure, look_back=options.history) for failure in found.failures]
    states = partial(_states, reader, found.blockers, history.stack.region)
    *investigations, blocked = reader.gather(*tasks, states)
    done: tuple[Investigation, ...] = tuple(investigations)  # type: ignore[arg-type]
    found_states: tuple[States, tuple[Unread, ...]] = blocked  # type: ignore[assignment]
    known, unknown = found_states
    verdict = Verdict.EXPLAINED if done and all(one.explained for one in done) else Verdict.UNEXPLAINED
    style = CommandStyle(history.stack.region, options.profile, options.endpoint_url)
    proposal = propose(done, found.blockers, history, style, template=options.template, hardening=options.harden)
    diagnosis = _finish(reader, history, verdict, done, found.blockers, (), proposal, options)
    steps = recovery.way_out(
        history.stack,
        found.blockers,
        root_failed=found.failures,
        states=known,
        resources=_newest(history),
        aws=style,
        fix_first=bool(proposal.fixes),
    )
    said, unasked = opinions(reader, proposal.fixes) if options.confirm else ((), ())
    return replace(diagnosis, recovery=steps, opinions=said, unread=(*diagnosis.unread, *unknown, *unasked), calls=reader.calls)


def _classify(event: StackEvent) -> Reason:
    return classify(event.reason, event.resource_type, event.status)


def _states(reader: Reader, failures: tuple[Failure, ...], region: str) -> tuple[States, tuple[Unread, ...]]:
    """What is read live of the blockers: is protection still on, is the bucket versioned …; a read that fails leaves it open."""
    reads = [(failure, ask) for failure in failures for ask in blocking.reads_for(failure, region)]
    tasks = (partial(read, reader, ask.call, f"state of {failure.event.logical_id}", dict, BLOCKERS_GONE) for failure, ask in reads)
    answers: dict[Failure, dict[str, Read[Any]]] = {}
    unread: dict[Unread, None] = {}
    for (failure, ask), answer in zip(reads, reader.gather(*tasks), strict=True):
        answers.setdefault(failure, {})[ask.call.name] = answer
        if isinstance(answer, Unreadable):
            unread[Unread(answer.what, answer.error, answer.needs)] = None
    return {blocking.key_of(f): blocking.state_from(f.event.resource_type, given) for f, given in answers.items()}, tuple(unread)


def _newest(history: StackHistory) -> tuple[StackEvent, ...]:
    """The newest event of each resource of the stack and its nested stacks."""
    events = timeline.order(history.events, newest_first=history.newest_first)
    own = {event.logical_id: event for event in events if not event.is_own}.values()
    return (*own, *(event for child in history.children for event in _newest(child)))


def _finish(
    reader: Reader,
    history: StackHistory,
    verdict: Verdict,
    done: tuple[Investigation, ...],
    blockers: tuple[Failure, ...],
    leftovers: tuple[Failure, ...],
    proposal: Proposal,
    _options: Options,
) -> Diagnosis:
    findings = tuple(dict.fromkeys(finding for one in done for finding in one.findings))
    compared = attempts.compare(history, done[0].failure) if done else ()
    rows: tuple[Unread, ...] = (*history.unread, *unread(done))
    return Diagnosis(
        verdict=verdict,
        summary=sentence(history, verdict, done, blockers, proposal.fixes),
        stack=history.stack,
        operations=timeline.operations(history),
        root_causes=tuple(one.root_cause() for one in done),
        blockers=blockers,
        findings=tuple(replace(f, fixes=proposal.links.get(f, ())) for f in (*findings, *map(_leftover, leftovers))),
        fixes=proposal.fixes,
        recovery=(),
        unread=tuple(dict.fromkeys(rows)),
        calls=reader.calls,
        quotes=dict(quote for one in done for quote in one.quotes),
        rejected=proposal.rejected,
        attempts=compared,
        compared=attempts.sentence(compared, history, done[0].failure, done[0].causes) if done else "",
    )


def _leftover(failure: Failure) -> Finding:
    """What a healthy stack's clean-up could not delete: worth knowing, no failure."""
    event = failure.event
    return Finding(
        check="leftover",
        severity=Severity.NOTE,
        confidence=Confidence.CONFIRMED,
        service=event.resource_type.split("::")[1].lower() if "::" in event.resource_type else "cloudformation",
        resource=event.physical_id or event.logical_id,
        origin=Origin.PROPERTIES,
        title=f"{event.logical_id} was left behind by the clean-up ({event.status})",
        explanation=event.reason or "CloudFormation gives no reason.",
    )
