"""The incident stackdoctor was born from, as it happened: four attempts, on the fake AWS, because no engine emits such a history.

    told = four_stacks(world)                    tried as four stacks of one name, three of them deleted again
    told = four_updates(world)                   tried as four updates of one stack; the database is left behind by each clean-up
    told = four_continued_updates(world)         the rollback itself sticks at the database, and is continued again and again

Each takes `operation_ids` (False: an older stack, whose events only carry ClientRequestTokens), `tokens` (False: not even those)
and `evidence`: "there" (key and bucket were retained), "pending" (the key waits for its deletion, the bucket is gone) or
"gone" (both are gone). Beside the cause stands a cancelled sibling, in every second attempt with the earlier timestamp.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lab import deploy
from lab.world import BEGAN, World

STACK = "AWS::CloudFormation::Stack"
TYPES = {
    "Bucket": "AWS::S3::Bucket",
    "BucketPolicy": "AWS::S3::BucketPolicy",
    "Key": "AWS::KMS::Key",
    "AuditedDatabase": "AWS::RDS::DBInstance",
    "Trail": "AWS::CloudTrail::Trail",
    "WatchedTopic": "AWS::SNS::Topic",
}
MADE = ("Key", "Bucket", "BucketPolicy", "AuditedDatabase")
ATTEMPTS = 4
FIRST = 1
"""The team tightened twice: aws:SourceArn on the key from the second attempt on, on the bucket from the third."""


@dataclass(frozen=True)
class Told:
    """What a diagnosis has to find. `key`, `bucket` and `database` are those of the newest attempt."""

    stack: str
    arn: str
    key: str
    bucket: str
    database: str
    status: str
    root: str = "Trail"
    sibling: str = "WatchedTopic"
    blocker: str = "AuditedDatabase"
    statement: int = 1
    clause: tuple[str, str] = ("StringEquals", "kms:ViaService")
    repeated: int = ATTEMPTS


class Story:
    """The events of one stack, oldest first, seconds apart."""

    def __init__(self, world: World, name: str, at: datetime, *, operation_ids: bool, tokens: bool) -> None:
        self.world, self.name, self.now = world, name, at
        self.arn = f"arn:aws:cloudformation:{world.region}:{world.account}:stack/{name}/{uuid.uuid4()}"
        self.events: list[dict[str, Any]] = []
        self.operations: list[dict[str, str]] = []
        self._ids, self._tokens, self._token = operation_ids, tokens, ""

    def begin(self, kind: str, status: str, reason: str = "User Initiated") -> None:
        """A rollback that nobody asked for is an operation of its own, under the token of the operation it undoes."""
        self.operations.append({"OperationType": kind, "OperationId": str(uuid.uuid4())})
        if kind != "ROLLBACK":
            self._token = f"Console-{kind.title().replace('_', '')}-{uuid.uuid4()}"
        self.own(status, reason)

    def own(self, status: str, reason: str = "") -> None:
        self.add(self.name, STACK, status, self.arn, reason)

    def add(
        self, logical_id: str, kind: str, status: str, physical_id: str = "", reason: str = "", properties: Any = None, seconds: float = 2
    ) -> None:
        self.now += timedelta(seconds=seconds, milliseconds=len(self.events) % 7)
        event = {
            "StackId": self.arn,
            "EventId": str(uuid.uuid4()) if kind == STACK else f"{logical_id}-{status}-{self.now.isoformat()}",
            "StackName": self.name,
            "OperationId": self.operations[-1]["OperationId"] if self._ids else None,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical_id,
            "ResourceType": kind,
            "Timestamp": self.now,
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
            "ResourceProperties": json.dumps(properties, separators=(",", ":")) if properties else None,
            "ClientRequestToken": self._token if self._tokens else None,
        }
        self.events.append({k: v for k, v in event.items() if v is not None})

    def tell(self, status: str, **more: Any) -> None:
        """Puts the stack into the world."""
        last = {"LastOperations": self.operations[-1:-3:-1]} if self._ids else {}
        self.world.stack(self.name, status, self.events, arn=self.arn, template=deploy.text("cloudtrail-kms-viaservice"), **last, **more)


class Attempt:
    """The resources of one attempt, and the text of what happens to them."""

    def __init__(self, story: Story, number: int) -> None:
        world = story.world
        self.story, self.number, self.request = story, number, str(uuid.uuid4())
        self.trail = f"arn:aws:cloudtrail:{world.region}:{world.account}:trail/{story.name}-trail"
        self.key_id, tail = str(uuid.uuid4()), uuid.uuid4().hex[:12]
        self.key = f"arn:aws:kms:{world.region}:{world.account}:key/{self.key_id}"
        self.bucket, self.database = f"{story.name}-bucket-{tail}", f"{story.name}-auditeddatabase-{tail}"
        self.physical = {"Bucket": self.bucket, "BucketPolicy": self.bucket, "Key": self.key_id, "AuditedDatabase": self.database}

    @property
    def key_policy(self) -> dict[str, Any]:
        world = self.story.world
        mine = {"Service": "cloudtrail.amazonaws.com"}
        tightened = {"aws:SourceArn": self.trail} if self.number > FIRST else {}
        condition = {"StringEquals": {"kms:ViaService": f"cloudtrail.{world.region}.amazonaws.com"} | tightened}
        root = {
            "Sid": "EnableRootAccess",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{world.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        allow = {
            "Sid": "AllowCloudTrail",
            "Effect": "Allow",
            "Principal": mine,
            "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
        }
        return {"Version": "2012-10-17", "Statement": [root, allow | {"Condition": condition}]}

    @property
    def bucket_policy(self) -> dict[str, Any]:
        arn, mine = f"arn:aws:s3:::{self.bucket}", {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
        own = {"aws:SourceArn": self.trail} if self.number > FIRST + 1 else {}
        acl = {"Sid": "AWSCloudTrailAclCheck", **mine, "Action": "s3:GetBucketAcl", "Resource": arn}
        acl |= {"Condition": {"StringEquals": own}} if own else {}
        put = {"Sid": "AWSCloudTrailWrite", **mine, "Action": "s3:PutObject", "Resource": f"{arn}/AWSLogs/{self.story.world.account}/*"}
        return {
            "Version": "2012-10-17",
            "Statement": [acl, put | {"Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"} | own}}],
        }

    def properties(self, logical_id: str) -> dict[str, Any]:
        """As AWS shows them: resolved, every scalar as text."""
        shown: dict[str, dict[str, Any]] = {
            "Bucket": {
                "PublicAccessBlockConfiguration": dict.fromkeys(
                    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), "true"
                )
            },
            "BucketPolicy": {"Bucket": self.bucket, "PolicyDocument": self.bucket_policy},
            "Key": {"Description": "encrypts the audit trail", "EnableKeyRotation": "true", "KeyPolicy": self.key_policy},
            "AuditedDatabase": {"Engine": "postgres", "AllocatedStorage": "20", "MasterUserPassword": "****", "DeletionProtection": "true"},
            "Trail": {"TrailName": f"{self.story.name}-trail", "IsLogging": "true", "S3BucketName": self.bucket, "KMSKeyId": self.key},
            "WatchedTopic": {"DisplayName": f"changes of {self.database}.c1.{self.story.world.region}.rds.amazonaws.com"},
        }
        return shown[logical_id]

    def row(self, logical_id: str, status: str, reason: str = "", physical_id: str = "", seconds: float = 2) -> None:
        self.story.add(logical_id, TYPES[logical_id], status, physical_id, reason, self.properties(logical_id), seconds)

    def make(self, *names: str) -> None:
        for name in names:
            self.row(name, "CREATE_IN_PROGRESS")
            self.row(name, "CREATE_IN_PROGRESS", "Resource creation Initiated", self.physical[name])
            self.row(name, "CREATE_COMPLETE", "", self.physical[name], 240 if name == "AuditedDatabase" else 5)

    def fail(self) -> None:
        """The cause and the cancelled sibling, which in every second attempt carries the earlier time."""
        self.row("Trail", "CREATE_IN_PROGRESS")
        self.row("WatchedTopic", "CREATE_IN_PROGRESS")
        said = f"Invalid request provided: Insufficient permissions to access S3 bucket {self.bucket} or KMS key {self.key}"
        inner = f"{said} (Service: CloudTrail, Status Code: 400, Request ID: {self.request})"
        self.row(
            "Trail",
            "CREATE_FAILED",
            f'Resource handler returned message: "{inner}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: InvalidRequest)',
        )
        self.row("WatchedTopic", "CREATE_FAILED", "Resource creation cancelled", "", -0.4 if self.number % 2 else 0.1)

    def unmake(self, retained: bool) -> None:
        """The database goes last, and stays."""
        for name in ("Trail", "WatchedTopic"):
            self.row(name, "DELETE_COMPLETE")
        for name in ("Key", "BucketPolicy", "Bucket"):
            if retained:
                self.row(name, "DELETE_SKIPPED", "", self.physical[name])
                continue
            self.row(name, "DELETE_IN_PROGRESS", "", self.physical[name])
            self.row(name, "DELETE_COMPLETE", "", self.physical[name])
        self.row("AuditedDatabase", "DELETE_IN_PROGRESS", "", self.database)
        self.refuse(
            "AuditedDatabase", "DELETE_FAILED", "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )

    def refuse(self, logical_id: str, status: str, message: str) -> None:
        inner = f"{message} (Service: Rds, Status Code: 400, Request ID: {uuid.uuid4()})"
        reason = f'Resource handler returned message: "{inner}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: InvalidRequest)'
        self.row(logical_id, status, reason, self.physical[logical_id])

    def record(self) -> dict[str, Any]:
        """What CloudTrail's event history keeps of the failed CreateTrail, with the exception's name that the handler drops."""
        when = next(
            e["Timestamp"] for e in self.story.events[::-1] if e["ResourceStatus"] == "CREATE_FAILED" and e["LogicalResourceId"] == "Trail"
        )
        called = {
            "eventName": "CreateTrail",
            "eventSource": "cloudtrail.amazonaws.com",
            "eventTime": when.isoformat(),
            "readOnly": False,
            "requestID": self.request,
        }
        failed = {
            "errorCode": "InsufficientEncryptionPolicyException",
            "errorMessage": f"Insufficient permissions to access S3 bucket {self.bucket} or KMS key {self.key}",
        }
        by = {
            "userIdentity": {"type": "AssumedRole", "invokedBy": "cloudformation.amazonaws.com"},
            "sourceIPAddress": "cloudformation.amazonaws.com",
        }
        return (
            called
            | failed
            | by
            | {"requestParameters": {"name": f"{self.story.name}-trail", "s3BucketName": self.bucket, "kmsKeyId": self.key}}
        )

    def stands(self, evidence: str) -> None:
        """What can still be read of this attempt."""
        world = self.story.world
        if evidence == "there":
            world.bucket(self.bucket, policy=self.bucket_policy)
        if evidence in ("there", "pending"):
            pending = {"state": "PendingDeletion", "deletion_date": self.story.now + timedelta(days=30)}
            world.key(self.key_id, policy=self.key_policy, **(pending if evidence == "pending" else {}))
        instance = {
            "DBInstanceIdentifier": self.database,
            "DBInstanceStatus": "available",
            "Engine": "postgres",
            "DeletionProtection": True,
        }
        world.answer("rds:DescribeDBInstances", {"DBInstances": [instance]}, DBInstanceIdentifier=self.database)

    def left(self, *names: str, status: str) -> list[dict[str, str]]:
        """Rows of ListStackResources."""
        return [
            {"LogicalResourceId": n, "PhysicalResourceId": self.physical[n], "ResourceType": TYPES[n], "ResourceStatus": status}
            for n in names
        ]

    def told(self, status: str) -> Told:
        return Told(self.story.name, self.story.arn, self.key, self.bucket, self.database, status)


def hours() -> Iterator[datetime]:
    return (BEGAN + timedelta(hours=n) for n in range(ATTEMPTS))


def failed(verb: str, *names: str) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]. "


def four_stacks(world: World, name: str = "audit", *, operation_ids: bool = True, tokens: bool = True, evidence: str = "pending") -> Told:
    for number, at in enumerate(hours(), 1):
        story = Story(world, name, at, operation_ids=operation_ids, tokens=tokens)
        attempt = Attempt(story, number)
        story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        attempt.make(*MADE)
        attempt.fail()
        story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", failed("create", "Trail", "WatchedTopic") + "Rollback requested by user.")
        attempt.unmake(evidence == "there")
        story.own("ROLLBACK_FAILED", failed("delete", "AuditedDatabase").strip())
        world.history([attempt.record()])
        if number < ATTEMPTS:
            story.begin("DELETE_STACK", "DELETE_IN_PROGRESS")
            attempt.row("AuditedDatabase", "DELETE_IN_PROGRESS", "", attempt.database)
            attempt.row("AuditedDatabase", "DELETE_COMPLETE", "", attempt.database, 300)
            story.own("DELETE_COMPLETE")
            story.tell("DELETE_COMPLETE")
    attempt.stands(evidence)
    story.tell(
        "ROLLBACK_FAILED",
        StackStatusReason=failed("delete", "AuditedDatabase").strip(),
        resources=attempt.left("AuditedDatabase", status="DELETE_FAILED"),
    )
    return attempt.told("ROLLBACK_FAILED")


def four_updates(world: World, name: str = "audit", *, operation_ids: bool = True, tokens: bool = True, evidence: str = "pending") -> Told:
    story = Story(world, name, BEGAN - timedelta(days=40), operation_ids=operation_ids, tokens=tokens)
    created(story)
    for number, at in enumerate(hours(), 1):
        story.now, attempt = at, Attempt(story, number)
        story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        attempt.make(*MADE)
        attempt.fail()
        story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", failed("create", "Trail", "WatchedTopic"))
        story.own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        attempt.unmake(evidence == "there")
        story.own("UPDATE_ROLLBACK_COMPLETE")
        world.history([attempt.record()])
    attempt.stands(evidence)
    story.tell("UPDATE_ROLLBACK_COMPLETE", resources=first(story))
    return attempt.told("UPDATE_ROLLBACK_COMPLETE")


def four_continued_updates(
    world: World, name: str = "audit", *, operation_ids: bool = True, tokens: bool = True, evidence: str = "there"
) -> Told:
    """The database stands from the first attempt on; every update enlarges it, and no rollback can make it smaller again."""
    story = Story(world, name, BEGAN - timedelta(days=40), operation_ids=operation_ids, tokens=tokens)
    created(story)
    base = Attempt(story, 0)
    for number, at in enumerate(hours(), 1):
        story.now, attempt = at, Attempt(story, number)
        attempt.database = attempt.physical["AuditedDatabase"] = base.database
        story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        attempt.row("AuditedDatabase", "UPDATE_IN_PROGRESS", "", base.database)
        attempt.row("AuditedDatabase", "UPDATE_COMPLETE", "", base.database)
        attempt.make("Key", "Bucket", "BucketPolicy")
        attempt.fail()
        story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", failed("create", "Trail", "WatchedTopic"))
        for again in range(3):
            if again:
                story.begin("CONTINUE_ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS")
            if again == 2 and number < ATTEMPTS:
                attempt.row("AuditedDatabase", "UPDATE_COMPLETE", "Resource rollback skipped by user", base.database)
                story.own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
                story.own("UPDATE_ROLLBACK_COMPLETE")
                continue
            attempt.row("AuditedDatabase", "UPDATE_IN_PROGRESS", "", base.database)
            attempt.refuse("AuditedDatabase", "UPDATE_FAILED", "Requested size must be greater than current size.")
            story.own("UPDATE_ROLLBACK_FAILED", failed("update", "AuditedDatabase").strip())
        world.history([attempt.record()])
    attempt.stands(evidence)
    story.tell(
        "UPDATE_ROLLBACK_FAILED",
        StackStatusReason=failed("update", "AuditedDatabase").strip(),
        resources=attempt.left("AuditedDatabase", status="UPDATE_FAILED"),
    )
    return attempt.told("UPDATE_ROLLBACK_FAILED")


def created(story: Story) -> None:
    """Long ago, and without the trail."""
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("FirstTopic", "AWS::SNS::Topic", "CREATE_IN_PROGRESS")
    story.add("FirstTopic", "AWS::SNS::Topic", "CREATE_COMPLETE", "arn:aws:sns:us-east-1:111122223333:first")
    story.own("CREATE_COMPLETE")


def first(story: Story) -> list[dict[str, str]]:
    made = story.events[2]
    return [{k: made[k] for k in ("LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus")}]


def printed(world: World, arn: str) -> str:
    """What `aws cloudformation describe-stack-events --stack-name ARN` prints."""
    rows = [e | {"Timestamp": e["Timestamp"].isoformat()} for e in world.stacks[arn]["events"][::-1]]
    return json.dumps({"StackEvents": rows}, indent=4)
