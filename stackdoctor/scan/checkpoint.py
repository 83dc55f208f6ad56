"""What a scan has found so far, in one SQLite file: it survives being killed, and remembers for the next scan.

in: results, in any order. out: what is left to do; `stored` reads the report from it. Without a file the rows are kept in
a temporary one of SQLite's own, so memory is flat either way. Every result is committed by itself: killed at any moment
and started again, nothing finished is repeated and nothing is lost.

A file holds at most two scans: the last finished one, which tells new problems from old, and the one under way.
https://www.sqlite.org/atomiccommit.html
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stackdoctor.errors import CannotRun, UsageError
from stackdoctor.scan import codec
from stackdoctor.scanned import Account, Change, Kind, PlaceResult

APPLICATION_ID = 0x5D0C7042
"""Marks the file as ours. https://www.sqlite.org/pragma.html#pragma_application_id"""
VERSION = 1
KEEPS_FOR = timedelta(hours=24)
"""A scan that was interrupted longer ago is begun again: what it found may no longer be what stands there."""

_SCHEMA = """
CREATE TABLE scan (id INTEGER PRIMARY KEY, question TEXT NOT NULL, started_at TEXT NOT NULL, finished INTEGER NOT NULL DEFAULT 0);
CREATE TABLE account (scan INTEGER NOT NULL, position INTEGER NOT NULL, document TEXT NOT NULL, regions TEXT, left INTEGER,
    done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (scan, position));
CREATE TABLE place (scan INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL, account TEXT NOT NULL,
    name TEXT NOT NULL, region TEXT NOT NULL, document TEXT NOT NULL, error TEXT NOT NULL, unread INTEGER NOT NULL, missing TEXT NOT NULL,
    PRIMARY KEY (scan, position, number));
CREATE INDEX place_where ON place (scan, account, region);
CREATE TABLE problem (scan INTEGER NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL, line INTEGER NOT NULL,
    account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL, resource TEXT NOT NULL, rank INTEGER NOT NULL,
    severity TEXT NOT NULL, diagnosed INTEGER NOT NULL, change TEXT, carried INTEGER NOT NULL DEFAULT 0, place TEXT NOT NULL,
    document TEXT NOT NULL, PRIMARY KEY (scan, carried, position, number, line));
CREATE INDEX problem_id ON problem (scan, id);
CREATE INDEX problem_resource ON problem (scan, resource)
"""
_RANKS = {kind: number for number, kind in enumerate(Kind)}

RESOLVED = """
FROM problem old JOIN place now ON now.scan = :scan AND now.account = old.account AND now.region = old.region
LEFT JOIN place was ON was.scan = :before AND was.account = old.account AND was.region = old.region
WHERE old.scan = :before AND now.error = '' AND (now.unread = 0 OR (NOT old.carried AND now.missing = was.missing))
AND NOT EXISTS (SELECT 1 FROM problem p WHERE p.scan = :scan AND NOT p.carried AND (p.id = old.id
    OR (p.resource = old.resource AND NOT (p.diagnosed AND old.diagnosed))))
"""
"""What the scan before found and this one, having read as much of the place, did not."""


@dataclass(frozen=True, slots=True)
class Todo:
    """An account not yet finished: its place in the order, its Regions where they are known, and which of them are done."""

    position: int
    account: Account
    regions: tuple[str, ...] | None
    done: frozenset[int]


class Checkpoint:
    """The scan under way. To be used by one thread. Raises UsageError for a file that is none of ours, CannotRun for one in use."""

    def __init__(self, file: Path | None = None) -> None:
        self.name = str(file) if file else "the temporary file"
        with self.explained():
            self.db = _open(file)
        self.scan = 0
        self.before: int | None = None
        self.started_at = ""

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Within it, what SQLite says becomes one line for a person."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise CannotRun(f"{self.name}: another scan is using it.", "Wait for it, or name another file with --checkpoint.") from None
            raise CannotRun(f"{self.name}: cannot be used: {error}.", "Check the disk and the folder's permissions.") from error
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self.name}: no checkpoint of stackdoctor ({error}).", "Name a new file with --checkpoint.") from error

    # ---------------------------------------------------------------------------------------------------- before the scan
    def begin(self, question: str, accounts: Callable[[], Iterable[Account]], at: datetime) -> bool:
        """Goes on with the scan under way, if it asked the same question: True. Else begins a new one, of these accounts."""
        self.before = self._one("SELECT max(id) FROM scan WHERE finished")
        under_way = self.db.execute("SELECT id, question, started_at FROM scan WHERE NOT finished ORDER BY id DESC").fetchone()
        if under_way and under_way[1] == question and datetime.fromisoformat(under_way[2]) > at - KEEPS_FOR:
            self.scan, self.started_at = under_way[0], under_way[2]
            return True
        listed = list(accounts())
        with self.db:
            self._forget("NOT finished")
            self.started_at = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            made = self.db.execute("INSERT INTO scan (question, started_at) VALUES (?, ?)", (question, self.started_at))
            self.scan = int(made.lastrowid or 0)
            rows = ((self.scan, position, json.dumps(codec.of_account(account))) for position, account in enumerate(listed))
            self.db.executemany("INSERT INTO account (scan, position, document) VALUES (?, ?, ?)", rows)
        return False

    def todo(self) -> Iterator[Todo]:
        """The accounts that are left, in order; results may be added meanwhile."""
        ask = "SELECT position, document, regions FROM account WHERE scan = ? AND position > ? AND NOT done ORDER BY position LIMIT 1"
        position = -1
        while row := self.db.execute(ask, (self.scan, position)).fetchone():
            position = row[0]
            done = self.db.execute("SELECT number FROM place WHERE scan = ? AND position = ?", (self.scan, position)).fetchall()
            regions = tuple(json.loads(row[2])) if row[2] else None
            yield Todo(position, codec.account_from(json.loads(row[1])), regions, frozenset(number for (number,) in done))

    # ---------------------------------------------------------------------------------------------------- during the scan
    def plan(self, position: int, regions: tuple[str, ...]) -> None:
        """Notes the Regions of an account, so that a scan that goes on looks at the same ones."""
        with self.db:
            self.db.execute(
                "UPDATE account SET regions = ?, left = ? WHERE scan = ? AND position = ?",
                (json.dumps(regions), len(regions), self.scan, position),
            )

    def is_finished(self, position: int) -> bool:
        """Whether all of an account is kept."""
        return bool(self._one("SELECT done FROM account WHERE scan = ? AND position = ?", self.scan, position))

    def add(self, position: int, number: int, result: PlaceResult) -> None:
        """Keeps one result, in place of an earlier one."""
        where = {"scan": self.scan, "position": position, "number": number}
        with self.db:
            for table in ("place", "problem"):
                self.db.execute(f"DELETE FROM {table} WHERE scan = :scan AND position = :position AND number = :number", where)  # noqa: S608
            self._insert_place(where, result)
            self._insert_problems(where, result)
            self.db.execute(
                "UPDATE account SET done = (SELECT count(*) FROM place WHERE scan = :scan AND position = :position) >= coalesce(left, 1)"
                " WHERE scan = :scan AND position = :position",
                where,
            )

    def _insert_place(self, where: dict[str, int], result: PlaceResult) -> None:
        row = {
            "account": result.place.account,
            "name": result.place.name,
            "region": result.place.region,
            "document": json.dumps(codec.of_result(result) | {"problems": []}),
            "error": result.error,
            "unread": len(result.unread),
            "missing": json.dumps(sorted(unread.what for unread in result.unread)),
        }
        self.db.execute(_insert("place", where | row), where | row)

    def _insert_problems(self, where: dict[str, int], result: PlaceResult) -> None:
        for line, problem in enumerate(result.problems):
            row = {
                "line": line,
                "account": result.place.account,
                "region": result.place.region,
                "id": problem.id,
                "resource": problem.resource,
                "rank": _RANKS[problem.kind],
                "severity": problem.severity.value,
                "diagnosed": bool(problem.document),
                "change": self._change(problem.id, problem.resource, diagnosed=bool(problem.document)),
                "place": json.dumps(codec.of_place(result.place)),
                "document": json.dumps(codec.of_problem(problem)),
            }
            self.db.execute(_insert("problem", where | row), where | row)

    def _change(self, id_: str, resource: str, *, diagnosed: bool) -> str | None:
        """Still there is what the scan before had too. A stack that could not be diagnosed, now or then, counts as the same."""
        if self.before is None:
            return None
        same = "SELECT count(*) FROM problem WHERE scan = ? AND (id = ? OR (resource = ? AND NOT (diagnosed AND ?)))"
        return (Change.STILL if self._one(same, self.before, id_, resource, diagnosed) else Change.NEW).value

    # ----------------------------------------------------------------------------------------------------- after the scan
    @property
    def complete(self) -> bool:
        """Whether every account is finished."""
        return not self._one("SELECT count(*) FROM account WHERE scan = ? AND NOT done", self.scan)

    def finish(self) -> None:
        """Makes this scan the one that the next is held against. To be called when its report is out, and only if it is complete.

        A problem of a place that could not be read this time is neither there nor resolved: it is carried on to the next scan.
        """
        names = "account, region, id, resource, rank, severity, diagnosed, change, place, document"
        with self.db:
            self.db.execute(
                f"INSERT INTO problem (scan, carried, position, number, line, {names})"  # noqa: S608 - names of our own
                f" SELECT :scan, 1, position, number, row_number() OVER (), {names} FROM problem kept WHERE scan = :before"
                f" AND NOT EXISTS (SELECT 1 {RESOLVED} AND old.id = kept.id)"
                " AND NOT EXISTS (SELECT 1 FROM problem WHERE scan = :scan AND id = kept.id)"
                " AND EXISTS (SELECT 1 FROM place WHERE scan = :scan AND account = kept.account AND region IN ('', kept.region))",
                {"scan": self.scan, "before": self.before},
            )
            self.db.execute("UPDATE scan SET finished = 1 WHERE id = ?", (self.scan,))
            self._forget(f"id <> {self.scan}")

    def _forget(self, which: str) -> None:
        for table in ("problem", "place", "account"):
            self.db.execute(f"DELETE FROM {table} WHERE scan IN (SELECT id FROM scan WHERE {which})")  # noqa: S608
        self.db.execute(f"DELETE FROM scan WHERE {which}")  # noqa: S608

    def _one(self, query: str, *values: object) -> Any:
        row = self.db.execute(query, values).fetchone()
        return row[0] if row else None


def _insert(table: str, row: dict[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"  # noqa: S608 - names of our own


def _open(file: Path | None) -> sqlite3.Connection:
    """A private file (it names accounts), held by one process at a time; SQLite frees the lock when that one is killed."""
    if file is not None:
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise UsageError(f"{file}: cannot be written: {error.strerror}.", "Name another file with --checkpoint.") from None
    db = sqlite3.connect(file or "", timeout=1)
    try:
        _claim(db)
    except BaseException:
        db.close()
        raise
    return db


def _claim(db: sqlite3.Connection) -> None:
    """Looks before it touches: a file of somebody else's stays as it is."""
    marked, version, tables = (
        db.execute(query).fetchone()[0] for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    fresh = marked == 0 and tables == 0
    if not fresh and (marked != APPLICATION_ID or version != VERSION):
        raise sqlite3.DatabaseError("another program's file" if marked != APPLICATION_ID else f"of version {version}, not {VERSION}")
    for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
        db.execute(f"PRAGMA {setting}")
    db.execute("BEGIN EXCLUSIVE")
    with db:
        for statement in (*_SCHEMA.split(";"), f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"):
            if fresh:
                db.execute(statement)
