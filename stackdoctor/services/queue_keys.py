"""AWS::SQS::Queue and AWS::SNS::Topic with a key: the queue or topic itself needs nothing of it when it is made.

The services that send to it do: each asks GenerateDataKey and Decrypt under its own principal, and fails in its own
resource (a bucket's notifications, a trail's topic), whose service file asks for the queue's or topic's key. Here the
producers are those that the stack's own queue and topic policies let in; what they lack is worth a note.
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stackdoctor.model import JSON
from stackdoctor.policy.request import UNKNOWN, Knowledge
from stackdoctor.services.base import Blocking, Constraint, Facts, Needed, Resource, Service, Target, Use, allow, key_request, texts_at

ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
POLICIES = {"AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues[]"), "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics[]")}
PAGES = {
    "AWS::SQS::Queue": "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html",
    "AWS::SNS::Topic": "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
}


def producers(resource: Resource) -> tuple[str, ...]:
    """The service principals that the stack's policies of this queue or topic let in."""
    return tuple(dict.fromkeys(_producers(resource)))


def _producers(resource: Resource) -> Iterator[str]:
    kind, where = POLICIES[resource.type]
    for neighbour in resource.neighbours:
        if neighbour.type != kind or resource.physical_id not in texts_at(neighbour.properties, where):
            continue
        for path in ("PolicyDocument.Statement[].Principal.Service", "PolicyDocument.Statement[].Principal.Service[]"):
            yield from texts_at(neighbour.properties, path)


def _key(resource: Resource) -> str:
    key = resource.text("KmsMasterKeyId")
    return "" if key.startswith("alias/aws/") else key


def _needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
    key, page = _key(resource), PAGES[resource.type]
    context: dict[str, Knowledge] = dict.fromkeys(("aws:SourceArn", "aws:SourceAccount", "kms:ViaService"), UNKNOWN)
    return tuple(
        Needed(
            key_request(principal, action, key, facts, resource.scope, context),
            Target.KEY,
            key,
            Blocking.NO,
            f"{principal} sends to it encrypted with the key",
            page,
        )
        for principal in (producers(resource) if key else ())
        for action in ACTIONS
    )


def _minimal(resource: Resource, _facts: Facts, _target: Target, _ref: str) -> tuple[dict[str, JSON], ...]:
    """AWS's statement, one for each producer."""
    return tuple(
        allow(f"Allow{who.partition('.')[0].title()}", who, ("kms:GenerateDataKey*", "kms:Decrypt"), "*") for who in producers(resource)
    )


def _service(kind: str, calls: tuple[str, ...]) -> Service:
    return Service(
        resource_types=(kind,),
        principal="",
        uses=lambda resource: (Use(Target.KEY, _key(resource), "KmsMasterKeyId"),) if _key(resource) else (),
        needed=_needed,
        documentation=(PAGES[kind],),
        minimal=_minimal,
        api_calls=calls,
        constraints=frozenset({Constraint.KEY_SYMMETRIC}),
    )


SERVICES = (
    _service("AWS::SQS::Queue", ("CreateQueue", "SetQueueAttributes")),
    _service("AWS::SNS::Topic", ("CreateTopic", "SetTopicAttributes")),
)
