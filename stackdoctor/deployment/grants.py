"""IAM roles for the template: who may assume one, and the least it needs.

in: a service principal and statements. out: AWS::IAM::Role. Where the service says whose behalf it acts on, the trust policy
asks for this account: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

from __future__ import annotations

from collections.abc import Sequence

from stackdoctor import permissions
from stackdoctor.model import JSON

VERSION = "2012-10-17"


def sub(text: str) -> dict[str, JSON]:
    """The text with its ${…} filled in by CloudFormation."""
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, JSON]:
    """A parameter's value, or a resource's physical id."""
    return {"Ref": name}


def arn_of(logical_id: str) -> dict[str, JSON]:
    """A resource's ARN."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def allow(sid: str, actions: Sequence[str], resources: Sequence[JSON], condition: JSON = None) -> dict[str, JSON]:
    """One statement."""
    granted: dict[str, JSON] = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return granted | ({"Condition": condition} if condition else {})


def reading(purpose: str) -> dict[str, JSON]:
    """What `stackdoctor permissions --for PURPOSE` prints, as a statement."""
    actions = sorted({action for needed in permissions.PURPOSES[purpose].values() for action in needed})
    return allow("ReadOnly", actions, ["*"])


def role(service: str, description: str, statements: Sequence[JSON], *, says_for_whom: bool) -> dict[str, JSON]:
    """The role a service assumes to act for the stack."""
    trust: dict[str, JSON] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if says_for_whom:
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": description,
            "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trust]},
            "Policies": [{"PolicyName": "least", "PolicyDocument": {"Version": VERSION, "Statement": list(statements)}}],
        },
    }
