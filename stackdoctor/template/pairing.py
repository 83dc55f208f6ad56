"""Which element of a corrected list was which element of the old one; the order is kept, so the cheapest way wins."""

from __future__ import annotations

from stackdoctor.model import JSON
from stackdoctor.template.compare import matches

_ALONE = 0.6  # of an element that is dropped or added; changing one costs up to 1


def pair(before: list[JSON], after: list[JSON]) -> list[tuple[int | None, int | None]]:
    """Positions in both lists, in order: None where an element has no partner."""
    head = 0
    while head < min(len(before), len(after)) and matches(before[head], after[head]):
        head += 1
    made = _cheapest(before[head:], after[head:])
    moved = [(None if old is None else old + head, None if new is None else new + head) for old, new in made]
    return [*((index, index) for index in range(head)), *moved]


def _cheapest(before: list[JSON], after: list[JSON]) -> list[tuple[int | None, int | None]]:
    rows, columns = len(before), len(after)
    costs = [[_distance(old, new) for new in after] for old in before]
    total = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows + 1)):
        for j in reversed(range(columns + 1)):
            ways = []
            if i < rows and j < columns:
                ways.append(costs[i][j] + total[i + 1][j + 1])
            if i < rows:
                ways.append(_ALONE + total[i + 1][j])
            if j < columns:
                ways.append(_ALONE + total[i][j + 1])
            total[i][j] = min(ways, default=0.0)
    made: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and total[i][j] == costs[i][j] + total[i + 1][j + 1]:
            made.append((i, j))
            i, j = i + 1, j + 1
        elif i < rows and total[i][j] == _ALONE + total[i + 1][j]:
            made.append((i, None))
            i += 1
        else:
            made.append((None, j))
            j += 1
    return made


def _distance(old: JSON, new: JSON) -> float:
    """0 for the same, 1 for texts that differ, in between for mappings that share clauses."""
    if matches(old, new):
        return 0.0
    if not isinstance(old, dict) or not isinstance(new, dict):
        return 1.0
    names = [name for name in {**old, **new} if name != "Sid"]
    differing = sum(1 for name in names if name not in old or name not in new or not matches(old[name], new[name]))
    share = 1.15 * differing / len(names) if names else 0.0
    if "Sid" in old and old.get("Sid") == new.get("Sid"):
        return share * 0.5
    return share + (0.2 if "Sid" in old and "Sid" in new else 0.0)
