"""Where a diagnosis reads from: a live account, kept evidence, or an events document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stackdoctor.errors import BadEvidence
from stackdoctor.events_file import MAX_BYTES, EventsReader
from stackdoctor.recording import FolderReader

if TYPE_CHECKING:
    from stackdoctor.aws.live import LiveReader
    from stackdoctor.aws.settings import Settings


def text_of(name: str) -> str:
    """The text of a file, of stdin for `-`. Raises BadEvidence with the file's name."""
    return _bytes_of(name).decode("utf-8-sig", errors="replace")


def _bytes_of(name: str) -> bytes:
    """At most one byte more than an events document may have."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadEvidence(f"{name}: cannot be read ({error.strerror}).") from error


def kept(folder: Path) -> FolderReader:
    """Evidence that --save kept."""
    return FolderReader(folder)


def events(name: str, stack: str | None) -> EventsReader:
    """What `aws cloudformation describe-stack-events` printed."""
    return EventsReader(_bytes_of(name), stack, "stdin" if name == "-" else name)


def live(settings: Settings) -> LiveReader:
    """A live account; boto3 is imported here and nowhere earlier."""
    from stackdoctor.aws.live import LiveReader  # noqa: PLC0415 - start-up: --from and --events need no boto3

    return LiveReader(settings)
