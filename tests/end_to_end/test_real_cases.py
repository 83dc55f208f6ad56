"""Real excerpts and real status reasons, printed as `describe-stack-events` prints them, through `--events`.

An excerpt becomes a document in two ways: in full, as AWS prints it, and bare, with only what the excerpt itself shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from timelines import rows as timeline_rows
from timelines import unseen_rows

from stackdoctor.collect import collect
from stackdoctor.diagnosis import Options, analyse
from stackdoctor.events_file import EventsReader
from stackdoctor.model import DeniedBy, Diagnosis, Verdict

STACK = "AWS::CloudFormation::Stack"
ROLLED = ("ROLLBACK", "UPDATE_ROLLBACK", "IMPORT_ROLLBACK", "REVIEW")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def name_of(row: Mapping[str, Any]) -> str:
    """The stack's name, as the person who printed the events knew it."""
    shared = {event.get("stack") for event in row["events"]}
    if len(shared) == 1 and (name := shared.pop()):
        return name
    for event in row["events"]:
        summary = (event.get("reason") or "").startswith(("The following resource(s)", "User Initiated", "Parameter validation"))
        if event["resource_type"] == STACK and (event["status"].startswith(ROLLED) or summary):
            return event.get("stack") or event["logical_id"]
    own = [event["logical_id"] for event in row["events"] if event["resource_type"] == STACK and not event.get("reason")]
    return own[-1] if own else "stack"


def printed(row: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    """Newest first, a second apart, in the order the excerpt has them."""
    oldest_first = row["events"] if row["order"] == "oldest_first" else row["events"][::-1]
    name, made = name_of(row), []
    for at, event in enumerate(oldest_first):
        stack = event.get("stack") or name
        arn = f"arn:aws:cloudformation:us-east-1:111122223333:stack/{stack}/{row['id']}"
        own = event["resource_type"] == STACK and event["logical_id"] == stack
        shown = {
            "EventId": f"{row['id']}-{at}",
            "StackName": stack,
            "LogicalResourceId": event["logical_id"],
            "ResourceType": event["resource_type"],
            "ResourceStatus": event["status"],
            "Timestamp": (BEGAN + timedelta(seconds=at)).isoformat(),
        }
        if event.get("reason"):
            shown["ResourceStatusReason"] = event["reason"]
        if full:
            shown |= {"StackId": arn, "PhysicalResourceId": arn if own else ""}
        made.append(shown)
    return {"StackEvents": made[::-1]}


def diagnosed(document: Mapping[str, Any], stack: str | None = None) -> Diagnosis:
    reader = EventsReader(json.dumps(document), stack, "printed")
    return analyse(reader, collect(reader, reader.stack), Options())


TOLD_ELSEWHERE = {"t0121"}
"""Excerpts of which the rollback's failure is told in the thread, not in the rows."""

CASES = [row for row in timeline_rows() if row["root_cause_event_shown"]]


@pytest.mark.parametrize("full", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("row", CASES, ids=lambda row: row["id"])
def test_the_root_cause_and_blockers_of_a_real_excerpt(row: Mapping[str, Any], full: bool) -> None:
    found = diagnosed(printed(row, full=full))
    if "parent_success" in row["tags"]:
        healthy_with_leftovers(found)
        return
    wanted = row["root_cause"]["logical_id"]
    causes = [cause.failure.event.logical_id for cause in found.root_causes]
    if wanted.startswith("("):  # the stack's own event, or a later attempt of an excerpt that joins several
        assert causes
    else:
        assert wanted in causes
    told = set() if row["id"] in TOLD_ELSEWHERE else set(row["rollback_blockers"])
    assert {blocker.event.logical_id for blocker in found.blockers} == told


LEFT_OUT = "an excerpt that leaves out the nested stack's own row in its parent"
"""What an excerpt can hide so that nothing links its two stacks."""


@pytest.mark.parametrize("full", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["id"], marks=pytest.mark.xfail(reason=LEFT_OUT) if "no_row_of_the_nested_stack" in row["tags"] else ())
        for row in unseen_rows()
    ],
)
def test_an_excerpt_labelled_before_it_was_diagnosed(row: Mapping[str, Any], full: bool) -> None:
    found = diagnosed(printed(row, full=full))
    causes = [cause.failure.event.logical_id for cause in found.root_causes]
    if "parent_success" in row["tags"]:
        healthy_with_leftovers(found)
    elif row["root_cause_event_shown"]:
        assert causes[:1] == [row["root_cause"]["logical_id"]]
    else:
        assert causes == []
        assert found.verdict is Verdict.UNEXPLAINED
    assert {blocker.event.logical_id for blocker in found.blockers} == set(row["rollback_blockers"])


def healthy_with_leftovers(found: Diagnosis) -> None:
    """The stack itself succeeded; what its clean-up left is a note."""
    assert found.verdict is Verdict.HEALTHY
    assert found.root_causes == ()
    assert {note.check for note in found.findings} <= {"leftover"}


@pytest.mark.parametrize("row", [row for row in timeline_rows() if not row["root_cause_event_shown"]], ids=lambda row: row["id"])
def test_an_excerpt_without_the_cause_invents_none(row: Mapping[str, Any]) -> None:
    found = diagnosed(printed(row, full=True))
    nested = {event["logical_id"] for event in row["events"] if event["resource_type"] == STACK}
    bare = {event["logical_id"] for event in row["events"] if event["status"].endswith("_FAILED") and not event.get("reason")}
    assert {cause.failure.event.logical_id for cause in found.root_causes} <= nested | bare | set(row["rollback_blockers"])
    if found.root_causes == ():
        assert found.verdict is Verdict.UNEXPLAINED


SIDES = {"none": None, "s3": "s3", "kms": "kms", "iam": "iam", "scp": "scp", "permission-boundary": "permission-boundary"}


def reasons() -> Iterator[Mapping[str, Any]]:
    for line in (Path(__file__).parents[1] / "data" / "reasons.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        cancelled = row["message_only"]["category"] == "cancelled_noise"
        if (row["status"] or "").endswith("_FAILED") and row["resource_type"] not in {None, STACK} and not cancelled:
            yield row


@pytest.mark.parametrize("row", list(reasons()), ids=lambda row: row["id"])
def test_a_real_reason_on_its_own_is_classified_by_its_wording(row: Mapping[str, Any]) -> None:
    summary = "The following resource(s) failed to create: [Thing]. Rollback requested by user."
    kind = row["status"].split("_")[0]
    oldest_first = [("s", STACK, f"{kind}_IN_PROGRESS", "User Initiated"), ("Thing", row["resource_type"], row["status"], row["reason"])]
    if kind != "DELETE":
        oldest_first.append(("s", STACK, "ROLLBACK_IN_PROGRESS" if kind == "CREATE" else "UPDATE_ROLLBACK_IN_PROGRESS", summary))
        oldest_first.append(("s", STACK, "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE", ""))
    else:
        oldest_first.append(("s", STACK, "DELETE_FAILED", "The following resource(s) failed to delete: [Thing]."))
    events = [
        {"logical_id": name, "resource_type": kind_, "status": status, "reason": reason} for name, kind_, status, reason in oldest_first
    ]
    found = diagnosed(printed({"id": row["id"], "order": "oldest_first", "events": [{**e, "stack": "s"} for e in events]}, full=True))
    [cause] = found.root_causes
    wording = row["message_only"]
    assert (cause.failure.event.logical_id, cause.failure.reason.category) == ("Thing", wording["category"])
    if wording["service_denying"] in SIDES:
        assert cause.denied_by == SIDES[wording["service_denying"]]
    else:
        assert cause.denied_by in {DeniedBy.S3_OR_KMS, DeniedBy.OTHER, None}
