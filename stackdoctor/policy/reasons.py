"""Why a leaf answered as it did, and the leaves themselves: statement and request in, `Leaf` values out.

Leaves that depend on the statement and one text of the request alone are kept with the statement, as most requests repeat them.
"""

from __future__ import annotations

from stackdoctor.policy.conditions import Clause, resolve
from stackdoctor.policy.operators import Family, Qualifier
from stackdoctor.policy.patterns import as_glob, matcher
from stackdoctor.policy.request import OPEN_END, Knowledge, Known, Missing
from stackdoctor.policy.results import TRI, ActualState, Element, Leaf, LeafReason, Tri
from stackdoctor.policy.statement import Statement
from stackdoctor.policy.view import WITNESS, Variable, View

MAX_KEPT = 512
"""Leaves kept with one statement; then the store starts anew."""


def leaves(statement: Statement, view: View) -> tuple[Leaf, ...]:
    """Every leaf of a statement, in the order Principal, Action, Resource, clauses; of a dead statement first what it lacks."""
    if len(statement.leaves) > MAX_KEPT:
        statement.leaves.clear()
    kept = statement.leaves
    found: list[Leaf] = []
    if statement.dead:
        found.append(Leaf(statement.index, Element.STATEMENT, Tri.NO_MATCH, LeafReason.DEAD_STATEMENT, (statement.dead,)))
    caller, action, resource = view.caller, view.action, view.resource
    if statement.principals is not None:
        key: object = (0, caller.kind, caller.name)
        found.append(kept.get(key) or kept.setdefault(key, _principal(statement, view)))
    if statement.actions is not None:
        key = (1, action)
        found.append(kept.get(key) or kept.setdefault(key, _action(statement, view)))
    if statement.resources is not None:
        if statement.resources.templates:
            found.append(_resource(statement, view))
        else:
            key = (2, resource)
            found.append(kept.get(key) or kept.setdefault(key, _resource(statement, view)))
    for place, clause in enumerate(statement.clauses, 3):
        found.append(_clause(statement, place, clause, view))
    return tuple(found)


# ---------------------------------------------------------------------------------------------- who, what, on which resource
def _principal(statement: Statement, view: View) -> Leaf:
    principals, element = statement.principals, statement.principal_element or Element.PRINCIPAL
    truth = statement.principal_truth(view)
    if truth is True or principals is None:
        reason = LeafReason.MATCHED
    elif element is Element.PRINCIPAL:
        reason = principals.why_not(view.caller)
    else:
        reason = LeafReason.PRINCIPAL_EXCLUDED if truth is False else LeafReason.UNKNOWN_PRINCIPAL
    written = principals.written if principals is not None else ()
    return Leaf(statement.index, element, TRI[truth], reason, written, ActualState.VALUE, (view.caller.name,))


def _action(statement: Statement, view: View) -> Leaf:
    element, actions = statement.action_element or Element.ACTION, statement.actions
    listed = actions is not None and actions.patterns.matches(view.action)
    truth = listed is (element is Element.ACTION)
    missed = LeafReason.ACTION_NOT_LISTED if element is Element.ACTION else LeafReason.ACTION_EXCLUDED
    written = actions.written if actions is not None else ()
    return Leaf(statement.index, element, TRI[truth], LeafReason.MATCHED if truth else missed, written, ActualState.VALUE, (view.asked,))


def _resource(statement: Statement, view: View) -> Leaf:
    element, resources = statement.resource_element or Element.RESOURCE, statement.resources
    truth = statement.resource_truth(view)
    written = resources.written if resources is not None else ()
    if truth is True:
        reason = LeafReason.MATCHED
    elif truth is None:
        reason = LeafReason.UNKNOWN_RESOURCE
    elif element is Element.NOT_RESOURCE:
        reason = LeafReason.RESOURCE_EXCLUDED
    else:
        reason = _why_not_resource(statement, view)
    return Leaf(statement.index, element, TRI[truth], reason, written, ActualState.VALUE, (view.resource.replace(WITNESS, "*"),))


def _why_not_resource(statement: Statement, view: View) -> LeafReason:
    templates = statement.resources.templates if statement.resources is not None else ()
    if any(resolve(template, view) is Variable.UNSET for template in templates):
        return LeafReason.VARIABLE_WITHOUT_VALUE
    if not statement.variables and statement.resources is not None and any("${" in text for text in statement.resources.written):
        return LeafReason.VARIABLE_IN_OLD_VERSION
    return LeafReason.RESOURCE_NOT_LISTED


# ---------------------------------------------------------------------------------------------- clauses
def _clause(statement: Statement, place: int, clause: Clause, view: View) -> Leaf:
    """A clause's leaf; kept by the key's values where no variable of the policy takes part."""
    known = view.knowledge(clause.name)
    if clause.templates or not isinstance(known, Known | Missing):
        return _make_clause(statement, clause, known, view)
    values = known.values if isinstance(known, Known) else None
    key = (place, values, view.silent)
    return statement.leaves.get(key) or statement.leaves.setdefault(key, _make_clause(statement, clause, known, view))


def _make_clause(statement: Statement, clause: Clause, known: Knowledge, view: View) -> Leaf:
    truth = clause.truth(view)
    reason = LeafReason.MATCHED if truth else _why_open(clause, known, view) if truth is None else _why_not(clause, known, view, statement)
    absent = isinstance(known, Missing) or (isinstance(known, Known) and not known.values)
    told = isinstance(known, Known) and not (truth is None and _is_open(known))
    state = ActualState.ABSENT if absent else ActualState.VALUE if told else ActualState.UNKNOWN
    values = view.possibilities(clause.name)
    return Leaf(statement.index, Element.CONDITION, TRI[truth], reason, clause.expected, state, values, clause.operator, clause.key)


def _is_open(known: Known) -> bool:
    """Whether only the beginning of a value is known."""
    return any(value[-1:] == OPEN_END for value in known.values)


def _why_open(clause: Clause, known: Knowledge, view: View) -> LeafReason:
    if clause.op is None:
        return LeafReason.UNKNOWN_OPERATOR
    if not isinstance(known, Known) or _is_open(known):
        return LeafReason.UNKNOWN_VALUE
    open_variable = any(resolve(template, view) is Variable.UNKNOWN for template in clause.templates)
    return LeafReason.UNKNOWN_VALUE if open_variable else LeafReason.UNREADABLE_VALUE


def _why_not(clause: Clause, known: Knowledge, view: View, statement: Statement) -> LeafReason:
    op = clause.op
    if clause.about_context and view.silent and op is not None and not op.negated:
        return LeafReason.ENCRYPTION_CONTEXT_NOT_IN_CALL
    if isinstance(known, Missing) or (isinstance(known, Known) and not known.values):
        return LeafReason.ABSENT
    if op is None or op.family is Family.NULL:
        return LeafReason.PRESENT
    if op.negated:
        return LeafReason.VALUE_EXCLUDED
    if any(resolve(template, view) is Variable.UNSET for template in clause.templates):
        return LeafReason.VARIABLE_WITHOUT_VALUE
    if op.takes_variables and not statement.variables and any("${" in text for text in clause.expected):
        return LeafReason.VARIABLE_IN_OLD_VERSION
    return _why_unequal(clause, view.possibilities(clause.name))


def _why_unequal(clause: Clause, values: tuple[str, ...]) -> LeafReason:
    """A value that would match under another operator, or in other letters, is told apart from one that would not."""
    op = clause.op
    if op is None or not values:
        return LeafReason.VALUE_MISMATCH
    if op.family in {Family.EXACT, Family.IGNORE_CASE}:
        patterns = [as_glob(text) for text in clause.expected if "*" in text or "?" in text]
        if any(matcher(pattern)(value) for pattern in patterns for value in values):
            return LeafReason.WILDCARD_IN_EXACT_OPERATOR
    if op.family in {Family.EXACT, Family.LIKE, Family.ARN}:
        folded = [matcher(as_glob(text.lower()) if op.family is not Family.EXACT else text.lower()) for text in clause.expected]
        every = all if op.qualifier is Qualifier.ALL else any
        if every(any(match(value.lower()) for match in folded) for value in values):
            return LeafReason.CASE_MISMATCH
    return LeafReason.VALUE_MISMATCH
