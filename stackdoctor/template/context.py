"""What is known of a deployed stack, to resolve its template with; and the marker for what stays unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from stackdoctor.model import JSON, Stack

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
URL_SUFFIXES: Mapping[str, str] = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}


class Unresolved(str):
    """A value that is not known, or not wholly. As text it reads like Fn::Sub (`arn:aws:s3:::${Bucket}`), so it survives
    json.dumps; `parts` are its known pieces in order, None for each hole.
    """

    __slots__ = ("parts",)
    parts: tuple[str | None, ...]

    def __new__(cls, text: str, parts: tuple[str | None, ...] = (None,)) -> Self:
        made = super().__new__(cls, text)
        made.parts = parts
        return made


def unresolved(value: JSON) -> bool:
    """Whether anything in a resolved value is not known."""
    match value:
        case dict():
            return any(unresolved(item) for item in value.values())
        case list():
            return any(unresolved(item) for item in value)
    return isinstance(value, Unresolved)


@dataclass(frozen=True, slots=True)
class Context:
    """The deployed values. `parameters` are the stack's (for SSM types their resolved values); `physical_ids` by logical id;
    `attributes` are GetAtt values known otherwise, as `Logical.Attribute`; `conditions` override what the parameters say.
    `defaults` is whether a parameter that is not named has its default.
    """

    region: str = ""
    account: str = ""
    partition: str = "aws"
    stack_name: str = ""
    stack_id: str = ""
    physical_ids: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    defaults: bool = True

    @classmethod
    def of(cls, stack: Stack, physical_ids: Mapping[str, str] | None = None, parameters: Mapping[str, JSON] | None = None) -> Context:
        """What a stack and its resources say of themselves."""
        return cls(
            region=stack.region,
            account=stack.account,
            partition=stack.partition,
            stack_name=stack.name,
            stack_id=stack.id,
            physical_ids=dict(physical_ids or {}),
            parameters=dict(parameters or {}),
        )

    def without_defaults(self) -> Context:
        return replace(self, defaults=False)

    def pseudo(self, name: str) -> str | None:
        """The value of a pseudo parameter; None where it is not one or not known."""
        values = {
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": URL_SUFFIXES.get(self.partition, ""),
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
        }
        return values.get(name) or None


# ------------------------------------------------------------------- what Ref and GetAtt give, by type and physical id
# Each type's page under https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/ , "Return values".
_Derive = Callable[[str, Context], str]


def _arn(service: str, kind: str = "", after: str = "") -> _Derive:
    return lambda name, at: f"arn:{at.partition}:{service}:{at.region}:{at.account}:{kind}{name}{after}"


def _itself(name: str, _at: Context) -> str:
    return name


def _last(name: str, _at: Context) -> str:
    return name.rsplit(":", 1)[-1].rsplit("/", 1)[-1]


def _queue_arn(url: str, at: Context) -> str:
    account, _, name = url.rstrip("/").rpartition("/")[0].rpartition("/")[2], None, url.rsplit("/", 1)[-1]
    return f"arn:{at.partition}:sqs:{at.region}:{account if account.isdigit() else at.account}:{name}"


def _bucket_url(pattern: str) -> _Derive:
    return lambda name, at: pattern.format(name=name, region=at.region, suffix=at.pseudo("AWS::URLSuffix") or "")


_BUCKET: Mapping[str, _Derive] = {
    "Arn": lambda name, at: f"arn:{at.partition}:s3:::{name}",
    "DomainName": _bucket_url("{name}.s3.{suffix}"),
    "RegionalDomainName": _bucket_url("{name}.s3.{region}.{suffix}"),
    "DualStackDomainName": _bucket_url("{name}.s3.dualstack.{region}.{suffix}"),
}
_KEY: Mapping[str, _Derive] = {"Arn": _arn("kms", "key/"), "KeyId": _itself}
ATTRIBUTES: Mapping[str, Mapping[str, _Derive]] = {
    "AWS::S3::Bucket": _BUCKET,
    "AWS::KMS::Key": _KEY,
    "AWS::KMS::ReplicaKey": _KEY,
    "AWS::SNS::Topic": {"TopicArn": _itself, "TopicName": _last},
    "AWS::SQS::Queue": {"Arn": _queue_arn, "QueueUrl": _itself, "QueueName": _last},
    "AWS::CloudTrail::Trail": {"Arn": _arn("cloudtrail", "trail/")},
    "AWS::Logs::LogGroup": {"Arn": _arn("logs", "log-group:", ":*")},
    "AWS::Lambda::Function": {"Arn": _arn("lambda", "function:")},
    "AWS::Kinesis::Stream": {"Arn": _arn("kinesis", "stream/")},
    "AWS::KinesisFirehose::DeliveryStream": {"Arn": _arn("firehose", "deliverystream/")},
    "AWS::DynamoDB::Table": {"Arn": _arn("dynamodb", "table/")},
    "AWS::Events::Rule": {"Arn": _arn("events", "rule/")},
    "AWS::EC2::VPC": {"VpcId": _itself},
    "AWS::EC2::FlowLog": {"Id": _itself},
    "AWS::StepFunctions::StateMachine": {"Arn": _itself, "Name": _last},
    "AWS::SecretsManager::Secret": {"Id": _itself},
}

# IAM's ARNs carry the path, which the physical id does not: `resolve` reads it from the template
IAM_KINDS: Mapping[str, str] = {"AWS::IAM::Role": "role", "AWS::IAM::User": "user", "AWS::IAM::Group": "group"}

# the property that names a resource, and what Ref then gives: known before the resource exists
NAMED: Mapping[str, tuple[str, _Derive]] = {
    "AWS::S3::Bucket": ("BucketName", _itself),
    "AWS::CloudTrail::Trail": ("TrailName", _itself),
    "AWS::Logs::LogGroup": ("LogGroupName", _itself),
    "AWS::IAM::Role": ("RoleName", _itself),
    "AWS::IAM::User": ("UserName", _itself),
    "AWS::Lambda::Function": ("FunctionName", _itself),
    "AWS::Kinesis::Stream": ("Name", _itself),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName", _itself),
    "AWS::DynamoDB::Table": ("TableName", _itself),
    "AWS::SNS::Topic": ("TopicName", _arn("sns")),
    "AWS::SQS::Queue": (
        "QueueName",
        lambda name, at: f"https://sqs.{at.region}.{at.pseudo('AWS::URLSuffix') or ''}/{at.account}/{name}",
    ),
    "AWS::KMS::Alias": ("AliasName", _itself),
}
