"""`deployment role`: the read-only role every account needs, as a template for a StackSet.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-getting-started-create.html
"""

from __future__ import annotations

from stackdoctor import permissions
from stackdoctor.deployment.grants import VERSION, ref, sub
from stackdoctor.deployment.organization import ROLE_NAME
from stackdoctor.model import JSON


def template() -> dict[str, JSON]:
    """A role that may read what `stackdoctor scan` reads, and that only the trusted account may assume."""
    trust: dict[str, JSON] = {
        "Effect": "Allow",
        "Principal": {"AWS": sub("arn:${AWS::Partition}:iam::${TrustedAccountId}:root")},
        "Action": "sts:AssumeRole",
        "Condition": {
            "Fn::If": ["HasExternalId", {"StringEquals": {"sts:ExternalId": ref("ExternalId")}}, ref("AWS::NoValue")],
        },
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "stackdoctor: the role it reads this account with. It can change nothing.",
        "Parameters": {
            "RoleName": {
                "Type": "String",
                "Description": "The same name in every account.",
                "Default": ROLE_NAME,
                "AllowedPattern": r"[\w+=,.@-]{1,64}",
            },
            "TrustedAccountId": {
                "Type": "String",
                "Description": "The account stackdoctor runs in.",
                "AllowedPattern": r"\d{12}",
            },
            "ExternalId": {"Type": "String", "Description": "What must be said to assume the role; empty for nothing.", "Default": ""},
        },
        "Conditions": {"HasExternalId": {"Fn::Not": [{"Fn::Equals": [ref("ExternalId"), ""]}]}},
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": ref("RoleName"),
                    "Description": "Read-only, for stackdoctor.",
                    "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trust]},
                    "Policies": [{"PolicyName": "read-only", "PolicyDocument": permissions.policy("scan")}],
                },
            }
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
