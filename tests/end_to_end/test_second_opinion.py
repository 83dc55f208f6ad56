"""--confirm-with-aws: Access Analyzer is asked about the corrected policy only when the person says so."""

from __future__ import annotations

from end_to_end.command import stackdoctor
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

FOUND = {
    "findingType": "SECURITY_WARNING",
    "issueCode": "MISSING_CONDITION",
    "findingDetails": "Consider aws:SourceAccount",
    "learnMoreLink": "https://docs.aws.amazon.com/",
    "locations": [],
}


def run(server: FakeAWS, stack: str, *more: str):
    return stackdoctor("diagnose", stack, "--region", "us-east-1", "--endpoint-url", server.url, *more)


def test_its_findings_are_quoted_and_its_cost_is_said_first(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.answer("accessanalyzer:ValidatePolicy", {"findings": [FOUND]})
    ran = run(fake_aws, told.stack, "--confirm-with-aws", "-o", "json")
    assert ran.report["opinions"] == ["fix-1: SECURITY_WARNING MISSING_CONDITION: Consider aws:SourceAccount"]
    assert "free of charge" in ran.err


def test_without_the_option_nobody_is_asked(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    assert run(fake_aws, told.stack, "-o", "json").report["opinions"] == []
    assert not world.called("accessanalyzer:*")


def test_being_denied_costs_one_line(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.deny("accessanalyzer:ValidatePolicy")
    report = run(fake_aws, told.stack, "--confirm-with-aws", "-o", "json").report
    assert report["verdict"] == "explained"
    assert [row["needs"] for row in report["unread"] if "Access Analyzer" in row["what"]] == [["access-analyzer:ValidatePolicy"]]
