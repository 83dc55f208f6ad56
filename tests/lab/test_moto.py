"""The same story, told by moto: what it answers about keys, buckets and databases was not written by us."""

import json

import pytest
from botocore.exceptions import ClientError

from lab import deploy
from lab.attempts import four_stacks
from lab.fake_aws import FakeAWS
from lab.moto_server import MotoAWS
from lab.world import World

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("evidence", ["there", "pending"])
def test_moto_and_the_fake_tell_the_same(evidence):
    world = World()
    told = four_stacks(world, evidence=evidence)

    def heard(aws):
        kms = aws.client("kms")
        key = kms.describe_key(KeyId=told.key)["KeyMetadata"]
        return {
            "events": deploy.events(aws.client("cloudformation"), told.stack),
            "listed": [s["StackId"] for s in aws.client("cloudformation").list_stacks()["StackSummaries"]],
            "history": [e["CloudTrailEvent"] for e in aws.client("cloudtrail").lookup_events()["Events"]],
            "key": {k: key[k] for k in ("Arn", "KeyId", "KeyState", "KeyManager", "KeySpec", "KeyUsage", "Enabled")},
            "policy": json.loads(kms.get_key_policy(KeyId=told.key, PolicyName="default")["Policy"]),
            "grants": kms.list_grants(KeyId=told.key)["Grants"],
            "bucket": code(lambda: json.loads(aws.client("s3").get_bucket_policy(Bucket=told.bucket)["Policy"])),
            "nothing": code(lambda: aws.client("s3").get_bucket_policy(Bucket="no-such-bucket")),
            "trail": code(lambda: aws.client("cloudtrail").get_trail(Name="audit-trail")),
            "database": aws.client("rds").describe_db_instances(DBInstanceIdentifier=told.database)["DBInstances"][0]["DeletionProtection"],
        }

    with FakeAWS(world) as fake:
        ours = heard(fake)
    with MotoAWS(world) as moto:
        theirs = heard(moto)

    assert ours == theirs


def code(call):
    try:
        return call()
    except ClientError as refused:
        return refused.response["Error"]["Code"]
