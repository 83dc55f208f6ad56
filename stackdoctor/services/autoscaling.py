"""AWS::AutoScaling::AutoScalingGroup whose launch template encrypts volumes with a key of the customer's.

Auto Scaling launches instances with its service-linked role, which no identity policy of yours reaches: the key's policy
must allow the role, or a grant must, which is the only way for a key of another account.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Caller, Knowledge, Known, OneOf, Request
from stackdoctor.services.base import Blocking, Constraint, Facts, Needed, Neighbour, Resource, Service, Target, Use, key_arn, texts_at

PAGE = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"
USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey")
DOCUMENTED = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
TEMPLATES = (
    "LaunchTemplate",
    "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification",
    "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification",
)


def role(resource: Resource) -> str:
    """The service-linked role, the account's own unless the group names another."""
    scope = resource.scope
    own = f"arn:{scope.partition}:iam::{scope.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    return resource.text("ServiceLinkedRoleARN") or own


def _templates(resource: Resource) -> Iterator[Neighbour]:
    """The launch templates and launch configurations of the same stack that the group names."""
    named = {text for path in TEMPLATES for part in ("LaunchTemplateId", "LaunchTemplateName") for text in resource.texts(f"{path}.{part}")}
    named |= set(resource.texts("LaunchConfigurationName"))
    for neighbour in resource.neighbours:
        names = {neighbour.physical_id, *texts_at(neighbour.properties, "LaunchTemplateName")} - {""}
        if neighbour.type in {"AWS::EC2::LaunchTemplate", "AWS::AutoScaling::LaunchConfiguration"} and named & names:
            yield neighbour


def _keys(resource: Resource) -> tuple[str, ...]:
    paths = ("LaunchTemplateData.BlockDeviceMappings[].Ebs.KmsKeyId", "BlockDeviceMappings[].Ebs.KmsKeyId")
    found = (key for template in _templates(resource) for path in paths for key in texts_at(template.properties, path))
    return tuple(dict.fromkeys(key for key in found if "alias/aws/" not in key))


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return tuple(need for key in _keys(resource) for need in _on_key(key, resource, facts))


def _on_key(key: str, resource: Resource, facts: Facts) -> Iterator[Needed]:
    scope, who = resource.scope, Caller.parse(role(resource))
    carried: dict[str, Knowledge] = {
        "aws:PrincipalArn": Known((who.name,)),
        "aws:PrincipalAccount": Known((scope.account,)),
        "aws:PrincipalIsAWSService": Known(("false",)),
        "aws:SecureTransport": Known(("true",)),
        "kms:CallerAccount": Known((scope.account,)),
        "kms:ViaService": OneOf((None, (f"ec2.{scope.region}.amazonaws.com",))),
    }
    for action in (*USE, "kms:CreateGrant"):
        context = carried | ({"kms:GrantIsForAWSResource": Known(("true",))} if action == "kms:CreateGrant" else {})
        request = Request(who, action, key_arn(key, facts, scope), facts.key(key).account, context, UNKNOWN)
        why = "Auto Scaling launches instances with volumes encrypted with the key"
        yield Needed(request, Target.KEY, key, Blocking.YES, why, PAGE)


def _minimal(resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    """The two statements of AWS's page."""
    by: JSON = {"AWS": role(resource)}
    grant: JSON = {"Bool": {"kms:GrantIsForAWSResource": True}}
    use: dict[str, JSON] = {"Sid": "AllowAutoScalingUse", "Effect": "Allow", "Principal": by, "Action": list(DOCUMENTED), "Resource": "*"}
    attach: dict[str, JSON] = {"Sid": "AllowAutoScalingGrants", "Effect": "Allow", "Principal": by, "Action": "kms:CreateGrant",
                               "Resource": "*", "Condition": grant}  # fmt: skip
    return (use, attach)


SERVICE = Service(
    resource_types=("AWS::AutoScaling::AutoScalingGroup",),
    principal="",
    uses=lambda resource: tuple(Use(Target.KEY, key, "LaunchTemplate") for key in _keys(resource)),
    needed=_needed,
    documentation=(PAGE,),
    minimal=_minimal,
    api_calls=("CreateAutoScalingGroup", "UpdateAutoScalingGroup"),
    constraints=frozenset({Constraint.KEY_SYMMETRIC, Constraint.KEY_IN_RESOURCE_REGION}),
)
