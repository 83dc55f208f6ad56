"""`stackdoctor explain POLICY.json`: one request put to one policy, decided and explained, without AWS.

Exit 0 allowed, 1 denied, 3 undecided; 4 for a file that cannot be read or is no policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackdoctor.cli.policy_file import read_policy
from stackdoctor.cli.streams import Colour, say, say_json, wants_colour
from stackdoctor.errors import UsageError

if TYPE_CHECKING:
    from stackdoctor.policy import Knowledge, Request

_KINDS = {"kms": "key", "s3": "bucket", "sqs": "queue", "sns": "topic", "lambda": "function"}


def explain(
    policy: Annotated[str, typer.Argument(metavar="POLICY.json", help="The policy, or what the AWS CLI printed of it; - for stdin.")],
    principal: Annotated[str, typer.Option("--principal", help="Who asks: a service principal, an ARN, * for anonymous.")],
    action: Annotated[
        str, typer.Option("--action", help="What for, as kms:GenerateDataKey; its prefix tells a key policy from a bucket policy.")
    ],
    resource: Annotated[str | None, typer.Option("--resource", help="On which ARN; in a key policy this key if left out.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The account that owns the resource.")] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", metavar="KEY=VALUE", help="A context key; repeat it for several values.")
    ] = None,
    unknown: Annotated[
        list[str] | None, typer.Option("--unknown", metavar="KEY", help="A key that may be absent or have any value.")
    ] = None,
    present: Annotated[list[str] | None, typer.Option("--present", metavar="KEY", help="A key that has some value.")] = None,
    open_world: Annotated[bool, typer.Option("--open", help="Keys not named are unknown, not absent.")] = False,
    rcp: Annotated[list[Path] | None, typer.Option("--rcp", metavar="FILE", help="A resource control policy that applies as well.")] = None,
    restrict_public_buckets: Annotated[
        bool, typer.Option("--restrict-public-buckets", help="RestrictPublicBuckets of Block Public Access is on.")
    ] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    color: Annotated[Colour, typer.Option("--color", help="Colour in text.")] = Colour.AUTO,
) -> int:
    """Evaluate one request against one policy and say why, clause by clause."""
    from stackdoctor.policy import PolicyKind, propose  # noqa: PLC0415 - start-up: --help needs none of it
    from stackdoctor.policy import explain as explain_request  # noqa: PLC0415
    from stackdoctor.report.explanation import Answer, document, render  # noqa: PLC0415
    from stackdoctor.report.text import Style  # noqa: PLC0415

    if output not in {"text", "json"}:
        raise UsageError(f"--output is {output}.", "It is text or json.")
    asked = _request(principal, action, resource, account, _context(context or [], unknown or [], present or []), open_world=open_world)
    kind = PolicyKind(_KINDS.get(action.partition(":")[0].lower(), "other"))
    parsed = read_policy(policy, kind)
    rcps = [read_policy(str(path), PolicyKind.RCP) for path in rcp or []]
    found = explain_request(parsed, asked, restrict_public_buckets=restrict_public_buckets, rcps=rcps)
    edits = propose(parsed, [asked], source_arn=_source_arn(asked), rcps=rcps)
    answer = Answer(asked, found, edits, parsed.notes)
    if output == "json":
        say_json(document(answer))
    else:
        say(render(answer, Style(wants_colour(color))))
    return 1 if found.outcome.denied else {"allowed": 0, "undecided": 3}[found.outcome]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("explain")(explain)


# ---------------------------------------------------------------------------------------------- the request
def _request(
    principal: str, action: str, resource: str | None, account: str | None, context: dict[str, Knowledge], *, open_world: bool
) -> Request:
    from stackdoctor.policy import MISSING, UNKNOWN, Caller, Request  # noqa: PLC0415

    service, colon, name = action.partition(":")
    if not (service and colon and name):
        raise UsageError(f"--action is {action or 'empty'}.", "It has the form service:Action, as s3:PutObject.")
    if not principal:
        raise UsageError("--principal is empty.", "It is a service principal, an ARN, or * for anonymous.")
    if not resource and service.lower() != "kms":
        raise UsageError("--resource is missing.", "It is the ARN of the bucket, object, queue, topic or function.")
    return Request(Caller.parse(principal), action, resource or "*", account, context, UNKNOWN if open_world else MISSING)


def _context(known: Sequence[str], unknown: Sequence[str], present: Sequence[str]) -> dict[str, Knowledge]:
    from stackdoctor.policy import PRESENT, UNKNOWN, Known  # noqa: PLC0415

    values: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for pair in known:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"--context is {pair or 'empty'}.", "It has the form key=value.")
        values.setdefault(names.setdefault(key.lower(), key), []).append(value)
    context: dict[str, Knowledge] = {key: Known(tuple(found)) for key, found in values.items()}
    for keys, knowledge in ((unknown, UNKNOWN), (present, PRESENT)):
        for key in keys:
            if not key.strip():
                raise UsageError("A context key is empty.", "It has a form as aws:SourceArn.")
            if context.setdefault(names.setdefault(key.lower(), key), knowledge) is not knowledge:
                raise UsageError(f"{key} is named twice, with different knowledge.")
    return context


def _source_arn(request: Request) -> str | None:
    from stackdoctor.policy import Known  # noqa: PLC0415

    found = next((known for key, known in request.context.items() if key.lower() == "aws:sourcearn"), None)
    return found.values[0] if isinstance(found, Known) and len(found.values) == 1 and found.values[0] else None
