"""The bucket itself: not there, Requester Pays, of an encryption, ownership or Region the service cannot use; and what is harmless."""

from __future__ import annotations

from collections.abc import Iterable

from stackdoctor.checks.base import Case, Check
from stackdoctor.evidence import BucketEvidence
from stackdoctor.model import Absent, Finding, Found, Severity
from stackdoctor.services.base import Constraint, Target
from stackdoctor.services.regions import OPT_IN


def _missing(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values():
        if not isinstance(bucket.region, Absent) and bucket.policy != Absent("NoSuchBucket"):
            continue
        undone = bucket.owner is not None and bucket.owner.was_there
        if undone or bucket.owner is None:
            yield MISSING.finding(
                Severity.NOTE if undone else Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} is gone: it was deleted after the failure" if undone else f"Bucket {bucket.name} does not exist",
                "The policy that was met is the one the attempt deployed." if undone else f"{case.who} has nowhere to write.",
            )


def _payer(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_NOT_REQUESTER_PAYS) else ():
        if bucket.payer == Found("Requester"):
            yield PAYER.finding(
                Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} is a Requester Pays bucket",
                f"{case.who} cannot write to a Requester Pays bucket. Set the payer to BucketOwner.",
                references=case.service.documentation,
            )


def _encryption(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_SSE_S3_ONLY) else ():
        if isinstance(bucket.encryption, Found) and bucket.encryption.value.algorithm != "AES256":
            yield ENCRYPTION.finding(
                Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} encrypts with {bucket.encryption.value.algorithm}",
                f"{case.who} can write only to buckets encrypted with Amazon S3 managed keys (SSE-S3, AES256).",
                references=case.service.documentation,
            )


def _acls(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_ACLS_ENABLED) else ():
        if bucket.ownership == Found("BucketOwnerEnforced"):
            yield ACLS.finding(
                Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} has ACLs disabled (BucketOwnerEnforced)",
                "The service adds itself to the bucket's ACL. Set ObjectOwnership to BucketOwnerPreferred.",
                references=case.service.documentation,
            )


def _region(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_IN_RESOURCE_REGION) else ():
        if isinstance(bucket.region, Found) and bucket.region.value != case.resource.scope.region:
            yield REGION.finding(
                Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} is in {bucket.region.value}, {case.resource.logical_id} in {case.resource.scope.region}",
                "The service works only with a bucket in its own Region.",
                references=case.service.documentation,
            )


def _opt_in(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_NOT_OPT_IN_REGION) else ():
        if isinstance(bucket.region, Found) and bucket.region.value in OPT_IN:
            yield OPT_IN_REGION.finding(
                Severity.CAUSE,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} is in {bucket.region.value}, a Region that must be opted in to",
                "The service does not deliver logs to buckets in such Regions. Use a bucket in another Region.",
                references=case.service.documentation,
            )


def _object_lock(case: Case) -> Iterable[Finding]:
    """Known of a bucket of the stack only: the lock stands in its properties."""
    for bucket in case.evidence.buckets.values() if case.has(Constraint.BUCKET_NO_OBJECT_LOCK) else ():
        if bucket.owner is not None and str(bucket.owner.properties.get("ObjectLockEnabled", "")).lower() == "true":
            yield LOCK.finding(
                Severity.RISK,
                Target.BUCKET,
                bucket.arn,
                f"Bucket {bucket.name} has Object Lock enabled",
                f"{case.who} does not support buckets with Object Lock.",
                origin=bucket.owner.origin,
                references=case.service.documentation,
            )


def _harmless(case: Case) -> Iterable[Finding]:
    for bucket in case.evidence.buckets.values():
        if bucket.ownership == Found("BucketOwnerEnforced") and not case.has(Constraint.BUCKET_ACLS_ENABLED):
            yield _note(bucket, "BucketOwnerEnforced is not the cause", "It accepts uploads with the ACL bucket-owner-full-control.")
        if isinstance(bucket.public_access, Found) and bucket.public_access.value.restrict_buckets:
            yield _note(
                bucket, "Block Public Access is not the cause", "A policy for service principals is not public; services keep access."
            )


def _note(bucket: BucketEvidence, title: str, why: str) -> Finding:
    return HARMLESS.finding(Severity.NOTE, Target.BUCKET, bucket.arn, title, why)


MISSING = Check(
    id="bucket-missing",
    title="The bucket does not exist",
    explanation="The bucket the resource names is not there; a bucket the rollback deleted is only a note.",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",),
    looks=_missing,
)
PAYER = Check(
    id="bucket-requester-pays",
    title="The bucket is a Requester Pays bucket",
    explanation="Log deliveries do not pay for requests.",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html",),
    looks=_payer,
)
ENCRYPTION = Check(
    id="bucket-encryption",
    title="The bucket's default encryption is one the service cannot use",
    explanation="Some log deliveries support Amazon S3 managed keys (SSE-S3) only.",
    references=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html",),
    looks=_encryption,
)
ACLS = Check(
    id="bucket-acls-disabled",
    title="The bucket has ACLs disabled and the service needs them",
    explanation="CloudFront's legacy standard logging grants itself access through the bucket's ACL.",
    references=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html",),
    looks=_acls,
)
REGION = Check(
    id="bucket-region",
    title="The bucket is in another Region than the resource that writes to it",
    explanation="Some log deliveries write only to buckets in their own Region.",
    references=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html",),
    looks=_region,
)
OPT_IN_REGION = Check(
    id="bucket-opt-in-region",
    title="The bucket is in a Region that must be opted in to",
    explanation="CloudFront's legacy standard logging does not deliver to buckets in Regions that an account must opt in to.",
    references=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html",),
    looks=_opt_in,
)
LOCK = Check(
    id="bucket-object-lock",
    title="The bucket has Object Lock enabled",
    explanation="Some services do not deliver to a bucket with Object Lock: Redshift audit logs, Config, Systems Manager data sync.",
    references=(
        "https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-config-deliverychannel.html",
    ),
    looks=_object_lock,
)
HARMLESS = Check(
    id="harmless",
    title="Settings that look like a cause and are none",
    explanation="BucketOwnerEnforced and Block Public Access do not deny a service principal whose policy names it.",
    references=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    ),
    looks=_harmless,
)
