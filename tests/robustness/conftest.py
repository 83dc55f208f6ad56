"""One account for all whole runs of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robustness.command import Account, account


@pytest.fixture(scope="session")
def here() -> Iterator[Account]:
    """An account with nothing in it; `here.become(world)`."""
    with account() as made:
        yield made
