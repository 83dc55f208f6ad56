"""What failed, and what a status reason says of it; the words are fixed by CONTRACT.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stackdoctor.model.history import StackEvent


class Category(StrEnum):
    """What a status reason says happened; the words of cases/reasons.jsonl, fixed by the contract."""

    S3_DENY = "s3_deny"
    KMS_DENY = "kms_deny"
    S3_OR_KMS_AMBIGUOUS = "s3_or_kms_ambiguous"
    IAM_IDENTITY_DENY = "iam_identity_deny"
    EXPLICIT_DENY_SCP = "explicit_deny_scp"
    EXPLICIT_DENY_OTHER = "explicit_deny_other"
    ROLE_TRUST_OR_EXECUTION_ROLE = "role_trust_or_execution_role"
    DELIVERY_POLICY_OTHER = "delivery_policy_other"
    UNSPECIFIED_DENY = "unspecified_deny"
    AUTH_TOKEN = "auth_token"
    KMS_KEY_STATE = "kms_key_state"
    POLICY_DOCUMENT_INVALID = "policy_document_invalid"
    DELETION_PROTECTION = "deletion_protection"
    NOT_EMPTY = "not_empty"
    DEPENDENCY_IN_USE = "dependency_in_use"
    ALREADY_EXISTS = "already_exists"
    NOT_FOUND = "not_found"
    QUOTA = "quota"
    CAPACITY = "capacity"
    THROTTLING = "throttling"
    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    STABILIZATION = "stabilization"
    VALIDATION = "validation"
    CUSTOM_RESOURCE = "custom_resource"
    INTERNAL_ERROR = "internal_error"
    NESTED_STACK_CASCADE = "nested_stack_cascade"
    ROLLBACK_SUMMARY = "rollback_summary"
    CANCELLED_NOISE = "cancelled_noise"
    OTHER = "other"


class DeniedBy(StrEnum):
    S3 = "s3"
    KMS = "kms"
    S3_OR_KMS = "s3-or-kms"
    IAM = "iam"
    SCP = "scp"
    RCP = "rcp"
    PERMISSION_BOUNDARY = "permission-boundary"
    VPC_ENDPOINT = "vpc-endpoint"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Denied:
    """Who was denied what on which resource, as far as the wording or the evidence tells."""

    principal: str | None = None
    action: str | None = None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What a status reason says, read by its wording alone. `rule` names the row of the message table that matched.

    `self_explained` is whether AWS's own message names the cause without any policy being read (contract, "Explained").
    `request_id` is the failed call's, `exception` the API's error code where the text still carries it.
    """

    category: Category
    denied_by: DeniedBy | None = None
    denied: Denied | None = None
    self_explained: bool = False
    rule: str = ""
    bucket: str | None = None
    key: str | None = None
    exception: str | None = None
    request_id: str | None = None
    handler_error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Cascaded:
    """A failure that only followed from another one."""

    logical_id: str
    resource_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed resource (or, where no resource failed, the stack's own event), with what followed from it."""

    event: StackEvent
    stack_path: tuple[str, ...]
    operation_id: str | None
    reason: Reason
    cascade: tuple[Cascaded, ...] = ()
    repeated: int = 1
