"""The incidents: what is deployed, how it ends, and what a diagnosis has to find. The templates' comments tell each story.

`happen(aws, incident, stack)` makes one happen in a MiniStack; `correct(incident)` is the template with its fault taken out,
which is how the lab's own tests prove that the named fault is the only one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab import deploy

ACCOUNT = "arn:aws:iam::111122223333:root"
ELSEWHERE = "eu-west-1"
DATABASE, TABLE, CLUSTER = "AuditedDatabase", "AccountsTable", "AuditedCluster"
VIA, SOURCE = ("StringEquals", "kms:ViaService"), ("StringEquals", "aws:SourceArn")


@dataclass(frozen=True)
class Incident:
    """`root` is the logical id of the root cause, in the nested stack `inside` if given; `action` was denied by `at_fault`, the logical id
    (or parameter) whose policy or state is wrong. `statement` and `clause` (operator, key) are None where no statement or no condition
    is at fault. `fault` maps wrong text of the template to right text. `parameters` are the values that `prepare` makes.
    """

    name: str
    fault: Mapping[str, str]
    action: str | None = "kms:GenerateDataKey"
    at_fault: str = "Key"
    blockers: tuple[str, ...] = (DATABASE,)
    root: str = "Trail"
    statement: int | None = None
    clause: tuple[str, str] | None = None
    inside: str | None = None
    cancelled: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    status: str = "ROLLBACK_FAILED"

    @property
    def denied_by(self) -> str | None:
        """kms, s3 or other (a queue); None where nothing was denied."""
        service = (self.action or "").partition(":")[0]
        return service if service in ("kms", "s3") else "other" if service else None

    @property
    def updates(self) -> bool:
        """Whether a working stack has to be there before."""
        return self.status.startswith("UPDATE_")

    @property
    def failing(self) -> str:
        """The template whose deployment fails."""
        return f"{self.name}.next" if self.updates else self.name

    @property
    def faulty(self) -> str:
        """The template that holds the fault."""
        return f"{self.name}.child" if self.inside else self.failing


CONTEXT = ("StringLike", "kms:EncryptionContext:aws:cloudtrail:arn")
VIA_SERVICE = {"kms:ViaService: !Sub cloudtrail.${AWS::Region}.amazonaws.com": ""}
ANYTHING = {"Effect": "Allow", "Principal": "*", "Resource": "*"}


def opened(line: str, action: str, resource: str = '"*"') -> dict[str, str]:
    """A statement that allows everybody the action, put before `line`: enough for the lab to prove that nothing else is missing."""
    indent = " " * (len(line) - len(line.lstrip()))
    rows = ["- Effect: Allow", '  Principal: "*"', f'  Action: "{action}"', f"  Resource: {resource}"]
    return {line: "\n".join(indent + r for r in rows) + "\n" + line}


OPEN_KEY = opened("          - Sid: EnableRootAccess", "kms:*")

INCIDENTS = (
    Incident("cloudtrail-kms-viaservice", VIA_SERVICE, statement=1, clause=VIA, cancelled=("WatchedTopic",)),
    Incident("cloudtrail-kms-viaservice-retained", VIA_SERVICE, statement=1, clause=VIA, cancelled=("WatchedTopic",)),
    Incident("context-of-another-account", {"999988887777": "${AWS::AccountId}"}, blockers=(CLUSTER,), statement=1, clause=CONTEXT),
    Incident(
        "source-arn-of-another-trail",
        {"trail/management-events": "trail/${AWS::StackName}-trail"},
        "s3:GetBucketAcl",
        "Bucket",
        (TABLE,),
        statement=0,
        clause=SOURCE,
    ),
    Incident(
        "wildcard-under-string-equals", {"StringEquals": "StringLike"}, "s3:GetBucketAcl", "Bucket", (TABLE,), statement=0, clause=SOURCE
    ),
    Incident(
        "no-acl-check", opened("          - Sid: AWSCloudTrailWrite", "s3:GetBucketAcl", "!GetAtt Bucket.Arn"), "s3:GetBucketAcl", "Bucket"
    ),
    Incident("prefix-not-in-the-path", {"${Bucket.Arn}/AWSLogs": "${Bucket.Arn}/audit/org/AWSLogs"}, "s3:PutObject", "Bucket", statement=1),
    Incident(
        "deny-outside-the-organization",
        {"aws:PrincipalOrgID: o-abcde12345": "aws:PrincipalIsAWSService: 'true'"},
        "s3:GetBucketAcl",
        "Bucket",
        (TABLE,),
        statement=2,
        clause=("StringNotEquals", "aws:PrincipalOrgID"),
    ),
    Incident(
        "deny-outside-the-endpoint",
        {"aws:SourceVpce: vpce-0a1b2c3d4e5f67890": "aws:PrincipalIsAWSService: 'true'"},
        "s3:PutObject",
        "Bucket",
        statement=0,
        clause=("StringNotEquals", "aws:SourceVpce"),
    ),
    Incident("key-for-the-root-only", OPEN_KEY),
    Incident("key-action-misspelt", {"GenerateDatakeys": "GenerateDataKey*"}, blockers=(TABLE,), statement=1),
    Incident("principal-misspelt", {"cloudtrails.": "cloudtrail."}, blockers=(CLUSTER,), statement=1),
    Incident(
        "no-depends-on",
        {"Type: AWS::CloudTrail::Trail": "Type: AWS::CloudTrail::Trail\n    DependsOn: TrailBucketPolicy"},
        "s3:GetBucketAcl",
        "Bucket",
        cancelled=("TrailBucketPolicy",),
    ),
    Incident("bucket-key-without-decrypt", OPEN_KEY, "kms:Decrypt", blockers=(TABLE,)),
    Incident("key-disabled", {"Enabled: false": "Enabled: true"}),
    Incident(
        "log-group-key-of-another-region",
        {"logs.eu-central-1.amazonaws.com": "!Sub logs.${AWS::Region}.amazonaws.com"},
        "kms:Encrypt",
        blockers=(TABLE,),
        root="LogGroup",
        statement=1,
    ),
    Incident("bucket-left-full", OPEN_KEY, "kms:Encrypt", blockers=("Bucket",), root="ZoneLogGroup"),
    Incident(
        "delivery-channel-without-write",
        {"${Bucket.Arn}/old/": "${Bucket.Arn}/"},
        "s3:PutObject",
        "Bucket",
        (TABLE,),
        "DeliveryChannel",
        statement=1,
    ),
    Incident(
        "flow-log-of-another-account",
        {'"999988887777"': "!Ref AWS::AccountId", "999988887777": "${AWS::AccountId}"},
        "s3:GetBucketAcl",
        "Bucket",
        root="TrafficLog",
        statement=0,
        clause=("StringEquals", "aws:SourceAccount"),
    ),
    Incident(
        "queue-closed-to-s3",
        {"arn:aws:s3:::uploads-old": "!Sub arn:aws:s3:::${AWS::StackName}-uploads"},
        "sqs:SendMessage",
        "Queue",
        (TABLE,),
        "UploadBucket",
        statement=0,
        clause=("ArnLike", "aws:SourceArn"),
    ),
    Incident("key-in-another-region", {}, None, "KeyArn", (TABLE,), parameters=("KeyArn",)),
    Incident("short-forms-and-anchors", {"cloudtrail:eu-west-1:": "cloudtrail:*:"}, blockers=(TABLE,), statement=1, clause=CONTEXT),
    Incident(
        "plain-json",
        {'"private"': '"bucket-owner-full-control"'},
        "s3:PutObject",
        "Bucket",
        statement=1,
        clause=("StringEquals", "s3:x-amz-acl"),
    ),
    Incident(
        "cdk-synthesized",
        {
            '"Statement": [\n      {\n       "Action": "kms:*"': '"Statement": [\n'
            + json.dumps(ANYTHING | {"Action": "kms:*"})
            + ',\n      {\n       "Action": "kms:*"'
        },
        at_fault="AuditKey7A4CC0F1",
        blockers=("AccountsTable3F5A1D2B",),
        root="AuditTrailFF0F2BB5",
        cancelled=("CDKMetadata",),
    ),
    Incident("nested-child-fails", OPEN_KEY, blockers=(TABLE,), inside="AuditStack", parameters=("ChildTemplate",)),
    Incident("update-breaks-the-trail", VIA_SERVICE, blockers=(), statement=1, clause=VIA, status="UPDATE_ROLLBACK_COMPLETE"),
    Incident(
        "update-rollback-stuck",
        {},
        at_fault="NextKeyArn",
        blockers=("DataTrail",),
        root="EventTrail",
        statement=1,
        clause=SOURCE,
        parameters=("KeyArn", "NextKeyArn"),
        status="UPDATE_ROLLBACK_FAILED",
    ),
)
BY_NAME = {i.name: i for i in INCIDENTS}


def correct(incident: Incident) -> str:
    """The faulty template with its one fault taken out."""
    text = deploy.text(incident.faulty)
    for wrong, right in incident.fault.items():
        if wrong not in text:
            raise LookupError(f"{incident.name}: {wrong!r} is not in the template")
        text = text.replace(wrong, right)
    return text


def happen(aws: Any, incident: Incident, stack: str) -> str:
    """Makes the incident happen under this stack name and returns the status it ends in."""
    cfn, parameters = aws.client("cloudformation"), prepare(aws, incident, stack)
    if not incident.updates:
        return deploy.deploy(cfn, stack, incident.name, parameters)
    before = {k: v for k, v in parameters.items() if k != "NextKeyArn"}
    if (begun := deploy.deploy(cfn, stack, incident.name, before)) != "CREATE_COMPLETE":
        return begun
    if "KeyArn" in parameters:
        aws.client("kms").put_key_policy(KeyId=parameters["KeyArn"], PolicyName="default", Policy=json.dumps(key_policy()))
    return deploy.update(cfn, stack, incident.failing, parameters)


def prepare(aws: Any, incident: Incident, stack: str, child: str | None = None) -> dict[str, str]:
    """What must stand before the stack is deployed: keys it does not own, the child's template. The values of its parameters."""
    made = {}
    if "ChildTemplate" in incident.parameters:
        made["ChildTemplate"] = upload(aws, f"{stack}-templates", child or deploy.text(incident.faulty))
    if "KeyArn" in incident.parameters:
        region = ELSEWHERE if incident.name == "key-in-another-region" else "us-east-1"
        made["KeyArn"] = make_key(aws, key_policy(f"{stack}-*"), region)
    if "NextKeyArn" in incident.parameters:
        made["NextKeyArn"] = make_key(aws, key_policy(f"{stack}-data"))
    return made


def make_key(aws: Any, policy: Mapping[str, Any], region: str = "us-east-1") -> str:
    arn: str = aws.client("kms", region).create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    return arn


def key_policy(trail: str = "", region: str = "us-east-1") -> dict[str, Any]:
    """The account's own statement, and one for CloudTrail's trails of that name. No name: nothing for CloudTrail."""
    statements: list[dict[str, Any]] = [
        {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    ]
    if trail:
        operator = "ArnLike" if "*" in trail else "StringEquals"
        condition = {operator: {"aws:SourceArn": f"arn:aws:cloudtrail:{region}:111122223333:trail/{trail}"}}
        mine = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
        }
        statements.append({"Sid": "CloudTrail", **mine, "Condition": condition})
    return {"Version": "2012-10-17", "Statement": statements}


def upload(aws: Any, bucket: str, text: str) -> str:
    """The URL of a template in a bucket of its own."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="child.yaml", Body=text.encode())
    return f"https://s3.us-east-1.amazonaws.com/{bucket}/child.yaml"
