"""A second opinion on every expectation: required.py's evaluator, which shares no code with the product, over all worlds.

A world fixes what AWS does not document: whether kms:ViaService is in the request as s3.<region>, whether aws:SourceIp is there,
which organization the account belongs to. `decide` gives allowed, denied or open (some worlds deny).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.required import Call, allows, itself

from incidents.account import CLOUDTRAIL, FULL_CONTROL, STRANGER, Account

ORGANIZATION = "o-abcdefgh12"
UNKNOWN: dict[str, tuple[tuple[str, ...] | None, ...]] = {
    "aws:sourceip": (None, ("192.0.2.7",), ("10.1.2.3",)),
    "aws:sourceorgid": (None, (ORGANIZATION,), ("o-otherother",)),
}
"""What AWS does not say of a service's own call."""


@dataclass(frozen=True)
class Asked:
    """One request as the services make it; `side` is whose policy decides, `blocking` whether a deny surely fails the trail."""

    side: str
    call: Call
    blocking: bool = True


def calls(account: Account) -> Iterator[Asked]:
    """What CloudTrail asks of bucket and key when a trail is made."""
    known = itself(CLOUDTRAIL, account.trail_arn, account.account)
    header: dict[str, Sequence[str]] = {"s3:x-amz-server-side-encryption": ["AES256"]}
    if account.named:
        header = {"s3:x-amz-server-side-encryption": ["aws:kms"]}
        header |= {"s3:x-amz-server-side-encryption-aws-kms-key-id": [account.key_arn if account.key else account.named]}
    put = known | header | {"s3:x-amz-acl": [FULL_CONTROL]}
    yield Asked("s3", Call(CLOUDTRAIL, "s3:GetBucketAcl", account.bucket_arn, known))
    folders = [account.folder]
    if account.trail_properties.get("IsOrganizationTrail") == "true":
        folders.append(account.folder.rsplit("/", 1)[0] + f"/{ORGANIZATION}")
    for folder in folders:
        where = f"{account.bucket_arn}/{folder}/CloudTrail/{account.region}/2026/11/20/log.json.gz"
        yield Asked("s3", Call(CLOUDTRAIL, "s3:PutObject", where, put))
    if account.key is None:
        return
    bucket_key = bool(account.bucket.get("bucket_key"))
    sealed = known | {
        "kms:encryptioncontext:aws:cloudtrail:arn": [account.trail_arn],
        "kms:encryptioncontext:aws:s3:arn": [account.bucket_arn if bucket_key else f"{account.bucket_arn}/{account.folder}/"],
        "kms:encryptioncontextkeys": ["aws:cloudtrail:arn", "aws:s3:arn"],
    }
    yield Asked("kms", Call(CLOUDTRAIL, "kms:GenerateDataKey", account.key_arn, sealed))
    yield Asked("kms", Call(CLOUDTRAIL, "kms:DescribeKey", account.key_arn, known), blocking=False)
    if bucket_key:
        yield Asked("kms", Call(CLOUDTRAIL, "kms:Decrypt", account.key_arn, sealed))


def worlds(account: Account, asked: Asked) -> Iterator[Call]:
    """The call in every world of what is not known."""
    via = (None, (f"s3.{account.bucket['region']}.amazonaws.com",)) if asked.side == "kms" else (None,)
    open_keys: dict[str, tuple[Sequence[str] | None, ...]] = UNKNOWN | {"kms:viaservice": via}
    if asked.call.action == "kms:Decrypt":  # AWS documents that it is needed, not under which context
        contexts = {key: values for key, values in asked.call.context.items() if key.startswith("kms:encryptioncontext")}
        other = {key: [value.replace(account.account, STRANGER) for value in values] for key, values in contexts.items()}
        open_keys |= {key: (None, values, other[key]) for key, values in contexts.items()}
    for values in itertools.product(*open_keys.values()):
        known = {key: value for key, value in asked.call.context.items() if key not in open_keys}
        yield replace(asked.call, context=known | {k: v for k, v in zip(open_keys, values, strict=True) if v is not None})


def decide(account: Account, asked: Asked, document: str | Mapping[str, Any] | None) -> str:
    """allowed, denied or open."""
    found = {allows(document, call) for call in worlds(account, asked)}
    return "open" if len(found) == 2 else "allowed" if found == {True} else "denied"


def policy(account: Account, side: str) -> Any:
    return account.key_policy if side == "kms" else account.bucket_policy


def decisions(account: Account) -> dict[tuple[str, str], str]:
    """(action, resource) → decision under the account's own policies."""
    return {(a.call.action, a.call.resource): decide(account, a, policy(account, a.side)) for a in calls(account)}


def moved(call: Call, account: Account) -> Call:
    """The same call for a trail of another account."""
    context = {k: [v.replace(account.account, STRANGER) for v in values] for k, values in call.context.items()}
    return replace(call, context=context)


def opens(account: Account, side: str, before: Any, after: Any) -> list[str]:
    """What a corrected document lets pass that the met one did not, and that is none of the trail's business."""
    found: list[Call] = []
    for asked in calls(account):
        if asked.side != side:
            continue
        recorder = {
            "aws:sourcearn": [account.arn("config", "config-recorder/default")],
            "aws:principalservicename": ["config.amazonaws.com"],
        }
        others = [replace(asked.call, principal="config.amazonaws.com", context={**asked.call.context, **recorder})]
        others.append(replace(asked.call, principal="nobody", context={"aws:securetransport": ["true"]}))
        if asked.call.action not in {"kms:DescribeKey", "kms:Decrypt"}:
            others.append(moved(asked.call, account))
        if asked.call.action == "s3:PutObject":
            others.append(replace(asked.call, resource=f"{account.bucket_arn}/elsewhere/log"))
        found += [other for other in others if allows(after, other) and not allows(before, other)]
    return [f"{call.principal} {call.action} {call.resource} {json.dumps(dict(call.context))[:80]}" for call in found]
