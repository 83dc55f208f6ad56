"""Killed at any moment and started again: nothing finished is repeated, nothing is lost, the report is the same."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from scan.cloud import Cloud
from scan.running import scan, steady

KILLS = 20
REGIONS = ("us-east-1", "eu-west-1")

# One process that has imported everything forks one child a line: a start costs milliseconds instead of most of a second.
STARTER = """
import os, sys
import boto3, stackdoctor.cli, stackdoctor.aws.accounts, stackdoctor.diagnosis, stackdoctor.scan.run, stackdoctor.scan.stored, stackdoctor.report.scan_json
for line in sys.stdin:
    if child := os.fork():
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    else:
        out, *words = line.split()
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        stackdoctor.cli.run(words)
"""


class Starter:
    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def run(self, out: Path, *words: str, killed_after: float | None = None) -> int:
        """The exit code, -9 of one that was killed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(" ".join((str(out), *words)) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if killed_after is not None:
            time.sleep(killed_after)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def finished(file: Path) -> set[tuple[str, str]]:
    """Accounts and Regions whose results are kept."""
    if not file.exists():
        return set()
    with closing(sqlite3.connect(file)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'place'").fetchone():
            return set()
        return set(db.execute("SELECT account, region FROM place JOIN scan ON scan.id = place.scan WHERE NOT finished AND region <> ''"))


def is_whole(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text()))
    except (OSError, ValueError):
        return False


def lines(path: Path) -> list[Any]:
    return [steady(json.loads(line)) for line in path.read_text().splitlines()]


def test_killed_twenty_times_at_random_moments(tmp_path: Path) -> None:
    dice = random.Random(20261125)
    with Cloud(accounts=16, regions=REGIONS, latency=0.01, wrong=0.3, trouble=0.25, seed=5) as cloud:
        accounts = str(cloud.file(tmp_path))
        starter = Starter(cloud.environment())
        try:
            whole = tmp_path / "whole.json"
            starter.run(tmp_path / "warm", "--version")
            began = time.monotonic()
            assert starter.run(whole, "scan", "--accounts", accounts, "-o", "json") == 1
            takes = time.monotonic() - began
            kills, started = 0, 0
            while kills < KILLS:
                started += 1
                file, code, done = tmp_path / f"{started}.db", -9, set[tuple[str, str]]()
                out = tmp_path / f"{started}.json"
                while code == -9:
                    cloud.calls()
                    moment = dice.uniform(0, takes) if kills < KILLS else None
                    code = starter.run(out, "scan", "--accounts", accounts, "-o", "json", "--checkpoint", str(file), killed_after=moment)
                    kills += code == -9
                    listed = {(account, region) for account, region, name in cloud.calls() if name == "cloudformation:ListStacks"}
                    assert not listed & done, "what was finished was read again"
                    done = finished(file)
                    if is_whole(out):  # killed between its last word and its end
                        break
                assert steady(json.loads(out.read_text())) == steady(json.loads(whole.read_text()))
        finally:
            starter.close()


def test_a_stream_that_was_killed_is_whole_the_next_time(tmp_path: Path) -> None:
    with Cloud(accounts=10, regions=REGIONS, latency=0.02, wrong=0.3, trouble=0, seed=5) as cloud:
        accounts = str(cloud.file(tmp_path))
        starter = Starter(cloud.environment())
        words = ("scan", "--accounts", accounts, "-o", "jsonl")
        try:
            assert starter.run(tmp_path / "whole", *words) == 1
            file = str(tmp_path / "scan.db")
            assert starter.run(tmp_path / "cut", *words, "--checkpoint", file, killed_after=0.4) == -9
            assert starter.run(tmp_path / "again", *words, "--checkpoint", file) == 1
        finally:
            starter.close()
        whole, cut = lines(tmp_path / "whole"), (tmp_path / "cut").read_text().splitlines()
        assert lines(tmp_path / "again") == whole
        assert [steady(json.loads(line)) for line in cut if line.endswith("}")] == whole[: len(cut)]


def test_the_time_is_up_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with Cloud(accounts=30, regions=REGIONS, latency=0.05, wrong=0, trouble=0) as cloud:
        words = ("--accounts", str(cloud.file(tmp_path)), "--checkpoint", str(tmp_path / "scan.db"), "-o", "json")
        first = scan(cloud.environment(), *words, "--timeout", "1")
        assert first.code == 3
        assert first.report["verdict"] == "incomplete"
        assert "time was up" in first.report["summary"]
        assert {row["error"] for row in first.report["unread"]} == {"not scanned: the time was up after 1 s"}
        second = scan(cloud.environment(), *words)
        assert (second.code, second.report["verdict"]) == (0, "healthy")
        assert "going on with the scan" in second.err


def test_ctrl_c_keeps_what_is_known(tmp_path: Path) -> None:
    with Cloud(accounts=40, regions=REGIONS, latency=0.05, wrong=0, trouble=0) as cloud:
        file = tmp_path / "scan.db"
        words = ["scan", "--accounts", str(cloud.file(tmp_path)), "--checkpoint", str(file), "-o", "json"]
        running = subprocess.Popen(
            [sys.executable, "-m", "stackdoctor", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=cloud.environment(),
        )
        while not file.exists() or file.stat().st_size == 0:
            time.sleep(0.02)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
        assert running.returncode == 130
        assert "goes on from" in err
        assert json.loads(out)["verdict"] == "incomplete"
        assert scan(cloud.environment(), *words[1:]).code == 0


def test_credentials_that_run_out_end_the_run_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with Cloud(accounts=30, regions=REGIONS, latency=0.01, wrong=0, trouble=0, expires_after=60) as cloud:
        words = ("--accounts", str(cloud.file(tmp_path)), "--checkpoint", str(tmp_path / "scan.db"), "-o", "json")
        first = scan(cloud.environment(), *words)
        assert first.code == 3
        assert "the credentials ran out" in first.report["summary"]
        cloud.renew()
        assert scan(cloud.environment(), *words).code == 0
