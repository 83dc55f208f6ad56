"""What the template should say so that the next rollback is not blocked."""

from __future__ import annotations

from dataclasses import dataclass

from stackdoctor.model import JSON, Failure


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One value to set in a template. `attribute`: beside Properties (DeletionPolicy), not in them.

    `path` is dotted; `List[Key=name].Value` is the item of a list whose Key is `name`, added where there is none.
    """

    logical_id: str
    path: str
    value: JSON
    attribute: bool
    why: str


def prevention(failure: Failure) -> tuple[PropertyChange, ...]:  # noqa: ARG001  filled in with the tables
    """The changes that would have kept this failure from blocking the rollback."""
    return ()
