"""`deployment runbook`: an SSM Automation document that diagnoses a stack as a step of a runbook.

It invokes the function of `deployment org`; its outputs are `Read.verdict`, `Read.summary`, `Read.commands`, `Read.report`.
https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-lambda.html
"""

from __future__ import annotations

from stackdoctor.model import JSON

STACK = r"^([A-Za-z][-A-Za-z0-9]{0,127}|arn:[a-z-]+:cloudformation:[a-z0-9-]+:[0-9]{12}:stack/[-A-Za-z0-9]+/[-a-f0-9]+)$"
"""A stack's name or ARN, and nothing that could break out of the JSON it is put into."""

SCRIPT = """\
import json


def read(events, context):
    answer = json.loads(events["answer"])
    if "verdict" not in answer:
        raise Exception("%s: %s" % (answer.get("errorType", "Error"), answer.get("errorMessage", "no answer")))
    return {
        "verdict": answer["verdict"],
        "summary": answer["summary"],
        "commands": answer["commands"],
        "report": answer["message"],
    }
"""


def document() -> dict[str, JSON]:
    """The document, of schema version 0.3."""
    return {
        "schemaVersion": "0.3",
        "description": "Says why a CloudFormation stack failed, and what gets it out. It reads and changes nothing.",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {
            "Stack": {"type": "String", "description": "The stack's name or ARN.", "allowedPattern": STACK},
            "FunctionName": {
                "type": "String",
                "description": "The diagnose function of the stack that `stackdoctor deployment org` made.",
                "default": "stackdoctor-diagnose",
                "allowedPattern": r"^[-A-Za-z0-9_:]{1,170}$",
            },
            "AutomationAssumeRole": {
                "type": "String",
                "description": "The ARN of a role that may call lambda:InvokeFunction on it.",
                "allowedPattern": r"^arn:[a-z-]+:iam::[0-9]{12}:role/[-\w+=,.@/]+$",
            },
        },
        "mainSteps": [
            {
                "name": "Diagnose",
                "action": "aws:invokeLambdaFunction",
                "timeoutSeconds": 120,
                "maxAttempts": 2,
                "inputs": {
                    "FunctionName": "{{ FunctionName }}",
                    "InvocationType": "RequestResponse",
                    "Payload": '{"stack": "{{ Stack }}", "brief": true}',
                },
            },
            {
                "name": "Read",
                "action": "aws:executeScript",
                "timeoutSeconds": 60,
                "isEnd": True,
                "inputs": {
                    "Runtime": "python3.11",
                    "Handler": "read",
                    "InputPayload": {"answer": "{{ Diagnose.Payload }}"},
                    "Script": SCRIPT,
                },
                "outputs": [
                    {"Name": "verdict", "Selector": "$.Payload.verdict", "Type": "String"},
                    {"Name": "summary", "Selector": "$.Payload.summary", "Type": "String"},
                    {"Name": "commands", "Selector": "$.Payload.commands", "Type": "StringList"},
                    {"Name": "report", "Selector": "$.Payload.report", "Type": "String"},
                ],
            },
        ],
        "outputs": ["Read.verdict", "Read.summary", "Read.commands", "Read.report"],
    }
