"""Condition keys whose type AWS documents: their values can be nothing else, whatever a policy holds them against.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

from stackdoctor.policy.operators import Family

_TYPES = {
    Family.BOOL: (
        "aws:SecureTransport",
        "aws:ViaAWSService",
        "aws:PrincipalIsAWSService",
        "aws:MultiFactorAuthPresent",
        "kms:GrantIsForAWSResource",
        "kms:BypassPolicyLockoutSafetyCheck",
        "kms:MultiRegion",
    ),
    Family.NUMERIC: (
        "aws:MultiFactorAuthAge",
        "s3:TlsVersion",
        "s3:max-keys",
        "s3:signatureAge",
        "s3:object-lock-remaining-retention-days",
    ),
    Family.DATE: ("aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime", "kms:ValidTo", "s3:object-lock-retain-until-date"),
    Family.IP: ("aws:SourceIp", "aws:VpcSourceIp"),
}

KEY_TYPES: dict[str, Family] = {key.lower(): family for family, keys in _TYPES.items() for key in keys}
"""By lowercased name. A key that is not here may have any text as its value."""
