"""`stackdoctor diagnose STACK`: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stackdoctor.cli import options as o
from stackdoctor.cli.output import Output, exit_code, show
from stackdoctor.cli.streams import Colour, complain, progress
from stackdoctor.errors import BadEvidence, UsageError

StackName = Annotated[str | None, typer.Argument(metavar="[STACK]", help="Name or ARN; optional with --from and --events.")]


def diagnose(
    stack: StackName = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    external_id: o.ExternalId = None,
    endpoint_url: o.EndpointUrl = None,
    output: o.OutputOption = Output.TEXT,
    save: o.Save = None,
    from_: o.From = None,
    events: o.Events = None,
    template: o.Template = None,
    redact: o.Redact = False,
    no_history: o.NoHistory = False,
    harden: o.Harden = False,
    timeout: o.Timeout = 45,
    exit_zero: o.ExitZero = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
    color: o.ColorOption = Colour.AUTO,
) -> None:
    """Diagnose a failed stack: root cause, the statement that denied it, verified fixes, the way out.

    Exit codes: 0 healthy, 1 failed and explained, 2 usage, 3 failed and not explained, 4 could not run, 130 interrupted.
    """
    from stackdoctor.diagnosis import Options, diagnose as run  # noqa: PLC0415 - start-up: --help needs none of it
    from stackdoctor.redact import Redactor  # noqa: PLC0415

    if sum(source is not None for source in (from_, events)) > 1:
        raise UsageError("--from and --events exclude each other: give one.")
    if stack is None and from_ is None and events is None:
        raise UsageError("Give the stack's name or ARN, or --from DIR, or --events FILE.", "Example: stackdoctor diagnose my-stack")
    redactor = Redactor() if redact else None
    options = Options(profile, endpoint_url, history=not no_history, harden=harden, template=_text(template) if template else None)
    if from_ is not None or events is not None:
        reader = _kept(from_) if from_ is not None else _events(events or "-", stack)
        diagnosis = run(reader, stack or reader.stack, options)
    else:
        from stackdoctor.aws.live import LiveReader  # noqa: PLC0415 - boto3 is imported here and nowhere earlier
        from stackdoctor.aws.session import Settings  # noqa: PLC0415

        saver = _saver(save, stack or "")
        live = LiveReader(Settings(_region(stack, region), profile, role_arn, external_id, endpoint_url, timeout, debug), keep=saver.keep if saver else None)
        with progress(f"reading {stack}", quiet=quiet):
            diagnosis = run(live, stack or "", options)
        if saver is not None:
            saver.finish(diagnosis, redactor)
            complain(f"evidence kept in {save}")
    show(diagnosis, output, colour=color, verbose=verbose, quiet=quiet, redactor=redactor)
    raise typer.Exit(exit_code(diagnosis, exit_zero=exit_zero))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise BadEvidence(f"{path}: cannot be read ({error.strerror}).") from error


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("diagnose")(diagnose)


__all__ = ["complain", "diagnose", "register", "sys"]
