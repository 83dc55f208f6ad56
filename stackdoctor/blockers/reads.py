"""What to read live about a blocker, and what the answers mean. Pure: the calls are made by inspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackdoctor.blockers.base import BlockerState
from stackdoctor.model import Failure, Read
from stackdoctor.reader import Call


def reads_for(failure: Failure, region: str = "") -> tuple[Call, ...]:  # noqa: ARG001  filled in with the tables
    """The calls that show the blocker's state now. `region` is otherwise taken from the stack's ARN."""
    return ()


def state_from(resource_type: str, answers: Mapping[str, Read[Mapping[str, Any]]]) -> BlockerState:  # noqa: ARG001
    """The state the answers show; `answers` by `Call.name` (`rds:DescribeDBInstances`)."""
    return BlockerState()
