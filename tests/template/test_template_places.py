"""Where a policy stands, and the honest answer where that is not certain; what depends on what; properties and attributes."""

from __future__ import annotations

import subprocess

import pytest
from cfnlint.decode import decode_str
from template_edits import CONTEXT, as_text, read

from stackdoctor.template import (
    NotPlaced,
    Patched,
    Place,
    Template,
    add_dependency,
    construct_path,
    depends_on,
    find_policy,
    parse,
    patch,
    resource_properties,
    resources,
    set_attribute,
    set_property,
)

BUCKET = "audit-bucket-1x2y3z"
STATEMENT = '{Sid: A, Effect: Allow, Principal: {Service: x.amazonaws.com}, Action: "s3:PutObject", Resource: "*"}'
DOCUMENT = f"{{Statement: [{STATEMENT}]}}"
AS_DEPLOYED = {
    "Statement": [{"Sid": "A", "Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "*"}]
}


def policy(bucket: str, document: str = DOCUMENT, extra: str = "") -> str:
    return f"    Type: AWS::S3::BucketPolicy\n{extra}    Properties: {{Bucket: {bucket}, PolicyDocument: {document}}}\n"


REFUSED = {
    "no such policy": ("  B: {Type: AWS::S3::Bucket}\n", "no resource of the template is known"),
    "two for one bucket": (f"  P:\n{policy('!Ref Bucket')}  Q:\n{policy(BUCKET)}", "P, Q"),
    "another bucket's": (f"  P:\n{policy('other')}", "no resource of the template is known"),
    "made by ForEach": ("  Fn::ForEach::P: [N, [a], {'P${N}': {Type: AWS::S3::BucketPolicy}}]\n", "Fn::ForEach::P may make it"),
    "included": (
        f"  P:\n{policy('!Ref Bucket', '{Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://x}}}')}",
        "Fn::Transform",
    ),
    "a statement is included": (
        f"  P:\n{policy('!Ref Bucket', '{Statement: [{Fn::Transform: {Name: AWS::Include}}]}')}",
        "Fn::Transform",
    ),
    "written as text": (f"  P:\n{policy('!Ref Bucket', chr(39) + '{}' + chr(39))}", "as text"),
    "changed since": (f"  P:\n{policy('!Ref Bucket', '{Statement: []}')}", "changed since"),
    "never made": (f"  P:\n{policy('!Ref Bucket', extra='    Condition: Never' + chr(10))}", "no resource of the template is known"),
    "without a document": ("  P: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref Bucket}}\n", "has no PolicyDocument"),
}


def template(resources_text: str, head: str = "") -> Template:
    found = parse(f"{head}Conditions: {{Never: !Equals [a, b]}}\nResources:\n  Bucket: {{Type: AWS::S3::Bucket}}\n{resources_text}")
    assert isinstance(found, Template), found
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_no_place_is_better_than_a_wrong_one(name):
    text, reason = REFUSED[name]
    found = find_policy(template(text), CONTEXT, kind="bucket", owner=BUCKET, deployed=AS_DEPLOYED)
    assert isinstance(found, NotPlaced), found
    assert reason in found.reason


def test_a_macro_may_change_anything_but_a_transform_of_aws_does_not():
    text = f"  P:\n{policy('!Ref Bucket')}"
    macro = find_policy(template(text, "Transform: [MyMacro]\n"), CONTEXT, logical_id="P")
    assert isinstance(macro, NotPlaced)
    assert "MyMacro" in macro.reason
    assert isinstance(find_policy(template(text, "Transform: AWS::Serverless-2016-10-31\n"), CONTEXT, logical_id="P"), Place)


def test_of_two_candidates_the_one_that_fits_the_deployed_document_is_taken():
    both = template(f"  P:\n{policy('!Ref Bucket')}  Q:\n{policy('!Ref Bucket', '{Statement: []}')}")
    found = find_policy(both, CONTEXT, kind="bucket", owner=BUCKET, deployed=AS_DEPLOYED)
    assert isinstance(found, Place)
    assert (found.logical_id, found.document, found.path) == ("P", "PolicyDocument", ("Resources", "P", "Properties", "PolicyDocument"))


def test_a_bucket_whose_name_is_not_known_is_recognised_by_its_document_only():
    text = template(f"  P:\n{policy('!ImportValue x')}")
    assert isinstance(find_policy(text, CONTEXT, kind="bucket", owner=BUCKET), NotPlaced)
    assert isinstance(find_policy(text, CONTEXT, kind="bucket", owner=BUCKET, deployed=AS_DEPLOYED), Place)


def test_what_the_default_says_is_dropped_where_the_deployed_document_says_otherwise():
    text = parse(
        "Parameters: {Stage: {Type: String, Default: prod}}\nConditions: {Prod: !Equals [!Ref Stage, prod]}\nResources:\n  Key:\n"
        "    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy:\n        Statement:\n"
        f"          - !If [Prod, {{Sid: P, Effect: Deny, Principal: '*', Action: '*', Resource: '*'}}, !Ref AWS::NoValue]\n          - {STATEMENT}\n"
    )
    place = find_policy(text, CONTEXT, kind="key", owner=CONTEXT.physical_ids["Key"], deployed=AS_DEPLOYED)
    assert isinstance(place, Place)
    after = {"Statement": [{**AS_DEPLOYED["Statement"][0], "Action": "kms:Decrypt"}]}
    made = patch(text, place, AS_DEPLOYED, after)
    assert isinstance(made, Patched)
    assert made.text == text.text.replace("s3:PutObject", "kms:Decrypt")


def test_what_is_the_same_is_no_patch():
    text = template(f"  P:\n{policy('!Ref Bucket')}")
    assert isinstance(patch(text, find_policy(text, CONTEXT, logical_id="P"), AS_DEPLOYED, AS_DEPLOYED), NotPlaced)


def test_a_reference_to_something_not_known_stays_as_it_is():
    text = template(
        f"  P:\n{policy('!Ref Bucket', DOCUMENT.replace('Resource: ' + chr(34) + '*' + chr(34), 'Resource: !ImportValue arn'))}"
    )
    before = {"Statement": [{**AS_DEPLOYED["Statement"][0], "Resource": "arn:aws:s3:::some/*"}]}
    after = {"Statement": [{**before["Statement"][0], "Action": ["s3:PutObject", "s3:GetBucketAcl"]}]}
    place = find_policy(text, CONTEXT, kind="bucket", owner=BUCKET, deployed=before)
    made = patch(text, place, before, after, filename="infra/audit.yaml")
    assert isinstance(made, Patched), made
    assert "Resource: !ImportValue arn" in made.text
    assert made.diff.startswith("--- a/infra/audit.yaml\n+++ b/infra/audit.yaml\n")


def test_a_policy_that_is_named_twice_by_statements_of_the_same_text():
    twice = template(f"  P:\n{policy('!Ref Bucket', f'{{Statement: [{STATEMENT}, {STATEMENT}]}}')}")
    before = resource_properties(twice, "P", CONTEXT)["PolicyDocument"]
    after = {"Statement": [before["Statement"][0], {**before["Statement"][1], "Effect": "Deny"}]}
    made = patch(twice, find_policy(twice, CONTEXT, logical_id="P"), before, after)
    assert made.text.index("Deny") > made.text.index("Allow")


# ---------------------------------------------------------------------------------------------------- the graph
def test_dependencies_are_followed_all_the_way_down():
    found = parse(
        "Resources:\n  A: {Type: T, DependsOn: B}\n  B: {Type: T, Properties: {x: !GetAtt C.Arn}}\n"
        '  C: {Type: T, Properties: {x: !Sub "${D.Arn}${!E}${F}", y: !Sub ["${G}${H}", {G: !Ref I}]}, DependsOn: [J]}\n'
        + "".join(f"  {name}: {{Type: T}}\n" for name in "DEFGHIJ")
        + "  K: {Type: T, Properties: {a: !Ref K2}}\n  K2: {Type: T, DependsOn: K}\n"
    )
    assert depends_on(found, "A") == frozenset("BCDFHIJ")
    assert depends_on(found, "A", transitive=False) == {"B"}
    assert depends_on(found, "K") == {"K2"}
    assert depends_on(found, "Nothing") == frozenset()


def test_a_trail_that_does_not_wait_for_its_bucket_policy():
    assert "BucketPolicy" not in depends_on(parse(read("block.yaml")), "Trail")
    assert "LogsBucketPolicy00905A77" in depends_on(parse(read("cdk.json")), "CloudTrailA62D711D")


def test_resources_and_construct_paths():
    cdk = parse(read("cdk.json"))
    bucket = resources(cdk)["LogsBucket9C4D8843"]
    assert (bucket.type, bucket.deletion_policy, bucket.update_replace_policy) == ("AWS::S3::Bucket", "Retain", "Retain")
    assert construct_path(cdk, "LogsBucketPolicy00905A77") == "AuditStack/LogsBucket/Policy/Resource"
    assert construct_path(parse(read("block.yaml")), "Bucket") is None
    assert construct_path(cdk, "Nothing") is None
    odd = parse("Resources: {A: 5, B: [x], C: {Type: 7}, D: {Type: T, Properties: [], DependsOn: {x: y}, Metadata: 1}, Fn::ForEach::X: []}")
    assert list(resources(odd)) == ["D"]


# ---------------------------------------------------------------------------------------------------- properties
DATABASE = """Resources:
  Database:  # the one
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: postgres   # 16
      DeletionProtection: true
      Tags:
      - {Key: a, Value: b}

  # next
  Bare:
    Type: AWS::S3::Bucket
  Trail:
    DependsOn: [Bare]   # waits
    Type: AWS::CloudTrail::Trail
    Properties: {S3BucketName: !Ref Bare, IsLogging: true}
  Listed:
    Type: AWS::SNS::Topic
    DependsOn:
      - Bare
    Properties:
"""
SETTINGS = {
    "a value": (lambda t: set_property(t, "Database", ("DeletionProtection",), False), ("      DeletionProtection: true", "      DeletionProtection: false")),
    "an attribute": (lambda t: set_attribute(t, "Database", "DeletionPolicy", "Snapshot"), ("    Type: AWS::RDS::DBInstance", "    Type: AWS::RDS::DBInstance\n    DeletionPolicy: Snapshot")),
    "a new property": (lambda t: set_property(t, "Database", ("KmsKeyId",), {"Fn::GetAtt": ["Key", "Arn"]}), ("      - {Key: a, Value: b}", "      - {Key: a, Value: b}\n      KmsKeyId: !GetAtt Key.Arn")),
    "first property": (lambda t: set_property(t, "Bare", ("BucketName",), "x"), ("    Type: AWS::S3::Bucket\n", "    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: x\n")),
    "no properties yet": (lambda t: set_property(t, "Listed", ("TopicName",), "x"), ("    Properties:\n", "    Properties:\n      TopicName: x\n", -1)),
    "a nested one": (lambda t: set_property(t, "Bare", ("VersioningConfiguration", "Status"), "Enabled"), ("    Type: AWS::S3::Bucket\n", "    Type: AWS::S3::Bucket\n    Properties:\n      VersioningConfiguration:\n        Status: Enabled\n")),
    "in a list": (lambda t: set_property(t, "Database", ("Tags", 0, "Value"), "c"), ("Value: b}", "Value: c}")),
    "in brackets": (lambda t: set_property(t, "Trail", ("S3KeyPrefix",), "yes"), ("IsLogging: true}", "IsLogging: true, S3KeyPrefix: 'yes'}")),
    "first dependency": (lambda t: add_dependency(t, "Database", "Bare"), ("    Type: AWS::RDS::DBInstance", "    Type: AWS::RDS::DBInstance\n    DependsOn: Bare")),
    "one more in a list": (lambda t: add_dependency(t, "Trail", "Listed"), ("[Bare]", "[Bare, Listed]")),
    "one more in a block": (lambda t: add_dependency(t, "Listed", "Trail"), ("      - Bare\n", "      - Bare\n      - Trail\n")),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("name", SETTINGS)
def test_only_the_line_of_the_setting_changes(name, ending, tmp_path):
    change, (old, new, *_last) = SETTINGS[name]
    text = DATABASE.replace("\n", ending)
    made = change(parse(text))
    assert isinstance(made, Patched), made
    head, _, tail = DATABASE.rpartition(old) if _last else DATABASE.partition(old)
    assert made.text == (head + new + tail).replace("\n", ending)
    (tmp_path / "template").write_bytes(text.encode())
    subprocess.run(["patch", "-p1", "--binary", "-s"], input=made.diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "template").read_bytes().decode() == made.text
    loaded, _problems = decode_str(made.text)
    assert as_text(loaded) == as_text(dict(parse(made.text).value)) or "Properties:\n" in made.text


def test_a_dependency_as_text_becomes_a_list():
    made = add_dependency(parse("Resources:\n  A:\n    Type: T\n    DependsOn: B # first\n  B: {Type: T}\n  C: {Type: T}\n"), "A", "C")
    assert parse(made.text).section("Resources")["A"]["DependsOn"] == ["B", "C"]
    assert made.text.count("# first") == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: set_property(t, "Nothing", ("x",), 1), "not written"),
        (lambda t: set_property(t, "Trail", ("S3BucketName", "x"), 1), "intrinsic"),
        (lambda t: set_property(t, "Database", ("Tags", 4, "x"), 1), "no item"),
        (lambda t: set_property(t, "Database", ("Engine",), "postgres"), "already"),
        (lambda t: add_dependency(t, "Trail", "Bare"), "already"),
        (lambda t: add_dependency(t, "Trail", "Nothing"), "not written"),
    ],
)
def test_what_cannot_be_set_says_why(change, reason):
    found = change(parse(DATABASE))
    assert isinstance(found, NotPlaced)
    assert reason in found.reason


def test_cdk_json_keeps_its_one_space():
    cdk = parse(read("cdk.json"))
    made = set_property(cdk, "CloudTrailA62D711D", ("KMSKeyId",), {"Fn::GetAtt": ["Key", "Arn"]})
    assert isinstance(made, Patched)
    added = [line for line in made.diff.split("\n") if line.startswith("+") and not line.startswith("+++")]
    assert added == ["+    },", '+    "KMSKeyId": {', '+     "Fn::GetAtt": [', '+      "Key",', '+      "Arn"', "+     ]"]


def test_no_circle_of_dependencies():
    found = add_dependency(parse(read("cdk.json")), "LogsBucketPolicy00905A77", "CloudTrailA62D711D")
    assert isinstance(found, NotPlaced)
    assert "circle" in found.reason


def test_an_inline_policy_of_a_role():
    text = template(
        "  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n      - PolicyName: p\n        PolicyDocument:\n"
        "          Statement:\n          - {Effect: Allow, Action: 's3:PutObject', Resource: !Sub '${Bucket.Arn}/*'}\n"
    )
    place = find_policy(text, CONTEXT, logical_id="Role", at=("Policies", 0, "PolicyDocument"))
    assert isinstance(place, Place)
    before = {"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}]}
    made = patch(text, place, before, {"Statement": [{**before["Statement"][0], "Action": ["s3:PutObject", "s3:GetObject"]}]})
    assert made.text == text.text.replace("'s3:PutObject'", "['s3:PutObject', 's3:GetObject']")
