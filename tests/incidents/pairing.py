"""Which faults can stand side by side: those that do not take away each other's place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from incidents.account import PARTITIONS, Account, Where
from incidents.faults import FAULTS, Fault, Wrong

WHOLE = {
    "only-the-root-statement": ("encrypt", "describe", "decrypt", "key"),
    "only-another-service": ("encrypt", "describe", "decrypt", "key"),
    "bucket-in-another-region": ("via",),
    "bucket-policy-for-another-service": ("acl", "write"),
    "legacy-account-principals": ("acl", "write"),
    "no-bucket-policy": ("acl", "write", "deny-s3", "bucket"),
    "bucket-policy-made-too-late": ("acl", "write", "deny-s3", "bucket"),
    "no-bucket": ("acl", "write", "deny-s3", "bucket", "key", "decrypt"),
    "alias-to-nothing": ("encrypt", "describe", "decrypt", "deny-kms", "key", "key-id"),
    "no-key": ("encrypt", "describe", "decrypt", "deny-kms", "key", "key-id"),
    "key-of-aws": ("encrypt", "describe", "decrypt", "deny-kms", "key"),
}
"""Faults that leave nothing of some places."""
NO_KEY = ("deny-unencrypted-uploads-without-a-trail-key", "deny-all-but-one-key-without-a-trail-key")


@dataclass(frozen=True)
class Pair:
    one: Fault
    other: Fault
    partition: str
    where: Where
    merged: bool

    @property
    def name(self) -> str:
        return f"{self.one.name}+{self.other.name}"

    def made(self) -> tuple[Account, list[Wrong]]:
        options = dict(self.one.options) | dict(self.other.options) | {"merged": self.merged}
        account = Account(self.partition, **options)
        first, second = sorted((self.one, self.other), key=lambda fault: fault.name in {*WHOLE, *NO_KEY})
        found = first.make(account)
        return account, [*found, *second.make(account)]


def place(fault: Fault) -> str:
    return fault.site.partition(":")[0]


def compatible(one: Fault, other: Fault) -> bool:
    if one.site == other.site or not (one.pairs and other.pairs):
        return False
    options = dict(one.options)
    if any(options.get(key, value) != value for key, value in other.options):
        return False
    if one.side == other.side and _takes_all(one) and _takes_all(other):
        return False
    for a, b in ((one, other), (other, one)):
        if set(b.site.split(":")) & set(WHOLE.get(a.name, ())) or (a.name in NO_KEY and (b.side == "kms" or place(b) == "deny-s3")):
            return False
        if place(a) == place(b) and _takes_all(a):
            return False
    return bool(set(one.where) & set(other.where))


def _takes_all(fault: Fault) -> bool:
    """Whether the statement itself is gone."""
    account = Account(**dict(fault.options))
    return any(wrong.statement is None and wrong.denies for wrong in fault.make(account)) or fault.site.endswith(":whole")


def pairs(count: int, seed: int) -> Iterator[Pair]:
    """A seeded sample of different pairs, over all partitions and places of evidence."""
    chance, seen = random.Random(seed), set()
    faults = list(FAULTS.values())
    while len(seen) < count:
        one, other = chance.sample(faults, 2)
        if (one.name, other.name) in seen or not compatible(one, other):
            continue
        seen |= {(one.name, other.name), (other.name, one.name)}
        options = dict(one.options) | dict(other.options)
        where = chance.choice(sorted(set(one.where) & set(other.where)))
        yield Pair(one, other, chance.choice(PARTITIONS), where, options.get("merged", chance.random() < 0.5))


def denied_by(wrongs: list[Wrong], wording: str) -> str:
    """A wording that names one side wins; where it names both, the side that is proven."""
    if wording == "bucket":
        return "s3"
    sides = {wrong.service for wrong in wrongs if wrong.severity == "cause"}
    return sides.pop() if len(sides) == 1 else "s3-or-kms"
