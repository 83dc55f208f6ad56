"""Malformed text is a value that names the place; unusual but legal text is evaluated; nothing raises, nothing hangs."""

import json
import time
from collections import OrderedDict

import pytest

from policy.asking import ACCOUNT, CLOUDTRAIL, document, malformed, policy, request, statement
from stackdoctor.policy import Malformed, Outcome, Policy, PolicyKind, evaluate, explain, parse, propose


def with_(**elements):
    return {"Version": "2012-10-17", "Statement": [{**statement(), **elements}]}


def without(name):
    return {"Version": "2012-10-17", "Statement": [{key: value for key, value in statement().items() if key != name}]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "document"),
        ("not json", "document"),
        ("\ufeff" + json.dumps(document(statement())), "document"),
        ("{", "document"),
        ("null", "document"),
        ("[]", "document"),
        ('"text"', "document"),
        ("NaN", "document"),
        ('{"Version": "2012-10-17", "Statement": [NaN]}', "document"),
        ('{"Statement": ' + "9" * 5000 + "}", "document"),
        ("[" * 100_000, "document"),
        ('{"a":' * 100_000, "document"),
        ("[" * 500 + "]" * 500, "document"),
        ('{"Statement": [], "x": ' + "[" * 60 + "]" * 60 + "}", "document"),
        ("{}", "Statement"),
        ({"Version": "2012-10-17"}, "Statement"),
        ({"Statement": "x"}, "Statement"),
        ({"Statement": None}, "Statement"),
        ({"Statement": [1]}, "Statement[0]"),
        ({"Statement": [[statement()]]}, "Statement[0]"),
        ({"Version": "2012-10-18", "Statement": []}, "Version"),
        ({"Version": 2012, "Statement": []}, "Version"),
        (without("Effect"), "Statement[0].Effect"),
        (with_(Effect="allow"), "Statement[0].Effect"),
        (with_(Effect=["Allow"]), "Statement[0].Effect"),
        (with_(Effect={}), "Statement[0].Effect"),
        (with_(Sid=["x"]), "Statement[0].Sid"),
        (with_(NotAction="s3:*"), "Statement[0]"),
        (with_(NotPrincipal="*"), "Statement[0]"),
        (with_(NotResource="*"), "Statement[0]"),
        (with_(Action=1), "Statement[0].Action"),
        (with_(Action=None), "Statement[0].Action"),
        (with_(Action=["s3:*", None]), "Statement[0].Action[1]"),
        (with_(Resource={"Fn::Sub": "x"}), "Statement[0].Resource"),
        (with_(Principal=None), "Statement[0].Principal"),
        (with_(Principal=["*"]), "Statement[0].Principal"),
        (with_(Principal={"Service": {"Ref": "x"}}), "Statement[0].Principal.Service"),
        (with_(Principal={"AWS": [True]}), "Statement[0].Principal.AWS"),
        (with_(Condition=None), "Statement[0].Condition"),
        (with_(Condition=[]), "Statement[0].Condition"),
        (with_(Condition={"StringEquals": "x"}), "Statement[0].Condition.StringEquals"),
        (with_(Condition={"StringEquals": {"k": {"v": 1}}}), "Statement[0].Condition.StringEquals.k"),
        (with_(Condition={"StringEquals": {"k": [None]}}), "Statement[0].Condition.StringEquals.k"),
        ({"Statement": {"Effect": "Maybe"}}, "Statement.Effect"),
    ],
)
def test_malformed_text_names_the_place(text, place):
    made = malformed(text)
    assert made.place == place
    assert made.problem
    assert "\n" not in str(made)


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], [{}], (), b"{}", object()])
def test_what_is_neither_text_nor_an_object_is_malformed(value):
    assert isinstance(parse(value, PolicyKind.KEY), Malformed)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Version": "2012-10-17", "Statement": statement()}),
        json.dumps(document(statement(sid="é ü — €"))),
        json.dumps(document(statement(sid="é"))).encode("latin-1").decode("latin-1"),
        json.dumps(document(statement(), statement())),
        json.dumps(document(*[statement(sid="x" * 200)] * 120)),
        json.dumps(document(statement(condition={"Bool": {"aws:SecureTransport": True}}))),
        json.dumps({"Id": "x", **document(statement(condition={}))}),
        "  \n\t" + json.dumps(document(statement())) + "\n",
        json.dumps({"Statement": [{**statement(), "Principal": {"AWS": 111122223333, "Service": CLOUDTRAIL}}]}),
        json.dumps({"Statement": [{**statement(), "Sid": 1}]}),
        json.dumps(OrderedDict(document(statement()))),
        json.dumps(document(statement(action=["s3:*", "\udc2a", "\ue02a"]))),
    ],
)
def test_unusual_but_legal_text_is_evaluated(text):
    made = parse(text, PolicyKind.BUCKET)
    assert isinstance(made, Policy), made
    assert evaluate(made, request(context={"aws:SecureTransport": "true"})) is Outcome.ALLOWED


def test_a_name_given_twice_in_one_object_is_noted():
    made = parse('{"Statement": [], "Statement": []}', PolicyKind.BUCKET)
    assert isinstance(made, Policy)
    assert '"Statement"' in made.notes[0].text


def test_unknown_elements_operators_and_principal_types_are_noted_with_their_place():
    made = policy({**statement(condition={"StringEqualz": {"k": "v"}}, principal={"Martian": "x"}), "Efect": "Allow"})
    assert {note.place for note in made.notes} == {
        "Statement[0].Principal",
        "Statement[0].Condition.StringEqualz",
        "Statement[0].Efect",
    }
    assert evaluate(made, request()) is Outcome.UNDECIDED


def test_the_characters_that_stand_for_wildcards_inside_are_no_wildcards_in_a_policy():
    for text in ("\ue02a", "s3:\ue02a", "s3:Put\ue03fbject"):
        assert evaluate(policy(statement(action=text)), request()) is Outcome.IMPLICITLY_DENIED
    assert evaluate(policy(statement(condition={"StringLike": {"k": "\ue02a"}})), request(context={"k": "x"})) is Outcome.IMPLICITLY_DENIED


@pytest.mark.parametrize(
    "pattern",
    ["*" + "a*" * 2000, "?" * 5000, "*" * 5000, "a" * 20_000 + "*b", "${" * 5000, "${" + " " * 20_000, "${a," + " " * 20_000 + "'" * 50],
    ids=["stars", "marks", "only stars", "long", "openings", "blanks", "default"],
)
def test_hostile_patterns_take_no_time(pattern):
    value = "a" * 20_000
    made = policy(
        statement(condition={"StringLike": {"k": pattern}}),
        statement(resource=pattern),
        statement(condition={"StringEquals": {"k": pattern}}),
    )
    started = time.perf_counter()
    evaluate(made, request(context={"k": value}, resource=value))
    explain(made, request(context={"k": value}, resource=value))
    assert time.perf_counter() - started < 2


def test_edits_of_a_hostile_policy_end():
    hostile = {f"StringEquals{n}": {f"k{m}": f"v{m}" for m in range(20)} for n in range(20)}
    made = policy(*[statement(condition=hostile) for _ in range(20)])
    started = time.perf_counter()
    assert propose(made, [request()]) is not None
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("context", [{"": "x"}, {"K" * 10_000: "v"}, {"k": "\x00\x1b[2J"}, {"k": ""}, {"k": []}])
def test_odd_context_keys_and_values_are_just_text(context):
    made = policy(statement(condition={"StringEquals": {"k": "v"}}))
    assert evaluate(made, request(context=context)).denied


@pytest.mark.parametrize(
    "principal", ["", "x", "arn:", "arn:aws:iam::", f"arn:aws:iam:::role/{ACCOUNT}", "arn:aws:iam::x:role/", "*" * 100]
)
def test_odd_callers_are_nobody_in_particular(principal):
    made = policy(statement(principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    assert evaluate(made, request(principal=principal)).denied
    assert explain(made, request(principal=principal)).outcome.denied
