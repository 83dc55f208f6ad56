"""Deliveries that AWS itself reports as failing: seen by a scan alone, for a failed stack has nothing that delivers yet."""

from __future__ import annotations

from stackdoctor.checks.base import Check

FAILING = Check(
    id="delivery-failing",
    title="AWS reports that a delivery fails, though its stack is COMPLETE",
    explanation=(
        "A bucket or key policy that was changed after the resource was made, or that was never tried when it was made, fails no stack: "
        "the trail logs, the flow log is ACTIVE, the delivery channel is there, and nothing arrives. Only the status says so: "
        "LatestDeliveryError of a trail, lastStatus of a delivery channel, DeliverLogsStatus of a flow log."
    ),
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html",
        "https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigExportDeliveryInfo.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html",
    ),
)
