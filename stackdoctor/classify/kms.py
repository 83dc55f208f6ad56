"""Wordings about a KMS key: what state it is in, that it is missing, or that its use was denied.

https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category, DeniedBy

_KEY_ARN = r"(?P<key>arn:aws[\w-]*:kms:[^\s'\",()\]]+)"
_KEY = r"(?:kms|customer managed|customer master|cmk|encryption)[ .-]?(?:customer )?(?:master )?(?:key|cmk)?"

RULES = (
    Rule(
        "key-policy-document",
        Category.POLICY_DOCUMENT_INVALID,
        text=r"new key policy will not allow you to update the key policy",
        denied_by=DeniedBy.KMS,
        explained=True,
        example="The new key policy will not allow you to update the key policy in the future.",
        example_type="AWS::KMS::Key",
        source="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html",
    ),
    Rule(
        "kms-key-id-format",
        Category.VALIDATION,
        text=any_of(
            "/kmskeyid: failed validation",
            "invalidkmskeyidexception",
            "invalids3kmskeyarn",
            "(?:kms )?key id (?:is )?(?:not valid|invalid)",
            "invalid kms key ?id",
            "unsupported property kmskeyid",
        ),
        explained=True,
        example="Model validation failed (#/KmsKeyId: failed validation constraint for keyword [pattern])",
        example_type="AWS::Logs::LogGroup",
        source="https://github.com/aws-cloudformation/cloudformation-resource-schema/issues/119",
    ),
    Rule(
        "log-group-key",
        Category.KMS_DENY,
        text=r"kms key does not exist or is not allowed to be used with (?:loggroup |arn )?'?(?P<resource>arn:[^'\s]+)?",
        denied_by=DeniedBy.KMS,
        example="The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:eu-west-2:123456789012:log-group:g'",
        example_type="AWS::Logs::LogGroup",
        source="https://github.com/hashicorp/terraform-provider-aws/issues/29282",
    ),
    Rule(
        "ciphertext-refers",
        Category.KMS_DENY,
        text=r"ciphertext refers to a (?:customer master key|kms key|cmk) that does not exist",
        denied_by=DeniedBy.KMS,
        action="kms:Decrypt",
        example="The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        example_type="AWS::S3::Object",
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html",
    ),
    Rule(
        "kms-access-denied-code",
        Category.KMS_DENY,
        code=r"(?:\w+\.)*KMS\.?Access\.?Denied\w*",
        denied_by=DeniedBy.KMS,
        example='{"ErrorCode":"KMS.AccessDeniedException","ErrorMessage":"null (Service: AWSKMS; Status Code: 400; Error Code: '
        'AccessDeniedException; Request ID: bb4fbbce-7269-4a16-956a-51927600b6a0; Proxy: null)","sqsRequestId":"Unrecoverable"}',
        example_type="AWS::SQS::Queue",
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html",
    ),
    Rule(
        "kms-grant",
        Category.KMS_DENY,
        text=r"invalidkmsresource|grant for the cmk .*might have been revoked",
        denied_by=DeniedBy.KMS,
        example="InvalidKMSResourceException: The grant for the CMK to this delivery stream might have been revoked or caller might not have "
        "sufficient permissions for the CMK.",
        example_type="AWS::KinesisFirehose::DeliveryStream",
        source="https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html",
    ),
    Rule(
        "key-not-accessible",
        Category.KMS_DENY,
        text=any_of(
            "kms key.*(?:not exist|n't exist).*(?:not enabled|n't enabled).*(?:permission|accessible|access)",
            r"kms key (?:\S+ )?.{0,60}(?:is|was)(?: not|n't) accessible",
            "kmskeynotaccessible",
            "inaccessibleencryption",
        ),
        denied_by=DeniedBy.KMS,
        example="KMSKeyNotAccessibleFault: The specified KMS key [arn:aws:kms:us-east-1:123456789012:key/k] does not exist, is not enabled or you "
        "do not have permissions to access it.",
        example_type="AWS::RDS::DBInstance",
        source="https://github.com/hashicorp/terraform-provider-aws/issues/16362",
    ),
    Rule(
        "launch-key",
        Category.KMS_DENY,
        text=r"client\.internalerror|client error on launch",
        denied_by=DeniedBy.KMS,
        example="Client.InternalError: Client error on launch",
        example_type="AWS::AutoScaling::AutoScalingGroup",
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html",
    ),
    Rule(
        "kms-key-missing",
        Category.KMS_KEY_STATE,
        text=any_of(
            rf"(?:kms|cmk).*(?:key|alias) ?(?:id )?['\"\[]?{_KEY_ARN}['\"\]]? (?:does not|doesn't|did not) exist",
            "invalid keyid ",
            "kms key ?(?:id|arn)? (?:could not be|was not|is not|not) found",
            "kms (?:key )?not ?found",
            "kmskeynotfound",
            r"alias arn:\S+ is not found",
            r"(?:alias/|kms:)\S+['\"]? (?:is not found|does not exist)",
            r"key 'arn:\S+:kms:\S+ does not exist",
            "kms key .{0,120}(?:does not|doesn't) exist",
        ),
        denied_by=DeniedBy.KMS,
        explained=True,
        example="KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Key 'arn:aws:kms:us-east-1:xxx:key/xxx' does not exist "
        "(Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: xxx; Proxy: null) (Service: DynamoDb, Status Code: 400)",
        example_type="AWS::DynamoDB::Table",
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html",
    ),
    Rule(
        "kms-key-state",
        Category.KMS_KEY_STATE,
        text=any_of(
            r"kms\.?(?:invalidstate|disabled)",
            r"invalidkmskey\.invalidstate",
            "invalid ?kms ?key ?state",
            r":key/\S+ (?:key usage is \S+ which )?is (?:disabled|pending|not valid|not enabled)",
            rf"{_KEY}.*(?:is|are|in)(?: currently)?(?: in)?(?: an?| the)? ?(?:disabled|pending|invalid state|not enabled|not valid for|unavailable|scheduled for deletion)",
            "kms.*(?:key is disabled|pending ?deletion|pending import|invalid state|key unavailable|is not enabled|not in (?:a )?valid state)",
        ),
        denied_by=DeniedBy.KMS,
        explained=True,
        example="KMSInvalidStateException: arn:aws:kms:us-east-1:123456789012:key/k is pending deletion.",
        example_type="AWS::SNS::Topic",
        source="https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html",
    ),
    Rule(
        "kms-key-state-code",
        Category.KMS_KEY_STATE,
        code=r"(?:\w+\.)*(?:KMS(?:InvalidState|Disabled|NotFound)|DisabledException|KeyUnavailable|InvalidKeyUsage)\w*",
        denied_by=DeniedBy.KMS,
        explained=True,
        example="DisabledException",
        example_type="AWS::KMS::Alias",
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html",
    ),
    Rule(
        "kms-deny-worded",
        Category.KMS_DENY,
        text=any_of(
            r"(?:access to|use of) (?:the |this )?(?:kms|aws kms|cmk)\b.*(?:not allowed|denied|not permitted)",
            "kms.{0,160}(?:access (?:was |is )?denied|not authorized|access ?denied|not allowed|not permitted|denied)",
            "(?:does not|do not|doesn't|don't|not) have (?:the |sufficient |required |enough )?(?:access|permissions?) .{0,80}(?:kms|cmk|encryption key)",
            "(?:access denied|not authorized) (?:to|for|by) (?:use )?(?:the |aws )*kms",
            "(?:access denied|not authorized|insufficient permissions?|permissions?) .{0,60}(?:kms|cmk|encryption) ?key",
            "(?:check|verify|grant).{0,60}kms key.{0,30}(?:policy|permission)",
            "kms key policy .{0,60}(?:does not|doesn't|not) (?:have|allow|grant|permit)",
        ),
        denied_by=DeniedBy.KMS,
        example="Access to KMS is not allowed (Service: AWSSecretsManager; Status Code: 400; Error Code: AccessDeniedException; Request ID: "
        "6a1f0e2c-0000-4c4e-a7f8-f9a8d1a0c1b2)",
        example_type="AWS::SecretsManager::Secret",
        source="https://github.com/aws/aws-cdk/issues/7677",
    ),
    Rule(
        "kms-deny-service",
        Category.KMS_DENY,
        code=r"(?:\w+\.)*(?:AccessDenied|NotAuthorized|Unauthorized)\w*",
        service=r"kms|keymanagementservice",
        denied_by=DeniedBy.KMS,
        example='Received error: "null (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; Request ID: '
        '3cd919dd-06b1-4079-b38e-77dd6093875a; Proxy: null)"',
        example_type="AWS::SNS::Topic",
        source="https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    ),
    Rule(
        "kms-exception",
        Category.KMS_DENY,
        code=r"(?:\w+\.)*(?:KmsException|KMSAccessDeniedFault|KMS\w*Fault|EncryptionFailure|KMSOptInRequired)",
        denied_by=DeniedBy.KMS,
        example="KmsException",
        example_type="AWS::ECR::Repository",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html",
    ),
)
