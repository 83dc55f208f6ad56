"""The stuck stacks of one account and Region: one listing of the failed states, then each diagnosed as `diagnose` does it.

in: a way to make readers. out: problems, and what could not be read. Nested stacks are folded into their root: it is
diagnosed once, whichever of them the listing names. Of healthy stacks nothing is asked.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from stackdoctor.answers import arn_part, stack_name_of, text
from stackdoctor.diagnosis import Options, diagnose
from stackdoctor.errors import StackdoctorError
from stackdoctor.model import Diagnosis, Severity, Unread, Verdict
from stackdoctor.reader import Call, Reader
from stackdoctor.report import json as as_json
from stackdoctor.scan.listing import Row, listing
from stackdoctor.scan.surprise import survived
from stackdoctor.scanned import Kind, Part, Problem

FAILED_STATES = (
    "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE",
    "DELETE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "REVIEW_IN_PROGRESS",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
)
"""Every state that is a failure (contract, "Healthy"), and REVIEW_IN_PROGRESS, whose change set may have failed its validation."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A root stack to diagnose, and the rows that led to it: itself, stacks nested in it, or both."""

    root: str
    rows: tuple[Row, ...]

    @property
    def own(self) -> Row:
        """The root's own row; where only nested stacks are in a failed state, the first of them."""
        return next((row for row in self.rows if text(row, "StackId") == self.root), self.rows[0])


def stuck_stacks(make: Callable[[], Reader], region: str, options: Options, at: datetime) -> Part:
    """Every stuck stack, diagnosed at the same time. `make` gives each diagnosis a reader of its own, which counts its calls."""
    call = Call("cloudformation", "ListStacks", region, {"StackStatusFilter": list(FAILED_STATES)})
    reader = make()
    found = listing(reader, call, "StackSummaries", f"failed stacks in {region}")
    stacks = roots(found.rows)
    done = reader.gather(*(partial(_diagnosed, make, stack, options, at) for stack in stacks))
    return Part(
        problems=tuple(problem for problem, _ in done if problem is not None),
        unread=(*found.unread, *(row for _, rows in done for row in rows)),
        checked={Kind.STACK: tuple(stack_name_of(stack.root) for stack in stacks)} if stacks else {},
    )


def roots(rows: Sequence[Row]) -> tuple[Listed, ...]:
    """One entry a root, in the order of its name and ARN. A deleted stack cannot be stuck."""
    above = {text(row, "StackId"): text(row, "RootId") or text(row, "ParentId") for row in rows}

    def root_of(stack: str) -> str:
        seen = set[str]()
        while stack not in seen and (parent := above.get(stack)):
            seen.add(stack)
            stack = parent
        return stack

    found: dict[str, list[Row]] = {}
    for row in rows:
        own = text(row, "StackId")
        if own and text(row, "StackStatus") in FAILED_STATES:
            found.setdefault(root_of(own), []).append(row)
    return tuple(Listed(root, tuple(found[root])) for root in sorted(found, key=lambda arn: (stack_name_of(arn), arn)))


def _diagnosed(make: Callable[[], Reader], stack: Listed, options: Options, at: datetime) -> tuple[Problem | None, tuple[Unread, ...]]:
    """One stack's problem; None where it turns out healthy. A stack that cannot be diagnosed stays a problem, unexplained."""
    own = stack.own
    name, status = stack_name_of(text(own, "StackId") or ""), text(own, "StackStatus") or ""
    diagnosis = survived(f"stack {stack.root}", partial(_diagnosis, make, stack, options))
    if isinstance(diagnosis, Unread):
        if status == "REVIEW_IN_PROGRESS":
            return None, (diagnosis,)
        summary = f"Stack {name} is {status} and could not be diagnosed: {diagnosis.error}"
        return _problem(stack, name, status, summary, explained=False), (diagnosis,)
    deciding = tuple(row for row in diagnosis.unread if row.would_decide)
    if diagnosis.verdict is not Verdict.HEALTHY:
        return _of(diagnosis, stack, at), deciding
    if diagnosis.stack.id == text(own, "StackId") or not status.endswith("_FAILED"):
        return None, deciding
    summary = f"Stack {name} is {status}, left behind by its root stack {diagnosis.stack.name}, which is {diagnosis.stack.status}."
    return _problem(stack, name, status, summary, explained=bool(text(own, "StackStatusReason"))), deciding


def _diagnosis(make: Callable[[], Reader], stack: Listed, options: Options) -> Diagnosis | Unread:
    try:
        return diagnose(make(), stack.root, options)
    except StackdoctorError as error:
        needed = ("cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents")
        return Unread(f"stack {stack.root}", error.message, needed, would_decide=True)


def _of(diagnosis: Diagnosis, stack: Listed, at: datetime) -> Problem:
    document = as_json.document(diagnosis, at)
    what = sorted(
        ("/".join((*cause.failure.stack_path, cause.failure.event.logical_id)), cause.failure.reason.category.value)
        for cause in diagnosis.root_causes
    )
    return Problem(
        id=identity(Kind.STACK, diagnosis.stack.id or stack.root, what),
        kind=Kind.STACK,
        resource=diagnosis.stack.id or stack.root,
        name=diagnosis.stack.name,
        status=diagnosis.stack.status,
        severity=Severity.CAUSE,
        explained=diagnosis.verdict is Verdict.EXPLAINED,
        summary=diagnosis.summary,
        document=document,
    )


def _problem(stack: Listed, name: str, status: str, summary: str, *, explained: bool) -> Problem:
    arn = text(stack.own, "StackId") or stack.root
    return Problem(identity(Kind.STACK, arn, []), Kind.STACK, arn, name, status, Severity.CAUSE, explained, summary)


def identity(kind: Kind, resource: str, what: Sequence[object]) -> str:
    """The id of a problem: what is wrong with what, and nothing that changes between two scans."""
    digest = hashlib.sha256(json.dumps([kind.value, resource, list(what)]).encode()).hexdigest()
    return f"{arn_part(resource, 4) or kind.value}-{digest[:16]}"
