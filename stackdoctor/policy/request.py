"""The request that is put to a policy: who asks for what on which resource, and what is known of each context key.

A context key is known (with its values), known to be absent, present with an unknown value, one of a few
possibilities, or unknown altogether. Unknown never becomes a guess: the decision is then undecided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

OPEN_END: Final = "\ue004"
"""At the end of a value: only what stands before it is known, as where AWS documents an ARN that ends in `*`."""


@dataclass(frozen=True, slots=True)
class Known:
    """The key is in the request with exactly these values; `()` is present but empty. A value may end in OPEN_END."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The key is known not to be in the request."""


@dataclass(frozen=True, slots=True)
class Present:
    """The key is in the request; its value is not known."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The key is one of a few possibilities: each the key's values, or None for absent."""

    options: tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The key may be absent or have any value."""


Knowledge: TypeAlias = Known | Missing | Present | OneOf | Unknown

MISSING = Missing()
PRESENT = Present()
UNKNOWN = Unknown()


class PrincipalKind(StrEnum):
    SERVICE = "service"
    AWS = "aws"
    FEDERATED = "federated"
    CANONICAL = "canonical"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the request: a service principal name, an IAM ARN (role, user, session, root), an account id, or nobody."""

    kind: PrincipalKind
    name: str

    @classmethod
    def parse(cls, text: str) -> Caller:
        """`cloudtrail.amazonaws.com` → service; `arn:…`/12 digits → aws; `*` → anonymous; 64 hex digits → canonical; else federated."""
        if text == "*":
            return cls(PrincipalKind.ANONYMOUS, text)
        if (text.startswith("arn:") and ":saml-provider/" not in text and ":oidc-provider/" not in text) or (
            text.isdigit() and len(text) == 12
        ):
            return cls(PrincipalKind.AWS, text)
        if ".amazonaws.com" in text or text.endswith((".amazon.com", ".aws.internal")):
            return cls(PrincipalKind.SERVICE, text)
        if len(text) == 64 and all(c in "0123456789abcdef" for c in text):
            return cls(PrincipalKind.CANONICAL, text)
        return cls(PrincipalKind.FEDERATED, text)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `context` keys are looked up case-insensitively; `otherwise` is what is known of a key not named.

    `resource` may end in `*` where the service writes many objects below a prefix: it then stands for a representative object.
    `resource_account` owns the bucket or key; None where it is not known.
    """

    caller: Caller
    action: str
    resource: str
    resource_account: str | None = None
    context: Mapping[str, Knowledge] = field(default_factory=dict)
    otherwise: Knowledge = MISSING
