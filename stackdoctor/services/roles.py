"""Services that write with a role you give them: Firehose, CodePipeline, CodeBuild, Athena, Glue.

The role's own policies must allow the requests; the bucket's policy may deny them, and the key's policy must name the
role or let the account delegate. S3 calls KMS for the role by a forward access session: kms:ViaService is s3.<region>.
https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stackdoctor.policy.request import OPEN_END, UNKNOWN, Knowledge, Known, OneOf
from stackdoctor.services.base import Blocking, Constraint, Facts, Needed, Resource, Service, Target, Use, bucket_arn, bucket_name, key_arn
from stackdoctor.services.identity import by_role, own

DOCS = "https://docs.aws.amazon.com"
OBJECTS = frozenset({"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"})
"""Actions on the bucket's objects; the others are on the bucket."""
USUAL = ("s3:GetObject", "s3:PutObject")
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, slots=True)
class Row:
    """A resource type: where its buckets, its keys and its role stand, and what the role does with the bucket.

    `blocking` is whether a deny fails the resource or only its later work; `sse` is a key used as whoever deploys.
    """

    type: str
    buckets: tuple[str, ...]
    keys: tuple[str, ...]
    role: tuple[str, ...]
    actions: tuple[str, ...]
    blocking: Blocking
    page: str
    calls: tuple[str, str]
    sse: str = ""


ROWS = (
    Row(
        "AWS::KinesisFirehose::DeliveryStream",
        ("ExtendedS3DestinationConfiguration.BucketARN", "S3DestinationConfiguration.BucketARN"),
        tuple(
            f"{kind}S3DestinationConfiguration.EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN" for kind in ("Extended", "")
        ),
        ("ExtendedS3DestinationConfiguration.RoleARN", "S3DestinationConfiguration.RoleARN"),
        (
            "s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
            "s3:PutObject",
        ),
        Blocking.YES,
        f"{DOCS}/firehose/latest/dev/controlling-access.html",
        ("CreateDeliveryStream", "UpdateDestination"),
        "DeliveryStreamEncryptionConfigurationInput.KeyARN",
    ),
    Row(
        "AWS::CodePipeline::Pipeline",
        ("ArtifactStore.Location", "ArtifactStores[].ArtifactStore.Location"),
        ("ArtifactStore.EncryptionKey.Id", "ArtifactStores[].ArtifactStore.EncryptionKey.Id"),
        ("RoleArn",),
        USUAL,
        Blocking.NO,
        f"{DOCS}/codepipeline/latest/userguide/S3-artifact-encryption.html",
        ("CreatePipeline", "UpdatePipeline"),
    ),
    Row(
        "AWS::CodeBuild::Project",
        ("Artifacts.Location", "LogsConfig.S3Logs.Location"),
        ("EncryptionKey",),
        ("ServiceRole",),
        USUAL,
        Blocking.NO,
        f"{DOCS}/codebuild/latest/userguide/setting-up-service-role.html",
        ("CreateProject", "UpdateProject"),
    ),
    Row(
        "AWS::Athena::WorkGroup",
        ("WorkGroupConfiguration.ResultConfiguration.OutputLocation",),
        ("WorkGroupConfiguration.ResultConfiguration.EncryptionConfiguration.KmsKey",),
        ("WorkGroupConfiguration.ExecutionRole",),
        USUAL,
        Blocking.NO,
        f"{DOCS}/athena/latest/ug/encrypting-query-results-stored-in-s3.html",
        ("CreateWorkGroup", "UpdateWorkGroup"),
    ),
    Row(
        "AWS::Glue::SecurityConfiguration",
        (),
        (
            "EncryptionConfiguration.S3Encryptions[].KmsKeyArn",
            "EncryptionConfiguration.CloudWatchEncryption.KmsKeyArn",
            "EncryptionConfiguration.JobBookmarksEncryption.KmsKeyArn",
        ),
        (),
        (),
        Blocking.NO,
        f"{DOCS}/glue/latest/dg/set-up-encryption.html",
        ("CreateSecurityConfiguration", ""),
    ),
)  # fmt: skip


def _buckets(row: Row, resource: Resource) -> Iterator[tuple[str, str]]:
    """Each bucket once, with the property; a location may be a name, a path below a name, an ARN or an s3:// address."""
    seen: set[str] = set()
    for path in row.buckets:
        for text in resource.texts(path):
            name = bucket_name(text.removeprefix("s3://"))
            if name and name not in seen:
                seen.add(name)
                yield name, path


def _keys(row: Row, resource: Resource) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for path in (*row.keys, *([row.sse] if row.sse else [])):
        for key in resource.texts(path):
            if key not in seen and "alias/aws/" not in key:
                seen.add(key)
                yield key, path


def _service(row: Row) -> Service:
    def uses(resource: Resource) -> tuple[Use, ...]:
        buckets = (Use(Target.BUCKET, name, path) for name, path in _buckets(row, resource))
        return (*buckets, *(Use(Target.KEY, key, path) for key, path in _keys(row, resource)))

    def needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
        role = next((text for path in row.role for text in resource.texts(path)), "")
        return (*_on_buckets(row, role, resource, facts), *_on_keys(row, role, resource, facts))

    return Service(
        resource_types=(row.type,),
        principal="",
        uses=uses,
        needed=needed,
        documentation=(row.page,),
        api_calls=tuple(call for call in row.calls if call),
        constraints=frozenset({Constraint.KEY_SYMMETRIC}),
    )


def _on_buckets(row: Row, role: str, resource: Resource, facts: Facts) -> Iterator[Needed]:
    for name, _path in _buckets(row, resource):
        for action in row.actions:
            where = bucket_arn(resource.scope.partition, name, "*" if action in OBJECTS else "")
            owner = facts.bucket(name).account
            yield by_role(role, resource, action, where, row.page, "the role writes there", ref=name, blocking=row.blocking, owner=owner)


def _on_keys(row: Row, role: str, resource: Resource, facts: Facts) -> Iterator[Needed]:
    for key, path in _keys(row, resource):
        arn, owner = key_arn(key, facts, resource.scope), facts.key(key).account
        if path == row.sse:
            for action in ("kms:CreateGrant", "kms:DescribeKey"):
                yield own(resource, action, arn, row.page, "the stream is encrypted with the key", ref=key, owner=owner)
            continue
        carried = _context(row, resource, facts)
        for action in KEY_ACTIONS:
            why = "the role's objects are encrypted with the key"
            yield by_role(role, resource, action, arn, row.page, why, ref=key, blocking=row.blocking, context=carried, owner=owner)


def _context(row: Row, resource: Resource, facts: Facts) -> dict[str, Knowledge]:
    """S3 forwards the role: its Region is the bucket's. Firehose's page documents the encryption context of the objects too."""
    name = next((name for name, _ in _buckets(row, resource)), "")
    store, scope = facts.bucket(name), resource.scope
    via = f"s3.{store.region or scope.region}.amazonaws.com"
    if row.blocking is not Blocking.YES:
        return {"kms:ViaService": Known((via,)) if name else UNKNOWN}
    prefix = resource.text("ExtendedS3DestinationConfiguration.Prefix") or resource.text("S3DestinationConfiguration.Prefix")
    objects, bucket = (bucket_arn(scope.partition, name, f"{prefix}{OPEN_END}"),), (bucket_arn(scope.partition, name),)
    known = Known(bucket) if store.bucket_key else Known(objects) if store.bucket_key is False else OneOf((objects, bucket))
    return {"kms:ViaService": Known((via,)), "kms:EncryptionContext:aws:s3:arn": known}


SERVICES = tuple(map(_service, ROWS))
