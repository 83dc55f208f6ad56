"""Which blocker it is: by what the message says first, then by type and by what was read live."""

from __future__ import annotations

from stackdoctor.blockers.base import Blocked, Clearing
from stackdoctor.blockers.data import saving


def clearing(blocked: Blocked) -> Clearing:
    """The steps that save the resource's data and take it out of the way."""
    return Clearing(save=saving(blocked))
