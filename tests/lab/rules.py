"""Our rules for MiniStack's CloudFormation provisioners: what AWS refuses at create, update and delete, in AWS's own words.

Loaded inside MiniStack's process by launch.py. Each rule reads the live state of the other resources (bucket policy, key
policy, key state) and puts required.py's calls to it. A refusal is a ValueError, which MiniStack's engine turns into
CREATE_FAILED, UPDATE_FAILED or DELETE_FAILED and rolls back. Texts: facts/service_facts.md §1.4, §3, §6.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import cloudtrail, cloudwatch_logs, config, dynamodb, ec2, kms, rds, s3, sns, sqs
from ministack.services.cloudformation import provisioners

from lab import required
from lab.required import Call, allows

Props = dict[str, Any]
Made = tuple[str, dict[str, Any]]
HANDLERS = provisioners._RESOURCE_HANDLERS


# -------------------------------------------------------------------------------------------------- AWS's own wording
def handler(service: str, message: str, code: str = "InvalidRequest", status: int = 400) -> ValueError:
    """A registry handler's message: the service's exception without its name."""
    inner = f"{message} (Service: {service}, Status Code: {status}, Request ID: {uuid.uuid4()})"
    return ValueError(f'Resource handler returned message: "{inner}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})')


def old_handler(service: str, message: str, code: str) -> ValueError:
    """A handler from before the registry: the exception's name survives."""
    return ValueError(f"{message} (Service: {service}; Status Code: 400; Error Code: {code}; Request ID: {uuid.uuid4()}; Proxy: null)")


# ------------------------------------------------------------------------------------------------------- what is live
def find_key(text: str) -> dict[str, Any] | None:
    """A key by id, ARN, alias or alias ARN, in the Region an ARN names."""
    account, region = get_account_id(), get_region()
    if text.startswith("arn:"):
        _, _, _, region, account, text = text.split(":", 5)
        text = text.removeprefix("key/")
    if text.startswith("alias/"):
        text = (
            kms._aliases.get_scoped(account, region, f"arn:aws:kms:{region}:{account}:{text}")
            or kms._aliases.get_scoped(account, region, text)
            or ""
        )
    found: dict[str, Any] | None = kms._keys.get_scoped(account, region, text)
    return found


def region_of(bucket: str) -> str:
    return (s3._buckets.get(bucket) or {}).get("region") or "us-east-1"


def encryption(bucket: str) -> tuple[str | None, bool]:
    """(the bucket's default KMS key, whether it uses a Bucket Key)."""
    stored = s3._bucket_encryption.get(bucket) or b""
    text = stored.decode() if isinstance(stored, bytes) else stored
    key = re.search(r"<KMSMasterKeyID>([^<]+)<", text)
    return key.group(1) if key else None, "<BucketKeyEnabled>true" in text


def bucket_allows(bucket: str, *calls: Call) -> bool:
    return all(allows(s3._bucket_policies.get(bucket), call) for call in calls)


def key_allows(key: dict[str, Any], *calls: Call) -> bool:
    return key["KeyState"] == "Enabled" and all(allows(key.get("Policy"), call) for call in calls)


# --------------------------------------------------------------------------------------------- AWS::CloudTrail::Trail
def check_trail(name: str, props: Props) -> None:
    """Bucket first, then key: the order of the two messages that were seen in public. Raises as CreateTrail does."""
    bucket, named = props["S3BucketName"], props.get("KMSKeyId")
    if bucket not in s3._buckets:
        raise handler("CloudTrail", f"Invalid request provided: S3 bucket {bucket} does not exist!")
    key = find_key(named) if named else None
    if named and key is None:
        raise handler("CloudTrail", f"Invalid request provided: KMS key {named} does not exist", "NotFound")
    trail = required.Trail(
        arn=f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}",
        bucket=bucket,
        prefix=props.get("S3KeyPrefix") or "",
        key=key["Arn"] if key else None,
        bucket_key=encryption(bucket)[1],
    )
    if not bucket_allows(bucket, *required.bucket_calls(trail)):
        raise handler("CloudTrail", f"Invalid request provided: Incorrect S3 bucket policy is detected for bucket: {bucket}")
    if key is None:
        return
    if key["Arn"].split(":")[3] != region_of(bucket):
        raise handler(
            "CloudTrail",
            f"Invalid request provided: KMS key {named} does not exist, or the S3 bucket and the KMS key are not in the same region",
            "NotFound",
        )
    if not key_allows(key, *required.key_calls(trail)):
        raise handler("CloudTrail", f"Invalid request provided: Insufficient permissions to access S3 bucket {bucket} or KMS key {named}")


def trail_create(logical_id: str, props: Props, stack: str) -> Made:
    name = props.get("TrailName") or provisioners._physical_name(stack, logical_id)
    if name in cloudtrail._trails:
        raise handler("CloudTrail", f"Trail {name} already exists for customer: {get_account_id()}", "AlreadyExists")
    return trail_put(name, props)


def trail_update(name: str, _old: Props, new: Props, _stack: str) -> Made:
    return trail_put(name, new)


def trail_put(name: str, props: Props) -> Made:
    check_trail(name, props)
    renamed = {"KMSKeyId": "KmsKeyId"}
    cloudtrail._trails.pop(name, None)
    cloudtrail._create_trail({"Name": name} | {renamed.get(k, k): v for k, v in props.items() if k not in ("TrailName", "IsLogging")})
    cloudtrail._trails[name]["IsLogging"] = truth(props.get("IsLogging"))
    folder = f"{props['S3KeyPrefix']}/AWSLogs" if props.get("S3KeyPrefix") else "AWSLogs"
    leave(props["S3BucketName"], f"{folder}/{get_account_id()}/CloudTrail-Digest/")
    return name, {"Arn": cloudtrail._trail_arn(name)}


def trail_delete(name: str, _props: Props) -> None:
    cloudtrail._trails.pop(name, None)


def leave(bucket: str, key: str) -> None:
    """What a log writer puts into its bucket when it is set up, and nobody takes away again."""
    s3._put_object(bucket, key, b"", {})


def truth(value: object) -> bool:
    return str(value).lower() == "true"


# ------------------------------------------------------------------------------ AWS::Config::*, AWS::EC2::FlowLog, logs
def recorder_create(logical_id: str, props: Props, stack: str) -> Made:
    name = props.get("Name") or "default"
    config._put_configuration_recorder({"ConfigurationRecorder": {"name": name, "roleARN": props.get("RoleARN", "")}})
    return name, {}


def recorder_delete(name: str, _props: Props) -> None:
    config._recorders.pop(name, None)


def channel_create(logical_id: str, props: Props, stack: str) -> Made:
    bucket, prefix, named = props["S3BucketName"], props.get("S3KeyPrefix") or "", props.get("S3KmsKeyArn")
    key = find_key(named) if named else None
    first, then = required.config_calls(get_region(), get_account_id(), bucket, prefix, key["Arn"] if key else None)
    failed = f"Insufficient delivery policy to s3 bucket: {bucket}, unable to"
    if not bucket_allows(bucket, *first):
        raise old_handler("AmazonConfig", f"{failed} get s3 bucket acl.", "InsufficientDeliveryPolicyException")
    on_key = [c for c in then if c.action.startswith("kms:")]
    if not bucket_allows(bucket, *(c for c in then if c not in on_key)) or (named and not (key and key_allows(key, *on_key))):
        tail = f", provided s3 key prefix is '{prefix}'" if prefix else ""
        tail += f", provided kms key is '{named}'" if named else ""
        raise old_handler("AmazonConfig", f"{failed} write to bucket{tail}.", "InsufficientDeliveryPolicyException")
    name = props.get("Name") or "default"
    config._put_delivery_channel({"DeliveryChannel": {"name": name, "s3BucketName": bucket}})
    leave(bucket, f"{prefix + '/' if prefix else ''}AWSLogs/{get_account_id()}/Config/ConfigWritabilityCheckFile")
    return name, {}


def channel_delete(name: str, _props: Props) -> None:
    config._delivery_channels.pop(name, None)


def flow_log_create(logical_id: str, props: Props, stack: str) -> Made:
    bucket, _, prefix = props["LogDestination"].removeprefix("arn:aws:s3:::").partition("/")
    if props.get("LogDestinationType") == "s3" and not bucket_allows(
        bucket, *required.flow_log_calls(get_region(), get_account_id(), bucket, prefix.rstrip("/"))
    ):
        raise handler("Ec2", f"Access Denied for LogDestination: {bucket}. Please check LogDestination permission")
    name = f"fl-{uuid.uuid4().hex[:17]}"
    ec2._flow_logs[name] = {
        "FlowLogId": name,
        "ResourceId": props["ResourceId"],
        "ResourceType": props["ResourceType"],
        "TrafficType": props.get("TrafficType", "ALL"),
        "LogDestinationType": props.get("LogDestinationType", "s3"),
        "LogDestination": props["LogDestination"],
        "FlowLogStatus": "ACTIVE",
        "CreationTime": now_iso(),
    }
    return name, {"Id": name}


def flow_log_delete(name: str, _props: Props) -> None:
    ec2._flow_logs.pop(name, None)


def check_log_group(logical_id: str, props: Props, stack: str) -> None:
    named = props.get("KmsKeyId")
    if not named:
        return
    name = props.get("LogGroupName") or f"/aws/cloudformation/{stack}/{logical_id}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
    key = find_key(named)
    if key is None or not key_allows(key, *required.log_group_calls(arn, key["Arn"])):
        raise handler("CloudWatchLogs", f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'")


# --------------------------------------------------------------------------------------------------- AWS::S3::Bucket*
def encrypt(bucket: str, props: Props) -> None:
    """MiniStack's provisioner ignores BucketEncryption."""
    for rule in (props.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration", []):
        default = rule.get("ServerSideEncryptionByDefault", {})
        key = f"<KMSMasterKeyID>{default['KMSMasterKeyID']}</KMSMasterKeyID>" if "KMSMasterKeyID" in default else ""
        s3._bucket_encryption[bucket] = (
            f'<ServerSideEncryptionConfiguration xmlns="{s3.S3_NS}"><Rule><ApplyServerSideEncryptionByDefault>'
            f"<SSEAlgorithm>{default.get('SSEAlgorithm', 'AES256')}</SSEAlgorithm>{key}</ApplyServerSideEncryptionByDefault>"
            f"<BucketKeyEnabled>{str(truth(rule.get('BucketKeyEnabled'))).lower()}</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
        ).encode()


def check_notifications(bucket: str, props: Props) -> None:
    wanted = props.get("NotificationConfiguration") or {}
    targets = [c["Queue"] for c in wanted.get("QueueConfigurations", [])] + [c["Topic"] for c in wanted.get("TopicConfigurations", [])]
    for target in targets:
        policies = [q["attributes"].get("Policy") for q in sqs._queues.values() if q["attributes"].get("QueueArn") == target]
        policies += [t.get("attributes", {}).get("Policy") for arn, t in sns._topics.items() if arn == target]
        if not any(allows(p or None, required.notification_call(bucket, get_account_id(), target)) for p in policies):
            raise handler("S3", "Unable to validate the following destination configurations", "InvalidRequest")


def bucket_name(logical_id: str, props: Props, stack: str) -> str:
    return str(props.get("BucketName") or provisioners._physical_name(stack, logical_id, lowercase=True, max_len=63))


def check_bucket(logical_id: str, props: Props, stack: str) -> None:
    check_notifications(bucket_name(logical_id, props, stack), props)


def check_empty(bucket: str, _props: Props) -> None:
    if bucket in s3._buckets and (s3._buckets[bucket]["objects"] or s3._bucket_has_versions(bucket)):
        raise handler("S3", "The bucket you tried to delete is not empty", "GeneralServiceException", 409)


def check_policy_bucket(logical_id: str, props: Props, stack: str) -> None:
    if props["Bucket"] not in s3._buckets:
        raise handler("S3", "The specified bucket does not exist", "NotFound", 404)


# ------------------------------------------------------------------------------------------------ deletion protection
def check_instance(name: str, _props: Props) -> None:
    if truth((rds._instances.get(name) or {}).get("DeletionProtection")):
        raise handler("Rds", "Cannot delete protected DB Instance, please disable deletion protection and try again.")


def check_cluster(name: str, _props: Props) -> None:
    if truth((rds._clusters.get(name) or {}).get("DeletionProtection")):
        raise handler("Rds", "Cannot delete protected Cluster, please disable deletion protection and try again.")


def check_table(name: str, _props: Props) -> None:
    if truth((dynamodb._tables.get(name) or {}).get("DeletionProtectionEnabled")):
        raise handler(
            "DynamoDb", "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        )


def check_protected_group(name: str, props: Props) -> None:
    if truth((cloudwatch_logs._log_groups.get(name) or {}).get("deletionProtectionEnabled")):
        raise handler("CloudWatchLogs", f"Log group {name} has deletion protection enabled", "InvalidRequest")


# -------------------------------------------------------------------------------------------------------- installation
def before(resource_type: str, action: str, check: Callable[..., None], after: Callable[[str, Props], None] | None = None) -> None:
    """Runs `check` before MiniStack's own handler, `after` with the physical id and the new properties."""
    original = HANDLERS[resource_type][action]

    def run(*args: Any) -> Any:
        check(*args)
        made = original(*args)
        if after is not None and made:
            after(made[0], args[1] if action == "create" else args[2])
        return made

    HANDLERS[resource_type][action] = run


def install() -> None:
    HANDLERS["AWS::CloudTrail::Trail"] = {"create": trail_create, "update": trail_update, "delete": trail_delete}
    HANDLERS["AWS::Config::ConfigurationRecorder"] = {"create": recorder_create, "delete": recorder_delete}
    HANDLERS["AWS::Config::DeliveryChannel"] = {"create": channel_create, "delete": channel_delete}
    HANDLERS["AWS::EC2::FlowLog"] = {"create": flow_log_create, "delete": flow_log_delete}
    before("AWS::Logs::LogGroup", "create", check_log_group)
    before(
        "AWS::Logs::LogGroup",
        "update",
        lambda name, old, new, stack, logical_id=None: check_log_group(logical_id or name, {"LogGroupName": name} | new, stack),
    )
    before("AWS::Logs::LogGroup", "delete", check_protected_group)
    before("AWS::S3::Bucket", "create", check_bucket, encrypt)
    before("AWS::S3::Bucket", "update", lambda name, old, new, stack: check_notifications(name, new), encrypt)
    before("AWS::S3::Bucket", "delete", check_empty)
    before("AWS::S3::BucketPolicy", "create", check_policy_bucket)
    before("AWS::RDS::DBInstance", "delete", check_instance)
    before("AWS::RDS::DBCluster", "delete", check_cluster)
    before("AWS::DynamoDB::Table", "delete", check_table)
