"""All 27 operators, each over a value that matches, one that does not, and an absent key, in every form it can take."""

import pytest

from policy.asking import policy, request, statement
from stackdoctor.policy import PRESENT, UNKNOWN, Known, LeafReason, Outcome, Tri, evaluate, explain
from stackdoctor.policy.operators import OPERATORS

KEY = "aws:Thing"
ARN = "arn:aws:s3:us-east-1:111122223333:thing/a"

TABLE = [  # operator, what the policy says, a value that matches it, one that does not (before negation)
    ("StringEquals", "a*", "a*", "ab"),
    ("StringNotEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "Ab", "aB", "b"),
    ("StringNotEqualsIgnoreCase", "Ab", "aB", "b"),
    ("StringLike", "a*c?", "axxcd", "axxd"),
    ("StringNotLike", "a*c?", "axxcd", "axxd"),
    ("NumericEquals", "10", "10.0", "11"),
    ("NumericNotEquals", "10", "10.0", "11"),
    ("NumericLessThan", "10", "9.99", "10"),
    ("NumericLessThanEquals", "10", "10", "10.01"),
    ("NumericGreaterThan", "10", "11", "10"),
    ("NumericGreaterThanEquals", "10", "10", "-10"),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-01T00:00:01Z"),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01", "2026-01-02"),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.5Z"),
    ("DateGreaterThan", "2026", "2026-01-01T00:00:00.001Z", "2026-01-01"),
    ("DateGreaterThanEquals", "2026-01", "2026-01-01", "2025-12-31"),
    ("Bool", "true", "True", "false"),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "qmluYXJ5"),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
    ("NotIpAddress", "2001:db8::/32", "2001:db8::1", "203.0.114.9"),
    ("ArnEquals", "arn:aws:s3:*:111122223333:thing/*", ARN, "arn:aws:s3:x:9:y:111122223333:thing/a"),
    ("ArnLike", "arn:aws:s3:*:111122223333:thing/?", ARN, ARN + "b"),
    ("ArnNotEquals", "arn:aws:s3:*:111122223333:thing/*", ARN, "arn:aws:s3:::b"),
    ("ArnNotLike", "arn:aws:s3:*:111122223333:thing/*", ARN, "arn:aws:s3:::b"),
]
NEGATED = {name for name, *_ in TABLE if "Not" in name}
ALLOWED, DENIED = Outcome.ALLOWED, Outcome.IMPLICITLY_DENIED


def decide(operator, expected, value):
    return evaluate(policy(statement(condition={operator: {KEY: expected}})), request(context={KEY: value}))


def test_the_table_and_null_are_all_the_operators_there_are():
    assert {name.lower() for name, *_ in TABLE} | {"null"} == {op.base.lower() for op in OPERATORS.values()}
    assert len(TABLE) + 1 == 27


@pytest.mark.parametrize(("operator", "expected", "match", "miss"), TABLE, ids=[row[0] for row in TABLE])
class TestEveryOperator:
    def test_a_matching_value_holds_and_another_does_not(self, operator, expected, match, miss):
        hit, no = (DENIED, ALLOWED) if operator in NEGATED else (ALLOWED, DENIED)
        assert decide(operator, expected, match) is hit
        assert decide(operator, expected, miss) is no

    def test_several_values_are_or_and_nor_when_negated(self, operator, expected, match, miss):
        assert decide(operator, ["0.0.0.0/32" if "Ip" in operator else "1", expected], match) is (
            DENIED if operator in NEGATED else ALLOWED
        )

    def test_an_absent_key_fails_a_positive_operator_and_satisfies_a_negated_one(self, operator, expected, match, miss):
        assert decide(operator, expected, None) is (ALLOWED if operator in NEGATED else DENIED)

    def test_if_exists_holds_for_an_absent_key_and_counts_for_a_present_one(self, operator, expected, match, miss):
        assert decide(f"{operator}IfExists", expected, None) is ALLOWED
        assert decide(f"{operator}IfExists", expected, miss) is decide(operator, expected, miss)

    def test_for_all_values_holds_without_values(self, operator, expected, match, miss):
        for empty in (None, [], [""]):
            assert decide(f"ForAllValues:{operator}", expected, empty) is ALLOWED

    def test_for_any_value_never_holds_for_an_absent_key_even_negated(self, operator, expected, match, miss):
        assert decide(f"ForAnyValue:{operator}", expected, None) is DENIED
        assert decide(f"ForAnyValue:{operator}IfExists", expected, None) is ALLOWED

    def test_for_any_value_never_holds_for_the_empty_text_even_negated_or_named(self, operator, expected, match, miss):
        for wanted in (expected, [expected, ""]):
            assert decide(f"ForAnyValue:{operator}", wanted, [""]) is DENIED

    def test_for_all_wants_every_value_and_for_any_one(self, operator, expected, match, miss):
        good, bad = (miss, match) if operator in NEGATED else (match, miss)
        assert decide(f"ForAllValues:{operator}", expected, [good, good]) is ALLOWED
        assert decide(f"ForAllValues:{operator}", expected, [good, bad]) is DENIED
        assert decide(f"ForAnyValue:{operator}", expected, [good, bad]) is ALLOWED
        assert decide(f"ForAnyValue:{operator}", expected, [bad, bad]) is DENIED

    def test_an_unknown_key_is_undecided_and_one_with_some_value_too(self, operator, expected, match, miss):
        for knowledge in (UNKNOWN, PRESENT):
            assert decide(operator, expected, knowledge) is Outcome.UNDECIDED

    def test_operator_and_key_names_ignore_case(self, operator, expected, match, miss):
        made = policy(statement(condition={operator.upper(): {KEY.upper(): expected}}))
        assert evaluate(made, request(context={KEY.lower(): match})) is decide(operator, expected, match)


# ---------------------------------------------------------------------------------------------- Null
@pytest.mark.parametrize(
    ("wanted", "value", "outcome"),
    [
        ("true", None, ALLOWED),
        ("true", "x", DENIED),
        ("false", None, DENIED),
        ("false", "x", ALLOWED),
        ("false", "", ALLOWED),
        (False, "x", ALLOWED),
        (True, "x", DENIED),
        ("false", [], DENIED),
        ("false", PRESENT, ALLOWED),
        ("true", PRESENT, DENIED),
        ("true", UNKNOWN, Outcome.UNDECIDED),
        (["true", "false"], UNKNOWN, ALLOWED),
    ],
)
def test_null_asks_only_whether_the_key_is_there(wanted, value, outcome):
    assert decide("Null", wanted, value) is outcome


# ---------------------------------------------------------------------------------------------- what is not settled
@pytest.mark.parametrize(
    ("operator", "expected", "value"),
    [
        ("NumericNotEquals", "10", "ten"),
        ("DateNotEquals", "2026", "soon"),
        ("NotIpAddress", "10.0.0.0/8", "AWS Internal"),
        ("NumericNotEquals", "ten", "10"),
        ("StringEqualz", "a", "a"),
        ("NullIfExists", "true", None),
        ("ForSomeValues:StringEquals", "a", "a"),
        ("ArnLike", "arn:aws:cloudtrail:*", "arn:aws:cloudtrail:us-east-1:111122223333:trail/t"),
    ],
)
def test_what_aws_does_not_document_is_undecided_never_a_match(operator, expected, value):
    assert decide(operator, expected, value) is Outcome.UNDECIDED
    assert decide(operator, expected, value) is not ALLOWED


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("NumericEquals", "ten"),
        ("Bool", "perhaps"),
        ("IpAddress", "10.0.0.0/99"),
        ("ArnLike", "cloudtrail.amazonaws.com"),
        ("StringEquals", []),
        ("StringEquals", "${aws:PrincipalTag/team}"),
    ],
)
def test_a_positive_clause_that_no_value_satisfies_does_not_match_even_if_the_key_is_unknown(operator, expected):
    made = policy(statement(condition={operator: {KEY: expected}}))
    for knowledge in (UNKNOWN, PRESENT):
        assert evaluate(made, request(context={KEY: knowledge})) is DENIED


def test_a_lone_star_matches_every_arn_and_whatever_is_there():
    assert decide("ArnLike", "*", ARN) is ALLOWED
    assert decide("ArnLike", "*", "no arn") is DENIED
    assert decide("StringLike", "*", PRESENT) is ALLOWED
    assert decide("StringLike", "*", UNKNOWN) is Outcome.UNDECIDED


def test_several_values_without_a_set_qualifier_decide_only_if_they_agree():
    assert decide("StringLike", "a*", ["a", "ab"]) is ALLOWED
    assert decide("StringLike", "a*", ["b", "c"]) is DENIED
    assert decide("StringLike", "a*", ["a", "b"]) is Outcome.UNDECIDED
    assert decide("StringNotLike", "a*", ["a", "b"]) is Outcome.UNDECIDED


def test_json_booleans_and_numbers_are_condition_values():
    assert decide("Bool", True, "true") is ALLOWED
    assert decide("NumericLessThan", 1.2, "1.1") is ALLOWED
    assert decide("StringEquals", 111122223333, "111122223333") is ALLOWED


@pytest.mark.parametrize(
    ("operator", "expected", "value", "reason"),
    [
        ("StringEquals", "a*", "ab", LeafReason.WILDCARD_IN_EXACT_OPERATOR),
        ("StringEquals", "Ab", "aB", LeafReason.CASE_MISMATCH),
        ("StringLike", "A*", "ab", LeafReason.CASE_MISMATCH),
        ("StringEquals", "a", "b", LeafReason.VALUE_MISMATCH),
        ("StringNotEquals", "a", "a", LeafReason.VALUE_EXCLUDED),
        ("StringEquals", "a", None, LeafReason.ABSENT),
        ("Null", "true", "a", LeafReason.PRESENT),
        ("StringEquals", "${aws:userid}", "a", LeafReason.VARIABLE_WITHOUT_VALUE),
        ("StringEquals", "a", UNKNOWN, LeafReason.UNKNOWN_VALUE),
        ("NumericNotEquals", "1", "one", LeafReason.UNREADABLE_VALUE),
        ("StringIs", "a", "a", LeafReason.UNKNOWN_OPERATOR),
    ],
)
def test_the_leaf_says_why(operator, expected, value, reason):
    found = explain(policy(statement(condition={operator: {KEY: expected}})), request(context={KEY: value}))
    leaf = found.nearest[0].unmet[0]
    assert (leaf.reason, leaf.operator, leaf.key) == (reason, operator, KEY)
    assert leaf.matched is not Tri.MATCH


def test_a_value_that_is_known_is_shown_with_its_state():
    found = explain(policy(statement(condition={"StringEquals": {KEY: "a"}})), request(context={KEY: Known(("b", "c"))}))
    leaf = found.nearest[0].unmet[0]
    assert (leaf.expected, leaf.actual_state, leaf.actual_values) == (("a",), "value", ("b", "c"))
