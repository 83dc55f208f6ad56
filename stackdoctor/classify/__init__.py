"""What a status reason says: the reason, resource type and status go in, a `model.Reason` comes out. Pure, no I/O.

`envelope` unwraps the text, the first rule of `RULES` that holds decides (specific before general), and the parts the text
names - principal, action, resource, bucket, key - are read from the authorization sentence or the rule's own groups.
AWS's formats: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import re
from functools import lru_cache

from stackdoctor.classify import authorization, blockers, cascade, delivery, kms, limits, permission, requests
from stackdoctor.classify.cascade import embedded_stack_arn, summary_names
from stackdoctor.classify.envelope import Message, unwrap
from stackdoctor.classify.rule import Rule
from stackdoctor.classify.s3_actions import iam_action
from stackdoctor.model import Category, Denied, Reason

__all__ = ["RULES", "Rule", "classify", "embedded_stack_arn", "summary_names"]

RULES: tuple[Rule, ...] = (
    *cascade.RULES,
    *authorization.RULES,
    *permission.POLICY_DOCUMENTS,
    *delivery.RULES,
    *kms.RULES,
    *permission.TOKENS,
    *permission.TAGGING,
    *requests.PROPERTIES,
    *limits.EXISTS_PLAIN,
    *permission.ROLES,
    *permission.S3_CALLS,
    *requests.TEMPLATE,
    *blockers.CONTENT,
    *limits.EXISTS,
    *blockers.IN_USE,
    *limits.THROTTLING,
    *limits.QUOTA,
    *limits.CAPACITY,
    *requests.ACCOUNT,
    *permission.BARE_DENIES,
    *requests.WAITS,
    *limits.MISSING,
    *requests.COURSE,
    *requests.INPUT,
    *requests.STATUSES,
    *requests.LAST,
)
"""Every wording it knows, in the order they are tried: what CloudFormation says of other rows, then who denied whom, then what is
the matter with the resource, the request or its course, at last the handler's code and the HTTP status alone."""

_DENIES = frozenset(
    {
        Category.S3_DENY,
        Category.KMS_DENY,
        Category.S3_OR_KMS_AMBIGUOUS,
        Category.IAM_IDENTITY_DENY,
        Category.EXPLICIT_DENY_SCP,
        Category.EXPLICIT_DENY_OTHER,
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        Category.DELIVERY_POLICY_OTHER,
        Category.UNSPECIFIED_DENY,
    }
)
_KEY = re.compile(r"arn:aws[\w-]*:kms:[^\s'\",()\]]*:(?:key|alias)/[^\s'\",()\]]+")
_ROLE = re.compile(r"arn:aws[\w-]*:iam::[^\s'\",()]*:role/[^\s'\",()]*[^\s'\",().:]")
_BUCKET = re.compile(r"arn:aws[\w-]*:s3:::([^/\s\"']+)")
_PARTITION = re.compile(r"(?<=arn:)aws[\w-]*(?=:)")


def classify(reason: str | None, resource_type: str = "", status: str = "") -> Reason:
    """What `reason` says by its wording alone; the resource type and status decide only what the wording leaves out."""
    if not reason or not reason.strip():
        return Reason(Category.OTHER, rule="no-reason")
    return _classify(reason, resource_type or "", status or "")


@lru_cache(maxsize=4096)
def _classify(reason: str, resource_type: str, status: str) -> Reason:
    message = unwrap(reason, resource_type, status)
    for rule in RULES:
        match = rule.match(message)
        if match is not None:
            return _reason(rule, match, message)
    raise AssertionError("the last rule holds for every text")


def _reason(rule: Rule, match: re.Match[str], message: Message) -> Reason:
    bucket, object_key = _bucket(match, message)
    denied = _denied(rule, match, message) if rule.category in _DENIES else None
    if denied and bucket and not denied.resource:
        denied = Denied(denied.principal, denied.action, _arn(bucket, object_key, message.reason))
    if denied and not bucket and denied.resource and (named := _BUCKET.match(denied.resource)):
        bucket = named[1]
    key = _group(match, "key", message) or _first(_KEY, message.text)
    return Reason(
        category=rule.category,
        denied_by=rule.denied_by,
        denied=None if denied == Denied() else denied,
        self_explained=rule.explained,
        rule=rule.id,
        bucket=bucket,
        key=key,
        exception=message.code,
        request_id=message.request_id,
        handler_error_code=message.handler_code,
    )


def _denied(rule: Rule, match: re.Match[str], message: Message) -> Denied:
    said = authorization.who_what_which(message.text) or Denied()
    operation, service = _group(match, "operation", message), _group(match, "service", message)
    named = f"{service.lower()}:{operation}" if operation and service else None
    called = f"s3:{message.operation}" if message.operation and rule.operation else None
    action = said.action or named or called or _by_status(rule.action, message.status)
    return Denied(
        principal=said.principal or _group(match, "principal", message) or rule.principal,
        action=iam_action(action) if action else None,
        resource=said.resource or _group(match, "resource", message) or _role(rule, message),
    )


def _role(rule: Rule, message: Message) -> str | None:
    """The role a role's message is about, where it names one."""
    return _first(_ROLE, message.text) if rule.category is Category.ROLE_TRUST_OR_EXECUTION_ROLE else None


def _by_status(action: str | None, status: str) -> str | None:
    """A bare deny on a BucketPolicy while it is deleted is about the delete."""
    return "s3:DeleteBucketPolicy" if action == "s3:PutBucketPolicy" and status.startswith("DELETE_") else action


def _bucket(match: re.Match[str], message: Message) -> tuple[str | None, str | None]:
    bucket, path = _group(match, "bucket", message), _group(match, "object", message)
    if path:
        bucket, _, key = path.partition("/")
        return bucket or None, key or None
    bucket = bucket.rstrip(".,'\"") if bucket else None
    return (bucket if bucket and any(char.isalnum() for char in bucket) else None), None


def _arn(bucket: str, object_key: str | None, text: str) -> str:
    partition = _first(_PARTITION, text) or "aws"
    return f"arn:{partition}:s3:::{bucket}" + (f"/{object_key}" if object_key else "")


def _group(match: re.Match[str], name: str, message: Message) -> str | None:
    """A named group of the match, in the original letter case."""
    if name not in match.re.groupindex or match.start(name) < 0:
        return None
    return message.text[match.start(name) : match.end(name)] or None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[0] if match else None
