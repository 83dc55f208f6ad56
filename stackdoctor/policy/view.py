"""A request made ready for matching: names lowercased, the wildcard at the end of its resource replaced by a witness.

Also the facts about KMS calls that a request cannot say itself: which of them carry an encryption context.
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from stackdoctor.policy.request import MISSING, OPEN_END, Caller, Knowledge, Known, Missing, OneOf, Request

WITNESS: Final = "\ue001representative-object-below-this-prefix\ue001"
"""Stands for an object that no policy mentions; longer than any run of `?` in earnest."""

ENCRYPTION_CONTEXT: Final = "kms:encryptioncontext"

_WITH_CONTEXT: Final = frozenset(
    f"kms:{name}".lower()
    for name in (
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
        "CreateGrant",
        "RetireGrant",
    )
)


class Variable(Enum):
    """What a policy variable resolves to when it is not a text."""

    UNSET = "unset"
    UNKNOWN = "unknown"


class View:
    """One request as the matchers read it; `asked` is the action as written.

    `silent` is true for a KMS call that never carries an encryption context. A context key that ends in `*` tells of every
    key of that family which is not named itself.
    """

    __slots__ = ("action", "asked", "caller", "context", "families", "otherwise", "resource", "silent")

    def __init__(
        self,
        caller: Caller,
        asked: str,
        resource: str,
        context: Mapping[str, Knowledge],
        otherwise: Knowledge,
        families: tuple[tuple[str, Knowledge], ...],
    ) -> None:
        self.caller = caller
        self.asked = asked
        self.action = action = asked.lower()
        self.resource = resource
        self.context = context
        self.families = families
        self.otherwise = otherwise
        self.silent = action.startswith("kms:") and action not in _WITH_CONTEXT

    @classmethod
    def of(cls, request: Request) -> View:
        resource = request.resource
        if resource.endswith("*"):
            resource = resource[:-1] + WITNESS
        context = {key.lower(): known for key, known in request.context.items()}
        families = tuple((key[:-1], known) for key, known in context.items() if key[-1:] == "*")
        return cls(request.caller, request.action, resource, context, request.otherwise, families)

    def given(self, known: Mapping[str, Knowledge]) -> View:
        """The same request in a world where these keys are known."""
        return View(self.caller, self.asked, self.resource, {**self.context, **known}, self.otherwise, self.families)

    def knowledge(self, key: str) -> Knowledge:
        """What is known of a (lowercased) key."""
        if self.silent and key.startswith(ENCRYPTION_CONTEXT):
            return MISSING
        return self.context.get(key) or self.unnamed(key)

    def unnamed(self, key: str) -> Knowledge:
        """What is known of a key that the request does not name: what it says of the key's family, else of every key."""
        for family, known in self.families:
            if key.startswith(family):
                return known
        return self.otherwise

    def variable(self, key: str) -> str | Variable:
        """The value of a policy variable. A multivalued key is no variable, so it has none."""
        known = self.knowledge(key)
        if isinstance(known, Known):
            if len(known.values) != 1:
                return Variable.UNSET
            return Variable.UNKNOWN if known.values[0][-1:] == OPEN_END else known.values[0]
        return Variable.UNSET if isinstance(known, Missing) else Variable.UNKNOWN

    def is_open(self, key: str) -> bool:
        """Whether more than one value (or absence) of the key is possible."""
        return not isinstance(self.knowledge(key), Known | Missing)

    def possibilities(self, key: str) -> tuple[str, ...]:
        """The few values a key may have, for showing; empty where there are none or too many."""
        known = self.knowledge(key)
        match known:
            case Known(values):
                return tuple(value.replace(OPEN_END, "…") for value in values)
            case OneOf(options):
                return tuple(value.replace(OPEN_END, "…") for option in options if option for value in option)
            case _:
                return ()


def told(request: Request, key: str) -> Knowledge:
    """What the request itself says of a key, whatever its action."""
    wanted = key.lower()
    named = {name.lower(): known for name, known in request.context.items()}
    families = (known for name, known in named.items() if name.endswith("*") and wanted.startswith(name[:-1]))
    return named.get(wanted) or next(families, request.otherwise)
