"""A diagnosis as the person wants it, and the exit code it means."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from stackdoctor.cli.streams import Colour, say, say_json, wants_colour

if TYPE_CHECKING:
    from stackdoctor.model import Diagnosis
    from stackdoctor.recording import Saver
    from stackdoctor.redact import Redactor

EXIT = {"healthy": 0, "explained": 1, "unexplained": 3}


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def show(diagnosis: Diagnosis, output: Output, *, colour: Colour, verbose: bool, quiet: bool, redactor: Redactor | None) -> None:
    """Writes the report to stdout, whole or not at all."""
    match output:  # start-up: only the report that is wanted is imported
        case Output.JSON:
            from datetime import UTC, datetime  # noqa: PLC0415

            from stackdoctor.report.json import document  # noqa: PLC0415

            shown = document(diagnosis, datetime.now(UTC))
            say_json(redactor.json(shown) if redactor else shown)
            return
        case Output.MARKDOWN:
            from stackdoctor.report import markdown  # noqa: PLC0415

            report = markdown.render(diagnosis, verbose=verbose)
        case Output.TEXT:
            from stackdoctor.report import text  # noqa: PLC0415

            report = text.render(diagnosis, text.Style(wants_colour(colour), verbose, quiet))
    say(redactor.text(report) if redactor else report)


@cache
def new_redactor() -> Redactor:
    """The masks of this run, one for all that is printed and saved; imported only when wanted."""
    from stackdoctor.redact import Redactor  # noqa: PLC0415

    return Redactor()


def save_fixes(saver: Saver, diagnosis: Diagnosis, redactor: Redactor | None) -> None:
    """Writes every corrected policy below `fixes/`: key-policy.json, bucket-policy.json; a second one gets a number."""
    import json  # noqa: PLC0415

    used: dict[str, int] = {}
    for fix in diagnosis.fixes:
        if fix.document is not None:
            used[fix.kind] = used.get(fix.kind, 0) + 1
            name = fix.kind if used[fix.kind] == 1 else f"{fix.kind}-{used[fix.kind]}"
            document = dict(fix.document)
            saver.write(f"fixes/{name}.json", json.dumps(redactor.json(document) if redactor else document, indent=2) + "\n")


def exit_code(diagnosis: Diagnosis, *, exit_zero: bool) -> int:
    """0 healthy, 1 explained, 3 unexplained or undecided for want of evidence; --exit-zero turns 1 and 3 into 0."""
    return 0 if exit_zero else EXIT[diagnosis.verdict]
