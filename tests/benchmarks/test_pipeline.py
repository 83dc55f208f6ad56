"""Rounds, calls, events per second and memory of a diagnosis.

`python tests/benchmarks/test_pipeline.py` prints the figures the README states.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest
from lab import attempts
from lab.world import World
from robustness import large
from robustness.command import Account, account
from robustness.test_size import MEASURE, Nothing

from stackdoctor.diagnosis import Options, analyse

HERE = Path(__file__).resolve().parents[1]
LATENCY = 0.1


@pytest.fixture(scope="module")
def here():
    with account() as made:
        yield made


def diagnosed(here: Account, latency: float = 0.0, evidence: str = "pending") -> tuple[float, dict]:
    world = World()
    told = attempts.four_stacks(world, evidence=evidence)
    world.latency = latency
    here.become(world)
    began = time.monotonic()
    ran = here.diagnose(told.stack, timeout=45)
    return time.monotonic() - began, ran.report["calls"]


def rounds(here: Account) -> tuple[float, dict]:
    """What 100 ms of latency add, in units of it: how many calls really waited for one another."""
    diagnosed(here)
    without = min(diagnosed(here)[0] for _ in range(3))
    slow, calls = min((diagnosed(here, LATENCY) for _ in range(3)), key=lambda pair: pair[0])
    return (slow - without) / LATENCY, calls


def test_the_incident_takes_four_rounds(here: Account) -> None:
    measured, calls = rounds(here)
    assert calls["rounds"] <= 4
    assert measured > 2, "the calls did wait for one another; how long is printed by running this file"


@pytest.mark.parametrize("evidence", ["there", "pending", "gone"])
def test_each_piece_of_evidence_is_read_once(here: Account, evidence: str) -> None:
    _, calls = diagnosed(here, evidence=evidence)
    several = {name: count for name, count in calls["by_operation"].items() if count > 1}
    assert set(several) <= {"cloudformation:DescribeStackEvents", "cloudtrail:LookupEvents"}
    assert several["cloudformation:DescribeStackEvents"] == 4, "one for the stack and one for each of its three elders"
    assert several["cloudtrail:LookupEvents"] <= 5, "one an event name"
    assert calls["total"] <= 22


def events_per_second() -> tuple[float, float, float]:
    """(events per second, seconds for a hundred thousand, peak memory in MB), in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(HERE)], capture_output=True, text=True, check=True)
    events, seconds, _before, peak, _repeated = map(float, done.stdout.split())
    return events / seconds, seconds, peak


def test_events_per_second(benchmark) -> None:
    history = large.in_memory(large.retried(World(), events=20_000))
    found = benchmark.pedantic(lambda: analyse(Nothing(), history, Options()), rounds=3, iterations=1)
    assert found.root_causes


if __name__ == "__main__":
    with account() as made:
        measured, calls = rounds(made)
    print(
        f"born-from incident: {calls['total']} calls in {calls['rounds']} rounds; {measured:.1f} effective rounds at {LATENCY * 1000:.0f} ms (target 4)"
    )
    speed, seconds, peak = max(events_per_second() for _ in range(3))
    print(f"100,000 events: {seconds:.2f} s (target 1), {speed:,.0f} events a second, {peak:.0f} MB at the peak (target 300)")
