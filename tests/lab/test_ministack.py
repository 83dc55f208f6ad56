"""The lab itself: an incident really happens when its template is deployed, and ends when its template is right."""

import pytest

from lab import deploy

pytestmark = pytest.mark.engine


def test_the_born_from_incident_ends_in_rollback_failed_with_the_trail_failing_first(empty_ministack):
    cfn = empty_ministack.client("cloudformation")

    assert deploy.deploy(cfn, "audit", "cloudtrail-kms-viaservice") == "ROLLBACK_FAILED"

    events = deploy.events(cfn, "audit")
    failed = [(e["LogicalResourceId"], e["ResourceStatus"]) for e in events if e["ResourceStatus"].endswith("_FAILED")]
    assert failed == [
        ("Trail", "CREATE_FAILED"),
        ("WatchedTopic", "CREATE_FAILED"),
        ("AuditedDatabase", "DELETE_FAILED"),
        ("audit", "ROLLBACK_FAILED"),
    ]
    assert (
        "Insufficient permissions to access S3 bucket"
        in next(e for e in events if e["ResourceStatus"] == "CREATE_FAILED")["ResourceStatusReason"]
    )
    times = [e["Timestamp"] for e in events]
    assert times == sorted(set(times))


def test_without_the_clause_the_same_template_reaches_create_complete(empty_ministack):
    right = deploy.text("cloudtrail-kms-viaservice").replace("kms:ViaService: !Sub cloudtrail.${AWS::Region}.amazonaws.com", "")

    assert deploy.deploy(empty_ministack.client("cloudformation"), "audit", right) == "CREATE_COMPLETE"
