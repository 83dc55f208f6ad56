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

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from stackdoctor import attempts, recovery, root_cause, timeline
from stackdoctor import blockers as blocking
from stackdoctor.classify import classify
from stackdoctor.collect import collect
from stackdoctor.commands import CommandStyle
from stackdoctor.fixes import propose
from stackdoctor.inspection import read
from stackdoctor.investigation import DENIES, Investigation, investigate, unread
from stackdoctor.model import (
    Confidence,
    Diagnosis,
    Failure,
    Finding,
    Operation,
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
        return _healthy(reader, history, operations, found.leftovers)
    done, stuck, states, unknown = _look(reader, history, found, options)
    verdict = Verdict.EXPLAINED if done and all(one.explained for one in done) else Verdict.UNEXPLAINED
    style = CommandStyle(history.stack.region, options.profile, options.endpoint_url)
    proposal = propose((*done, *stuck), found.blockers, history, style, template=options.template, hardening=options.harden)
    said, unasked = opinions(reader, proposal.fixes) if options.confirm else ((), ())
    findings = dict.fromkeys(finding for one in (*done, *stuck) for finding in one.findings)
    compared = attempts.compare(history, done[0].failure) if done else ()
    return Diagnosis(
        verdict=verdict,
        summary=sentence(history, verdict, done, found.blockers, proposal.fixes),
        stack=history.stack,
        operations=operations,
        root_causes=tuple(one.root_cause() for one in done),
        blockers=found.blockers,
        findings=tuple(replace(finding, fixes=proposal.links.get(finding, ())) for finding in findings),
        fixes=proposal.fixes,
        recovery=recovery.way_out(
            history.stack,
            found.blockers,
            root_failed=found.failures,
            states=states,
            resources=_newest(history),
            aws=style,
            fix_first=bool(proposal.fixes),
        ),
        unread=tuple(dict.fromkeys((*history.unread, *unread(done), *unread(stuck, deciding=False), *unknown, *unasked))),
        calls=reader.calls,
        quotes=dict(quote for one in (*done, *stuck) for quote in one.quotes),
        rejected=proposal.rejected,
        attempts=compared,
        compared=attempts.sentence(compared, history, done[0].failure, done[0].causes) if done else "",
        opinions=said,
    )


def _look(
    reader: Reader, history: StackHistory, found: root_cause.RootCauses, options: Options
) -> tuple[tuple[Investigation, ...], tuple[Investigation, ...], States, tuple[Unread, ...]]:
    """Investigates the root causes, the blockers that were denied something in the rollback, and reads the blockers' state."""
    denied = [blocker for blocker in found.blockers if blocker.reason.category in DENIES and blocker not in found.failures]
    look = partial(investigate, reader, history, look_back=options.history)
    tasks: list[Callable[[], Any]] = [partial(look, failure) for failure in (*found.failures, *denied)]
    *investigations, (states, unknown) = reader.gather(*tasks, partial(_states, reader, found.blockers, history.stack.region))
    causes = len(found.failures)
    return tuple(investigations[:causes]), tuple(investigations[causes:]), states, unknown


def _healthy(reader: Reader, history: StackHistory, operations: tuple[Operation, ...], leftovers: tuple[Failure, ...]) -> Diagnosis:
    """Healthy as far as could be read: where what would decide could not be, an incomplete run is no healthy one."""
    verdict = Verdict.UNEXPLAINED if any(unread.would_decide for unread in history.unread) else Verdict.HEALTHY
    return Diagnosis(
        verdict=verdict,
        summary=sentence(history, verdict, (), (), ()),
        stack=history.stack,
        operations=operations,
        root_causes=(),
        blockers=(),
        findings=tuple(map(_leftover, leftovers)),
        fixes=(),
        recovery=(),
        unread=history.unread,
        calls=reader.calls,
    )


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
