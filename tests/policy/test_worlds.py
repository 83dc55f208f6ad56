"""What is not known: exact where the worlds can be listed, undecided with the clause it hangs on where they cannot."""

import pytest

from policy.asking import ACCOUNT, TRAIL, open_request, policy, request, statement
from stackdoctor.policy import OPEN_END, PRESENT, UNKNOWN, Known, OneOf, Outcome, Tri, evaluate, explain

ALLOWED, IMPLICIT, EXPLICIT, UNDECIDED = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED, Outcome.EXPLICITLY_DENIED, Outcome.UNDECIDED
K = "aws:K"


def allow(operator, expected, key=K, **more):
    return statement(condition={operator: {key: expected}}, **more)


@pytest.mark.parametrize(
    ("one", "other", "knowledge", "outcome"),
    [
        (("StringEquals", "a"), ("StringNotEquals", "a"), UNKNOWN, ALLOWED),
        (("StringLike", "a*"), ("StringNotLike", "a*"), UNKNOWN, ALLOWED),
        (("StringLike", "a*"), ("StringNotLike", "ab*"), UNKNOWN, ALLOWED),
        (("StringLike", "ab*"), ("StringNotLike", "a*"), UNKNOWN, UNDECIDED),
        (("StringLike", "*a"), ("StringNotLike", "*ba"), UNKNOWN, ALLOWED),
        (("Null", "true"), ("Null", "false"), UNKNOWN, ALLOWED),
        (("StringLike", "*"), ("Null", "true"), UNKNOWN, ALLOWED),
        (("StringEqualsIgnoreCase", "a"), ("StringNotEqualsIgnoreCase", "A"), UNKNOWN, ALLOWED),
        (("StringEqualsIgnoreCase", "a"), ("StringNotEquals", "A"), UNKNOWN, ALLOWED),
        (("StringEquals", "a"), ("StringNotEqualsIgnoreCase", "A"), UNKNOWN, UNDECIDED),
        (("ArnLike", "arn:aws:s3:::a*"), ("ArnNotLike", "arn:aws:s3:::ab"), UNKNOWN, ALLOWED),
        (("ForAnyValue:StringEquals", "a"), ("ForAllValues:StringNotEquals", "a"), UNKNOWN, ALLOWED),
        (("ForAnyValue:StringEquals", "a"), ("ForAnyValue:StringNotEquals", "a"), PRESENT, ALLOWED),
        (("ForAllValues:StringEquals", "a"), ("ForAllValues:StringNotEquals", "a"), PRESENT, UNDECIDED),
        (("ForAllValues:StringEqualsIgnoreCase", "a"), ("ForAllValues:StringEqualsIgnoreCase", "b"), PRESENT, UNDECIDED),
        (("ForAllValues:StringLike", "*a"), ("ForAllValues:StringLike", "*b"), UNKNOWN, UNDECIDED),
        (("StringEquals", "x${aws:Other}"), ("StringLike", "y${aws:Other}"), OneOf((("z",),)), IMPLICIT),
        (("StringEquals", "a"), ("StringEquals", "b"), OneOf((("a",), ("b",))), ALLOWED),
        (("StringEquals", "a"), ("StringEquals", "b"), OneOf((("a",), ("b",), None)), UNDECIDED),
    ],
)
def test_two_allows_that_cover_every_value_decide(one, other, knowledge, outcome):
    made = policy(allow(*one), allow(*other))
    asked = request(context={K: knowledge})
    assert evaluate(made, asked) is outcome
    assert explain(made, asked).outcome is outcome


@pytest.mark.parametrize(
    ("key", "one", "other", "knowledge", "outcome"),
    [
        ("s3:TlsVersion", ("NumericLessThan", "1.2"), ("NumericGreaterThanEquals", "1.2"), PRESENT, ALLOWED),
        ("s3:TlsVersion", ("NumericLessThan", "1.2"), ("NumericGreaterThan", "1.2"), PRESENT, UNDECIDED),
        ("s3:TlsVersion", ("NumericLessThan", "1.2"), ("NumericGreaterThanEquals", "1.2"), UNKNOWN, UNDECIDED),
        ("aws:CurrentTime", ("DateLessThan", "2026"), ("DateGreaterThanEquals", "2026-01-01"), PRESENT, ALLOWED),
        ("aws:SourceIp", ("IpAddress", "0.0.0.0/0"), ("IpAddress", "::/0"), PRESENT, ALLOWED),
        ("aws:SourceIp", ("IpAddress", "10.0.0.0/8"), ("NotIpAddress", "10.1.0.0/16"), PRESENT, ALLOWED),
        ("aws:SourceIp", ("IpAddress", "10.1.0.0/16"), ("NotIpAddress", "10.0.0.0/8"), PRESENT, UNDECIDED),
        ("aws:SecureTransport", ("Bool", "true"), ("Bool", "false"), PRESENT, ALLOWED),
        ("aws:SecureTransport", ("Bool", "true"), ("BoolIfExists", "false"), UNKNOWN, ALLOWED),
        ("aws:SecureTransport", ("StringEquals", "true"), ("Bool", "false"), PRESENT, ALLOWED),
    ],
)
def test_a_key_of_documented_type_has_no_other_values(key, one, other, knowledge, outcome):
    made = policy(allow(*one, key=key), allow(*other, key=key))
    assert evaluate(made, request(context={key: knowledge})) is outcome
    untyped = policy(allow(*one), allow(*other))
    assert evaluate(untyped, request(context={K: knowledge})) is UNDECIDED


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {K: "a"}, "StringNotEquals": {K: "a"}},
        {"StringEquals": {K: "a"}, "StringLike": {K: "b*"}},
        {"NumericLessThan": {K: "1"}, "NumericGreaterThan": {K: "2"}},
        {"Null": {K: "true"}, "StringLike": {K: "*"}},
    ],
)
def test_clauses_that_contradict_each_other_never_match_together(condition):
    found = explain(policy(statement(condition=condition)), request(context={K: UNKNOWN}))
    assert found.outcome is IMPLICIT
    assert found.statements[0].matched is Tri.NO_MATCH


def test_denied_either_way_is_denied_though_it_is_open_which_way():
    made = policy(allow("StringEquals", "a"), allow("StringEquals", "a", effect="Deny"))
    assert evaluate(made, request(context={K: UNKNOWN})) is IMPLICIT
    made = policy(allow("StringEquals", "a", effect="Deny"), allow("StringNotEquals", "a", effect="Deny"))
    assert evaluate(made, request(context={K: UNKNOWN})) is explain(made, request(context={K: UNKNOWN})).outcome is EXPLICIT


def test_an_open_deny_over_an_allow_is_undecided_and_hangs_on_its_clause():
    made = policy(
        statement(sid="Write"),
        statement(sid="OnlyHere", effect="Deny", principal="*", condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    )
    found = explain(made, request(context={"aws:SourceIp": UNKNOWN}))
    assert found.outcome is UNDECIDED
    assert [(leaf.statement, leaf.operator, leaf.key) for leaf in found.hangs_on] == [(1, "NotIpAddress", "aws:SourceIp")]
    assert [result.sid for result in found.deciding] == ["OnlyHere"]


def test_a_variable_of_unknown_value_is_never_guessed():
    made = policy(allow("StringEquals", "${aws:Other}"), allow("StringNotEquals", "${aws:Other}"))
    assert evaluate(made, request(context={K: "x", "aws:Other": UNKNOWN})) is UNDECIDED
    assert evaluate(made, request(context={K: "x", "aws:Other": OneOf((("x",), ("y",), None))})) is ALLOWED
    assert (
        evaluate(policy(statement(resource="arn:aws:s3:::trail-bucket/${aws:Other}/*")), request(context={"aws:Other": UNKNOWN}))
        is UNDECIDED
    )


def test_keys_nobody_named_are_absent_or_with_an_open_world_unknown():
    made = policy(allow("StringEquals", TRAIL, key="aws:SourceArn"))
    assert evaluate(made, request()) is IMPLICIT
    assert evaluate(made, open_request()) is UNDECIDED
    assert evaluate(policy(statement()), open_request()) is ALLOWED


def test_too_many_worlds_are_undecided_not_wrong():
    several = {"StringEquals": {f"aws:k{n}": [f"v{m}" for m in range(30)] for n in range(6)}}
    made = policy(statement(condition=several), statement(condition={"StringNotEquals": several["StringEquals"]}))
    assert evaluate(made, open_request()) is UNDECIDED
    bounded = policy(allow("StringEquals", [f"v{m}" for m in range(500)]), allow("StringNotEquals", [f"v{m}" for m in range(500)]))
    assert evaluate(bounded, open_request()) is ALLOWED


def test_patterns_too_tangled_to_list_are_undecided_and_do_not_take_long():
    tangled = ["*" + "a*b?" * 12 + str(n) for n in range(8)]
    made = policy(allow("StringLike", tangled), allow("StringNotLike", tangled))
    assert evaluate(made, request(context={K: UNKNOWN})) in {UNDECIDED, ALLOWED}


def test_mixed_kinds_of_operator_on_one_key_are_undecided():
    made = policy(allow("NumericLessThan", "10"), allow("StringNotEquals", "5"))
    assert evaluate(made, request(context={K: UNKNOWN})) is UNDECIDED


def test_what_two_services_share_is_decided_by_the_key_that_is_known():
    made = policy(
        statement(condition={"StringEquals": {"aws:SourceArn": TRAIL, "aws:SourceAccount": ACCOUNT}}),
        statement(condition={"StringEquals": {"aws:SourceArn": TRAIL}, "StringNotEquals": {"aws:SourceAccount": ACCOUNT}}),
    )
    assert evaluate(made, request(context={"aws:SourceArn": TRAIL, "aws:SourceAccount": UNKNOWN})) is ALLOWED


BEGINS = f"arn:aws:logs:us-east-1:{ACCOUNT}:"


@pytest.mark.parametrize(
    ("operator", "expected", "outcome"),
    [
        ("StringLike", f"{BEGINS}*", ALLOWED),
        ("ArnLike", f"arn:aws:logs:*:{ACCOUNT}:*", ALLOWED),
        ("StringLike", f"{BEGINS}delivery-source:*", UNDECIDED),
        ("StringEquals", f"{BEGINS}delivery-source:x", UNDECIDED),
        ("StringEquals", "arn:aws:logs:us-east-1:444455556666:x", IMPLICIT),
        ("ArnNotLike", "arn:aws:logs:*:444455556666:*", ALLOWED),
        ("StringNotEquals", f"{BEGINS}x", UNDECIDED),
        ("ForAnyValue:StringLike", f"{BEGINS}*", ALLOWED),
        ("Null", "false", ALLOWED),
    ],
)
def test_of_a_value_only_the_beginning_may_be_known(operator, expected, outcome):
    made, asked = policy(allow(operator, expected)), request(context={K: Known((BEGINS + OPEN_END,))})
    assert evaluate(made, asked) is outcome
    found = explain(made, asked)
    assert found.outcome is outcome
    shown = [(leaf.actual_state.value, leaf.actual_values) for result in found.nearest for leaf in result.unmet]
    assert all(values == (f"{BEGINS}…",) for _, values in shown)
    assert {state for state, _ in shown} == ({"unknown"} if outcome is UNDECIDED else {"value"} if outcome is IMPLICIT else set())
