"""`stackdoctor permissions`: the least read-only IAM policy, ready for `aws iam create-policy`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from stackdoctor.cli.streams import say


class Purpose(StrEnum):
    DIAGNOSE = "diagnose"
    SCAN = "scan"
    ORGANIZATION = "organization"


def permissions(
    purpose: Annotated[Purpose, typer.Option("--for", help="What the policy is for.")] = Purpose.DIAGNOSE,
) -> None:
    """Print the least read-only IAM policy as JSON: aws iam create-policy --policy-document file://…"""
    from stackdoctor.permissions import policy  # noqa: PLC0415 - start-up: --help needs none of it

    say(json.dumps(policy(purpose.value), indent=2) + "\n")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("permissions")(permissions)
