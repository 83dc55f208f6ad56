"""Four services on a real engine: the template is deployed, fails, and the command line names the clause."""

from __future__ import annotations

import pytest
from end_to_end.command import stackdoctor
from lab import deploy
from lab.ministack_server import MiniStack

pytestmark = pytest.mark.engine

FOUND = [
    ("delivery-channel-without-write", "DeliveryChannel", "s3", ("resource-path", "s3", "AWSConfigBucketDelivery", None)),
    ("log-group-key-of-another-region", "LogGroup", "kms", ("principal-misspelt", "kms", "AllowLogs", None)),
    ("queue-closed-to-s3", "UploadBucket", "other", ("source-arn-account", "sqs", "AllowUploads", "aws:SourceArn")),
    ("bucket-left-full", "ZoneLogGroup", "kms", ("principal-missing", "kms", None, None)),
]


@pytest.mark.parametrize(("incident", "logical_id", "denied_by", "cause"), FOUND, ids=[row[0] for row in FOUND])
def test_the_clause_at_fault_is_named(
    ministack: MiniStack, incident: str, logical_id: str, denied_by: str, cause: tuple[str, str, str | None, str | None]
) -> None:
    stack = f"svc-{incident}"
    assert deploy.deploy(ministack.client("cloudformation"), stack, incident) == "ROLLBACK_FAILED"
    report = stackdoctor("diagnose", stack, "--region", "us-east-1", "--endpoint-url", ministack.url, "-o", "json").report
    (root,) = report["root_causes"]
    assert (root["logical_id"], root["denied_by"], root["confidence"]) == (logical_id, denied_by, "confirmed")
    causes = [finding for finding in report["findings"] if finding["severity"] == "cause"]
    shown = [
        (f["check"], f["service"], (f["statement"] or {"sid": None})["sid"], (f["clause"] or {"key": None})["key"]) for f in causes
    ]  # fmt: skip
    assert shown == [cause]
    assert any(fix["verified"] for fix in report["fixes"])
