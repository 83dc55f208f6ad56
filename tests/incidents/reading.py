"""A `Reader` straight over a World, without HTTP: the same answers and errors as over boto3, a hundred times as fast."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from lab import fake_aws, wire
from lab.world import ApiError, World

from stackdoctor.aws.failures import read_error
from stackdoctor.aws.plain import to_json
from stackdoctor.model import Calls
from stackdoctor.permissions import OPERATIONS
from stackdoctor.reader import Call
from stackdoctor.reads import ReadLog

T = TypeVar("T")


class WorldReader:
    """Reads a World. An operation that the real reader would refuse, or that the world has no answer for, fails the test."""

    def __init__(self, world: World) -> None:
        self.world, self.region, self._log = world, world.region, ReadLog()

    def read(self, call: Call) -> dict[str, Any]:
        assert call.name in OPERATIONS, f"{call.name} is not read-only by permissions.OPERATIONS"
        self._log.count(call)
        params = json.loads(json.dumps(dict(call.params)))
        for bound in ("StartTime", "EndTime"):
            if bound in params:
                params[bound] = wire.moment(params[bound]).timestamp()
        request = wire.Request(call.service, call.operation, call.region or self.region, self.world.account, params)
        try:
            fault = self.world.fault(call.name)
            if fault and fault.error:
                raise fake_aws.denied(self.world, request) if str(fault.error) == "AccessDenied" else fault.error
            return to_json(self._reply(request))
        except ApiError as refused:
            assert refused.code != "NoAnswerInThisWorld", str(refused)
            said = {"Error": {"Code": refused.code, "Message": str(refused)}, "ResponseMetadata": {"HTTPStatusCode": refused.status}}
            raise read_error(call, ClientError(said, call.operation)) from None

    def _reply(self, request: wire.Request) -> dict[str, Any]:
        """boto3 follows S3 to the bucket's Region."""
        try:
            return self.world.reply(request)
        except ApiError as refused:
            if refused.code != "PermanentRedirect":
                raise
            return self.world.reply(replace(request, region=refused.headers["x-amz-bucket-region"]))

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._log.gather(*tasks)

    @property
    def calls(self) -> Calls:
        return self._log.calls
