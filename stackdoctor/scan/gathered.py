"""The parts of an organization's scan, as Step Functions left them in S3, put together for one report.

in: a `Reader`, the bucket and prefix of one run. out: a `Checkpoint` with every account and Region that was to be scanned:
its result, why it failed, or nothing, which the report calls not scanned.

Below the prefix are `accounts/` (pages of places: lists of account, name, region) and `results/` (what the Distributed
Map's ResultWriter writes: one object a child execution, the executions of one status in files of their own).
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stackdoctor.answers import rows, text
from stackdoctor.errors import CannotRun
from stackdoctor.reader import Call, Reader, ReadError
from stackdoctor.scan import codec
from stackdoctor.scan.checkpoint import Checkpoint
from stackdoctor.scanned import Account, Place, PlaceResult

ACCOUNTS = "accounts/"
RESULTS = "results/"
MAX_FILES = 20_000


def gathered(reader: Reader, bucket: str, prefix: str, at: datetime, partition: str = "aws") -> Checkpoint:
    """Everything one run planned and found. Raises CannotRun where an object cannot be read."""
    planned = [item for name in _keys(reader, bucket, prefix + ACCOUNTS) for item in _lines(_text(reader, bucket, name))]
    accounts = _accounts(planned)
    kept = Checkpoint()
    kept.begin("organization", lambda: accounts, at)
    where: dict[tuple[str, str], tuple[int, int]] = {}
    for position, account in enumerate(accounts):
        kept.plan(position, account.regions)
        where |= {(account.id, region): (position, number) for number, region in enumerate(account.regions)}
    for result in _results(reader, bucket, prefix, partition):
        if place := where.get((result.place.account, result.place.region)):
            kept.add(*place, result)
    return kept


def _accounts(planned: list[dict[str, Any]]) -> list[Account]:
    """By account id, as `stackdoctor scan --organization` has them; Regions in the order asked for."""
    regions: dict[str, dict[str, None]] = {}
    names: dict[str, str] = {}
    for item in planned:
        account, region = text(item, "account"), text(item, "region")
        if account and region:
            regions.setdefault(account, {})[region] = None
            names[account] = text(item, "name") or ""
    return [Account(account, names[account], regions=tuple(regions[account])) for account in sorted(regions)]


def _results(reader: Reader, bucket: str, prefix: str, partition: str) -> Iterator[PlaceResult]:
    """Of every child execution, those that succeeded last: what a redrive made good outranks the failure before."""
    names = _keys(reader, bucket, prefix + RESULTS)
    for name in sorted(names, key=lambda key: ("/SUCCEEDED_" in key, key)):
        if not name.endswith("manifest.json"):
            for row in _lines(_text(reader, bucket, name)):
                if result := _result(row, partition):
                    yield result


def _result(row: dict[str, Any], partition: str) -> PlaceResult | None:
    """What one child execution gave; None where it never ran, or its row cannot be read."""
    try:
        if row.get("Status") == "SUCCEEDED":
            return codec.result_from(json.loads(row["Output"]))
        asked = json.loads(row["Input"])
        place = Place(str(asked["account"]), str(asked["region"]), str(asked.get("name") or ""), partition)
    except (ValueError, KeyError, TypeError):
        return None
    return PlaceResult(place, error=_why(row)) if row.get("Status") != "PENDING" else None


def _why(row: dict[str, Any]) -> str:
    """A Lambda function's error as it said it; else Step Functions' own."""
    cause = text(row, "Cause") or ""
    try:
        said = json.loads(cause)
    except ValueError:
        said = None
    message = text(said, "errorMessage") if isinstance(said, dict) else cause
    return " ".join(f"{text(row, 'Error') or text(row, 'Status') or 'failed'}: {message or 'no cause given'}".split())


# ------------------------------------------------------------------------------------------------------------ the objects
def _keys(reader: Reader, bucket: str, prefix: str) -> list[str]:
    """Every object below a prefix, in S3's own order."""
    found: list[str] = []
    while len(found) < MAX_FILES:
        answer = _read(reader, "ListObjectsV2", {"Bucket": bucket, "Prefix": prefix} | ({"StartAfter": found[-1]} if found else {}))
        page = [key for row in rows(answer, "Contents") if (key := text(row, "Key"))]
        found += page
        if not page or not answer.get("IsTruncated"):
            break
    return found


def _text(reader: Reader, bucket: str, key: str) -> str:
    return text(_read(reader, "GetObject", {"Bucket": bucket, "Key": key}), "Body") or ""


def _read(reader: Reader, operation: str, params: dict[str, str]) -> dict[str, Any]:
    try:
        return reader.read(Call("s3", operation, reader.region, params))
    except ReadError as error:
        where = f"s3://{params['Bucket']}/{params.get('Key') or params['Prefix']}"
        raise CannotRun(f"{where} cannot be read: {error.code}: {error.message}") from error


def _lines(document: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array or of JSON Lines; a damaged line is left out, and its place stays not scanned."""
    for piece in [document] if document.lstrip().startswith("[") else document.split("\n"):
        try:
            value = json.loads(piece)
        except ValueError:
            continue
        yield from (row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict))
