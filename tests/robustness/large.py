"""Large accounts, made in memory: long histories, many children, deep nests, big policies."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from lab.attempts import Story
from lab.world import BEGAN, World

from stackdoctor.answers import event_from, stack_from
from stackdoctor.model import StackHistory

STACK = "AWS::CloudFormation::Stack"
REASON = (
    'Resource handler returned message: "Invalid request provided: Insufficient permissions to access S3 bucket {bucket} or KMS key {key} '
    '(Service: CloudTrail, Status Code: 400, Request ID: {request})" (RequestToken: {request}, HandlerErrorCode: InvalidRequest)'
)


def failing(story: Story, bucket: str = "logs", key: str = "arn:aws:kms:us-east-1:111122223333:key/k") -> None:
    """The trail that fails, as in the born-from incident."""
    properties = {"S3BucketName": bucket, "KMSKeyId": key, "TrailName": "t"}
    reason = REASON.format(bucket=bucket, key=key, request=uuid.uuid4())
    story.add("Trail", "AWS::CloudTrail::Trail", "CREATE_IN_PROGRESS", properties=properties)
    story.add("Trail", "AWS::CloudTrail::Trail", "CREATE_FAILED", reason=reason, properties=properties)


def busy(story: Story, resources: int, events: int, start: int = 0) -> None:
    """Resources that are updated, and are well."""
    for number in range(start, start + events):
        name = f"Topic{number % resources}"
        status = "UPDATE_COMPLETE" if number % 2 else "UPDATE_IN_PROGRESS"
        story.add(
            name, "AWS::SNS::Topic", status, f"arn:aws:sns:us-east-1:111122223333:{name}", properties={"TopicName": name}, seconds=0.1
        )


def retried(world: World, *, resources: int = 500, attempts: int = 40, events: int = 100_000) -> Story:
    """A stack that was updated again and again, and rolled back every time."""
    story = Story(world, "large", BEGAN - timedelta(days=80), operation_ids=True, tokens=True)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.own("CREATE_COMPLETE")
    half = (events // attempts - 6) // 2
    for attempt in range(attempts):
        story.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        busy(story, resources, half, attempt)
        failing(story)
        story.begin("ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Trail]. ")
        busy(story, resources, half, attempt)
        story.own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        story.own("UPDATE_ROLLBACK_COMPLETE")
    return story


def in_memory(story: Story, status: str = "UPDATE_ROLLBACK_COMPLETE") -> StackHistory:
    """A story as collect would give it."""
    rows = [event | {"Timestamp": event["Timestamp"].isoformat()} for event in story.events[::-1]]
    stack: dict[str, Any] = {"StackName": story.name, "StackId": story.arn, "StackStatus": status}
    return StackHistory(stack_from(stack), tuple(map(event_from, rows)))


def nested(world: World, *, levels: int = 6, children: int = 200) -> str:
    """A stack with many nested stacks, one of which holds another one and so on, down to the trail that fails. The root's ARN."""

    def made(name: str, level: int, parent: str, at: Any) -> Story:
        story = Story(world, name, at, operation_ids=True, tokens=True)
        more = {"ParentId": parent, "RootId": root} if parent else {}
        story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        if level == levels:
            failing(story)
            names = "Trail"
        else:
            for number in range(children if level == 1 else 1):
                well = f"arn:aws:cloudformation:us-east-1:{world.account}:stack/{name}-Well{number}-X/{uuid.uuid4()}"
                story.add(f"Well{number}", STACK, "CREATE_IN_PROGRESS", well, seconds=0.1)
            below = made(f"{name}-Next-X", level + 1, story.arn, story.now)
            story.add("Next", STACK, "CREATE_IN_PROGRESS", below.arn)
            story.now = max(story.now, below.now)
            for number in range(children if level == 1 else 1):
                story.add(f"Well{number}", STACK, "CREATE_FAILED", reason="Resource creation cancelled", seconds=0.01)
            said = f"Embedded stack {below.arn} was not successfully created: The following resource(s) failed to create: [Trail]. "
            story.add("Next", STACK, "CREATE_FAILED", below.arn, said)
            names = "Next"
        story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: [{names}]. ")
        story.own("ROLLBACK_COMPLETE")
        story.tell("ROLLBACK_COMPLETE", **more)
        return story

    root = f"arn:aws:cloudformation:us-east-1:{world.account}:stack/deep/{uuid.uuid4()}"
    return made("deep", 1, "", BEGAN).arn


def big_policy(size: int = 20_000, *, last: dict[str, Any] | None = None) -> dict[str, Any]:
    """A policy of about `size` bytes, with the statement that counts at its end."""
    statements: list[dict[str, Any]] = []
    while len(json.dumps(statements)) < size - 400:
        number = len(statements)
        statements.append(
            {
                "Sid": f"Team{number}",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::1111222233{number % 100:02}:role/team-{number}"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringLike": {"kms:EncryptionContext:team": [f"team-{number}-*"]}, "Bool": {"aws:SecureTransport": "true"}},
            }
        )
    return {"Version": "2012-10-17", "Statement": [*statements, *([last] if last else [])]}
