"""CloudTrail's event history as evidence: the failed call itself, and the denied calls a service made for it.

in: a `Reader`, the failure, the resource and what it names. out: `History`. Found is evidence, not found is nothing:
KMS logs failed calls only in some scenarios, S3 object calls are never there, and the history lags.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from stackdoctor.model import DeniedBy, Evidence, Failure, Unread
from stackdoctor.reader import Call, Reader, ReadError
from stackdoctor.services.base import Resource, Service, Target, Use, bucket_name

BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=15)
"""The window around the failure that is searched: the call came before the event, and clocks differ."""
LAG = timedelta(minutes=15)
"""Events may take this long to appear (AWS: on average 5 minutes, not guaranteed)."""
RETENTION = timedelta(days=90)
MAX_PAGES = 2
"""Pages of 50 events read per event name: LookupEvents allows 2 requests a second per account and Region."""

SIDES = {
    "InsufficientS3BucketPolicyException": DeniedBy.S3,
    "S3BucketDoesNotExistException": DeniedBy.S3,
    "InsufficientEncryptionPolicyException": DeniedBy.S3_OR_KMS,
    "KmsKeyNotFoundException": DeniedBy.KMS,
    "KmsKeyDisabledException": DeniedBy.KMS,
    "KmsException": DeniedBy.KMS,
    "InsufficientDeliveryPolicyException": DeniedBy.S3,
}
"""The exception a failed call carries, and the side it points at (botocore cloudtrail/2013-11-01, config/2014-11-12)."""

NOISE = frozenset({"ListBucket", "HeadBucket"})
"""Denied existence probes of config and delivery.logs: AWS documents them as harmless."""


@dataclass(frozen=True, slots=True)
class History:
    """What the event history shows. `sides` are denied calls that were recorded, `exception` the failed call's error code."""

    exception: str | None = None
    sides: frozenset[DeniedBy] = frozenset()
    evidence: tuple[Evidence, ...] = ()
    unread: tuple[Unread, ...] = ()


def look_up(reader: Reader, failure: Failure, resource: Resource, service: Service, uses: tuple[Use, ...]) -> History:
    """Searches the event history for the failure's own call and for what the service was denied."""
    if failure.event.timestamp is None:
        return History()
    moment = failure.event.timestamp
    found, errors = [], []
    chains = _chains(failure, service, uses)
    for events, error in reader.gather(*(partial(_chain, reader, resource.scope.region, chain, moment) for chain in chains)):
        found += events
        errors += error
    evidence = tuple(_evidence(found, failure, service, uses, moment))
    sides = frozenset(side for side, _ in evidence if side)
    exception = next((event.get("errorCode") for event in found if _is_call(event, failure, service) and event.get("errorCode")), None)
    return History(exception, sides, tuple(piece for _, piece in evidence), tuple(dict.fromkeys(errors)))


def _chains(failure: Failure, service: Service, uses: tuple[Use, ...]) -> list[list[tuple[str, bool]]]:
    """The event names to look up, in chains that run at the same time; True: from the failure on, not around it."""
    targets = {use.target for use in uses}
    called = service.api_calls[:1] if failure.event.status.startswith("CREATE") else service.api_calls[1:2]
    key, bucket = Target.KEY in targets, Target.BUCKET in targets
    around = [(name, False) for name, wanted in (("GenerateDataKey", key), ("GetBucketAcl", bucket)) if wanted]
    since = [(name, True) for name, wanted in (("PutKeyPolicy", key), ("PutBucketPolicy", bucket)) if wanted]
    return [chain for chain in ([(name, False) for name in called], around, since) if chain]


def _chain(reader: Reader, region: str, names: list[tuple[str, bool]], moment: datetime) -> tuple[list[dict[str, Any]], list[Unread]]:
    events: list[dict[str, Any]] = []
    for name, since in names:
        start = moment if since else moment - BEFORE
        attribute = {"AttributeKey": "EventName", "AttributeValue": name}
        params: dict[str, Any] = {"LookupAttributes": [attribute], "StartTime": start.isoformat()}
        if not since:
            params["EndTime"] = (moment + AFTER).isoformat()
        for _page in range(MAX_PAGES):
            try:
                answer = reader.read(Call("cloudtrail", "LookupEvents", region, params))
            except ReadError as error:
                return events, [Unread("CloudTrail event history", f"{error.code}: {error.message}", error.needs)]
            events += _parsed(answer)
            if not answer.get("NextToken"):
                break
            params = {**params, "NextToken": answer["NextToken"]}
    return events, []


def _parsed(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in answer.get("Events", ()):
        try:
            event = json.loads(row["CloudTrailEvent"])
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _evidence(
    events: Iterable[Mapping[str, Any]], failure: Failure, service: Service, uses: tuple[Use, ...], moment: datetime
) -> Iterator[tuple[DeniedBy | None, Evidence]]:
    for event in events:
        name, error, said = str(event.get("eventName", "")), event.get("errorCode"), event.get("errorMessage", "")
        ref, when = str(event.get("eventID", "")), str(event.get("eventTime", ""))
        if name in NOISE:
            continue
        if _is_call(event, failure, service) and error:
            yield SIDES.get(str(error)), Evidence("exception", ref, f"{name} failed with {error} at {when}: {said}")
        elif error and _by(event, service.principal) and _about(event, uses):
            side = DeniedBy.KMS if event.get("eventSource") == "kms.amazonaws.com" else DeniedBy.S3
            yield side, Evidence("history", ref, f"{name} by {service.principal} was refused with {error} at {when}: {said}")
        elif name in {"PutKeyPolicy", "PutBucketPolicy"} and not error and _about(event, uses) and _after(when, moment):
            yield None, Evidence("history", ref, f"{name} at {when} changed the policy after the failure, by {_who(event)}")


def _is_call(event: Mapping[str, Any], failure: Failure, service: Service) -> bool:
    """The failed call itself: by the request id in the reason."""
    wanted = failure.reason.request_id
    return bool(wanted) and event.get("requestID") == wanted and event.get("eventName") in service.api_calls


def _by(event: Mapping[str, Any], principal: str) -> bool:
    identity = event.get("userIdentity")
    return isinstance(identity, Mapping) and principal in {identity.get("invokedBy"), event.get("sourceIPAddress")}


def _who(event: Mapping[str, Any]) -> str:
    identity = event.get("userIdentity")
    return str(identity.get("arn") or identity.get("invokedBy") or "?") if isinstance(identity, Mapping) else "?"


def _about(event: Mapping[str, Any], uses: tuple[Use, ...]) -> bool:
    """Whether the event concerns a bucket or key that the failed resource names."""
    parameters = event.get("requestParameters")
    given = parameters if isinstance(parameters, Mapping) else {}
    listed = event.get("resources")
    arns = {str(row.get("ARN")) for row in listed if isinstance(row, Mapping)} if isinstance(listed, list) else set()
    names = {str(given.get("bucketName", "")), str(given.get("keyId", "")), *arns}
    for use in uses:
        if use.target is Target.BUCKET and bucket_name(use.ref) in {bucket_name(name) for name in names if name}:
            return True
        if use.target is Target.KEY and any(name and name.rsplit("/", 1)[-1] == use.ref.rsplit("/", 1)[-1] for name in names):
            return True
    return False


def _after(when: str, moment: datetime) -> bool:
    try:
        return datetime.fromisoformat(when) >= moment
    except (ValueError, TypeError):
        return False
