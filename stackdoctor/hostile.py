"""JSON that somebody else wrote → values with the shape that was asked for, or BadEvidence naming file and place.

in: the bytes of a kept file or of an events document. out: plain JSON, no deeper than MAX_DEPTH, no larger than
MAX_BYTES, each answer with the members its operation has. Nothing that is wrong here can raise anything but BadEvidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from stackdoctor.errors import BadEvidence

MAX_BYTES = 64 * 1024 * 1024
"""Size of one kept file; the largest real one, a page of 100 events with their properties, is below 4 MB."""
MAX_DEPTH = 100
"""Levels of one JSON document; templates and policies stay below 20."""

Shape: TypeAlias = "type | tuple[type, ...] | list[Shape] | Mapping[str, Shape]"
"""A type, a list of one shape, or an object with some known members. null and a missing member are always allowed."""

TIME = (str, int, float)
_TEXTS: Shape = [str]

_EVENT: dict[str, Shape] = {
    "StackId": str,
    "EventId": str,
    "StackName": str,
    "OperationId": str,
    "LogicalResourceId": str,
    "PhysicalResourceId": str,
    "ResourceType": str,
    "Timestamp": TIME,
    "ResourceStatus": str,
    "ResourceStatusReason": str,
    "ResourceProperties": str,
    "ClientRequestToken": str,
    "HookType": str,
    "HookStatus": str,
    "HookStatusReason": str,
    "HookFailureMode": str,
}
_SUMMARY: dict[str, Shape] = {
    "StackId": str,
    "StackName": str,
    "StackStatus": str,
    "CreationTime": TIME,
    "DeletionTime": TIME,
    "ParentId": str,
    "RootId": str,
}
_STACK: Shape = {
    **_SUMMARY,
    "StackStatusReason": str,
    "RoleARN": str,
    "EnableTerminationProtection": bool,
    "DisableRollback": bool,
    "RetainExceptOnCreate": bool,
    "LastOperations": [{"OperationType": str, "OperationId": str}],
}
_OPERATION_EVENT: dict[str, Shape] = {
    **_EVENT,
    "EventType": str,
    "ValidationName": str,
    "ValidationPath": str,
    "ValidationStatus": str,
    "ValidationStatusReason": str,
}
_RULE: Shape = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": str, "KMSMasterKeyID": str}, "BucketKeyEnabled": bool}
_GRANT: Shape = {
    "KeyId": str,
    "GrantId": str,
    "GranteePrincipal": str,
    "RetiringPrincipal": str,
    "IssuingAccount": str,
    "Operations": _TEXTS,
    "Constraints": {"EncryptionContextSubset": dict, "EncryptionContextEquals": dict},
}
_KEY: Shape = {
    "Arn": str,
    "KeyId": str,
    "AWSAccountId": str,
    "KeyState": str,
    "KeyUsage": str,
    "KeySpec": str,
    "KeyManager": str,
    "Origin": str,
    "Enabled": bool,
    "MultiRegion": bool,
    "DeletionDate": TIME,
    "MultiRegionConfiguration": {
        "MultiRegionKeyType": str,
        "PrimaryKey": {"Arn": str, "Region": str},
        "ReplicaKeys": [{"Arn": str, "Region": str}],
    },
}
_BLOCK: Shape = {"BlockPublicAcls": bool, "IgnorePublicAcls": bool, "BlockPublicPolicy": bool, "RestrictPublicBuckets": bool}
_LOOKUP: Shape = {"EventId": str, "EventName": str, "EventTime": TIME, "EventSource": str, "Username": str, "CloudTrailEvent": str}

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "cloudformation:DescribeStacks": {"Stacks": [_STACK], "NextToken": str},
        "cloudformation:DescribeStackEvents": {"StackEvents": [_EVENT], "NextToken": str},
        "cloudformation:DescribeEvents": {"OperationEvents": [_OPERATION_EVENT], "NextToken": str},
        "cloudformation:ListStacks": {"StackSummaries": [_SUMMARY], "NextToken": str},
        "cloudformation:ListStackResources": {
            "StackResourceSummaries": [{"LogicalResourceId": str, "PhysicalResourceId": str, "ResourceType": str, "ResourceStatus": str}],
            "NextToken": str,
        },
        "cloudformation:GetTemplate": {"TemplateBody": (str, dict)},
        "s3:GetBucketLocation": {"LocationConstraint": str},
        "s3:GetBucketPolicy": {"Policy": str},
        "s3:GetBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": [_RULE]}},
        "s3:GetBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": str}]}},
        "s3:GetPublicAccessBlock": {"PublicAccessBlockConfiguration": _BLOCK},
        "s3:GetBucketRequestPayment": {"Payer": str},
        "kms:DescribeKey": {"KeyMetadata": _KEY},
        "kms:GetKeyPolicy": {"Policy": str, "PolicyName": str},
        "kms:ListGrants": {"Grants": [_GRANT], "NextMarker": str, "Truncated": bool},
        "cloudtrail:GetTrail": {
            "Trail": {"Name": str, "S3BucketName": str, "S3KeyPrefix": str, "KmsKeyId": str, "TrailARN": str, "HomeRegion": str}
        },
        "cloudtrail:LookupEvents": {"Events": [_LOOKUP], "NextToken": str},
    }
)
"""The members of each answer that are read. Members that are not named may be anything."""


def decode(data: bytes, name: str, limit: int = MAX_BYTES) -> str:
    """The text of a file: UTF-8, with or without a byte order mark; UTF-16 where its mark says so (PowerShell's `>`)."""
    if len(data) > limit:
        raise BadEvidence(f"{name}: larger than {limit // 2**20} MB.")
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadEvidence(f"{name}: not {encoding[:6].rstrip('-').upper()} text at byte {error.start}.") from None


def load(text: str, name: str) -> Any:
    """One JSON document."""
    documents = list(load_all(text, name))
    if len(documents) != 1:
        raise BadEvidence(f"{name}: {'more than one JSON document' if documents else 'empty'}.")
    return documents[0]


def load_all(text: str, name: str) -> Iterator[Any]:
    """Every JSON document of a text, one after another, separated by white space or nothing."""
    decoder = json.JSONDecoder(parse_constant=lambda constant: _no_json(name, f"{constant} is not JSON"))
    place = _skip(text, 0)
    while place < len(text):
        try:
            document, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            _no_json(name, f"line {error.lineno}, column {error.colno}: {error.msg}")
        except (RecursionError, ValueError) as error:
            reason = f"deeper than {MAX_DEPTH} levels" if isinstance(error, RecursionError) else "a number that is too long"
            _no_json(name, reason)
        _check_depth(document, name)
        yield document
        place = _skip(text, place)


def _no_json(name: str, reason: str) -> NoReturn:
    raise BadEvidence(f"{name}: not the JSON it should be: {reason}.")


def _skip(text: str, place: int) -> int:
    while place < len(text) and (text[place].isspace() or text[place] == "\ufeff"):
        place += 1
    return place


def _check_depth(document: object, name: str) -> None:
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(child for child in value.values() if isinstance(child, dict | list))
            elif isinstance(value, list):
                below.extend(child for child in value if isinstance(child, dict | list))
        if not below:
            return
        level = below
    raise BadEvidence(f"{name}: deeper than {MAX_DEPTH} levels.")


def check(value: Any, shape: Shape, name: str, place: str = "") -> None:
    """Raises BadEvidence, naming file and place, where the value has not the shape."""
    if value is None:
        return
    if isinstance(shape, Mapping):
        _expect(isinstance(value, dict), "an object", name, place)
        for key, inner in shape.items():
            found = value.get(key)
            if found is not None and not (isinstance(inner, type) and type(found) is inner):
                check(found, inner, name, f"{place}.{key}" if place else key)
    elif isinstance(shape, list):
        _expect(isinstance(value, list), "a list", name, place)
        for index, item in enumerate(value):
            _expect(item is not None, "no null", name, f"{place}[{index}]")
            check(item, shape[0], name, f"{place}[{index}]")
    else:
        wanted = shape if isinstance(shape, tuple) else (shape,)
        right = isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
        _expect(right, " or ".join(_WORDS[kind] for kind in wanted), name, place)


_WORDS = {str: "text", int: "a number", float: "a number", bool: "true or false", dict: "an object"}


def _expect(right: bool, what: str, name: str, place: str) -> None:
    if not right:
        raise BadEvidence(f"{name}: {place or 'the document'} is not what it should be: expected {what}.")
