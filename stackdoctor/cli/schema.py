"""`stackdoctor schema [WHAT]`: the JSON Schema of an output."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stackdoctor.cli.streams import say
from stackdoctor.errors import UsageError


def schema(what: Annotated[str, typer.Argument(metavar="[WHAT]", help="diagnosis, …")] = "diagnosis") -> None:
    """Print the JSON Schema of an output."""
    from stackdoctor.report.schema import SCHEMAS  # noqa: PLC0415 - start-up: --help needs none of it

    if what not in SCHEMAS:
        raise UsageError(f"There is no schema of {what}.", f"There are: {', '.join(SCHEMAS)}")
    say(json.dumps(SCHEMAS[what], indent=2) + "\n")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("schema")(schema)
