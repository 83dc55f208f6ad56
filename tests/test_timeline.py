"""Events → operations → attempts: what was one operation, which attempt it belongs to, and whether the stack is healthy."""

from dataclasses import replace
from datetime import timedelta

import pytest
from histories import DENIED, NOT_EMPTY, PROTECTED, Story, cancelled, done, fails, without
from hypothesis import given
from hypothesis import strategies as st

from stackdoctor.model import Operation, Stack, StackEvent, StackHistory
from stackdoctor.timeline import attempts, covers_attempt, diagnosed, is_belated, is_healthy, operations, order

ALIKE = pytest.mark.parametrize(
    "ids", [{"ids": True}, {"shared_ids": True}, {}, {"tokens": False}], ids=["ids", "shared", "tokens", "bare"]
)


def told(history: StackHistory) -> list[tuple[str, int, str]]:
    return [(operation.type.value, operation.attempt, operation.status) for operation in operations(history)]


def a_hard_life(**ids: bool) -> Story:
    """Created, updated in vain, its rollback continued twice, updated again, deleted at the third try."""
    story = Story("shop", **ids)
    story.create(done("Key"), done("Bucket"))
    story.update(fails("Trail", DENIED, kind="CREATE"), cancelled("Queue"))
    story.rollback(fails("Queue", "no way back"), of="UPDATE")
    story.continued(fails("Queue", "still no way back"))
    story.continued(done("Queue"))
    story.update(done("Queue"))
    story.delete(fails("Bucket", NOT_EMPTY))
    story.delete(fails("Bucket", NOT_EMPTY))
    story.delete(done("Bucket"), done("Key"))
    return story


LIFE = [
    ("CREATE", 1, "CREATE_COMPLETE"),
    ("UPDATE", 2, "UPDATE_FAILED"),
    ("ROLLBACK", 2, "UPDATE_ROLLBACK_FAILED"),
    ("CONTINUE_ROLLBACK", 2, "UPDATE_ROLLBACK_FAILED"),
    ("CONTINUE_ROLLBACK", 2, "UPDATE_ROLLBACK_COMPLETE"),
    ("UPDATE", 3, "UPDATE_COMPLETE"),
    ("DELETE", 4, "DELETE_FAILED"),
    ("DELETE", 5, "DELETE_FAILED"),
    ("DELETE", 6, "DELETE_COMPLETE"),
]


class TestOrder:
    def test_newest_first_becomes_oldest_first(self) -> None:
        story = a_hard_life()
        assert order(story.history().events) == tuple(story.events)

    def test_oldest_first_stays(self) -> None:
        story = a_hard_life()
        assert order(story.events, newest_first=False) == tuple(story.events)

    def test_shuffled_pages_and_rows_read_twice_come_right(self) -> None:
        story = a_hard_life()
        newest = story.history().events
        pages = [newest[at : at + 7] for at in range(0, len(newest), 6)]
        assert order(event for page in reversed(pages) for event in page) == tuple(story.events)

    def test_position_decides_between_equal_times(self) -> None:
        story = a_hard_life()
        same = tuple(replace(event, timestamp=story.now) for event in story.events)
        assert order(reversed(same)) == same

    def test_a_row_without_a_time_stays_with_its_neighbour(self) -> None:
        story = a_hard_life()
        blind = story.history(change=without("timestamp", 3)).events
        assert [event.event_id for event in order(blind)] == [event.event_id for event in story.events]

    def test_the_first_row_may_be_the_one_without_a_time(self) -> None:
        story = a_hard_life()
        story.events[0] = replace(story.events[0], timestamp=None)
        assert order(story.history().events) == tuple(story.events)

    def test_rows_without_any_time_keep_their_order(self) -> None:
        story = a_hard_life()
        blind = story.history(change=without("timestamp")).events
        assert [event.event_id for event in order(blind)] == [event.event_id for event in story.events]

    def test_times_with_and_without_a_zone_compare(self) -> None:
        story = a_hard_life()
        mixed = tuple(
            replace(event, timestamp=event.timestamp.replace(tzinfo=None)) if at % 2 else event
            for at, event in enumerate(story.history().events)
        )
        assert [event.event_id for event in order(mixed)] == [event.event_id for event in story.events]

    def test_rows_without_an_event_id_are_all_kept(self) -> None:
        story = a_hard_life()
        assert len(order(replace(event, event_id="") for event in story.events)) == len(story.events)


class TestOperations:
    @ALIKE
    def test_a_hard_life(self, ids: dict[str, bool]) -> None:
        assert told(a_hard_life(**ids).history()) == LIFE

    @pytest.mark.parametrize("every", [2, 3])
    @pytest.mark.parametrize("ids", [{"ids": True}, {"shared_ids": True}], ids=["ids", "shared"])
    def test_half_of_the_events_lack_operation_ids(self, ids: dict[str, bool], every: int) -> None:
        assert told(a_hard_life(**ids).history(change=without("operation_id", every))) == LIFE

    def test_every_row_belongs_to_exactly_one_operation(self) -> None:
        history = a_hard_life(ids=True).history()
        rows = [event.event_id for operation in operations(history) for event in operation.events]
        assert sorted(rows) == sorted(event.event_id for event in history.events)

    def test_an_operations_id_is_awss_where_there_is_one(self) -> None:
        with_ids, without_ids = operations(a_hard_life(ids=True).history()), operations(a_hard_life().history())
        assert [operation.id for operation in with_ids] == [f"shop-op{n}" for n in range(1, 10)]
        assert [operation.id for operation in without_ids] == [operation.events[0].event_id for operation in without_ids]

    def test_times_of_an_operation(self) -> None:
        create = operations(a_hard_life().history())[0]
        assert create.started_at == create.events[0].timestamp
        assert create.ended_at == create.events[-1].timestamp

    def test_a_running_operation_has_no_end(self) -> None:
        story = Story("shop").create(done("Key"), ends="IN_PROGRESS")
        assert operations(story.history())[0].ended_at is None

    def test_making_a_change_set_is_no_operation(self) -> None:
        story = Story("shop")
        story.review()
        story.create(done("Key"))
        assert told(story.history()) == [("CREATE", 1, "CREATE_COMPLETE")]

    def test_a_transform_repeats_the_start_row_of_the_same_operation(self) -> None:
        story = Story("shop", tokens=False)
        story.create(ends="IN_PROGRESS", reason="Transformation succeeded")
        story.row("Key", "AWS::KMS::Key", "CREATE_COMPLETE").row("shop", "AWS::CloudFormation::Stack", "CREATE_COMPLETE", None, story.id)
        assert told(story.history()) == [("CREATE", 1, "CREATE_COMPLETE")]

    @ALIKE
    def test_the_clean_up_belongs_to_what_it_cleans_up(self, ids: dict[str, bool]) -> None:
        story = Story("shop", **ids)
        story.update(done("Key")).clean_up(fails("Old", NOT_EMPTY), after="UPDATE")
        story.update(fails("Key", DENIED)).rollback(done("Key"), of="UPDATE").clean_up(fails("New", NOT_EMPTY))
        assert told(story.history()) == [
            ("UPDATE", 1, "UPDATE_COMPLETE"),
            ("UPDATE", 2, "UPDATE_FAILED"),
            ("ROLLBACK", 2, "UPDATE_ROLLBACK_COMPLETE"),
        ]

    @ALIKE
    def test_a_rollback_asked_by_a_person_carries_the_attempt_it_undoes(self, ids: dict[str, bool]) -> None:
        story = Story("shop", **ids)
        story.create(fails("Trail", DENIED), ends="FAILED")
        story.rollback(done("Key"), why="User Initiated")
        assert told(story.history()) == [("CREATE", 1, "CREATE_FAILED"), ("ROLLBACK", 1, "ROLLBACK_COMPLETE")]

    @ALIKE
    def test_on_failure_delete_undoes_the_create(self, ids: dict[str, bool]) -> None:
        story = Story("shop", **ids)
        story.create(fails("Trail", DENIED))
        story.delete(done("Key"), why="The following resource(s) failed to create: [Trail]. . Delete requested by user.")
        assert told(story.history()) == [("CREATE", 1, "CREATE_FAILED"), ("DELETE", 1, "DELETE_COMPLETE")]

    def test_a_person_deleting_a_running_create_makes_a_new_attempt(self) -> None:
        story = Story("shop")
        story.create(cancelled("Key")).delete(done("Key"))
        assert [attempt for _, attempt, _ in told(story.history())] == [1, 2]

    @ALIKE
    def test_an_import_and_its_rollback(self, ids: dict[str, bool]) -> None:
        story = Story("shop", **ids)
        story.attempt("IMPORT", fails("Table", "no such table")).rollback(of="IMPORT")
        assert told(story.history()) == [("IMPORT", 1, "IMPORT_FAILED"), ("ROLLBACK", 1, "IMPORT_ROLLBACK_COMPLETE")]

    def test_a_stack_deleted_and_recreated_under_one_name(self) -> None:
        first = Story("shop")
        first.create(fails("Trail", DENIED)).rollback(done("Key")).delete(done("Key"))
        second = Story("shop", at=first.now + timedelta(hours=1))
        second.create(done("Key"))
        history = second.history(change=lambda events: (*events, *reversed(first.events)))
        assert told(history) == [("CREATE", 1, "CREATE_COMPLETE")]

    @pytest.mark.parametrize("ids", [{"ids": True}, {"shared_ids": True}, {}], ids=["ids", "shared", "tokens"])
    @pytest.mark.parametrize("places", [1, 2, 4])
    def test_rows_that_tie_with_the_start_and_sort_in_front_of_it(self, ids: dict[str, bool], places: int) -> None:
        story = Story("shop", **ids).create(done("Key"), done("Queue"))
        events = [replace(event, timestamp=story.events[0].timestamp) for event in story.events[: places + 1]]
        oldest_first = (*events[1:], events[0], *story.events[places + 1 :])
        assert told(story.history(change=lambda _: tuple(reversed(oldest_first)))) == [("CREATE", 1, "CREATE_COMPLETE")]

    @pytest.mark.parametrize("ids", [{"ids": True}, {"shared_ids": True}], ids=["ids", "shared"])
    def test_a_rollbacks_row_that_ties_with_its_start_and_sorts_in_front_of_it(self, ids: dict[str, bool]) -> None:
        story = Story("shop", **ids).create(done("Key"), fails("Trail", DENIED)).rollback(done("Key"))
        start = next(at for at, event in enumerate(story.events) if event.status == "ROLLBACK_IN_PROGRESS")
        early = replace(story.events.pop(start + 1), timestamp=story.events[start].timestamp)
        story.events.insert(start, early)
        assert told(story.history()) == [("CREATE", 1, "CREATE_FAILED"), ("ROLLBACK", 1, "ROLLBACK_COMPLETE")]

    def test_a_row_that_comes_late_stays_with_the_operation_its_id_names(self) -> None:
        story = Story("shop", ids=True).create(done("Key"), fails("Trail", DENIED)).rollback(done("Key"))
        late = replace(story.events[2], timestamp=story.now)
        story.events[2] = late
        create, rollback = operations(story.history())
        assert late in create.events
        assert late not in rollback.events


class TestBelated:
    """Failures among a rollback's rows that are still the attempt's: the rollback could not have made them, or not yet."""

    @pytest.mark.parametrize(
        ("kind", "status", "seconds", "belated"),
        [
            ("CREATE", "CREATE_FAILED", 60, True),
            ("CREATE", "CREATE_COMPLETE", 60, False),
            ("CREATE", "DELETE_FAILED", 0, False),
            ("UPDATE", "UPDATE_FAILED", 0, True),
            ("UPDATE", "UPDATE_FAILED", 1, False),
            ("UPDATE", "CREATE_FAILED", 1, False),
            ("UPDATE", "UPDATE_COMPLETE", 0, False),
            ("CREATE", "UPDATE_FAILED", 60, False),
        ],
    )
    def test_by_kind_and_time(self, kind: str, status: str, seconds: int, belated: bool) -> None:
        story = Story("shop").attempt(kind, ends="IN_PROGRESS").rollback(of=kind)
        rollback = operations(story.history())[-1]
        made = rollback.events[0].timestamp + timedelta(seconds=seconds)
        row = replace(rollback.events[0], logical_id="Key", resource_type="AWS::KMS::Key", status=status, timestamp=made)
        assert is_belated(row, rollback) is belated

    def test_never_of_a_forward_operation_or_a_continued_rollback(self) -> None:
        story = Story("shop").update(fails("A", DENIED)).rollback(fails("A", "no"), of="UPDATE").continued(fails("A", "no"))
        update, _, continued = operations(story.history())
        assert not any(is_belated(row, of) for of in (update, continued) for row in of.events)


class TestExcerpts:
    """A listing that begins in the middle: the operation its rows imply."""

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            (["Key CREATE_FAILED"], [("CREATE", 1, "CREATE_FAILED")]),
            (["Key UPDATE_FAILED"], [("UPDATE", 1, "UPDATE_FAILED")]),
            (["Key DELETE_FAILED"], [("DELETE", 1, "DELETE_FAILED")]),
            (["Key IMPORT_FAILED"], [("IMPORT", 1, "IMPORT_FAILED")]),
            (["Key CREATE_IN_PROGRESS", "Key UPDATE_IN_PROGRESS", "Key CREATE_FAILED"], [("CREATE", 1, "CREATE_FAILED")]),
            (["New CREATE_FAILED", "Old UPDATE_COMPLETE"], [("UPDATE", 1, "UPDATE_FAILED")]),
            (["Key CREATE_FAILED", "shop ROLLBACK_COMPLETE"], [("CREATE", 1, "CREATE_FAILED"), ("ROLLBACK", 1, "ROLLBACK_COMPLETE")]),
            (["Key CREATE_FAILED", "Db DELETE_FAILED"], [("CREATE", 1, "CREATE_FAILED"), ("ROLLBACK", 1, "ROLLBACK_FAILED")]),
            (["Db DELETE_FAILED", "shop DELETE_FAILED"], [("DELETE", 1, "DELETE_FAILED")]),
            (["Db DELETE_FAILED", "shop ROLLBACK_FAILED"], [("ROLLBACK", 1, "ROLLBACK_FAILED")]),
            (
                ["shop UPDATE_ROLLBACK_COMPLETE", "shop UPDATE_IN_PROGRESS", "Key UPDATE_FAILED", "shop UPDATE_ROLLBACK_IN_PROGRESS"],
                [
                    ("ROLLBACK", 1, "UPDATE_ROLLBACK_COMPLETE"),
                    ("UPDATE", 2, "UPDATE_FAILED"),
                    ("ROLLBACK", 2, "UPDATE_ROLLBACK_IN_PROGRESS"),
                ],
            ),
            (["shop UPDATE_COMPLETE", "shop DELETE_IN_PROGRESS"], [("UPDATE", 1, "UPDATE_COMPLETE"), ("DELETE", 2, "DELETE_IN_PROGRESS")]),
            (
                ["shop UPDATE_IN_PROGRESS", "Key UPDATE_FAILED", "Key DELETE_COMPLETE", "shop UPDATE_ROLLBACK_COMPLETE"],
                [("UPDATE", 1, "UPDATE_FAILED"), ("ROLLBACK", 1, "UPDATE_ROLLBACK_COMPLETE")],
            ),
            (
                ["shop ROLLBACK_IN_PROGRESS", "shop ROLLBACK_COMPLETE", "Key CREATE_FAILED"],
                [("ROLLBACK", 1, "ROLLBACK_COMPLETE"), ("CREATE", 2, "CREATE_FAILED")],
            ),
            (
                ["shop DELETE_IN_PROGRESS", "shop DELETE_COMPLETE", "Key CREATE_IN_PROGRESS"],
                [("DELETE", 1, "DELETE_COMPLETE"), ("CREATE", 2, "CREATE_IN_PROGRESS")],
            ),
            (["shop ROLLBACK_IN_PROGRESS", "shop ROLLBACK_COMPLETE", "Key DELETE_COMPLETE"], [("ROLLBACK", 1, "ROLLBACK_COMPLETE")]),
            (["shop CREATE_IN_PROGRESS", "shop CREATE_COMPLETE", "Key CREATE_COMPLETE"], [("CREATE", 1, "CREATE_COMPLETE")]),
            (["shop ROLLBACK_IN_PROGRESS", "Key CREATE_FAILED", "shop ROLLBACK_COMPLETE"], [("ROLLBACK", 1, "ROLLBACK_COMPLETE")]),
            (["Key A_STATUS_OF_TOMORROW"], [("UNKNOWN", 1, "UNKNOWN_IN_PROGRESS")]),
            (["Key CREATE_COMPLETE", "shop A_STATUS_OF_TOMORROW"], [("CREATE", 1, "CREATE_IN_PROGRESS")]),
            ([], []),
        ],
    )
    def test_rows_imply_the_operation(self, rows: list[str], expected: list[tuple[str, int, str]]) -> None:
        story = Story("shop", tokens=False)
        for row in rows:
            logical_id, status = row.split()
            own = logical_id == "shop"
            story.row(logical_id, "AWS::CloudFormation::Stack" if own else "AWS::KMS::Key", status, None, story.id if own else None)
        stack = Stack("shop", story.id, "")
        assert told(StackHistory(stack, tuple(reversed(story.events)))) == expected

    def of_an_update(self, *failed: str, names: str, started: bool) -> list[list[str]]:
        story = Story("shop", tokens=False)
        if started:
            story.row("shop", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "User Initiated", story.id)
        for logical_id in failed:
            story.row(logical_id, "AWS::KMS::Key", "UPDATE_FAILED", "no")
        summary = f"The following resource(s) failed to update: [{names}]."
        story.row("shop", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_FAILED", summary, story.id)
        return [[event.logical_id for event in operation.events if event.logical_id != "shop"] for operation in operations(story.history())]

    def test_whose_failures_they_were_when_the_rollbacks_start_was_not_read(self) -> None:
        """What the failed rollback names is the rollback's, unless the update's start stands above it or it is all there is."""
        assert self.of_an_update("A", "B", names="B, C", started=False) == [["A"], ["B"]]
        assert self.of_an_update("A", "B", names="B, C", started=True) == [["A", "B"], []]
        assert self.of_an_update("A", names="A", started=False) == [["A"], []]
        assert self.of_an_update("A", names="A, B", started=False) == [["A"], []]
        assert self.of_an_update("A", names="B, C", started=False) == [["A"], []]


class TestHealthy:
    @pytest.mark.parametrize(
        "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"]
    )
    def test_running_forward_or_complete(self, status: str) -> None:
        assert is_healthy(status, ())

    @pytest.mark.parametrize(
        "status", ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE", "IMPORT_IN_PROGRESS", "REVIEW_IN_PROGRESS"]
    )
    def test_clean_up_import_and_review(self, status: str) -> None:
        assert is_healthy(status, ())

    @pytest.mark.parametrize(
        "status",
        [
            "ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "IMPORT_ROLLBACK_COMPLETE",
            "ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        ],
    )
    def test_any_rollback_is_a_failure(self, status: str) -> None:
        """`cdk diagnose` called every rolled-back stack healthy."""
        assert not is_healthy(status, ())

    @pytest.mark.parametrize("status", ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED"])
    def test_any_failed_is_a_failure(self, status: str) -> None:
        assert not is_healthy(status, ())

    def test_a_deleted_stack_is_healthy_if_its_last_create_or_update_was(self) -> None:
        good = Story("shop").create(done("Key")).delete(done("Key"))
        bad = Story("shop").create(fails("Key", DENIED)).rollback(done("Key")).delete(done("Key"))
        mended = (
            Story("shop").create(done("Key")).update(fails("Key", DENIED)).rollback(of="UPDATE").update(done("Key")).delete(done("Key"))
        )
        worn = Story("shop").create(done("Key")).update(fails("Key", DENIED)).rollback(of="UPDATE").delete(done("Key"))
        verdicts = [is_healthy("DELETE_COMPLETE", operations(story.history())) for story in (good, bad, mended, worn)]
        assert verdicts == [True, False, True, False]

    def test_running_but_already_failing(self) -> None:
        story = Story("shop").create(done("Key")).update(fails("Trail", DENIED), ends="IN_PROGRESS")
        assert not is_healthy("UPDATE_IN_PROGRESS", operations(story.history()))

    def test_running_past_what_a_retry_settled(self) -> None:
        story = Story("shop").create(done("Key")).attempt("DELETE", fails("Key", PROTECTED), done("Key"), ends="IN_PROGRESS")
        assert is_healthy("DELETE_IN_PROGRESS", operations(story.history()))

    def test_running_again_after_a_failure(self) -> None:
        story = Story("shop").create(fails("Trail", DENIED), ends="FAILED").update(done("Key"), ends="IN_PROGRESS")
        assert is_healthy("UPDATE_IN_PROGRESS", operations(story.history()))

    def test_a_refused_change_set_is_a_failure(self) -> None:
        assert not is_healthy("REVIEW_IN_PROGRESS", (), change_set_failed=True)


class TestDiagnosed:
    def of(self, story: Story) -> tuple[str, int] | None:
        attempt = diagnosed(attempts(operations(story.history())))
        return attempt and (attempt.operation.type.value, attempt.number)

    def test_through_any_number_of_continued_rollbacks_and_deletes(self) -> None:
        story = Story("shop").create(done("Key")).update(fails("Key", DENIED)).rollback(fails("Db", PROTECTED), of="UPDATE")
        for _ in range(7):
            story.continued(fails("Db", PROTECTED))
        for _ in range(5):
            story.delete(fails("Db", PROTECTED))
        assert self.of(story) == ("UPDATE", 2)

    def test_a_delete_stands_for_itself_when_nothing_failed_before(self) -> None:
        story = Story("shop").create(done("Key")).delete(fails("Db", PROTECTED)).delete(fails("Db", PROTECTED))
        assert self.of(story) == ("DELETE", 3)

    def test_a_failure_that_was_mended_is_not_diagnosed(self) -> None:
        story = Story("shop").create(done("Key")).update(fails("Key", DENIED)).rollback(of="UPDATE").update(done("Key"))
        assert self.of(story) is None
        assert self.of(story.delete(fails("Db", PROTECTED))) == ("DELETE", 4)


class TestCoversAttempt:
    def reach(self, story: Story, status: str | None = None) -> int:
        """How many of the newest rows are needed."""
        history = story.history(status=status)
        return next((n for n in range(len(history.events) + 1) if covers_attempt(history.events[:n], history.stack.status)), -1)

    def test_a_healthy_stack_needs_its_last_row_only(self) -> None:
        assert self.reach(Story("shop").create(done("Key")).update(done("Key"))) == 1

    def test_back_to_the_start_of_the_failed_attempt_and_no_further(self) -> None:
        story = Story("shop").create(*(done(f"Key{n}") for n in range(50)))
        before = len(story.events)
        story.update(fails("Key1", DENIED)).rollback(fails("Key1", "no"), of="UPDATE").continued(done("Key1"))
        assert self.reach(story) == len(story.events) - before

    def test_disable_rollback_reads_back_to_the_start(self) -> None:
        story = Story("shop").create(done("Key"), fails("Trail", DENIED), ends="FAILED")
        assert self.reach(story) == len(story.events)

    def test_a_failed_delete_reads_back_to_what_succeeded_before(self) -> None:
        story = Story("shop").create(done("Key"))
        before = len(story.events)
        assert self.reach(story.delete(fails("Db", PROTECTED))) == len(story.events) - before + 1

    def test_a_deleted_stack_reads_back_to_its_last_build(self) -> None:
        story = Story("shop").create(fails("Trail", DENIED)).rollback(done("Key")).delete()
        assert self.reach(story) == len(story.events)

    def test_never_without_the_start(self) -> None:
        story = Story("shop").create(fails("Trail", DENIED)).rollback(done("Key"))
        assert not covers_attempt(story.history().events[:-1], "ROLLBACK_COMPLETE")


STATUSES = st.sampled_from(
    [
        f"{kind}_{end}"
        for kind in ("CREATE", "UPDATE", "DELETE", "IMPORT", "ROLLBACK", "UPDATE_ROLLBACK", "IMPORT_ROLLBACK")
        for end in ("IN_PROGRESS", "COMPLETE", "FAILED")
    ]
    + ["REVIEW_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_SKIPPED", "NEW_STATUS", ""]
)
REASONS = st.sampled_from(
    [
        None,
        "",
        "User Initiated",
        DENIED,
        "Resource creation cancelled",
        "The following resource(s) failed to create: [A, B",
        "Embedded stack arn:x:s was not",
    ]
)
EVENTS = st.builds(
    StackEvent,
    event_id=st.sampled_from(["", *"abcdefghijklmnopqrstuvwxyz"]),
    stack_id=st.sampled_from(["arn:s", "arn:other", ""]),
    stack_name=st.just("shop"),
    logical_id=st.sampled_from(["shop", "A", "B", "Nest"]),
    physical_id=st.sampled_from([None, "", "arn:s", "arn:child"]),
    resource_type=st.sampled_from(["AWS::CloudFormation::Stack", "AWS::KMS::Key", ""]),
    timestamp=st.none() | st.datetimes(),
    status=STATUSES,
    reason=REASONS,
    operation_id=st.sampled_from([None, "o1", "o2"]),
    client_request_token=st.sampled_from([None, "t1", "t2"]),
)


@given(st.lists(EVENTS, max_size=30), STATUSES, st.booleans())
def test_any_listing_gives_operations_that_hold_each_row_once(events: list[StackEvent], status: str, newest_first: bool) -> None:
    history = StackHistory(Stack("shop", "arn:s", status), tuple(events), newest_first=newest_first)
    found = operations(history)
    rows = [id(event) for operation in found for event in operation.events]
    assert len(rows) == len(set(rows))
    assert all(operation.events for operation in found)
    assert [operation.attempt for operation in found] == sorted(operation.attempt for operation in found)
    assert isinstance(covers_attempt(events, status, newest_first), bool)
    assert isinstance(is_healthy(status, found), bool)


@given(st.randoms(use_true_random=False))
def test_operations_do_not_depend_on_how_the_pages_came(random) -> None:
    story = a_hard_life(ids=True)
    rows = [*story.events, *random.sample(story.events, 10)]
    random.shuffle(rows)
    shuffled: tuple[Operation, ...] = operations(story.history(change=lambda _: tuple(rows)))
    assert shuffled == operations(story.history())
