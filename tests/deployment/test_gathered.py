"""What Step Functions left in a bucket becomes one report, whatever is damaged, missing or done twice."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from lab.ministack_server import REGION, MiniStack

from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings
from stackdoctor.errors import CannotRun
from stackdoctor.scan import codec
from stackdoctor.scan.gathered import gathered
from stackdoctor.scan.stored import StoredReport
from stackdoctor.scanned import Place, PlaceResult

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE, TWO = "111111111111", "222222222222"


@pytest.fixture
def reader(ministack: MiniStack, monkeypatch: pytest.MonkeyPatch) -> LiveReader:
    for name, value in ministack.environment().items():
        if name not in os.environ or name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return LiveReader(Settings(region=REGION, endpoint_url=ministack.url))


class Bucket:
    def __init__(self, aws: MiniStack) -> None:
        self.s3, self.name = aws.client("s3"), f"gathered-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.name)

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=self.name, Key=f"runs/x/{key}", Body=text.encode())

    def pages(self, *pages: Sequence[tuple[str, str]]) -> None:
        for number, page in enumerate(pages, 1):
            self.put(f"accounts/{number:05}.json", json.dumps([{"account": a, "region": r, "name": f"n{a[0]}"} for a, r in page]))


@pytest.fixture
def bucket(ministack: MiniStack) -> Bucket:
    return Bucket(ministack)


def succeeded(account: str, region: str) -> dict[str, Any]:
    result = PlaceResult(Place(account, region, f"n{account[0]}"))
    return {"Status": "SUCCEEDED", "Input": "{}", "Output": json.dumps(codec.of_result(result))}


def failed(account: str, region: str, **more: Any) -> dict[str, Any]:
    return {"Status": "FAILED", "Input": json.dumps({"account": account, "region": region, "name": ""}), "Error": "E", "Cause": "c"} | more


def lines(*rows: Mapping[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows)) + "\n"


def states(reader: LiveReader, bucket: Bucket) -> dict[tuple[str, str], tuple[str, str]]:
    kept = gathered(reader, bucket.name, "runs/x/", AT)
    return {(row.place.account, row.place.region): (row.state, row.error) for row in StoredReport(kept, reason="stopped").places()}


def test_accounts_are_in_the_order_of_their_ids_whatever_page_they_came_on(reader: LiveReader, bucket: Bucket) -> None:
    bucket.pages([(TWO, "us-east-1"), (TWO, "eu-west-1")], [(ONE, "us-east-1"), (ONE, "eu-west-1")])
    bucket.put("results/u/SUCCEEDED_0.jsonl", lines(*(succeeded(a, r) for a in (TWO, ONE) for r in ("eu-west-1", "us-east-1"))))
    found = states(reader, bucket)
    assert list(found) == [(ONE, "us-east-1"), (ONE, "eu-west-1"), (TWO, "us-east-1"), (TWO, "eu-west-1")]
    assert set(found.values()) == {("healthy", "")}


def test_what_a_redrive_made_good_is_good(reader: LiveReader, bucket: Bucket) -> None:
    bucket.pages([(ONE, "us-east-1"), (TWO, "us-east-1")])
    bucket.put("results/u/SUCCEEDED_0.jsonl", lines(succeeded(ONE, "us-east-1")))
    bucket.put("results/u/FAILED_0.jsonl", lines(failed(ONE, "us-east-1"), failed(TWO, "us-east-1")))
    assert states(reader, bucket) == {(ONE, "us-east-1"): ("healthy", ""), (TWO, "us-east-1"): ("unread", "E: c")}


def test_what_never_ran_or_cannot_be_read_was_not_scanned(reader: LiveReader, bucket: Bucket) -> None:
    bucket.pages([(ONE, "us-east-1"), (ONE, "eu-west-1"), (TWO, "us-east-1")])
    bucket.put("results/u/PENDING_0.jsonl", lines({"Status": "PENDING", "Input": json.dumps({"account": ONE, "region": "us-east-1"})}))
    bucket.put(
        "results/u/SUCCEEDED_0.jsonl", '{"Status": "SUCCEEDED", "Output": "{\\"acc\n' + lines({"Status": "SUCCEEDED", "Output": "{}"})
    )
    bucket.put("results/u/manifest.json", json.dumps({"ResultFiles": {}}))
    assert set(states(reader, bucket).values()) == {("unread", "not scanned: stopped")}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"Error": "Throttled", "Cause": json.dumps({"errorType": "Throttled", "errorMessage": "slow\ndown"})}, "Throttled: slow down"),
        (
            {"Error": "Sandbox.Timedout", "Cause": '{"errorMessage": "Task timed out after 600.00 seconds"}'},
            "Sandbox.Timedout: Task timed out after 600.00 seconds",
        ),
        ({"Error": None, "Cause": None, "Status": "TIMED_OUT"}, "TIMED_OUT: no cause given"),
        ({"Error": "States.Runtime", "Cause": "[1, 2"}, "States.Runtime: [1, 2"),
        ({"Error": "E", "Cause": "[1]"}, "E: [1]"),
    ],
)
def test_a_failure_says_why_in_one_line(reader: LiveReader, bucket: Bucket, row: dict[str, Any], said: str) -> None:
    bucket.pages([(ONE, "us-east-1")])
    bucket.put("results/u/FAILED_0.jsonl", lines(failed(ONE, "us-east-1", **row)))
    assert states(reader, bucket) == {(ONE, "us-east-1"): ("unread", said)}


def test_a_json_array_is_read_as_json_lines_are(reader: LiveReader, bucket: Bucket) -> None:
    bucket.pages([(ONE, "us-east-1")])
    bucket.put("results/u/SUCCEEDED_0.json", json.dumps([succeeded(ONE, "us-east-1")], indent=1))
    assert states(reader, bucket) == {(ONE, "us-east-1"): ("healthy", "")}


def test_an_organization_of_thousands_is_listed_to_its_end(reader: LiveReader, bucket: Bucket) -> None:
    for number in range(1_005):
        bucket.put(f"accounts/{number:05}.json", json.dumps([{"account": f"{number:012}", "region": "us-east-1", "name": ""}]))
    kept = gathered(reader, bucket.name, "runs/x/", AT)
    assert StoredReport(kept).totals().accounts == 1_005


def test_a_bucket_that_cannot_be_read_is_an_error_and_no_empty_report(reader: LiveReader) -> None:
    with pytest.raises(CannotRun, match=r"s3://no-such-bucket-at-all/runs/x/accounts/ cannot be read: NoSuchBucket"):
        gathered(reader, "no-such-bucket-at-all", "runs/x/", AT)
