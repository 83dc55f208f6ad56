"""Which Regions an account must opt in to: there some services call under a name with the Region in it.

https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
"""

from __future__ import annotations

OPT_IN = frozenset(
    {
        "af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
        "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1", "me-south-1",
        "mx-central-1",
    }
)  # fmt: skip


def regional(service: str, region: str) -> str:
    """`guardduty.amazonaws.com`, in an opt-in Region `guardduty.<region>.amazonaws.com`."""
    return f"{service}.{region}.amazonaws.com" if region in OPT_IN else f"{service}.amazonaws.com"
