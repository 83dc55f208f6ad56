"""AWS::CloudTrail::EventDataStore with a key: CloudTrail uses it as its service principal, and so does whoever creates the store.

Unlike for trails aws:SourceArn and aws:SourceAccount are not supported in the key's policy: they are never sent.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
"""

from __future__ import annotations

from stackdoctor.model import JSON
from stackdoctor.policy.request import MISSING, Knowledge
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Service,
    Target,
    Use,
    allow,
    key_arn,
    key_request,
    via_s3,
)
from stackdoctor.services.identity import own

PRINCIPAL = "cloudtrail.amazonaws.com"
PAGE = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"
ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def _uses(resource: Resource) -> tuple[Use, ...]:
    key = resource.text("KmsKeyId")
    return (Use(Target.KEY, key, "KmsKeyId"),) if key else ()


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    key, scope = resource.text("KmsKeyId"), resource.scope
    if not key:
        return ()
    carried: dict[str, Knowledge] = {
        "aws:SourceArn": MISSING,
        "aws:SourceAccount": MISSING,
        "kms:ViaService": via_s3(scope.region, scope.region),
    }
    why = "CloudTrail encrypts the event data store with the key"
    by_service = (
        Needed(key_request(PRINCIPAL, action, key, facts, scope, carried), Target.KEY, key, Blocking.YES, why, PAGE) for action in ACTIONS
    )
    arn, owner = key_arn(key, facts, scope), facts.key(key).account
    by_caller = (own(resource, action, arn, PAGE, "whoever creates the store uses the key too", ref=key, owner=owner) for action in ACTIONS)
    return (*by_service, *by_caller)


def _minimal(_resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement, which has no condition."""
    return (allow("AllowCloudTrailEventDataStore", PRINCIPAL, ACTIONS, "*"),)


SERVICE = Service(
    resource_types=("AWS::CloudTrail::EventDataStore",),
    principal=PRINCIPAL,
    uses=_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    api_calls=("CreateEventDataStore", "UpdateEventDataStore"),
    constraints=frozenset({Constraint.KEY_IN_RESOURCE_REGION, Constraint.KEY_SYMMETRIC, Constraint.KEY_CUSTOMER_MANAGED}),
)
