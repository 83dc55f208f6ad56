"""Fixes that are no policy: the key's state, Region, kind or name, the bucket's settings, a missing DependsOn.

Each names the property to change, with the template's line where it can be placed, and the command where the thing is
not the stack's. None of these is verified by evaluation, so none claims to be.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.commands import CommandStyle
from stackdoctor.evidence import BucketEvidence, KeyEvidence
from stackdoctor.fixes.templates import Templates
from stackdoctor.investigation import Investigation
from stackdoctor.model import Finding, Fix, Found, Severity
from stackdoctor.services.base import Target


def state_fixes(one: Investigation, templates: Templates, style: CommandStyle) -> list[Fix]:
    """The fixes of every finding about state, in the order of the findings."""
    return [fix for finding in one.findings if finding.severity is not Severity.NOTE for fix in _of(finding, one, templates, style)]


def _of(finding: Finding, one: Investigation, templates: Templates, style: CommandStyle) -> Iterator[Fix]:
    key, bucket = _key(one, finding), _bucket(one, finding)
    match finding.check:
        case "key-state" if key is not None:
            yield _enable(finding, key, templates, style)
        case "key-region" | "key-missing" | "key-spec" | "key-aws-managed" if key is not None:
            yield _another_key(finding, one, key, style)
        case "bucket-missing":
            yield _make_bucket(finding, one, style)
        case "bucket-region" | "bucket-opt-in-region" | "bucket-object-lock":
            yield _another_bucket(finding, one, style)
        case "endpoint-missing":
            yield _another_endpoint(finding, one, style)
        case "bucket-requester-pays" if bucket is not None:
            put = ("put-bucket-request-payment", "--bucket", bucket.name, "--request-payment-configuration", "Payer=BucketOwner")
            pays = (style.command("s3api", *put),)  # AWS::S3::Bucket has no property for it
            yield _fix(finding, "Let the bucket's owner pay for requests", finding.resource, "environment", pays)
        case "bucket-encryption" if bucket is not None:
            rule = "Rules=[{ApplyServerSideEncryptionByDefault={SSEAlgorithm=AES256}}]"
            put = ("put-bucket-encryption", "--bucket", bucket.name, "--server-side-encryption-configuration", rule)
            yield _setting(finding, bucket, "Encrypt the bucket with SSE-S3 (AES256)", "BucketEncryption", style.command("s3api", *put))
        case "bucket-acls-disabled" if bucket is not None:
            rule = "Rules=[{ObjectOwnership=BucketOwnerPreferred}]"
            put = ("put-bucket-ownership-controls", "--bucket", bucket.name, "--ownership-controls", rule)
            title = "Enable ACLs on the bucket (ObjectOwnership: BucketOwnerPreferred)"
            yield _setting(finding, bucket, title, "OwnershipControls", style.command("s3api", *put))
        case "policy-after-resource":
            yield from _wait_for_policy(finding, one, templates)


def _key(one: Investigation, finding: Finding) -> KeyEvidence | None:
    keys = one.case.evidence.keys.values() if one.case else ()
    return next((key for key in keys if key.arn == finding.resource), None)


def _bucket(one: Investigation, finding: Finding) -> BucketEvidence | None:
    buckets = one.case.evidence.buckets.values() if one.case else ()
    return next((bucket for bucket in buckets if bucket.arn == finding.resource), None)


def _fix(finding: Finding, title: str, target: str, scope: str, commands: tuple[str, ...] = (), diff: str | None = None) -> Fix:
    return Fix(
        id="",
        title=title,
        kind="template" if diff else "resource-property",
        target=target,
        scope=scope,
        disposition="safe",
        resolves=(finding.check,),
        verified=False,
        diff=diff,
        commands=commands,
    )


def _enable(finding: Finding, key: KeyEvidence, templates: Templates, style: CommandStyle) -> Fix:
    state = key.description.value.state if isinstance(key.description, Found) else ""
    there = style.in_region(key.arn.split(":")[3])
    if state.startswith("PendingImport"):
        words = ("--key-id", key.arn, "--wrapping-algorithm", "RSAES_OAEP_SHA_256", "--wrapping-key-spec", "RSA_4096")
        commands = (there.command("kms", "get-parameters-for-import", *words),)
        return _fix(finding, "Import the key's material; this fetches what the import needs", key.arn, "environment", commands)
    made_disabled = key.owner is not None and str(key.owner.properties.get("Enabled", "true")).lower() == "false"
    back = (there.command("kms", "cancel-key-deletion", "--key-id", key.arn),) if "Deletion" in state else ()
    enable = there.command("kms", "enable-key", "--key-id", key.arn)
    if key.owner is not None and (made_disabled or state == "Disabled"):
        diff, _why = templates.property_diff(key.owner.stack_id, key.owner.logical_id, ("Enabled",), value=True)
        return _fix(finding, f"Enable the key: set Enabled to true on {key.owner.logical_id}", key.owner.logical_id, "template", (), diff)
    title = "Take the key back from deletion and enable it" if back else "Enable the key"
    return _fix(finding, title, key.arn, "environment", (*back, enable))


def _another_key(finding: Finding, one: Investigation, key: KeyEvidence, style: CommandStyle) -> Fix:
    case, logical_id = one.case, one.failure.event.logical_id
    uses = case.service.uses(case.resource) if case else ()
    name = next((use.property for use in uses if use.target is Target.KEY and use.ref == key.ref), "the key")
    buckets = case.evidence.buckets.values() if case else ()
    region = next((bucket.region.value for bucket in buckets if isinstance(bucket.region, Found)), style.region)
    commands = (style.in_region(region).command("kms", "list-aliases"),)
    title = f"Name an enabled, symmetric, customer managed key in {region} as {name} of {logical_id}"
    return _fix(finding, title, logical_id, "template", commands)


def _make_bucket(finding: Finding, one: Investigation, style: CommandStyle) -> Fix:
    logical_id, name = one.failure.event.logical_id, finding.resource.rsplit(":", 1)[-1]
    title = f"Make bucket {name}, or name one that exists on {logical_id}"
    return _fix(finding, title, logical_id, "template", (style.command("s3", "mb", f"s3://{name}"),))


def _another_bucket(finding: Finding, one: Investigation, style: CommandStyle) -> Fix:
    """A bucket cannot be moved, nor its Object Lock be taken off: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"""
    wanted = {
        "bucket-region": f"in {style.region}",
        "bucket-opt-in-region": "in a Region that needs no opting in",
        "bucket-object-lock": "without Object Lock",
    }[finding.check]
    logical_id = one.failure.event.logical_id
    return _fix(finding, f"Name a bucket {wanted} on {logical_id}", logical_id, "template", (style.command("s3api", "list-buckets"),))


def _another_endpoint(finding: Finding, one: Investigation, style: CommandStyle) -> Fix:
    """The queue or topic is made by whoever owns it; its name is most often misspelt."""
    logical_id, service = one.failure.event.logical_id, finding.resource.split(":")[2]
    kind, operation = ("queue", "list-queues") if service == "sqs" else ("topic", "list-topics")
    title = f"Name a {kind} that exists on {logical_id}"
    return _fix(finding, title, logical_id, "template", (style.command(service, operation),))


def _setting(finding: Finding, bucket: BucketEvidence, title: str, prop: str, command: str) -> Fix:
    owner = bucket.owner
    if owner is not None:
        return _fix(finding, f"{title}: change {prop} of {owner.logical_id} in the template", owner.logical_id, "template")
    return _fix(finding, title, finding.resource, "environment", (command,))


def _wait_for_policy(finding: Finding, one: Investigation, templates: Templates) -> Iterator[Fix]:
    event = one.failure.event
    bucket = _bucket(one, finding)
    if bucket is None or bucket.policy_resource is None:
        return
    policy = bucket.policy_resource.logical_id
    diff, why = templates.dependency_diff(event.stack_id, event.logical_id, policy)
    title = f"Add DependsOn: {policy} to {event.logical_id}" + (f" ({why})" if why and diff is None else "")
    yield _fix(finding, title, event.logical_id, "template", (), diff)
