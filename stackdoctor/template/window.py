"""Where a text that is put together of pieces has to be cut, so that it becomes another text.

The pieces are those of Fn::Sub or Fn::Join. A literal piece may be cut into; a reference is kept whole or replaced whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.template.context import Unresolved


@dataclass(frozen=True, slots=True)
class Window:
    """What lies between `start` and `end` (piece, offset in its value) becomes `middle`."""

    start: tuple[int, int]
    end: tuple[int, int]
    middle: str


def window(before: str, after: str, pieces: list[tuple[JSON, bool]]) -> Window | None:
    """The smallest cut; `pieces` are values with whether they are literal. None where they do not give `before`."""
    lengths = _lengths(before, [value for value, _literal in pieces])
    if lengths is None:
        return None
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    head = _common(before, after)
    tail = len(before) - _common(before[head:][::-1], after[head:][::-1])
    for start, length, (_value, literal) in zip(starts, lengths, pieces, strict=True):
        if not literal and start < head < start + length:
            head = start
    for start, length, (_value, literal) in zip(starts, lengths, pieces, strict=True):
        if not literal and start < tail < start + length:
            tail = start + length
    first = _piece(head, starts, lengths, pieces)
    last = _piece(tail, starts, lengths, pieces, prefer=first)
    if first is None or last is None:
        return None
    if pieces[last][1] and not starts[first] <= head <= starts[first] + lengths[first]:
        return None
    middle = after[head : len(after) - (len(before) - tail)]
    return Window((first, head - starts[first]), (last, tail - starts[last]), middle)


def _common(left: str, right: str) -> int:
    """How many characters both begin with."""
    return next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _lengths(before: str, values: list[JSON]) -> list[int] | None:
    """How much of the text each piece gave; a piece that is not known takes what the others leave."""
    known = [re.escape(str(value)) if isinstance(value, str | int) and not isinstance(value, Unresolved) else ".+" for value in values]
    found = re.fullmatch("".join(f"({pattern})" for pattern in known), before, re.DOTALL)
    return [len(group) for group in found.groups()] if found else None


def _piece(offset: int, starts: list[int], lengths: list[int], pieces: list[tuple[JSON, bool]], prefer: int | None = None) -> int | None:
    """A piece that this offset lies in or beside, a literal one before a reference."""
    beside = [index for index, start in enumerate(starts) if start <= offset <= start + lengths[index]]
    if prefer in beside and pieces[prefer or 0][1]:
        return prefer
    return next((index for index in beside if pieces[index][1]), beside[0] if beside else None)
