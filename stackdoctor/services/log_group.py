"""AWS::Logs::LogGroup with a key: CloudWatch Logs uses it as logs.<region>.amazonaws.com under the log group's encryption context.

The service's own DescribeKey is left out: AWS's key policy puts it under the encryption context that DescribeKey never
carries, so it is not what decides. The caller's DescribeKey is required, forwarded by CloudWatch Logs.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
"""

from __future__ import annotations

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge, Known, OneOf
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Scope,
    Service,
    Target,
    Use,
    allow,
    documented,
    key_arn,
    key_request,
)
from stackdoctor.services.identity import own

PAGE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"
ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey")
CONTEXT = "kms:EncryptionContext:aws:logs:arn"


def principal(scope: Scope) -> str:
    """The regional service principal. In aws-cn it ends in .amazonaws.com.cn (inferred: the page shows aws only)."""
    return f"logs.{scope.region}.amazonaws.com" + (".cn" if scope.partition == "aws-cn" else "")


def log_group_arn(resource: Resource) -> str:
    """The log group's ARN; without a LogGroupName CloudFormation makes a name of stack and logical id."""
    scope = resource.scope
    name = resource.text("LogGroupName") or resource.physical_id
    return f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{name or f'{resource.stack_name}-{resource.logical_id}-*'}"


def _arn_knowledge(resource: Resource) -> Knowledge:
    arn = log_group_arn(resource)
    return documented(arn)


def _uses(resource: Resource) -> tuple[Use, ...]:
    key = resource.text("KmsKeyId")
    return (Use(Target.KEY, key, "KmsKeyId"),) if key else ()


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    key, scope = resource.text("KmsKeyId"), resource.scope
    if not key:
        return ()
    context: dict[str, Knowledge] = {
        CONTEXT: _arn_knowledge(resource),
        "kms:EncryptionContextKeys": Known(("aws:logs:arn",)),
        "kms:ViaService": OneOf((None, (f"logs.{scope.region}.amazonaws.com",))),
        "aws:SourceArn": UNKNOWN,
        "aws:SourceAccount": UNKNOWN,
    }
    why = "CloudWatch Logs encrypts the log group's data with the key"
    service = (
        Needed(key_request(principal(scope), action, key, facts, scope, context), Target.KEY, key, Blocking.YES, why, PAGE)
        for action in ACTIONS
    )
    describe = "CloudWatch Logs looks the key up with the deploying identity"
    return (*service, own(resource, "kms:DescribeKey", key_arn(key, facts, scope), PAGE, describe, ref=key, via="logs"))


def _minimal(resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement: any use under an encryption context that names a log group of this Region and account."""
    scope = resource.scope
    actions = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")
    condition: dict[str, JSON] = {"ArnLike": {CONTEXT: f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:*"}}
    return (allow("AllowCloudWatchLogs", principal(scope), actions, "*", condition),)


SERVICE = Service(
    resource_types=("AWS::Logs::LogGroup",),
    principal="logs.<region>.amazonaws.com",
    uses=_uses,
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    source_arn=log_group_arn,
    api_calls=("CreateLogGroup", "AssociateKmsKey"),
    principal_of=lambda resource: principal(resource.scope),
    constraints=frozenset(
        {Constraint.KEY_IN_RESOURCE_REGION, Constraint.KEY_SYMMETRIC, Constraint.KEY_CUSTOMER_MANAGED, Constraint.KEY_BY_ARN}
    ),
)
