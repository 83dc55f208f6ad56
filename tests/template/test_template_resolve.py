"""A template's values as deployed, as far as the deployed values tell; the rest says that it is not known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from template_edits import CONTEXT

from stackdoctor.model import Stack
from stackdoctor.template import Context, Unresolved, condition, is_made, parse, resolve, resource_properties, unresolved

TEMPLATE = parse(
    """
Parameters:
  Name: {Type: String, Default: audit}
  Secret: {Type: String, Default: hunter2, NoEcho: true}
  Ssm: {Type: "AWS::SSM::Parameter::Value<String>", Default: /path}
  List: {Type: CommaDelimitedList, Default: "a, b,c"}
  Number: {Type: Number, Default: 7}
  NoDefault: {Type: String}
Mappings:
  Regions: {eu-west-1: {elb: "156460612806", zones: [x, y]}}
Conditions:
  Yes: !Equals [!Ref Name, audit]
  No: !Not [!Condition Yes]
  Both: !And [!Condition Yes, !Condition No]
  Either: !Or [!Condition Yes, !Equals [!Ref NoDefault, x]]
  Open: !Equals [!Ref NoDefault, x]
  Loop: !Not [!Condition Loop]
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Named: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "logs-${AWS::AccountId}"}}
  Key: {Type: AWS::KMS::Key}
  Queue: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic}
  Trail: {Type: AWS::CloudTrail::Trail}
  NewTrail: {Type: AWS::CloudTrail::Trail, Properties: {TrailName: !Ref Name}}
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/x}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: writer, Path: /team/}}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: f}}
  Custom: {Type: Custom::Thing}
  Circle: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Circle}}
  Maybe: {Type: AWS::SNS::Topic, Condition: Open}
  Never: {Type: AWS::SNS::Topic, Condition: No}
"""
)
A = "111122223333"
KNOWN = {
    "!Ref AWS::Region": "eu-west-1",
    "!Ref AWS::AccountId": A,
    "!Ref AWS::URLSuffix": "amazonaws.com",
    "!Ref AWS::StackName": "audit",
    "!Ref Name": "audit",
    "!Ref Number": "7",
    "!Ref List": ["a", "b", "c"],
    "!Select [1, !Ref List]": "b",
    '!Join ["-", !Ref List]': "a-b-c",
    '!Split ["/", "a/b"]': ["a", "b"],
    '!Select [0, !Split [":", !GetAtt Key.Arn]]': "arn",
    '!FindInMap [Regions, !Ref "AWS::Region", elb]': "156460612806",
    '!FindInMap [Regions, !Ref "AWS::Region", zones]': ["x", "y"],
    "!Ref Bucket": "audit-bucket-1x2y3z",
    "!GetAtt Bucket.Arn": "arn:aws:s3:::audit-bucket-1x2y3z",
    "!GetAtt Bucket.RegionalDomainName": "audit-bucket-1x2y3z.s3.eu-west-1.amazonaws.com",
    "!GetAtt Named.Arn": f"arn:aws:s3:::logs-{A}",
    "!GetAtt Key.Arn": f"arn:aws:kms:eu-west-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "!GetAtt Queue.Arn": f"arn:aws:sqs:eu-west-1:{A}:audit-Queue-1",
    "!GetAtt Queue.QueueName": "audit-Queue-1",
    "!Ref Topic": f"arn:aws:sns:eu-west-1:{A}:alarms",
    "!GetAtt Topic.TopicName": "alarms",
    "!GetAtt Trail.Arn": f"arn:aws:cloudtrail:eu-west-1:{A}:trail/audit",
    "!GetAtt NewTrail.Arn": f"arn:aws:cloudtrail:eu-west-1:{A}:trail/audit",
    "!GetAtt Group.Arn": f"arn:aws:logs:eu-west-1:{A}:log-group:/aws/x:*",
    "!GetAtt Role.Arn": f"arn:aws:iam::{A}:role/team/writer",
    "!GetAtt Function.Arn": f"arn:aws:lambda:eu-west-1:{A}:function:f",
    '!Sub "${Bucket.Arn}/${Name}/*"': "arn:aws:s3:::audit-bucket-1x2y3z/audit/*",
    '!Sub "${!aws:username}-${AWS::Partition}"': "${aws:username}-aws",
    '!Sub ["${a}${b}", {a: !Ref Name, b: !Select [2, !Ref List]}]': "auditc",
    "!If [Yes, a, b]": "a",
    "!If [No, a, b]": "b",
    "!If [Both, a, b]": "b",
    "!If [Either, a, b]": "a",
    "{a: !If [No, 1, !Ref AWS::NoValue], b: [1, !Ref AWS::NoValue]}": {"b": [1]},
}
UNKNOWN = ["!Ref NoDefault", "!Ref Secret", "!Ref Ssm", "!GetAtt Custom.X", "!ImportValue x", "!If [Open, a, b]", "!If [Loop, a, b]",
           "!If [Missing, a, b]", "!Ref Nothing", "!GetAtt Maybe.TopicName", "!Ref Circle", "!Select [9, !Ref List]", "!Cidr [a, 1, 2]",
           "!FindInMap [Regions, x, y]", "!Sub 5", "!Join [x]", "'{{resolve:ssm:/x}}'", "!Base64 x", "!Select [-1, !Ref List]", "!Transform {Name: x}"]  # fmt: skip


def written(text: str):
    return parse(f"Resources: {{}}\nX: {text}\n").value["X"]


@pytest.mark.parametrize("text", KNOWN)
def test_known(text):
    assert resolve(TEMPLATE, written(text), CONTEXT) == KNOWN[text]
    assert not unresolved(resolve(TEMPLATE, written(text), CONTEXT))


@pytest.mark.parametrize("text", UNKNOWN)
def test_unknown_is_never_a_guess(text):
    assert unresolved(resolve(TEMPLATE, written(text), CONTEXT))


def test_a_secret_is_not_shown():
    assert "hunter2" not in json.dumps(resolve(TEMPLATE, written("!Sub 'x${Secret}'"), CONTEXT))


def test_what_is_partly_known_keeps_its_known_parts():
    found = resolve(TEMPLATE, written('!Sub "arn:${AWS::Partition}:x:${NoDefault}:${Custom.Id}/y"'), CONTEXT)
    assert isinstance(found, Unresolved)
    assert found.parts == ("arn:aws:x:", None, ":", None, "/y")
    assert found == "arn:aws:x:${NoDefault}:${Custom.Id}/y"


def test_parameters_of_the_stack_win_over_defaults():
    context = replace(CONTEXT, parameters={"Name": "other", "Ssm": "resolved", "List": "z"})
    assert resolve(TEMPLATE, written('!Sub "${Name}-${Ssm}"'), context) == "other-resolved"
    assert resolve(TEMPLATE, written("!Ref List"), context) == ["z"]
    assert condition(TEMPLATE, "Yes", context) is False
    assert condition(TEMPLATE, "Yes", CONTEXT.without_defaults()) is None


def test_the_chinese_partition():
    context = Context(region="cn-north-1", account=A, partition="aws-cn", physical_ids={"Bucket": "b"})
    assert resolve(TEMPLATE, written('!Sub "s3.${AWS::Region}.${AWS::URLSuffix}"'), context) == "s3.cn-north-1.amazonaws.com.cn"
    assert resolve(TEMPLATE, written("!GetAtt Bucket.Arn"), context) == "arn:aws-cn:s3:::b"


def test_what_the_stack_says_of_itself():
    context = Context.of(Stack("s", "arn:aws:cloudformation:r:1:stack/s/1", "CREATE_FAILED", region="r", account="1"), {"Bucket": "b"})
    assert resolve(TEMPLATE, written('!Sub "${AWS::StackName}/${AWS::StackId}/${AWS::Region}"'), context).startswith(
        "s/arn:aws:cloudformation"
    )
    assert unresolved(resolve(TEMPLATE, written("!Ref AWS::Region"), Context()))


def test_properties_of_a_resource():
    assert resource_properties(TEMPLATE, "Named", CONTEXT) == {"BucketName": f"logs-{A}"}
    assert resource_properties(TEMPLATE, "Bucket", CONTEXT) == {}
    assert resource_properties(TEMPLATE, "Nothing", CONTEXT) is None


def test_whether_a_resource_is_made():
    assert [is_made(TEMPLATE, name, CONTEXT) for name in ("Bucket", "Maybe", "Never", "Nothing")] == [True, None, False, None]


def test_hostile_references_end():
    fan = "".join(
        f"  B{i}: {{Type: AWS::S3::Bucket, Properties: {{BucketName: !Join ['', [{', '.join([f'!Ref B{i + 1}'] * 9)}]]}}}}\n"
        for i in range(300)
    )
    both = "".join(f"  C{i}: !And [!Condition C{i + 1}, !Condition C{i + 1}]\n" for i in range(300))
    template = parse(f"Conditions:\n{both}Resources:\n{fan}")
    assert unresolved(resolve(template, {"Ref": "B0"}, CONTEXT))
    assert condition(template, "C0", CONTEXT) is None
