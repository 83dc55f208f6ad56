"""The same World, served by moto's server: KMS, S3, RDS and CloudTrail are moto's own, and only the stacks' histories are injected.

A second opinion on fake_aws: what moto answers was not written by us. moto's CloudFormation never fails (it emits two events and no
resource's) and its event history is not implemented, so these reads are answered from the world; everything else is created in moto.
`with MotoAWS(world) as aws:` → `aws.url`, `aws.client("kms", region)`, `aws.environment()`. One at a time in a process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from lab import wire
from lab.ministack_server import ACCOUNT, client, environment, free_port
from lab.world import ApiError, World, plain

os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT  # read when moto is imported

from moto.backends import get_backend
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.responses import BaseResponse
from moto.server import ThreadedMotoServer


def injected(world: World, own: Callable[[Any], Any], *operations: str) -> Callable[[Any], Any]:
    """moto's dispatcher of one service; the operations named (none: all) are answered from the world instead."""

    def call_action(response: Any) -> Any:
        headers = {k.lower(): v for k, v in response.headers.items()}
        body = response.body if "x-amz-target" in headers else urlencode({k: v[0] for k, v in response.querystring.items()})
        request = wire.parse("POST", "/", headers, body.encode())
        world.calls.append(request)
        if operations and request.operation not in operations:
            return own(response)
        try:
            shown = wire.render(request.service, request.operation, world.reply(request))
        except ApiError as refused:
            shown = wire.error(request.service, refused.code, str(refused), refused.status)
        return shown.status, shown.headers, shown.body

    return call_action


logging.getLogger("werkzeug").setLevel(logging.ERROR)


class MotoAWS:
    def __init__(self, world: World) -> None:
        self.world, self.url = world, f"http://127.0.0.1:{free_port()}"
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(self.url.rsplit(":", 1)[1]), verbose=False)

    def client(self, service: str, region: str | None = None) -> Any:
        return client(self.url, service, region or self.world.region)

    def environment(self) -> dict[str, str]:
        return environment(self.url, self.world.region)

    def __enter__(self) -> Self:
        self._own = BaseResponse.call_action
        CloudFormationResponse.call_action = injected(self.world, self._own)
        CloudTrailResponse.call_action = injected(self.world, self._own, "LookupEvents")
        self._server.start()
        for name, bucket in self.world.buckets.items():
            self._bucket(name, bucket)
        for arn, key in self.world.keys.items():
            self._key(arn, key)
        for when, answer in self.world.answers("rds:DescribeDBInstances"):
            self._instance(when["DBInstanceIdentifier"], answer["DBInstances"][0])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        del CloudFormationResponse.call_action, CloudTrailResponse.call_action
        self._server.stop()
        for service in ("s3", "kms", "rds", "cloudtrail"):
            for backends in get_backend(service).values():
                for backend in backends.values():
                    backend.reset()

    def _bucket(self, name: str, bucket: dict[str, Any]) -> None:
        s3, region = self.client("s3", bucket["region"]), bucket["region"]
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **where)
        if bucket["policy"]:
            s3.put_bucket_policy(Bucket=name, Policy=plain(bucket["policy"]))
        if "encryption" in bucket:
            rule = {"ApplyServerSideEncryptionByDefault": bucket["encryption"], "BucketKeyEnabled": bucket.get("bucket_key", False)}
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def _key(self, arn: str, key: dict[str, Any]) -> None:
        """Under the id it has in the world; moto only makes up ids of its own."""
        kms, backend = self.client("kms", key["region"]), get_backend("kms")[key["account"]][key["region"]]
        usage, spec = key.get("usage", "ENCRYPT_DECRYPT"), key.get("spec", "SYMMETRIC_DEFAULT")
        made = backend.keys.pop(kms.create_key(Policy=plain(key["policy"]), KeyUsage=usage, KeySpec=spec)["KeyMetadata"]["KeyId"])
        made.id, made.arn = key["id"], arn
        backend.keys[key["id"]] = made
        if key.get("state") == "Disabled":
            kms.disable_key(KeyId=key["id"])
        if key.get("state") == "PendingDeletion":
            kms.schedule_key_deletion(KeyId=key["id"], PendingWindowInDays=30)

    def _instance(self, name: str, instance: dict[str, Any]) -> None:
        sized = {
            "DBInstanceClass": "db.t4g.medium",
            "AllocatedStorage": 20,
            "MasterUsername": "audit",
            "MasterUserPassword": "correct-horse",
        }
        self.client("rds").create_db_instance(
            DBInstanceIdentifier=name, Engine=instance["Engine"], DeletionProtection=instance["DeletionProtection"], **sized
        )
