"""Listings made by hand: rows left out, ids left out, several stacks in one file; through the reader, collect and the analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from timelines import rows as timeline_rows
from timelines import unseen_rows

from stackdoctor.collect import collect
from stackdoctor.diagnosis import Options, analyse
from stackdoctor.events_file import EventsReader
from stackdoctor.model import Diagnosis, Verdict

STACK, ROLE, BUCKET = "AWS::CloudFormation::Stack", "AWS::IAM::Role", "AWS::S3::Bucket"
TAKEN, FULL = "logs-1 already exists", "The bucket you tried to delete is not empty"
DENIED = "User: arn:aws:iam::111122223333:user/u is not authorized to perform: iam:GetRole on resource: role r"

Row = tuple[str, str, str, str, str | None]


def diagnosed(*oldest_first: Row, newest_first: bool = True) -> Diagnosis:
    """Rows of (stack, logical id, type, status, reason), printed with nothing else but a time."""
    rows = [
        {
            "StackName": stack,
            "LogicalResourceId": name,
            "ResourceType": kind,
            "ResourceStatus": status,
            "Timestamp": f"2026-01-01T00:00:{at:02d}Z",
            **({"ResourceStatusReason": reason} if reason else {}),
        }
        for at, (stack, name, kind, status, reason) in enumerate(oldest_first)
    ]
    return told_of(rows[::-1] if newest_first else rows)


def told_of(rows: list[dict[str, Any]]) -> Diagnosis:
    reader = EventsReader(json.dumps({"StackEvents": rows}), None, "printed")
    return analyse(reader, collect(reader, reader.stack), Options())


def causes(found: Diagnosis) -> list[tuple[str, ...]]:
    return [(*cause.failure.stack_path, cause.failure.event.logical_id) for cause in found.root_causes]


def blockers(found: Diagnosis) -> list[str]:
    return [blocker.event.logical_id for blocker in found.blockers]


# ------------------------------------------------------------------------------------------------ nested stacks without ids
@pytest.mark.parametrize("child", ["Storage", "shop-Storage-1ABCDEF"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_nested_stack_is_found_by_its_name_where_no_row_has_an_id(child: str, newest_first: bool) -> None:
    embedded = "Embedded stack arn:[redacted] was not successfully created: The following resource(s) failed to create: [Logs]."
    found = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        (child, child, STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        (child, "Logs", BUCKET, "CREATE_FAILED", TAKEN),
        (child, child, STACK, "CREATE_FAILED", "The following resource(s) failed to create: [Logs]."),
        ("shop", "Storage", STACK, "CREATE_FAILED", embedded),
        ("shop", "shop", STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Storage]."),
        newest_first=newest_first,
    )
    assert causes(found) == [("shop", "Storage", "Logs")]


def test_what_blocks_the_rollback_of_a_nested_stack_is_found_by_its_name() -> None:
    embedded = "Embedded stack arn:[redacted] was not successfully deleted: The following resource(s) failed to delete: [Logs]."
    found = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        ("shop", "Role", ROLE, "CREATE_FAILED", DENIED),
        ("shop", "shop", STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Role]."),
        ("shop-Storage-1A", "Logs", BUCKET, "DELETE_FAILED", FULL),
        ("shop-Storage-1A", "shop-Storage-1A", STACK, "DELETE_FAILED", "The following resource(s) failed to delete: [Logs]."),
        ("shop", "Storage", STACK, "DELETE_FAILED", embedded),
        ("shop", "shop", STACK, "ROLLBACK_FAILED", "The following resource(s) failed to delete: [Storage]."),
    )
    assert (causes(found), blockers(found)) == ([("shop", "Role")], ["Logs"])
    assert found.blockers[0].stack_path == ("shop", "Storage")


# ------------------------------------------------------------------------------------------------ rows that are missing
def test_an_error_on_a_row_in_progress_counts_where_the_failure_itself_is_missing() -> None:
    found = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        ("shop", "Role", ROLE, "CREATE_IN_PROGRESS", DENIED),
        ("shop", "shop", STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Role]."),
        ("shop", "shop", STACK, "ROLLBACK_COMPLETE", None),
    )
    assert causes(found) == [("shop", "Role")]


def test_an_error_on_a_row_in_progress_is_overcome_by_the_resource_s_completion() -> None:
    found = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        ("shop", "Role", ROLE, "CREATE_IN_PROGRESS", DENIED),
        ("shop", "Role", ROLE, "CREATE_COMPLETE", None),
        ("shop", "Logs", BUCKET, "CREATE_FAILED", TAKEN),
        ("shop", "shop", STACK, "ROLLBACK_COMPLETE", None),
    )
    assert causes(found) == [("shop", "Logs")]


def test_the_same_error_alone_is_a_failure() -> None:
    assert causes(diagnosed(("shop", "Role", ROLE, "CREATE_IN_PROGRESS", DENIED))) == [("shop", "Role")]


def test_a_failure_behind_a_finished_rollback_is_a_later_attempt_s() -> None:
    summary = "The following resource(s) failed to update: [{}]."
    found = diagnosed(
        ("shop", "Role", ROLE, "UPDATE_FAILED", DENIED),
        ("shop", "shop", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", summary.format("Role")),
        ("shop", "shop", STACK, "UPDATE_ROLLBACK_COMPLETE", None),
        ("shop", "Logs", BUCKET, "UPDATE_FAILED", TAKEN),
        ("shop", "shop", STACK, "UPDATE_ROLLBACK_IN_PROGRESS", summary.format("Logs")),
        ("shop", "shop", STACK, "UPDATE_ROLLBACK_COMPLETE", None),
    )
    assert causes(found) == [("shop", "Logs")]


def test_deletions_behind_a_failure_are_the_rollback_whose_beginning_is_missing() -> None:
    found = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        ("shop", "Role", ROLE, "CREATE_FAILED", DENIED),
        ("shop", "Logs", BUCKET, "DELETE_FAILED", FULL),
    )
    assert (causes(found), blockers(found)) == ([("shop", "Role")], ["Logs"])


def test_an_automatic_delete_under_way_is_no_healthy_stack() -> None:
    reason = "The following resource(s) failed to create: [Role]. . Delete requested by user."
    alone = diagnosed(("shop", "shop", STACK, "DELETE_IN_PROGRESS", reason))
    assert (alone.verdict, causes(alone)) == (Verdict.UNEXPLAINED, [])
    whole = diagnosed(
        ("shop", "shop", STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        ("shop", "Role", ROLE, "CREATE_FAILED", DENIED),
        ("shop", "shop", STACK, "DELETE_IN_PROGRESS", reason),
    )
    assert causes(whole) == [("shop", "Role")]


def test_a_delete_that_a_person_runs_is_healthy() -> None:
    assert diagnosed(("shop", "shop", STACK, "DELETE_IN_PROGRESS", "User Initiated")).verdict is Verdict.HEALTHY


# ------------------------------------------------------------------------------------------------ no times: which way it runs
@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("row", [*timeline_rows(), *unseen_rows()], ids=lambda row: row["id"])
def test_an_excerpt_without_times_and_names_reads_the_same_either_way(row: Mapping[str, Any], newest_first: bool) -> None:
    def found(*, times: bool) -> tuple[set[str], set[str]]:
        told = told_of(naked(row, newest_first=newest_first, times=times))
        return {cause.failure.event.logical_id for cause in told.root_causes}, {blocker.event.logical_id for blocker in told.blockers}

    assert found(times=False) == found(times=True)


def naked(row: Mapping[str, Any], *, newest_first: bool, times: bool) -> list[dict[str, Any]]:
    events = row["events"] if row["order"] == "oldest_first" else row["events"][::-1]
    rows = [
        {
            "LogicalResourceId": event["logical_id"],
            "ResourceType": event["resource_type"],
            "ResourceStatus": event["status"],
            **({"ResourceStatusReason": event["reason"]} if event.get("reason") else {}),
            **({"StackName": event["stack"]} if event.get("stack") else {}),
            **({"Timestamp": f"2026-01-01T00:00:{at:02d}Z"} if times else {}),
        }
        for at, event in enumerate(events)
    ]
    return rows[::-1] if newest_first else rows
