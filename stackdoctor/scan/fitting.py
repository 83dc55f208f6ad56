"""What Step Functions passes from one state to the next is bounded: answers cut down to it, reports taken apart for it.

in: JSON documents. out: documents of at most so many bytes. Nothing is cut in silence: what is left out is named in what
is left. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (256 KiB)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackdoctor.model import Unread
from stackdoctor.scan import codec

LIMIT = 190_000
"""Bytes of one document. The rest of the 256 KiB is for the message that goes with it."""
LISTS = ("problems", "risks", "resolved", "unread", "places")
"""The members of `stackdoctor.scan/v1` that grow, most important first."""

_LEFT_OUT = "larger than Step Functions passes on: diagnose the stack by itself"


def size(value: object) -> int:
    """The bytes of a value as JSON; every character outside ASCII counted as the escape it may become."""
    return len(json.dumps(value))


# ------------------------------------------------------------------------------------------------ one account and Region
def place(document: Mapping[str, Any], limit: int = LIMIT) -> dict[str, Any]:
    """A `codec.of_result` document that fits: first the largest diagnoses go, then the last problems, each with a word about it."""
    left = limit - size({**document, "problems": [], "unread": []})
    unread = list(_first(document["unread"], left // 2))
    problems = _lighter(list(document["problems"]), left - size(unread))
    kept = list(_first(problems, left - size(unread)))
    if cut := len(problems) - len(kept) + len(document["unread"]) - len(unread):
        unread.append(codec.of_unread(Unread(f"{cut} more rows of this account and Region", _LEFT_OUT, (), would_decide=True)))
    return {**document, "problems": kept, "unread": unread}


def _lighter(problems: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The same problems; where they are too large together, the largest ones without their evidence."""
    sizes = {number: size(problem["document"]) for number, problem in enumerate(problems)}
    over = size(problems) - limit
    for number in sorted(sizes, key=lambda one: -sizes[one]):
        if over <= 0:
            break
        problems[number] = {**problems[number], "document": {"left_out": _LEFT_OUT}}
        over -= sizes[number] - size(problems[number]["document"])
    return problems


def _first(rows: Sequence[dict[str, Any]], limit: int) -> Iterator[dict[str, Any]]:
    """As many as fit, from the first on."""
    for row in rows:
        limit -= size(row) + 2
        if limit < 0:
            return
        yield row


# ------------------------------------------------------------------------------------------------------------- a report
def parts(document: Mapping[str, Any], limit: int = LIMIT) -> Iterator[dict[str, Any]]:
    """A `stackdoctor.scan/v1` document as several: each has the same head and the next rows, so that its lists add up to the whole."""
    head: dict[str, Any] = {**document, **{name: [] for name in LISTS}}
    room = limit - size(head)
    part, left, found = _empty(head), room, False
    for name in LISTS:
        for row in document[name]:
            bounded = row if size(row) + 2 <= room else _without_evidence(row)
            if size(bounded) + 2 > left and found:
                yield part
                part, left = _empty(head), room
            part[name].append(bounded)
            left, found = left - size(bounded) - 2, True
    yield part


def _empty(head: Mapping[str, Any]) -> dict[str, Any]:
    return {**head, **{name: [] for name in LISTS}}


def _without_evidence(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "diagnosis": None, "findings": [], "fixes": [], "summary": f"{row.get('summary', '')} ({_LEFT_OUT})"}


# ----------------------------------------------------------------------------------------------------------- a diagnosis
LONG = ("operations", "attempts", "findings", "fixes", "blockers", "root_causes", "unread", "opinions", "recovery")
"""The members of `stackdoctor.diagnosis/v1` that grow, least needed first."""


def diagnosis(document: Mapping[str, Any], limit: int = LIMIT) -> dict[str, Any]:
    """A `stackdoctor.diagnosis/v1` document that fits: whole members go, and stand in `unread`."""
    kept, notes = dict(document), list[dict[str, Any]]()
    for name in LONG:
        if size(kept) <= limit:
            break
        if not document[name]:
            continue
        notes.append(codec.of_unread(Unread(f"{name} of this diagnosis", _LEFT_OUT)))
        kept |= {name: []} | {"unread": notes if name == "unread" else [*kept["unread"], notes[-1]]}
    return kept


def message(text: str, longest: int = 20_000) -> str:
    """A text for people, cut at a line's end."""
    if len(text) <= longest:
        return text
    whole = text[: text.rfind("\n", 0, longest) + 1] or text[:longest]
    return f"{whole}… ({len(text) - len(whole):,} more characters)\n"
