"""Which accounts and Regions are scanned: the account at hand, a file of accounts, an organization or a part of it.

in: what the command line wants, and a `Reader` for Organizations. out: `Account` values in a stable order, each with the
roles that lead into it. The file has c7n-org's shape (account_id, name, regions, role); what else is in it is left alone.
https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stackdoctor.answers import rows, text
from stackdoctor.errors import CannotRun, UsageError
from stackdoctor.reader import Call, Reader
from stackdoctor.scan.listing import Row, listing
from stackdoctor.scanned import Account

ALL = "all"
MAX_FILE = 16 * 1024 * 1024
MAX_UNITS = 5_000
"""Organizational units walked through; an organization has 2,000 at most by default."""

_ID = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to look, as the command line says it. `regions` are empty for the Region at hand, `("all",)` for all enabled ones."""

    regions: tuple[str, ...] = ()
    organization: bool = False
    units: tuple[str, ...] = ()
    role_name: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the scan starts from: the account of the credentials, its partition, the Region at hand."""

    account: str
    partition: str
    region: str


def own_account(wanted: Wanted, start: Start) -> tuple[Account, ...]:
    """The account of the credentials, and nothing else."""
    return (Account(start.account, regions=_regions(wanted, (), start)),)


def _regions(wanted: Wanted, own: tuple[str, ...], start: Start) -> tuple[str, ...]:
    """The command line's Regions, else the account's own, else the Region at hand; none stands for all enabled ones."""
    chosen = wanted.regions or own or (start.region,)
    return () if ALL in chosen else tuple(dict.fromkeys(chosen))


def _role(name: str, account: str, start: Start) -> str:
    return name if name.startswith("arn:") else f"arn:{start.partition}:iam::{account}:role/{name.removeprefix('/')}"


# --------------------------------------------------------------------------------------------------------------- a file
def from_file(source: str, name: str, wanted: Wanted, start: Start) -> tuple[Account, ...]:
    """The accounts of a file, in its order. Raises UsageError, with the file's name."""
    if len(source) > MAX_FILE:
        raise UsageError(f"{name}: larger than {MAX_FILE // 2**20} MB.")
    try:
        document = YAML(typ="base", pure=True).load(source)  # every scalar is text: 012345678901 keeps its zero
    except (YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{name}: neither YAML nor JSON: {' '.join(str(error).split())[:200]}") from None
    listed = document.get("accounts") if isinstance(document, dict) else document
    if not isinstance(listed, list) or not listed:
        raise UsageError(f"{name}: names no accounts.", _SHAPE)
    found = tuple(_of_entry(entry, f"{name}: account {number}", wanted, start) for number, entry in enumerate(listed, 1))
    seen = set[str]()
    for account in found:
        if account.id in seen:
            raise UsageError(f"{name}: account {account.id} is listed twice.", "Name all its Regions in one entry.")
        seen.add(account.id)
    return found


_SHAPE = "Its shape: accounts: [{account_id: '111122223333', name: prod, regions: [us-east-1], role: arn:aws:iam::111122223333:role/Audit}]"


def _of_entry(entry: Any, where: str, wanted: Wanted, start: Start) -> Account:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is no mapping.", _SHAPE)
    account = entry.get("account_id")
    if not isinstance(account, str) or not _ID.fullmatch(account):
        raise UsageError(f"{where}: account_id {account!r} is not of twelve digits.", _SHAPE)
    regions = _texts(entry, "regions", where)
    for region in regions:
        if region != ALL and not _REGION.fullmatch(region):
            raise UsageError(f"{where}: {region!r} is no name of a Region.")
    roles = tuple(_role(role, account, start) for role in _texts(entry, "role", where) or ([wanted.role_name] if wanted.role_name else ()))
    if not roles and account != start.account:
        raise UsageError(f"{where} ({account}) has no role.", "Add `role: ARN` to it, or --role-name NAME for all.")
    external_id, name = ("".join(_texts(entry, key, where)[:1]) for key in ("external_id", "name"))
    return Account(account, name, roles, external_id or wanted.external_id, _regions(wanted, regions, start))


def _texts(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A text or a list of texts; a role may be a chain of roles."""
    value = entry.get(key)
    if value in (None, "", "null", "~", []):
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and one for one in values):
        raise UsageError(f"{where}: {key} is neither a text nor a list of texts.", _SHAPE)
    return tuple(values)


# ------------------------------------------------------------------------------------------------------ an organization
def from_organization(reader: Reader, wanted: Wanted, start: Start) -> tuple[Account, ...]:
    """The active accounts of the organization, or of some units and all below them; by account id. Raises CannotRun."""
    found = {text(row, "Id") or "": row for row in _members(reader, wanted) if _is_active(row)}
    if not found:
        raise CannotRun(f"There is no active account in {', '.join(wanted.units) or 'the organization'}.", "Check the ids given with --ou.")
    return tuple(_member(found[account], account, wanted, start) for account in sorted(found) if account)


def _is_active(row: Row) -> bool:
    return (text(row, "State") or text(row, "Status") or "ACTIVE") == "ACTIVE"


def _member(row: Row, account: str, wanted: Wanted, start: Start) -> Account:
    """The account the scan starts from is read with the credentials at hand: a StackSet makes no role in the management account."""
    roles = () if account == start.account else (_role(wanted.role_name, account, start),)
    return Account(account, text(row, "Name") or "", roles, wanted.external_id, _regions(wanted, (), start))


def _members(reader: Reader, wanted: Wanted) -> Iterator[Row]:
    if not wanted.units:
        yield from _listed(reader, "ListAccounts", "Accounts", "accounts of the organization")
        return
    todo, seen = list(wanted.units), set[str]()
    while todo and len(seen) < MAX_UNITS:
        unit = todo.pop(0)
        if unit in seen:
            continue
        seen.add(unit)
        yield from _listed(reader, "ListAccountsForParent", "Accounts", f"accounts of {unit}", ParentId=unit)
        below = _listed(reader, "ListOrganizationalUnitsForParent", "OrganizationalUnits", f"units below {unit}", ParentId=unit)
        todo += [child for row in below if (child := text(row, "Id"))]


def _listed(reader: Reader, operation: str, key: str, what: str, **params: str) -> list[Row]:
    found = listing(reader, Call("organizations", operation, reader.region, params), key, what)
    if found.unread:
        missing = found.unread[0]
        hint = (
            f"Allow {', '.join(missing.needs)}; `stackdoctor permissions --for organization` prints the whole policy."
            if missing.needs
            else ""
        )
        raise CannotRun(f"The {what} cannot be read: {missing.error}", hint)
    return found.rows


def enabled_regions(reader: Reader) -> tuple[str, ...]:
    """The Regions this account may use. Raises ReadError."""
    answer = reader.read(Call("ec2", "DescribeRegions", reader.region, {"AllRegions": False}))
    return tuple(sorted(name for row in rows(answer, "Regions") if (name := text(row, "RegionName"))))
