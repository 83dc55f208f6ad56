"""Each operation that the born-from incident calls × each fault, as whole runs of the command line over HTTP.

`python tests/robustness/matrix.py` prints the size and the result that the README states.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from robustness import matrix
from robustness.command import VALIDATOR, Account, run

OPERATIONS = (
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "cloudformation:ListStackResources",
    "cloudformation:ListStacks",
    "cloudtrail:LookupEvents",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:ListGrants",
    "rds:DescribeDBInstances",
    "s3:GetBucketEncryption",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketRequestPayment",
    "s3:GetPublicAccessBlock",
)


def test_the_matrix_is_about_every_operation_that_the_incident_calls(here: Account) -> None:
    called = matrix.operations(here)
    assert set(called) == set(OPERATIONS)
    print(f"{len(called)} operations × {len(matrix.TROUBLES)} faults")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("trouble", matrix.TROUBLES, ids=lambda trouble: trouble.name)
def test_a_fault_costs_the_evidence_it_strikes_and_nothing_else(here: Account, operation: str, trouble: matrix.Trouble) -> None:
    matrix.judge(matrix.try_out(here, operation, trouble))


# ------------------------------------------------------------------------------------------- where no answer comes at all
def nobody_listens() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


ENDPOINTS = {
    "nobody-listens": lambda _url: nobody_listens(),
    "unresolvable": lambda _url: "https://cloudformation.nowhere.invalid",
    "plain-http-on-https": lambda url: url.replace("http:", "https:"),
}


@pytest.mark.parametrize("where", ENDPOINTS)
def test_an_endpoint_that_cannot_be_reached_is_one_line(world: World, fake_aws: FakeAWS, where: str) -> None:
    told = attempts.four_stacks(world)
    url = ENDPOINTS[where](fake_aws.url)
    ran = stackdoctor("diagnose", told.stack, "--region", "us-east-1", "--endpoint-url", url, "-o", "json", "--timeout", "8")
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1), ran.err
    assert ran.err.startswith("stackdoctor: ")


@pytest.mark.parametrize("how", ["reset", "garbage", "truncated", "empty", "stall"])
def test_an_account_that_only_ever_breaks_off_is_one_line(here: Account, how: str) -> None:
    world = World()
    told = attempts.four_stacks(world)
    world.break_off("*", how)
    here.become(world)
    ran = here.diagnose(told.stack, timeout=4)
    ran.is_sound()
    assert ran.code == 4
    assert ran.seconds < 4 + matrix.GRACE


@pytest.mark.parametrize("code", ["AccessDenied", "ThrottlingException", "InternalFailure", "ExpiredToken", "InvalidClientTokenId"])
def test_an_account_that_refuses_everything_is_one_line(here: Account, code: str) -> None:
    world = World()
    told = attempts.four_stacks(world)
    world.fail("*", code, "no", 403)
    here.become(world)
    ran = here.diagnose(told.stack)
    ran.is_sound()
    assert ran.code == 4


# ------------------------------------------------------------------------------------------------------ everything at once
@pytest.mark.parametrize("times", [1, 3, 10])
def test_a_throttled_account_is_read_all_the_same(here: Account, times: int) -> None:
    """Some calls are refused, whichever come first; what is lost in the end is said."""
    world = World()
    told = attempts.four_stacks(world)
    world.fail("*", "Throttling", "Rate exceeded", times=times)
    here.become(world)
    ran = here.diagnose(told.stack)
    ran.is_sound()
    if times == 1:
        assert not ran.report["unread"]
    assert ran.code in {1, 3, 4}


def test_after_the_history_everything_may_stall(here: Account) -> None:
    """The time runs out during inspection: cause and blocker are known, all else is unread, and the answer comes in time."""
    world = World()
    told = attempts.four_stacks(world)
    for service in ("kms", "s3", "cloudtrail", "rds"):
        world.break_off(f"{service}:*", "stall")
    here.become(world)
    ran = here.diagnose(told.stack, timeout=3)
    ran.is_sound()
    assert [cause["logical_id"] for cause in ran.report["root_causes"]] == [told.root]
    assert [blocker["logical_id"] for blocker in ran.report["blockers"]] == [told.blocker]
    assert {"kms:GetKeyPolicy", "s3:GetBucketPolicy", "cloudtrail:LookupEvents", "rds:DescribeDBInstances"} <= ran.unread
    assert ran.seconds < 3 + matrix.GRACE


def test_a_bucket_in_another_region_is_followed_there(here: Account) -> None:
    """S3 names the Region in its redirect; nothing is missing then."""
    world = World()
    told = attempts.four_stacks(world, evidence="there")
    world.buckets[told.bucket]["region"] = "eu-west-1"
    here.become(world)
    ran = here.diagnose(told.stack)
    ran.is_sound()
    assert ran.code == 1
    assert not ran.report["unread"]


def test_evidence_that_cannot_be_written_is_one_line(here: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up in the middle of the run."""
    world = World()
    told = attempts.four_stacks(world)
    here.become(world)
    left, replace = iter(range(5)), Path.replace

    def full(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    ran = here.diagnose(told.stack, "--save", str(tmp_path / "kept"))
    ran.is_sound()
    assert ran.code == 4
    assert "No space left on device" in ran.err


# ------------------------------------------------------------------------------------------------ the same in a process
SAMPLE = [
    ("kms:*", "deny"),
    ("cloudformation:DescribeStackEvents", "garbage"),
    ("s3:GetBucketPolicy", "reset"),
    ("*", "stall"),
    ("rds:*", "stall"),
]


@pytest.mark.parametrize(("pattern", "how"), SAMPLE)
def test_a_process_of_its_own_holds_as_well(world: World, fake_aws: FakeAWS, pattern: str, how: str) -> None:
    told = attempts.four_stacks(world)
    if how == "deny":
        world.deny(pattern)
    else:
        world.break_off(pattern, how)
    ran = stackdoctor("diagnose", told.stack, "--region", "us-east-1", "--endpoint-url", fake_aws.url, "-o", "json", "--timeout", "6")
    if ran.code == 4:
        assert (ran.out, ran.err.count("\n")) == ("", 1)
    else:
        assert ran.code in {1, 3}
        assert not ran.err
        VALIDATOR.validate(json.loads(ran.out))


# -------------------------------------------------------------------------------------------------------- wrong from the start
@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "x", "--region", "moon-1", "--timeout", "5"),
        ("diagnose", "x", "--profile", "nobody"),
        ("diagnose", "x", "--endpoint-url", "not an address", "--region", "us-east-1"),
        ("diagnose", "arn:aws:cloudformation:moon-1:1:stack/x/y"),
        ("diagnose", "arn:aws:s3:::bucket", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"),
        ("diagnose", "--from", "/nonexistent"),
        ("diagnose", "--events", "/nonexistent"),
        ("diagnose", "--events", "-"),
    ],
    ids=lambda words: " ".join(words[1:3]),
)
def test_what_cannot_start_is_one_line(here: Account, words: tuple[str, ...]) -> None:
    ran = run(*words, "-o", "json")
    ran.is_sound()
    assert ran.code == 4
