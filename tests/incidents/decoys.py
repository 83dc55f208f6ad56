"""Things that look like a cause and are none: whoever reads the policy frowns at them, and CloudTrail passes.

A decoy changes a correct account and nothing of what CloudTrail may do; the oracle proves it. It must never be named as cause or risk.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from incidents.account import CLOUDTRAIL, FULL_CONTROL, STRANGER, Account, Where
from incidents.faults import ENCRYPTION, EVERYWHERE, LIVE, VIA, clause

SERVICE = {"aws:PrincipalIsAWSService": "false"}
SSE = "s3:x-amz-server-side-encryption"
SSE_KEY = f"{SSE}-aws-kms-key-id"


@dataclass(frozen=True)
class Decoy:
    name: str
    make: Callable[[Account], None]
    where: tuple[Where, ...] = EVERYWHERE
    options: tuple[tuple[str, Any], ...] = ()


DECOYS: dict[str, Decoy] = {}


def decoy(**more: Any) -> Callable[[Callable[[Account], None]], Callable[[Account], None]]:
    def register(make: Callable[[Account], None]) -> Callable[[Account], None]:
        name = make.__name__.replace("_", "-")
        DECOYS[name] = Decoy(name, make, options=tuple(more.pop("options", {}).items()), **more)
        return make

    return register


def everything(a: Account) -> list[str]:
    return [a.bucket_arn, f"{a.bucket_arn}/*"]


# ------------------------------------------------------------------------------------------------ Denies that spare
@decoy()
def nothing_at_all(_a: Account) -> None:
    """The configuration AWS documents."""


@decoy()
def deny_insecure_transport(a: Account) -> None:
    a.add("s3", a.denial("DenyInsecureTransport", "s3:*", everything(a), {"Bool": {"aws:SecureTransport": "false"}}), first=True)
    a.add("kms", a.denial("DenyInsecureTransport", "kms:*", "*", {"Bool": {"aws:SecureTransport": "false"}}))


@decoy()
def deny_insecure_transport_if_exists(a: Account) -> None:
    a.add("s3", a.denial("Tls", "s3:*", everything(a), {"BoolIfExists": {"aws:SecureTransport": False}}, {"AWS": "*"}))


@decoy()
def deny_old_tls(a: Account) -> None:
    a.add("s3", a.denial("Tls", "s3:*", everything(a), {"NumericLessThan": {"s3:TlsVersion": "1.2"}}))


@decoy()
def deny_outside_the_organization_but_services(a: Account) -> None:
    condition = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefgh12"}, "BoolIfExists": SERVICE}
    a.add("s3", a.denial("OnlyOurs", "s3:*", everything(a), condition))
    a.add("kms", a.denial("OnlyOurs", "kms:*", "*", condition))


@decoy()
def deny_outside_the_network_but_services(a: Account) -> None:
    condition = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}, "NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": SERVICE}
    a.add("s3", a.denial("Perimeter", "s3:*", everything(a), condition))
    a.add("kms", a.denial("Perimeter", ["kms:GenerateDataKey*", "kms:Decrypt"], "*", condition))


@decoy()
def deny_all_but_a_named_service(a: Account) -> None:
    condition = {
        "StringNotEquals": {"aws:PrincipalServiceName": [CLOUDTRAIL, "config.amazonaws.com"]},
        "Null": {"aws:PrincipalArn": "true"},
    }
    a.add("s3", a.denial("OnlyTheseServices", "s3:PutObject", f"{a.bucket_arn}/*", condition))


@decoy()
def deny_other_accounts_sources(a: Account) -> None:
    """AWS's confused-deputy pattern for a whole bucket."""
    condition = {"StringNotEqualsIfExists": {"aws:SourceAccount": a.account}, "Bool": {"aws:PrincipalIsAWSService": "true"}}
    a.add("s3", a.denial("ConfusedDeputy", "s3:*", everything(a), condition))


@decoy()
def deny_other_actions(a: Account) -> None:
    a.add("s3", a.denial("KeepLogs", ["s3:DeleteObject*", "s3:PutBucketPolicy"], everything(a)))
    a.add("kms", a.denial("KeepKey", ["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy"], "*"))


@decoy()
def deny_not_action(a: Account) -> None:
    made = a.denial("AllBut", "", "*", {"StringNotEquals": {"aws:PrincipalArn": f"arn:{a.partition}:iam::{a.account}:role/Admin"}})
    del made["Action"]
    made["NotAction"] = ["kms:GenerateDataKey*", "kms:DescribeKey", "kms:Decrypt", "kms:Get*"]
    a.add("kms", made)


@decoy()
def deny_another_path(a: Account) -> None:
    a.add("s3", a.denial("NotThere", "s3:PutObject", f"{a.bucket_arn}/private/*"))


@decoy()
def deny_not_resource(a: Account) -> None:
    made = a.denial("OnlyLogs", "s3:PutObject", "")
    del made["Resource"]
    made["NotResource"] = f"{a.bucket_arn}/AWSLogs/*"
    a.add("s3", made)


@decoy()
def deny_a_role(a: Account) -> None:
    intern = {"AWS": f"arn:{a.partition}:iam::{a.account}:role/Intern"}
    a.add("s3", a.denial("NoInterns", "s3:*", everything(a), principal=intern))
    a.add("kms", a.denial("NoInterns", "kms:*", "*", principal=intern))


@decoy()
def deny_another_service(a: Account) -> None:
    a.add("kms", a.denial("NoConfig", "kms:*", "*", principal={"Service": "config.amazonaws.com"}))


@decoy()
def deny_all_but_ours_with_not_principal(a: Account) -> None:
    made = a.denial("AllBut", "s3:PutObject", f"{a.bucket_arn}/*")
    del made["Principal"]
    made["NotPrincipal"] = {"Service": CLOUDTRAIL, "AWS": f"arn:{a.partition}:iam::{a.account}:root"}
    a.add("s3", made)


@decoy()
def deny_uploads_with_another_acl(a: Account) -> None:
    a.add("s3", a.denial("Acl", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {"s3:x-amz-acl": FULL_CONTROL}}))


@decoy()
def deny_unencrypted_uploads_with_a_trail_key(a: Account) -> None:
    a.add("s3", a.denial("Sse", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {SSE: "aws:kms"}}))


@decoy()
def deny_uploads_without_the_header(a: Account) -> None:
    a.add("s3", a.denial("Sse", "s3:PutObject", f"{a.bucket_arn}/*", {"Null": {SSE: "true"}}))


@decoy()
def deny_unencrypted_uploads_if_the_header_is_there(a: Account) -> None:
    a.without_key()
    condition = {"StringNotEquals": {SSE: ["aws:kms", "AES256"]}}
    a.add("s3", a.denial("Sse", "s3:PutObject", f"{a.bucket_arn}/*", condition))


@decoy()
def deny_other_keys_than_the_trails(a: Account) -> None:
    a.add("s3", a.denial("Key", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {SSE_KEY: a.key_arn}}))


@decoy()
def deny_other_keys_if_one_is_named(a: Account) -> None:
    other = a.key_arn
    a.without_key()
    a.add("s3", a.denial("Key", "s3:PutObject", f"{a.bucket_arn}/*", {"Null": {SSE_KEY: "false"}, "StringNotEquals": {SSE_KEY: other}}))


@decoy()
def deny_via_another_service(a: Account) -> None:
    a.add("kms", a.denial("NotRds", "kms:*", "*", {"StringEquals": {VIA: f"rds.{a.region}.amazonaws.com"}}))


@decoy()
def deny_another_encryption_context(a: Account) -> None:
    condition = {"StringNotLike": {ENCRYPTION: a.arn("cloudtrail", "trail/*", region="*")}, "Null": {ENCRYPTION: "false"}}
    a.add("kms", a.denial("OnlyOurTrails", "kms:GenerateDataKey*", "*", condition))


@decoy()
def deny_before_a_date(a: Account) -> None:
    a.add("kms", a.denial("NotYet", "kms:*", "*", {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}))


@decoy()
def deny_callers_without_mfa_that_have_it(a: Account) -> None:
    a.add("s3", a.denial("Mfa", "s3:*", everything(a), {"Bool": {"aws:MultiFactorAuthPresent": "false"}}))


# --------------------------------------------------------------------------------------- an Allow rescued by another
@decoy()
def broken_statement_beside_the_right_one(a: Account) -> None:
    broken = copy.deepcopy(a.encrypt) | {"Sid": "OldCloudTrail"}
    clause(broken, "StringEquals", VIA, f"cloudtrail.{a.region}.amazonaws.com")
    a.add("kms", broken, first=True)


@decoy()
def statement_of_another_trail_beside(a: Account) -> None:
    other = copy.deepcopy(a.write) | {"Sid": "OtherTrail"}
    clause(other, "StringEquals", "aws:SourceArn", a.arn("cloudtrail", "trail/other"))
    a.add("s3", other, first=True)


@decoy()
def dead_statement_beside(a: Account) -> None:
    dead = copy.deepcopy(a.encrypt) | {"Sid": "Dead"}
    del dead["Resource"]
    a.add("kms", dead)


@decoy()
def misspelt_statement_beside(a: Account) -> None:
    a.add("kms", copy.deepcopy(a.encrypt) | {"Sid": "Typo", "Principal": {"Service": "cloudtrial.amazonaws.com"}}, first=True)


@decoy()
def wide_statement_with_a_source_account(a: Account) -> None:
    a.key_policy["Statement"] = a.key_policy["Statement"][:1]
    a.add("kms", a.allow("Wide", "kms:*", "*", {"StringEquals": {"AWS:SourceAccount": a.account}}))


@decoy()
def via_service_for_people(a: Account) -> None:
    """ViaService on IAM principals is what AWS documents."""
    condition = {"StringEquals": {VIA: f"s3.{a.region}.amazonaws.com", "kms:CallerAccount": a.account}}
    a.add("kms", a.allow("Readers", ["kms:Decrypt", "kms:GenerateDataKey"], "*", condition, {"AWS": "*"}), first=True)


# ------------------------------------------------------------------------------------------------ other spellings
@decoy()
def source_arn_with_wildcards(a: Account) -> None:
    for statement, operator in ((a.encrypt, "StringLike"), (a.acl, "ArnLike"), (a.write, "ArnEquals")):
        clause(statement, operator, "aws:SourceArn", a.arn("cloudtrail", "trail/*", region="*"))


@decoy()
def source_arns_in_a_list(a: Account) -> None:
    values = [a.arn("cloudtrail", "trail/first"), a.trail_arn, a.arn("cloudtrail", "trail/x", account=STRANGER)]
    for statement in (a.encrypt, a.acl, a.write):
        clause(statement, "StringEquals", "aws:SourceArn", list(values))


@decoy()
def keys_in_another_case(a: Account) -> None:
    for statement in (a.encrypt, a.acl, a.write):
        clause(statement, "StringEquals", "AWS:sourcearn", a.trail_arn)
    clause(a.write, "StringEquals", "S3:X-Amz-Acl", FULL_CONTROL)


@decoy()
def source_account_everywhere(a: Account) -> None:
    for statement in (a.encrypt, a.describe, a.acl, a.write):
        clause(statement, "StringEquals", "aws:SourceAccount", a.account)


@decoy()
def encryption_context_of_the_exact_trail(a: Account) -> None:
    if not a.merged:
        clause(a.encrypt, "StringEquals", ENCRYPTION, a.trail_arn)


@decoy()
def encryption_context_must_be_there(a: Account) -> None:
    if not a.merged:
        a.encrypt["Condition"]["Null"] = {ENCRYPTION: "false"}


@decoy()
def actions_in_lower_case(a: Account) -> None:
    a.encrypt["Action"] = ["KMS:generatedatakey*", *(["kms:describekey"] if a.merged else [])]
    a.write["Action"] = ["s3:putobject", "s3:GetObject"]


@decoy()
def actions_with_wildcards(a: Account) -> None:
    a.encrypt["Action"] = ["kms:Gen*", "kms:Describe*"]
    a.acl["Action"] = "s3:GetBucket*"
    a.write["Action"] = "s3:Put*"


@decoy()
def resource_with_wildcards(a: Account) -> None:
    a.write["Resource"] = f"arn:{a.partition}:s3:::audit-logs-*/*/{a.account}/*"
    a.acl["Resource"] = f"arn:{a.partition}:s3:::audit-*"


@decoy(where=(Where.BESIDE, Where.KEPT, Where.PENDING))
def resource_is_the_keys_own_arn(a: Account) -> None:
    a.encrypt["Resource"] = a.key_arn


@decoy()
def principals_in_lists(a: Account) -> None:
    for statement in (a.encrypt, a.write):
        statement["Principal"] = {"Service": ["config.amazonaws.com", CLOUDTRAIL]}
    a.acl["Principal"] = "*"


@decoy()
def with_a_prefix(a: Account) -> None:
    a.prefix = "org/audit"
    a.write["Resource"] = f"{a.bucket_arn}/org/audit/AWSLogs/{a.account}/*"


@decoy()
def duplicate_sids(a: Account) -> None:
    a.add("s3", a.denial("AWSCloudTrailWrite", "s3:DeleteObject", f"{a.bucket_arn}/*"), first=True)
    a.add("kms", a.denial("Encrypt", "kms:ScheduleKeyDeletion", "*"), first=True)


@decoy(where=(Where.BESIDE, Where.KEPT, Where.GONE))
def a_large_policy(a: Account) -> None:
    """Near the 20 KB that S3 allows."""
    for number in range(70):
        role = {"AWS": f"arn:{a.partition}:iam::{a.account}:role/Reader{number}"}
        condition = {"IpAddress": {"aws:SourceIp": f"10.0.{number}.0/24"}, "StringEquals": {"aws:PrincipalOrgID": "o-abcdefgh12"}}
        a.add("s3", a.allow(f"Reader{number}", "s3:GetObject", f"{a.bucket_arn}/*", condition, role), first=number % 2 == 0)
    assert 18_000 < len(json.dumps(a.bucket_policy)) < 24_000


@decoy()
def one_statement_that_is_no_list(a: Account) -> None:
    condition = {"ArnLike": {"aws:SourceArn": a.trail_arn}}
    a.bucket_policy = a.policy() | {"Statement": a.allow("All", ["s3:GetBucketAcl", "s3:PutObject"], everything(a), condition)}


# ----------------------------------------------------------------------------------------------- bucket and key
@decoy(where=LIVE)
def object_ownership(a: Account) -> None:
    a.bucket |= {"ownership": "BucketOwnerEnforced"}


@decoy(options={"bucket_key": True})
def bucket_key_with_decrypt(_a: Account) -> None:
    pass


@decoy(where=LIVE)
def bucket_encrypted_with_another_key(a: Account) -> None:
    """The upload names the trail's key, the bucket's default is not used."""
    a.bucket |= {"encryption": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": a.arn("kms", "key/11111111-2222-3333-4444-555555555555")}}


@decoy(where=(Where.BESIDE,))
def everything_in_another_region_than_the_trail(a: Account) -> None:
    a.bucket["region"] = a.elsewhere
    a.key["region"] = a.elsewhere


@decoy()
def key_named_by_alias(a: Account) -> None:
    a.alias = a.key_named = "alias/audit"


@decoy()
def key_named_by_alias_arn(a: Account) -> None:
    a.alias = "alias/audit"
    a.key_named = a.arn("kms", "alias/audit")


@decoy()
def key_named_by_id(a: Account) -> None:
    a.key_named = a.key_arn.rsplit("/", 1)[-1]


@decoy(where=LIVE)
def multi_region_key(a: Account) -> None:
    a.key |= {"multi_region": True}
