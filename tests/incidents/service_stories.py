"""Incidents of the other services, one a resource type: bucket and key stand beside the stack, one thing about them is wrong.

Each entry names the type, the check that has to find the fault ('' where AWS's own words are all there is), how the world is made
and the story. Wordings are real ones where there are some (facts/service_facts.md, cases/reasons.jsonl).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab import attempts
from lab.world import BEGAN, World

from incidents.account import KEY_ID as KEY
from incidents.account import STRANGER, Account, Json

REGION, ACCOUNT, BUCKET = "eu-west-1", "111122223333", "team-logs-8f3a"
KEY_ARN, BUCKET_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY}", f"arn:aws:s3:::{BUCKET}"
FULL_CONTROL = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
ROOT = Account.allow("Root", "kms:*", "*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/Deployer"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:uploads", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"

STORIES: dict[str, tuple[str, str, Callable[[], tuple[World, str]], str]] = {}


def handler(service: str, message: str, code: str = "InvalidRequest", status: int = 400) -> str:
    """A registry handler's message."""
    inner = f"{message} (Service: {service}, Status Code: {status}, Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)"
    return f'Resource handler returned message: "{inner}" (RequestToken: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: {code})'


def by(service: str, action: Any, resource: Any = "*", condition: Json | None = None, sid: str = "") -> Json:
    return Account.allow(sid or "Allow" + service.split(".", maxsplit=1)[0].title(), action, resource, condition, {"Service": service})


def denial(side: str, operator: str, key: str, value: Any) -> Json:
    resource: Any = "*" if side == "kms" else [BUCKET_ARN, f"{BUCKET_ARN}/*"]
    return Account.denial("Perimeter", f"{side}:*", resource, {operator: {key: value}})


def incident(
    name: str,
    kind: str,
    check: str,
    text: str,
    properties: Json,
    reason: str,
    *,
    bucket: list[Json] | None = None,
    key: list[Json] | None = None,
    world: Callable[[World], None] = lambda _world: None,
    role: str | None = DEPLOYER,
    bucket_more: Json | None = None,
    key_more: Json | None = None,
    others: dict[str, tuple[str, Json]] | None = None,
) -> None:
    """Registers an incident: the resource fails to create, the stack rolls back; `others` are resources of the stack made before it."""

    def tell() -> tuple[World, str]:
        account = World(ACCOUNT, REGION)
        if bucket is not None:
            account.bucket(BUCKET, policy=Account.policy(*bucket) if bucket else None, **(bucket_more or {}))
        if key is not None:
            account.key(KEY, policy=Account.policy(*key), alias="alias/team", **(key_more or {}))
        world(account)
        story = attempts.Story(account, "team", BEGAN, operation_ids=True, tokens=True)
        logical_id = kind.rsplit("::", maxsplit=1)[-1]
        story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        for other, (other_kind, shown) in (others or {}).items():
            physical_id = shown.get("BucketName") or f"{other.lower()}-0a1b2c3d"
            story.add(other, other_kind, "CREATE_COMPLETE", physical_id, properties=shown)
        story.add(logical_id, kind, "CREATE_IN_PROGRESS")
        story.add(logical_id, kind, "CREATE_FAILED", "", reason, properties)
        story.begin(
            "ROLLBACK", "ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: [{logical_id}]. Rollback requested by user."
        )
        story.own("ROLLBACK_COMPLETE")
        made: Json = {logical_id: {"Type": kind, "Properties": properties}}
        made |= {other: {"Type": other_kind, "Properties": shown} for other, (other_kind, shown) in (others or {}).items()}
        more = {"RoleARN": role} if role else {}
        account.stack("team", "ROLLBACK_COMPLETE", story.events, arn=story.arn, template={"Resources": made}, **more)
        return account, "team"

    STORIES[name] = (kind, check, tell, text)


# ------------------------------------------------------------------------------------------- delivery to a bucket
LOGS = "delivery.logs.amazonaws.com"
LOGS_SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}


def delivery(account: str = ACCOUNT, path: str = f"AWSLogs/{ACCOUNT}/*") -> list[Json]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html"""
    source = {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}
    write = {**source, "StringEquals": {**source["StringEquals"], **FULL_CONTROL["StringEquals"]}}
    return [
        by(LOGS, "s3:PutObject", f"{BUCKET_ARN}/{path}", write, "AWSLogDeliveryWrite"),
        by(LOGS, ["s3:GetBucketAcl", "s3:ListBucket"], BUCKET_ARN, source, "AWSLogDeliveryAclCheck"),
    ]


incident("flow-log-of-another-account", "AWS::EC2::FlowLog", "source-arn-account", """
The bucket policy was copied from the log archive account: aws:SourceAccount names another account than the one that owns the VPC.
""", {"LogDestinationType": "s3", "LogDestination": BUCKET_ARN, "ResourceId": "vpc-0a1b2c3d", "ResourceType": "VPC", "TrafficType": "ALL"},
    handler("Ec2", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission"),
    bucket=delivery(STRANGER))  # fmt: skip

incident("waf-logging-without-acl-check", "AWS::WAFv2::LoggingConfiguration", "action-missing", """
The bucket lets log delivery write, and not read its ACL first.
""", {"ResourceArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/shop/1", "LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-shop"]},
    handler("Wafv2", "Unable to deliver logs to the configured destination. You might need to grant log delivery permissions for the destination.",
            "InvalidRequest"),
    world=lambda world: world.bucket("aws-waf-logs-shop", policy=Account.policy(
        by(LOGS, "s3:PutObject", f"arn:aws:s3:::aws-waf-logs-shop/AWSLogs/{ACCOUNT}/*", FULL_CONTROL))) and None)  # fmt: skip

incident("network-firewall-prefix", "AWS::NetworkFirewall::LoggingConfiguration", "resource-path", """
The firewall's logs go below a prefix that the bucket policy does not know.
""", {"FirewallArn": f"arn:aws:network-firewall:{REGION}:{ACCOUNT}:firewall/edge", "LoggingConfiguration": {"LogDestinationConfigs": [
        {"LogType": "FLOW", "LogDestinationType": "S3", "LogDestination": {"bucketName": BUCKET, "prefix": "edge"}}]}},
    handler("NetworkFirewall", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission"),
    bucket=delivery())  # fmt: skip

incident("msk-broker-logs-denied", "AWS::MSK::Cluster", "deny-organization", """
Broker logs go to a bucket that denies everybody outside the organization, log delivery included.
""", {"ClusterName": "events", "LoggingInfo": {"BrokerLogs": {"S3": {"Enabled": "true", "Bucket": BUCKET, "Prefix": "msk"}}}},
    handler("Kafka", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission"),
    bucket=[*delivery(path=f"msk/AWSLogs/{ACCOUNT}/*"), denial("s3", "StringNotEquals", "aws:PrincipalOrgID", "o-abcdefgh12")])  # fmt: skip

incident("log-delivery-destination", "AWS::Logs::DeliveryDestination", "principal-misspelt", """
The bucket allows delivery.log.amazonaws.com; the service is called delivery.logs.amazonaws.com.
""", {"Name": "to-s3", "DestinationResourceArn": BUCKET_ARN},
    handler("CloudWatchLogs", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission", "AccessDenied"),
    bucket=[{**statement, "Principal": {"Service": "delivery.log.amazonaws.com"}} for statement in delivery()])  # fmt: skip

incident("log-delivery-wrong-path", "AWS::Logs::Delivery", "resource-path", """
The bucket lets log delivery write below the folder of another account.
""", {"DeliverySourceName": "cdn", "DeliveryDestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-destination:to-s3"},
    handler("CloudWatchLogs", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission", "AccessDenied"),
    bucket=delivery(path=f"AWSLogs/{STRANGER}/*"),
    others={"Destination": ("AWS::Logs::DeliveryDestination", {"Name": "to-s3", "DestinationResourceArn": BUCKET_ARN})})  # fmt: skip

incident("config-delivery-channel", "AWS::Config::DeliveryChannel", "resource-path", """
AWS Config reads the bucket's ACL and then cannot write: the policy allows the path of another prefix. Config's message tells the steps apart.
""", {"S3BucketName": BUCKET},
    f"Insufficient delivery policy to s3 bucket: {BUCKET}, unable to write to bucket, provided s3 key prefix is 'null'. (Service: AmazonConfig; "
    "Status Code: 400; Error Code: InsufficientDeliveryPolicyException; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2; Proxy: null)",
    bucket=[by("config.amazonaws.com", ["s3:GetBucketAcl", "s3:ListBucket"], BUCKET_ARN),
            by("config.amazonaws.com", "s3:PutObject", f"{BUCKET_ARN}/old/AWSLogs/{ACCOUNT}/Config/*", FULL_CONTROL)])  # fmt: skip

incident("alb-access-logs-sse-kms", "AWS::ElasticLoadBalancingV2::LoadBalancer", "bucket-encryption", """
The access log bucket is encrypted with a KMS key by default. Application Load Balancers write only to SSE-S3 buckets; the policy is right.
""", {"Type": "application", "LoadBalancerAttributes": [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": BUCKET}]},
    handler("ElasticLoadBalancingV2", f"Access Denied for bucket: {BUCKET}. Please check S3bucket permission"),
    bucket=[by("logdelivery.elasticloadbalancing.amazonaws.com", "s3:PutObject", f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/*")],
    bucket_more={"encryption": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_ARN}})  # fmt: skip

incident("classic-elb-bucket-region", "AWS::ElasticLoadBalancing::LoadBalancer", "bucket-region", """
The access log bucket is in another Region than the load balancer.
""", {"AccessLoggingPolicy": {"Enabled": "true", "S3BucketName": BUCKET}},
    f"Access Denied for bucket: {BUCKET} Please check S3bucket permission (Service: AmazonElasticLoadBalancing; Status Code: 409; Error Code: "
    "InvalidConfigurationRequest; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2; Proxy: null)",
    bucket=[by("logdelivery.elasticloadbalancing.amazonaws.com", "s3:PutObject", f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/*")],
    bucket_more={"region": "us-west-2"})  # fmt: skip

incident("cloudfront-acls-disabled", "AWS::CloudFront::Distribution", "bucket-acls-disabled", """
Legacy standard logging writes through the bucket's ACL, and the bucket has ACLs disabled.
""", {"DistributionConfig": {"Enabled": "true", "Logging": {"Bucket": f"{BUCKET}.s3.amazonaws.com"}}},
    handler("CloudFront", f"Invalid request provided: AWS::CloudFront::Distribution: The S3 bucket that you specified for CloudFront logs does not "
            f"enable ACL access: {BUCKET}.s3.amazonaws.com"),
    bucket=[], bucket_more={"ownership": "BucketOwnerEnforced"})  # fmt: skip

incident("cloudfront-opt-in-region", "AWS::CloudFront::Distribution", "bucket-opt-in-region", """
Legacy standard logging cannot write to a bucket in an opt-in Region.
""", {"DistributionConfig": {"Enabled": "true", "Logging": {"Bucket": f"{BUCKET}.s3.amazonaws.com"}}},
    handler("CloudFront", f"Access denied for operation 'You don't have permission to access the S3 bucket for CloudFront logs: "
            f"{BUCKET}.s3.eu-central-2.amazonaws.com", "AccessDenied", 403),
    bucket=[], bucket_more={"ownership": "BucketOwnerPreferred", "region": "eu-central-2"})  # fmt: skip

incident("redshift-object-lock", "AWS::Redshift::Cluster", "bucket-object-lock", """
Audit logs cannot be delivered to a bucket with Object Lock; the policy is right.
""", {"LoggingProperties": {"BucketName": BUCKET}},
    f"Cannot write to bucket {BUCKET}. Please ensure that your IAM permissions are set up correctly. (Service: AmazonRedshift; Status Code: 400; "
    "Error Code: InsufficientS3BucketPolicyFault; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2; Proxy: null)",
    bucket=[by("redshift.amazonaws.com", "s3:GetBucketAcl", BUCKET_ARN), by("redshift.amazonaws.com", "s3:PutObject", f"{BUCKET_ARN}/*")],
    others={"Logs": ("AWS::S3::Bucket", {"BucketName": BUCKET, "ObjectLockEnabled": "true"})})  # fmt: skip

GUARDDUTY = f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/12abc34d567e8fa901bc2d34e56789f0"
incident("guardduty-wrong-detector", "AWS::GuardDuty::PublishingDestination", "source-arn-account", """
The key policy names the detector of another Region in aws:SourceArn.
""", {"DetectorId": "12abc34d567e8fa901bc2d34e56789f0", "DestinationType": "S3", "DestinationProperties": {"DestinationArn": BUCKET_ARN, "KmsKeyArn": KEY_ARN}},
    handler("GuardDuty", "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource "
            "specified by the destinationArn parameter. Refer to https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html"),
    bucket=[by("guardduty.amazonaws.com", "s3:GetBucketLocation", BUCKET_ARN, sid="Location"), by("guardduty.amazonaws.com", "s3:PutObject", f"{BUCKET_ARN}/*")],
    key=[ROOT, by("guardduty.amazonaws.com", "kms:GenerateDataKey", KEY_ARN, {"StringEquals": {"aws:SourceArn": GUARDDUTY.replace(REGION, "us-east-1")}})])  # fmt: skip

incident("ssm-data-sync-without-policy", "AWS::SSM::ResourceDataSync", "no-policy", """
The inventory bucket has no policy.
""", {"SyncName": "inventory", "S3Destination": {"BucketName": BUCKET, "BucketRegion": REGION, "SyncFormat": "JsonSerDe"}},
    handler("Ssm", f"Access Denied: Systems Manager cannot write to bucket {BUCKET}. Check the bucket policy.", "AccessDenied", 403),
    bucket=[])  # fmt: skip


# ---------------------------------------------------------------------------------- keys that a service principal uses
incident("event-data-store-source-arn", "AWS::CloudTrail::EventDataStore", "source-arn-account", """
The key policy carries aws:SourceArn, as it must for a trail. For an event data store AWS documents that the key is not supported.
""", {"Name": "audit", "KmsKeyId": KEY_ARN},
    handler("CloudTrail", "Invalid request provided: Insufficient permissions to access KMS key " + KEY_ARN + ": InsufficientEncryptionPolicyException"),
    key=[ROOT, by("cloudtrail.amazonaws.com", ["kms:GenerateDataKey", "kms:Decrypt"], "*",
                  {"StringLike": {"aws:SourceArn": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:eventdatastore/*"}})])  # fmt: skip

incident("log-group-of-another-region", "AWS::Logs::LogGroup", "encryption-context", """
The key policy's encryption context names the log groups of another Region.
""", {"LogGroupName": "/team/app", "KmsKeyId": KEY_ARN},
    handler("CloudWatchLogs", "The specified KMS key does not exist or is not allowed to be used with Arn "
            f"'arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/team/app'"),
    key=[ROOT, by(f"logs.{REGION}.amazonaws.com", ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"], "*",
                  {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"}})])  # fmt: skip


def queue(*statements: Json, key: str = "") -> Callable[[World], None]:
    """A queue as SQS shows it."""

    def put(world: World) -> None:
        address = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/uploads"
        world.answer("sqs:GetQueueUrl", {"QueueUrl": address})
        policy = Account.policy(*statements)
        attributes = {"Policy": json.dumps(policy)} | ({"KmsMasterKeyId": key} if key else {})
        world.answer("sqs:GetQueueAttributes", {"Attributes": attributes})

    return put


incident("s3-notification-to-encrypted-queue", "AWS::S3::Bucket", "action-missing", """
S3 may send to the queue. The queue is encrypted, and S3 may not use its key.
""", {"BucketName": "team-uploads", "NotificationConfiguration": {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": QUEUE}]}},
    handler("S3", "Unable to validate the following destination configurations"),
    key=[ROOT, by("s3.amazonaws.com", "kms:Decrypt")],
    world=queue(by("s3.amazonaws.com", "sqs:SendMessage", QUEUE, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::team-uploads"}}), key=KEY_ARN))  # fmt: skip

incident("s3-notification-to-missing-topic", "AWS::S3::Bucket", "endpoint-missing", """
The notification names a topic that does not exist.
""", {"BucketName": "team-uploads", "NotificationConfiguration": {"TopicConfigurations": [{"Event": "s3:ObjectCreated:*", "Topic": TOPIC}]}},
    handler("S3", "Unable to validate the following destination configurations"),
    world=lambda world: world.fail("sns:GetTopicAttributes", "NotFound", "Topic does not exist", 404))  # fmt: skip


# ------------------------------------------------------------------------------------ keys that the deployer must use
def own_key(name: str, kind: str, check: str, text: str, properties: Json, reason: str, *statements: Json, **more: Any) -> None:
    incident(name, kind, check, text, properties, reason, key=[ROOT, *statements], **more)


OUTSIDE = denial("kms", "StringNotEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/KeyAdmin")
GROUPS = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
BY_GROUPS = Account.allow("Groups", ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"],
                          "*", principal={"AWS": GROUPS})  # fmt: skip
NOT_ACCESSIBLE = f"The specified KMS key [{KEY_ARN}] does not exist, is not enabled or you do not have permissions to access it."

own_key("sqs-queue-key-missing", "AWS::SQS::Queue", "key-missing", "The queue's key is named by an alias that does not exist here.",
    {"QueueName": "uploads", "KmsMasterKeyId": "alias/gone"}, handler("Sqs", "Key 'alias/gone' does not exist", "NotFound"))  # fmt: skip
own_key("sns-topic-key-disabled", "AWS::SNS::Topic", "key-state", "The topic's key is disabled.",
    {"TopicName": "alarms", "KmsMasterKeyId": KEY_ARN}, handler("Sns", f"{KEY_ARN} is disabled. (KMSDisabledException)"),
    key_more={"state": "Disabled"})  # fmt: skip
own_key("lambda-code-in-another-region", "AWS::Lambda::Function", "bucket-region", "The function's code lies in a bucket of another Region.",
    {"FunctionName": "api", "Code": {"S3Bucket": BUCKET, "S3Key": "api.zip"}},
    handler("Lambda", "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this region: us-west-2. "
            "Please use this region to retry the request"), bucket=[], bucket_more={"region": "us-west-2"})  # fmt: skip
own_key("autoscaling-key-denied", "AWS::AutoScaling::AutoScalingGroup", "deny-principal", """
The group's volumes are encrypted with a key that denies everybody but one role, the group's service-linked role included.
""", {"LaunchTemplate": {"LaunchTemplateId": "template-0a1b2c3d", "Version": "1"}, "MinSize": "1", "MaxSize": "2"},
    "Group did not stabilize. Client.InternalError: Client error on launch", OUTSIDE, BY_GROUPS,
    others={"Template": ("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": "true", "KmsKeyId": KEY_ARN}}]}})})  # fmt: skip
own_key("rds-key-in-another-region", "AWS::RDS::DBInstance", "key-region", "The database's key is in another Region.",
    {"Engine": "postgres", "StorageEncrypted": "true", "KmsKeyId": KEY_ARN.replace(REGION, "us-east-1")}, handler("Rds", NOT_ACCESSIBLE),
    key_more={"region": "us-east-1"})  # fmt: skip
own_key("aurora-key-denied", "AWS::RDS::DBCluster", "deny-principal", "The cluster's key denies everybody but its administrator, so also who deploys.",
    {"Engine": "aurora-postgresql", "StorageEncrypted": "true", "KmsKeyId": KEY_ARN}, handler("Rds", NOT_ACCESSIBLE), OUTSIDE)  # fmt: skip
own_key("secret-caller-identity", "AWS::SecretsManager::Secret", "caller-identity", """
The key policy delegates to IAM, and the deploying role has no permission on the key. The key policy is not at fault.
""", {"Name": "db", "KmsKeyId": KEY_ARN}, "Access to KMS is not allowed (Service: AWSSecretsManager; Status Code: 400; Error Code: "
    "AccessDeniedException; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)")  # fmt: skip
own_key("ebs-volume-key-pending-deletion", "AWS::EC2::Volume", "key-state", "The volume's key is pending deletion.",
    {"Encrypted": "true", "KmsKeyId": KEY_ARN, "AvailabilityZone": f"{REGION}a", "Size": "8"},
    "Volume vol-0a1b2c3d failed to create: Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
    key_more={"state": "PendingDeletion", "deletion_date": BEGAN})  # fmt: skip
own_key("ec2-instance-key-denied", "AWS::EC2::Instance", "deny-network", "The volume's key denies calls from outside the network, CloudFormation's included.",
    {"ImageId": "ami-0a1b2c3d", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": "true", "KmsKeyId": KEY_ARN}}]},
    "Instance i-0a1b2c3d failed to start: Client.InternalError: Client error on launch",
    denial("kms", "StringNotEquals", "aws:SourceVpce", "vpce-0a1b2c3d"))  # fmt: skip
own_key("ecr-repository-key-asymmetric", "AWS::ECR::Repository", "key-spec", "The repository's key is asymmetric.",
    {"RepositoryName": "app", "EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": KEY_ARN}},
    handler("Ecr", "KmsException: The operation failed because the KMS key is not usable: AccessDenied"), key_more={"spec": "RSA_4096"})  # fmt: skip
own_key("eks-create-grant", "AWS::EKS::Cluster", "caller-identity", "Who deploys may not create grants on the cluster's key.",
    {"Name": "team", "EncryptionConfig": [{"Resources": ["secrets"], "Provider": {"KeyArn": KEY_ARN}}]},
    handler("Eks", "User not authorized to perform kms:CreateGrant operation"))  # fmt: skip
own_key("opensearch-key-disabled", "AWS::OpenSearchService::Domain", "key-state", "The domain's key is disabled.",
    {"DomainName": "logs", "EncryptionAtRestOptions": {"Enabled": "true", "KmsKeyId": KEY_ARN}},
    handler("OpenSearch", "The KMS key is disabled or not accessible"), key_more={"state": "Disabled"})  # fmt: skip
own_key("dynamodb-key-missing", "AWS::DynamoDB::Table", "key-missing", "The table's key does not exist any more.",
    {"TableName": "orders", "SSESpecification": {"SSEEnabled": "true", "KMSMasterKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"}},
    handler("DynamoDb", "KMS validation error: com.amazonaws.services.kms.model.NotFoundException: Key "
            f"'arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555' does not exist (Service: AWSKMS; Status Code: 400; Error Code: "
            "NotFoundException; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2; Proxy: null)"))  # fmt: skip
own_key("efs-key-denied", "AWS::EFS::FileSystem", "deny-principal", "The file system's key denies everybody but its administrator.",
    {"Encrypted": "true", "KmsKeyId": KEY_ARN}, handler("Efs", "KMS: access to the key is denied: AccessDeniedException", "AccessDenied", 403),
    OUTSIDE)  # fmt: skip
own_key("backup-vault-privileges", "AWS::Backup::BackupVault", "caller-identity", "Backup says only that privileges are insufficient; it is the key.",
    {"BackupVaultName": "team", "EncryptionKeyArn": KEY_ARN}, handler("Backup", "Insufficient privileges to perform this action.", "AccessDenied", 403))  # fmt: skip
own_key("dms-key-pending-import", "AWS::DMS::ReplicationInstance", "key-state", "The instance's key waits for its key material.",
    {"ReplicationInstanceClass": "dms.t3.medium", "KmsKeyId": KEY_ARN}, handler("DatabaseMigration", NOT_ACCESSIBLE + " (KMSKeyNotAccessibleFault)"),
    key_more={"state": "PendingImport"})  # fmt: skip
own_key("firehose-key-grant", "AWS::KinesisFirehose::DeliveryStream", "deny-principal", "The stream's own key denies everybody but its administrator.",
    {"DeliveryStreamName": "events", "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": KEY_ARN},
     "ExtendedS3DestinationConfiguration": {"BucketARN": BUCKET_ARN, "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/Firehose"}},
    handler("Firehose", "InvalidKMSResourceException: The grant for the CMK to this delivery stream might have been revoked or caller might not have "
            "sufficient permissions for the CMK."), OUTSIDE, bucket=[])  # fmt: skip
own_key("codepipeline-artifact-bucket", "AWS::CodePipeline::Pipeline", "bucket-missing", "The pipeline's artifacts go to a bucket that does not exist.",
    {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Pipeline", "ArtifactStore": {"Type": "S3", "Location": BUCKET, "EncryptionKey": {"Id": KEY_ARN, "Type": "KMS"}}},
    handler("CodePipeline", f"The specified bucket does not exist: {BUCKET}", "NotFound"))  # fmt: skip
own_key("codebuild-key-missing", "AWS::CodeBuild::Project", "key-missing", "The project's key is named by an alias that does not exist here.",
    {"ServiceRole": f"arn:aws:iam::{ACCOUNT}:role/Build", "EncryptionKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/gone"},
    handler("CodeBuild", "Key 'alias/gone' does not exist (KMS NotFoundException)", "NotFound"))  # fmt: skip
own_key("athena-bucket-missing", "AWS::Athena::WorkGroup", "bucket-missing", "The query results go to a bucket that does not exist.",
    {"Name": "team", "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://team-results/athena/",
     "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": KEY_ARN}}}},
    handler("Athena", "The specified bucket does not exist: team-results", "NotFound"))  # fmt: skip
own_key("glue-key-asymmetric", "AWS::Glue::SecurityConfiguration", "key-spec", "The configuration's key is an HMAC key.",
    {"Name": "team", "EncryptionConfiguration": {"S3Encryptions": [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": KEY_ARN}]}},
    handler("Glue", f"KMS key {KEY_ARN} is not accessible: AccessDenied"), key_more={"spec": "HMAC_256", "usage": "GENERATE_VERIFY_MAC"})  # fmt: skip
