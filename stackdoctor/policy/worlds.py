"""Statements that some unknown key leaves open, decided by enumerating the worlds where that is feasible.

A world gives every open key one of the values the open statements can tell apart (`witnesses`). Keys that cannot be
enumerated stay unknown in every world; the answer is then what all worlds agree on, so it is never wrong, at worst undecided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from stackdoctor.policy.conditions import Clause
from stackdoctor.policy.keys import KEY_TYPES
from stackdoctor.policy.request import MISSING, Knowledge, Known, OneOf, Present
from stackdoctor.policy.statement import Statement
from stackdoctor.policy.view import View
from stackdoctor.policy.witnesses import witnesses

MAX_WORLDS = 4096
MAX_SET = 6
"""Of a multivalued key with this many classes of values, all sets are tried."""


def worlds(statements: Sequence[Statement], view: View) -> Iterator[View]:
    """The request in every world the open statements can tell apart; the request itself if there is nothing to enumerate."""
    choices = _choices(statements, view)
    names = tuple(choices)
    for picked in product(*choices.values()):
        yield view.given(dict(zip(names, picked, strict=True)))


def _choices(statements: Sequence[Statement], view: View) -> Mapping[str, tuple[Knowledge, ...]]:
    """For each open key its possible values, the smallest sets first, as long as their product stays feasible."""
    clauses: dict[str, list[Clause]] = {}
    for statement in statements:
        for clause in statement.clauses:
            if view.is_open(clause.name) and clause.truth(view) is None:
                clauses.setdefault(clause.name, []).append(clause)
    variables = {key for statement in statements for key in _variables(statement) if view.is_open(key)}
    found = {
        name: _options(name, tuple(clauses.get(name, ())), view, as_variable=name in variables)
        for name in (*clauses, *(variables - clauses.keys()))
    }
    chosen: dict[str, tuple[Knowledge, ...]] = {}
    total = 1
    for name, options in sorted(((n, o) for n, o in found.items() if o), key=lambda item: (len(item[1]), item[0])):
        if total * len(options) > MAX_WORLDS:
            break
        total *= len(options)
        chosen[name] = options
    return chosen


def _variables(statement: Statement) -> Iterator[str]:
    templates = [template for clause in statement.clauses for template in clause.templates]
    if statement.resources is not None:
        templates.extend(statement.resources.templates)
    for template in templates:
        yield from template.keys


def _options(name: str, clauses: tuple[Clause, ...], view: View, *, as_variable: bool) -> tuple[Knowledge, ...]:
    """What an open key may be, or () where that cannot be listed (a variable of unknown value, an unknown operator)."""
    known = view.knowledge(name)
    if isinstance(known, OneOf):
        return tuple(MISSING if option is None else Known(option) for option in known.options)
    if as_variable:
        return ()
    tests = [clause.test(view) for clause in clauses]
    complete = tuple(test for test in tests if test is not None)
    values = witnesses(complete, KEY_TYPES.get(name)) if len(complete) == len(tests) else None
    if values is None:
        return ()
    in_sets = any(clause.is_set for clause in clauses)
    present = tuple(Known(picked) for picked in (_sets(values) if in_sets else ((value,) for value in values)))
    if not present:
        return ()
    absent = (MISSING, Known(("",))) if in_sets else (MISSING,)
    return present if isinstance(known, Present) else (*absent, *present)


def _sets(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Every set of these values that is not empty; the empty text is no value to a set qualifier."""
    if len(values) > MAX_SET:
        return ()
    return tuple(picked for size in range(1, len(values) + 1) for picked in combinations(values, size) if any(picked))
