"""Policies made at random from statements that people write: right, nearly right and beside the point, in any combination."""

from __future__ import annotations

import copy
import random
from typing import Any

from incidents.account import CLOUDTRAIL, FULL_CONTROL, PARTITIONS, STRANGER, Account, Json
from incidents.faults import ENCRYPTION, VIA

SSE = "s3:x-amz-server-side-encryption"


def sources(a: Account) -> list[tuple[str, str, Any]]:
    arn = a.arn("cloudtrail", f"trail/{a.trail_name}")
    return [
        ("StringEquals", "aws:SourceArn", arn),
        ("StringEquals", "aws:SourceArn", [arn, a.arn("cloudtrail", "trail/other")]),
        ("StringLike", "AWS:SourceArn", a.arn("cloudtrail", "trail/*", region="*")),
        ("ArnLike", "aws:SourceArn", a.arn("cloudtrail", "trail/*", region="*", account=STRANGER)),
        ("StringEquals", "aws:SourceArn", a.arn("cloudtrail", "trail/*")),
        ("StringEquals", "aws:SourceAccount", a.account),
        ("StringEquals", "aws:SourceAccount", STRANGER),
        ("StringEqualsIfExists", "aws:SourceAccount", a.account),
        ("Bool", "aws:SecureTransport", "true"),
        ("Bool", "aws:PrincipalIsAWSService", "true"),
        ("StringEquals", "aws:PrincipalOrgID", "o-abcdefgh12"),
        ("Null", "aws:SourceArn", "false"),
        ("StringEquals", "aws:PrincipalServiceName", CLOUDTRAIL),
    ]


def key_clauses(a: Account) -> list[tuple[str, str, Any]]:
    return [
        *sources(a),
        ("StringEquals", VIA, f"cloudtrail.{a.region}.amazonaws.com"),
        ("StringEquals", VIA, f"s3.{a.region}.amazonaws.com"),
        ("StringLike", VIA, "*.amazonaws.com"),
        ("StringEqualsIfExists", VIA, f"s3.{a.region}.amazonaws.com"),
        ("StringLike", ENCRYPTION, a.arn("cloudtrail", "trail/*", region="*")),
        ("StringLike", ENCRYPTION, a.arn("cloudtrail", "trail/*", region="*", account=STRANGER)),
        ("StringEquals", ENCRYPTION, a.trail_arn),
        ("Null", ENCRYPTION, "false"),
    ]


def bucket_clauses(a: Account) -> list[tuple[str, str, Any]]:
    return [
        *sources(a),
        ("StringEquals", "s3:x-amz-acl", FULL_CONTROL),
        ("StringEquals", "s3:x-amz-acl", ["private", FULL_CONTROL]),
        ("StringEquals", "s3:x-amz-acl", "private"),
        ("StringEquals", SSE, "aws:kms"),
        ("StringNotEquals", SSE, "AES256"),
    ]


def denials(a: Account) -> list[tuple[str, str, Any]]:
    return [
        ("StringNotEquals", "aws:PrincipalOrgID", "o-abcdefgh12"),
        ("StringNotEqualsIfExists", "aws:SourceVpce", "vpce-1"),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"),
        ("Bool", "aws:SecureTransport", "false"),
        ("Bool", "aws:PrincipalIsAWSService", "false"),
        ("BoolIfExists", "aws:PrincipalIsAWSService", "false"),
        ("StringNotEquals", "aws:SourceAccount", a.account),
        ("ArnNotLike", "aws:PrincipalArn", f"arn:{a.partition}:iam::{a.account}:role/Admin"),
        ("StringNotEquals", "aws:SourceOrgID", "o-abcdefgh12"),
    ]


PRINCIPALS: tuple[Any, ...] = (
    {"Service": CLOUDTRAIL}, {"Service": CLOUDTRAIL}, {"Service": CLOUDTRAIL}, {"Service": [CLOUDTRAIL, "config.amazonaws.com"]},
    {"Service": "config.amazonaws.com"}, {"Service": "cloudtrial.amazonaws.com"}, "*",
)  # fmt: skip
KEY_ACTIONS: tuple[Any, ...] = (
    "kms:GenerateDataKey*", ["kms:GenerateDataKey*", "kms:DescribeKey"], "kms:DescribeKey", "kms:*", ["kms:GenerateDataKey", "kms:Decrypt"],
    "kms:Encrypt", "kms:Decrypt", "kms:GenrateDataKey",
)  # fmt: skip
BUCKET_ACTIONS: tuple[Any, ...] = (
    "s3:GetBucketAcl",
    "s3:PutObject",
    ["s3:GetBucketAcl", "s3:PutObject"],
    "s3:*",
    "s3:Put*",
    "s3:GetObject",
)


def random_account(seed: int) -> Account:
    """The same account for the same seed."""
    chance = random.Random(seed)
    account = Account(chance.choice(PARTITIONS), merged=chance.random() < 0.5, bucket_key=chance.random() < 0.2)
    account.key_policy["Statement"] += [_statement(chance, account, "kms", n) for n in range(chance.randrange(3))]
    account.bucket_policy["Statement"] += [_statement(chance, account, "s3", n) for n in range(chance.randrange(3))]
    for policy, clauses in ((account.key_policy, key_clauses(account)), (account.bucket_policy, bucket_clauses(account))):
        own = [s for s in policy["Statement"] if s["Effect"] == "Allow" and s["Principal"] == {"Service": CLOUDTRAIL}]
        for statement in own:
            if chance.random() < 0.4:
                _spoil(chance, statement, clauses)
        chance.shuffle(policy["Statement"])
    return account


def _statement(chance: random.Random, a: Account, side: str, number: int) -> Json:
    denies = chance.random() < 0.4
    actions = KEY_ACTIONS if side == "kms" else BUCKET_ACTIONS
    paths = [a.bucket_arn, f"{a.bucket_arn}/*", [a.bucket_arn, f"{a.bucket_arn}/*"], f"{a.bucket_arn}/{a.folder}/*", f"{a.bucket_arn}/x/*"]
    resource = "*" if side == "kms" else chance.choice(paths)
    principal = chance.choice(("*", {"AWS": "*"}, {"Service": "config.amazonaws.com"})) if denies else chance.choice(PRINCIPALS)
    made: Json = {"Sid": f"More{number}", "Effect": "Deny" if denies else "Allow", "Principal": principal, "Action": chance.choice(actions)}
    made["Resource"] = resource
    pool = denials(a) if denies else key_clauses(a) if side == "kms" else bucket_clauses(a)
    for operator, key, value in chance.sample(pool, chance.choice((1, 1, 2) if denies else (0, 1, 1, 2))):
        made.setdefault("Condition", {}).setdefault(operator, {})[key] = copy.deepcopy(value)
    return made


def _spoil(chance: random.Random, statement: Json, clauses: list[tuple[str, str, Any]]) -> None:
    match chance.randrange(5):
        case 0:
            statement["Action"] = chance.choice(KEY_ACTIONS if "kms" in str(statement["Action"]) else BUCKET_ACTIONS)
        case 1:
            statement["Principal"] = chance.choice(PRINCIPALS)
        case 2:
            statement["Condition"] = {}
        case _:
            pass
    for operator, key, value in chance.sample(clauses, chance.choice((0, 1, 1, 2))):
        statement.setdefault("Condition", {}).setdefault(operator, {})[key] = copy.deepcopy(value)
    if not statement.get("Condition", True):
        del statement["Condition"]
