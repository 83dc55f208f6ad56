"""Every operation × every fault, over real HTTP: a read gives an answer or a ReadError of the right kind, in time, and nothing else.

Prints its size with `pytest -rP`; `.ci` and the README quote it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import pytest

from aws import faulty_server as faulty
from aws.conftest import KEY, SECRET
from aws.faulty_server import FAULTS, Fault, FaultyServer, refusing_endpoint, sample_params
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.session import AwsSession, open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.permissions import OPERATIONS
from stackdoctor.reader import Call, ErrorKind, ReadError

SHORT = {"region": "us-east-1", "timeout": 12.0, "connect_timeout": 4.0, "read_timeout": 1.5, "attempts": 1}
GRACE = 1.0

KIND = {
    "denied": ErrorKind.DENIED,
    "unauthorized-operation": ErrorKind.DENIED,
    "region-not-opted-in": ErrorKind.DENIED,
    "throttled": ErrorKind.THROTTLED,
    "too-many-requests": ErrorKind.THROTTLED,
    "internal-error": ErrorKind.SERVICE,
    "unavailable": ErrorKind.SERVICE,
    "not-implemented": ErrorKind.SERVICE,
    "bad-gateway": ErrorKind.SERVICE,
    "expired-token": ErrorKind.CREDENTIALS,
    "unknown-token": ErrorKind.CREDENTIALS,
    "not-found": ErrorKind.NOT_FOUND,
    "garbage": ErrorKind.BAD_ANSWER,
    "cut-off": ErrorKind.BAD_ANSWER,
    "empty": ErrorKind.BAD_ANSWER,
    "web-page": ErrorKind.BAD_ANSWER,
    "reset": ErrorKind.NETWORK,
    "stall": ErrorKind.NETWORK,
    "hang-up": ErrorKind.NETWORK,
    "huge": None,
}
"""What each fault must become; None is an answer. A fault that is over before the retries are is an answer too."""
ENDPOINTS = {"tls": lambda server: server.tls_endpoint, "dns": lambda _: faulty.UNRESOLVABLE, "refused": lambda _: refusing_endpoint()}


def call_of(name: str) -> Call:
    service, _, operation = name.partition(":")
    return Call(service, operation, "us-east-1", sample_params(service, operation))


@dataclass
class Outcomes:
    by_operation: dict[str, dict[str, Any] | BaseException]
    seconds: float


def run_all(settings: Settings, session: AwsSession | None = None) -> Outcomes:
    """Every operation once, side by side."""
    reader = LiveReader(settings, session=session)

    def ask(name: str):
        def go():
            try:
                return reader.read(call_of(name))
            except BaseException as error:  # noqa: BLE001  the test says what it may be
                return error

        return go

    start = time.monotonic()
    found = reader.gather(*map(ask, OPERATIONS))
    return Outcomes(dict(zip(OPERATIONS, found, strict=True)), time.monotonic() - start)


def fault_id(fault: Fault) -> str:
    return fault.name if fault.times is None else f"{fault.name}-once"


@pytest.fixture(scope="module")
def matrix() -> dict[str, Outcomes]:
    """Every operation under every fault. Two sessions serve them all, since making a client takes longer than a call:
    one that tries again, for faults that are over by then, and one that does not."""
    done: dict[str, Outcomes] = {}
    credentials = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_CONFIG_FILE": os.devnull}
    with pytest.MonkeyPatch.context() as environment, FaultyServer() as server:
        for name, value in credentials.items():
            environment.setenv(name, value)
        retrying, trying_once = Settings(endpoint_url=server.url, **SHORT | {"attempts": 2}), Settings(endpoint_url=server.url, **SHORT)
        sessions = {settings: open_session(settings) for settings in (retrying, trying_once)}
        for fault in (None, *FAULTS):
            server.clear()
            settings = retrying if fault and fault.times else trying_once
            for name in OPERATIONS if fault else ():
                server.inject(name, fault)
            done[fault_id(fault) if fault else "none"] = run_all(settings, sessions[settings])
        server.clear()
        for name, endpoint in ENDPOINTS.items():
            done[name] = run_all(Settings(endpoint_url=endpoint(server), **SHORT))
    return done


def kind_of(fault: Fault, name: str) -> ErrorKind | None:
    """None is an answer. botocore takes XML from S3 that breaks off for an error of the service, and tries again.

    An object is whatever bytes it is made of, and one that breaks off is not asked for again.
    """
    if name == "s3:GetObject" and fault.name == "hang-up":
        return ErrorKind.NETWORK
    if fault.times is not None or (name == "s3:GetObject" and fault.name in {"garbage", "cut-off", "empty", "web-page"}):
        return None
    broken_xml = (
        fault.name in {"garbage", "cut-off"} and name.startswith("s3:") and name not in {"s3:GetBucketPolicy", "s3:GetBucketLocation"}
    )
    return ErrorKind.SERVICE if broken_xml else KIND[fault.name]


def expect(outcome: dict[str, Any] | BaseException, kind: ErrorKind | None, name: str) -> None:
    if kind is None:
        assert isinstance(outcome, dict), outcome
        return
    assert isinstance(outcome, ReadError), outcome
    assert (outcome.kind, outcome.needs) == (kind, OPERATIONS[name])
    assert outcome.code
    assert "\n" not in str(outcome)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS, ids=fault_id)
def test_a_faulty_answer_becomes_a_read_error(matrix, fault, name):
    outcomes = matrix[fault_id(fault)]
    expect(outcomes.by_operation[name], kind_of(fault, name), name)
    assert outcomes.seconds < SHORT["timeout"] + GRACE


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fault", ENDPOINTS)
def test_an_endpoint_that_cannot_be_reached_becomes_a_read_error(matrix, fault, name):
    outcomes = matrix[fault]
    expect(outcomes.by_operation[name], ErrorKind.NETWORK, name)
    assert outcomes.seconds < SHORT["timeout"] + GRACE


@pytest.mark.parametrize("name", OPERATIONS)
def test_without_a_fault_every_operation_answers(matrix, name):
    outcome = matrix["none"].by_operation[name]
    expect(outcome, None, name)
    assert outcome, "an empty answer would pass for `there is none`"


def test_the_size_of_the_matrix(matrix):
    """The number the README states."""
    faults = [*map(fault_id, FAULTS), *ENDPOINTS]
    kinds = {KIND[fault.name] for fault in FAULTS if fault.times is None}
    print(f"{len(OPERATIONS)} operations x {len(faults)} faults = {len(OPERATIONS) * len(faults)} reads")
    assert kinds >= {
        ErrorKind.DENIED,
        ErrorKind.THROTTLED,
        ErrorKind.SERVICE,
        ErrorKind.CREDENTIALS,
        ErrorKind.NETWORK,
        ErrorKind.BAD_ANSWER,
    }


# ------------------------------------------------------------------------------------------------------------ S3's Regions
POLICY = Call("s3", "GetBucketPolicy", "us-east-1", {"Bucket": "bucket-one"})


def test_a_bucket_elsewhere_is_asked_in_its_own_region(aws):
    aws.inject("s3:*", faulty.REDIRECT)
    reader = LiveReader(Settings(endpoint_url=aws.url, **SHORT))
    assert "Policy" in reader.read(POLICY)
    assert [request.region for request in aws.requests] == ["us-east-1", faulty.OTHER_REGION]
    reader.read(POLICY)
    assert aws.requests[-1].region == faulty.OTHER_REGION, "remembered"
    assert len(aws.requests) == 3


def test_a_redirect_that_names_no_region_is_said_clearly_and_nothing_else_is_asked(aws):
    aws.inject("s3:*", faulty.REDIRECT_NOWHERE)
    reader = LiveReader(Settings(endpoint_url=aws.url, **SHORT))
    with pytest.raises(ReadError, match="another Region") as caught:
        reader.read(POLICY)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.SERVICE, "PermanentRedirect")
    assert aws.names() == ["s3:GetBucketPolicy"], "no HeadBucket, which is not on the list"


# ------------------------------------------------------------------------------------------------------------- odd answers
def test_a_status_botocore_does_not_know_passes_through(aws):
    stack = {"StackName": "s", "StackStatus": "TELEPORT_FAILED", "CreationTime": "2026-11-25T12:00:00Z"}
    aws.answers["cloudformation:DescribeStacks"] = {"Stacks": [stack]}
    answer = LiveReader(Settings(endpoint_url=aws.url, **SHORT)).read(Call("cloudformation", "DescribeStacks", "us-east-1", {}))
    assert answer["Stacks"][0]["StackStatus"] == "TELEPORT_FAILED"


def test_a_token_that_expires_in_the_middle_of_a_run(aws):
    reader = LiveReader(Settings(endpoint_url=aws.url, **SHORT))
    key = Call("kms", "DescribeKey", "us-east-1", {"KeyId": "k"})
    assert reader.read(key)
    aws.inject("*", faulty.EXPIRED)
    with pytest.raises(ReadError) as caught:
        reader.read(key)
    assert caught.value.kind is ErrorKind.CREDENTIALS
    assert "environment" in caught.value.hint, "the login to renew is the one in use"


def test_one_throttled_call_does_not_slow_down_the_others(aws):
    """What botocore's adaptive mode does (see session._config)."""
    reader = LiveReader(Settings(endpoint_url=aws.url, **SHORT | {"attempts": 3}))
    events = Call("cloudformation", "DescribeStackEvents", "us-east-1", {"StackName": "s"})
    aws.inject("cloudformation:*", faulty.THROTTLED.only(1))
    reader.read(events)
    start = time.monotonic()
    for _ in range(20):
        reader.read(events)
    assert time.monotonic() - start < 6, "adaptive takes a second or two for each"


def test_a_retry_counts_as_one_call(aws):
    aws.inject("*", faulty.UNAVAILABLE.only(1))
    reader = LiveReader(Settings(endpoint_url=aws.url, **SHORT | {"attempts": 2}))
    reader.read(POLICY)
    assert (reader.calls.total, len(aws.requests)) == (1, 2)


def test_a_very_long_answer_is_read_whole(aws):
    aws.answers["kms:GetKeyPolicy"] = {"Policy": "x" * 20_000_000}
    answer = LiveReader(Settings(endpoint_url=aws.url, **SHORT)).read(Call("kms", "GetKeyPolicy", "us-east-1", {"KeyId": "k"}))
    assert len(answer["Policy"]) == 20_000_000


def test_throttling_that_does_not_end_is_said_after_all_attempts(aws):
    aws.inject("*", faulty.THROTTLED)
    with pytest.raises(ReadError) as caught:
        LiveReader(Settings(endpoint_url=aws.url, **SHORT | {"attempts": 3})).read(POLICY)
    assert (caught.value.kind, len(aws.requests)) == (ErrorKind.THROTTLED, 3)
