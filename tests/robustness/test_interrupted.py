"""Ctrl-C and --timeout: the answer comes at once, with what is known so far, and never looks like a complete one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from end_to_end.command import CREDENTIALS, Ran
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from robustness.command import VALIDATOR

AT_ONCE = 4.0
"""Seconds until the process is gone, on a machine that has better things to do."""


def interrupted(server: FakeAWS, stack: str, world: World, when: str, *more: str, presses: int = 1) -> tuple[Ran, float]:
    """`stackdoctor diagnose`, which gets Ctrl-C once an operation that matches `when` was called."""
    words = ["diagnose", stack, "--region", "us-east-1", "--endpoint-url", server.url, "-o", "json", *more]
    nowhere = {"HOME": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "PATH": "/usr/bin"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stackdoctor", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=nowhere | CREDENTIALS
    )
    end = time.monotonic() + 30
    while not world.called(when) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    began = time.monotonic()
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    out, err = process.communicate(timeout=30)
    return Ran(process.returncode, out, err), time.monotonic() - began


def test_interrupted_during_inspection_it_says_what_the_history_showed(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    for service in ("kms", "s3", "cloudtrail", "rds"):
        world.break_off(f"{service}:*", "stall")
    ran, seconds = interrupted(fake_aws, told.stack, world, "kms:*")
    assert ran.code == 130
    assert seconds < AT_ONCE
    report = json.loads(ran.out)
    VALIDATOR.validate(report)
    assert [cause["logical_id"] for cause in report["root_causes"]] == [told.root]
    assert [blocker["logical_id"] for blocker in report["blockers"]] == [told.blocker]
    needed = {action for row in report["unread"] for action in row["needs"]}
    assert {"kms:GetKeyPolicy", "s3:GetBucketPolicy", "rds:DescribeDBInstances"} <= needed
    assert all("interrupted" in row["error"] for row in report["unread"])
    assert ran.err.count("\n") == 1
    assert "interrupted" in ran.err


def test_interrupted_before_anything_is_known_it_says_nothing(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.break_off("*", "stall")
    ran, seconds = interrupted(fake_aws, told.stack, world, "cloudformation:*")
    assert (ran.code, ran.out, ran.err) == (130, "", "stackdoctor: interrupted\n")
    assert seconds < AT_ONCE


def test_exit_zero_does_not_hide_an_interruption(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.break_off("kms:*", "stall")
    ran, _ = interrupted(fake_aws, told.stack, world, "kms:*", "--exit-zero")
    assert ran.code == 130


def test_pressed_twice_it_just_ends(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.break_off("*", "stall")
    ran, seconds = interrupted(fake_aws, told.stack, world, "cloudformation:*", presses=3)
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert seconds < AT_ONCE


def test_interrupted_with_evidence_to_keep_what_was_read_is_kept(world: World, fake_aws: FakeAWS, tmp_path) -> None:
    told = attempts.four_stacks(world)
    world.break_off("kms:*", "stall")
    ran, _ = interrupted(fake_aws, told.stack, world, "kms:*", "--save", str(tmp_path / "kept"))
    assert ran.code == 130
    assert (tmp_path / "kept" / "cloudformation").is_dir()
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.name.startswith(".")], "nothing half written"


# ------------------------------------------------------------------------------------------------------------- --timeout
@pytest.mark.parametrize("seconds", [2, 4])
def test_the_time_of_the_whole_run_is_bounded(here, seconds: int) -> None:
    """Nothing answers in time: one line; what answered in time counts."""
    world = World()
    told = attempts.four_stacks(world)
    world.break_off("*", "stall")
    here.become(world)
    ran = here.diagnose(told.stack, timeout=seconds)
    ran.is_sound()
    assert ran.code == 4
    assert ran.seconds < seconds + 2


def test_a_slow_account_is_read_as_far_as_the_time_allows(here) -> None:
    world = World()
    told = attempts.four_stacks(world)
    world.latency = 0.6
    here.become(world)
    ran = here.diagnose(told.stack, timeout=1.5)
    ran.is_sound()
    assert ran.code in {1, 3}
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == [told.root]
    assert any("time was up" in row["error"] for row in ran.report["unread"])
    assert ran.seconds < 4
