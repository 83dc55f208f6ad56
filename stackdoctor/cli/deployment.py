"""`stackdoctor deployment`: what runs it on AWS's own engines, printed to be deployed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackdoctor.cli.streams import complain, say

if TYPE_CHECKING:
    from stackdoctor.model import JSON


class Format(StrEnum):
    YAML = "yaml"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]

deployment = typer.Typer(
    name="deployment", help="Templates and the Lambda package to run on AWS's own engines.", no_args_is_help=True, rich_markup_mode=None
)


@deployment.command("org")
def org(output: Output = Format.YAML) -> None:
    """Print a CloudFormation template: scans the organization on a schedule, diagnoses stacks as they fail."""
    from stackdoctor.deployment.organization import template  # noqa: PLC0415 - start-up: --help needs none of it

    _print(template(), output)


@deployment.command("role")
def role(output: Output = Format.YAML) -> None:
    """Print a template for a StackSet: the read-only role in every account."""
    from stackdoctor.deployment.role import template  # noqa: PLC0415

    _print(template(), output)


@deployment.command("runbook")
def runbook(output: Output = Format.YAML) -> None:
    """Print an SSM Automation document: a diagnosis as a step of a runbook."""
    from stackdoctor.deployment.runbook import document  # noqa: PLC0415

    _print(document(), output)


@deployment.command("package")
def package(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put the zip.")]) -> None:
    """Build the zip of the Lambda functions into DIR, and print its path."""
    from stackdoctor.deployment.package import write  # noqa: PLC0415

    made = write(folder)
    complain(f"upload it: aws s3 cp {made} s3://BUCKET/ (then CodeBucket=BUCKET CodeKey={made.name})")
    say(f"{made}\n")


def _print(document: Mapping[str, JSON], output: Format) -> None:
    from stackdoctor.deployment.text import as_json, as_yaml  # noqa: PLC0415

    say(as_json(document) if output is Format.JSON else as_yaml(document))


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(deployment)
