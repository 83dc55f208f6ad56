"""The fake AWS: boto3 gets from it exactly what was put in, page by page, fault by fault."""

import re
from datetime import UTC, datetime

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.model import ListShape, MapShape, StructureShape

from lab import wire
from lab.fake_aws import FakeAWS
from lab.world import ApiError, World, on_the_wire
from stackdoctor.permissions import OPERATIONS

OTHERS = (
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "dynamodb:DescribeTable",
    "ec2:DescribeFlowLogs",
    "ec2:DescribeInstanceAttribute",
    "iam:GetRole",
    "iam:GetPolicyVersion",
    "logs:DescribeLogGroups",
    "elbv2:DescribeLoadBalancerAttributes",
    "eks:DescribeCluster",
    "cognito-idp:DescribeUserPool",
    "ecr:ListImages",
    "route53:ListResourceRecordSets",
    "config:DescribeDeliveryChannels",
    "guardduty:ListPublishingDestinations",
    "organizations:ListAccounts",
    "sts:GetCallerIdentity",
    "lambda:GetFunctionConfiguration",
    "s3:ListObjectVersions",
)
TEXTS = {"GetTemplate": "A: b"}


def sample(shape, name="", depth=0):
    """A value of the shape with every member set, as far as it does not recurse for ever."""
    match shape:
        case StructureShape():
            members = (
                {}
                if depth > 7
                else {k: sample(m, k, depth + 1) for k, m in shape.members.items() if not m.serialization.get("eventstream")}
            )
            return {next(iter(members)): members[next(iter(members))]} if members and getattr(shape, "is_tagged_union", False) else members
        case ListShape():
            return [] if depth > 7 else [sample(shape.member, name, depth + 1)]
        case MapShape():
            return {sample(shape.key, name, depth + 1): sample(shape.value, name, depth + 1)}
    kind = shape.type_name
    if kind == "timestamp":
        return datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC)
    plain = {"boolean": True, "integer": 7, "long": 7, "float": 1.5, "double": 1.5, "blob": b"x", "bytes": b"x"}
    return plain.get(kind, (shape.enum or [f"<{name}> & 'é'"])[0] if kind in ("string", "character") else name)


def arguments(shape):
    """The required parameters, with values every service's client-side validation accepts."""
    names = shape.required_members if shape else []
    return {
        n: [sample(m.member)] if isinstance(m := shape.members[n], ListShape) else (m.enum or ["some-name-of-a-thing-001"])[0]
        for n in names
    }


@pytest.mark.parametrize("name", sorted({*(n for n in OPERATIONS if on_the_wire(n) == n and n != "s3:GetObject"), *OTHERS}))
def test_what_is_put_into_the_world_comes_out_of_boto3(name):
    service, operation = name.split(":")
    spec = wire.model(service).operation_model(operation)
    given, asked = sample(spec.output_shape), arguments(spec.input_shape)
    if operation in TEXTS:
        given["TemplateBody"] = TEXTS[operation]
    world = World()
    world.answer(name, given)

    with FakeAWS(world) as aws:
        answer = getattr(aws.client(service), xform_name(operation))(**asked)

    del answer["ResponseMetadata"]
    assert without_headers(answer, spec.output_shape) == without_headers(given, spec.output_shape)
    assert world.called() == [name]
    assert asked.items() <= world.calls[0].params.items()


def without_headers(value, shape):
    return {k: v for k, v in value.items() if "location" not in shape.members[k].serialization}


def test_neptune_and_documentdb_answer_through_the_rds_api():
    world = World()
    world.answer("neptune:DescribeDBClusters", {"DBClusters": [{"DBClusterIdentifier": "graph", "DeletionProtection": True}]})

    with FakeAWS(world) as aws:
        clusters = [aws.client(service).describe_db_clusters()["DBClusters"] for service in ("neptune", "docdb", "rds")]

    assert clusters == [[{"DBClusterIdentifier": "graph", "DeletionProtection": True}]] * 3


def event(n, **more):
    return {
        "LogicalResourceId": f"R{n}",
        "ResourceType": "AWS::SNS::Topic",
        "ResourceStatus": "CREATE_COMPLETE",
        "Timestamp": datetime(2026, 11, 20, 9, n % 60, tzinfo=UTC),
        "OperationId": "op-1",
    } | more


def test_events_are_paged_by_a_hundred_newest_first():
    world = World()
    world.stack("big", "CREATE_COMPLETE", [event(n) for n in range(250)])

    with FakeAWS(world) as aws:
        pages = list(aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName="big"))

    assert [len(p["StackEvents"]) for p in pages] == [100, 100, 50]
    assert [p["StackEvents"][0]["LogicalResourceId"] for p in pages] == ["R249", "R149", "R49"]


def test_a_deleted_stack_is_found_by_its_arn_and_its_listing_only():
    world = World()
    gone = world.stack("audit", "DELETE_COMPLETE", [event(1)])
    here = world.stack("audit", "ROLLBACK_FAILED", [event(2)])

    with FakeAWS(world) as aws:
        cfn = aws.client("cloudformation")
        by_name = cfn.describe_stacks(StackName="audit")["Stacks"][0]["StackId"]
        by_arn = cfn.describe_stack_events(StackName=gone)["StackEvents"][0]["LogicalResourceId"]
        listed = [s["StackId"] for s in cfn.list_stacks()["StackSummaries"]]
        elsewhere = aws.client("cloudformation", "eu-west-1")
        with pytest.raises(ClientError, match="Stack with id audit does not exist"):
            elsewhere.describe_stacks(StackName="audit")

    assert (by_name, by_arn, listed) == (here, "R1", [here, gone])


def test_describe_events_by_stack_shows_only_the_newest_operation():
    world = World()
    failed = {"ResourceStatus": "CREATE_FAILED"}
    world.stack("audit", "ROLLBACK_COMPLETE", [event(1, OperationId="create", **failed), event(2, OperationId="rollback")])

    with FakeAWS(world) as aws:
        cfn = aws.client("cloudformation")
        by_stack = cfn.describe_events(StackName="audit", Filters={"FailedEvents": True})["OperationEvents"]
        by_operation = cfn.describe_events(OperationId="create", Filters={"FailedEvents": True})["OperationEvents"]
        with pytest.raises(ClientError, match="ValidationError"):
            cfn.describe_events()

    assert (by_stack, [e["LogicalResourceId"] for e in by_operation]) == ([], ["R1"])


def test_a_bucket_elsewhere_redirects_and_a_missing_policy_is_no_such_bucket_policy():
    world = World()
    world.bucket("far", policy={"Statement": []}, region="eu-west-1")
    world.bucket("near")

    with FakeAWS(world) as aws:
        s3 = aws.client("s3")
        assert s3.get_bucket_policy(Bucket="far")["Policy"] == '{"Statement": []}'
        assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            s3.get_bucket_policy(Bucket="near")


def test_history_is_filtered_by_one_attribute_and_the_time():
    world = World()
    world.history(
        {"eventName": n, "eventSource": "kms.amazonaws.com", "eventTime": f"2026-11-20T09:0{i}:00Z"}
        for i, n in enumerate(["GenerateDataKey", "DescribeKey"] * 2)
    )

    with FakeAWS(world) as aws:
        found = aws.client("cloudtrail").lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GenerateDataKey"}],
            StartTime=datetime(2026, 11, 20, 9, 1, tzinfo=UTC),
        )["Events"]

    assert [e["EventTime"] for e in found] == [datetime(2026, 11, 20, 9, 2, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("service", "call", "code"), [("kms", {"KeyId": "k"}, "AccessDeniedException"), ("s3", {"Bucket": "b"}, "AccessDenied")]
)
def test_a_denied_call_reads_as_each_service_says_it(service, call, code):
    world = World()
    world.deny(f"{service}:*")
    operation = "get_key_policy" if service == "kms" else "get_bucket_policy"

    with FakeAWS(world) as aws, pytest.raises(ClientError, match=re.escape(f"({code})")):
        getattr(aws.client(service), operation)(**call)


def test_faults_end_after_the_times_given():
    world = World()
    world.stack("audit", "CREATE_COMPLETE")
    world.fail("cloudformation:*", "Throttling", "Rate exceeded", times=1)
    world.break_off("cloudformation:*", "reset", times=1)

    with FakeAWS(world) as aws:
        cfn = aws.client("cloudformation")
        with pytest.raises(ClientError, match="Rate exceeded"):
            cfn.describe_stacks(StackName="audit")
        with pytest.raises(ConnectionClosedError):
            cfn.describe_stacks(StackName="audit")
        assert cfn.describe_stacks(StackName="audit")["Stacks"]


def test_an_answer_may_depend_on_the_parameters_and_what_nobody_thought_of_is_refused():
    world = World()
    world.answer("dynamodb:DescribeTable", ApiError("ResourceNotFoundException", "no table"))
    world.answer("dynamodb:DescribeTable", {"Table": {"DeletionProtectionEnabled": True}}, TableName="kept")

    with FakeAWS(world) as aws:
        dynamodb = aws.client("dynamodb")
        assert dynamodb.describe_table(TableName="kept")["Table"]["DeletionProtectionEnabled"]
        with pytest.raises(ClientError, match="no table"):
            dynamodb.describe_table(TableName="other")
        with pytest.raises(ClientError, match="NoAnswerInThisWorld"):
            dynamodb.list_tables()

    assert world.unanswered == ["dynamodb:ListTables"]


def test_only_what_is_allowed_is_answered():
    world = World()
    world.stack("audit", "CREATE_COMPLETE")
    world.allow_only("cloudformation:DescribeStacks")

    with FakeAWS(world) as aws:
        cfn = aws.client("cloudformation")
        assert cfn.describe_stacks(StackName="audit")["Stacks"]
        with pytest.raises(ClientError, match="AccessDenied"):
            cfn.get_template(StackName="audit")
