"""AWS::Lambda::Function: its code from a bucket, read as whoever deploys; a key for the function, used as whoever deploys; a key
for the code package, used by lambda.amazonaws.com, for which Lambda makes no grant.

https://docs.aws.amazon.com/lambda/latest/dg/encrypt-zip-package.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge
from stackdoctor.services.base import (
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Service,
    Target,
    Use,
    allow,
    bucket_arn,
    documented,
    key_arn,
    key_request,
    via_s3,
)
from stackdoctor.services.identity import own

PRINCIPAL = "lambda.amazonaws.com"
PACKAGE_PAGE = "https://docs.aws.amazon.com/lambda/latest/dg/encrypt-zip-package.html"
FUNCTION_PAGE = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html"
CODE_PAGE = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html"
CONTEXT = "kms:EncryptionContext:aws:lambda:FunctionArn"


def function_arn(resource: Resource) -> str:
    """The function's ARN; without a FunctionName CloudFormation makes a name of stack and logical id."""
    scope = resource.scope
    name = resource.text("FunctionName") or resource.physical_id or f"{resource.stack_name}-{resource.logical_id}-*"
    return f"arn:{scope.partition}:lambda:{scope.region}:{scope.account}:function:{name}"


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = ((Target.BUCKET, "Code.S3Bucket"), (Target.KEY, "KmsKeyArn"), (Target.KEY, "Code.SourceKMSKeyArn"))
    return tuple(Use(target, resource.text(path), path) for target, path in named if resource.text(path))


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    key = facts.bucket(resource.text("Code.S3Bucket")).default_key
    return (Use(Target.KEY, key, "BucketEncryption"),) if key and "alias/aws/" not in key else ()


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (*_code(resource, facts), *_function(resource, facts), *_package(resource, facts))


def _code(resource: Resource, facts: Facts) -> Iterator[Needed]:
    bucket, key, scope = resource.text("Code.S3Bucket"), resource.text("Code.S3Key"), resource.scope
    if not bucket:
        return
    store = facts.bucket(bucket)
    action = "s3:GetObjectVersion" if resource.text("Code.S3ObjectVersion") else "s3:GetObject"
    where = bucket_arn(scope.partition, bucket, key)
    yield own(resource, action, where, CODE_PAGE, "Lambda reads the code as the deploying identity", ref=bucket, owner=store.account)
    if store.default_key and "alias/aws/" not in store.default_key:
        arn, owner = key_arn(store.default_key, facts, scope), facts.key(store.default_key).account
        why = "the code's object is encrypted with the bucket's default key"
        yield own(resource, "kms:Decrypt", arn, CODE_PAGE, why, ref=store.default_key, via="s3", owner=owner)


def _function(resource: Resource, facts: Facts) -> Iterator[Needed]:
    key = resource.text("KmsKeyArn")
    for action in ("kms:CreateGrant", "kms:Encrypt") if key else ():
        arn, owner = key_arn(key, facts, resource.scope), facts.key(key).account
        why = "Lambda encrypts the function's environment with the key"
        yield own(resource, action, arn, FUNCTION_PAGE, why, ref=key, via="lambda", owner=owner)


def _package(resource: Resource, facts: Facts) -> Iterator[Needed]:
    key, scope = resource.text("Code.SourceKMSKeyArn"), resource.scope
    carried: dict[str, Knowledge] = {
        CONTEXT: documented(function_arn(resource)),
        "aws:SourceArn": UNKNOWN,
        "aws:SourceAccount": UNKNOWN,
        "kms:ViaService": via_s3(facts.bucket(resource.text("Code.S3Bucket")).region, scope.region),
    }
    for action in ("kms:GenerateDataKey", "kms:Decrypt") if key else ():
        request = key_request(PRINCIPAL, action, key, facts, scope, carried)
        yield Needed(request, Target.KEY, key, Blocking.YES, "Lambda keeps the code package encrypted with the key", PACKAGE_PAGE)


def _minimal(resource: Resource, _facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The statement of Lambda's page, for this function."""
    if target is not Target.KEY or ref != resource.text("Code.SourceKMSKeyArn"):
        return ()
    arn = function_arn(resource)
    condition: dict[str, JSON] = {"StringLike" if arn.endswith("*") else "StringEquals": {CONTEXT: arn}}
    return (allow("AllowLambdaUseOfKey", PRINCIPAL, ("kms:GenerateDataKey", "kms:Decrypt"), "*", condition),)


SERVICE = Service(
    resource_types=("AWS::Lambda::Function",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(CODE_PAGE, PACKAGE_PAGE),
    minimal=_minimal,
    source_arn=function_arn,
    api_calls=("CreateFunction20150331", "UpdateFunctionCode20150331v2"),
    constraints=frozenset({Constraint.BUCKET_IN_RESOURCE_REGION, Constraint.KEY_SYMMETRIC}),
)
