"""A sample of the incidents through the installed command line and real HTTP: the same findings, and the exit codes."""

from __future__ import annotations

import pytest
from end_to_end.command import stackdoctor
from lab.fake_aws import FakeAWS

from incidents import judging
from incidents.account import PARTITIONS, Account, Where
from incidents.decoys import DECOYS
from incidents.faults import FAULTS
from incidents.test_decoys import without_sources

SAMPLE = [
    ("via-cloudtrail", Where.PENDING),
    ("context-of-another-account", Where.GONE),
    ("deny-outside-the-organization-on-the-bucket", Where.KEPT),
    ("write-without-the-prefix", Where.TEMPLATE),
    ("bucket-in-another-region", Where.BESIDE),
    ("key-disabled", Where.BESIDE),
]


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(("name", "where"), SAMPLE)
def test_what_is_found_in_process_is_found_over_http(name: str, where: Where, partition: str) -> None:
    account = Account(partition)
    fault = FAULTS[name]
    wrongs = fault.make(account)
    world = judging.world_of(account)
    arn = account.happen(world, where, fault.wordings[0])
    with FakeAWS(world) as server:
        ran = stackdoctor("diagnose", arn, "--endpoint-url", server.url, "-o", "json")
    assert ran.code == 1, ran.err
    said = judging.complaints(account, where, wrongs, ran.report) + judging.verdict(ran.report, wrongs, fault.side)
    assert said + judging.fixes(account, wrongs, ran.report) == []


def test_exit_3_where_nothing_is_found_and_where_something_could_not_be_read() -> None:
    for denied in ((), ("kms:GetKeyPolicy",)):
        account = Account()
        DECOYS["deny-insecure-transport"].make(account)
        account.bucket_policy, account.key_policy = without_sources(account.bucket_policy), without_sources(account.key_policy)
        world = judging.world_of(account)
        account.happen(world, Where.BESIDE, "both")
        world.deny(*denied)
        with FakeAWS(world) as server:
            ran = stackdoctor("diagnose", "audit", "--region", account.region, "--endpoint-url", server.url, "-o", "json")
        assert ran.code == 3
        assert [row["would_decide"] for row in ran.report["unread"] if row["what"].startswith("policy of key")] == [True] * len(denied)
