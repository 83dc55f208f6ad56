"""--debug shows what happens and no secret: not in headers, bodies, signatures, environment or tracebacks."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from datetime import UTC, datetime, timedelta

import pytest

from aws import faulty_server as faulty
from aws.conftest import KEY, SECRET, TOKEN
from stackdoctor.aws import debug
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings
from stackdoctor.reader import Call, ReadError

pytestmark = pytest.mark.usefixtures("machine")

ROLE_KEY, ROLE_SECRET, ROLE_TOKEN = "ASIAROLEROLEROLEROLE", "aRoleSecretThatIsLongEnough", "FwoGZROLETOKENROLETOKENROLETOKEN=="
PASSWORD = "hunter2-of-the-database"
TEMPLATE = f"Parameters:\n  Password:\n    Type: String\n    NoEcho: true\n    Default: {PASSWORD}\n"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What goes to stderr; the loggers are as before afterwards."""
    before = {
        name: (logging.getLogger(name).handlers, logging.getLogger(name).level, logging.getLogger(name).propagate) for name in debug.LOGGERS
    }
    yield io.StringIO()
    for name, (handlers, level, propagate) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.level, logger.propagate = handlers, level, propagate


def test_a_debug_log_tells_the_calls_and_no_secret(aws, log):
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    keys = {"AccessKeyId": ROLE_KEY, "SecretAccessKey": ROLE_SECRET, "SessionToken": ROLE_TOKEN, "Expiration": ends}
    aws.answers["sts:AssumeRole"] = {"Credentials": keys}
    aws.answers["cloudformation:GetTemplate"] = {"TemplateBody": TEMPLATE}
    aws.answers["cloudformation:DescribeStacks"] = {
        "Stacks": [
            {
                "StackName": "s",
                "CreationTime": ends,
                "StackStatus": "CREATE_FAILED",
                "Parameters": [{"ParameterKey": "P", "ParameterValue": PASSWORD}],
            }
        ]
    }
    aws.inject("kms:*", faulty.DENIED)
    role = "arn:aws:iam::111122223333:role/OnCall"
    with redirect_stderr(log):
        reader = LiveReader(Settings(region="us-east-1", endpoint_url=aws.url, role_arn=role, external_id="an-external-id", debug=True))
        reader.read(Call("cloudformation", "GetTemplate", "us-east-1", {"StackName": "s"}))
        reader.read(Call("cloudformation", "DescribeStacks", "us-east-1", {"StackName": "s"}))
        with pytest.raises(ReadError):
            reader.read(Call("kms", "DescribeKey", "us-east-1", {"KeyId": "k"}))
    said = log.getvalue()
    assert "GetTemplate" in said
    assert "AccessDeniedException" in said, "the traceback of a failed call is there"
    for secret in (KEY, SECRET, TOKEN, ROLE_KEY, ROLE_SECRET, ROLE_TOKEN, PASSWORD, "an-external-id"):
        assert secret not in said
    assert not re.search(r"Signature=[0-9a-f]{8}", said)


@pytest.mark.parametrize(
    "line",
    [
        "headers={'Authorization': b'AWS4-HMAC-SHA256 Credential=SECRETVALUE/x, Signature=SECRETVALUE'}",
        "headers={'X-Amz-Security-Token': b'SECRETVALUE', 'Content-Length': '1'}",
        "authorization: Bearer SECRETVALUE",
        '{"SecretAccessKey": "SECRETVALUE", "Token": "x"}',
        "{'aws_secret_access_key': 'SECRETVALUE'}",
        "<SecretAccessKey>SECRETVALUE</SecretAccessKey>",
        "<SessionToken>\nSECRETVALUE\n</SessionToken>",
        "{'ParameterValue': 'SECRETVALUE'}",
        "<ParameterValue>SECRETVALUE</ParameterValue>",
        "body={'TokenCode': 'SECRETVALUE', 'ExternalId': 'SECRETVALUE'}",
        "proxy http://ana:SECRETVALUE@proxy:3128 used",
        '{"accessToken": "SECRETVALUE", "clientSecret": "SECRETVALUE", "refreshToken":"SECRETVALUE"}',
        "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=SECRETVALUE&X-Amz-Signature=SECRETVALUE",
    ],
)
def test_what_opens_a_door_is_masked(line):
    masked = debug.SafeFormatter().mask(line)
    assert "SECRETVALUE" not in masked
    assert debug.MASK in masked


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "AROAIOSFODNN7EXAMPLE:session"])
def test_key_ids_are_masked_wherever_they_stand(key):
    assert key[:20] not in debug.SafeFormatter().mask(f"Credential={key}/20261125, used by ({key})")


def test_what_is_no_secret_stays():
    line = "Making request for OperationModel(name=DescribeKey) with params: {'url': 'http://127.0.0.1:1', 'body': {'KeyId': 'k'}}"
    assert debug.SafeFormatter().mask(line) == line
