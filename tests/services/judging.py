"""Policies put to the requests of an example: the story of a failure without a stack around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.examples import BUCKET, Example, Place
from stackdoctor.evidence import BucketEvidence, EndpointEvidence, EvidenceSet, Grant, KeyDescription, KeyEvidence, PolicyText
from stackdoctor.faults import Fault, Judged, judge
from stackdoctor.model import Absent, Found, Origin
from stackdoctor.services.base import Target

Statement = Mapping[str, Any]


def text(*statements: Statement) -> Found[PolicyText]:
    return Found(PolicyText(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), Origin.LIVE))


def key(place: Place, *statements: Statement, ref: str = "", grants: tuple[Grant, ...] = (), account: str = "111122223333") -> EvidenceSet:
    """One key with this policy."""
    arn = f"arn:{place.partition}:kms:{place.region}:{account}:key/k"
    described = KeyDescription(arn, "Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "CUSTOMER", place.region, account)
    found = KeyEvidence(ref or place.key, arn, Found(described), text(*statements), Found(grants))
    return EvidenceSet(keys={found.ref: found})


def bucket(place: Place, *statements: Statement) -> EvidenceSet:
    """One bucket with this policy, or with none."""
    policy = text(*statements) if statements else Absent("NoSuchBucketPolicy")
    return EvidenceSet(buckets={BUCKET: BucketEvidence(BUCKET, place.bucket, Found(place.region), policy, account="111122223333")})


def endpoint(target: Target, arn: str, *statements: Statement, encrypted_by: str = "") -> EvidenceSet:
    return EvidenceSet(endpoints={arn: EndpointEvidence(target, arn, arn, text(*statements), Found(encrypted_by))})


def judged(example: Example, evidence: EvidenceSet) -> tuple[tuple[Judged, ...], tuple[Fault, ...]]:
    """What becomes of the example's requests on what `evidence` has; the rest was not inspected."""
    one, faults = judge(example.needed, evidence, example.resource.scope)
    return tuple(j for j in one if j.outcome is not None), faults


def named(faults: tuple[Fault, ...]) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Faults as (severity, target, element, actions)."""
    return [(fault.severity.value, fault.target.value, str(fault.element), fault.actions) for fault in faults]
