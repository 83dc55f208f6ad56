"""How to save what a resource stores, by type."""

from __future__ import annotations

from stackdoctor.blockers.base import Blocked
from stackdoctor.model import Step


def saving(blocked: Blocked) -> tuple[Step, ...]:  # noqa: ARG001  filled in with the tables
    """Steps that keep the data of a resource before anything deletes it; () for a type that stores none."""
    return ()
