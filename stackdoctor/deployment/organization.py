"""`deployment org`: the CloudFormation template of an organization's scan and of the diagnosis of every stack that fails.

Deployed in the organization's management account, or a delegated administrator's, in one Region; the read-only role of
`deployment role` stands in every account. The functions' code is the zip of `deployment package`, where the user put it.
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

from __future__ import annotations

from collections.abc import Sequence

from stackdoctor.deployment import machines
from stackdoctor.deployment.grants import VERSION, allow, arn_of, reading, ref, role, sub
from stackdoctor.model import JSON
from stackdoctor.scan.stacks import FAILED_STATES

RUNTIME = "python3.13"
ROLE_NAME = "stackdoctor-read"
_ORGANIZATION = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-organization"
_ORGANIZATION_RUNS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-organization"
_LAMBDA, _STATES = "lambda.amazonaws.com", "states.amazonaws.com"


def template() -> dict[str, JSON]:
    """The whole template."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "stackdoctor: scans every account and Region of an organization on a schedule, and diagnoses stacks as they fail.",
        "Parameters": _parameters(),
        "Conditions": {"HasEmail": {"Fn::Not": [{"Fn::Equals": [ref("NotifyEmail"), ""]}]}},
        "Resources": {**_keeping(), **_functions(), **_machines(), **_triggers()},
        "Outputs": {
            "ResultsBucket": {"Description": "Reports stand below reports/, diagnoses below diagnoses/.", "Value": ref("Results")},
            "TopicArn": {"Description": "Where problems are told.", "Value": ref("Topic")},
            "OrganizationStateMachine": {"Description": "Start it to scan at once.", "Value": ref("Organization")},
            "DiagnosisStateMachine": {"Description": "Diagnoses the stack of an event.", "Value": ref("Diagnosis")},
            "DiagnoseFunction": {"Description": "For the runbook of `stackdoctor deployment runbook`.", "Value": ref("Diagnose")},
        },
    }


def _parameters() -> dict[str, JSON]:
    def text(description: str, **more: JSON) -> dict[str, JSON]:
        return {"Type": "String", "Description": description, **more}

    return {
        "CodeBucket": text("The bucket the Lambda package was uploaded to, in this Region."),
        "CodeKey": text("The package's key: what `stackdoctor deployment package` built."),
        "Regions": {"Type": "CommaDelimitedList", "Description": "The Regions to scan in every account, such as us-east-1,eu-west-1."},
        "RoleName": text(
            "The read-only role in every account: `stackdoctor deployment role`.", Default=ROLE_NAME, AllowedPattern=r"[\w+=,.@/-]{1,512}"
        ),
        "ExternalId": text("The external id its trust policy asks for; empty for none.", Default=""),
        "ScheduleExpression": text("When to scan.", Default="rate(1 day)"),
        "Concurrency": {
            "Type": "Number",
            "Description": "Accounts and Regions scanned at the same time.",
            "Default": 40,
            "MinValue": 1,
            "MaxValue": 1000,
        },
        "ToleratedFailurePercentage": {
            "Type": "Number",
            "Description": "How many accounts and Regions may fail before the scan gives up.",
            "Default": 20,
            "MinValue": 0,
            "MaxValue": 100,
        },
        "NotifyEmail": text("Who is told; empty for nobody. Others subscribe to the topic.", Default=""),
        "KeepDays": {"Type": "Number", "Description": "Days that results and reports are kept.", "Default": 365, "MinValue": 1},
    }


# ------------------------------------------------------------------------------------------------------------ what is kept
def _keeping() -> dict[str, JSON]:
    return {
        "Results": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "forget",
                            "Status": "Enabled",
                            "ExpirationInDays": ref("KeepDays"),
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        }
                    ]
                },
            },
        },
        "ResultsPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": ref("Results"), "PolicyDocument": {"Version": VERSION, "Statement": [_only_tls()]}},
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"KmsMasterKeyId": "alias/aws/sns"},
        },
        "Email": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasEmail",
            "Properties": {"TopicArn": ref("Topic"), "Protocol": "email", "Endpoint": ref("NotifyEmail")},
        },
    }


def _only_tls() -> dict[str, JSON]:
    return {
        "Sid": "OnlyTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn_of("Results"), sub("${Results.Arn}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


# --------------------------------------------------------------------------------------------------------------- functions
def _functions() -> dict[str, JSON]:
    assume = allow("ReadOtherAccounts", ["sts:AssumeRole"], [sub("arn:${AWS::Partition}:iam::*:role/${RoleName}")])
    results = [
        allow("ReadResults", ["s3:GetObject"], [sub("${Results.Arn}/runs/*")]),
        allow("FindResults", ["s3:ListBucket"], [arn_of("Results")], {"StringLike": {"s3:prefix": "runs/*"}}),
    ]
    return {
        **_function("Scan", "scan", "Scans one account and Region; reads only.", [reading("scan"), assume], 600),
        **_function("Diagnose", "diagnose", "Diagnoses one stack; reads only.", [reading("diagnose"), assume], 60),
        **_function("Reduce", "reduce", "Makes the report of a scan; reads its results only.", results, 900),
    }


def _function(logical_id: str, name: str, description: str, statements: Sequence[JSON], timeout: int) -> dict[str, JSON]:
    log = allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [arn_of(f"{logical_id}Log")])
    return {
        f"{logical_id}Log": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"LogGroupName": sub(f"/aws/lambda/${{AWS::StackName}}-{name}"), "RetentionInDays": 30},
        },
        f"{logical_id}Role": role(_LAMBDA, description, [*statements, log], says_for_whom=False),
        logical_id: {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": sub(f"${{AWS::StackName}}-{name}"),
                "Description": description,
                "Code": {"S3Bucket": ref("CodeBucket"), "S3Key": ref("CodeKey")},
                "Handler": f"stackdoctor.aws_lambda.{name}",
                "Runtime": RUNTIME,
                "Architectures": ["arm64"],
                "MemorySize": 1024,
                "Timeout": timeout,
                "Role": arn_of(f"{logical_id}Role"),
                "LoggingConfig": {"LogGroup": ref(f"{logical_id}Log")},
                "Environment": {"Variables": {"STACKDOCTOR_ROLE_NAME": ref("RoleName"), "STACKDOCTOR_EXTERNAL_ID": ref("ExternalId")}},
            },
        },
    }


# ---------------------------------------------------------------------------------------------------------- state machines
def _machines() -> dict[str, JSON]:
    return {
        "OrganizationRole": role(_STATES, "Runs the scan of the organization.", _organization_grants(), says_for_whom=True),
        "Organization": _machine("organization", machines.filled(machines.organization()), "OrganizationRole"),
        "DiagnosisRole": role(_STATES, "Runs the diagnosis of a stack.", _diagnosis_grants(), says_for_whom=True),
        "Diagnosis": _machine("diagnosis", machines.filled(machines.diagnosis()), "DiagnosisRole"),
    }


def _machine(name: str, definition: str, role_id: str) -> dict[str, JSON]:
    regions: dict[str, JSON] = {"RegionList": {"Fn::Join": [",", ref("Regions")]}}
    text: JSON = {"Fn::Sub": [definition, regions]} if "${RegionList}" in definition else {"Fn::Sub": definition}
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": sub(f"${{AWS::StackName}}-{name}"),
            "StateMachineType": "STANDARD",
            "RoleArn": arn_of(role_id),
            "DefinitionString": text,
        },
    }


def _organization_grants() -> list[JSON]:
    return [
        allow("ListAccounts", ["organizations:ListAccounts"], ["*"]),
        allow("Invoke", ["lambda:InvokeFunction"], [arn_of("Scan"), arn_of("Reduce")]),
        allow("RunChildren", ["states:StartExecution"], [sub(_ORGANIZATION)]),
        allow(
            "WatchChildren",
            ["states:DescribeExecution", "states:StopExecution"],
            [sub(f"{_ORGANIZATION_RUNS}:*"), sub(f"{_ORGANIZATION_RUNS}/*")],
        ),
        allow("RedriveChildren", ["states:RedriveExecution"], [sub(f"{_ORGANIZATION_RUNS}/Places:*")]),
        allow("FindPages", ["s3:ListBucket"], [arn_of("Results")], {"StringLike": {"s3:prefix": "runs/*"}}),
        allow("ReadPages", ["s3:GetObject"], [sub("${Results.Arn}/runs/*")]),
        allow(
            "WriteResults",
            ["s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
            [sub("${Results.Arn}/runs/*"), sub("${Results.Arn}/reports/*")],
        ),
        *_telling(),
    ]


def _diagnosis_grants() -> list[JSON]:
    return [
        allow("Invoke", ["lambda:InvokeFunction"], [arn_of("Diagnose")]),
        allow("KeepDiagnoses", ["s3:PutObject"], [sub("${Results.Arn}/diagnoses/*")]),
        *_telling(),
    ]


def _telling() -> list[JSON]:
    return [allow("Tell", ["sns:Publish"], [ref("Topic")])]


# ---------------------------------------------------------------------------------------------------------------- triggers
def _triggers() -> dict[str, JSON]:
    """The schedule, and the rule for every stack of this account and Region that ends badly.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-event-notifications.html
    """
    ended = [status for status in FAILED_STATES if status.endswith(("_FAILED", "ROLLBACK_COMPLETE"))]
    pattern: JSON = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {"status-details": {"status": list(ended)}},
    }
    start = "states:StartExecution"
    return {
        "ScheduleRole": role(
            "scheduler.amazonaws.com", "Starts the scan.", [allow("Start", [start], [ref("Organization")])], says_for_whom=True
        ),
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Description": "Scans the organization.",
                "ScheduleExpression": ref("ScheduleExpression"),
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": ref("Organization"), "RoleArn": arn_of("ScheduleRole"), "Input": "{}"},
            },
        },
        "FailedStackRole": role(
            "events.amazonaws.com", "Starts a diagnosis.", [allow("Start", [start], [ref("Diagnosis")])], says_for_whom=True
        ),
        "FailedStack": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Description": "A stack failed or was rolled back: diagnose it.",
                "EventPattern": pattern,
                "Targets": [{"Id": "diagnosis", "Arn": ref("Diagnosis"), "RoleArn": arn_of("FailedStackRole")}],
            },
        },
    }
