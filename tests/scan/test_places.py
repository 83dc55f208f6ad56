"""Which accounts and Regions are scanned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from lab.world import World

from stackdoctor.aws.live import LiveReader
from stackdoctor.errors import CannotRun, UsageError
from stackdoctor.scan.places import Start, Wanted, enabled_regions, from_file, from_organization, own_account
from stackdoctor.scanned import Account

START = Start("111122223333", "aws", "us-east-1")

C7N_ORG = """
accounts:
- account_id: '123123123123'
  name: account-1
  regions:
  - us-east-1
  - us-west-2
  role: arn:aws:iam::123123123123:role/CloudCustodian
  vars:
    charge_code: xyz
  tags:
  - type:prod
- account_id: 012345678901
  name: zero
  role: [arn:aws:iam::555566667777:role/Hub, Audit]
  external_id: secret
  email: zero@example.com
"""


def file(source: str, wanted: Wanted | None = None) -> tuple[Account, ...]:
    return from_file(source, "accounts.yml", wanted or Wanted(), START)


def test_a_file_as_c7n_org_takes_it() -> None:
    first, second = file(C7N_ORG)
    assert first == Account("123123123123", "account-1", ("arn:aws:iam::123123123123:role/CloudCustodian",), "", ("us-east-1", "us-west-2"))
    chain = ("arn:aws:iam::555566667777:role/Hub", "arn:aws:iam::012345678901:role/Audit")
    assert second == Account("012345678901", "zero", chain, "secret", ("us-east-1",))


def test_json_and_a_bare_list_do_as_well() -> None:
    entry = {"account_id": "123123123123", "name": "one", "role": "Audit", "regions": ["eu-west-1"]}
    expected = (Account("123123123123", "one", ("arn:aws:iam::123123123123:role/Audit",), "", ("eu-west-1",)),)
    assert file(json.dumps({"accounts": [entry]})) == expected
    assert file(json.dumps([entry])) == expected


def test_the_command_line_outweighs_the_file_as_in_c7n_org() -> None:
    first, _ = file(C7N_ORG, Wanted(regions=("eu-north-1",), role_name="ignored", external_id="other"))
    assert (first.regions, first.roles, first.external_id) == (
        ("eu-north-1",),
        ("arn:aws:iam::123123123123:role/CloudCustodian",),
        "other",
    )


def test_all_stands_for_every_enabled_region() -> None:
    (account,) = file("[{account_id: '123123123123', role: X, regions: [all]}]")
    assert account.regions == ()


def test_a_role_for_all_in_the_own_partition() -> None:
    (account,) = from_file("[{account_id: '123123123123'}]", "f", Wanted(role_name="path/Audit"), Start("1", "aws-cn", "cn-north-1"))
    assert account.roles == ("arn:aws-cn:iam::123123123123:role/path/Audit",)


def test_the_own_account_needs_no_role() -> None:
    assert file("[{account_id: '111122223333'}]") == (Account("111122223333", regions=("us-east-1",)),)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "names no accounts"),
        ("accounts: []", "names no accounts"),
        ("subscriptions: [{name: azure}]", "names no accounts"),
        ("a: [1", "neither YAML nor JSON"),
        ("[just-a-text]", "account 1 is no mapping"),
        ("[{name: x}]", "is not of twelve digits"),
        ("[{account_id: '123'}]", "is not of twelve digits"),
        ("[{account_id: '123123123123'}]", "has no role"),
        ("[{account_id: '123123123123', profile: x}]", "has no role"),
        ("[{account_id: '123123123123', role: X, regions: [everywhere]}]", "no name of a Region"),
        ("[{account_id: '123123123123', role: {a: b}}]", "neither a text nor a list"),
        ("[{account_id: '123123123123', role: X}, {account_id: '123123123123', role: Y}]", "listed twice"),
        ("!!python/object/apply:os.system [id]", "account 1 is no mapping"),
    ],
)
def test_a_file_that_is_wrong_says_where(source: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as found:
        file(source)
    assert str(found.value).startswith("accounts.yml")
    assert found.value.exit_code == 2


def test_only_the_account_at_hand() -> None:
    assert own_account(Wanted(), START) == (Account("111122223333", regions=("us-east-1",)),)
    assert own_account(Wanted(("all",)), START) == (Account("111122223333"),)
    assert own_account(Wanted(("eu-west-1", "us-east-1", "eu-west-1")), START)[0].regions == ("eu-west-1", "us-east-1")


# ------------------------------------------------------------------------------------------------------- an organization
def member(account: str, name: str, status: str = "ACTIVE") -> dict[str, Any]:
    return {"Id": account, "Name": name, "Status": status}


def paged(key: str, pages: list[list[dict[str, Any]]]) -> Any:
    def answer(params: Mapping[str, Any]) -> dict[str, Any]:
        page = int(params.get("NextToken") or 0)
        more = {"NextToken": str(page + 1)} if page + 1 < len(pages) else {}
        return {key: pages[page], **more}

    return answer


def test_every_active_account_by_its_id_with_the_role(reader: LiveReader, world: World) -> None:
    pages = [
        [member("999900001111", "last"), member("111122223333", "management")],
        [],
        [member("222233334444", "a"), member("5" * 12, "gone", "SUSPENDED")],
    ]
    world.answer("organizations:ListAccounts", paged("Accounts", pages))
    found = from_organization(reader, Wanted(role_name="Audit", external_id="x", organization=True), START)
    assert [account.id for account in found] == ["111122223333", "222233334444", "999900001111"]
    assert found[0].roles == ()
    assert found[2] == Account("999900001111", "last", ("arn:aws:iam::999900001111:role/Audit",), "x", ("us-east-1",))


def test_a_unit_with_all_units_below_it(reader: LiveReader, world: World) -> None:
    below = {"ou-a": ["ou-b"], "ou-b": ["ou-a"], "ou-c": []}
    accounts = {"ou-a": ["222233334444"], "ou-b": ["333344445555"], "ou-c": ["444455556666"]}
    units = {"OrganizationalUnits": []}
    world.answer("organizations:ListOrganizationalUnitsForParent", units)
    for unit, children in below.items():
        world.answer(
            "organizations:ListOrganizationalUnitsForParent", {"OrganizationalUnits": [{"Id": child} for child in children]}, ParentId=unit
        )
        world.answer("organizations:ListAccountsForParent", {"Accounts": [member(one, "n") for one in accounts[unit]]}, ParentId=unit)
    found = from_organization(reader, Wanted(units=("ou-a",), role_name="Audit"), START)
    assert [account.id for account in found] == ["222233334444", "333344445555"]


def test_a_unit_without_accounts_is_no_healthy_one(reader: LiveReader, world: World) -> None:
    world.answer("organizations:ListOrganizationalUnitsForParent", {"OrganizationalUnits": []})
    world.answer("organizations:ListAccountsForParent", {"Accounts": [member("222233334444", "gone", "SUSPENDED")]})
    with pytest.raises(CannotRun, match="no active account in ou-a"):
        from_organization(reader, Wanted(units=("ou-a",), role_name="Audit"), START)


def test_an_organization_that_may_not_be_listed_stops_the_scan(reader: LiveReader, world: World) -> None:
    world.deny("organizations:*")
    with pytest.raises(CannotRun, match="accounts of the organization cannot be read") as found:
        from_organization(reader, Wanted(organization=True, role_name="Audit"), START)
    assert "organizations:ListAccounts" in found.value.hint


def test_the_enabled_regions(reader: LiveReader, world: World) -> None:
    world.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "ap-south-2", "OptInStatus": "opted-in"}]})
    assert enabled_regions(reader) == ("ap-south-2", "us-east-1")
