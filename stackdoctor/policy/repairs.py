"""From the leaves that keep a request from passing: the operations that might mend each, cheapest first.

Nothing here is trusted: `edit` applies every candidate and evaluates the result. A repair of an Allow mends all its unmet
leaves at once; a repair of a Deny exempts the caller, and never removes the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from stackdoctor.policy.actions import KMS_ACTIONS
from stackdoctor.policy.document import Policy
from stackdoctor.policy.likeness import ALIKE, is_slip, likeness, nearest_text, service_label
from stackdoctor.policy.operators import OPERATORS, Family, Operator
from stackdoctor.policy.ops import AddClause, AddStatement, DropClause, EditText, EditValue, MoveClause, Op, SetVersion
from stackdoctor.policy.patterns import as_glob, matcher
from stackdoctor.policy.principals import UNIQUE_ID
from stackdoctor.policy.request import OPEN_END, Known, OneOf, PrincipalKind, Request
from stackdoctor.policy.results import Element, Explanation, Leaf, LeafReason, StatementResult, Tri
from stackdoctor.policy.view import View, told

SOURCE_ARN = "aws:SourceArn"
IS_SERVICE = "aws:PrincipalIsAWSService"
MAX_COMBINATIONS = 24
MAX_UNMET = 8
"""A statement with more faults than this was not meant for the request; it is left alone."""

ADD_STATEMENT = 2.5
"""Removing or correcting what is wrong costs less than this, so it beats adding a statement."""

UNCONDITIONED = frozenset({"kms:describekey", "kms:decrypt"})
"""Actions that AWS's documented key policies grant a service without conditions.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
"""


@dataclass(frozen=True, slots=True)
class Repair:
    """Operations that might let a request pass, and what they cost; `hopeful` where the answer then still hangs on an unknown key."""

    cost: float
    ops: tuple[Op, ...]
    hopeful: bool = False


def repairs(policy: Policy, request: Request, found: Explanation, source_arn: str | None) -> list[Repair]:
    """What might bring this request a step nearer: a Deny is mended first, then the Allow statements nearest to it."""
    denies = [result for result in found.statements if result.effect == "Deny" and result.matched is not Tri.NO_MATCH]
    if denies:
        return sorted(_exempt(denies[0], request, source_arn), key=lambda repair: repair.cost)
    made = [repair for result in found.nearest[:6] for repair in _mend(policy, result, request)]
    statement = new_statement(policy, request, source_arn)
    if statement is not None:
        made.append(Repair(ADD_STATEMENT, (AddStatement(statement),)))
    return sorted(made, key=lambda repair: repair.cost)


# ---------------------------------------------------------------------------------------------- an Allow that misses
def _mend(policy: Policy, result: StatementResult, request: Request) -> Iterator[Repair]:
    if len(result.unmet) > MAX_UNMET:
        return
    options = [_mend_leaf(policy, result, leaf, request) for leaf in result.unmet]
    for picked in islice(product(*options), MAX_COMBINATIONS):
        ops = tuple(dict.fromkeys(op for repair in picked for op in repair.ops))
        yield Repair(sum(repair.cost for repair in picked), ops, any(repair.hopeful for repair in picked))


def _mend_leaf(policy: Policy, result: StatementResult, leaf: Leaf, request: Request) -> list[Repair]:
    match leaf.element:
        case Element.PRINCIPAL:
            return list(_mend_principal(leaf, request))
        case Element.ACTION:
            return list(_mend_action(leaf, request))
        case Element.RESOURCE:
            return list(_mend_resource(leaf, request))
        case Element.CONDITION:
            return list(_mend_clause(leaf, request))
        case Element.STATEMENT:
            return list(_revive(policy, result, request))
        case _:
            return []


def _mend_principal(leaf: Leaf, request: Request) -> Iterator[Repair]:
    """A misspelt name, a name under the wrong type, the id left by a deleted role; never a principal that is simply another one."""
    caller = request.caller
    kind = {PrincipalKind.SERVICE: "Service", PrincipalKind.AWS: "AWS"}.get(caller.kind)
    if kind is None:
        return
    for text in leaf.expected:
        written, _, name = text.rpartition(": ")
        if written and written != kind and name == caller.name:
            yield Repair(
                1.0, (EditText(leaf.statement, leaf.element, None, name, kind), EditText(leaf.statement, leaf.element, name, None, written))
            )
        elif written == kind and _is_meant(name, caller.name, caller.kind):
            yield Repair(1.0, (EditText(leaf.statement, leaf.element, name, caller.name, kind),))


def _is_meant(name: str, wanted: str, kind: PrincipalKind) -> bool:
    if kind is PrincipalKind.SERVICE:
        label, meant = service_label(name), service_label(wanted)
        return label == meant or (likeness(label, meant) >= ALIKE and len(label) > 3)
    return bool(UNIQUE_ID.fullmatch(name)) or likeness(name, wanted) >= 0.95


def _mend_action(leaf: Leaf, request: Request) -> Iterator[Repair]:
    text, alike = nearest_text(request.action, leaf.expected)
    if alike >= ALIKE and _is_no_action(text, alike):
        yield Repair(1.0, (EditText(leaf.statement, leaf.element, text, request.action),))
    yield Repair(1.5, (EditText(leaf.statement, leaf.element, None, request.action),))


def _is_no_action(text: str, alike: float) -> bool:
    """Whether a text is a misspelling rather than another action; only KMS's actions are known by name here."""
    service, colon, _ = text.partition(":")
    if not colon:
        return True
    if service.lower() == "kms":
        return "*" not in text and text.lower() not in KMS_ACTIONS
    return alike >= 0.96


def _mend_resource(leaf: Leaf, request: Request) -> Iterator[Repair]:
    if leaf.reason is LeafReason.VARIABLE_IN_OLD_VERSION:
        yield Repair(1.0, (SetVersion("2012-10-17"),))
    if request.action.lower().startswith("kms:"):
        for text in leaf.expected:
            yield Repair(1.0, (EditText(leaf.statement, leaf.element, text, "*"),))
        return
    wanted = request.resource
    text, alike = nearest_text(wanted, leaf.expected)
    if alike >= 0.5 and _is_object(text) == _is_object(wanted):
        yield Repair(1.2, (EditText(leaf.statement, leaf.element, text, correct_resource(text, wanted)),))
    yield Repair(1.4, (EditText(leaf.statement, leaf.element, None, correct_resource(text, wanted) if _is_object(text) else wanted),))


def _is_object(arn: str) -> bool:
    return "/" in arn


def correct_resource(pattern: str, wanted: str) -> str:
    """The pattern with its path put right, as wide as it was: a missing prefix, a wrong account in the path, another bucket."""
    if wanted.endswith("*") or not pattern.endswith("/*") or "/" not in wanted:
        return wanted
    _, _, path = pattern[:-1].partition("/")
    at = wanted.find("/" + path) if path else -1
    if at >= 0:
        return wanted[: at + 1 + len(path)] + "*"
    kept = wanted.split("/")[: pattern.count("/")]
    return "/".join(kept) + "/*" if len(kept) < wanted.count("/") + 1 else wanted


def _revive(policy: Policy, result: StatementResult, request: Request) -> Iterator[Repair]:
    """A dead statement gets the element it lacks, where it names the caller."""
    statement = policy.statements[result.index]
    view = View.of(request)
    if statement.principals is None or statement.principals.covers(request.caller) is not True:
        return
    ops: list[Op] = []
    if statement.resources is None:
        ops.append(EditText(result.index, Element.RESOURCE, None, resource_of(request)))
    if statement.actions is None:
        ops.append(EditText(result.index, Element.ACTION, None, request.action))
    elif not statement.actions.patterns.matches(view.action):
        return
    yield Repair(1.0, tuple(ops))


# ---------------------------------------------------------------------------------------------- a clause that misses
def _mend_clause(leaf: Leaf, request: Request) -> Iterator[Repair]:
    """Correct what is nearly right, drop what can never hold; where a value is unknown, dropping alone holds in every world."""
    drop = DropClause(leaf.statement, leaf.operator, leaf.key)
    op = OPERATORS.get(leaf.operator.lower())
    match leaf.reason:
        case LeafReason.WILDCARD_IN_EXACT_OPERATOR if op is not None:
            yield Repair(1.0, (MoveClause(leaf.statement, leaf.operator, _spelt(op, "StringLike"), leaf.key),))
            yield from _correct(leaf, request, 1.1)
            yield Repair(1.6, (drop,))
        case LeafReason.UNKNOWN_OPERATOR:
            name, alike = nearest_text(leaf.operator, tuple(_spelt(known) for known in OPERATORS.values()))
            if alike >= ALIKE:
                yield Repair(1.0, (MoveClause(leaf.statement, leaf.operator, name, leaf.key),))
            yield Repair(1.4, (drop,))
        case LeafReason.VARIABLE_IN_OLD_VERSION:
            yield Repair(1.0, (SetVersion("2012-10-17"),))
            yield from _correct(leaf, request, 1.2)
            yield Repair(1.6, (drop,))
        case LeafReason.ENCRYPTION_CONTEXT_NOT_IN_CALL:
            yield Repair(4.0, (drop,))
        case LeafReason.VALUE_EXCLUDED if len(leaf.expected) > 1:
            for value in leaf.actual_values:
                yield Repair(1.0, (EditValue(leaf.statement, leaf.operator, leaf.key, value, None),))
            yield Repair(1.6, (drop,))
        case LeafReason.VALUE_MISMATCH | LeafReason.CASE_MISMATCH | LeafReason.UNREADABLE_VALUE | LeafReason.VARIABLE_WITHOUT_VALUE:
            yield from _correct(leaf, request, 1.0)
            yield Repair(1.6, (drop,))
        case LeafReason.UNKNOWN_VALUE if any(OPEN_END in value for value in _known(request, leaf.key)):
            yield from _correct(leaf, request, 1.0)
            yield Repair(1.6, (drop,))
        case _:
            yield Repair(1.0, (drop,))
            yield from _hope(leaf, request)


def _correct(leaf: Leaf, request: Request, cost: float) -> Iterator[Repair]:
    """Put the request's own value in the place of the wrong one, as wide as that was; beside several, or what names another, add it."""
    values = _known(request, leaf.key)
    op = OPERATORS.get(leaf.operator.lower())
    if len(values) != 1 or op is None or op.family in {Family.NULL, Family.NUMERIC, Family.DATE, Family.IP}:
        yield Repair(cost, (DropClause(leaf.statement, leaf.operator, leaf.key),))
        yield from _hope(leaf, request)
        return
    value = values[0].replace(OPEN_END, "*")
    old, _ = nearest_text(value, leaf.expected)
    new = correct_value(old, value, op)
    edit = EditValue(leaf.statement, leaf.operator, leaf.key, old if leaf.expected else None, new)
    add = EditValue(leaf.statement, leaf.operator, leaf.key, None, new)
    widen: tuple[Op, ...] = ()
    if OPEN_END in values[0] and op.family not in {Family.LIKE, Family.ARN}:
        widen = (MoveClause(leaf.statement, leaf.operator, _spelt(op, "StringLike"), leaf.key),)
    beside = len(leaf.expected) > 1 or names_another(old, value, op)
    yield Repair(cost, (add if beside else edit, *widen))
    yield Repair(cost + 0.3, (edit if beside else add, *widen))


def correct_value(pattern: str, value: str, op: Operator) -> str:
    """The pattern with only its wrong parts taken from the value: ARNs by component, everything else as a whole."""
    wild = op.family in {Family.LIKE, Family.ARN}
    have, want = pattern.split(":", 5), value.split(":", 5)
    if not wild or len(have) != 6 or len(want) != 6 or "${" in pattern:
        return value
    return ":".join(old if matcher(as_glob(old))(new) else new for old, new in zip(have, want, strict=True))


def names_another(pattern: str, value: str, op: Operator) -> bool:
    """Whether a value names another resource of the same account and Region, which would be shut out if it were replaced.

    A name that differs by a slip of the hand means the same resource; one that differs in digits alone does not.
    """
    wild = op.family in {Family.LIKE, Family.ARN}
    have, want = pattern.split(":", 5), value.split(":", 5)
    if len(have) != 6 or len(want) != 6 or "${" in pattern or ("*" in pattern and not wild):
        return False
    same = all(matcher(as_glob(old))(new) if wild else old == new for old, new in zip(have[:5], want[:5], strict=True))
    return same and have[5].partition("/")[0] == want[5].partition("/")[0] and not is_slip(have[5], want[5])


def _hope(leaf: Leaf, request: Request) -> Iterator[Repair]:
    """Of a key that is one of a few possibilities, the value that some worlds have: no certain cure."""
    op = OPERATORS.get(leaf.operator.lower())
    knowledge = told(request, leaf.key)
    if isinstance(knowledge, OneOf) and op is not None and not op.negated and op.family is not Family.NULL:
        for value in dict.fromkeys(value for option in knowledge.options for value in option or () if value not in leaf.expected):
            old = leaf.expected[0] if len(leaf.expected) == 1 else None
            yield Repair(1.2, (EditValue(leaf.statement, leaf.operator, leaf.key, old, value),), hopeful=True)


def _known(request: Request, key: str) -> tuple[str, ...]:
    knowledge = told(request, key)
    return knowledge.values if isinstance(knowledge, Known) else ()


def _spelt(op: Operator, base: str = "") -> str:
    """An operator's full name, with another base if one is given."""
    return f"{op.qualifier}{base or op.base}{'IfExists' if op.if_exists else ''}"


# ---------------------------------------------------------------------------------------------- a Deny that hits
def _exempt(result: StatementResult, request: Request, source_arn: str | None) -> Iterator[Repair]:
    """Ways to let this caller past a Deny, as second clauses: an IfExists would still deny where the key is missing."""
    index, caller = result.index, request.caller
    has = {leaf.key.lower() for leaf in result.leaves if leaf.key}
    for leaf in result.leaves:
        yield from _correct_deny(leaf, request)
    if caller.kind is PrincipalKind.SERVICE:
        if any(leaf.element is Element.NOT_PRINCIPAL for leaf in result.leaves):
            yield Repair(1.0, (EditText(index, Element.NOT_PRINCIPAL, None, caller.name, "Service"),))
        if IS_SERVICE.lower() not in has:
            yield Repair(2.0, (AddClause(index, "Bool", IS_SERVICE, ("false",)),))
        if source_arn is not None and SOURCE_ARN.lower() not in has:
            yield Repair(2.2, (AddClause(index, "ArnNotEquals", SOURCE_ARN, (source_arn,)),))
    elif caller.kind is PrincipalKind.AWS and "aws:principalarn" not in has:
        for value in _known(request, "aws:PrincipalArn"):
            yield Repair(2.2, (AddClause(index, "ArnNotEquals", "aws:PrincipalArn", (value,)),))
    for leaf in result.leaves:
        guard = "Null" if leaf.actual_state == "absent" and leaf.element is Element.CONDITION and leaf.operator.lower() != "null" else ""
        if guard and not any(other.operator.lower() == "null" for other in result.leaves):
            yield Repair(2.6, (AddClause(index, guard, leaf.key, ("false",)),))


def _correct_deny(leaf: Leaf, request: Request) -> Iterator[Repair]:
    """A Deny on any value but one: the request's own value is added, or put in the place of one nearly the same."""
    op = OPERATORS.get(leaf.operator.lower())
    values = _known(request, leaf.key) if leaf.key else ()
    if op is None or not op.negated or len(values) != 1 or op.family not in {Family.EXACT, Family.LIKE, Family.ARN, Family.IGNORE_CASE}:
        return
    if OPEN_END in values[0]:
        return
    old, alike = nearest_text(values[0], leaf.expected)
    new = correct_value(old, values[0], op)
    if op.family is Family.EXACT and matcher(as_glob(old))(values[0]):
        yield Repair(1.0, (MoveClause(leaf.statement, leaf.operator, _spelt(op, "StringNotLike"), leaf.key),))
    spared = leaf.key.lower().startswith("aws:principal") or names_another(old, values[0], op)  # who was spared stays spared
    if alike >= ALIKE and len(leaf.expected) == 1 and not spared:
        yield Repair(1.2, (EditValue(leaf.statement, leaf.operator, leaf.key, old, new),))
    yield Repair(1.4, (EditValue(leaf.statement, leaf.operator, leaf.key, None, new),))


# ---------------------------------------------------------------------------------------------- a new statement
def resource_of(request: Request) -> str:
    """The Resource a statement for this request needs; in a key policy `*` is this key."""
    return "*" if request.action.lower().startswith("kms:") else request.resource


def new_statement(policy: Policy | None, request: Request, source_arn: str | None) -> dict[str, object] | None:
    """An Allow for exactly this request; None for an anonymous caller, to whom nothing is ever opened."""
    principal = _principal_of(request)
    if principal is None:
        return None
    statement: dict[str, object] = {
        "Sid": _fresh_sid(policy, request),
        "Effect": "Allow",
        "Principal": principal,
        "Action": request.action,
        "Resource": resource_of(request),
    }
    if carries_source(request, source_arn) and request.action.lower() not in UNCONDITIONED:
        statement["Condition"] = {"StringEquals": {SOURCE_ARN: source_arn}}
    return statement


def carries_source(request: Request, source_arn: str | None) -> bool:
    """Whether the request can carry this very aws:SourceArn, so that a clause on it may be added."""
    knowledge = told(request, SOURCE_ARN)
    return source_arn is not None and knowledge == Known((source_arn,))


def _principal_of(request: Request) -> dict[str, str] | None:
    match request.caller.kind:
        case PrincipalKind.SERVICE:
            return {"Service": request.caller.name}
        case PrincipalKind.AWS:
            return {"AWS": request.caller.name}
        case PrincipalKind.FEDERATED:
            return {"Federated": request.caller.name}
        case PrincipalKind.CANONICAL:
            return {"CanonicalUser": request.caller.name}
        case _:
            return None


def _fresh_sid(policy: Policy | None, request: Request) -> str:
    who = service_label(request.caller.name) if request.caller.kind is PrincipalKind.SERVICE else request.caller.name.rpartition("/")[2]
    name = f"Allow {who} {request.action.rpartition(':')[2]}"
    sid = "".join(word[:1].upper() + word[1:] for word in "".join(c if c.isascii() and c.isalnum() else " " for c in name).split())[:60]
    taken: Sequence[str | None] = [s.sid for s in policy.statements] if policy else []
    return next(text for number in range(1, len(taken) + 2) if (text := sid if number == 1 else f"{sid}{number}") not in taken)
