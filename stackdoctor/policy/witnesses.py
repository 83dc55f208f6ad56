"""Which values of an unknown key the policy's clauses can tell apart: one witness a class, or None where they are too many.

Every value of a key falls into a class by which of the clauses' patterns it matches. A witness for each class that can
exist makes "in every world" a finite question. For text the classes come from a walk over the joint automaton of the
patterns; for numbers, dates and addresses from their boundaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from stackdoctor.policy.operators import Family
from stackdoctor.policy.patterns import ONE, STAR, has_wildcard
from stackdoctor.policy.values import Network, moment, network, number

MAX_STATES = 2000
"""Joint states walked before giving up; AWS's own policies need a few hundred at most."""

FRESH = "\ue002"
"""A character that no policy mentions."""

_FOLDED = frozenset({Family.IGNORE_CASE, Family.BOOL})
_ANY_ARN = ":".join(["arn", *[STAR] * 5])


@dataclass(frozen=True, slots=True)
class Test:
    """What a clause holds its key's values against."""

    family: Family
    patterns: tuple[str, ...]


@lru_cache(maxsize=2048)
def witnesses(tests: tuple[Test, ...], key_type: Family | None = None) -> tuple[str, ...] | None:
    """One value of each class; None where the tests are of several kinds or too many to walk.

    `key_type` is the documented type of the key; without one, a value may also be no number, date or address at all.
    """
    if key_type is Family.BOOL:
        return ("true", "false")
    families = {test.family for test in tests if test.family is not Family.NULL}
    ordered = families & {Family.NUMERIC, Family.DATE, Family.IP}
    if not ordered:
        return _texts([(test.family, pattern) for test in tests if test.family is not Family.NULL for pattern in test.patterns])
    if len(families) > 1:
        return None
    patterns = [pattern for test in tests for pattern in test.patterns]
    family = ordered.pop()
    read = (
        _addresses(map(network, patterns))
        if family is Family.IP
        else _between(map(number if family is Family.NUMERIC else moment, patterns))
    )
    return read if key_type is family else (*read, FRESH)


def _between(bounds: Iterable[Decimal | None]) -> tuple[str, ...]:
    """Each bound, a value between every two, and one on either side."""
    marks = sorted({bound for bound in bounds if bound is not None})
    if not marks:
        return ("0",)
    middles = [(low + high) / 2 for low, high in pairwise(marks)]
    return tuple(f"{value:f}" for value in (*marks, *middles, marks[0] - 1, marks[-1] + 1))


def _addresses(blocks: Iterable[Network | None]) -> tuple[str, ...]:
    """The ends of each block and their outer neighbours reach every region that nested blocks can form."""
    found: dict[str, None] = {}
    for block in [*(b for b in blocks if b is not None), network("192.0.2.1"), network("2001:db8::1")]:
        if block is None:
            continue
        first, last = block.network_address, block.broadcast_address
        edges = [first, last]
        if int(first) > 0:
            edges.append(first - 1)
        if int(last) < 2**first.max_prefixlen - 1:
            edges.append(last + 1)
        found.update((str(edge), None) for edge in edges)
    return tuple(found)


# ---------------------------------------------------------------------------------------------- text
def _texts(atoms: Sequence[tuple[Family, str]]) -> tuple[str, ...] | None:
    simple = _simple(atoms)
    return (
        simple
        if simple is not None
        else _walk([_Automaton(family, _ANY_ARN if family is Family.ARN and pattern == STAR else pattern) for family, pattern in atoms])
    )


def _simple(atoms: Sequence[tuple[Family, str]]) -> tuple[str, ...] | None:
    """Literals and prefixes alone: each literal, each prefix with something fresh behind it, something fresh."""
    found: dict[str, None] = {FRESH * 3: None}
    for family, pattern in atoms:
        if family in _FOLDED or (family is Family.ARN and pattern.count(":") < 5):
            return None
        body = pattern.removesuffix(STAR)
        if has_wildcard(body) or (family is Family.ARN and has_wildcard(":".join(pattern.split(":", 5)[:5]))):
            return None
        found[body if body == pattern else body + FRESH * 3] = None
    return tuple(found)


class _Automaton:
    """A pattern as bits: bit n is set when its first n steps are matched; a `*` is a step that loops on itself."""

    __slots__ = ("accepts", "loops", "loops_but_colon", "ones", "ones_but_colon", "wanted")

    def __init__(self, family: Family, pattern: str) -> None:
        by_component = family is Family.ARN and pattern.count(":") >= 5
        folded = family in _FOLDED
        self.wanted: list[str] = []
        self.loops = self.loops_but_colon = self.ones = self.ones_but_colon = 0
        colons = 0
        for at, char in enumerate(pattern):
            bounded = by_component and colons < 5
            self.loops |= (char == STAR and not bounded) << at
            self.loops_but_colon |= (char == STAR and bounded) << at
            self.ones |= (char == ONE and not bounded) << at
            self.ones_but_colon |= (char == ONE and bounded) << at
            self.wanted.append("" if char in (STAR, ONE) else char.lower() + char.upper() if folded else char)
            colons += char == ":"
        never = family is Family.ARN and not by_component and not pattern.endswith(STAR)
        self.accepts = 0 if never else 1 << len(pattern)

    def spread(self, state: int) -> int:
        """A star may match nothing: where it can begin, what follows it can begin too."""
        loops = self.loops | self.loops_but_colon
        while (after := state | (state & loops) << 1) != state:
            state = after
        return state

    def step(self, state: int, char: str) -> int:
        colon = char == ":"
        stays = state & (self.loops if colon else self.loops | self.loops_but_colon)
        moves = state & (self.ones if colon else self.ones | self.ones_but_colon)
        for at in _bits(state):
            if at < len(self.wanted) and char in self.wanted[at]:
                moves |= 1 << at
        return self.spread(stays | moves << 1) if stays or moves else 0

    def next_chars(self, state: int) -> str:
        return "".join(self.wanted[at] for at in _bits(state) if at < len(self.wanted))


def _bits(state: int) -> Iterator[int]:
    while state:
        low = state & -state
        yield low.bit_length() - 1
        state ^= low


def _walk(automata: Sequence[_Automaton]) -> tuple[str, ...] | None:
    """Breadth first over the joint states; the first text to reach each set of matching patterns is its witness.

    The empty text, which the set qualifiers treat apart, stands only for what no other text reaches.
    """
    start = tuple(a.spread(1) for a in automata)
    seen: set[tuple[int, ...]] = set()
    frontier: list[tuple[tuple[int, ...], str]] = [(start, "")]
    found: dict[tuple[bool, ...], str] = {}
    for state, text in frontier:
        if text:
            found.setdefault(_accepted(state, automata), text)
        chars = {FRESH, ":", *(char for s, a in zip(state, automata, strict=True) for char in a.next_chars(s))}
        for char in sorted(chars):
            after = tuple(a.step(s, char) if s else 0 for s, a in zip(state, automata, strict=True))
            if after not in seen:
                seen.add(after)
                frontier.append((after, text + char))
        if len(seen) > MAX_STATES:
            return None
    found.setdefault(_accepted(start, automata), "")
    return tuple(found.values())


def _accepted(state: tuple[int, ...], automata: Sequence[_Automaton]) -> tuple[bool, ...]:
    return tuple(bool(s & a.accepts) for s, a in zip(state, automata, strict=True))
