"""One trail with its bucket and key as AWS documents them, to be spoilt; and the incident its creation then becomes.

    account = Account("aws-cn")
    statement = account.encrypt                      the statement of the key policy that lets CloudTrail encrypt
    statement["Condition"] = {...}                   spoil it
    stack = account.happen(world, Where.GONE)        the stack's events, and what is left of bucket and key

`Where` says where the evidence still is: live beside the stack, live though of the stack, the key waiting for its deletion, all
gone but the events' properties, or even those missing, so that only the template tells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any

from lab.attempts import Story
from lab.world import BEGAN, World

Json = dict[str, Any]
CLOUDTRAIL = "cloudtrail.amazonaws.com"
ACCOUNT, STRANGER = "111122223333", "999988887777"
HOME = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
ELSEWHERE = {"aws": "eu-central-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-east-1"}
PARTITIONS = tuple(HOME)
KEY_ID = "0d990263-018e-4e65-a703-eff731de951e"
FULL_CONTROL = "bucket-owner-full-control"
TYPES = {
    "Bucket": "AWS::S3::Bucket",
    "BucketPolicy": "AWS::S3::BucketPolicy",
    "Key": "AWS::KMS::Key",
    "Alias": "AWS::KMS::Alias",
    "Trail": "AWS::CloudTrail::Trail",
}


class Where(StrEnum):
    """Where the evidence is."""

    BESIDE = "beside"
    """Bucket and key are not of this stack; live."""
    KEPT = "kept"
    """Of this stack, retained by the rollback; live."""
    PENDING = "pending"
    """Of this stack: the key waits for its deletion and still shows its policy, the bucket is gone."""
    GONE = "gone"
    """Of this stack, both gone; the events show what was deployed."""
    TEMPLATE = "template"
    """Both gone, and the events show no properties; the template does."""

    @property
    def own(self) -> bool:
        return self is not Where.BESIDE

    def origin(self, service: str) -> str:
        """Where the policy of a side is read from."""
        if self in {Where.BESIDE, Where.KEPT} or (self is Where.PENDING and service == "kms"):
            return "live"
        return "template" if self is Where.TEMPLATE else "properties"


class Account:
    """A correct configuration. `key` and `bucket` are what stands there beside the policies; a policy of None is none."""

    def __init__(self, partition: str = "aws", *, merged: bool = False, bucket_key: bool = False) -> None:
        self.partition, self.region, self.account = partition, HOME[partition], ACCOUNT
        self.elsewhere = ELSEWHERE[partition]
        self.bucket_name, self.trail_name, self.prefix = "audit-logs-8f3a", "audit-trail", ""
        self.trail_properties: Json = {"IsLogging": "true", "IsMultiRegionTrail": "true"}
        self.bucket: Json = {"region": self.region, "account": self.account, "bucket_key": bucket_key}
        self.key: Json | None = {"region": self.region, "account": self.account}
        self.key_named: str | None = None
        self.alias: str | None = None
        self.bucket_exists, self.policy_late, self.depends = True, False, True
        self.reason: str | None = None
        self.wording = ""
        self.key_policy: Json | None = self._key_policy(merged=merged, bucket_key=bucket_key)
        self.bucket_policy: Json | str | None = self._bucket_policy()

    # -------------------------------------------------------------------------------------------------------- names
    def arn(self, service: str, rest: str, *, region: str | None = None, account: str | None = None, partition: str | None = None) -> str:
        return f"arn:{partition or self.partition}:{service}:{self.region if region is None else region}:{account or self.account}:{rest}"

    @property
    def trail_arn(self) -> str:
        return self.arn("cloudtrail", f"trail/{self.trail_name}")

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket_name}"

    @property
    def key_arn(self) -> str:
        assert self.key is not None
        return self.arn("kms", f"key/{KEY_ID}", region=self.key["region"], account=self.key["account"])

    @property
    def folder(self) -> str:
        return f"{self.prefix}/AWSLogs/{self.account}" if self.prefix else f"AWSLogs/{self.account}"

    # ----------------------------------------------------------------------------------------------------- policies
    def _key_policy(self, *, merged: bool, bucket_key: bool) -> Json:
        """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"""
        root = {
            "Sid": "EnableRootAccess",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{self.partition}:iam::{self.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        own: Json = {"aws:SourceArn": self.trail_arn}
        context = {"kms:EncryptionContext:aws:cloudtrail:arn": self.arn("cloudtrail", "trail/*", region="*")}
        if merged:
            both = self.allow("AllowCloudTrail", ["kms:GenerateDataKey*", "kms:DescribeKey"], "*", {"StringEquals": own})
            return self.policy(root, both, *([self.allow("Decrypt", "kms:Decrypt", "*")] if bucket_key else []))
        encrypt = self.allow("Encrypt", "kms:GenerateDataKey*", "*", {"StringEquals": dict(own), "StringLike": context})
        describe = self.allow("Describe", "kms:DescribeKey", "*", {"StringEquals": dict(own)})
        return self.policy(root, encrypt, describe, *([self.allow("Decrypt", "kms:Decrypt", "*")] if bucket_key else []))

    def _bucket_policy(self) -> Json:
        """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"""
        own = {"aws:SourceArn": self.trail_arn}
        acl = self.allow("AWSCloudTrailAclCheck", "s3:GetBucketAcl", self.bucket_arn, {"StringEquals": dict(own)})
        write = {"StringEquals": {"s3:x-amz-acl": FULL_CONTROL} | own}
        return self.policy(acl, self.allow("AWSCloudTrailWrite", "s3:PutObject", f"{self.bucket_arn}/{self.folder}/*", write))

    @staticmethod
    def policy(*statements: Json) -> Json:
        return {"Version": "2012-10-17", "Statement": list(statements)}

    @staticmethod
    def allow(sid: str, action: Any, resource: Any, condition: Json | None = None, principal: Any = None) -> Json:
        made: Json = {"Sid": sid, "Effect": "Allow", "Principal": principal or {"Service": CLOUDTRAIL}, "Action": action}
        return made | {"Resource": resource} | ({"Condition": condition} if condition else {})

    @staticmethod
    def denial(sid: str, action: Any, resource: Any, condition: Json | None = None, principal: Any = "*") -> Json:
        made: Json = {"Sid": sid, "Effect": "Deny", "Principal": principal, "Action": action, "Resource": resource}
        return made | ({"Condition": condition} if condition else {})

    def of_key(self, sid: str) -> Json:
        assert self.key_policy is not None
        return next(s for s in self.key_policy["Statement"] if s.get("Sid") == sid)

    def of_bucket(self, sid: str) -> Json:
        assert isinstance(self.bucket_policy, dict)
        return next(s for s in self.bucket_policy["Statement"] if s.get("Sid") == sid)

    @property
    def merged(self) -> bool:
        return self.key_policy is not None and any(s.get("Sid") == "AllowCloudTrail" for s in self.key_policy["Statement"])

    @property
    def encrypt(self) -> Json:
        return self.of_key("AllowCloudTrail" if self.merged else "Encrypt")

    @property
    def describe(self) -> Json:
        return self.of_key("AllowCloudTrail" if self.merged else "Describe")

    @property
    def acl(self) -> Json:
        return self.of_bucket("AWSCloudTrailAclCheck")

    @property
    def write(self) -> Json:
        return self.of_bucket("AWSCloudTrailWrite")

    def add(self, side: str, statement: Json, *, first: bool = False) -> Json:
        """Puts a statement into the key's or the bucket's policy."""
        policy = self.key_policy if side == "kms" else self.bucket_policy
        assert isinstance(policy, dict)
        policy["Statement"].insert(0 if first else len(policy["Statement"]), statement)
        return statement

    # ----------------------------------------------------------------------------------------------- what happened
    def without_key(self) -> None:
        self.key = self.key_policy = None

    @property
    def named(self) -> str:
        """What the trail's KMSKeyId says."""
        return self.key_named or (self.key_arn if self.key else "")

    def said(self, wording: str) -> str:
        """CloudFormation's text. `wording`: both, bucket, no-bucket, no-key, or AWS's own sentence."""
        text = {
            "both": f"Insufficient permissions to access S3 bucket {self.bucket_name} or KMS key {self.named}",
            "bucket": f"Incorrect S3 bucket policy is detected for bucket: {self.bucket_name}",
            "no-bucket": f"S3 bucket {self.bucket_name} does not exist!",
            "no-key": f"KMS key {self.named} does not exist, or the S3 bucket and the KMS key are not in the same region",
        }.get(wording, wording)
        inner = (
            f"Invalid request provided: {text} (Service: CloudTrail, Status Code: 400, Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)"
        )
        return f'Resource handler returned message: "{inner}" (RequestToken: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: InvalidRequest)'

    def properties(self) -> dict[str, Json]:
        """Each resource's properties as AWS shows them: resolved, every scalar as text."""
        trail: Json = {"TrailName": self.trail_name, "S3BucketName": self.bucket_name, **self.trail_properties}
        trail |= ({"KMSKeyId": self.named} if self.named else {}) | ({"S3KeyPrefix": self.prefix} if self.prefix else {})
        rule = {"ServerSideEncryptionByDefault": self.bucket.get("encryption", {"SSEAlgorithm": "AES256"})}
        rule |= {"BucketKeyEnabled": str(self.bucket.get("bucket_key", False)).lower()}
        shown: dict[str, Json] = {"Trail": trail}
        shown["Bucket"] = {"BucketName": self.bucket_name, "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}
        if isinstance(self.bucket_policy, dict):
            shown["BucketPolicy"] = {"Bucket": self.bucket_name, "PolicyDocument": self.bucket_policy}
        if self.key is not None:
            shown["Key"] = {"Description": "encrypts the audit trail", "KeyPolicy": self.key_policy}
        if self.alias and self.key is not None:
            shown["Alias"] = {"AliasName": self.alias, "TargetKeyId": KEY_ID}
        return shown

    def template(self, where: Where) -> str:
        """As somebody wrote it: references where there can be some."""
        resources = {name: {"Type": TYPES[name], "Properties": dict(value)} for name, value in self.properties().items()}
        if where.own:
            resources["Trail"]["Properties"]["S3BucketName"] = {"Ref": "Bucket"}
            if self.key is not None and not self.key_named:
                resources["Trail"]["Properties"]["KMSKeyId"] = {"Fn::GetAtt": ["Key", "Arn"]}
            if "BucketPolicy" in resources:
                resources["BucketPolicy"]["Properties"]["Bucket"] = {"Ref": "Bucket"}
                if self.depends:
                    resources["Trail"]["DependsOn"] = "BucketPolicy"
            if "Alias" in resources:
                resources["Alias"]["Properties"]["TargetKeyId"] = {"Ref": "Key"}
        else:
            resources = {"Trail": resources["Trail"]}
        return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, indent=2)

    def happen(self, world: World, where: Where, wording: str = "both", *, status: str = "ROLLBACK_COMPLETE") -> str:
        """Lets the stack fail in this world; its ARN."""
        assert (world.partition, world.region) == (self.partition, self.region)
        story = Story(world, "audit", BEGAN, operation_ids=True, tokens=True)
        story.arn = self.arn("cloudformation", "stack/audit/8c6b6a10-c6f3-11f0-9d1c-0e2b1f4c8a11")
        shown = {} if where is Where.TEMPLATE else self.properties()
        physical = {"Bucket": self.bucket_name, "BucketPolicy": self.bucket_name, "Key": KEY_ID, "Alias": self.alias or ""}
        made = [name for name in self._made() if where.own]

        def row(name: str, state: str, reason: str = "") -> None:
            story.add(name, TYPES[name], state, physical.get(name, ""), reason, shown.get(name), seconds=3)

        story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        for name in made:
            row(name, "CREATE_IN_PROGRESS")
            row(name, "CREATE_COMPLETE")
        row("Trail", "CREATE_IN_PROGRESS")
        if self.policy_late and where.own:
            row("BucketPolicy", "CREATE_IN_PROGRESS")
        row("Trail", "CREATE_FAILED", self.reason or self.said(wording))
        if self.policy_late and where.own:
            row("BucketPolicy", "CREATE_FAILED", "Resource creation cancelled")
        story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Trail]. Rollback requested by user.")
        for name in ("Trail", *reversed(made)):
            row(name, "DELETE_SKIPPED" if where is Where.KEPT and name != "Trail" else "DELETE_COMPLETE")
        story.own(status)
        self._stand(world, where, story)
        world.stack("audit", status, story.events, arn=story.arn, template=self.template(where))
        return story.arn

    def _made(self) -> Iterator[str]:
        for name in self.properties():
            if name != "Trail" and not (name == "BucketPolicy" and self.policy_late):
                yield name

    def _stand(self, world: World, where: Where, story: Story) -> None:
        """What is left."""
        if where in {Where.BESIDE, Where.KEPT} and self.bucket_exists:
            policy = None if self.policy_late and where.own else self.bucket_policy
            world.bucket(self.bucket_name, policy=policy, **self.bucket)
        if where in {Where.BESIDE, Where.KEPT, Where.PENDING} and self.key is not None and not self.key.get("nowhere"):
            pending = {"state": "PendingDeletion", "deletion_date": story.now + timedelta(days=30)} if where is Where.PENDING else {}
            world.key(KEY_ID, policy=self.key_policy, alias=self.alias, **(self.key | pending))
