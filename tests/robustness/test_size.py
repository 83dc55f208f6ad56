"""Large accounts are read no further than needed, and answered in time."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from lab import attempts
from lab.world import BEGAN, World

from robustness import large
from robustness.command import Account
from stackdoctor.model import Calls
from stackdoctor.reader import Call, ErrorKind, ReadError

HERE = Path(__file__).parent


class Nothing:
    """A reader that may read nothing."""

    region, calls = "us-east-1", Calls()

    def read(self, call: Call) -> dict:
        raise ReadError(call, ErrorKind.DENIED, "AccessDenied", "no")

    def gather(self, *tasks):
        return [task() for task in tasks]


MEASURE = """
import sys, time
sys.path[:0] = sys.argv[1:]
from lab.world import World
from robustness import large
from robustness.test_size import Nothing, peak
from stackdoctor.diagnosis import Options, analyse
history = large.in_memory(large.retried(World()))
before = peak()
began = time.process_time()
found = analyse(Nothing(), history, Options())
print(len(history.events), time.process_time() - began, before, peak(), found.root_causes[0].failure.repeated)
"""


def peak() -> float:
    """The most memory this process had, in MB. Linux's ru_maxrss remembers the process that started this one."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def test_a_hundred_thousand_events_take_a_second_and_little_memory() -> None:
    """500 resources, 40 attempts. Processor time, in a process of its own; the bound is the target's double for a busy machine."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(HERE.parent)], capture_output=True, text=True, check=True)
    events, seconds, _before, peak, repeated = map(float, done.stdout.split())
    assert events > 99_000
    assert repeated == 40
    assert seconds < 2
    assert peak < 300


def test_a_thousand_pages_behind_a_small_attempt_are_not_read(here: Account) -> None:
    world = World()
    story = large.retried(world, resources=100, attempts=20, events=100_000)
    story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
    large.failing(story)
    story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", attempts.failed("create", "Trail"))
    story.own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    story.own("UPDATE_ROLLBACK_COMPLETE")
    story.tell("UPDATE_ROLLBACK_COMPLETE")
    here.become(world)
    assert len(story.events) > 99_000, "1,000 pages"
    ran = here.diagnose("large", timeout=20)
    ran.is_sound()
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == ["Trail"]
    assert ran.report["calls"]["by_operation"]["cloudformation:DescribeStackEvents"] <= 12
    [cut] = [row for row in ran.report["unread"] if "older" in row["what"]]
    assert not cut["would_decide"]
    assert "pages" in cut["error"]


def test_an_attempt_of_many_pages_is_read_to_its_beginning(here: Account) -> None:
    world = World()
    story = large.retried(world, resources=500, attempts=1, events=3_000)
    story.tell("UPDATE_ROLLBACK_COMPLETE")
    here.become(world)
    ran = here.diagnose("large", timeout=20)
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == ["Trail"]
    assert not [row for row in ran.report["unread"] if "events" in row["what"]]


def test_six_levels_of_nested_stacks_and_two_hundred_children(here: Account) -> None:
    """The path that failed is read; the siblings that were cancelled are not."""
    world = World()
    arn = large.nested(world)
    here.become(world)
    ran = here.diagnose(arn, timeout=20)
    ran.is_sound()
    [cause] = ran.report["root_causes"]
    assert cause["logical_id"] == "Trail"
    assert cause["stack_path"] == ["deep", "Next", "Next", "Next", "Next", "Next"]
    assert ran.report["calls"]["by_operation"]["cloudformation:DescribeStackEvents"] < 20
    assert ran.seconds < 20


@pytest.mark.parametrize("size", [20_000, 32_000])
def test_policies_of_twenty_kilobytes(here: Account, size: int) -> None:
    """A bucket policy has at most 20 kB, a key policy 32."""
    world = World()
    told = attempts.four_stacks(world, evidence="there")
    world.keys[told.key]["policy"] = large.big_policy(size, last=world.keys[told.key]["policy"]["Statement"][1])
    here.become(world)
    ran = here.diagnose(told.stack, timeout=20)
    ran.is_sound()
    assert ran.code == 1
    assert any(finding["check"] == "kms-via-service" for finding in ran.report["findings"])
    assert ran.seconds < 10


def test_a_hundred_failed_resources_in_one_attempt(here: Account) -> None:
    world = World()
    story = attempts.Story(world, "wide", BEGAN, operation_ids=True, tokens=True)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    names = [f"Trail{number}" for number in range(100)]
    for name in names:
        properties = {"S3BucketName": f"logs-{name.lower()}", "TrailName": name}
        said = f"Insufficient permissions to access S3 bucket logs-{name.lower()} (Service: CloudTrail, Status Code: 400)"
        story.add(name, "AWS::CloudTrail::Trail", "CREATE_FAILED", reason=said, properties=properties, seconds=0.01)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", attempts.failed("create", *names))
    story.own("ROLLBACK_COMPLETE")
    story.tell("ROLLBACK_COMPLETE")
    here.become(world)
    ran = here.diagnose("wide", timeout=30)
    ran.is_sound()
    assert len(ran.report["root_causes"]) == 100
    assert ran.seconds < 33
