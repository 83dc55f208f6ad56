"""The organization of the account, read only for a resource that acts for all of it: an organization trail.

in: a `Reader` and the resource. out: the resource with its organization and management account, or why they are not known.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackdoctor.inspection import read
from stackdoctor.model import Found, Read, Unreadable
from stackdoctor.reader import Call, Reader
from stackdoctor.services.base import Resource

WHOLE = "IsOrganizationTrail"
"""The property that makes a resource act for the whole organization."""


def organization(reader: Reader, resource: Resource) -> Read[tuple[str, str]] | None:
    """The id of the organization and its management account; None where the resource has nothing to do with either."""
    if not resource.flag(WHOLE):
        return None
    call = Call("organizations", "DescribeOrganization", resource.scope.region)
    return read(reader, call, f"organization of account {resource.scope.account}", _organization)


def _organization(answer: Mapping[str, Any]) -> tuple[str, str]:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html"""
    known = answer["Organization"]
    return str(known["Id"]), str(known["MasterAccountId"])


def within(resource: Resource, known: Read[tuple[str, str]] | None) -> tuple[Resource, tuple[Unreadable, ...]]:
    """The resource in its organization, as far as that is known."""
    match known:
        case Found((identifier, management)):
            return replace(resource, scope=replace(resource.scope, organization=identifier, management=management)), ()
        case Unreadable() as unread:
            return resource, (unread,)
    return resource, ()
