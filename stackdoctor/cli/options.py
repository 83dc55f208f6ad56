"""Options that several commands share, each said once. Names and meanings are fixed by CONTRACT.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from stackdoctor import __version__
from stackdoctor.cli.output import Output
from stackdoctor.cli.streams import Colour


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stackdoctor {__version__}")
        raise typer.Exit


Version: TypeAlias = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", help="Region of the stack; else as botocore finds it.")]
Profile: TypeAlias = Annotated[str | None, typer.Option("--profile", help="Profile of the AWS configuration.")]
RoleArn: TypeAlias = Annotated[str | None, typer.Option("--role-arn", help="Role to assume for reading.")]
ExternalId: TypeAlias = Annotated[str | None, typer.Option("--external-id", help="External id for --role-arn.")]
EndpointUrl: TypeAlias = Annotated[str | None, typer.Option("--endpoint-url", help="Endpoint for every service, for local servers.")]
OutputOption: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="How to print the report.")]
Save: TypeAlias = Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Keep all evidence read, as JSON files.")]
From: TypeAlias = Annotated[Path | None, typer.Option("--from", metavar="DIR", help="Diagnose kept evidence; no AWS call at all.")]
Events: TypeAlias = Annotated[
    str | None, typer.Option("--events", metavar="FILE", help="Diagnose what describe-stack-events printed, - for stdin; no AWS call.")
]
Template: TypeAlias = Annotated[
    Path | None, typer.Option("--template", metavar="FILE", help="The template's source, to print fixes as its diff.")
]
Redact: TypeAlias = Annotated[bool, typer.Option("--redact", help="Mask account ids, names of people and access-key ids.")]
NoHistory: TypeAlias = Annotated[bool, typer.Option("--no-history", help="Do not read CloudTrail's event history.")]
Harden: TypeAlias = Annotated[
    bool, typer.Option("--harden", help="Propose the conditions to add back once it works, and a sandbox to prove them.")
]
ConfirmWithAws: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--confirm-with-aws", help="Ask Access Analyzer about the corrected policies (free; needs access-analyzer:ValidatePolicy)."
    ),
]
Timeout: TypeAlias = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Time for the whole run.")]
ExitZero: TypeAlias = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 instead of 1 and 3.")]
Verbose: TypeAlias = Annotated[bool, typer.Option("--verbose", "-v", help="Also cascade, notes, operations, evidence and calls.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdict and the sentence.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Log what is read, and show tracebacks.")]
ColorOption: TypeAlias = Annotated[Colour, typer.Option("--color", help="Colour in text.")]
