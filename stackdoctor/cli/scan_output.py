"""A scan as the person wants it: whole at the end, or a line for each account and Region as they are finished.

in: a `Run` and its report. out: stdout, piece by piece; nothing is held in memory that grows with the number of accounts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from stackdoctor.cli.streams import say

if TYPE_CHECKING:
    from stackdoctor.redact import Redactor
    from stackdoctor.report.text import Style
    from stackdoctor.scan.run import Run
    from stackdoctor.scan.stored import StoredReport


class ScanOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    JUNIT = "junit"


def renderings(report: StoredReport, output: ScanOutput, style: Style, *, only_new: bool) -> Callable[[], Iterator[str]]:
    """Makes the report anew each time it is asked for."""
    from stackdoctor.report import scan_json, scan_junit, scan_markdown, scan_text  # noqa: PLC0415

    now = datetime.now(UTC)
    match output:
        case ScanOutput.JSON | ScanOutput.JSONL:
            return lambda: scan_json.document(report, now, only_new=only_new)
        case ScanOutput.MARKDOWN:
            return lambda: scan_markdown.render(report, only_new=only_new)
        case ScanOutput.JUNIT:
            return lambda: scan_junit.render(report, only_new=only_new)
        case ScanOutput.TEXT:
            return lambda: scan_text.render(report, style, only_new=only_new)


def show(render: Callable[[], Iterator[str]], redactor: Redactor | None) -> None:
    """Piece by piece. Masking reads it twice: a name found in the last piece is masked in the first as well."""
    if redactor:
        for piece in render():
            redactor.text(piece)
    for piece in render():
        say(redactor.text(piece) if redactor else piece)


def watch(run: Run, report: StoredReport, *, quiet: bool) -> None:
    """Reads everything; on a terminal the number of accounts done is shown."""
    shown, total = sys.stderr.isatty() and not quiet, report.totals().accounts
    for done in run.finished():
        if shown:
            sys.stderr.write(f"\r{done + 1:,} of {total:,} accounts …")
            sys.stderr.flush()
    if shown:
        sys.stderr.write("\r\x1b[K")
    report.reason = run.reason


def stream(run: Run, report: StoredReport, redactor: Redactor | None, *, only_new: bool) -> None:
    """A line for each account and Region as soon as it and all before it are done, then what is resolved and the summary."""
    from stackdoctor.report import scan_json  # noqa: PLC0415

    told = -1
    for told in run.finished():
        _say_lines((scan_json.line(report, row, only_new=only_new) for row in report.places_of(told)), redactor)
        sys.stdout.flush()
    report.reason = run.reason
    for position in range(told + 1, report.totals().accounts):
        _say_lines((scan_json.line(report, row, only_new=only_new) for row in report.places_of(position)), redactor)
    _say_lines(scan_json.last_lines(report, datetime.now(UTC)), redactor)


def _say_lines(lines: Iterable[str], redactor: Redactor | None) -> None:
    for line in lines:
        say(redactor.text(line) if redactor else line)
