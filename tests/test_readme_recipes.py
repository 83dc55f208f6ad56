"""Each schedule in the README runs as printed, against a real server on loopback."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World
from readme import README

TEXT = README.read_text(encoding="utf-8")


def recipe(name: str) -> str:
    """The words after `stackdoctor` of the one scan in a recipe."""
    part = re.search(rf"<!-- recipe: {name} -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    assert part, name
    return re.search(r"stackdoctor (scan [^\n>]*)", part[1])[1]


@pytest.mark.parametrize("name", ["cron", "systemd", "github"])
def test_a_schedule_runs_as_printed(name: str, world: World, fake_aws: FakeAWS, tmp_path: Path) -> None:
    told = attempts.four_stacks(world)
    world.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": "us-east-1", "OptInStatus": "opt-in-not-required"}]})
    words = recipe(name).replace("$HOME", str(tmp_path)).replace("/var/lib/stackdoctor", str(tmp_path))
    ran = stackdoctor(*shlex.split(words), AWS_ENDPOINT_URL=fake_aws.url, AWS_DEFAULT_REGION="us-east-1")
    assert ran.code == (0 if "--exit-zero" in words else 1), ran.err
    assert told.stack in ran.out
