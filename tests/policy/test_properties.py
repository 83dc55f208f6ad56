"""What must hold for every policy and every request. With HYPOTHESIS_PROFILE=ci each is tried a thousand times."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from policy import worlds_of_text as text
from stackdoctor.policy import Malformed, Outcome, Policy, PolicyKind, allows_all, evaluate, explain, parse, propose
from stackdoctor.policy.conditions import compile_hit
from stackdoctor.policy.operators import OPERATORS
from stackdoctor.policy.patterns import arn_matcher, as_glob, matcher
from stackdoctor.policy.witnesses import Test as ClauseTest
from stackdoctor.policy.witnesses import witnesses

listed = st.lists(text.statements(), max_size=4)


@given(listed, text.requests(), text.kinds, text.versions, st.randoms(use_true_random=False))
def test_statement_order_never_matters(statements, request, kind, version, random):
    shuffled = list(statements)
    random.shuffle(shuffled)
    assert evaluate(text.compiled(statements, kind, version), request) is evaluate(text.compiled(shuffled, kind, version), request)


@given(listed, text.statements(effect="Deny"), text.requests(), text.kinds)
def test_adding_a_deny_never_allows(statements, deny, request, kind):
    after = evaluate(text.compiled([*statements, deny], kind), request)
    if after is Outcome.ALLOWED:
        assert evaluate(text.compiled(statements, kind), request) is Outcome.ALLOWED
    if after is Outcome.UNDECIDED:
        assert not evaluate(text.compiled(statements, kind), request).denied


@given(listed, text.statements(effect="Allow"), text.requests(), text.kinds)
def test_adding_an_allow_never_denies(statements, allow, request, kind):
    before, after = (evaluate(text.compiled(of, kind), request) for of in (statements, [*statements, allow]))
    if before is Outcome.ALLOWED:
        assert after is Outcome.ALLOWED
    if not before.denied:
        assert not after.denied
    if before is Outcome.EXPLICITLY_DENIED:
        assert after is Outcome.EXPLICITLY_DENIED


@given(listed, text.narrowed(), text.kinds, text.versions)
def test_knowing_more_turns_undecided_into_an_answer_and_never_flips_one(statements, asked, kind, version):
    wide, narrow = asked
    made = text.compiled(statements, kind, version)
    before, after = evaluate(made, wide), evaluate(made, narrow)
    if before is not Outcome.UNDECIDED:
        assert (after is Outcome.ALLOWED) is (before is Outcome.ALLOWED)
        assert after.denied is before.denied
    if before is Outcome.EXPLICITLY_DENIED:
        assert after is before


@given(st.lists(text.conditioned, min_size=1, max_size=4), text.narrowed(text.unsure), text.versions)
def test_where_conditions_alone_decide_no_world_contradicts_the_answer(statements, asked, version):
    wide, narrow = asked
    made = text.compiled(statements, PolicyKind.BUCKET, version)
    before, after = evaluate(made, wide), evaluate(made, narrow)
    if before is not Outcome.UNDECIDED:
        assert after is before or (before is Outcome.IMPLICITLY_DENIED and after.denied)
    assert explain(made, wide).outcome is before


@given(listed, text.requests(), text.kinds, text.versions)
def test_the_explanation_comes_to_the_same_decision_and_its_statements_bear_it_out(statements, request, kind, version):
    made = text.compiled(statements, kind, version)
    found = explain(made, request)
    assert found.outcome is evaluate(made, request)
    assert len(found.statements) == len(statements)
    if found.outcome is Outcome.UNDECIDED:
        assert found.deciding
        assert found.hangs_on
    if found.outcome is Outcome.EXPLICITLY_DENIED:
        assert {result.effect for result in found.deciding} == {"Deny"}
    if found.outcome is Outcome.ALLOWED:
        assert {result.effect for result in found.deciding} == {"Allow"}
    if found.outcome is Outcome.IMPLICITLY_DENIED:
        assert all(result.unmet for result in found.nearest)


@given(listed, st.lists(text.requests(), min_size=1, max_size=2), text.kinds)
def test_an_edits_result_is_allowed_in_every_world(statements, requests, kind):
    made = text.compiled(statements, kind)
    assume(not allows_all(made, requests))
    for edit in propose(made, requests):
        if edit.outcome is Outcome.ALLOWED:
            assert allows_all(json.dumps(edit.document), requests, kind)
        assert '"Principal": "*"' not in json.dumps(edit.document["Statement"][len(statements) :])


@given(listed, text.requests(), text.kinds, text.versions)
def test_an_edit_leaves_what_it_does_not_touch_as_it_was_in_order_too(statements, request, kind, version):
    made = text.compiled(statements, kind, version)
    before = json.dumps(made.document)
    for edit in propose(made, [request]):
        assert json.dumps(made.document) == before
        after = edit.document["Statement"]
        assert len(after) >= len(statements)
        for index, (old, new) in enumerate(zip(statements, after, strict=False)):
            touched = {getattr(op, "statement", None) == index for op in edit.ops}
            if True not in touched:
                assert json.dumps(old) == json.dumps(new)
            else:
                kept = [key for key in new if key in old]
                assert kept == [key for key in old if key in new]
                changed = [key for key in kept if json.dumps(old[key]) != json.dumps(new[key])]
                assert set(changed) <= {getattr(op, "element", "Condition") for op in edit.ops}


@given(text.json_values | text.nearly_policies, st.sampled_from(PolicyKind), text.requests())
@example({"Statement": {"Effect": "Allow", "Principal": {"AWS": -1}, "Action": "*"}}, PolicyKind.OTHER, None)
def test_evaluating_never_raises_on_arbitrary_json(value, kind, request):
    for made in (parse(value, kind), parse(json.dumps(value), kind)):
        assert isinstance(made, Policy | Malformed)
        if isinstance(made, Policy) and request is not None:
            assert evaluate(made, request) is explain(made, request).outcome
            assert isinstance(propose(made, [request]), tuple)


@given(st.text(max_size=60))
def test_parsing_never_raises_on_arbitrary_text(value):
    assert isinstance(parse(value, PolicyKind.BUCKET), Policy | Malformed)


# ---------------------------------------------------------------------------------------------- the parts
globs = st.text("ab:*?", max_size=10)
values = st.text("abAB:", max_size=12)


@given(globs, values)
def test_a_glob_matches_what_the_plain_regular_expression_matches(glob, value):
    plain = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)
    assert matcher(as_glob(glob))(value) is bool(re.fullmatch(plain, value, re.DOTALL))


@given(st.lists(st.text("ab*?", max_size=4), min_size=6, max_size=6).map(":".join), st.text("ab:", max_size=20))
def test_an_arn_is_matched_component_by_component(pattern, value):
    have, want = value.split(":", 5), pattern.split(":", 5)
    expected = len(have) == 6 and all(matcher(as_glob(w))(h) for w, h in zip(want, have, strict=True))
    assert arn_matcher(as_glob(pattern))(value) is expected


@given(
    st.lists(
        st.tuples(st.sampled_from(["StringLike", "StringEquals", "StringEqualsIgnoreCase", "ArnLike"]), globs), min_size=1, max_size=4
    ),
    values,
)
def test_every_value_has_a_witness_that_no_clause_can_tell_from_it(clauses, value):
    made = []
    for name, glob in clauses:
        op = OPERATORS[name.lower()]
        pattern = as_glob(glob) if name in {"StringLike", "ArnLike"} else glob
        made.append((ClauseTest(op.family, (pattern,)), compile_hit(op, (pattern,))))
    found = witnesses(tuple(test for test, _ in made))
    assume(found is not None)
    vectors = {tuple(hit(witness) for _, hit in made) for witness in found}
    assert tuple(hit(value) for _, hit in made) in vectors


@pytest.mark.parametrize("family", ["Numeric", "Date"])
@given(bounds=st.lists(st.integers(-3, 3), min_size=1, max_size=3), value=st.integers(-10, 10))
def test_every_number_has_a_witness_between_the_same_bounds(family, bounds, value):
    op = OPERATORS[f"{family}LessThan".lower()]
    clauses = [(ClauseTest(op.family, (str(bound),)), compile_hit(op, (str(bound),))) for bound in bounds]
    found = witnesses(tuple(test for test, _ in clauses))
    assert found is not None
    vectors = {tuple(hit(witness) for _, hit in clauses) for witness in found}
    assert tuple(hit(str(value)) for _, hit in clauses) in vectors


@given(text.requests())
def test_a_request_is_a_value(request):
    assert replace(request) == request
