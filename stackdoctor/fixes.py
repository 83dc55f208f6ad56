"""Tries each proposed change on the evidence; not there yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stackdoctor.commands import CommandStyle
from stackdoctor.investigation import Investigation
from stackdoctor.model import Finding, Fix, StackHistory


@dataclass(frozen=True, slots=True)
class Proposal:
    """Fixes in the order to apply them, which finding each resolves, and what was tried and kept out."""

    fixes: tuple[Fix, ...] = ()
    links: Mapping[Finding, tuple[str, ...]] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()


def propose(
    investigations: Sequence[Investigation],
    history: StackHistory,
    style: CommandStyle,
    *,
    harden: bool = False,
    template: str | None = None,
) -> Proposal:
    """Stub while the edits are being written."""
    del investigations, history, style, harden, template
    return Proposal()
