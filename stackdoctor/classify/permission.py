"""Wordings about roles, policy documents and tokens, and denies that name neither policy nor action.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category, DeniedBy

_POLICY_TEXT = any_of(
    "malformedpolicy",
    "policy (?:document )?contains (?:a statement|an? invalid|invalid)",
    "invalid principals? in policy",
    "policy (?:document )?has invalid",
    r"(?:unknown|unsupported|invalid) principals?\b.{0,80}\bpolic(?:y|ies)",
    "policy statement must contain",
    "syntax errors? in policy",
    "malformed policy",
    "missing required field (?:resource|action|principal|effect)",
    "does not apply to any resource",
    "has prohibited field",
    "policy document (?:should|must|is (?:invalid|not))",
    "(?:invalid|not a valid) policy(?: document|:|$)",
    "actions?/conditions? must be prefaced by a vendor",
    "the policy failed legacy parsing",
    "policy is (?:malformed|not well-?formed)",
    "invalid policy syntax",
    "conditions? (?:key|block).{0,40}(?:must be present|not supported|is invalid)",
    "must specify (?:a )?principal",
    r"parameter:? policy\b",
    "policy error:",
    r"error setting policy: ?\[?\{",
)
_OF_A_POLICY = any_of(_POLICY_TEXT, "(?:unknown|unsupported|invalid) principal", "syntax errors? at position")
"""Also what says so only where the error is known to be about a policy."""
_POLICY_CODE = r"(?:\w+\.)*(?:MalformedPolicy\w*|InvalidPolicy\w*|PolicyValidationException|InvalidResourcePolicy\w*)"
_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html"


def _policy(rule_id: str, service: str, resource_type: str, by: DeniedBy | None, example: str, example_type: str) -> tuple[Rule, ...]:
    """The rules for an invalid policy document of one service: known by the error's service or by the resource type."""
    scopes = {"service": (service, ""), "type": ("", resource_type)} if service else {"any": ("", "")}
    signs = {"text": (_OF_A_POLICY if service else _POLICY_TEXT, ""), "code": ("", _POLICY_CODE)}
    return tuple(
        Rule(
            f"{rule_id}-{scope}-{sign}",
            Category.POLICY_DOCUMENT_INVALID,
            text=text,
            code=code,
            service=by_service,
            type=by_type,
            denied_by=by,
            explained=True,
            example=example if sign == "text" and scope != "type" else "",
            example_type=example_type,
            source=_IAM,
        )
        for scope, (by_service, by_type) in scopes.items()
        for sign, (text, code) in signs.items()
    )


POLICY_DOCUMENTS = (
    *_policy(
        "key-policy-invalid",
        r"kms",
        r"AWS::KMS::.*",
        DeniedBy.KMS,
        "Policy contains a statement with no principal. (Service: Kms, Status Code: 400, Request ID: 71bf6db8-48f0-4b56-ac30-a619f5711d57)",
        "AWS::KMS::Key",
    ),
    *_policy(
        "bucket-policy-invalid",
        r"s3",
        r"AWS::S3\w*::.*",
        DeniedBy.S3,
        "Invalid principal in policy (Service: Amazon S3; Status Code: 400; Error Code: MalformedPolicy; Request ID: 3XN0NQQSCEXV1Z3V)",
        "AWS::S3::BucketPolicy",
    ),
    *_policy(
        "identity-policy-invalid",
        r"iam|identitymanagement",
        r"AWS::IAM::.*",
        DeniedBy.IAM,
        'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/gone" (Service: Iam, Status Code: 400, Request ID: 0b1c2d3e-1111)',
        "AWS::IAM::Role",
    ),
    *_policy("policy-invalid", "", "", None, "Invalid policy document: Missing required field Principal", "AWS::SQS::QueuePolicy"),
)

TOKENS = (
    Rule(
        "token",
        Category.AUTH_TOKEN,
        text=any_of(
            "security token included in the request is (?:invalid|expired)",
            "(?:token|credentials?).{0,30}(?:has |have |is |are )?expired",
            "unable to locate credentials",
            "request signature we calculated does not match",
            "aws access key id .*does not exist",
            "aws was not able to validate the provided access credentials",
            "missing authentication token",
        ),
        denied_by=DeniedBy.IAM,
        explained=True,
        example="UnrecognizedClientException -- The security token included in the request is invalid.",
        example_type="Custom::RFDK_X509Generator",
        source="https://github.com/aws/aws-rfdk/issues/409",
    ),
    Rule(
        "token-code",
        Category.AUTH_TOKEN,
        code=r"(?:\w+\.)*(?:UnrecognizedClient|ExpiredToken|InvalidClientTokenId|InvalidToken|SignatureDoesNotMatch|AuthFailure|InvalidAccessKeyId|IncompleteSignature|MissingAuthenticationToken|InvalidIdentityToken)\w*",
        denied_by=DeniedBy.IAM,
        explained=True,
        example="ExpiredTokenException",
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html",
    ),
    Rule(
        "token-handler",
        Category.AUTH_TOKEN,
        handler="InvalidCredentials",
        denied_by=DeniedBy.IAM,
        explained=True,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: InvalidCredentials)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)

TAGGING = (
    Rule(
        "tagging",
        Category.IAM_IDENTITY_DENY,
        text=any_of("permissions error performing a tagging operation", "unauthorized tagging operation"),
        denied_by=DeniedBy.IAM,
        explained=True,
        example='Resource handler returned message: "Encountered a permissions error performing a tagging operation, please add required tag '
        'permissions. Resource handler returned message: "Unauthorized tagging operation"" (RequestToken: 1-2-3, HandlerErrorCode: UnauthorizedTaggingOperation)',
        example_type="AWS::KMS::Key",
        source="https://repost.aws/knowledge-center/cloudformation-tagging-permission-error",
    ),
    Rule(
        "tagging-handler",
        Category.IAM_IDENTITY_DENY,
        handler="UnauthorizedTaggingOperation",
        denied_by=DeniedBy.IAM,
        explained=True,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: UnauthorizedTaggingOperation)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)

ROLES = (
    Rule(
        "role-not-permitted",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        text=r"(?<!assumed-)\brole\b.{0,200}?(?:does not|do not|doesn't|don't|not|lacks?|insufficient|missing)"
        r" (?:have )?(?:the )?(?:sufficient |required |necessary |enough |adequate |appropriate )?(?:permissions?|access|privileges?)"
        r"(?: to (?:call|perform|invoke):? ?(?P<operation>\w+)(?: on (?P<service>\w+))?)?",
        denied_by=DeniedBy.IAM,
        explained=True,
        example="The provided execution role does not have permissions to call ReceiveMessage on SQS (Service: AWSLambda; Status Code: 400; Error "
        "Code: InvalidParameterValueException; Request ID: 19af6e68-d98a-421a-ad4b-af20c8a757e9)",
        example_type="AWS::Lambda::EventSourceMapping",
        source="https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-execution.html",
    ),
    Rule(
        "role-secret",
        Category.IAM_IDENTITY_DENY,
        text=r"iam role \"?(?P<principal>arn:[^\s\"]+)\"? is not authorized to read the aws secrets manager secret(?: with the arn \"?(?P<resource>arn:[^\s\"]+))?",
        denied_by=DeniedBy.IAM,
        action="secretsmanager:GetSecretValue",
        explained=True,
        example='Credentials couldn\'t be retrieved. The IAM role "arn:aws:iam:::role/ProxyIAMRole2FE8AB0F" is not authorized to read the AWS '
        'Secrets Manager secret with the ARN "arn:aws:secretsmanager:::secret:SecretA720EF05"',
        example_type="AWS::RDS::DBProxy",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html",
    ),
    Rule(
        "role-assume",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        text=any_of(
            r"\brole\b.{0,300}(?:cannot be assumed|can't be assumed|could not be assumed|is not assumable|not able to be assumed|be assumed by)",
            r"(?:unable|not able|failed|cannot|can't|could not|couldn't|permissions?|not authorized) to assume (?:the |your |this |provided |service[ -]linked )*(?:iam )?(?:\w+ )?role",
            "(?:unable to|failed to|cannot|could not) assume",
            "assume ?role .{0,60}(?:failed|denied)",
            "trust (?:policy|relationship|permission)",
            "role .{0,120}(?:is invalid or|not been granted permission)",
            r"invalid (?:service )?role\b",
            "not have .{0,30}permission to assume",
        ),
        denied_by=DeniedBy.IAM,
        explained=True,
        action="sts:AssumeRole",
        example="Role arn:aws:iam::999999999999:role/cdk-hnb9999ds-cfn-exec-role-999999999-us-east-2 is invalid or cannot be assumed",
        example_type="AWS::CloudFormation::Stack",
        source="https://github.com/awslabs/route53-dynamic-dns-with-lambda/issues/55",
    ),
    Rule(
        "role-pass",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        text=any_of(
            r"(?:not authorized|unable|permissions?|cannot|not allowed|failed|denied).{0,60}pass ?(?:the |this |a )?role\b",
            "cross-account pass role",
        ),
        denied_by=DeniedBy.IAM,
        explained=True,
        action="iam:PassRole",
        example="Cross-account pass role is not allowed.",
        example_type="AWS::Lambda::Function",
        source="https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html",
    ),
    Rule(
        "role-policy",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        text=any_of(
            "access was denied when calling .{0,80}role",
            r"access ?denied\w* (?:for|by|on|from) \w*role\b",
            r"(?:ensure|check|verify|make sure).{0,120}\brole\b.{0,80}(?:allows?|permissions?|has|have|access|can)\b",
            "(?:policy|permissions?) (?:on|of|for|attached to) the (?:iam |execution |service )*role",
            r"(?<!assumed-)\brole\b.{0,160}(?:not authorized|unauthorized|insufficient|lacks|missing|does not allow|doesn't allow|not permitted)",
        ),
        denied_by=DeniedBy.IAM,
        explained=True,
        example="Access was denied when calling Kinesis. Ensure the access policy on the IAM role used allows access to the appropriate Kinesis APIs.",
        example_type="AWS::KinesisFirehose::DeliveryStream",
        source="https://docs.aws.amazon.com/firehose/latest/dev/troubleshooting.html",
    ),
    Rule(
        "service-linked-role-custom",
        Category.CUSTOM_RESOURCE,
        text=r"lacks? permissions?|(?:does not|doesn't|do not|don't) have (?:the |sufficient |required )*permissions?",
        custom=True,
        denied_by=DeniedBy.IAM,
        example="Received response status [FAILED] from custom resource. Message returned: The task can't be completed because you are signed in "
        "with an account that lacks permissions to create a service-linked role in AWS CloudTrail.",
        example_type="AWS::CloudFormation::CustomResource",
        source="https://github.com/aws-samples/aws-security-reference-architecture-examples/issues/305",
    ),
    Rule(
        "service-linked-role",
        Category.ROLE_TRUST_OR_EXECUTION_ROLE,
        text=any_of(
            r"(?:service[- ]linked role|awsservicerolefor\w+).{0,200}(?:does not exist|doesn't exist|must|not found|verify|required|missing|permissions?)",
            r"(?:must|verify|create|enable|lacks?|need|missing|permissions?|required).{0,160}(?:service[- ]linked role|awsservicerolefor\w+)",
        ),
        denied_by=DeniedBy.IAM,
        explained=True,
        example="Before you can proceed, you must enable a service-linked role to give Amazon ES permissions to access your VPC.",
        example_type="AWS::OpenSearchService::Domain",
        source="https://github.com/terraform-aws-modules/terraform-aws-opensearch/issues/27",
    ),
)

_DATA_OPERATION = (
    r"(?i:PutObject|GetObject|HeadObject|CopyObject|CreateMultipartUpload|UploadPart\w*|CompleteMultipartUpload|PutObjectAcl|\(?403\)?)"
)

BARE_DENIES = (
    Rule(
        "bucket-policy-bare",
        Category.S3_DENY,
        text=r"access denied|forbidden",
        type=r"AWS::S3::BucketPolicy",
        denied_by=DeniedBy.S3,
        action="s3:PutBucketPolicy",
        example='Resource handler returned message: "Access Denied (Service: S3, Status Code: 403, Request ID:XXX, Extended Request ID: XXX" '
        "(RequestToken: XXXX, HandlerErrorCode: AccessDenied)",
        example_type="AWS::S3::BucketPolicy",
        source="https://github.com/aws-samples/unishop-monolith-to-microservices/issues/47",
    ),
    Rule(
        "s3-bare",
        Category.S3_DENY,
        text=r"access ?denied|forbidden|not authorized|public access is blocked|disabled",
        service=r"s3(?:control)?",
        denied_by=DeniedBy.S3,
        example="Access Denied (Service: S3, Status Code: 403, Request ID: NWDZ1JT0ZDZ94Y6B)",
        example_type="AWS::S3::Bucket",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html",
    ),
    Rule(
        "s3-type-bare",
        Category.S3_DENY,
        text=r"^(?:\w+: )?access denied\.?$|^forbidden$",
        type=r"AWS::S3::.*|Custom::S3\w*|Custom::CDKBucketDeployment|Custom::\w*Bucket\w*",
        denied_by=DeniedBy.S3,
        example="Access Denied",
        example_type="AWS::S3::Bucket",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html",
    ),
    Rule(
        "ec2-unauthorized",
        Category.IAM_IDENTITY_DENY,
        text=r"you are not authorized to (?:perform this operation|launch instances|use (?:launch template|image|key))|^unauthorizedoperation",
        denied_by=DeniedBy.IAM,
        example="UnauthorizedOperation: You are not authorized to perform this operation.",
        example_type="AWS::EC2::FlowLog",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
    ),
    Rule(
        "unspecified-worded",
        Category.UNSPECIFIED_DENY,
        text=any_of(
            r"(?:n't|not|lacks?|no|insufficient|without) (?:have )?(?:the |sufficient |required |necessary |enough )*(?:permissions?|privileges?|access)\b",
            "(?:does not|doesn't) exist or .{0,60}(?:not authorized|permission|access)",
            "access ?(?:is |was )?denied",
            "not (?:authorized|permitted|allowed) to (?:perform|access|call|use|make)",
            r"^(?:user|caller|principal|account|you|request)\b.{0,60}(?:is |are |was )?(?:not authorized|unauthorized|not permitted)",
            "not authorized to access",
            "insufficient ?privileges",
            r"^forbidden\b",
        ),
        denied_by=DeniedBy.OTHER,
        example="You don't have the permissions that are required to perform this operation",
        example_type="AWS::WAFv2::LoggingConfiguration",
        source="https://docs.aws.amazon.com/waf/latest/APIReference/API_PutLoggingConfiguration.html",
    ),
    Rule(
        "unspecified-code",
        Category.UNSPECIFIED_DENY,
        code=r"(?:\w+\.)*(?:AccessDenied|NotAuthorized|Unauthorized|AuthorizationError|Forbidden|InsufficientPrivileges)\w*",
        denied_by=DeniedBy.OTHER,
        example="AuthorizationErrorException: null",
        source="https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html",
    ),
    Rule(
        "unspecified-handler",
        Category.UNSPECIFIED_DENY,
        handler="AccessDenied",
        denied_by=DeniedBy.OTHER,
        example='Resource handler returned message: "null" (RequestToken: 1-2-3, HandlerErrorCode: AccessDenied)',
        source="https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html",
    ),
)

S3_CALLS = (
    Rule(
        "s3-data-call",
        Category.S3_DENY,
        text=r"^(?:access denied|forbidden)\.?$",
        operation=_DATA_OPERATION,
        denied_by=DeniedBy.S3_OR_KMS,
        example="An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html",
    ),
    Rule(
        "s3-call",
        Category.S3_DENY,
        text=r"^(?:access denied|forbidden)\.?$",
        operation=r"(?i:\w*(?:Bucket|Object|PublicAccessBlock)\w*)",
        denied_by=DeniedBy.S3,
        example="An error occurred (AccessDenied) when calling the PutBucketPolicy operation: Access Denied",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html",
    ),
    Rule(
        "s3-own-words",
        Category.S3_DENY,
        text=r"^accessdenied: access denied\.?$",
        denied_by=DeniedBy.S3,
        example="AccessDenied: Access Denied",
        source="https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
    ),
)
