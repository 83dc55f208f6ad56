"""How fast the evaluator is, on AWS's documented bucket policy for CloudTrail and its PutObject, one core.

Run with `pytest tests/benchmarks -n 0`. Time is the processor's, so that a busy machine says little; the promised rates are
held only with STACKDOCTOR_SPEED=1, as a slow one says nothing. Linearity compares the code with itself and always counts.
"""

import itertools
import json
import os
import time

import pytest

from stackdoctor.policy import Caller, Known, Outcome, PolicyKind, Request, evaluate, explain, parse

TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/mgmt"
BUCKET = "arn:aws:s3:::amzn-s3-demo-trail"
TEXT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AWSCloudTrailAclCheck20150319",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:GetBucketAcl",
                "Resource": BUCKET,
                "Condition": {"StringEquals": {"aws:SourceArn": TRAIL}},
            },
            {
                "Sid": "AWSCloudTrailWrite20150319",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": f"{BUCKET}/AWSLogs/111122223333/*",
                "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": TRAIL}},
            },
        ],
    }
)
REQUEST = Request(
    Caller.parse("cloudtrail.amazonaws.com"),
    "s3:PutObject",
    f"{BUCKET}/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/01/x.json.gz",
    "111122223333",
    {
        "aws:SourceArn": Known((TRAIL,)),
        "aws:SourceAccount": Known(("111122223333",)),
        "s3:x-amz-acl": Known(("bucket-owner-full-control",)),
    },
)
POLICY = parse(TEXT, PolicyKind.BUCKET)

pytestmark = pytest.mark.benchmark(timer=time.process_time)


def check_rate(benchmark, work, a_second):
    """Runs `work`, which does 1,000 of what is promised, and holds the promise by the best round."""
    assert benchmark(work) is None
    if benchmark.stats is None:  # switched off, as under xdist: the work was done once
        return
    rate = 1000 / benchmark.stats.stats.min
    benchmark.extra_info["a second"] = round(rate)
    if os.environ.get("STACKDOCTOR_SPEED"):
        assert rate >= a_second, f"{rate:,.0f} a second"


def test_a_decision_with_the_policy_compiled_once(benchmark):
    def work():
        for _ in range(1000):
            evaluate(POLICY, REQUEST)

    assert evaluate(POLICY, REQUEST) is Outcome.ALLOWED
    check_rate(benchmark, work, 100_000)


def test_a_decision_with_the_full_explanation(benchmark):
    def work():
        for _ in range(1000):
            explain(POLICY, REQUEST)

    assert len(explain(POLICY, REQUEST).statements[1].leaves) == 5
    check_rate(benchmark, work, 30_000)


@pytest.mark.parametrize("documents", ["the same again", "every one new"])
def test_a_decision_from_raw_json(benchmark, documents):
    accounts = itertools.count(100_000_000_000)

    def work():
        for _ in range(1000):
            text = TEXT if documents == "the same again" else TEXT.replace("111122223333", str(next(accounts)))
            evaluate(parse(text, PolicyKind.BUCKET), REQUEST)

    check_rate(benchmark, work, 15_000)


# ---------------------------------------------------------------------------------------------- large policies
def large(statements):
    """A policy of about 200 bytes a statement, of which none but the last allows the request."""
    others = [
        {
            "Sid": f"S{n}",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{BUCKET}/team-{n:05}/*",
        }
        for n in range(statements - 1)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*others, json.loads(TEXT)["Statement"][1]]})


def best(work, rounds=7):
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize("what", ["evaluate", "explain", "from raw JSON"])
def test_a_policy_of_20_kb_and_100_statements_stays_linear(what):
    times = {}
    for statements in (100, 800):
        text = large(statements)
        policy = parse(text, PolicyKind.BUCKET)
        assert evaluate(policy, REQUEST) is Outcome.ALLOWED
        match what:
            case "evaluate":
                times[statements] = best(lambda policy=policy: [evaluate(policy, REQUEST) for _ in range(20)])
            case "explain":
                times[statements] = best(lambda policy=policy: [explain(policy, REQUEST) for _ in range(5)])
            case _:
                times[statements] = best(lambda text=text: evaluate(parse(text, PolicyKind.BUCKET), REQUEST))
    assert len(large(100)) > 16_000
    assert times[800] < times[100] * 8 * 2.5


def test_a_20_kb_policy_is_decided(benchmark):
    policy = parse(large(100), PolicyKind.BUCKET)
    assert benchmark(lambda: evaluate(policy, REQUEST)) is Outcome.ALLOWED
