"""Every cause of issue 4, point 1, as a way to spoil a correct account; each says what a diagnosis has to find.

A fault returns `Wrong` values. `statement` is the statement itself (its index is looked up when everything is in place), None where
a statement is missing. Two faults of the same `site` cannot be told apart once both are made; others combine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.world import BEGAN

from incidents.account import CLOUDTRAIL, FULL_CONTROL, STRANGER, Account, Json, Where

EVERYWHERE = tuple(Where)
LIVE = (Where.BESIDE, Where.KEPT)
ENCRYPTION = "kms:EncryptionContext:aws:cloudtrail:arn"


@dataclass(frozen=True)
class Wrong:
    """What has to be found: one of `checks`, on which side, in which statement and clause."""

    checks: str
    service: str
    statement: Json | None = None
    clause: tuple[str, str] | None = None
    severity: str = "cause"
    state: str | None = None
    resource: str | None = None
    denies: str | None = None
    """An action that the oracle must find denied (cause) or open (risk); None where no policy is at fault."""
    origin: str | None = None


@dataclass(frozen=True)
class Fault:
    name: str
    side: str
    site: str
    make: Callable[[Account], list[Wrong]]
    where: tuple[Where, ...] = EVERYWHERE
    wordings: tuple[str, ...] = ("both",)
    options: tuple[tuple[str, Any], ...] = ()
    """How the account has to be made: merged, bucket_key."""
    denied_by: str | None = ""
    """'' the side itself."""
    pairs: bool = True


FAULTS: dict[str, Fault] = {}


def fault(side: str, site: str, **more: Any) -> Callable[[Callable[[Account], list[Wrong]]], Callable[[Account], list[Wrong]]]:
    def register(make: Callable[[Account], list[Wrong]]) -> Callable[[Account], list[Wrong]]:
        name = make.__name__.replace("_", "-")
        options = tuple(more.pop("options", {}).items())
        default = ("both",) if side == "kms" else ("bucket", "both")
        FAULTS[name] = Fault(name, side, site, make, wordings=more.pop("wordings", default), options=options, **more)
        return make

    return register


def clause(statement: Json, operator: str, key: str, value: Any) -> tuple[str, str]:
    """Sets one clause; a key stands under one operator only."""
    condition = statement.setdefault("Condition", {})
    for other in list(condition):
        condition[other] = {k: v for k, v in condition[other].items() if k.lower() != key.lower()}
        if not condition[other]:
            del condition[other]
    condition.setdefault(operator, {})[key] = value
    return operator, key


KEY_CALL, DESCRIBE, DECRYPT, ACL, PUT = "kms:GenerateDataKey", "kms:DescribeKey", "kms:Decrypt", "s3:GetBucketAcl", "s3:PutObject"


def of_encrypt(
    a: Account, check: str, operator: str, key: str, value: Any, severity: str = "cause", state: str | None = None
) -> list[Wrong]:
    found = clause(a.encrypt, operator, key, value)
    return [Wrong(check, "kms", a.encrypt, found, severity, state, denies=KEY_CALL)]


# ---------------------------------------------------------------------------------------------------- kms:ViaService
VIA, SITE_VIA = "kms:ViaService", "encrypt:via"


@fault("kms", SITE_VIA)
def via_cloudtrail(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringEquals", VIA, f"cloudtrail.{a.region}.amazonaws.com", state="unknown")


@fault("kms", SITE_VIA)
def via_cloudtrail_like_anywhere(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringLike", VIA, "cloudtrail.*.amazonaws.com")


@fault("kms", SITE_VIA)
def via_list_without_s3(a: Account) -> list[Wrong]:
    values = [f"cloudtrail.{a.region}.amazonaws.com", f"rds.{a.region}.amazonaws.com"]
    return of_encrypt(a, "kms-via-service", "ForAnyValue:StringEquals", VIA, values)


@fault("kms", SITE_VIA)
def via_s3_of_another_region(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringEquals", VIA, f"s3.{a.elsewhere}.amazonaws.com")


@fault("kms", SITE_VIA)
def via_s3_with_the_suffix_of_china(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringEquals", VIA, f"s3.{a.region}.amazonaws.com.cn")


@fault("kms", SITE_VIA)
def via_null_false_is_only_sometimes_there(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "Null", VIA, "false", "risk")


@fault("kms", SITE_VIA)
def via_s3(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringEquals", VIA, f"s3.{a.region}.amazonaws.com", "risk", "unknown")


@fault("kms", SITE_VIA)
def via_s3_like(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringLike", VIA, "s3.*.amazonaws.com", "risk", "unknown")


@fault("kms", SITE_VIA)
def via_list_with_s3(a: Account) -> list[Wrong]:
    values = [f"cloudtrail.{a.region}.amazonaws.com", f"s3.{a.region}.amazonaws.com"]
    return of_encrypt(a, "kms-via-service", "StringEquals", VIA, values, "risk", "unknown")


@fault("kms", SITE_VIA)
def via_if_exists_of_another(a: Account) -> list[Wrong]:
    return of_encrypt(a, "kms-via-service", "StringEqualsIfExists", VIA, f"cloudtrail.{a.region}.amazonaws.com", "risk", "unknown")


# ------------------------------------------------------------------------------------------------ encryption context
SITE_CONTEXT = "encrypt:context"


def of_context(a: Account, value: str, operator: str = "StringLike", key: str = ENCRYPTION) -> list[Wrong]:
    return of_encrypt(a, "encryption-context", operator, key, value)


@fault("kms", SITE_CONTEXT)
def context_of_another_account(a: Account) -> list[Wrong]:
    return of_context(a, a.arn("cloudtrail", "trail/*", region="*", account=STRANGER))


@fault("kms", SITE_CONTEXT)
def context_of_another_region(a: Account) -> list[Wrong]:
    return of_context(a, a.arn("cloudtrail", "trail/*", region=a.elsewhere))


@fault("kms", SITE_CONTEXT)
def context_of_another_partition(a: Account) -> list[Wrong]:
    other = "aws" if a.partition != "aws" else "aws-us-gov"
    return of_context(a, a.arn("cloudtrail", "trail/*", region="*", partition=other))


@fault("kms", SITE_CONTEXT)
def context_of_another_trail(a: Account) -> list[Wrong]:
    return of_context(a, a.arn("cloudtrail", "trail/other-trail"), "StringEquals")


@fault("kms", SITE_CONTEXT)
def context_with_a_wildcard_under_equals(a: Account) -> list[Wrong]:
    return of_context(a, a.arn("cloudtrail", "trail/*", region="*"), "StringEquals")


@fault("kms", SITE_CONTEXT)
def context_key_misspelt(a: Account) -> list[Wrong]:
    a.encrypt.get("Condition", {}).get("StringLike", {}).pop(ENCRYPTION, None)
    return of_context(a, a.arn("cloudtrail", "trail/*", region="*"), key="kms:EncryptionContext:aws:cloudtrail:trailarn")


@fault("kms", SITE_CONTEXT)
def context_of_another_bucket(a: Account) -> list[Wrong]:
    return of_context(a, f"arn:{a.partition}:s3:::other-bucket*", key="kms:EncryptionContext:aws:s3:arn")


@fault("kms", "describe:context", options={"merged": False})
def context_on_describe_key(a: Account) -> list[Wrong]:
    found = clause(a.describe, "StringLike", ENCRYPTION, a.arn("cloudtrail", "trail/*", region="*"))
    return [Wrong("encryption-context-not-in-call", "kms", a.describe, found, "risk", "absent", denies=DESCRIBE)]


@fault("kms", SITE_CONTEXT, options={"merged": True})
def context_on_the_merged_statement(a: Account) -> list[Wrong]:
    found = clause(a.encrypt, "StringLike", ENCRYPTION, a.arn("cloudtrail", "trail/*", region="*"))
    return [Wrong("encryption-context-not-in-call", "kms", a.encrypt, found, "risk", "absent", denies=DESCRIBE)]


# --------------------------------------------------------------------------------- aws:SourceArn, aws:SourceAccount
SOURCE_ARN, SOURCE_ACCOUNT = "aws:SourceArn", "aws:SourceAccount"


def sources(a: Account) -> dict[str, tuple[str, str]]:
    """Wrong values: name → (operator, value)."""
    return {
        "name": ("StringEquals", a.arn("cloudtrail", "trail/other-trail")),
        "region": ("StringEquals", a.arn("cloudtrail", f"trail/{a.trail_name}", region=a.elsewhere)),
        "account": ("ArnLike", a.arn("cloudtrail", f"trail/{a.trail_name}", account=STRANGER)),
        "partition": ("ArnEquals", a.arn("cloudtrail", f"trail/{a.trail_name}", partition="aws" if a.partition != "aws" else "aws-cn")),
        "wildcard": ("StringEquals", a.arn("cloudtrail", "trail/*", region="*")),
        "case": ("StringEquals", a.arn("cloudtrail", f"trail/{a.trail_name.upper()}")),
        "service": ("StringLike", a.arn("logs", "*")),
        "empty-name": ("StringEquals", a.arn("cloudtrail", "trail/")),
    }


def _source_faults() -> None:
    places: dict[str, tuple[str, str, str, Callable[[Account], Json]]] = {
        "encrypt": ("kms", "encrypt:source", KEY_CALL, lambda a: a.encrypt),
        "acl": ("s3", "acl:source", ACL, lambda a: a.acl),
        "write": ("s3", "write:source", PUT, lambda a: a.write),
    }
    for place, (side, site, action, find) in places.items():
        for kind in ("name", "region", "account", "partition", "wildcard", "case", "service", "empty-name"):
            if place != "encrypt" and kind in {"partition", "case", "service"}:
                continue

            def make(a: Account, side: str = side, action: str = action, find: Any = find, kind: str = kind) -> list[Wrong]:
                operator, value = sources(a)[kind]
                statement = find(a)
                return [
                    Wrong(
                        "source-arn-account", side, statement, clause(statement, operator, SOURCE_ARN, value), state="value", denies=action
                    )
                ]

            make.__name__ = f"source_{kind}_on_{place}"
            fault(side, site)(make)

        def account(a: Account, side: str = side, action: str = action, find: Any = find) -> list[Wrong]:
            statement = find(a)
            found = clause(statement, "StringEquals", SOURCE_ACCOUNT, STRANGER)
            return [Wrong("source-arn-account", side, statement, found, state="value", denies=action)]

        account.__name__ = f"source_account_on_{place}"
        fault(side, f"{place}:source-account")(account)


_source_faults()


@fault("kms", "describe:source", options={"merged": False})
def source_name_on_describe(a: Account) -> list[Wrong]:
    found = clause(a.describe, "StringEquals", SOURCE_ARN, a.arn("cloudtrail", "trail/other"))
    return [Wrong("source-arn-account", "kms", a.describe, found, "risk", "value", denies=DESCRIBE)]


# ------------------------------------------------------------------------------------------- principals and actions
def _only_root(a: Account) -> None:
    assert a.key_policy is not None
    a.key_policy["Statement"] = [s for s in a.key_policy["Statement"] if s["Effect"] == "Deny" or s["Principal"] != {"Service": CLOUDTRAIL}]


@fault("kms", "encrypt:whole")
def only_the_root_statement(a: Account) -> list[Wrong]:
    _only_root(a)
    return [Wrong("principal-missing", "kms", denies=KEY_CALL)]


@fault("kms", "encrypt:whole")
def only_another_service(a: Account) -> list[Wrong]:
    for statement in (a.encrypt, a.describe, *(s for s in a.key_policy["Statement"] if s["Sid"] == "Decrypt")):
        statement["Principal"] = {"Service": "config.amazonaws.com"}
    return [Wrong("principal-missing", "kms", denies=KEY_CALL)]


@fault("kms", "encrypt:principal", options={"merged": True})
def principal_misspelt_in_the_key_policy(a: Account) -> list[Wrong]:
    a.encrypt["Principal"] = {"Service": "cloudtrial.amazonaws.com"}
    return [Wrong("principal-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:principal", options={"merged": True})
def principal_with_the_suffix_of_china(a: Account) -> list[Wrong]:
    a.encrypt["Principal"] = {"Service": ["cloudtrail.amazonaws.com.cn"]}
    return [Wrong("principal-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:principal", options={"merged": True})
def principal_of_one_region(a: Account) -> list[Wrong]:
    a.encrypt["Principal"] = {"Service": f"cloudtrail.{a.region}.amazonaws.com"}
    return [Wrong("principal-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:principal", options={"merged": False})
def principal_misspelt_for_encryption_only(a: Account) -> list[Wrong]:
    a.encrypt["Principal"] = {"Service": "cloudtrails.amazonaws.com"}
    return [Wrong("principal-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:action")
def action_missing_in_the_key_policy(a: Account) -> list[Wrong]:
    a.encrypt["Action"] = ["kms:DescribeKey", "kms:Encrypt"] if a.merged else "kms:Encrypt"
    return [Wrong("action-missing", "kms", denies=KEY_CALL)]


@fault("kms", "encrypt:action")
def encryption_statement_missing(a: Account) -> list[Wrong]:
    if a.merged:
        a.encrypt["Action"] = "kms:DescribeKey"
    else:
        a.key_policy["Statement"].remove(a.encrypt)
    return [Wrong("action-missing", "kms", denies=KEY_CALL)]


@fault("kms", "encrypt:action")
def action_misspelt_with_an_equals_sign(a: Account) -> list[Wrong]:
    """Azure-Sentinel #12242."""
    a.encrypt["Action"] = ["kms=GenerateDataKey*", *(["kms:DescribeKey"] if a.merged else [])]
    return [Wrong("action-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:action")
def action_misspelt_by_a_letter(a: Account) -> list[Wrong]:
    a.encrypt["Action"] = ["kms:GenerateDatKey", *(["kms:DescribeKey"] if a.merged else [])]
    return [Wrong("action-misspelt", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "describe:action", options={"merged": False})
def describe_missing(a: Account) -> list[Wrong]:
    a.key_policy["Statement"].remove(a.describe)
    return [Wrong("action-missing", "kms", severity="risk", denies=DESCRIBE)]


@fault("kms", "encrypt:resource")
def dead_statement(a: Account) -> list[Wrong]:
    del a.encrypt["Resource"]
    return [Wrong("dead-statement", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "encrypt:resource")
def resource_is_another_key(a: Account) -> list[Wrong]:
    a.encrypt["Resource"] = a.arn("kms", "key/11111111-2222-3333-4444-555555555555")
    return [Wrong("resource-path", "kms", a.encrypt, denies=KEY_CALL)]


@fault("kms", "decrypt:action", options={"bucket_key": True})
def decrypt_missing_with_a_bucket_key(a: Account) -> list[Wrong]:
    a.key_policy["Statement"].remove(a.of_key("Decrypt"))
    return [Wrong("action-missing", "kms", denies=DECRYPT)]


@fault("kms", "decrypt:action", options={"bucket_key": True})
def decrypt_for_another_service_with_a_bucket_key(a: Account) -> list[Wrong]:
    a.of_key("Decrypt")["Principal"] = {"Service": "config.amazonaws.com"}
    return [Wrong("action-missing", "kms", denies=DECRYPT)]


# --------------------------------------------------------------------------------------------------- explicit denies
DENIALS: dict[str, tuple[str, str, Any, str]] = {
    "organization": ("deny-organization", "aws:PrincipalOrgID", lambda _a: "o-abcdefgh12", "cause"),
    "endpoint": ("deny-network", "aws:SourceVpce", lambda _a: "vpce-0123456789abcdef0", "cause"),
    "network": ("deny-network", "aws:SourceVpc", lambda _a: "vpc-0123456789abcdef0", "cause"),
    "role": ("deny-principal", "aws:PrincipalArn", lambda a: f"arn:{a.partition}:iam::{a.account}:role/Admin", "cause"),
    "account": ("deny-principal", "aws:PrincipalAccount", lambda a: a.account, "cause"),
    "address": ("deny-network", "aws:SourceIp", lambda _a: "10.0.0.0/8", "risk"),
}
NEGATED = {"aws:SourceIp": "NotIpAddress", "aws:PrincipalArn": "ArnNotLike"}


def _denials() -> None:
    for side in ("kms", "s3"):
        for name, (check, key, value, severity) in DENIALS.items():

            def make(
                a: Account, side: str = side, check: str = check, key: str = key, value: Any = value, severity: str = severity
            ) -> list[Wrong]:
                operator = NEGATED.get(key, "StringNotEquals")
                resource: Any = "*" if side == "kms" else [a.bucket_arn, f"{a.bucket_arn}/*"]
                actions: Any = "kms:*" if side == "kms" else "s3:*"
                made = a.add(side, a.denial(f"Only{key[4:]}", actions, resource, {operator: {key: value(a)}}))
                state = "absent" if severity == "cause" else "unknown"
                return [Wrong(check, side, made, (operator, key), severity, state, denies=KEY_CALL if side == "kms" else PUT)]

            make.__name__ = f"deny_outside_the_{name}_on_the_{'key' if side == 'kms' else 'bucket'}"
            fault(side, f"deny-{side}:{key}")(make)


_denials()


@fault("kms", "deny-kms:organization-if-exists")
def deny_organization_paths_if_exists(a: Account) -> list[Wrong]:
    """A negated operator with IfExists still matches a missing key."""
    made = a.add("kms", a.denial("Paths", "kms:GenerateDataKey*", "*", {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefgh12"}}))
    return [Wrong("deny-organization", "kms", made, ("StringNotEqualsIfExists", "aws:PrincipalOrgID"), state="absent", denies=KEY_CALL)]


@fault("kms", "deny-kms:via")
def deny_except_via_s3(a: Account) -> list[Wrong]:
    made = a.add("kms", a.denial("OnlyS3", ["kms:GenerateDataKey*"], "*", {"StringNotEquals": {VIA: f"s3.{a.region}.amazonaws.com"}}))
    return [Wrong("kms-via-service", "kms", made, ("StringNotEquals", VIA), "risk", "unknown", denies=KEY_CALL)]


@fault("kms", "deny-kms:via")
def deny_except_via_rds(a: Account) -> list[Wrong]:
    made = a.add("kms", a.denial("OnlyRds", ["kms:GenerateDataKey*"], "*", {"StringNotEquals": {VIA: f"rds.{a.region}.amazonaws.com"}}))
    return [Wrong("kms-via-service", "kms", made, ("StringNotEquals", VIA), denies=KEY_CALL)]


@fault("kms", "deny-kms:unconditional")
def deny_to_the_service_itself(a: Account) -> list[Wrong]:
    made = a.add("kms", a.denial("Never", "kms:GenerateDataKey*", "*", principal={"Service": CLOUDTRAIL}), first=True)
    return [Wrong("explicit-deny", "kms", made, denies=KEY_CALL)]


@fault("s3", "deny-s3:notprincipal")
def deny_to_all_but_the_root(a: Account) -> list[Wrong]:
    made = a.denial("AllBut", "s3:PutObject", f"{a.bucket_arn}/*")
    made["NotPrincipal"] = {"AWS": f"arn:{a.partition}:iam::{a.account}:root"}
    del made["Principal"]
    a.add("s3", made)
    return [Wrong("explicit-deny", "s3", made, denies=PUT)]


@fault("s3", "deny-s3:sse", where=EVERYWHERE)
def deny_unencrypted_uploads_without_a_trail_key(a: Account) -> list[Wrong]:
    a.without_key()
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    made = a.add("s3", a.denial("DenyUnEncryptedObjectUploads", "s3:PutObject", f"{a.bucket_arn}/*", condition))
    return [Wrong("upload-encryption", "s3", made, ("StringNotEquals", "s3:x-amz-server-side-encryption"), state="value", denies=PUT)]


@fault("s3", "deny-s3:key-id")
def deny_all_but_another_key(a: Account) -> list[Wrong]:
    key = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    other = a.arn("kms", "key/11111111-2222-3333-4444-555555555555")
    made = a.add("s3", a.denial("OneKey", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {key: other}}))
    return [Wrong("upload-encryption", "s3", made, ("StringNotEquals", key), state="value", denies=PUT)]


@fault("s3", "deny-s3:key-id")
def deny_all_but_an_alias(a: Account) -> list[Wrong]:
    """The header carries the key's ARN, never the alias."""
    key = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    made = a.add("s3", a.denial("OneKey", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {key: a.arn("kms", "alias/audit")}}))
    return [Wrong("upload-encryption", "s3", made, ("StringNotEquals", key), state="value", denies=PUT)]


@fault("s3", "deny-s3:key-id")
def deny_all_but_one_key_without_a_trail_key(a: Account) -> list[Wrong]:
    key, mine = "s3:x-amz-server-side-encryption-aws-kms-key-id", a.key_arn
    a.without_key()
    made = a.add("s3", a.denial("OneKey", "s3:PutObject", f"{a.bucket_arn}/*", {"StringNotEquals": {key: mine}}))
    return [Wrong("upload-encryption", "s3", made, ("StringNotEquals", key), state="absent", denies=PUT)]


# ------------------------------------------------------------------------------------------------------- the bucket
@fault("s3", "acl:whole")
def acl_check_missing(a: Account) -> list[Wrong]:
    a.bucket_policy["Statement"].remove(a.acl)
    return [Wrong("action-missing", "s3", denies=ACL)]


@fault("s3", "write:whole")
def write_missing(a: Account) -> list[Wrong]:
    a.bucket_policy["Statement"].remove(a.write)
    return [Wrong("action-missing", "s3", denies=PUT)]


@fault("s3", "write:action")
def write_action_misspelt(a: Account) -> list[Wrong]:
    a.write["Action"] = "s3:PutObjects"
    return [Wrong("action-misspelt", "s3", a.write, denies=PUT)]


@fault("s3", "acl:action")
def acl_action_misspelt(a: Account) -> list[Wrong]:
    a.acl["Action"] = "s3:GetBucketACLs"
    return [Wrong("action-misspelt", "s3", a.acl, denies=ACL)]


@fault("s3", "acl:resource")
def acl_of_the_objects(a: Account) -> list[Wrong]:
    a.acl["Resource"] = f"{a.bucket_arn}/*"
    return [Wrong("resource-path", "s3", a.acl, denies=ACL)]


@fault("s3", "acl:resource")
def acl_of_another_bucket(a: Account) -> list[Wrong]:
    a.acl["Resource"] = f"arn:{a.partition}:s3:::other-bucket"
    return [Wrong("resource-path", "s3", a.acl, denies=ACL)]


@fault("s3", "write:resource")
def write_to_another_bucket(a: Account) -> list[Wrong]:
    a.write["Resource"] = f"arn:{a.partition}:s3:::other-bucket/{a.folder}/*"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource")
def write_of_another_partition(a: Account) -> list[Wrong]:
    other = "aws" if a.partition != "aws" else "aws-cn"
    a.write["Resource"] = f"arn:{other}:s3:::{a.bucket_name}/{a.folder}/*"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource")
def write_without_the_prefix(a: Account) -> list[Wrong]:
    a.prefix = "org/audit"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource")
def write_with_a_prefix_too_many(a: Account) -> list[Wrong]:
    a.write["Resource"] = f"{a.bucket_arn}/logs/{a.folder}/*"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource")
def write_for_another_account(a: Account) -> list[Wrong]:
    a.write["Resource"] = f"{a.bucket_arn}/AWSLogs/{STRANGER}/*"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource")
def write_to_the_bucket_itself(a: Account) -> list[Wrong]:
    a.write["Resource"] = a.bucket_arn
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:resource", pairs=False)
def organization_path_missing(a: Account) -> list[Wrong]:
    a.trail_properties["IsOrganizationTrail"] = "true"
    return [Wrong("resource-path", "s3", a.write, denies=PUT)]


@fault("s3", "write:acl")
def another_object_acl(a: Account) -> list[Wrong]:
    found = clause(a.write, "StringEquals", "s3:x-amz-acl", "private")
    return [Wrong("object-acl", "s3", a.write, found, state="value", denies=PUT)]


@fault("s3", "acl:object-acl")
def object_acl_on_the_acl_check(a: Account) -> list[Wrong]:
    """Only writes carry the header; one statement for both calls, with the condition of the upload, is a common way to get there."""
    found = clause(a.acl, "StringEquals", "s3:x-amz-acl", FULL_CONTROL)
    return [Wrong("object-acl", "s3", a.acl, found, state="absent", denies=ACL)]


@fault("s3", "write:acl")
def object_acl_as_a_grant_header(a: Account) -> list[Wrong]:
    found = clause(a.write, "StringLike", "s3:x-amz-grant-full-control", "id=*")
    return [Wrong("condition upload-encryption object-acl", "s3", a.write, found, state="absent", denies=PUT)]


@fault("s3", "write:principal")
def principal_of_the_write_misspelt(a: Account) -> list[Wrong]:
    a.write["Principal"] = {"Service": "cloudtrail.amazonaws.co"}
    return [Wrong("principal-misspelt", "s3", a.write, denies=PUT)]


@fault("s3", "bucket:whole")
def bucket_policy_for_another_service(a: Account) -> list[Wrong]:
    for statement in (a.acl, a.write):
        statement["Principal"] = {"Service": "delivery.logs.amazonaws.com"}
    return [Wrong("principal-missing", "s3", denies=PUT)]


@fault("s3", "bucket:whole")
def legacy_account_principals(a: Account) -> list[Wrong]:
    for statement in (a.acl, a.write):
        statement["Principal"] = {"AWS": ["arn:aws:iam::086441151436:root", "arn:aws:iam::113285607260:root"]}
    return [Wrong("principal-missing", "s3", denies=PUT)]


@fault("s3", "bucket:whole", where=LIVE)
def no_bucket_policy(a: Account) -> list[Wrong]:
    a.bucket_policy = None
    return [Wrong("no-policy", "s3", denies=PUT)]


@fault("s3", "bucket:whole", where=(Where.KEPT, Where.PENDING, Where.GONE))
def bucket_policy_made_too_late(a: Account) -> list[Wrong]:
    a.policy_late, a.depends = True, False
    return [Wrong("policy-after-resource", "s3")]


@fault("s3", "bucket:whole", where=(Where.BESIDE,), wordings=("no-bucket",), denied_by=None)
def no_bucket(a: Account) -> list[Wrong]:
    a.bucket_exists = False
    return [Wrong("bucket-missing", "s3")]


@fault("s3", "bucket:payer", where=LIVE)
def requester_pays(a: Account) -> list[Wrong]:
    a.bucket["payer"] = "Requester"
    return [Wrong("bucket-requester-pays", "s3")]


# ---------------------------------------------------------------------------------------------------------- the key
def of_state(a: Account, check: str, **state: Any) -> list[Wrong]:
    assert a.key is not None
    a.key |= state
    return [Wrong(check, "kms")]


@fault("kms", "key:state", where=LIVE)
def key_disabled(a: Account) -> list[Wrong]:
    return of_state(a, "key-state", state="Disabled")


@fault("kms", "key:state", where=(Where.BESIDE,))
def key_pending_deletion(a: Account) -> list[Wrong]:
    return of_state(a, "key-state", state="PendingDeletion", deletion_date=BEGAN)


@fault("kms", "key:state", where=LIVE)
def key_pending_import(a: Account) -> list[Wrong]:
    return of_state(a, "key-state", state="PendingImport")


@fault("kms", "key:state", where=LIVE)
def key_asymmetric(a: Account) -> list[Wrong]:
    return of_state(a, "key-spec", spec="RSA_2048")


@fault("kms", "key:state", where=LIVE)
def key_for_signatures(a: Account) -> list[Wrong]:
    return of_state(a, "key-spec", spec="HMAC_256", usage="GENERATE_VERIFY_MAC")


@fault("kms", "key:region", where=(Where.BESIDE,), wordings=("both", "no-key"))
def bucket_in_another_region(a: Account) -> list[Wrong]:
    a.bucket["region"] = a.elsewhere
    return [Wrong("key-region", "kms")]


@fault("kms", "key:region", where=(Where.BESIDE,), wordings=("both", "no-key"))
def key_in_another_region(a: Account) -> list[Wrong]:
    return of_state(a, "key-region", region=a.elsewhere)


@fault("kms", "key:whole", where=(Where.BESIDE,), wordings=("no-key", "both"))
def alias_to_nothing(a: Account) -> list[Wrong]:
    a.key_named = "alias/audit"
    return of_state(a, "key-missing", nowhere=True)


@fault("kms", "key:whole", where=(Where.BESIDE,), wordings=("no-key", "both"))
def no_key(a: Account) -> list[Wrong]:
    return of_state(a, "key-missing", nowhere=True)


@fault("kms", "key:whole", where=(Where.BESIDE,))
def key_of_aws(a: Account) -> list[Wrong]:
    a.key_named = a.alias = "alias/aws/s3"
    assert a.key_policy is not None
    a.key_policy["Statement"] = [
        a.allow("ThroughS3", ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"], "*",
                {"StringEquals": {VIA: f"s3.{a.region}.amazonaws.com", "kms:CallerAccount": a.account}}, {"AWS": "*"})
    ]  # fmt: skip
    return of_state(a, "key-aws-managed", manager="AWS")
