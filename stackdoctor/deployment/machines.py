"""The two state machines: an organization's scan, and the diagnosis of one stack that failed.

out: Amazon States Language as Python values. `${…}` is filled in by CloudFormation; `filled` gives the text for it.
Our functions only read: pages of accounts, results, reports and messages are written by Step Functions' own integrations.
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import json
import re

from stackdoctor.model import JSON
from stackdoctor.scan.gathered import ACCOUNTS, RESULTS

_INVOKE = "arn:${AWS::Partition}:states:::lambda:invoke"
_PUBLISH = "arn:${AWS::Partition}:states:::sns:publish"
_PUT = "arn:${AWS::Partition}:states:::aws-sdk:s3:putObject"
_NUMBER = re.compile(r'"(\$\{[A-Za-z]+\})#"')

_RETRY_LAMBDA: JSON = {
    "ErrorEquals": [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}
"""https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception"""
_RETRY_THROTTLED: JSON = {
    "ErrorEquals": ["Throttled"],
    "IntervalSeconds": 30,
    "MaxAttempts": 2,
    "BackoffRate": 3,
    "JitterStrategy": "FULL",
}
_RETRY_SERVICE: JSON = {
    "ErrorEquals": ["States.TaskFailed"],
    "IntervalSeconds": 3,
    "MaxAttempts": 4,
    "BackoffRate": 2,
    "JitterStrategy": "FULL",
}


def filled(machine: dict[str, JSON]) -> str:
    """The definition as the text of an Fn::Sub; numbers that are parameters lose their quotes."""
    return _NUMBER.sub(r"\1", json.dumps(machine, indent=2)) + "\n"


def _number(parameter: str) -> str:
    return f"${{{parameter}}}#"


# -------------------------------------------------------------------------------------------------------- an organization
def organization() -> dict[str, JSON]:
    """ListAccounts, page by page, crossed with the Regions → a child execution for each → the report → S3 and SNS.

    The pages go to S3, since an organization's accounts × Regions need not fit into one state.
    """
    return {
        "Comment": "stackdoctor: scans every account and Region of the organization, and reports",
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% {'page': 1, 'next': ''} %}", "Next": "ListAccounts"},
            "ListAccounts": _list_accounts(),
            "AnyOnThisPage": _choice("{% $count($states.input.items) > 0 %}", "KeepPage", otherwise="AnyMorePages"),
            "KeepPage": _keep_page(),
            "AnyMorePages": _choice("{% $states.input.next != '' %}", "ListAccounts", otherwise="Scan"),
            "Scan": _scan(),
            "ScanEnded": {"Type": "Pass", "Parameters": {"part": 1, "reason": ""}, "Next": "Report"},
            "ScanGaveUp": {
                "Type": "Pass",
                "Parameters": {"part": 1, "reason": "more accounts and Regions failed than are tolerated"},
                "Next": "Report",
            },
            "Report": _report(),
            "KeepReport": _keep_report(),
            "AnyMoreParts": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.report.next", "NumericGreaterThan": 0, "Next": "NextPart"},
                    {"Variable": "$.report.tell", "BooleanEquals": True, "Next": "Tell"},
                ],
                "Default": "HowItEnded",
            },
            "NextPart": {"Type": "Pass", "Parameters": {"part.$": "$.report.next", "reason.$": "$.reason"}, "Next": "Report"},
            "Tell": _tell("$.report.subject", "$.report.message", "HowItEnded"),
            "HowItEnded": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.reason", "StringEquals": "", "Next": "Done"}],
                "Default": "TooManyFailed",
            },
            "Done": {"Type": "Succeed"},
            "TooManyFailed": {
                "Type": "Fail",
                "Error": "TooManyFailed",
                "Cause": "More accounts and Regions failed than are tolerated; the report names them.",
            },
        },
    }


def _choice(condition: str, then: str, *, otherwise: str) -> dict[str, JSON]:
    return {
        "Type": "Choice",
        "QueryLanguage": "JSONata",
        "Choices": [{"Condition": condition, "Next": then}],
        "Default": otherwise,
    }


def _list_accounts() -> dict[str, JSON]:
    """One page of active accounts, each crossed with the Regions. `State` replaces `Status`, which Organizations retires.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    """
    active = "($exists(State) ? State : $exists(Status) ? Status : 'ACTIVE') = 'ACTIVE'"
    crossed = "($account := $; $split('${RegionList}', ',').{'account': $account.Id, 'name': $account.Name, 'region': $})"
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": "arn:${AWS::Partition}:states:::aws-sdk:organizations:listAccounts",
        "Arguments": "{% $states.input.next = '' ? {} : {'NextToken': $states.input.next} %}",
        "Output": {
            "page": "{% $states.input.page %}",
            "next": "{% $states.result.NextToken ? $states.result.NextToken : '' %}",
            "items": f"{{% [$states.result.Accounts[{active}].{crossed}] %}}",
        },
        "Retry": [_RETRY_SERVICE],
        "Next": "AnyOnThisPage",
    }


def _keep_page() -> dict[str, JSON]:
    name = f"'runs/' & $states.context.Execution.Name & '/{ACCOUNTS}' & $formatNumber($states.input.page, '00000') & '.json'"
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": _PUT,
        "Arguments": {
            "Bucket": "${Results}",
            "Key": f"{{% {name} %}}",
            "ContentType": "application/json",
            "Body": "{% $states.input.items %}",
        },
        "Output": {"page": "{% $states.input.page + 1 %}", "next": "{% $states.input.next %}"},
        "Retry": [_RETRY_SERVICE],
        "Next": "AnyMorePages",
    }


def _scan() -> dict[str, JSON]:
    return {
        "Type": "Map",
        "Label": "Places",
        "Comment": "One child execution for each account and Region; those that fail are rows of the report",
        "ItemReader": {
            "Resource": "arn:${AWS::Partition}:states:::s3:listObjectsV2",
            "ReaderConfig": {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
            "Parameters": {"Bucket": "${Results}", "Prefix.$": f"States.Format('runs/{{}}/{ACCOUNTS}', $$.Execution.Name)"},
        },
        "MaxConcurrency": _number("Concurrency"),
        "ToleratedFailurePercentage": _number("ToleratedFailurePercentage"),
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "ScanPlace",
            "States": {"ScanPlace": _scan_place()},
        },
        "ResultWriter": {
            "Resource": "arn:${AWS::Partition}:states:::s3:putObject",
            "WriterConfig": {"Transformation": "NONE", "OutputType": "JSONL"},
            "Parameters": {"Bucket": "${Results}", "Prefix.$": f"States.Format('runs/{{}}/{RESULTS[:-1]}', $$.Execution.Name)"},
        },
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "ResultPath": None, "Next": "ScanGaveUp"}],
        "Next": "ScanEnded",
    }


def _scan_place() -> dict[str, JSON]:
    return {
        "Type": "Task",
        "Resource": _INVOKE,
        "Parameters": {
            "FunctionName": "${Scan.Arn}",
            "Payload": {
                "account.$": "$.account",
                "region.$": "$.region",
                "name.$": "$.name",
                "attempt.$": "$$.State.RetryCount",
            },
        },
        "OutputPath": "$.Payload",
        "Retry": [_RETRY_THROTTLED, _RETRY_LAMBDA],
        "End": True,
    }


def _report() -> dict[str, JSON]:
    return {
        "Type": "Task",
        "Resource": _INVOKE,
        "Parameters": {
            "FunctionName": "${Reduce.Arn}",
            "Payload": {
                "bucket": "${Results}",
                "prefix.$": "States.Format('runs/{}/', $$.Execution.Name)",
                "where.$": "States.Format('s3://${Results}/reports/{}/', $$.Execution.Name)",
                "started_at.$": "$$.Execution.StartTime",
                "part.$": "$.part",
                "reason.$": "$.reason",
            },
        },
        "ResultSelector": {"answer.$": "$.Payload"},
        "ResultPath": "$.reduced",
        "Retry": [_RETRY_LAMBDA],
        "Next": "KeepReport",
    }


def _keep_report() -> dict[str, JSON]:
    """Writes one part, and keeps of the answer only what comes next."""
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": _PUT,
        "Arguments": {
            "Bucket": "${Results}",
            "Key": "{% 'reports/' & $states.context.Execution.Name & '/' & $states.input.reduced.answer.key %}",
            "ContentType": "application/json",
            "Body": "{% $states.input.reduced.answer.report %}",
        },
        "Output": {
            "reason": "{% $states.input.reason %}",
            "report": {
                name: f"{{% $states.input.reduced.answer.{name} %}}"
                for name in ("verdict", "summary", "exit_code", "next", "tell", "subject", "message")
            },
        },
        "Retry": [_RETRY_SERVICE],
        "Next": "AnyMoreParts",
    }


def _tell(subject: str, message: str, then: str) -> dict[str, JSON]:
    return {
        "Type": "Task",
        "Resource": _PUBLISH,
        "Parameters": {"TopicArn": "${Topic}", "Subject.$": subject, "Message.$": message},
        "ResultPath": None,
        "Retry": [_RETRY_SERVICE],
        **({"Next": then} if then else {"End": True}),
    }


# -------------------------------------------------------------------------------------------------------------- one stack
def diagnosis() -> dict[str, JSON]:
    """A stack's status change → its diagnosis → S3 and SNS. Silent where the stack is healthy by now, or its root tells."""
    said = "$states.input.detail.`stack-id` & ' is ' & $states.input.detail.`status-details`.status"
    why = "$states.input.failure.Error & ': ' & $states.input.failure.Cause"
    return {
        "Comment": "stackdoctor: diagnoses the stack whose status changed",
        "StartAt": "Diagnose",
        "States": {
            "Diagnose": {
                "Type": "Task",
                "Resource": _INVOKE,
                "Parameters": {"FunctionName": "${Diagnose.Arn}", "Payload.$": "$"},
                "ResultSelector": {"answer.$": "$.Payload"},
                "ResultPath": "$.diagnosed",
                "Retry": [_RETRY_LAMBDA],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "TellFailure"}],
                "Next": "Telling",
            },
            "Telling": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.diagnosed.answer.tell", "BooleanEquals": True, "Next": "Keep"}],
                "Default": "Done",
            },
            "Keep": {
                "Type": "Task",
                "Resource": _PUT,
                "Parameters": {
                    "Bucket": "${Results}",
                    "Key.$": "States.Format('diagnoses/{}/{}/{}/{}.json', $.diagnosed.answer.account, $.diagnosed.answer.region,"
                    " $.diagnosed.answer.stack, $$.Execution.Name)",
                    "ContentType": "application/json",
                    "Body.$": "$.diagnosed.answer.document",
                },
                "ResultPath": None,
                "Retry": [_RETRY_SERVICE],
                "Next": "Tell",
            },
            "Tell": _tell("$.diagnosed.answer.subject", "$.diagnosed.answer.message", ""),
            "TellFailure": {
                "Type": "Task",
                "QueryLanguage": "JSONata",
                "Resource": _PUBLISH,
                "Arguments": {
                    "TopicArn": "${Topic}",
                    "Subject": "stackdoctor: a stack could not be diagnosed",
                    "Message": f"{{% {said} & ', and could not be diagnosed. ' & {why} %}}",
                },
                "Retry": [_RETRY_SERVICE],
                "Next": "NotDiagnosed",
            },
            "NotDiagnosed": {"Type": "Fail", "Error": "NotDiagnosed", "Cause": "The diagnosis itself failed; see the function's log."},
            "Done": {"Type": "Succeed"},
        },
    }
