"""Incidents of CloudTrail, Config and VPC flow logs whose policies are AWS's documented ones, spoilt at random.

A `Spoiled` holds the incident and, apart from the product, what the service asks (`needed`) and what nobody may get (`foreign`).
"""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

from incidents.account import CLOUDTRAIL, FULL_CONTROL, STRANGER, Account, Json, Where
from incidents.service_stories import ACCOUNT, BUCKET, BUCKET_ARN, LOGS, REGION, by, delivery, handler
from lab import attempts
from lab.world import BEGAN, World
from policy.second import Ask

CONFIG = "config.amazonaws.com"
UNRELATED = (
    {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Backup"},
    {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/Audit"]},
    {"Service": "backup.amazonaws.com"},
)


@dataclass
class Spoiled:
    """`documents` are the policies as they were met, by kind of fix; `ours` whom the incident is about."""

    world: World
    stack: str
    documents: dict[str, Json]
    ours: str
    source: dict[str, str]
    needed: dict[str, list[Ask]] = field(default_factory=dict)

    def foreign(self, kind: str) -> list[Ask]:
        """The service's requests made for others, by others and for other ends. What AWS's own policies leave open is not among them."""
        out: list[Ask] = []
        for ask in self.needed[kind]:
            if ask.action not in {"kms:DescribeKey", "kms:Decrypt"}:
                out.append(replace(ask, context=moved(ask.context, ACCOUNT, STRANGER), few=moved(ask.few, ACCOUNT, STRANGER)))
            bare = {key: value for key, value in ask.context.items() if not key.lower().startswith(("aws:", "kms:"))}
            theirs = {**bare, "aws:SecureTransport": ("true",), "aws:PrincipalIsAWSService": ("true",)}
            out += [replace(ask, principal=name, context=theirs, few={}) for name in ("ec2.amazonaws.com", "stranger.amazonaws.com")]
            alone = {**bare, "aws:SecureTransport": ("true",), "aws:PrincipalIsAWSService": ("false",)}
            for name in ("*", f"arn:aws:iam::{STRANGER}:role/foreign", f"arn:aws:iam::{STRANGER}:root"):
                out.append(replace(ask, principal=name, context=alone, few={}))
            for action in OTHER_ENDS[kind]:
                out.append(replace(ask, action=action))
        return out


OTHER_ENDS = {
    "bucket-policy": ("s3:GetObject", "s3:DeleteObject", "s3:PutBucketPolicy", "s3:PutObjectAcl"),
    "key-policy": ("kms:CreateGrant", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Encrypt"),
}


def moved(context: Any, own: str, other: str) -> Any:
    """The context with every account id replaced by another."""
    return {key: json_tuple(json.loads(json.dumps(value).replace(own, other))) for key, value in context.items()}


def json_tuple(value: Any) -> Any:
    return tuple(json_tuple(item) for item in value) if isinstance(value, list) else value


# ------------------------------------------------------------------------------------------------- the three incidents
def carried(service: str, source: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """What every call of a service for itself carries: the Global condition keys page, and the source it acts for."""
    known = {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": service, "aws:SecureTransport": "true"}
    known |= {"aws:ViaAWSService": "false", **source}
    return {key: (value,) for key, value in known.items()} | {"aws:PrincipalServiceNamesList": (service,)}


def cloudtrail(chance: random.Random) -> Spoiled:
    account = Account(merged=chance.random() < 0.5)
    documents = {"key-policy": account.key_policy, "bucket-policy": account.bucket_policy}
    for document in documents.values():
        spoil(chance, document, CLOUDTRAIL, account.trail_arn)
    world = World(account.account, account.region, account.partition)
    arn = account.happen(world, Where.BESIDE, "both")
    source = {"aws:SourceArn": account.trail_arn, "aws:SourceAccount": ACCOUNT}
    known = carried(CLOUDTRAIL, source)
    header = {"s3:x-amz-acl": (FULL_CONTROL,), "s3:x-amz-server-side-encryption": ("aws:kms",)}
    place = f"{account.bucket_arn}/{account.folder}/CloudTrail/{account.region}/2026/11/25/log.json.gz"
    sealed = {"kms:EncryptionContext:aws:cloudtrail:arn": (account.trail_arn,)}
    via = {"kms:ViaService": (None, (f"s3.{account.region}.amazonaws.com",))}
    maybe = ("aws:SourceIp", "aws:SourceOrgID", "aws:SourceOrgPaths")
    made = Spoiled(world, arn, copy.deepcopy(documents), CLOUDTRAIL, source)
    made.needed["bucket-policy"] = [
        Ask(CLOUDTRAIL, "s3:GetBucketAcl", account.bucket_arn, ACCOUNT, known, {}, maybe),
        Ask(CLOUDTRAIL, "s3:PutObject", place, ACCOUNT, known | header, {}, maybe),
    ]
    made.needed["key-policy"] = [
        Ask(CLOUDTRAIL, "kms:GenerateDataKey", account.key_arn, ACCOUNT, known | sealed, via, maybe),
        Ask(CLOUDTRAIL, "kms:DescribeKey", account.key_arn, ACCOUNT, known, via, maybe),
    ]
    return made


def config(chance: random.Random) -> Spoiled:
    """https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html"""
    ours = {"StringEquals": {"AWS:SourceAccount": ACCOUNT}}
    write = {"StringEquals": {"s3:x-amz-acl": FULL_CONTROL, "AWS:SourceAccount": ACCOUNT}}
    document = Account.policy(
        by(CONFIG, "s3:GetBucketAcl", BUCKET_ARN, ours, "AWSConfigBucketPermissionsCheck"),
        by(CONFIG, "s3:ListBucket", BUCKET_ARN, copy.deepcopy(ours), "AWSConfigBucketExistenceCheck"),
        by(CONFIG, "s3:PutObject", f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/Config/*", write, "AWSConfigBucketDelivery"),
    )
    spoil(chance, document, CONFIG, "")
    reason = (
        f"Insufficient delivery policy to s3 bucket: {BUCKET}, unable to write to bucket, provided s3 key prefix is 'null'. (Service: "
        "AmazonConfig; Status Code: 400; Error Code: InsufficientDeliveryPolicyException; Request ID: 6a1f0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)"
    )
    made = beside(document, "AWS::Config::DeliveryChannel", {"S3BucketName": BUCKET}, reason, CONFIG, {"aws:SourceAccount": ACCOUNT})
    maybe = {"aws:SourceArn": ((f"arn:aws:config:{REGION}:{ACCOUNT}:x",), (f"arn:aws:config:{REGION}:{ACCOUNT}:recorder/y",))}
    known = carried(CONFIG, made.source) | {"s3:x-amz-acl": (FULL_CONTROL,)}
    where = f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/Config/{REGION}/2026/11/25/x.json.gz"
    made.needed["bucket-policy"] = [Ask(CONFIG, "s3:PutObject", where, ACCOUNT, known, maybe)]
    return made


def flow_log(chance: random.Random) -> Spoiled:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html"""
    document = Account.policy(*copy.deepcopy(delivery()))
    spoil(chance, document, LOGS, "")
    properties = {"LogDestinationType": "s3", "LogDestination": BUCKET_ARN, "ResourceId": "vpc-0a1b2c3d", "ResourceType": "VPC"}
    reason = handler("Ec2", f"Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission")
    made = beside(document, "AWS::EC2::FlowLog", {**properties, "TrafficType": "ALL"}, reason, LOGS, {"aws:SourceAccount": ACCOUNT})
    maybe = {"aws:SourceArn": ((f"arn:aws:logs:{REGION}:{ACCOUNT}:x",), (f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-source:y",))}
    known = carried(LOGS, made.source)
    where = f"{BUCKET_ARN}/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2026/11/25/x.log.gz"
    made.needed["bucket-policy"] = [
        Ask(LOGS, "s3:GetBucketAcl", BUCKET_ARN, ACCOUNT, known, maybe),
        Ask(LOGS, "s3:PutObject", where, ACCOUNT, known | {"s3:x-amz-acl": (FULL_CONTROL,)}, maybe),
    ]
    return made


def beside(document: Json, kind: str, properties: Json, reason: str, ours: str, source: dict[str, str]) -> Spoiled:
    """The bucket stands beside the stack; one resource of this kind fails to be created."""
    world = World(ACCOUNT, REGION)
    world.bucket(BUCKET, policy=document)
    story = attempts.Story(world, "team", BEGAN, operation_ids=True, tokens=True)
    story.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
    story.add("Failing", kind, "CREATE_IN_PROGRESS")
    story.add("Failing", kind, "CREATE_FAILED", "", reason, properties)
    story.begin("ROLLBACK", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Failing]. Rollback requested by user.")
    story.own("ROLLBACK_COMPLETE")
    template = {"Resources": {"Failing": {"Type": kind, "Properties": properties}}}
    world.stack("team", "ROLLBACK_COMPLETE", story.events, arn=story.arn, template=template)
    return Spoiled(world, "team", {"bucket-policy": copy.deepcopy(document)}, ours, source)


INCIDENTS = {"cloudtrail": cloudtrail, "config": config, "flow-log": flow_log}


# ------------------------------------------------------------------------------------------------- what goes wrong
def spoil(chance: random.Random, document: Json, service: str, source_arn: str) -> None:
    """Up to three mistakes in the service's own statements, a Deny now and then, and statements that are nobody's business."""
    own = [s for s in document["Statement"] if s["Principal"] == {"Service": service}]
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        chance.choice(MISTAKES)(chance, document, chance.choice(own), source_arn)
    if chance.random() < 0.3:
        document["Statement"].append(_deny(chance, document))
    for number in range(chance.randrange(3)):
        at = chance.randrange(len(document["Statement"]) + 1)
        document["Statement"].insert(at, _unrelated(chance, document, number))


def _resource(document: Json) -> Any:
    text = json.dumps(document)
    return "*" if "kms:" in text else next(s["Resource"] for s in document["Statement"] if str(s["Resource"]).startswith("arn:"))


def _deny(chance: random.Random, document: Json) -> Json:
    clause = chance.choice((
        ("StringNotEquals", "aws:PrincipalOrgID", "o-abcdefgh12"), ("StringNotEqualsIfExists", "aws:SourceVpce", "vpce-1"),
        ("Bool", "aws:SecureTransport", "false"), ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8"]), ("Null", "aws:PrincipalOrgID", True),
        ("ArnNotLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/Admin"), ("StringNotEquals", "aws:SourceAccount", STRANGER),
    ))  # fmt: skip
    action = "kms:*" if "kms:" in json.dumps(document) else "s3:*"
    made = {"Sid": "Perimeter", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}
    return {**made, "Condition": {clause[0]: {clause[1]: clause[2]}}}


def _unrelated(chance: random.Random, document: Json, number: int) -> Json:
    action = chance.choice(("kms:Decrypt", ["kms:DescribeKey", "kms:CreateGrant"])) if "kms:" in json.dumps(document) else "s3:GetObject"
    made = {"Condition": {"Bool": {"aws:SecureTransport": chance.choice((True, "true"))}}, "Action": action, "Effect": "Allow"}
    return {"Sid": f"Unrelated{number}", **made, "Resource": _resource(document), "Principal": copy.deepcopy(chance.choice(UNRELATED))}


def _misspelt(chance: random.Random, _document: Json, statement: Json, _arn: str) -> None:
    name = statement["Principal"].get("Service", CONFIG) if isinstance(statement["Principal"], dict) else CONFIG
    at = chance.randrange(1, 4)
    statement["Principal"] = (
        {"Service": name[:at] + name[at + 1] + name[at] + name[at + 2 :]} if isinstance(name, str) else {"Service": CONFIG}
    )


def _other_principal(chance: random.Random, _document: Json, statement: Json, _arn: str) -> None:
    statement["Principal"] = chance.choice(({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"Service": "ssm.amazonaws.com"}, {"AWS": ACCOUNT}))


def _action(chance: random.Random, _document: Json, statement: Json, _arn: str) -> None:
    kms = "kms" in str(statement["Action"])
    statement["Action"] = chance.choice(
        ("kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt") if kms else ("s3:GetObject", "s3:PutObjct", "s3:List*")
    )


def _path(chance: random.Random, _document: Json, statement: Json, _arn: str) -> None:
    if str(statement["Resource"]).endswith("/*"):
        bucket, _, path = statement["Resource"].partition("/")
        statement["Resource"] = chance.choice((f"{bucket}/old/{path}", f"{bucket}/{path.replace(ACCOUNT, STRANGER)}", f"{bucket}x/{path}"))


def _drop_clause(chance: random.Random, _document: Json, statement: Json, _arn: str) -> None:
    statement.pop("Condition", None)


def _drop_statement(chance: random.Random, document: Json, statement: Json, _arn: str) -> None:
    if len(document["Statement"]) > 1 and statement in document["Statement"]:
        document["Statement"].remove(statement)


def _clause(chance: random.Random, _document: Json, statement: Json, arn: str) -> None:
    wrong = arn or f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery:x"
    operator, key, value = chance.choice((
        ("StringEquals", "aws:SourceAccount", STRANGER), ("StringEquals", "aws:SourceArn", wrong.replace(ACCOUNT, STRANGER)),
        ("StringEquals", "aws:SourceArn", wrong[:-1]), ("StringEquals", "aws:SourceArn", wrong.rpartition("/")[0] + "/*"),
        ("ArnLike", "aws:SourceArn", wrong.replace(":" + ACCOUNT, ":" + STRANGER)), ("StringEquals", "aws:PrincipalOrgID", "o-abcdefgh12"),
        ("StringEquals", "aws:SourceVpce", "vpce-1"), ("StringEquals", "s3:x-amz-acl", "private"), ("StringLike", "kms:ViaService", "cloudtrail.*"),
        ("StringEquals", "kms:EncryptionContext:aws:cloudtrail:arn", "*"), ("Null", "aws:SourceAccount", "true"),
        ("ForAnyValue:StringEquals", "aws:CalledVia", CLOUDTRAIL),
    ))  # fmt: skip
    statement.setdefault("Condition", {}).setdefault(operator, {})[key] = value


MISTAKES = (_misspelt, _other_principal, _action, _path, _drop_clause, _drop_statement, _clause, _clause, _clause, _clause)
