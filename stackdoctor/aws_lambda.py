"""The Lambda functions of `deployment org` and `deployment runbook`: the same code as the command line, without it.

in: events. out: plain JSON of at most 256 KiB, as Step Functions passes it on. They read, and never write: what they
return is put into S3 and sent to SNS by Step Functions' own integrations.

diagnose   one stack; also what EventBridge sends of a "CloudFormation Stack Status Change"
scan       one account and Region, a child execution of the Distributed Map
reduce     what all child executions gave → the report

An account other than the function's own is read with the role STACKDOCTOR_ROLE_NAME (and STACKDOCTOR_EXTERNAL_ID) names;
an event cannot choose another. https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from stackdoctor.answers import arn_part, text
from stackdoctor.aws.accounts import AccountAccess, Accounts
from stackdoctor.aws.settings import Settings
from stackdoctor.diagnosis import diagnose as diagnosed
from stackdoctor.errors import UsageError
from stackdoctor.model import Diagnosis, Verdict
from stackdoctor.report import json as as_json
from stackdoctor.report import scan_json, scan_text
from stackdoctor.report.scan_words import ScanVerdict, verdict
from stackdoctor.report.text import Style, render
from stackdoctor.report.untrusted import plain
from stackdoctor.scan import codec, fitting
from stackdoctor.scan.gathered import gathered
from stackdoctor.scan.one import scan_place
from stackdoctor.scan.stored import StoredReport
from stackdoctor.scanned import Account, Place

DIAGNOSIS_SECONDS = 45.0
"""What one diagnosis may take, as on the command line."""
SPARE = 5.0
"""Seconds kept of the function's own time to say what was found."""
TRIES = 2
"""How often a place that AWS throttled is handed back to Step Functions, which waits before it tries again."""
WORKERS = 16

_EXIT = {Verdict.HEALTHY: 0, Verdict.EXPLAINED: 1, Verdict.UNEXPLAINED: 3}


class Context(Protocol):
    """What Lambda tells a function of its invocation."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


class Throttled(Exception):
    """AWS refused calls for their number: to be tried again after a while."""


# -------------------------------------------------------------------------------------------------------------- one stack
def diagnose(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """One stack by `stack` (name or ARN, with `region` and `account` where a name does not say them), or of a status change's event.

    `brief` leaves the json document out. `tell` is whether anybody has to know: not where the stack is healthy by now, nor of
    a nested stack whose root was diagnosed in its place, since the root's own event does that.
    """
    asked = _stack_of(event)
    region = arn_part(asked, 3) or text(event, "region") or _accounts().region
    account = arn_part(asked, 4) or text(event, "account") or _own(context)
    diagnosis = diagnosed(_access(account, context).reader(region, _seconds(context, DIAGNOSIS_SECONDS)), asked)
    return _answer(diagnosis, asked) | ({} if event.get("brief") else {"document": _document(diagnosis)})


def _stack_of(event: Mapping[str, Any]) -> str:
    detail = event.get("detail")
    named = text(event, "stack") or (text(detail, "stack-id") if isinstance(detail, Mapping) else None)
    if not named:
        raise UsageError("The event names no stack.", 'Give {"stack": "NAME or ARN"}.')
    return named


def _answer(diagnosis: Diagnosis, asked: str) -> dict[str, Any]:
    stack = diagnosis.stack
    instead = asked.startswith("arn:") and asked != stack.id
    return {
        "verdict": diagnosis.verdict.value,
        "exit_code": _EXIT[diagnosis.verdict],
        "summary": diagnosis.summary,
        "stack": stack.name,
        "stack_id": stack.id,
        "status": stack.status,
        "account": stack.account,
        "region": stack.region,
        "commands": [step.command for step in diagnosis.recovery],
        "subject": _subject(f"stackdoctor: {stack.name} is {stack.status}"),
        "message": fitting.message(render(diagnosis, Style())),
        "tell": diagnosis.verdict is not Verdict.HEALTHY and not instead,
    }


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return fitting.diagnosis(as_json.document(diagnosis, datetime.now(UTC)))


# ------------------------------------------------------------------------------------------------- one account and Region
def scan(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """`account` and `region` (and `name`): what `stackdoctor scan` finds there. Raises CannotRun where the role cannot be assumed.

    `attempt` counts what Step Functions tried before.
    """
    account, region = text(event, "account") or _own(context), text(event, "region") or _accounts().region
    place = Place(account, region, text(event, "name") or "", _accounts().partition)
    result = scan_place(_access(account, context).reader(region, _seconds(context)), place)
    if result.throttled and int(event.get("attempt") or 0) < TRIES:
        raise Throttled(f"{account} in {region}: AWS refused calls for their number")
    return fitting.place(codec.of_result(result))


# ------------------------------------------------------------------------------------------------------------- the report
def reduce(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The report of a run, from `bucket` and `prefix`; a large one in parts, of which `part` is wanted and `next` follows (0: none).

    `reason` says why the run ended early, `where` the place the report will be put, for the message.
    """
    started = datetime.fromisoformat(text(event, "started_at") or datetime.now(UTC).isoformat())
    reader = _accounts().own().reader(_accounts().region, _seconds(context))
    kept = gathered(reader, str(event["bucket"]), str(event["prefix"]), started, _accounts().partition)
    report = StoredReport(kept, _accounts().partition, text(event, "reason") or "")
    document = json.loads("".join(scan_json.document(report, datetime.now(UTC))))
    number, pieces = int(event.get("part") or 1), list(fitting.parts(document))
    message = fitting.message("".join(scan_text.render(report, Style())))
    found, totals = verdict(report.totals()), report.totals()
    kept.close()
    return {
        "verdict": found.value,
        "exit_code": {ScanVerdict.HEALTHY: 0, ScanVerdict.PROBLEMS: 1, ScanVerdict.INCOMPLETE: 3}[found],
        "summary": document["summary"],
        "key": "report.json" if len(pieces) == 1 else f"report-{number}-of-{len(pieces)}.json",
        "report": pieces[number - 1],
        "next": number + 1 if number < len(pieces) else 0,
        "subject": _subject(f"stackdoctor: {found.value} in {totals.accounts} accounts, {totals.problems} wrong, {totals.unread} not read"),
        "message": message + (f"\nThe whole report: {where}\n" if (where := text(event, "where")) else ""),
        "tell": found is not ScanVerdict.HEALTHY,
    }


# ----------------------------------------------------------------------------------------------------------- what is shared
@functools.cache
def _accounts() -> Accounts:
    """One set of clients as long as this process lives."""
    return Accounts(Settings(attempts=6), WORKERS)


def _access(account: str, context: Context) -> AccountAccess:
    if account == _own(context):
        return _accounts().own()
    name = os.environ.get("STACKDOCTOR_ROLE_NAME", "")
    if not name:
        raise UsageError(f"{account} is another account, and STACKDOCTOR_ROLE_NAME names no role.")
    role = f"arn:{_accounts().partition}:iam::{account}:role/{name}"
    return _accounts().opens(Account(account, roles=(role,), external_id=os.environ.get("STACKDOCTOR_EXTERNAL_ID", "")))


def _own(context: Context) -> str:
    return arn_part(context.invoked_function_arn, 4)


def _seconds(context: Context, at_most: float = 900.0) -> float:
    return max(1.0, min(at_most, context.get_remaining_time_in_millis() / 1000 - SPARE))


def _subject(words: str) -> str:
    """What SNS takes as a subject: at most 100 characters of ASCII, no line breaks."""
    return plain(words).encode("ascii", "replace").decode()[:100]
