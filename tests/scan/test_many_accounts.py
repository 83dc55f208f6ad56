"""Several accounts on a real server: MiniStack keeps a backend for each, and hands out roles into them.

Stacks fail there by the lab's rules, as in AWS by the service's; organizations, Regions and roles are MiniStack's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from lab.deploy import deploy
from lab.ministack_server import MiniStack

from scan.cloud import trail_bucket
from scan.running import scan

pytestmark = pytest.mark.engine

STUCK, DENIED, WELL = "222233334444", "333344445555", "444455556666"
ROLE = "StackdoctorRead"


class Member:
    """An account, entered by its role."""

    def __init__(self, server: MiniStack, account: str) -> None:
        self._url = server.url
        arn = f"arn:aws:iam::{account}:role/{ROLE}"
        self._key = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]

    def client(self, service: str, region: str = "us-east-1") -> Any:
        key = self._key
        session = boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], region_name=region)
        return session.client(service, endpoint_url=self._url)


@pytest.fixture(scope="module")
def server() -> Iterator[MiniStack]:
    """One account with a stack stuck in ROLLBACK_FAILED, one whose trail is denied, one in which all is well."""
    with MiniStack() as server:
        assert (
            deploy(Member(server, STUCK).client("cloudformation", "eu-west-1"), "audit", "cloudtrail-kms-viaservice") == "ROLLBACK_FAILED"
        )
        for account in (DENIED, WELL):
            member, bucket = Member(server, account), f"logs-{account}"
            member.client("s3").create_bucket(Bucket=bucket)
            allowed = account if account == WELL else STUCK
            member.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(trail_bucket(bucket, allowed)))
            member.client("cloudtrail").create_trail(Name="management", S3BucketName=bucket)
        yield server


def accounts(folder: Path, *regions: str) -> str:
    rows = [
        {"account_id": one, "name": name, "regions": list(regions), "role": ROLE}
        for one, name in ((STUCK, "stuck"), (DENIED, "denied"), (WELL, "well"))
    ]
    path = folder / "accounts.json"
    path.write_text(json.dumps({"accounts": rows}))
    return str(path)


def test_each_account_is_read_with_its_own_role(server: MiniStack, tmp_path: Path) -> None:
    ran = scan(server.environment(), "--accounts", accounts(tmp_path, "us-east-1", "eu-west-1"), "-o", "json")
    report = ran.report
    assert ran.code == 1
    found = {(row["account"], row["region"], row["kind"], row["name"]) for row in report["problems"]}
    assert found == {(STUCK, "eu-west-1", "stack", "audit"), (DENIED, "us-east-1", "trail", "management")}
    assert {row["state"] for row in report["places"] if row["account"] == WELL} == {"healthy"}


def test_a_stack_that_failed_for_real_is_explained(server: MiniStack, tmp_path: Path) -> None:
    report = scan(server.environment(), "--accounts", accounts(tmp_path, "eu-west-1"), "-o", "json").report
    (stack,) = [row for row in report["problems"] if row["kind"] == "stack"]
    assert (stack["status"], stack["explained"]) == ("ROLLBACK_FAILED", True)
    assert "kms:ViaService" in {finding["clause"]["key"] for finding in stack["diagnosis"]["findings"] if finding["clause"]}
    assert stack["diagnosis"]["blockers"]


def test_all_regions_of_several_accounts(server: MiniStack, tmp_path: Path) -> None:
    report = scan(server.environment(), "--accounts", accounts(tmp_path), "--all-regions", "-o", "json").report
    enabled = sorted(row["RegionName"] for row in server.client("ec2").describe_regions()["Regions"])
    for account in (STUCK, DENIED, WELL):
        assert [row["region"] for row in report["places"] if row["account"] == account] == enabled


def test_an_organization_and_a_unit_of_it(server: MiniStack) -> None:
    """The management account is read with the credentials at hand, members by their role."""
    organizations = server.client("organizations")
    made = organizations.create_account(Email="a@example.com", AccountName="member")["CreateAccountStatus"]["AccountId"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=made, SourceParentId=root, DestinationParentId=unit)
    every = {row["Id"] for row in organizations.list_accounts()["Accounts"]}
    whole = scan(server.environment(), "--organization", "--role-name", ROLE, "-o", "json")
    assert {row["account"] for row in whole.report["places"]} == every
    assert whole.code == 0
    below = scan(server.environment(), "--ou", root, "--role-name", ROLE, "-o", "json")
    assert {row["account"] for row in below.report["places"]} == every
    part = scan(server.environment(), "--ou", unit, "--role-name", ROLE, "-o", "json")
    assert [row["account"] for row in part.report["places"]] == [made]


def test_a_role_from_a_role(server: MiniStack, tmp_path: Path) -> None:
    chain = [f"arn:aws:iam::{WELL}:role/Hub", f"arn:aws:iam::{DENIED}:role/{ROLE}"]
    path = tmp_path / "chain.json"
    path.write_text(json.dumps([{"account_id": DENIED, "role": chain, "regions": ["us-east-1"]}]))
    report = scan(server.environment(), "--accounts", str(path), "-o", "json").report
    assert [row["name"] for row in report["problems"]] == ["management"]
