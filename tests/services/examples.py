"""One resource of every type that a service file knows, with everything set that it may name, in any partition.

example = EXAMPLES["AWS::Config::DeliveryChannel"]("aws-cn")
example.service.needed(example.resource, example.facts)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackdoctor.services import service_of
from stackdoctor.services.base import BucketFacts, Facts, KeyFacts, Needed, Neighbour, Resource, Scope, Service

ACCOUNT = "111122223333"
REGIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
PARTITIONS = tuple(REGIONS)
BUCKET, KEY_ID = "audit-logs-8f3a", "0d990263-018e-4e65-a703-eff731de951e"


@dataclass(frozen=True)
class Place:
    """The ARNs of one partition."""

    partition: str

    @property
    def region(self) -> str:
        return REGIONS[self.partition]

    def arn(self, service: str, rest: str, region: str | None = None) -> str:
        return f"arn:{self.partition}:{service}:{self.region if region is None else region}:{ACCOUNT}:{rest}"

    @property
    def key(self) -> str:
        return self.arn("kms", f"key/{KEY_ID}")

    @property
    def bucket(self) -> str:
        return f"arn:{self.partition}:s3:::{BUCKET}"

    @property
    def role(self) -> str:
        return self.arn("iam", "role/writer", region="")

    @property
    def queue(self) -> str:
        return self.arn("sqs", "uploads")

    @property
    def topic(self) -> str:
        return self.arn("sns", "uploads")


@dataclass(frozen=True)
class Example:
    """A resource, what is known of what it names, and the service as it meets the resource."""

    resource: Resource
    facts: Facts

    @property
    def service(self) -> Service:
        found = service_of(self.resource.type)
        assert found is not None
        return found.of(self.resource)

    @property
    def needed(self) -> tuple[Needed, ...]:
        return self.service.needed(self.resource, self.facts)

    def by_service(self) -> tuple[Needed, ...]:
        """What a service principal, or the Auto Scaling role, asks for itself: what a resource's policy alone decides."""
        return tuple(n for n in self.needed if n.target != "identity")

    def asked(self) -> set[tuple[str, str]]:
        return {(need.target.value, need.request.action) for need in self.needed}


def example(
    kind: str,
    properties: Mapping[str, Any],
    place: Place,
    *,
    default_key: bool = False,
    bucket_key: bool | None = None,
    encrypted: bool = False,
    reason: str = "",
    caller: str | None = None,
    region: str | None = None,
    physical_id: str = "",
    neighbours: tuple[Neighbour, ...] = (),
) -> Example:
    """A resource of stack `audit` with logical id `It`; its bucket, key, queue and topic are of the same account and Region."""
    where = region or place.region
    scope = Scope(place.partition, where, ACCOUNT)
    resource = Resource(kind, "It", physical_id, properties, scope, "audit", caller, reason, neighbours)
    known = KeyFacts(place.key, where, ACCOUNT)
    facts = Facts(
        buckets={BUCKET: BucketFacts(where, ACCOUNT, place.key if default_key else "", bucket_key)},
        keys={place.key: known, KEY_ID: known, "alias/audit": known},
        encrypted_by={place.queue: place.key, place.topic: place.key, "uploads": place.key} if encrypted else {},
    )
    return Example(resource, facts)


Make = Callable[[str], Example]
EXAMPLES: dict[str, Make] = {}


def of(kind: str, **options: Any) -> Callable[[Callable[[Place], Mapping[str, Any]]], Make]:
    def register(properties: Callable[[Place], Mapping[str, Any]]) -> Make:
        def make(partition: str = "aws") -> Example:
            place = Place(partition)
            extra = {name: value(place) if callable(value) else value for name, value in options.items()}
            return example(kind, properties(place), place, **extra)

        EXAMPLES[kind] = make
        return make

    return register


@of("AWS::CloudTrail::Trail", encrypted=True, bucket_key=True, reason="InvalidCloudWatchLogsRoleArnException")
def trail(p: Place) -> Mapping[str, Any]:
    logs = {"CloudWatchLogsLogGroupArn": p.arn("logs", "log-group:audit:*"), "CloudWatchLogsRoleArn": p.role}
    return {"TrailName": "audit", "S3BucketName": BUCKET, "S3KeyPrefix": "p", "KMSKeyId": KEY_ID, "SnsTopicName": p.topic, **logs}


@of("AWS::CloudTrail::EventDataStore")
def store(p: Place) -> Mapping[str, Any]:
    return {"Name": "lake", "KmsKeyId": p.key}


@of("AWS::Config::DeliveryChannel", reason="InsufficientDeliveryPolicyException")
def channel(p: Place) -> Mapping[str, Any]:
    return {"S3BucketName": BUCKET, "S3KeyPrefix": "p", "S3KmsKeyArn": p.key, "SnsTopicARN": p.topic}


@of("AWS::EC2::FlowLog", default_key=True)
def flow_log(p: Place) -> Mapping[str, Any]:
    return {"LogDestinationType": "s3", "LogDestination": f"{p.bucket}/p/"}


@of("AWS::ElasticLoadBalancingV2::LoadBalancer")
def balancer(_p: Place) -> Mapping[str, Any]:
    pairs = {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": BUCKET,
        "access_logs.s3.prefix": "p",
        "idle_timeout.timeout_seconds": "60",
    }
    return {"LoadBalancerAttributes": [{"Key": key, "Value": value} for key, value in pairs.items()]}


@of("AWS::ElasticLoadBalancing::LoadBalancer")
def classic(_p: Place) -> Mapping[str, Any]:
    return {"AccessLoggingPolicy": {"Enabled": "true", "S3BucketName": BUCKET, "S3BucketPrefix": "p"}}


@of("AWS::KinesisFirehose::DeliveryStream", bucket_key=False)
def stream(p: Place) -> Mapping[str, Any]:
    key = {"KMSEncryptionConfig": {"AWSKMSKeyARN": p.key}}
    destination = {"BucketARN": p.bucket, "RoleARN": p.role, "Prefix": "p/", "EncryptionConfiguration": key}
    return {"ExtendedS3DestinationConfiguration": destination}


@of("AWS::Logs::LogGroup")
def log_group(p: Place) -> Mapping[str, Any]:
    return {"LogGroupName": "/audit", "KmsKeyId": p.key}


@of("AWS::Logs::DeliveryDestination", default_key=True)
def destination(p: Place) -> Mapping[str, Any]:
    return {"Name": "bucket", "DestinationResourceArn": p.bucket}


@of(
    "AWS::Logs::Delivery",
    default_key=True,
    neighbours=lambda p: (
        Neighbour("AWS::Logs::DeliveryDestination", "D", "bucket", {"Name": "bucket", "DestinationResourceArn": p.bucket}),
    ),
)
def delivery(p: Place) -> Mapping[str, Any]:
    return {"DeliverySourceName": "s", "DeliveryDestinationArn": p.arn("logs", "delivery-destination:bucket")}


@of("AWS::S3::Bucket", encrypted=True)
def bucket(p: Place) -> Mapping[str, Any]:
    return {
        "BucketName": "uploads",
        "NotificationConfiguration": {
            "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": p.queue}],
            "TopicConfigurations": [{"Event": "s3:ObjectCreated:*", "Topic": p.topic}],
            "LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": p.arn("lambda", "function:resize")}],
        },
        "InventoryConfigurations": [{"Destination": {"BucketArn": p.bucket}}],
        "LoggingConfiguration": {"DestinationBucketName": BUCKET, "LogFilePrefix": "access/"},
    }


QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/uploads"
LETS_S3_IN: dict[str, Any] = {"Queues": [QUEUE_URL], "PolicyDocument": {"Statement": [{"Principal": {"Service": "s3.amazonaws.com"}}]}}


@of("AWS::SQS::Queue", physical_id=QUEUE_URL, neighbours=(Neighbour("AWS::SQS::QueuePolicy", "P", "", LETS_S3_IN),))
def queue(p: Place) -> Mapping[str, Any]:
    return {"KmsMasterKeyId": p.key}


@of("AWS::SNS::Topic")
def topic(p: Place) -> Mapping[str, Any]:
    return {"KmsMasterKeyId": p.key}


@of("AWS::CloudFront::Distribution", default_key=True, bucket_key=True)
def distribution(_p: Place) -> Mapping[str, Any]:
    return {"DistributionConfig": {"Logging": {"Bucket": f"{BUCKET}.s3.amazonaws.com", "Prefix": "p"}}}


@of("AWS::WAFv2::LoggingConfiguration", default_key=True)
def waf(p: Place) -> Mapping[str, Any]:
    return {"LogDestinationConfigs": [p.bucket], "ResourceArn": p.arn("wafv2", "regional/webacl/a/b")}


@of("AWS::Redshift::Cluster")
def redshift(_p: Place) -> Mapping[str, Any]:
    return {"LoggingProperties": {"BucketName": BUCKET, "S3KeyPrefix": "p/"}, "KmsKeyId": KEY_ID}


@of("AWS::RDS::DBInstance")
def instance(p: Place) -> Mapping[str, Any]:
    return {"KmsKeyId": p.key, "PerformanceInsightsKMSKeyId": p.key}


@of("AWS::RDS::DBCluster")
def cluster(_p: Place) -> Mapping[str, Any]:
    return {"KmsKeyId": "alias/audit", "MasterUserSecret": {"KmsKeyId": "alias/audit"}}


@of(
    "AWS::AutoScaling::AutoScalingGroup",
    neighbours=lambda p: (
        Neighbour("AWS::EC2::LaunchTemplate", "T", "lt-1", {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {"KmsKeyId": p.key}}]}}),
    ),
)
def group(_p: Place) -> Mapping[str, Any]:
    return {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}}


@of("AWS::EC2::Volume")
def volume(p: Place) -> Mapping[str, Any]:
    return {"Encrypted": "true", "KmsKeyId": p.key}


@of("AWS::EC2::Instance")
def machine(p: Place) -> Mapping[str, Any]:
    return {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"KmsKeyId": p.key}}]}


@of("AWS::SecretsManager::Secret")
def secret(_p: Place) -> Mapping[str, Any]:
    return {"Name": "db", "KmsKeyId": "alias/audit"}


@of("AWS::Lambda::Function", default_key=True)
def function(p: Place) -> Mapping[str, Any]:
    code = {"S3Bucket": BUCKET, "S3Key": "code.zip", "SourceKMSKeyArn": p.key}
    return {"FunctionName": "resize", "Code": code, "KmsKeyArn": p.key}


@of("AWS::GuardDuty::PublishingDestination")
def findings(p: Place) -> Mapping[str, Any]:
    return {"DetectorId": "d1", "DestinationProperties": {"DestinationArn": p.bucket, "KmsKeyArn": p.key}}


@of("AWS::SSM::ResourceDataSync")
def data_sync(p: Place) -> Mapping[str, Any]:
    target = {"BucketName": BUCKET, "BucketPrefix": "p", "KMSKeyArn": p.key}
    return {"SyncName": "inventory", "S3Destination": target, "SyncSource": {"SourceType": "AwsOrganizations"}}


@of("AWS::ECR::Repository")
def repository(p: Place) -> Mapping[str, Any]:
    return {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": p.key}}


@of("AWS::EKS::Cluster")
def kubernetes(p: Place) -> Mapping[str, Any]:
    return {"EncryptionConfig": [{"Provider": {"KeyArn": p.key}, "Resources": ["secrets"]}]}


@of("AWS::OpenSearchService::Domain")
def domain(_p: Place) -> Mapping[str, Any]:
    return {"EncryptionAtRestOptions": {"Enabled": "true", "KmsKeyId": KEY_ID}}


@of("AWS::DynamoDB::Table")
def table(p: Place) -> Mapping[str, Any]:
    return {"SSESpecification": {"SSEEnabled": "true", "SSEType": "KMS", "KMSMasterKeyId": p.key}}


@of("AWS::EFS::FileSystem")
def files(p: Place) -> Mapping[str, Any]:
    return {"Encrypted": "true", "KmsKeyId": p.key}


@of("AWS::Backup::BackupVault")
def vault(p: Place) -> Mapping[str, Any]:
    return {"BackupVaultName": "v", "EncryptionKeyArn": p.key}


@of("AWS::DMS::ReplicationInstance")
def replication(p: Place) -> Mapping[str, Any]:
    return {"KmsKeyId": p.key}


@of("AWS::MSK::Cluster", default_key=True)
def kafka(p: Place) -> Mapping[str, Any]:
    logs = {"BrokerLogs": {"S3": {"Enabled": "true", "Bucket": BUCKET, "Prefix": "p"}}}
    return {"LoggingInfo": logs, "EncryptionInfo": {"EncryptionAtRest": {"DataVolumeKMSKeyId": p.key}}}


@of("AWS::CodePipeline::Pipeline")
def pipeline(p: Place) -> Mapping[str, Any]:
    return {"RoleArn": p.role, "ArtifactStore": {"Type": "S3", "Location": BUCKET, "EncryptionKey": {"Id": p.key, "Type": "KMS"}}}


@of("AWS::CodeBuild::Project")
def project(p: Place) -> Mapping[str, Any]:
    return {"ServiceRole": p.role, "EncryptionKey": p.key, "Artifacts": {"Type": "S3", "Location": BUCKET}}


@of("AWS::Athena::WorkGroup")
def work_group(p: Place) -> Mapping[str, Any]:
    encryption = {"EncryptionOption": "SSE_KMS", "KmsKey": p.key}
    result = {"OutputLocation": f"s3://{BUCKET}/results/", "EncryptionConfiguration": encryption}
    return {"WorkGroupConfiguration": {"ResultConfiguration": result}}


@of("AWS::Glue::SecurityConfiguration")
def security_configuration(p: Place) -> Mapping[str, Any]:
    return {"EncryptionConfiguration": {"S3Encryptions": [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": p.key}]}}


@of("AWS::NetworkFirewall::LoggingConfiguration", default_key=True)
def firewall(_p: Place) -> Mapping[str, Any]:
    to = {"LogType": "FLOW", "LogDestinationType": "S3", "LogDestination": {"bucketName": BUCKET, "prefix": "p"}}
    return {"LoggingConfiguration": {"LogDestinationConfigs": [to]}}


def network_balancer(partition: str = "aws") -> Example:
    """A network load balancer, which logs through log delivery, into a bucket with a default key."""
    place = Place(partition)
    properties = {**balancer(partition).resource.properties, "Type": "network"}
    return example("AWS::ElasticLoadBalancingV2::LoadBalancer", properties, place, default_key=True)
