"""The 27 condition operators, their IfExists forms and the two set qualifiers, as one table.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """How values are compared."""

    EXACT = "exact"
    IGNORE_CASE = "ignore-case"
    LIKE = "like"
    ARN = "arn"
    BOOL = "bool"
    BINARY = "binary"
    NUMERIC = "numeric"
    DATE = "date"
    IP = "ip"
    NULL = "null"


class Relation(StrEnum):
    EQUALS = "Equals"
    LESS = "LessThan"
    LESS_OR_EQUAL = "LessThanEquals"
    GREATER = "GreaterThan"
    GREATER_OR_EQUAL = "GreaterThanEquals"


class Qualifier(StrEnum):
    """`ForAllValues:` and `ForAnyValue:`, for multivalued keys."""

    NONE = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator taken apart; `base` is its plain name (`StringNotLike`)."""

    base: str
    family: Family
    relation: Relation = Relation.EQUALS
    negated: bool = False
    if_exists: bool = False
    qualifier: Qualifier = Qualifier.NONE

    @property
    def takes_variables(self) -> bool:
        """Policy variables are allowed in String, Arn and Bool operators only."""
        return self.family in _WITH_VARIABLES


_WITH_VARIABLES = frozenset({Family.EXACT, Family.IGNORE_CASE, Family.LIKE, Family.ARN, Family.BOOL})

_BASES: tuple[tuple[str, Family, Relation, bool], ...] = (
    ("StringEquals", Family.EXACT, Relation.EQUALS, False),
    ("StringNotEquals", Family.EXACT, Relation.EQUALS, True),
    ("StringEqualsIgnoreCase", Family.IGNORE_CASE, Relation.EQUALS, False),
    ("StringNotEqualsIgnoreCase", Family.IGNORE_CASE, Relation.EQUALS, True),
    ("StringLike", Family.LIKE, Relation.EQUALS, False),
    ("StringNotLike", Family.LIKE, Relation.EQUALS, True),
    *(
        (f"{name}{suffix}", family, relation, negated)
        for name, family in (("Numeric", Family.NUMERIC), ("Date", Family.DATE))
        for suffix, relation, negated in (
            ("Equals", Relation.EQUALS, False),
            ("NotEquals", Relation.EQUALS, True),
            *((r.value, r, False) for r in Relation if r is not Relation.EQUALS),
        )
    ),
    ("Bool", Family.BOOL, Relation.EQUALS, False),
    ("BinaryEquals", Family.BINARY, Relation.EQUALS, False),
    ("IpAddress", Family.IP, Relation.EQUALS, False),
    ("NotIpAddress", Family.IP, Relation.EQUALS, True),
    ("ArnEquals", Family.ARN, Relation.EQUALS, False),
    ("ArnLike", Family.ARN, Relation.EQUALS, False),
    ("ArnNotEquals", Family.ARN, Relation.EQUALS, True),
    ("ArnNotLike", Family.ARN, Relation.EQUALS, True),
    ("Null", Family.NULL, Relation.EQUALS, False),
)


def _table() -> dict[str, Operator]:
    table: dict[str, Operator] = {}
    for base, family, relation, negated in _BASES:
        table[base.lower()] = Operator(base, family, relation, negated)
        if family is Family.NULL:
            continue
        for qualifier in Qualifier:
            for suffix in ("", "IfExists"):
                name = f"{qualifier}{base}{suffix}"
                table[name.lower()] = Operator(base, family, relation, negated, suffix != "", qualifier)
    return table


OPERATORS: dict[str, Operator] = _table()
"""Every legal operator by its lowercased name; operators are compared without regard to case."""
