"""How near a statement, an action, a name or an ARN is to the one that was meant.

Used to rank the Allow statements of a denied request and to recognise a misspelling; never to decide.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from stackdoctor.policy.request import Caller, PrincipalKind, Request
from stackdoctor.policy.results import Element, Leaf, LeafReason, StatementResult, Tri

SLIPS = 2
"""Letters by which two names may differ and still count as the same one mistyped."""

_DIGITS = re.compile(r"\d+")

ALIKE = 0.8
"""From this ratio of common letters on, two names count as one misspelt."""


@lru_cache(maxsize=2048)
def likeness(one: str, other: str) -> float:
    """1 for the same letters, 0 for nothing in common; case is ignored. Very long texts are not compared."""
    if len(one) > 256 or len(other) > 256:
        return 0.0
    return SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio()


def is_slip(one: str, other: str) -> bool:
    """Whether two names differ by a letter or two, dropped, doubled, swapped or in another case, as typing makes them differ."""
    one, other = one.lower(), other.lower()
    if _DIGITS.sub("", one) == _DIGITS.sub("", other):
        return one == other
    return abs(len(one) - len(other)) <= SLIPS and max(len(one), len(other)) <= 256 and _distance(one, other) <= SLIPS


def _distance(one: str, other: str) -> int:
    """Letters to add, drop, change or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, earlier[j - 2] + 1)
            row.append(best)
    return row[-1]


def service_label(name: str) -> str:
    """The first label of a service principal (`cloudtrail`), which tells services apart."""
    return name.lower().partition(".")[0]


def nearest_text(wanted: str, texts: tuple[str, ...]) -> tuple[str, float]:
    """The text most like the wanted one, with its likeness; empty where there is none."""
    return max(((text, likeness(text, wanted)) for text in texts), key=lambda item: item[1], default=("", 0.0))


def distance(result: StatementResult, request: Request) -> float | None:
    """How far an Allow statement is from allowing the request: the principal counts most, then action, resource and clauses.

    None where nothing of the statement fits: no principal, or neither action nor resource.
    """
    missed = {leaf.element: leaf for leaf in result.unmet if leaf.element is not Element.CONDITION}
    clauses = sum(1.0 if leaf.matched is Tri.NO_MATCH else 0.5 for leaf in result.unmet if leaf.element is Element.CONDITION)
    if Element.STATEMENT in missed:
        return _dead(result)
    total = clauses
    for leaf in missed.values():
        total += _cost(leaf, request)
    return total


def _dead(result: StatementResult) -> float:
    return 50.0 + len(result.leaves)


def _cost(leaf: Leaf, request: Request) -> float:
    if leaf.matched is Tri.MAYBE:
        return 0.5
    match leaf.element:
        case Element.PRINCIPAL:
            return 3.0 if _misspelt(leaf, request.caller) else 100.0
        case Element.NOT_PRINCIPAL:
            return 100.0
        case Element.ACTION | Element.NOT_ACTION:
            return 3.0 if _nearly(request.action, leaf.expected) else 12.0
        case _:
            return 5.0 if leaf.reason is not LeafReason.RESOURCE_NOT_LISTED or _same_root(request.resource, leaf.expected) else 20.0


def _misspelt(leaf: Leaf, caller: Caller) -> bool:
    """Whether an entry is nearly the caller's name; services are compared by their label, as the rest is common to all."""
    names = tuple(text.rpartition(": ")[2] for text in leaf.expected)
    if caller.kind is PrincipalKind.SERVICE:
        return _nearly(service_label(caller.name), tuple(service_label(text) for text in names))
    return _nearly(caller.name, names)


def _nearly(wanted: str, texts: tuple[str, ...]) -> bool:
    return nearest_text(wanted, texts)[1] >= ALIKE


def _same_root(resource: str, texts: tuple[str, ...]) -> bool:
    """Whether one of the ARNs is of the same bucket (or key)."""
    root = resource.partition("/")[0]
    return any(text.partition("/")[0] == root for text in texts)
