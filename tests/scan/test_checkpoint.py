"""The checkpoint: what is left to do, what changed since the scan before, and files that are none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stackdoctor.errors import CannotRun, UsageError
from stackdoctor.model import Severity, Unread
from stackdoctor.scan.checkpoint import Checkpoint
from stackdoctor.scan.stored import StoredReport
from stackdoctor.scanned import Account, Kind, Place, PlaceResult, Problem

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ACCOUNTS = (Account("111122223333", "prod"), Account("222233334444", "dev"))
REGIONS = ("us-east-1", "eu-west-1")


def problem(name: str, *, resource: str = "", severity: Severity = Severity.CAUSE, diagnosed: bool = True) -> Problem:
    document = {"summary": name} if diagnosed else {}
    return Problem(f"id-{name}", Kind.STACK, resource or f"arn:{name}", name, "DELETE_FAILED", severity, True, f"{name}.", document)


def result(account: int = 0, region: str = "us-east-1", *problems: Problem, unread: tuple[str, ...] = (), error: str = "") -> PlaceResult:
    found = tuple(Unread(what, "AccessDenied", (), True) for what in unread)
    return PlaceResult(Place(ACCOUNTS[account].id, region, ACCOUNTS[account].name), problems, found, error=error)


def begun(file: Path | None, question: str = "q", at: datetime = NOW) -> Checkpoint:
    kept = Checkpoint(file)
    kept.begin(question, lambda: ACCOUNTS, at)
    return kept


def whole(file: Path, *results: PlaceResult) -> StoredReport:
    """One scan of the first Region of both accounts, to its end; what is not given is healthy."""
    kept = begun(file)
    given = {(one.place.account, one.place.region): one for one in results}
    for position, account in enumerate(ACCOUNTS):
        if (account.id, "") in given:
            kept.add(position, 0, given[account.id, ""])
            continue
        kept.plan(position, ("us-east-1",))
        kept.add(position, 0, given.get((account.id, "us-east-1"), result(position)))
    assert kept.complete
    return StoredReport(kept)


def after(report: StoredReport) -> None:
    report._kept.finish()
    report._kept.close()


def changes(report: StoredReport) -> dict[str, str | None]:
    found = {row.problem.name: row.change for row in report.problems()}
    return found | {row.problem.name: row.change for row in report.resolved()}


# ---------------------------------------------------------------------------------------------------------------- resume
def test_nothing_finished_is_left_to_do(tmp_path: Path) -> None:
    kept = begun(tmp_path / "scan.db")
    kept.plan(0, REGIONS)
    kept.add(0, 1, result(0, "eu-west-1"))
    (first, second) = kept.todo()
    assert (first.position, first.regions, first.done) == (0, REGIONS, {1})
    assert (second.position, second.regions, second.done) == (1, None, set())
    kept.add(0, 0, result(0))
    assert [todo.position for todo in kept.todo()] == [1]
    assert kept.is_finished(0)


def test_a_scan_goes_on_where_it_was_left(tmp_path: Path) -> None:
    kept = begun(tmp_path / "scan.db")
    kept.plan(0, ("us-east-1",))
    kept.add(0, 0, result(0, "us-east-1", problem("a")))
    kept.close()
    again = Checkpoint(tmp_path / "scan.db")
    assert again.begin("q", fails, NOW + timedelta(hours=1))
    assert again.started_at == "2026-11-25T12:00:00Z"
    assert [todo.position for todo in again.todo()] == [1]
    assert [row.problem.name for row in StoredReport(again).problems()] == ["a"]


def fails() -> tuple[Account, ...]:
    raise AssertionError("the accounts were listed again")


@pytest.mark.parametrize(("question", "later"), [("another", timedelta(0)), ("q", timedelta(hours=25))])
def test_another_question_or_an_old_scan_begins_anew(tmp_path: Path, question: str, later: timedelta) -> None:
    kept = begun(tmp_path / "scan.db")
    kept.add(0, 0, result(0, "us-east-1", problem("a")))
    kept.close()
    again = Checkpoint(tmp_path / "scan.db")
    assert not again.begin(question, lambda: ACCOUNTS, NOW + later)
    assert [todo.position for todo in again.todo()] == [0, 1]
    assert list(StoredReport(again).problems()) == []


def test_what_is_not_scanned_is_told(tmp_path: Path) -> None:
    kept = begun(tmp_path / "scan.db")
    kept.plan(0, REGIONS)
    kept.add(0, 0, result(0))
    report = StoredReport(kept, reason="the time was up")
    assert [(row.place.account, row.place.region, row.state) for row in report.places()] == [
        ("111122223333", "us-east-1", "healthy"),
        ("111122223333", "eu-west-1", "unread"),
        ("222233334444", "", "unread"),
    ]
    assert report.totals().failed == 2
    assert {row.unread.error for row in report.unread()} == {"not scanned: the time was up"}


# ----------------------------------------------------------------------------------------------------------- what changed
def test_the_first_scan_knows_no_change(tmp_path: Path) -> None:
    report = whole(tmp_path / "scan.db", result(0, "us-east-1", problem("a")))
    assert changes(report) == {"a": None}
    assert report.totals().new is None


def test_new_still_there_and_resolved(tmp_path: Path) -> None:
    after(whole(tmp_path / "scan.db", result(0, "us-east-1", problem("old"), problem("mended"))))
    report = whole(tmp_path / "scan.db", result(0, "us-east-1", problem("old")), result(1, "us-east-1", problem("fresh")))
    assert changes(report) == {"old": "still", "fresh": "new", "mended": "resolved"}
    totals = report.totals()
    assert (totals.new, totals.still, totals.resolved) == (1, 1, 1)
    assert [row.problem.name for row in report.problems(only_new=True)] == ["fresh"]
    assert [row.problem.name for row in report.problems()] == ["fresh", "old"]
    after(report)
    assert changes(whole(tmp_path / "scan.db", result(0, "us-east-1", problem("old")))) == {"old": "still", "fresh": "resolved"}


def test_a_place_that_cannot_be_read_resolves_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "scan.db"
    after(whole(file, result(0, "us-east-1", problem("a")), result(1, "us-east-1", problem("b"))))
    dark = whole(file, result(0, "", error="AccessDenied"), result(1, unread=("trails",)))
    assert changes(dark) == {}
    after(dark)
    after(whole(file, result(0, "", error="AccessDenied"), result(1, unread=("trails",))))
    report = whole(file, result(0, "us-east-1", problem("a")), result(1))
    assert changes(report) == {"a": "still", "b": "resolved"}


def test_what_is_never_readable_does_not_hide_what_is_resolved(tmp_path: Path) -> None:
    file, central = tmp_path / "scan.db", ("policy of bucket central",)
    after(whole(file, result(0, "us-east-1", problem("a"), unread=central)))
    assert changes(whole(file, result(0, unread=central))) == {"a": "resolved"}


def test_a_stack_that_could_not_be_diagnosed_this_time_is_no_new_one(tmp_path: Path) -> None:
    file = tmp_path / "scan.db"
    after(whole(file, result(0, "us-east-1", problem("known", resource="arn:x"))))
    report = whole(file, result(0, "us-east-1", problem("unknown", resource="arn:x", diagnosed=False)))
    assert changes(report) == {"unknown": "still"}


def test_an_account_that_left_is_not_resolved(tmp_path: Path) -> None:
    file = tmp_path / "scan.db"
    after(whole(file, result(1, "us-east-1", problem("a"))))
    kept = Checkpoint(file)
    kept.begin("q", lambda: ACCOUNTS[:1], NOW)
    kept.plan(0, ("us-east-1",))
    kept.add(0, 0, result(0))
    assert changes(StoredReport(kept)) == {}


def test_risks_are_told_apart_and_count_for_nothing(tmp_path: Path) -> None:
    report = whole(tmp_path / "scan.db", result(0, "us-east-1", problem("a", severity=Severity.RISK)))
    assert list(report.problems()) == []
    assert [row.problem.name for row in report.problems(Severity.RISK)] == ["a"]
    assert (report.totals().problems, report.totals().risks) == (0, 1)


def test_worst_first(tmp_path: Path) -> None:
    report = whole(tmp_path / "scan.db", result(0, "us-east-1", problem("a")), result(1, "us-east-1", problem("b"), problem("c")))
    assert [(tally.of, tally.stacks) for tally in report.by_account()] == [("222233334444", 2), ("111122223333", 1)]
    assert [(tally.of, tally.stacks) for tally in report.by_region()] == [("us-east-1", 3)]


# ------------------------------------------------------------------------------------------------------------------ files
def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE mine (x)")


def newer(path: Path) -> None:
    begun(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("make", [foreign, newer, lambda path: path.write_text("{}" * 500), Path.mkdir])
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path, make: Callable[[Path], object]) -> None:
    file = tmp_path / "scan.db"
    make(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(UsageError, match=r"scan\.db"):
        Checkpoint(file)
    assert before is None or file.read_bytes() == before


def test_one_scan_at_a_time(tmp_path: Path) -> None:
    kept = begun(tmp_path / "scan.db")
    with pytest.raises(CannotRun, match="another scan is using it"):
        Checkpoint(tmp_path / "scan.db")
    kept.close()
    Checkpoint(tmp_path / "scan.db").close()


def test_an_empty_file_becomes_a_checkpoint_that_only_its_owner_reads(tmp_path: Path) -> None:
    begun(tmp_path / "new.db").close()
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0
    (tmp_path / "empty.db").touch()
    begun(tmp_path / "empty.db").close()


def test_without_a_file_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = begun(None)
    kept.add(0, 0, result(0, "us-east-1", problem("a")))
    kept.close()
    assert list(tmp_path.iterdir()) == []
