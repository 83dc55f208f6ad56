"""AWS::CloudTrail::Trail: writes to a bucket, encrypts with a key, may notify a topic.

CloudTrail checks bucket and key with its own service principal when the trail is made:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-kms-works-with-cloudtrail.html
"""

from __future__ import annotations

from stackdoctor.model import JSON
from stackdoctor.policy.request import MISSING, UNKNOWN, Knowledge, Known, OneOf
from stackdoctor.services.base import (
    TOPIC_KEY,
    Blocking,
    Constraint,
    Facts,
    Needed,
    Resource,
    Service,
    Target,
    Use,
    allow,
    bucket_arn,
    documented,
    key_request,
    service_request,
    via_s3,
)
from stackdoctor.services.identity import by_role

PRINCIPAL = "cloudtrail.amazonaws.com"
BUCKET_PAGE = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"
KEY_PAGE = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"
TOPIC_PAGE = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-permissions-for-sns-notifications.html"
LOGS_PAGE = "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html"
ORGANIZATION = "IsOrganizationTrail"
FULL_CONTROL = "bucket-owner-full-control"


def trail_arn(resource: Resource) -> str:
    """The ARN CloudTrail sends as aws:SourceArn and in the encryption context: the trail's, in its home Region."""
    name = resource.text("TrailName") or resource.physical_id
    if name.startswith("arn:"):
        return name
    scope = resource.scope
    return f"arn:{scope.partition}:cloudtrail:{scope.region}:{_account(resource)}:trail/{name or '*'}"


def _account(resource: Resource) -> str:
    """The account the trail belongs to: an organization trail's is the management account, whoever makes it."""
    return (resource.scope.management if resource.flag(ORGANIZATION) else None) or resource.scope.account


def _name_known(resource: Resource) -> bool:
    return not trail_arn(resource).endswith("/*")


def _arn_knowledge(resource: Resource) -> Knowledge:
    """Without a TrailName CloudFormation makes one up; until it is known only the shape of the ARN is."""
    if _name_known(resource):
        return Known((trail_arn(resource),))
    return documented(trail_arn(resource).removesuffix("*") + f"{resource.stack_name or 'stack'}-{resource.logical_id}-*")


def _uses(resource: Resource) -> tuple[Use, ...]:
    named = (
        (Target.BUCKET, "S3BucketName"),
        (Target.KEY, "KMSKeyId"),
        (Target.TOPIC, "SnsTopicName"),
    )
    return tuple(Use(target, resource.text(path), path) for target, path in named if resource.text(path))


def _topic_arn(resource: Resource) -> str:
    name = resource.text("SnsTopicName")
    scope = resource.scope
    return name if name.startswith("arn:") or not name else f"arn:{scope.partition}:sns:{scope.region}:{scope.account}:{name}"


def _paths(resource: Resource) -> tuple[str, ...]:
    """Where the trail writes: below the account's folder; an organization trail also below the organization's, if that is known."""
    prefix = resource.text("S3KeyPrefix").strip("/")
    folder = f"{prefix}/AWSLogs" if prefix else "AWSLogs"
    organization = resource.scope.organization if resource.flag(ORGANIZATION) else None
    return (f"{folder}/{_account(resource)}/", *([f"{folder}/{organization}/"] if organization else []))


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    return (
        *_on_bucket(resource, facts),
        *_on_key(resource, facts),
        *_on_topic(resource),
        *_on_topic_key(resource, facts),
        *_by_role(resource),
    )


def _on_bucket(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    bucket, scope = resource.text("S3BucketName"), resource.scope
    if not bucket:
        return ()
    owner = facts.bucket(bucket).account
    common: dict[str, Knowledge] = {"aws:SourceArn": _arn_knowledge(resource), "aws:SourceAccount": Known((_account(resource),))}
    acl = service_request(PRINCIPAL, "s3:GetBucketAcl", bucket_arn(scope.partition, bucket), scope, common, owner)
    needed = [Needed(acl, Target.BUCKET, bucket, Blocking.YES, "CloudTrail reads the bucket's ACL before it writes", BUCKET_PAGE)]
    for path in _paths(resource):
        put = service_request(
            PRINCIPAL,
            "s3:PutObject",
            bucket_arn(scope.partition, bucket, f"{path}*"),
            scope,
            common | _upload_headers(resource, facts),
            owner,
        )
        needed.append(Needed(put, Target.BUCKET, bucket, Blocking.YES, f"CloudTrail writes log files below {path}", BUCKET_PAGE))
    return tuple(needed)


def _upload_headers(resource: Resource, facts: Facts) -> dict[str, Knowledge]:
    """Headers of CloudTrail's PutObject, as its published sample events show them: AES256 without a trail key."""
    key = resource.text("KMSKeyId")
    arn = facts.key(key).arn or (key if key.startswith("arn:") and ":key/" in key else None)
    return {
        "s3:x-amz-acl": Known((FULL_CONTROL,)),
        "s3:x-amz-server-side-encryption": Known(("aws:kms" if key else "AES256",)),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": (Known((arn,)) if arn else UNKNOWN) if key else MISSING,
        "s3:x-amz-grant-full-control": MISSING,
        "s3:x-amz-grant-read": MISSING,
        "s3:x-amz-grant-write": MISSING,
    }


def _on_key(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    key, bucket, scope = resource.text("KMSKeyId"), resource.text("S3BucketName"), resource.scope
    if not key:
        return ()
    fact, store = facts.key(key), facts.bucket(bucket)
    arn = fact.arn or (key if key.startswith("arn:") else f"arn:{scope.partition}:kms:{scope.region}:{scope.account}:key/{key}")
    common: dict[str, Knowledge] = {
        "aws:SourceArn": _arn_knowledge(resource),
        "aws:SourceAccount": Known((_account(resource),)),
        "kms:ViaService": via_s3(store.region, scope.region),
        "kms:CallerAccount": UNKNOWN,
    }
    folder = bucket_arn(scope.partition, bucket, _paths(resource)[0])
    objects = (folder,), (f"{folder}CloudTrail/{scope.region}/2026/01/01/example.json.gz",)
    context: dict[str, Knowledge] = {
        "kms:EncryptionContext:aws:cloudtrail:arn": _arn_knowledge(resource),
        "kms:EncryptionContext:aws:s3:arn": OneOf((*objects, (bucket_arn(scope.partition, bucket),)) if store.bucket_key else objects),
        "kms:EncryptionContextKeys": Known(("aws:cloudtrail:arn", "aws:s3:arn")),
        "kms:EncryptionContext:*": MISSING,
    }

    def on(action: str, carried: dict[str, Knowledge], blocking: Blocking, why: str) -> Needed:
        return Needed(service_request(PRINCIPAL, action, arn, scope, carried, fact.account), Target.KEY, key, blocking, why, KEY_PAGE)

    needed = [
        on("kms:GenerateDataKey", common | context, Blocking.YES, "CloudTrail asks for a data key to see that it may use the key"),
        on("kms:DescribeKey", common, Blocking.UNKNOWN, "CloudTrail's documented key policy lets it describe the key"),
    ]
    if store.bucket_key:
        carried = common | dict.fromkeys(context, UNKNOWN)
        needed.append(on("kms:Decrypt", carried, Blocking.YES, "the bucket has an S3 Bucket Key, for which CloudTrail must decrypt"))
    return tuple(needed)


def _on_topic(resource: Resource) -> tuple[Needed, ...]:
    topic = _topic_arn(resource)
    if not topic:
        return ()
    context: dict[str, Knowledge] = {"aws:SourceArn": _arn_knowledge(resource), "aws:SourceAccount": Known((_account(resource),))}
    publish = service_request(PRINCIPAL, "sns:Publish", topic, resource.scope, context)
    ref = resource.text("SnsTopicName")
    return (Needed(publish, Target.TOPIC, ref, Blocking.YES, "CloudTrail publishes a notification for each log file", TOPIC_PAGE),)


def _topic_key(resource: Resource, facts: Facts) -> str:
    return facts.encrypted_by.get(resource.text("SnsTopicName"), "")


def _also_uses(resource: Resource, facts: Facts) -> tuple[Use, ...]:
    key = _topic_key(resource, facts)
    return (Use(Target.KEY, key, TOPIC_KEY),) if key else ()


def _on_topic_key(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    """An encrypted topic's key: AWS documents the statement, not whether the trail fails without it."""
    key = _topic_key(resource, facts)
    context: dict[str, Knowledge] = {"aws:SourceArn": _arn_knowledge(resource), "aws:SourceAccount": Known((_account(resource),))}
    context["kms:ViaService"] = OneOf((None, (f"sns.{resource.scope.region}.amazonaws.com",)))
    return tuple(
        Needed(
            key_request(PRINCIPAL, action, key, facts, resource.scope, context),
            Target.KEY,
            key,
            Blocking.UNKNOWN,
            "the topic that CloudTrail notifies is encrypted with the key",
            TOPIC_PAGE,
        )
        for action in (("kms:GenerateDataKey", "kms:Decrypt") if key else ())
    )


def _by_role(resource: Resource) -> tuple[Needed, ...]:
    """The role that writes to CloudWatch Logs, where the message speaks of it: CreateTrail has exceptions of its own for that."""
    group, role = resource.text("CloudWatchLogsLogGroupArn"), resource.text("CloudWatchLogsRoleArn")
    if not group or not any(word in resource.reason.lower() for word in ("cloudwatch", "log group", "role")):
        return ()
    scope = resource.scope
    stream = f"{group.removesuffix(':*')}:log-stream:{scope.account}_CloudTrail_{scope.region}*"
    why = "CloudTrail writes events to the log group with the role"
    return tuple(by_role(role, resource, action, stream, LOGS_PAGE, why) for action in ("logs:CreateLogStream", "logs:PutLogEvents"))


def _minimal(resource: Resource, facts: Facts, target: Target, ref: str) -> tuple[dict[str, JSON], ...]:
    """The statements of AWS's CloudTrail pages: SourceArn, and an account-scoped, wildcarded encryption context."""
    scope, arn = resource.scope, trail_arn(resource)
    by: JSON = {"Service": PRINCIPAL}
    source: dict[str, JSON] = {"aws:SourceArn": arn}
    operator = "StringEquals" if _name_known(resource) else "StringLike"
    if target is Target.BUCKET:
        acl: dict[str, JSON] = {"s3:x-amz-acl": FULL_CONTROL}
        write: JSON = {"StringEquals": acl | source} if operator == "StringEquals" else {"StringEquals": acl, operator: source}
        paths: list[JSON] = [bucket_arn(scope.partition, ref, f"{path}*") for path in _paths(resource)]
        return (
            {"Sid": "AWSCloudTrailAclCheck", "Effect": "Allow", "Principal": by, "Action": "s3:GetBucketAcl",
             "Resource": bucket_arn(scope.partition, ref), "Condition": {operator: source}},
            {"Sid": "AWSCloudTrailWrite", "Effect": "Allow", "Principal": by, "Action": "s3:PutObject",
             "Resource": paths[0] if len(paths) == 1 else paths, "Condition": write},
        )  # fmt: skip
    if target is Target.KEY and ref == _topic_key(resource, facts) != resource.text("KMSKeyId"):
        return (allow("AllowCloudTrailToUseTopicKey", PRINCIPAL, ("kms:GenerateDataKey*", "kms:Decrypt"), "*"),)
    if target is Target.KEY:
        context: dict[str, JSON] = {
            "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:{scope.partition}:cloudtrail:*:{_account(resource)}:trail/*"
        }
        encrypt: JSON = (
            {"StringEquals": source, "StringLike": dict(context)} if operator == "StringEquals" else {"StringLike": source | context}
        )
        statements: list[dict[str, JSON]] = [
            {"Sid": "AllowCloudTrailToEncryptLogs", "Effect": "Allow", "Principal": by, "Action": "kms:GenerateDataKey*",
             "Resource": "*", "Condition": encrypt},
            {"Sid": "AllowCloudTrailToDescribeKey", "Effect": "Allow", "Principal": by, "Action": "kms:DescribeKey", "Resource": "*"},
        ]  # fmt: skip
        if facts.bucket(resource.text("S3BucketName")).bucket_key:
            statements.append(
                {
                    "Sid": "AllowCloudTrailToDecryptForBucketKey",
                    "Effect": "Allow",
                    "Principal": by,
                    "Action": "kms:Decrypt",
                    "Resource": "*",
                }
            )
        return tuple(statements)
    publish: dict[str, JSON] = {"Sid": "AWSCloudTrailSNSPolicy", "Effect": "Allow", "Principal": by, "Action": "SNS:Publish",
                                "Resource": _topic_arn(resource), "Condition": {operator: source}}  # fmt: skip
    return (publish,)


SERVICE = Service(
    resource_types=("AWS::CloudTrail::Trail",),
    principal=PRINCIPAL,
    uses=_uses,
    also_uses=_also_uses,
    needed=_needed,
    documentation=(BUCKET_PAGE, KEY_PAGE),
    minimal=_minimal,
    source_arn=trail_arn,
    api_calls=("CreateTrail", "UpdateTrail"),
    constraints=frozenset(
        {
            Constraint.KEY_IN_BUCKET_REGION,
            Constraint.KEY_SYMMETRIC,
            Constraint.KEY_CUSTOMER_MANAGED,
            Constraint.BUCKET_NOT_REQUESTER_PAYS,
            Constraint.POLICY_BEFORE_RESOURCE,
        }
    ),
)
