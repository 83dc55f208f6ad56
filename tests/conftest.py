"""Fixtures shared by every test: the servers on loopback."""

from collections.abc import Iterator

import pytest
from lab.fake_aws import FakeAWS
from lab.ministack_server import MiniStack
from lab.world import World


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    """A MiniStack with our rules, one a test worker. Its stacks stay between tests: use names of your own, or `empty_ministack`."""
    with MiniStack() as server:
        yield server


@pytest.fixture(scope="session")
def strict_ministack() -> Iterator[MiniStack]:
    """Another one, which enforces identity policies: see MiniStack.user."""
    with MiniStack(AUTH="true") as server:
        yield server


@pytest.fixture
def empty_ministack(ministack: MiniStack) -> MiniStack:
    """The same server, with nothing in it."""
    ministack.reset()
    return ministack


@pytest.fixture
def world() -> World:
    """An empty account to be filled by the test."""
    return World()


@pytest.fixture
def fake_aws(world: World) -> Iterator[FakeAWS]:
    """`world`, served over HTTP. Fill it before or while it is served."""
    with FakeAWS(world) as server:
        yield server
