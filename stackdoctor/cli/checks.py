"""`stackdoctor checks [ID]`: every cause it can recognise, or one explained with the AWS page behind it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stackdoctor.cli.streams import say
from stackdoctor.errors import UsageError


def checks(
    check_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One check, explained.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """List every cause stackdoctor can recognise; with an ID, explain that one."""
    from stackdoctor.checks import CHECKS, OF_A_SCAN  # noqa: PLC0415 - start-up: --help needs none of it

    if output not in {"text", "json"}:
        raise UsageError(f"--output is {output}.", "It is text or json.")
    by_id = {check.id: check for check in (*CHECKS, *OF_A_SCAN)}
    if check_id is not None and check_id not in by_id:
        raise UsageError(f"No check is called {check_id}.", "`stackdoctor checks` lists them.")
    chosen = [by_id[check_id]] if check_id else list(by_id.values())
    if output == "json":
        rows = [{"id": c.id, "title": c.title, "explanation": c.explanation, "references": list(c.references)} for c in chosen]
        say(json.dumps(rows, indent=2) + "\n")
    elif check_id:
        check = chosen[0]
        say("\n".join((f"{check.id}: {check.title}", "", check.explanation, "", *check.references)) + "\n")
    else:
        width = max(len(check.id) for check in chosen)
        say("".join(f"{check.id:<{width}}  {check.title}\n" for check in chosen))


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("checks")(checks)
