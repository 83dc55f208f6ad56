"""What mutation testing found untested: changes of the code that every other test let pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stackdoctor.model import Operation, StackEvent
from stackdoctor.policy import (
    MISSING,
    PRESENT,
    Caller,
    Explanation,
    LeafReason,
    Malformed,
    Outcome,
    Policy,
    PolicyKind,
    Request,
    explain,
    parse,
)
from stackdoctor.timeline import operations_of

STACK = "AWS::CloudFormation::Stack"
ARN = "arn:aws:cloudformation:us-east-1:111122223333:stack/shop/1"
FAILED = "The following resource(s) failed to create: [Trail]. "


class Rows:
    """Rows of one stack, a second apart."""

    def __init__(self) -> None:
        self.events: list[StackEvent] = []

    def own(self, status: str, reason: str = "", operation: str | None = None, token: str | None = None) -> Rows:
        return self._add("shop", STACK, status, reason, operation, token)

    def row(self, name: str, status: str, reason: str = "", operation: str | None = None, token: str | None = None) -> Rows:
        return self._add(name, "AWS::CloudTrail::Trail", status, reason, operation, token)

    def _add(self, name: str, kind: str, status: str, reason: str, operation: str | None, token: str | None) -> Rows:
        at = datetime(2026, 11, 20, 9, tzinfo=UTC) + timedelta(seconds=len(self.events))
        physical = ARN if kind == STACK else f"{name}-1"
        self.events.append(StackEvent(str(at), ARN, "shop", name, physical, kind, at, status, reason or None, None, operation, token))
        return self

    def told(self, *, nested: bool = False) -> list[tuple[str, int, int]]:
        """(type, attempt, number of rows) of each operation."""
        found: tuple[Operation, ...] = operations_of(self.events, ARN, "shop", newest_first=False, nested=nested)
        return [(operation.type.value, operation.attempt, len(operation.events)) for operation in found]


@pytest.mark.parametrize("by", ["operation", "token"])
def test_an_update_announced_twice_is_one_update_where_its_id_is_the_same(by: str) -> None:
    """A page read again, or a clock that jumped: the end of the first announcement is missing either way."""
    again = Rows().own("UPDATE_IN_PROGRESS", "User Initiated", **{by: "a"}).row("Trail", "UPDATE_IN_PROGRESS", **{by: "a"})
    assert again.own("UPDATE_IN_PROGRESS", "User Initiated", **{by: "a"}).told() == [("UPDATE", 1, 3)]
    other = Rows().own("UPDATE_IN_PROGRESS", "User Initiated", **{by: "a"}).row("Trail", "UPDATE_IN_PROGRESS", **{by: "a"})
    assert other.own("UPDATE_IN_PROGRESS", "", **{by: "b"}).told() == [("UPDATE", 1, 2), ("UPDATE", 2, 1)]


def created_in_vain() -> Rows:
    return Rows().own("CREATE_IN_PROGRESS", "User Initiated").row("Trail", "CREATE_FAILED", "no").own("CREATE_FAILED", FAILED)


def test_the_delete_that_on_failure_asks_for_undoes_the_create() -> None:
    assert created_in_vain().own("DELETE_IN_PROGRESS", FAILED).own("DELETE_COMPLETE").told() == [("CREATE", 1, 3), ("DELETE", 1, 2)]


def test_so_does_the_delete_of_a_nested_stack_by_its_parent_but_not_one_of_a_root() -> None:
    rows = created_in_vain().own("DELETE_IN_PROGRESS").own("DELETE_COMPLETE")
    assert rows.told(nested=True)[1][:2] == ("DELETE", 1)
    assert rows.told(nested=False)[1][:2] == ("DELETE", 2)


def test_a_delete_that_interrupts_a_create_undoes_it_unless_a_person_asked() -> None:
    begun = Rows().own("CREATE_IN_PROGRESS", "User Initiated").row("Trail", "CREATE_IN_PROGRESS")
    assert begun.own("DELETE_IN_PROGRESS").told()[-1][:2] == ("DELETE", 1)
    begun = Rows().own("CREATE_IN_PROGRESS", "User Initiated").row("Trail", "CREATE_IN_PROGRESS")
    assert begun.own("DELETE_IN_PROGRESS", "User Initiated").told()[-1][:2] == ("DELETE", 2)


def test_of_a_delete_whose_beginning_is_missing_the_deletions_are_its_rows() -> None:
    rows = (
        Rows()
        .row("Bucket", "CREATE_COMPLETE")
        .row("Trail", "DELETE_FAILED", "no")
        .own("DELETE_FAILED", "The following resource(s) failed to delete: [Trail]. ")
    )
    assert [(kind, count) for kind, _attempt, count in rows.told()][-1] == ("DELETE", 2)


def test_what_the_clean_up_cannot_delete_is_no_new_attempt() -> None:
    done = Rows().own("UPDATE_IN_PROGRESS", "User Initiated").own("UPDATE_COMPLETE")
    assert done.row("Old", "DELETE_FAILED", "no").told() == [("UPDATE", 1, 3)]


def test_what_fails_behind_a_finished_operation_is_a_later_one() -> None:
    done = Rows().own("UPDATE_IN_PROGRESS", "User Initiated").own("UPDATE_COMPLETE")
    assert len(done.row("New", "CREATE_FAILED", "no").told()) == 2


# ------------------------------------------------------------------------------------------------------------- the evaluator
def decided(condition: dict, *, present: str = "", principal: object = None) -> Explanation:
    allow = {
        "Effect": "Allow",
        "Principal": principal or {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": condition,
    }
    policy = parse({"Version": "2012-10-17", "Statement": [allow]}, PolicyKind.BUCKET)
    assert isinstance(policy, Policy)
    known = {present: PRESENT} if present else {}
    return explain(
        policy, Request(Caller.parse("cloudtrail.amazonaws.com"), "s3:PutObject", "arn:aws:s3:::b/x", "111122223333", known, MISSING)
    )


def test_a_key_that_is_present_with_whatever_value_decides_what_every_value_decides() -> None:
    assert decided({"StringLike": {"aws:SourceArn": "*"}}, present="aws:sourcearn").outcome is Outcome.ALLOWED
    assert decided({"Null": {"aws:SourceArn": "true"}}, present="aws:sourcearn").outcome is Outcome.IMPLICITLY_DENIED
    assert decided({"StringEquals": {"aws:SourceArn": "x"}}, present="aws:sourcearn").outcome is Outcome.UNDECIDED


def test_the_id_of_a_deleted_principal_is_the_reason_only_where_nobody_else_is_listed() -> None:
    alone = decided({}, principal={"AWS": "AROAEXAMPLEEXAMPLE123"})
    beside = decided({}, principal={"AWS": ["AROAEXAMPLEEXAMPLE123", "arn:aws:iam::111122223333:role/r"]})
    assert [leaf.reason for leaf in alone.nearest[0].unmet] == [LeafReason.DELETED_PRINCIPAL]
    assert [leaf.reason for leaf in beside.nearest[0].unmet] == [LeafReason.PRINCIPAL_NOT_LISTED]


@pytest.mark.parametrize("statement", ["Allow", 1, None, True])
def test_a_statement_that_is_no_object_is_refused_by_its_place(statement: object) -> None:
    found = parse({"Version": "2012-10-17", "Statement": statement}, PolicyKind.BUCKET)
    assert isinstance(found, Malformed)
    assert "neither an object nor a list" in str(found.problem)
