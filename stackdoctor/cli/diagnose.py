"""`stackdoctor diagnose STACK`: the main job."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from stackdoctor.cli import options as o
from stackdoctor.cli.interrupt import INTERRUPTED, interruptible
from stackdoctor.cli.output import Output, exit_code, new_redactor, save_fixes, show
from stackdoctor.cli.streams import Colour, complain, progress
from stackdoctor.errors import UsageError

if TYPE_CHECKING:
    from stackdoctor.aws.settings import Settings
    from stackdoctor.reader import Reader

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
    confirm_with_aws: o.ConfirmWithAws = False,
    timeout: o.Timeout = 45,
    exit_zero: o.ExitZero = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
    color: o.ColorOption = Colour.AUTO,
    _version: o.Version = False,
) -> None:
    """Diagnose a failed stack: root cause, the statement that denied it, verified fixes, the way out.

    Exit codes: 0 healthy, 1 failed and explained, 2 usage, 3 failed and not explained, 4 could not run, 130 interrupted.
    """
    from stackdoctor.cli import sources  # noqa: PLC0415 - start-up: --help needs none of it
    from stackdoctor.diagnosis import Options  # noqa: PLC0415
    from stackdoctor.diagnosis import diagnose as run  # noqa: PLC0415
    from stackdoctor.recording import Saver, SavingReader  # noqa: PLC0415

    if not math.isfinite(timeout):
        raise UsageError("--timeout takes a number of seconds.", "Example: --timeout 45")
    if from_ is not None and events is not None:
        raise UsageError("--from and --events exclude each other: give one.")
    if stack == "" or (stack is None and from_ is None and events is None):
        raise UsageError("Give the stack's name or ARN, or --from DIR, or --events FILE.", "Example: stackdoctor diagnose my-stack")
    redactor = new_redactor() if redact else None
    source = sources.text_of(str(template)) if template else None
    options = Options(profile, endpoint_url, history=not no_history, harden=harden, template=source, confirm=confirm_with_aws)
    reader: Reader
    stop: Callable[[], None] | None = None
    if from_ is not None:
        reader = kept = sources.kept(from_)
        stack = stack or kept.stack
    elif events is not None:
        reader = listing = sources.events(events, stack)
        stack = listing.stack
    else:
        reader = live = sources.live(_settings(stack or "", region, profile, role_arn, external_id, endpoint_url, timeout, debug=debug))
        stop = live.stop
    saver = Saver(save, stack=stack or "", region=reader.region, redactor=redactor) if save else None
    if confirm_with_aws:
        from stackdoctor.second_opinion import COST  # noqa: PLC0415 - start-up: hardly ever needed

        complain(COST)
    with progress(f"reading {stack}", quiet=quiet), interruptible(stop) as interruption:
        diagnosis = run(SavingReader(reader, saver), stack or "", options)
    if saver is not None:
        save_fixes(saver, diagnosis, redactor)
        saver.finish()
        complain(f"evidence kept in {save}")
    show(diagnosis, output, colour=color, verbose=verbose, quiet=quiet, redactor=redactor)
    raise typer.Exit(INTERRUPTED if interruption.asked else exit_code(diagnosis, exit_zero=exit_zero))


def _settings(
    stack: str,
    region: str | None,
    profile: str | None,
    role_arn: str | None,
    external_id: str | None,
    endpoint_url: str | None,
    timeout: float,
    *,
    debug: bool,
) -> Settings:
    """A stack's ARN says its Region, which outweighs everything else."""
    from stackdoctor.aws.settings import Settings  # noqa: PLC0415 - start-up: --from and --events need no boto3

    parts = stack.split(":")
    own = parts[3] if stack.startswith("arn:") and len(parts) > 5 else region
    return Settings(own or "", profile or "", role_arn or "", external_id or "", endpoint_url or "", timeout, debug=debug)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("diagnose")(diagnose)
