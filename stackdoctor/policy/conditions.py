"""One clause of a Condition (operator, key, values), compiled once, held against what is known of its key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from operator import eq, ge, gt, le, lt

from stackdoctor.policy.keys import KEY_TYPES
from stackdoctor.policy.operators import OPERATORS, Family, Operator, Qualifier, Relation
from stackdoctor.policy.patterns import STAR, PatternSet, Template, arn_matcher, as_literal, compile_text, matcher
from stackdoctor.policy.patterns import Variable as VariablePart
from stackdoctor.policy.request import OPEN_END, Knowledge, Known, Missing, OneOf, Present
from stackdoctor.policy.results import Truth
from stackdoctor.policy.values import Network, moment, network, number, within
from stackdoctor.policy.view import ENCRYPTION_CONTEXT, Variable, View
from stackdoctor.policy.witnesses import Test, witnesses

Hit = Callable[[str], Truth]

_FOLDED = frozenset({Family.IGNORE_CASE, Family.BOOL})
_RELATIONS = {
    Relation.EQUALS: eq,
    Relation.LESS: lt,
    Relation.LESS_OR_EQUAL: le,
    Relation.GREATER: gt,
    Relation.GREATER_OR_EQUAL: ge,
}


def negate(truth: Truth) -> Truth:
    """NOT; what is not known stays so."""
    return None if truth is None else not truth


def either(truths: Iterable[Truth]) -> Truth:
    """OR: true if one is, else unknown if one is."""
    result: Truth = False
    for truth in truths:
        if truth:
            return True
        if truth is None:
            result = None
    return result


def agreed(truths: Iterable[Truth]) -> Truth:
    """The one answer all worlds give, or None where they differ."""
    seen = set(truths)
    return seen.pop() if len(seen) == 1 else None


# ---------------------------------------------------------------------------------------------- values
def compile_hit(op: Operator, patterns: tuple[str, ...]) -> Hit:
    """Whether one value of the request matches one of these values of the policy, before any negation."""
    match op.family:
        case Family.EXACT:
            return frozenset(patterns).__contains__
        case Family.BINARY:
            return frozenset((*patterns, *decoded(patterns))).__contains__
        case Family.LIKE:
            return PatternSet.of(patterns).matches
        case Family.IGNORE_CASE:
            return partial(_hit_folded, frozenset(p.lower() for p in patterns))
        case Family.BOOL:
            return partial(_hit_folded, frozenset(p.lower() for p in patterns) & {"true", "false"})
        case Family.ARN:
            matchers = tuple(arn_matcher(p) for p in patterns)
            return matchers[0] if len(matchers) == 1 else lambda value: either(m(value) for m in matchers)
        case Family.NUMERIC | Family.DATE:
            return _hit_ordered(op, patterns)
        case Family.IP:
            return _hit_network(op, patterns)
        case Family.NULL:
            return lambda _: False


def decoded(patterns: Iterable[str]) -> Iterator[str]:
    """The binary values that the policy gives in base 64, as far as they are text: a request may be told either way."""
    for pattern in patterns:
        with suppress(ValueError):
            yield b64decode(pattern, validate=True).decode()


def _hit_folded(wanted: frozenset[str], value: str) -> bool:
    return value.lower() in wanted


def _hit_ordered(op: Operator, patterns: tuple[str, ...]) -> Hit:
    """What AWS answers for a negated operator on a value that is no number or date is not documented: unknown."""
    read = number if op.family is Family.NUMERIC else moment
    unreadable: Truth = None if op.negated else False
    bounds = tuple(read(p) for p in patterns)
    relation = _RELATIONS[op.relation]

    def hit(value: str) -> Truth:
        have = read(value)
        if have is None:
            return unreadable
        return either(unreadable if bound is None else relation(have, bound) for bound in bounds)

    return hit


def _hit_network(op: Operator, patterns: tuple[str, ...]) -> Hit:
    unreadable: Truth = None if op.negated else False
    blocks: tuple[Network | None, ...] = tuple(network(p) for p in patterns)

    def hit(value: str) -> Truth:
        have = network(value)
        if have is None:
            return unreadable
        return either(unreadable if block is None else within(have, block) for block in blocks)

    return hit


def resolve(template: Template, view: View) -> str | Variable:
    """The pattern a template becomes for this request; UNSET or UNKNOWN if a variable of it has, or may have, no value."""
    parts: list[str] = []
    result: Variable | None = None
    for part in template.parts:
        if not isinstance(part, VariablePart):
            parts.append(part)
            continue
        value = view.variable(part.key)
        if value is Variable.UNSET and part.default is not None:
            value = part.default
        if isinstance(value, Variable):
            result = Variable.UNSET if Variable.UNSET in (value, result) else value
        else:
            parts.append(value)
    return result or "".join(parts)


def may_match(template: Template, text: str, view: View, *, fold: bool = False) -> bool:
    """Whether a template can match a text whatever the variables are whose values are not known."""
    parts: list[str] = []
    for part in template.parts:
        value = view.variable(part.key) if isinstance(part, VariablePart) else part
        parts.append(STAR if isinstance(value, Variable) else value)
    pattern = "".join(parts)
    return matcher(pattern.lower())(text.lower()) if fold else matcher(pattern)(text)


# ---------------------------------------------------------------------------------------------- clauses
class Clause:
    """`{operator: {key: values}}`. `op` is None for an operator AWS does not know: the clause is then undecided."""

    __slots__ = ("_present", "about_context", "expected", "fixed", "hit", "key", "name", "op", "operator", "templates", "when_absent")

    def __init__(self, operator: str, key: str, expected: tuple[str, ...], *, variables: bool) -> None:
        self.operator, self.key, self.expected = operator, key, expected
        self.name = key.lower()
        self.about_context = self.name.startswith(ENCRYPTION_CONTEXT)
        self.op: Operator | None = OPERATORS.get(operator.lower())
        self.templates: tuple[Template, ...] = ()
        self.fixed: tuple[str, ...] = expected
        self.hit: Hit = _hit_nothing
        self.when_absent: Truth = None
        self._present: Truth | Variable = Variable.UNKNOWN
        if self.op is not None:
            self._compile(self.op, variables=variables and self.op.takes_variables)

    def _compile(self, op: Operator, *, variables: bool) -> None:
        like = op.family in {Family.LIKE, Family.ARN}
        texts = [compile_text(text, wildcards=like, variables=variables) for text in self.expected]
        self.fixed = tuple(text for text in texts if isinstance(text, str))
        self.templates = tuple(text for text in texts if isinstance(text, Template))
        self.hit = compile_hit(op, self.fixed)
        self.when_absent = self._absent(op)

    def _absent(self, op: Operator) -> Truth:
        """The missing-key rules: a negated operator and IfExists hold, ForAllValues holds, ForAnyValue never does."""
        if op.family is Family.NULL:
            return self._null(present=False)
        if op.if_exists or op.qualifier is Qualifier.ALL:
            return True
        return op.negated and op.qualifier is Qualifier.NONE

    def _null(self, *, present: bool) -> Truth:
        wanted = {text.lower() for text in self.expected}
        if not wanted <= {"true", "false"}:
            return None
        return ("false" if present else "true") in wanted

    # ------------------------------------------------------------------------------------------ truth
    def truth(self, view: View) -> Truth:
        """Whether the clause holds: in every world, in none, or (None) in some."""
        if self.about_context and view.silent:
            return self.when_absent
        known = view.context.get(self.name) or view.unnamed(self.name)
        if type(known) is Known:
            return self.holds(known.values, view)
        if type(known) is Missing:
            return self.when_absent
        return self._open(known, view)

    def holds(self, values: tuple[str, ...], view: View) -> Truth:
        """Whether the clause holds for these values; a key that is present but empty counts as absent.

        AWS asks for a set qualifier over several values and does not say what happens without: if they differ, it is unknown.
        To a set qualifier the empty text is no value: ForAllValues holds, ForAnyValue does not, negated or not.
        """
        op = self.op
        if op is None:
            return None
        if not values:
            return self.when_absent
        if op.qualifier is Qualifier.NONE:
            if op.family is Family.NULL:
                return self._null(present=True)
            if len(values) == 1 and values[0][-1:] != OPEN_END:
                hit = self.hit(values[0])
                if self.templates and hit is not True:
                    hit = self._hit_templates(hit, values[0], view)
            else:
                hit = agreed(self._hit_any(value, view) for value in values)
            return negate(hit) if op.negated else hit
        if not any(values):
            return op.qualifier is Qualifier.ALL
        each = (negate(self._hit_any(value, view)) if op.negated else self._hit_any(value, view) for value in values if value)
        return either(each) if op.qualifier is Qualifier.ANY else negate(either(negate(truth) for truth in each))

    def _hit_any(self, value: str, view: View) -> Truth:
        if value[-1:] == OPEN_END:
            return self._hit_beginning(value[:-1], view)
        return self._hit_templates(self.hit(value), value, view) if self.templates else self.hit(value)

    def _hit_beginning(self, start: str, view: View) -> Truth:
        """Whether a value of which only the beginning is known matches: what all values that begin so agree on."""
        test = self.test(view)
        if self.op is None or test is None:
            return None
        values = witnesses((test, Test(Family.LIKE, (as_literal(start) + STAR,))))
        hit = compile_hit(self.op, test.patterns)
        return None if values is None else agreed(hit(value) for value in values if value.startswith(start))

    def _hit_templates(self, hit: Truth, value: str, view: View) -> Truth:
        return either((hit, *(self._hit_template(template, value, view) for template in self.templates)))

    def _hit_template(self, template: Template, value: str, view: View) -> Truth:
        pattern = resolve(template, view)
        if isinstance(pattern, Variable):
            fold = self.op is not None and self.op.family in _FOLDED
            return None if pattern is Variable.UNKNOWN and may_match(template, value, view, fold=fold) else False
        return compile_hit(self.op, (pattern,))(value) if self.op else None

    def _open(self, known: Knowledge, view: View) -> Truth:
        """The clause over a key that is not known: what all its possible values agree on."""
        if isinstance(known, OneOf):
            return agreed(self.when_absent if option is None else self.holds(option, view) for option in known.options)
        present = self._when_present(view)
        if isinstance(known, Present):
            return present
        return agreed((self.when_absent, present, self.holds(("",), view)) if self.is_set else (self.when_absent, present))

    def _when_present(self, view: View) -> Truth:
        if self.templates:
            return self._try_all(view)
        if isinstance(self._present, Variable):
            self._present = self._try_all(view)
        return self._present

    def _try_all(self, view: View) -> Truth:
        test = self.test(view)
        values = witnesses((test,), KEY_TYPES.get(self.name)) if test else None
        if values is None:
            return None
        return agreed(self.holds((value,), view) for value in values if value or not self.is_set)

    @property
    def is_set(self) -> bool:
        """Whether the clause has a set qualifier."""
        return self.op is not None and self.op.qualifier is not Qualifier.NONE

    def test(self, view: View) -> Test | None:
        """What the key's values are held against in this request; None where that is not known."""
        if self.op is None:
            return None
        resolved = [resolve(template, view) for template in self.templates]
        if Variable.UNKNOWN in resolved:
            return None
        return Test(self.op.family, (*self.fixed, *(text for text in resolved if isinstance(text, str))))


@lru_cache(maxsize=4096)
def compile_clause(operator: str, key: str, expected: tuple[str, ...], *, variables: bool) -> Clause:
    """A clause; the same clause of another statement or document is the same object, as clauses hold no more than this."""
    return Clause(operator, key, expected, variables=variables)


def _hit_nothing(_: str) -> Truth:
    return None
