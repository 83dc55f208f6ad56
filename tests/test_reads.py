"""The count of reads: `rounds` is the longest chain of reads that waited for one another."""

from __future__ import annotations

import pytest

from stackdoctor.aws.workers import Crew
from stackdoctor.reader import Call
from stackdoctor.reads import Pool, ReadLog, in_order

CALL = Call("kms", "DescribeKey", "us-east-1")
OTHER = Call("s3", "GetBucketPolicy", "us-east-1")


@pytest.fixture(params=["one after another", "side by side"])
def pool(request: pytest.FixtureRequest) -> Pool:
    return in_order if request.param == "one after another" else Crew()


def test_reads_one_after_another_are_as_many_rounds():
    log = ReadLog()
    for _ in range(3):
        log.count(CALL)
    assert (log.calls.total, log.calls.rounds) == (3, 3)


def test_reads_of_one_gather_are_one_round(pool):
    log = ReadLog()
    log.gather(*[lambda: log.count(CALL)] * 7, pool=pool)
    assert (log.calls.total, log.calls.rounds) == (7, 1)


def test_the_caller_goes_on_with_the_longest_chain(pool):
    log = ReadLog()

    def chain(length: int):
        return lambda: [log.count(CALL) for _ in range(length)]

    log.count(OTHER)
    log.gather(chain(1), chain(4), chain(2), pool=pool)
    log.count(OTHER)
    assert log.calls.rounds == 1 + 4 + 1
    assert log.calls.by_operation == {"kms:DescribeKey": 7, "s3:GetBucketPolicy": 2}


def test_nested_gathers_count_their_own_longest_chain(pool):
    log = ReadLog()

    def child(reads: int):
        def go():
            log.count(CALL)
            log.gather(*[lambda: log.count(OTHER)] * reads, pool=pool)
            log.count(CALL)

        return go

    log.gather(child(1), lambda: log.gather(child(2), child(3), pool=pool), pool=pool)
    assert log.calls.rounds == 3
    log.count(CALL)
    assert log.calls.rounds == 4


def test_a_gather_of_nothing_costs_nothing(pool):
    log = ReadLog()
    assert log.gather(pool=pool) == []
    assert log.calls.rounds == 0


def test_results_keep_their_order_and_the_first_error_waits_for_all(pool):
    log = ReadLog()
    done = []
    assert log.gather(*(lambda n=n: n * n for n in range(50)), pool=pool) == [n * n for n in range(50)]

    def fails(text: str):
        done.append(text)
        raise ValueError(text)

    with pytest.raises(ValueError, match="first"):
        log.gather(lambda: done.append("ok"), lambda: fails("first"), lambda: fails("second"), lambda: done.append("last"), pool=pool)
    assert sorted(done) == ["first", "last", "ok", "second"]


def test_two_logs_do_not_mix():
    one, other = ReadLog(), ReadLog()
    one.count(CALL)
    one.count(CALL)
    other.count(CALL)
    assert other.calls.rounds == 1
