"""The sentence AWS authorizes with - "User: P is not authorized to perform: A on resource: R because …" - and its relatives.

Rules by the policy type the sentence names, then by the service of the action; `who_what_which` reads principal, action and resource.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

import re

from stackdoctor.classify.rule import Rule
from stackdoctor.model import Category, Denied, DeniedBy

_SENTENCE = re.compile(
    r"(?:user:? (?P<user>(?:(?! is not ).){1,400}?)|(?P<bare>[^\s:\"']\S*)) (?:is )?not authorized to perform:? ?(?P<action>[\w-]+:[\w*]+|\w+)"
    r"(?: operation)?(?: on (?:the )?(?:resource:? ?)?(?P<resource>(?!this resource).+?)"
    r"(?=,? because |,? with an explicit deny| \(|\\n|\s\||[;,] |\. |[.)]?$))?",
    re.IGNORECASE,
)
_CALL = re.compile(r"(?:permissions?|authorized|access) to (?:call|perform|invoke):? ?(?P<action>[a-z0-9-]+:[A-Za-z*]+)", re.IGNORECASE)
_API = re.compile(r"\bAPI: (?P<action>[\w-]+:\w+)", re.IGNORECASE)
_CUT_ARN = re.compile(r"arn:?(?:aws[\w-]*:?)?", re.IGNORECASE)
_LEADING = re.compile(r"^(?:policy|resource:?) (?=arn:)", re.IGNORECASE)

_NOT_AUTHORIZED = r"not authorized to perform"
_DENY_IN = r"with an explicit deny in (?:an?|the) (?:\S+ )?"
_NO = r"because no "
_IAM_PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"
_S3_PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html"


def who_what_which(text: str) -> Denied | None:
    """Principal, action and resource as the authorization sentence states them; None if there is no such sentence."""
    api = _API.search(text)
    match = next((found for found in _SENTENCE.finditer(text) if ":" in found["action"]), None) or _SENTENCE.search(text)
    if match:
        action = match["action"] if ":" in match["action"] else (f"sts:{match['action']}" if match["action"] == "AssumeRole" else None)
        return Denied(_principal(match["user"] or match["bare"]), action or (api and api["action"]) or None, _resource(match["resource"]))
    call = _CALL.search(text) or api
    return Denied(action=call["action"]) if call else None


def _principal(name: str | None) -> str | None:
    return name.strip("\"'") if name and name.lower() not in {"user", "you", "caller", "role"} else None


def _resource(text: str | None) -> str | None:
    """The resource without quotes, the word before an ARN and the colon before what follows; None for an ARN cut off at its start."""
    if not text:
        return None
    bare = _LEADING.sub("", text.strip(" \"'\\")).rstrip(":,")
    return None if not bare.strip(".\u2026") or _CUT_ARN.fullmatch(bare) else re.sub(r"^role (?=arn:)", "", bare)


def _rule(
    rule_id: str, category: Category, text: str, by: DeniedBy | None, example: str, source: str = _IAM_PAGE, *, explained: bool = True
) -> Rule:
    return Rule(rule_id, category, text=text, denied_by=by, explained=explained, example=example, source=source)


RULES = (
    _rule(
        "scp",
        Category.EXPLICIT_DENY_SCP,
        rf"explicit deny in (?:an?|the) service control policy|{_NO}service control policy|organization's service control polic",
        DeniedBy.SCP,
        "User: arn:aws:sts::*:assumed-role/aws-controltower-ConfigRecorderRole/AWSConfig-Describe is not authorized to perform: "
        "cloudtrail:DescribeTrails with an explicit deny in a service control policy",
        "https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2322",
    ),
    _rule(
        "rcp",
        Category.EXPLICIT_DENY_OTHER,
        rf"explicit deny in (?:an?|the) resource control policy|{_NO}resource control policy",
        DeniedBy.RCP,
        "User: arn:aws:sts::112233445566:assumed-role/R/abcde is not authorized to perform: s3:PutObject on resource: "
        '"arn:aws:s3:::test-kms-encryption-required/non-encrypted.txt" with an explicit deny in a resource control policy',
        _S3_PAGE,
    ),
    _rule(
        "permissions-boundary-deny",
        Category.EXPLICIT_DENY_OTHER,
        r"explicit deny in (?:an?|the) permissions? boundary",
        DeniedBy.PERMISSION_BOUNDARY,
        "User: arn:aws:iam::123456789012:user/John is not authorized to perform: codedeploy:ListDeployments on resource: "
        "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:* with an explicit deny in a permissions boundary",
    ),
    _rule(
        "permissions-boundary",
        Category.IAM_IDENTITY_DENY,
        rf"{_NO}permissions? boundary",
        DeniedBy.PERMISSION_BOUNDARY,
        "User: arn:aws:iam::123456789012:user/John is not authorized to perform: events:DescribeRule on resource: "
        "arn:aws:events:us-east-1:123456789012:rule/r because no permissions boundary allows the events:DescribeRule action",
    ),
    _rule(
        "vpc-endpoint",
        Category.EXPLICIT_DENY_OTHER,
        rf"explicit deny in (?:an?|the) vpc endpoint policy|{_NO}vpc endpoint policy",
        DeniedBy.VPC_ENDPOINT,
        "User: arn:aws:iam::123456789012:user/John is not authorized to perform: codedeploy:ListDeployments on resource: "
        "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:* with an explicit deny in a VPC endpoint policy",
    ),
    _rule(
        "trust-policy",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        rf"{_DENY_IN}(?:role )?trust policy|{_NO}(?:role )?trust policy|{_NOT_AUTHORIZED}:? ?(?:sts:)?assumerole\b",
        DeniedBy.IAM,
        "arn:aws:iam::ACCOUNT_NUMBER:role/IAM_ROLE_NAME is not authorized to perform AssumeRole on role "
        "arn:aws:iam::ACCOUNT_NUMBER:role/IAM_ROLE_NAME (Service: AWSCodePipeline; Status Code: 400; Error Code: I",
    ),
    _rule(
        "session-or-identity-deny",
        Category.EXPLICIT_DENY_OTHER,
        r"explicit deny in (?:an?|the) (?:session|identity-based) policy",
        DeniedBy.IAM,
        "User: arn:aws:sts::111122223333:assumed-role/R/u is not authorized to perform: s3:PutBucketPublicAccessBlock on resource: "
        '"arn:aws:s3:::b" with an explicit deny in an identity-based policy (Service: S3, Status Code: 403, Request ID: P2THEHWFC9ZJ8MYW)',
    ),
    _rule(
        "block-public-access",
        Category.S3_DENY,
        r"s3 block public access|block public access setting|block ?public(?:acls|policy)\b.{0,40}(?:setting|block)",
        DeniedBy.S3,
        'User: arn:aws:iam::123456789012:user/tf-user is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::b" '
        "because public policies are blocked by the BlockPublicPolicy block public access setting.",
        _S3_PAGE,
    ),
    _rule(
        "bucket-policy",
        Category.S3_DENY,
        rf"{_NOT_AUTHORIZED}:? ?s3[\w-]*:.*(?:explicit deny in|because no) (?:an? )?resource-based policy",
        DeniedBy.S3,
        "User: arn:aws:sts::111111111111:assumed-role/R/i-0abc is not authorized to perform: s3:ListBucket on resource: "
        '"arn:aws:s3:us-east-1:111111111111:accesspoint/a" with an explicit deny in a resource-based policy',
        _S3_PAGE,
        explained=False,
    ),
    _rule(
        "key-policy",
        Category.KMS_DENY,
        rf"{_NOT_AUTHORIZED}:? ?kms:.*(?:explicit deny in|because no) (?:an? )?resource-based policy",
        DeniedBy.KMS,
        "User: arn:aws:sts::333333333333:assumed-role/R/x is not authorized to perform: kms:GenerateDataKey on resource: "
        "arn:aws:kms:us-east-2:333333333333:key/k because no resource-based policy allows the kms:GenerateDataKey action",
        explained=False,
    ),
    _rule(
        "resource-policy-deny",
        Category.EXPLICIT_DENY_OTHER,
        r"explicit deny in (?:an?|the) resource-based policy",
        DeniedBy.OTHER,
        "User: arn:aws:iam::123456789012:user/John is not authorized to perform: sqs:SendMessage on resource: "
        "arn:aws:sqs:us-east-1:123456789012:q with an explicit deny in a resource-based policy",
    ),
    _rule(
        "resource-policy",
        Category.DELIVERY_POLICY_OTHER,
        rf"{_NO}resource-based policy",
        DeniedBy.OTHER,
        "User: arn:aws:iam::123456789012:user/u is not authorized to perform: lambda:GetLayerVersion on resource: "
        "arn:aws:lambda:ap-northeast-1:770693421928:layer:l:5 because no resource-based policy allows the lambda:GetLayerVersion action",
    ),
    _rule(
        "explicit-deny",
        Category.EXPLICIT_DENY_OTHER,
        r"with an explicit deny|explicitly denied|denied by (?:the )?stack policy",
        DeniedBy.OTHER,
        "API: iam:CreateRole User: arn:aws:sts::xxx:assumed-role/MyRole/user@example.com is not authorized to perform: iam:CreateRole on "
        "resource: arn:aws:iam::xxx:role/eksctl-KarpenterNodeRole-eks-poc with an explicit deny",
        "https://github.com/eksctl-io/eksctl/issues/4996",
    ),
    _rule(
        "kms-action-unsaid",
        Category.KMS_DENY,
        rf"{_NOT_AUTHORIZED}:? ?kms:\S+ .*does not exist in this region, no resource-based policies allow access",
        DeniedBy.KMS,
        "User: arn:aws:sts::111122223333:assumed-role/R/s is not authorized to perform: kms:GenerateDataKey on this resource because the "
        "resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
        "https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html",
        explained=False,
    ),
    _rule(
        "kms-action",
        Category.KMS_DENY,
        rf"{_NOT_AUTHORIZED}:? ?kms:|api: kms:\w+ (?:user|access denied|you are not)|to (?:call|perform|use):? ?kms:\w+",
        DeniedBy.KMS,
        "InvalidRequestException: User not authorized to perform kms:CreateGrant operation",
        "https://github.com/kubernetes-sigs/cluster-api-provider-aws/issues/2432",
    ),
    _rule(
        "s3-action",
        Category.S3_DENY,
        rf"{_NOT_AUTHORIZED}:? ?s3:|api: s3:\w+ .*(?:access denied|not authorized|forbidden)",
        DeniedBy.S3,
        "API: s3:CreateBucket Access Denied",
        "https://github.com/acantril/learn-cantrill-io-labs/issues/109",
    ),
    _rule(
        "identity",
        Category.IAM_IDENTITY_DENY,
        rf"{_NOT_AUTHORIZED}:? ?[\w-]+:[\w*]|{_NO}identity-based policy|{_NO}session policy",
        DeniedBy.IAM,
        "User: arn:aws:iam::111122223333:user/someuser is not authorized to perform: iam:GetRole on resource: role "
        "cdk-hnb659fds-file-publishing-role-111122223333-eu-west-2 because no identity-based policy allows the iam:GetRole action",
        "https://github.com/aws/aws-cdk/issues/27067",
    ),
    _rule(
        "api-denied",
        Category.IAM_IDENTITY_DENY,
        r"api: [\w-]+:\w+ (?:.*(?:access ?denied|not authorized|unauthorized|access to .{1,200} is denied)|user: )",
        DeniedBy.IAM,
        "API: ec2:CreateVpc You are not authorized to perform this operation.",
    ),
    _rule(
        "no-permission-to-call",
        Category.IAM_IDENTITY_DENY,
        r"(?:n't|not|lacks?|no|without) (?:have )?(?:the )?(?:required )?permissions? to (?:call|perform|invoke):? ?[\w-]+:\w+",
        DeniedBy.IAM,
        "AccessDenied. User doesn't have permission to call ec2:DescribeImages. Rollback requested by user.",
    ),
)
