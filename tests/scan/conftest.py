"""A reader of one account, for scans without a process of their own."""

from __future__ import annotations

import pytest
from lab.fake_aws import FakeAWS
from lab.world import World

from scan.running import quiet
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings


@pytest.fixture
def world() -> World:
    """An account in which nothing is stuck and nothing delivers, to be filled by the test."""
    return quiet(World())


@pytest.fixture
def reader(fake_aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> LiveReader:
    for name, value in fake_aws.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return LiveReader(Settings(attempts=1))
