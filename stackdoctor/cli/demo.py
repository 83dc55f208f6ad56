"""`stackdoctor demo [INCIDENT]`: an incident that ships inside the package; needs no AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import stackdoctor
from stackdoctor.cli import options as o
from stackdoctor.cli.output import Output, exit_code, new_redactor, show
from stackdoctor.cli.streams import Colour, say
from stackdoctor.errors import UsageError

FIRST = "cloudtrail-kms-viaservice"


def fixtures() -> Path:
    """The folder of shipped incidents: in the wheel beside the package, in a checkout beside it."""
    package = Path(stackdoctor.__file__).parent
    shipped = package / "_fixtures"
    return shipped if shipped.is_dir() else package.parent / "fixtures"


def incidents() -> dict[str, Path]:
    """Every shipped incident by name."""
    root = fixtures()
    found = sorted(root.iterdir()) if root.is_dir() else []
    return {folder.name: folder for folder in found if (folder / "evidence" / "index.json").is_file()}


def demo(
    incident: Annotated[str, typer.Argument(help="Which incident; --list names them.")] = FIRST,
    list_: Annotated[bool, typer.Option("--list", help="Name the incidents that ship.")] = False,
    output: o.OutputOption = Output.TEXT,
    exit_zero: o.ExitZero = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
    redact: o.Redact = False,
    harden: o.Harden = False,
    color: o.ColorOption = Colour.AUTO,
) -> None:
    """Diagnose an incident that ships inside the package; needs no AWS account."""
    from stackdoctor.diagnosis import Options, diagnose  # noqa: PLC0415 - start-up: --help needs none of it
    from stackdoctor.recording import FolderReader  # noqa: PLC0415

    shipped = incidents()
    if list_:
        say("".join(f"{name}\n" for name in shipped))
        return
    if incident not in shipped:
        raise UsageError(f"No incident is called {incident}.", f"There are: {', '.join(shipped)}")
    reader = FolderReader(shipped[incident] / "evidence")
    diagnosis = diagnose(reader, reader.stack, Options(harden=harden))
    show(diagnosis, output, colour=color, verbose=verbose, quiet=quiet, redactor=new_redactor() if redact else None)
    raise typer.Exit(exit_code(diagnosis, exit_zero=exit_zero))


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)
