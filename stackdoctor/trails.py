"""The trail itself, where it exists: what it delivers to now, beside what the failed attempt wanted.

in: a `Reader`, the failure and its resource. out: evidence, or why there is none. A trail that was to be created does not
exist; one that was to be updated stands as it was before, so it shows what worked.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackdoctor.inspection import read
from stackdoctor.model import Evidence, Failure, Found, Read, Unreadable
from stackdoctor.reader import Call, Reader
from stackdoctor.services.base import Resource

TRAIL = "AWS::CloudTrail::Trail"


def existing(reader: Reader, failure: Failure, resource: Resource) -> Read[Evidence] | None:
    """What the trail is now; None for what is no trail, or was never made."""
    if resource.type != TRAIL or not resource.physical_id or failure.event.status.startswith("CREATE"):
        return None
    call = Call("cloudtrail", "GetTrail", resource.scope.region, {"Name": resource.physical_id})
    return read(reader, call, f"trail {resource.physical_id}", _told)


def _told(answer: Mapping[str, Any]) -> Evidence:
    trail = answer["Trail"]
    prefix, key = trail.get("S3KeyPrefix"), trail.get("KmsKeyId")
    where = f"{trail['S3BucketName']}/{prefix}" if prefix else str(trail["S3BucketName"])
    sealed = f"encrypted with {key}" if key else "without a key of its own"
    return Evidence(
        "trail", str(trail.get("TrailARN") or trail.get("Name") or ""), f"The trail as it stands delivers to {where}, {sealed}."
    )


def told(known: Read[Evidence] | None) -> tuple[tuple[Evidence, ...], tuple[Unreadable, ...]]:
    """The evidence, and what is missing."""
    match known:
        case Found(evidence):
            return (evidence,), ()
        case Unreadable() as unread:
            return (), (unread,)
    return (), ()
