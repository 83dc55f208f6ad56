"""`stackdoctor scan`: the health check of an account, many accounts, an organization."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackdoctor.cli import options as o
from stackdoctor.cli.interrupt import INTERRUPTED, interruptible
from stackdoctor.cli.scan_output import ScanOutput, renderings, show, stream, watch
from stackdoctor.cli.streams import Colour, complain, wants_colour
from stackdoctor.errors import CannotRun, UsageError

if TYPE_CHECKING:
    from stackdoctor.aws.accounts import Accounts
    from stackdoctor.aws.settings import Settings
    from stackdoctor.scan.places import Start, Wanted
    from stackdoctor.scan.run import Run
    from stackdoctor.scanned import Account


ATTEMPTS = 6
"""Tries of one call. A scan has more time than a diagnosis, and waiting is what helps against throttling."""

Regions = Annotated[list[str] | None, typer.Option("--region", help="A Region to scan; repeatable. Else as botocore finds it.")]
AllRegions = Annotated[bool, typer.Option("--all-regions", help="Every Region that is enabled, account by account.")]
AccountsFile = Annotated[
    Path | None, typer.Option("--accounts", metavar="FILE", help="The accounts, in c7n-org's shape: account_id, name, regions, role.")
]
Organization = Annotated[bool, typer.Option("--organization", help="Every active account of the organization.")]
Units = Annotated[list[str] | None, typer.Option("--ou", metavar="ID", help="Only accounts of this unit and those below; repeatable.")]
RoleName = Annotated[str | None, typer.Option("--role-name", help="Read-only role to assume in each account.")]
ExternalId = Annotated[str | None, typer.Option("--external-id", help="External id for the roles that are assumed.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Accounts and Regions at a time, and calls at a time.")]
Checkpoints = Annotated[
    Path | None, typer.Option("--checkpoint", metavar="FILE", help="Go on where a scan was interrupted; tell new problems from old.")
]
OnlyNew = Annotated[bool, typer.Option("--only-new", help="Show only problems that the scan before did not have (with --checkpoint).")]
TotalTime = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Time for the whole run; 0 for no bound.")]
PlaceTime = Annotated[float, typer.Option("--place-timeout", metavar="SECONDS", min=1, help="Time for each account and Region.")]
ScanOutputOption = Annotated[ScanOutput, typer.Option("--output", "-o", help="How to print the report; jsonl streams.")]


def scan(
    region: Regions = None,
    all_regions: AllRegions = False,
    accounts: AccountsFile = None,
    organization: Organization = False,
    ou: Units = None,
    role_name: RoleName = None,
    external_id: ExternalId = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    endpoint_url: o.EndpointUrl = None,
    workers: Workers = 8,
    checkpoint: Checkpoints = None,
    only_new: OnlyNew = False,
    output: ScanOutputOption = ScanOutput.TEXT,
    redact: o.Redact = False,
    no_history: o.NoHistory = False,
    timeout: TotalTime = 0,
    place_timeout: PlaceTime = 300,
    exit_zero: o.ExitZero = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
    debug: o.Debug = False,
    color: o.ColorOption = Colour.AUTO,
) -> None:
    """Find what is stuck, and every trail, bucket and key that would deny the next write.

    Exit codes: 0 all read and nothing wrong, 1 something is wrong, 2 usage, 3 nothing wrong found but something could not be read,
    4 could not start, 130 interrupted.
    """
    from stackdoctor.aws.accounts import Accounts  # noqa: PLC0415 - start-up: --help needs none of it
    from stackdoctor.aws.settings import Settings  # noqa: PLC0415
    from stackdoctor.diagnosis import Options  # noqa: PLC0415
    from stackdoctor.redact import Redactor  # noqa: PLC0415
    from stackdoctor.report.scan_words import verdict  # noqa: PLC0415
    from stackdoctor.report.text import Style  # noqa: PLC0415
    from stackdoctor.scan.checkpoint import Checkpoint  # noqa: PLC0415
    from stackdoctor.scan.one import Question  # noqa: PLC0415
    from stackdoctor.scan.places import ALL, Wanted  # noqa: PLC0415
    from stackdoctor.scan.run import Limits, Run  # noqa: PLC0415
    from stackdoctor.scan.stored import StoredReport  # noqa: PLC0415

    _check(all_regions=all_regions, region=region, accounts=accounts, whole=organization or bool(ou), role_name=role_name)
    if only_new and not checkpoint:
        raise UsageError("--only-new needs --checkpoint FILE, which remembers the scan before.")
    wanted = Wanted((ALL,) if all_regions else tuple(region or ()), organization, tuple(ou or ()), role_name or "", external_id or "")
    began, source = time.monotonic(), _text_of(accounts) if accounts else ""
    kept = Checkpoint(checkpoint)
    first = region[0] if region else ""
    settings = Settings(first, profile or "", role_arn or "", external_id or "", endpoint_url or "", attempts=ATTEMPTS, debug=debug)
    access = Accounts(settings, workers)
    start = _start(access, settings)
    listed = _accounts(access, settings, wanted, start, source, str(accounts or ""))
    if kept.begin(_question(wanted, start, source, history=not no_history), listed, datetime.now(UTC)):
        complain(f"going on with the scan of {kept.started_at} in {kept.name}")
    question = Question(datetime.fromisoformat(kept.started_at), Options(profile, endpoint_url, history=not no_history))
    run = Run(kept, access, question, Limits(workers, place_timeout, timeout))
    report = StoredReport(kept, access.partition)
    redactor = Redactor() if redact else None
    with kept.explained(), interruptible(run.stop) as interruption:
        if output is ScanOutput.JSONL:
            stream(run, report, redactor, only_new=only_new)
        else:
            watch(run, report, quiet=quiet)
            style = Style(wants_colour(color), verbose, quiet)
            show(renderings(report, output, style, only_new=only_new), redactor)
        sys.stdout.flush()
        found = verdict(report.totals())
        if not run.reason:
            kept.finish()
    if verbose:
        _costs(run, access, time.monotonic() - began)
    kept.close()
    if interruption.asked:
        if checkpoint:
            complain(f"the same command goes on from {kept.name}")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if exit_zero else {"healthy": 0, "problems": 1, "incomplete": 3}[found.value])


def _check(*, all_regions: bool, region: list[str] | None, accounts: Path | None, whole: bool, role_name: str | None) -> None:
    """What on the command line does not go together."""
    if all_regions and region:
        raise UsageError("--region and --all-regions exclude each other: give one.")
    if accounts and whole:
        raise UsageError("--accounts and --organization or --ou exclude each other: give one.")
    if whole and not role_name:
        raise UsageError(
            "--organization and --ou need --role-name.", "Example: stackdoctor scan --organization --role-name StackdoctorRead"
        )


def _text_of(file: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{file}: no text in UTF-8.") from None


def _start(access: Accounts, settings: Settings) -> Start:
    """Whose credentials these are; the first call of all, so what is wrong with them shows here."""
    from stackdoctor.reader import Call, ReadError  # noqa: PLC0415
    from stackdoctor.scan.places import Start  # noqa: PLC0415

    try:
        answer = access.own().reader(access.region, settings.timeout).read(Call("sts", "GetCallerIdentity", access.region))
    except ReadError as error:
        raise CannotRun(f"The account cannot be told: {error.code}: {error.message}", error.hint) from error
    return Start(str(answer.get("Account", "")), access.partition, access.region)


def _accounts(
    access: Accounts, settings: Settings, wanted: Wanted, start: Start, source: str, name: str
) -> Callable[[], Iterable[Account]]:
    """The accounts to scan, listed only where a new scan begins."""
    from stackdoctor.scan import places  # noqa: PLC0415

    if name:
        from_file = places.from_file(source, name, wanted, start)  # a mistake in it shows also where a scan goes on
        return lambda: from_file
    if wanted.organization or wanted.units:
        return lambda: places.from_organization(access.own().reader(access.region, settings.timeout), wanted, start)
    return lambda: places.own_account(wanted, start)


def _question(wanted: Wanted, start: Start, source: str, *, history: bool) -> str:
    """What is asked, for telling whether an interrupted scan asked the same."""
    asked = [wanted.regions, wanted.organization, wanted.units, wanted.role_name, hashlib.sha256(wanted.external_id.encode()).hexdigest()]
    return json.dumps([*asked, start.account, start.region, hashlib.sha256(source.encode()).hexdigest(), history])


def _costs(run: Run, access: Accounts, seconds: float) -> None:
    made, cpu = access.clients
    complain(f"{run.calls:,} calls and {access.assumed:,} roles assumed in {seconds:.1f} s; {made} clients made in {cpu:.2f} s of CPU")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("scan")(scan)
