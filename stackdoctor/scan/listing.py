"""One listing of a service, page after page: an operation in, its rows out, or what kept them from being read.

Nothing an answer says makes a listing endless: a token that comes twice ends it, and so does the bound, which is admitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackdoctor.answers import malformed, rows
from stackdoctor.model import Unread
from stackdoctor.reader import Call, Reader, ReadError

Row = Mapping[str, Any]

MAX_PAGES = 200
"""Pages of one listing: 10,000 log groups, 20,000 stuck stacks."""


@dataclass(slots=True)
class Listing:
    """The rows read, and what is missing of them."""

    rows: list[Row] = field(default_factory=list)
    unread: tuple[Unread, ...] = ()


def listing(reader: Reader, call: Call, key: str, what: str, *, page: str = "NextToken", limit: int = MAX_PAGES) -> Listing:
    """Every row under `key`. `page` is what the operation calls its page token, in request and answer alike."""
    found, seen, asked = Listing(), set[str](), call
    for _ in range(limit):
        try:
            answer = reader.read(asked)
        except ReadError as error:
            found.unread += (unread(what, error),)
            return found
        found.rows += rows(answer, key)
        if broken := malformed(answer, key):
            found.unread += (Unread(f"{broken} rows of {what}", "no object", (), would_decide=True),)
        following = answer.get(page)
        if not isinstance(following, str) or not following or following in seen:
            return found
        seen.add(following)
        asked = Call(call.service, call.operation, call.region, {**call.params, page: following})
    found.unread += (Unread(f"more {what}", f"only {limit} pages were read", (), would_decide=True),)
    return found


def unread(what: str, error: ReadError) -> Unread:
    """A read that failed, as a row of the report."""
    return Unread(what, f"{error.code}: {error.message}" if error.message else error.code, error.needs, would_decide=True)
