"""Fixtures shared by every test: the servers on loopback."""

from collections.abc import Iterator

import pytest
from lab.ministack_server import MiniStack


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    """A MiniStack with our rules, one a test worker. Its stacks stay between tests: use names of your own, or `empty_ministack`."""
    with MiniStack() as server:
        yield server


@pytest.fixture
def empty_ministack(ministack: MiniStack) -> MiniStack:
    """The same server, with nothing in it."""
    ministack.reset()
    return ministack
