"""Conditions to add back deliberately, once it works: one clause at a time, each evaluated before it is proposed.

aws:SourceArn, aws:SourceAccount and the account-scoped encryption context, on the statements that let the service in.
A small template proves them in a sandbox account with just a trail, a bucket and a key.
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from stackdoctor.commands import CommandStyle
from stackdoctor.faults import KINDS
from stackdoctor.fixes.policies import FILES, heredoc
from stackdoctor.investigation import Investigation
from stackdoctor.model import JSON, Fix, Found, RequestOutcome, Verification
from stackdoctor.policy import OPEN_END, Known, Outcome, Policy, Tri, evaluate, explain, parse
from stackdoctor.policy.ops import AddClause, apply
from stackdoctor.services.base import Blocking, Needed, Target

SANDBOX = "stackdoctor-sandbox"
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"


def harden(one: Investigation, corrected: Mapping[str, Mapping[str, JSON]], style: CommandStyle) -> Iterator[Fix]:
    """Every clause that can be added back to a document that works, by the document's ARN; then the sandbox to prove them in."""
    case = one.case
    if case is None:
        return
    found = False
    for target, ref in dict.fromkeys((judged.needed.target, judged.needed.ref) for judged in case.judged if judged.needed.target in FILES):
        arn = case.evidence.arn(target, ref, case.resource.scope)
        text = case.evidence.policy(target, ref)
        document = corrected.get(arn) or (json.loads(text.value.text) if isinstance(text, Found) else None)
        policy = parse(document, KINDS[target]) if document is not None else None
        needed = [
            j.needed for j in case.judged if (j.needed.target, j.needed.ref) == (target, ref) and j.needed.blocking is not Blocking.NO
        ]
        if not isinstance(policy, Policy) or any(evaluate(policy, need.request) is not Outcome.ALLOWED for need in needed):
            continue
        for clause in _missing(policy, needed):
            after = apply(policy.document, clause)
            hardened = parse(after, KINDS[target])
            if isinstance(hardened, Policy) and all(evaluate(hardened, need.request) is Outcome.ALLOWED for need in needed):
                found = True
                yield _fix(target, arn, policy, clause, after, needed)
    if found and case.resource.type == "AWS::CloudTrail::Trail":
        yield _sandbox(style)


def _missing(policy: Policy, needed: list[Needed]) -> Iterator[AddClause]:
    """The source and context clauses that the statements which let the service in do not have yet."""
    seen: set[tuple[int, str]] = set()
    for need in needed:
        for result in explain(policy, need.request).statements:
            if result.effect != "Allow" or result.matched is not Tri.MATCH:
                continue
            present = {leaf.key.lower() for leaf in result.leaves}
            for operator, key, values in _clauses(need):
                if key.lower() not in present and (result.index, key) not in seen:
                    seen.add((result.index, key))
                    yield AddClause(result.index, operator, key, values)


def _clauses(need: Needed) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    context = need.request.context
    for key in ("aws:SourceArn", "aws:SourceAccount"):
        known = context.get(key)
        if isinstance(known, Known) and not any(OPEN_END in value for value in known.values):
            yield "StringEquals", key, known.values
    account, trail = context.get("aws:SourceAccount"), context.get(CONTEXT)
    if isinstance(account, Known) and isinstance(trail, Known):
        partition = trail.values[0].split(":")[1]
        yield "StringLike", CONTEXT, (f"arn:{partition}:cloudtrail:*:{account.values[0]}:trail/*",)


def _fix(target: Target, arn: str, policy: Policy, clause: AddClause, after: Mapping[str, JSON], needed: list[Needed]) -> Fix:
    sid = policy.statements[clause.statement].sid or str(clause.statement)
    rows = tuple(RequestOutcome(n.request.caller.name, n.request.action, n.request.resource, "allowed", "allowed") for n in needed)
    return Fix(
        id="",
        title=f"Once it works, add {clause.operator} {clause.key} = {', '.join(clause.values)} to statement {sid}",
        kind=FILES[target],
        target=arn,
        scope="template",
        disposition="safe",
        resolves=(),
        verified=True,
        verification=Verification(rows),
        document=dict(after),
        statements=(_statement(after, clause.statement),),
    )


def _statement(document: Mapping[str, JSON], index: int) -> JSON:
    found = document.get("Statement")
    return found[index] if isinstance(found, list) else found


def _sandbox(style: CommandStyle) -> Fix:
    name = f"{SANDBOX}.json"
    deploy = style.command("cloudformation", "deploy", "--stack-name", SANDBOX, "--template-file", name)
    return Fix(
        id="",
        title="Prove the conditions in a sandbox account before they go where it matters",
        kind="template",
        target=SANDBOX,
        scope="environment",
        disposition="safe",
        resolves=(),
        verified=False,
        commands=(heredoc(name, json.dumps(sandbox_template(), indent=2)), deploy, style.diagnose(SANDBOX)),
    )


def sandbox_template() -> dict[str, JSON]:
    """A trail, its bucket and its key, with all the conditions AWS documents; nothing else."""

    def sub(text: str) -> JSON:
        return {"Fn::Sub": text}

    trail = sub("arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${AWS::StackName}-trail")
    account: JSON = {"Ref": "AWS::AccountId"}
    by: JSON = {"Service": "cloudtrail.amazonaws.com"}
    source: dict[str, JSON] = {"aws:SourceArn": trail, "aws:SourceAccount": account}
    context = sub("arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/*")
    root: JSON = {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    key: JSON = [
        {"Sid": "Administration", "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
        {
            "Sid": "CloudTrailEncrypts",
            "Effect": "Allow",
            "Principal": by,
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {"StringEquals": source, "StringLike": {CONTEXT: context}},
        },
        {
            "Sid": "CloudTrailDescribes",
            "Effect": "Allow",
            "Principal": by,
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"StringEquals": source},
        },
    ]
    bucket: JSON = [
        {
            "Sid": "CloudTrailAclCheck",
            "Effect": "Allow",
            "Principal": by,
            "Action": "s3:GetBucketAcl",
            "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]},
            "Condition": {"StringEquals": source},
        },
        {
            "Sid": "CloudTrailWrite",
            "Effect": "Allow",
            "Principal": by,
            "Action": "s3:PutObject",
            "Resource": sub("${Bucket.Arn}/AWSLogs/${AWS::AccountId}/*"),
            "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", **source}},
        },
    ]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Proves the conditions of a CloudTrail key and bucket policy. Made by stackdoctor; delete it when done.",
        "Resources": {
            "Key": {
                "Type": "AWS::KMS::Key",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {"PendingWindowInDays": 7, "KeyPolicy": {"Version": "2012-10-17", "Statement": key}},
            },
            "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"},
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": bucket}},
            },
            "Trail": {
                "Type": "AWS::CloudTrail::Trail",
                "DependsOn": "BucketPolicy",
                "Properties": {
                    "TrailName": sub("${AWS::StackName}-trail"),
                    "S3BucketName": {"Ref": "Bucket"},
                    "KMSKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
                    "IsLogging": True,
                },
            },
        },
    }
