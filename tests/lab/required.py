"""What AWS services must be allowed before they accept a bucket, a key, a queue or a topic: the lab's own judge.

Written from AWS's documentation alone and on purpose not with stackdoctor.policy, so that the two check one another.
It knows every key of the request: what is not in the context is absent.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call a service makes as itself. Context keys in lower case."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def allows(document: str | Mapping[str, Any] | None, call: Call) -> bool:
    """Some statement allows the call and none denies it. No policy allows nothing to a service principal."""
    policy = json.loads(document) if isinstance(document, str | bytes) else document
    effects = {s["Effect"] for s in _list((policy or {}).get("Statement")) if _applies(s, call)}
    return effects == {"Allow"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _applies(statement: Mapping[str, Any], call: Call) -> bool:
    who, act, on = (_mentions(statement, element, call) for element in ("Principal", "Action", "Resource"))
    return (
        who
        and act
        and on
        and all(_clause(op, key, _list(want), call) for op, keys in statement.get("Condition", {}).items() for key, want in keys.items())
    )


def _mentions(statement: Mapping[str, Any], element: str, call: Call) -> bool:
    named = element if element in statement else f"Not{element}"
    if named not in statement:
        return False
    found = {"Principal": _principal, "Action": _action, "Resource": _resource}[element](statement.get(named), call)
    return found is (named == element)


def _principal(value: Any, call: Call) -> bool:
    if value == "*":
        return True
    return "*" in _list(value.get("AWS")) or call.principal in _list(value.get("Service"))


def _action(value: Any, call: Call) -> bool:
    return any(_glob(pattern.lower(), call.action.lower()) for pattern in _list(value))


def _resource(value: Any, call: Call) -> bool:
    return any(_glob(pattern, call.resource) for pattern in _list(value))


def _glob(pattern: str, text: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None


def _clause(operator: str, key: str, wanted: list[Any], call: Call) -> bool:
    quantifier, _, bare = operator.rpartition(":")
    if_exists = bare.endswith("IfExists")
    bare = bare.removesuffix("IfExists")
    values = call.context.get(key.lower())
    if bare == "Null":
        return (values is None) is (str(wanted[0]).lower() == "true")
    negated = bare.startswith(("StringNot", "ArnNot", "NumericNot", "DateNot", "Not"))
    if values is None:
        return if_exists or negated or quantifier == "ForAllValues"
    hits = [any(_compare(bare.replace("Not", ""), str(want), value) for want in wanted) is not negated for value in values]
    return any(hits) if quantifier == "ForAnyValue" else all(hits)


def _compare(operator: str, want: str, value: str) -> bool:
    match operator:
        case "StringEquals" | "NumericEquals":
            return want == value
        case "StringEqualsIgnoreCase" | "Bool":
            return want.lower() == value.lower()
        case "StringLike":
            return _glob(want, value)
        case "ArnLike" | "ArnEquals":
            mine, theirs = want.split(":", 5), value.split(":", 5)
            return len(mine) == len(theirs) and all(map(_glob, mine, theirs))
        case "NumericLessThan":
            return float(value) < float(want)
        case "IpAddress":
            return ipaddress.ip_address(value) in ipaddress.ip_network(want, strict=False)
    raise NotImplementedError(operator)


# --------------------------------------------------------------------------------------- what the services ask for
@dataclass(frozen=True)
class Trail:
    """A trail as CreateTrail or UpdateTrail sees it. `key` is None without a customer managed key."""

    arn: str
    bucket: str
    prefix: str = ""
    key: str | None = None
    bucket_key: bool = False

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def folder(self) -> str:
        return f"{self.prefix}/AWSLogs/{self.account}" if self.prefix else f"AWSLogs/{self.account}"


def itself(principal: str, arn: str, account: str) -> dict[str, Sequence[str]]:
    """The context keys of a service that calls as itself. aws:PrincipalOrgID, aws:SourceVpce, aws:SourceIp and kms:ViaService are not among them."""
    return {
        "aws:sourcearn": [arn],
        "aws:sourceaccount": [account],
        "aws:principalisawsservice": ["true"],
        "aws:principalservicename": [principal],
        "aws:securetransport": ["true"],
        "s3:tlsversion": ["1.3"],
    }


def bucket_calls(trail: Trail) -> list[Call]:
    who = "cloudtrail.amazonaws.com"
    context = itself(who, trail.arn, trail.account)
    sealed = {"s3:x-amz-server-side-encryption": ["aws:kms"], "s3:x-amz-server-side-encryption-aws-kms-key-id": [trail.key]}
    put = (
        context
        | {"s3:x-amz-acl": ["bucket-owner-full-control"]}
        | (sealed if trail.key else {"s3:x-amz-server-side-encryption": ["AES256"]})
    )
    return [
        Call(who, "s3:GetBucketAcl", f"arn:aws:s3:::{trail.bucket}", context),
        Call(who, "s3:PutObject", f"arn:aws:s3:::{trail.bucket}/{trail.folder}/CloudTrail/log.json.gz", put),
    ]


def key_calls(trail: Trail) -> list[Call]:
    """GenerateDataKey under the trail's encryption context, DescribeKey without one, Decrypt where the bucket uses a Bucket Key.

    AWS documents all of them as required; whether a trail is refused for DescribeKey alone it does not say. The lab is strict.
    """
    if not trail.key:
        return []
    who = "cloudtrail.amazonaws.com"
    context = itself(who, trail.arn, trail.account)
    where = f"arn:aws:s3:::{trail.bucket}" + ("" if trail.bucket_key else f"/{trail.folder}/")
    sealed = context | {
        "kms:encryptioncontext:aws:cloudtrail:arn": [trail.arn],
        "kms:encryptioncontext:aws:s3:arn": [where],
        "kms:encryptioncontextkeys": ["aws:cloudtrail:arn", "aws:s3:arn"],
    }
    calls = [Call(who, "kms:GenerateDataKey", trail.key, sealed), Call(who, "kms:DescribeKey", trail.key, context)]
    return [*calls, Call(who, "kms:Decrypt", trail.key, sealed)] if trail.bucket_key else calls


def log_group_calls(arn: str, key: str) -> list[Call]:
    """AWS's own policy has kms:Describe* under the encryption context, where KMS never allows it, and works: it is not asked for.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    _, _, _, region, account, _ = arn.split(":", 5)
    who = f"logs.{region}.amazonaws.com"
    context = itself(who, arn, account) | {"kms:encryptioncontext:aws:logs:arn": [arn], "kms:encryptioncontextkeys": ["aws:logs:arn"]}
    actions = ("Encrypt", "Decrypt", "ReEncryptFrom", "GenerateDataKey")
    return [Call(who, f"kms:{a}", key, context) for a in actions]


def config_calls(region: str, account: str, bucket: str, prefix: str, key: str | None) -> tuple[list[Call], list[Call]]:
    """(GetBucketAcl, then PutObject and the key's two). https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html"""
    who = "config.amazonaws.com"
    context = itself(who, f"arn:aws:config:{region}:{account}:config-recorder/default", account)
    folder = f"{prefix}/AWSLogs/{account}/Config" if prefix else f"AWSLogs/{account}/Config"
    put = Call(
        who,
        "s3:PutObject",
        f"arn:aws:s3:::{bucket}/{folder}/ConfigWritabilityCheckFile",
        context | {"s3:x-amz-acl": ["bucket-owner-full-control"]},
    )
    sealed = [Call(who, f"kms:{a}", key, context) for a in ("GenerateDataKey", "Decrypt")] if key else []
    return [Call(who, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", context)], [put, *sealed]


def flow_log_calls(region: str, account: str, bucket: str, prefix: str) -> list[Call]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html"""
    who = "delivery.logs.amazonaws.com"
    context = itself(who, f"arn:aws:logs:{region}:{account}:*", account)
    folder = f"{prefix}/AWSLogs/{account}" if prefix else f"AWSLogs/{account}"
    put = context | {"s3:x-amz-acl": ["bucket-owner-full-control"]}
    return [
        Call(who, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", context),
        Call(who, "s3:PutObject", f"arn:aws:s3:::{bucket}/{folder}/vpcflowlogs/a.gz", put),
    ]


def notification_call(bucket: str, account: str, target: str) -> Call:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"""
    action = "sqs:SendMessage" if ":sqs:" in target else "sns:Publish"
    return Call("s3.amazonaws.com", action, target, itself("s3.amazonaws.com", f"arn:aws:s3:::{bucket}", account))
