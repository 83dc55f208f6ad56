"""The Principal and NotPrincipal elements: whom they name, and whether the caller is among them.

`{"AWS": account}` and the account's root ARN stand for the account: in a bucket policy and a key policy alike they
delegate to the account's own identities, so they are taken to match each of them (what the identity's own policies say
is not this policy's question) and never a service principal. A role's ARN matches the role's sessions; `*` and
`{"AWS": "*"}` match everybody, services too; there are no partial wildcards.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from stackdoctor.policy.request import Caller, PrincipalKind
from stackdoctor.policy.results import LeafReason, Truth

UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{8,}")
"""A role's or user's unique id: what AWS shows in place of the ARN of a principal that was deleted."""
_ACCOUNT = re.compile(r"\d{12}")
_IAM_ARN = re.compile(r"arn:([a-z0-9-]+):(iam|sts)::([^:]*):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an AWS caller's name says: the account it belongs to, its ARN, and `account/role name` of a role or session."""

    account: str
    arn: str
    role: str = ""
    is_session: bool = False
    is_account: bool = False


@lru_cache(maxsize=4096)
def identity(name: str) -> Identity:
    """An account id, a root ARN, or the ARN of a user, role, assumed-role session or federated user."""
    if _ACCOUNT.fullmatch(name):
        return Identity(name, "", is_account=True)
    found = _IAM_ARN.fullmatch(name)
    if found is None:
        return Identity("", name)
    account, path = found.group(3), found.group(4)
    if path == "root":
        return Identity(account, name, is_account=True)
    if path.startswith("role/"):
        return Identity(account, name, role=f"{account}/{path.rsplit('/', 1)[1]}")
    if path.startswith("assumed-role/"):
        return Identity(account, name, role=f"{account}/{path.split('/')[1]}", is_session=True)
    return Identity(account, name)


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalSet:
    """Everybody a Principal element names, ready to be looked up. `written` is each entry as `Type: name`."""

    written: tuple[str, ...]
    anyone: bool
    services: frozenset[str]
    accounts: frozenset[str]
    arns: frozenset[str]
    roles: frozenset[str]
    others: frozenset[str]
    canonical: frozenset[str]
    deleted: tuple[str, ...]
    wildcarded: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing odd about any of the entries."""
        return not (self.deleted or self.wildcarded or self.unknown)

    def covers(self, caller: Caller) -> Truth:
        """Whether a Principal element matches the caller."""
        if self.anyone:
            return True
        if caller.kind is PrincipalKind.SERVICE:
            named: Truth = caller.name in self.services or "*" in self.services or caller.name in self.others
        elif caller.kind is PrincipalKind.AWS:
            named = self._covers_identity(identity(caller.name))
        elif caller.kind is PrincipalKind.CANONICAL:
            named = caller.name in self.canonical or (None if self.accounts or self.arns else False)
        else:
            named = caller.kind is PrincipalKind.FEDERATED and (caller.name in self.others or "*" in self.others)
        return None if named is False and self.unknown else named

    def _covers_identity(self, who: Identity) -> Truth:
        if who.account in self.accounts or who.arn in self.arns or (who.role and who.is_session and who.role in self.roles):
            return True
        return None if self.canonical else False

    def excludes(self, caller: Caller) -> Truth:
        """Whether a NotPrincipal element exempts the caller.

        A user or role is exempt where it is named with its account; AWS says that without the account the exemption might
        not hold, hence `None`. A session must be named itself, with its role and account.
        """
        if self.anyone or caller.kind is not PrincipalKind.AWS:
            return self.covers(caller)
        who = identity(caller.name)
        if who.is_account:
            return who.account in self.accounts
        itself = who.arn in self.arns
        role_named = who.role in self.roles if who.role else True
        if itself and role_named and who.account in self.accounts:
            return True
        if itself or (who.role and role_named and not who.is_session) or self.canonical or self.unknown:
            return None
        return False

    def why_not(self, caller: Caller) -> LeafReason:
        """Why a Principal element does not match the caller, or may not."""
        if self.unknown or self.canonical or caller.kind is PrincipalKind.CANONICAL:
            return LeafReason.UNKNOWN_PRINCIPAL if self.covers(caller) is None else LeafReason.PRINCIPAL_NOT_LISTED
        if caller.kind is PrincipalKind.SERVICE and self.accounts:
            return LeafReason.ROOT_DOES_NOT_COVER_SERVICE
        if self.wildcarded:
            return LeafReason.WILDCARD_IN_PRINCIPAL
        if self.deleted and not (self.services or self.arns):
            return LeafReason.DELETED_PRINCIPAL
        return LeafReason.PRINCIPAL_NOT_LISTED


@lru_cache(maxsize=1024)
def compile_principals(pairs: tuple[tuple[str, str], ...]) -> PrincipalSet:
    """`(type, name)` pairs as the document lists them; type is empty for the bare text `*`."""
    names: dict[str, set[str]] = {kind: set() for kind in ("Service", "AWS", "Federated", "CanonicalUser")}
    unknown = tuple(f"{kind}: {name}" for kind, name in pairs if kind and kind not in names)
    for kind, name in pairs:
        names.get(kind, set()).add(name)
    aws = {name: identity(name) for name in names["AWS"]}
    return PrincipalSet(
        written=tuple(f"{kind}: {name}" if kind else name for kind, name in pairs),
        anyone="*" in names["AWS"] or ("", "*") in pairs,
        services=frozenset(names["Service"]),
        accounts=frozenset(who.account for who in aws.values() if who.is_account and who.account),
        arns=frozenset(name for name, who in aws.items() if name.startswith("arn:") and not who.is_account),
        roles=frozenset(who.role for who in aws.values() if who.role and not who.is_session),
        others=frozenset(names["Federated"]),
        canonical=frozenset(names["CanonicalUser"]),
        deleted=tuple(name for name in aws if UNIQUE_ID.fullmatch(name)),
        wildcarded=tuple(name for kind, name in pairs if kind and name != "*" and ("*" in name or "?" in name)),
        unknown=unknown,
    )
