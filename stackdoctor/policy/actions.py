"""What a request for a wildcard action (`kms:GenerateDataKey*`) stands for: every action below it.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
"""

from __future__ import annotations

from dataclasses import replace

from stackdoctor.policy.document import Policy
from stackdoctor.policy.patterns import as_glob, matcher
from stackdoctor.policy.request import Request

_KMS = (
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncryptFrom",
    "ReEncryptTo",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "SynchronizeMultiRegionKey",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
)
KMS_ACTIONS = frozenset(f"kms:{name}".lower() for name in _KMS)
"""Every action of KMS, lowercased."""

_SOMETHING_NEW = "SomethingNew"


def is_wild(action: str) -> bool:
    """Whether an action stands for several."""
    return "*" in action or "?" in action


def members(request: Request, policies: tuple[Policy, ...]) -> tuple[Request, ...]:
    """The concrete requests a wildcard request stands for: KMS's own list, else those the policies name and one they do not."""
    matches = matcher(as_glob(request.action.lower()))
    if request.action.lower().startswith("kms:"):
        names = [f"kms:{name}" for name in _KMS if matches(f"kms:{name}".lower())]
    else:
        written = dict.fromkeys(
            text
            for policy in policies
            for s in policy.statements
            if s.actions
            for text in s.actions.written
            if not is_wild(text) and matches(text.lower())
        )
        names = [*written, request.action.replace("*", _SOMETHING_NEW).replace("?", "X")]
    return tuple(replace(request, action=name) for name in names)
