"""Streams: the report on stdout, everything else on stderr, one line a complaint, colour only where it is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TextIO

from stackdoctor.report.untrusted import plain


class Colour(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def wants_colour(choice: Colour) -> bool:
    """--color outweighs NO_COLOR, that FORCE_COLOR, that the terminal (https://no-color.org, https://force-color.org)."""
    if choice is not Colour.AUTO:
        return choice is Colour.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class Masked:
    """stderr under --redact: error messages and logs name accounts and people, too."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str]) -> None:
        self._stream, self._mask = stream, mask

    def write(self, text: str) -> int:
        return self._stream.write(self._mask(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def complain(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"stackdoctor: {plain(message)}\n")


def say(text: str) -> None:
    """The report, on stdout; what the encoding cannot show is escaped. Somebody who reads no further, as `head`, changes nothing."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_json(value: object) -> None:
    """A json document on stdout. Only UTF-8 shows every character; in any other encoding JSON's own escapes stand for them."""
    import json  # noqa: PLC0415 - start-up: --help needs none of it

    encoding = (sys.stdout.encoding or "utf-8").lower().replace("_", "-")
    say(json.dumps(value, indent=2, ensure_ascii=encoding not in {"utf-8", "utf8"}) + "\n")


@contextmanager
def progress(message: str, *, quiet: bool = False) -> Iterator[None]:
    """A line on stderr while something is read; only when stderr is a terminal."""
    shown = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"
    if shown:
        sys.stderr.write(f"\r{plain(message)} …")
        sys.stderr.flush()
    try:
        yield
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
