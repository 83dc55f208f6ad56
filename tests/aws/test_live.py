"""`LiveReader` over real HTTP: what it refuses, how it waits, what it gives back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aws import faulty_server as faulty
from aws.faulty_server import FaultyServer
from stackdoctor.aws.guard import ReadOnlyViolation
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.plain import iso, to_json
from stackdoctor.aws.session import open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.reader import Call, ErrorKind, ReadError

pytestmark = pytest.mark.usefixtures("machine")

KEY = Call("kms", "DescribeKey", "us-east-1", {"KeyId": "k"})
POLICY = Call("s3", "GetBucketPolicy", "us-east-1", {"Bucket": "bucket-one"})


@pytest.fixture
def settings(aws: FaultyServer) -> Settings:
    return Settings(region="us-east-1", endpoint_url=aws.url, timeout=20)


@pytest.fixture
def reader(settings: Settings) -> LiveReader:
    return LiveReader(settings)


# ------------------------------------------------------------------------------------------------------------- read-only
WRITES = [
    Call("s3", "PutBucketPolicy", "us-east-1", {"Bucket": "b", "Policy": "{}"}),
    Call("s3", "DeleteBucket", "us-east-1", {"Bucket": "b"}),
    Call("kms", "PutKeyPolicy", "us-east-1", {"KeyId": "k", "PolicyName": "default", "Policy": "{}"}),
    Call("cloudformation", "DeleteStack", "us-east-1", {"StackName": "s"}),
    Call("cloudformation", "ContinueUpdateRollback", "us-east-1", {"StackName": "s"}),
    Call("s3", "HeadObject", "us-east-1", {"Bucket": "b", "Key": "k"}),
]


@pytest.mark.parametrize("call", WRITES, ids=lambda call: call.name)
def test_what_is_not_on_the_list_is_refused_before_a_byte_is_sent(aws, reader, call):
    before = aws.bytes_received
    with pytest.raises(ReadOnlyViolation, match=call.operation):
        reader.read(call)
    assert aws.bytes_received == before
    assert reader.calls.total == 0


def test_even_a_client_in_the_wrong_hands_refuses_it(aws, settings):
    before = aws.bytes_received
    session = open_session(settings)
    with pytest.raises(ReadOnlyViolation, match="s3:PutBucketPolicy"):
        session.client("s3").put_bucket_policy(Bucket="bucket-one", Policy="{}")
    with pytest.raises(ReadOnlyViolation, match="cloudformation:DeleteStack"):
        session.client("cloudformation").delete_stack(StackName="s")
    assert aws.bytes_received == before


# ---------------------------------------------------------------------------------------------------------------- gather
def test_a_gather_is_as_slow_as_its_slowest_call(aws, reader):
    reader.read(KEY)  # the client is made
    aws.latency = 0.3
    start = time.monotonic()
    answers = reader.gather(*[lambda: reader.read(KEY)] * 12)
    assert time.monotonic() - start < 1.8, "one after another: 3.6 s"
    assert len(answers) == 12
    assert reader.calls.rounds == 2


def test_never_more_than_sixteen_calls_at_once(aws, reader):
    reader.read(KEY)
    aws.latency = 0.25
    start = time.monotonic()
    reader.gather(*[lambda: reader.read(KEY)] * 33)
    assert time.monotonic() - start >= 0.75, "three waves"


def test_gathers_nest_as_deep_as_stacks_do(aws, reader):
    def stack(depth: int) -> int:
        reader.read(KEY)
        return 1 + (sum(reader.gather(*[lambda: stack(depth - 1)] * 3)) if depth else 0)

    assert reader.gather(*[lambda: stack(3)] * 4) == [40] * 4
    assert (reader.calls.total, reader.calls.rounds) == (160, 4)


def test_results_keep_their_order_and_the_first_error_comes_when_all_are_done(aws, reader):
    aws.inject("s3:*", faulty.DENIED)
    done: list[str] = []

    def then(call: Call, word: str):
        def go():
            try:
                return reader.read(call)
            finally:
                done.append(word)

        return go

    with pytest.raises(ReadError) as caught:
        reader.gather(then(KEY, "a"), then(POLICY, "b"), then(KEY, "c"), then(POLICY, "d"))
    assert caught.value.call == POLICY
    assert sorted(done) == ["a", "b", "c", "d"]


def test_everything_read_is_kept_with_its_error(aws, settings):
    kept: list[tuple[str, object]] = []
    reader = LiveReader(settings, keep=lambda call, outcome: kept.append((call.name, outcome)))
    aws.inject("s3:*", faulty.DENIED)
    answer = reader.read(KEY)
    with pytest.raises(ReadError) as caught:
        reader.read(POLICY)
    assert kept == [("kms:DescribeKey", answer), ("s3:GetBucketPolicy", caught.value)]


# ---------------------------------------------------------------------------------------------------------- time is bounded
@pytest.mark.parametrize("fault", [faulty.STALL, faulty.UNAVAILABLE, faulty.THROTTLED, faulty.RESET], ids=lambda fault: fault.name)
def test_no_call_outlives_the_deadline(aws, fault):
    reader = LiveReader(Settings(region="us-east-1", endpoint_url=aws.url, timeout=1.0, read_timeout=30, attempts=10))
    aws.inject("*", fault)
    start = time.monotonic()
    with pytest.raises(ReadError) as caught:
        for _ in range(50):
            reader.read(KEY)
    if fault is faulty.STALL:  # the others may also run out of attempts before the time is up
        assert caught.value.kind is ErrorKind.TIMED_OUT
    assert time.monotonic() - start < 5.0, "a second more than the deadline, and what a shared machine takes"


def test_after_the_deadline_nothing_is_sent(aws):
    reader = LiveReader(Settings(region="us-east-1", endpoint_url=aws.url, timeout=0.3))
    time.sleep(0.35)
    with pytest.raises(ReadError) as caught:
        reader.gather(*[lambda: reader.read(KEY)] * 40)
    assert (caught.value.kind, aws.requests) == (ErrorKind.TIMED_OUT, [])
    assert "0.3 s" in caught.value.message


def test_stop_ends_every_read_at_once(aws, reader):
    aws.inject("*", faulty.STALL)
    threading.Timer(0.3, reader.stop).start()
    start = time.monotonic()

    def ask():
        try:
            reader.read(KEY)
        except ReadError as error:
            return error.kind, error.message
        return None

    assert reader.gather(*[ask] * 20) == [(ErrorKind.TIMED_OUT, "interrupted")] * 20
    assert time.monotonic() - start < 2


STALLED = """
import sys
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings
from stackdoctor.reader import Call
reader = LiveReader(Settings(region="us-east-1", endpoint_url=sys.argv[1], read_timeout=60, timeout=60))
print("ready", flush=True)
try:
    reader.gather(*[lambda: reader.read(Call("kms", "DescribeKey", "us-east-1", {"KeyId": "k"}))] * 20)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to a child")
def test_ctrl_c_ends_the_process_at_once_although_calls_still_run(aws):
    aws.inject("*", faulty.STALL)
    child = subprocess.Popen([sys.executable, "-c", STALLED, aws.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 130
    assert time.monotonic() - start < 2
    assert child.stderr.read() == ""


# --------------------------------------------------------------------------------------------------------------- answers
def test_times_are_iso_8601_in_utc_to_the_microsecond():
    assert iso(datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC)) == "2026-11-25T12:00:00.123000+00:00"
    assert iso(datetime(2026, 11, 25, 14, 0, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-25T12:00:00.000000+00:00"


def test_an_answer_is_plain_json_and_keeps_the_milliseconds_aws_sends(aws, reader):
    row = {"StackId": "arn", "EventId": "e", "StackName": "s", "Timestamp": "2026-11-25T12:00:00.123Z"}
    aws.answers["cloudformation:DescribeStackEvents"] = {"StackEvents": [row], "NextToken": "more"}
    answer = reader.read(Call("cloudformation", "DescribeStackEvents", "us-east-1", {"StackName": "s"}))
    assert json.loads(json.dumps(answer)) == {"StackEvents": [row | {"Timestamp": "2026-11-25T12:00:00.123000+00:00"}], "NextToken": "more"}


def test_the_caller_turns_the_pages(aws, reader):
    aws.answers["cloudformation:DescribeStackEvents"] = {"StackEvents": [], "NextToken": "more"}
    reader.read(Call("cloudformation", "DescribeStackEvents", "us-east-1", {"StackName": "s", "NextToken": "page 2"}))
    assert [request.params["NextToken"] for request in aws.requests] == ["page 2"]


@pytest.mark.parametrize("template", ['{\n  "Z": 1,\n  "A": {"b":2}\n}', "Resources:\n  Z: {Type: x}  # kept\n"], ids=["json", "yaml"])
def test_a_template_comes_back_to_the_letter(aws, reader, template):
    aws.answers["cloudformation:GetTemplate"] = {"TemplateBody": template}
    assert reader.read(Call("cloudformation", "GetTemplate", "us-east-1", {"StackName": "s"}))["TemplateBody"] == template


def test_a_template_that_was_parsed_keeps_its_order():
    assert list(json.loads(to_json({"TemplateBody": {"Z": 1, "A": 2}})["TemplateBody"])) == ["Z", "A"]


def test_a_call_goes_to_its_own_region(aws, reader):
    reader.read(Call("kms", "DescribeKey", "eu-central-1", {"KeyId": "k"}))
    reader.read(KEY)
    assert [request.region for request in aws.requests] == ["eu-central-1", "us-east-1"]


def test_latency_and_faults_can_lie_on_the_way_to_another_server(aws):
    """The proxy that the pipeline's fault matrix puts in front of MiniStack."""
    with FaultyServer(upstream=aws.url) as proxy:
        aws.answers["kms:GetKeyPolicy"] = {"Policy": "{}"}
        reader = LiveReader(Settings(region="us-east-1", endpoint_url=proxy.url))
        assert reader.read(Call("kms", "GetKeyPolicy", "us-east-1", {"KeyId": "k"})) == {"Policy": "{}"}
        proxy.inject("kms:*", faulty.DENIED)
        with pytest.raises(ReadError):
            reader.read(KEY)
        assert (proxy.names(), aws.names()) == (["kms:GetKeyPolicy", "kms:DescribeKey"], ["kms:GetKeyPolicy"])
