"""What an evaluation answers: an outcome, and on demand the reason at every leaf. Only values, no behaviour.

`Truth` is the three-valued answer used inside (`None`: it depends on what is not known); `Tri` is its name outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Truth: TypeAlias = bool | None


class Tri(StrEnum):
    """Whether something matches: in every world of the unknown keys, in none, or in some."""

    MATCH = "match"
    NO_MATCH = "no-match"
    MAYBE = "maybe"


TRI: dict[Truth, Tri] = {True: Tri.MATCH, False: Tri.NO_MATCH, None: Tri.MAYBE}


class Outcome(StrEnum):
    """The decision. Where a request is denied in every world, explicitly in some and implicitly in others, it is implicitly denied."""

    ALLOWED = "allowed"
    EXPLICITLY_DENIED = "explicitly-denied"
    IMPLICITLY_DENIED = "implicitly-denied"
    UNDECIDED = "undecided"

    @property
    def denied(self) -> bool:
        return self in {Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED}


class Element(StrEnum):
    """The element of a statement a leaf belongs to; `STATEMENT` where the statement as a whole has no effect."""

    PRINCIPAL = "Principal"
    NOT_PRINCIPAL = "NotPrincipal"
    ACTION = "Action"
    NOT_ACTION = "NotAction"
    RESOURCE = "Resource"
    NOT_RESOURCE = "NotResource"
    CONDITION = "Condition"
    STATEMENT = "Statement"


class LeafReason(StrEnum):
    """Why a leaf answered as it did; a closed set."""

    MATCHED = "matched"
    PRINCIPAL_NOT_LISTED = "principal-not-listed"
    PRINCIPAL_EXCLUDED = "principal-excluded"
    ROOT_DOES_NOT_COVER_SERVICE = "root-does-not-cover-service"
    DELETED_PRINCIPAL = "deleted-principal"
    WILDCARD_IN_PRINCIPAL = "wildcard-in-principal"
    UNKNOWN_PRINCIPAL = "unknown-principal"
    ACTION_NOT_LISTED = "action-not-listed"
    ACTION_EXCLUDED = "action-excluded"
    RESOURCE_NOT_LISTED = "resource-not-listed"
    RESOURCE_EXCLUDED = "resource-excluded"
    UNKNOWN_RESOURCE = "unknown-resource"
    ABSENT = "absent"
    PRESENT = "present"
    VALUE_MISMATCH = "value-mismatch"
    VALUE_EXCLUDED = "value-excluded"
    CASE_MISMATCH = "case-mismatch"
    WILDCARD_IN_EXACT_OPERATOR = "wildcard-in-exact-operator"
    VARIABLE_WITHOUT_VALUE = "variable-without-value"
    VARIABLE_IN_OLD_VERSION = "variable-in-old-version"
    ENCRYPTION_CONTEXT_NOT_IN_CALL = "encryption-context-not-in-call"
    UNREADABLE_VALUE = "unreadable-value"
    UNKNOWN_VALUE = "unknown-value"
    UNKNOWN_OPERATOR = "unknown-operator"
    DEAD_STATEMENT = "dead-statement"


class ActualState(StrEnum):
    VALUE = "value"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One element or one clause of a statement, held against the request.

    `expected` is what the policy says; `actual_values` what the request carries, or the few possibilities of an unknown key.
    `operator` and `key` are empty except for a Condition.
    """

    statement: int
    element: Element
    matched: Tri
    reason: LeafReason
    expected: tuple[str, ...] = ()
    actual_state: ActualState = ActualState.VALUE
    actual_values: tuple[str, ...] = ()
    operator: str = ""
    key: str = ""


class Layer(StrEnum):
    """Which document a statement result comes from."""

    POLICY = "policy"
    RCP = "rcp"


@dataclass(frozen=True, slots=True)
class StatementResult:
    """One statement held against the request. `index` counts from 0 in its document as stored."""

    index: int
    sid: str | None
    effect: str
    matched: Tri
    leaves: tuple[Leaf, ...]
    layer: Layer = Layer.POLICY

    @property
    def unmet(self) -> tuple[Leaf, ...]:
        """The leaves that keep the statement from matching in every world."""
        return tuple(leaf for leaf in self.leaves if leaf.matched is not Tri.MATCH)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome and why.

    `deciding`  the statements that decide it: the Deny, the Allow, or, of an undecided answer, those that may apply.
    `nearest`   for a request that is not allowed for want of an Allow: the Allow statements, nearest first.
    `hangs_on`  the clauses whose unknown keys an undecided answer hangs on.
    `grants`    indices of the grants that allow the request; `restricted` whether RestrictPublicBuckets took an Allow away.
    """

    outcome: Outcome
    statements: tuple[StatementResult, ...]
    deciding: tuple[StatementResult, ...] = ()
    nearest: tuple[StatementResult, ...] = ()
    hangs_on: tuple[Leaf, ...] = ()
    rcp_statements: tuple[StatementResult, ...] = ()
    grants: tuple[int, ...] = ()
    restricted: bool = False
