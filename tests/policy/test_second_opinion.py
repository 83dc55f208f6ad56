"""Two evaluators that share no line judge the same random policies and requests; where they differ, one of them is wrong."""

import json

from hypothesis import given
from hypothesis import strategies as st

from policy.second import Ask, judge
from stackdoctor.policy import MISSING, PRESENT, UNKNOWN, Caller, Known, OneOf, Policy, PolicyKind, Request, evaluate, explain, parse

KINDS = {"kms": PolicyKind.KEY, "s3": PolicyKind.BUCKET, "sqs": PolicyKind.QUEUE, "sns": PolicyKind.TOPIC, "lambda": PolicyKind.FUNCTION}
ACCOUNT = "111122223333"
ROLE, SESSION = f"arn:aws:iam::{ACCOUNT}:role/team/deployer", f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/run"
CALLERS = (
    "cloudtrail.amazonaws.com", "logs.us-east-1.amazonaws.com", ROLE, SESSION, f"arn:aws:iam::{ACCOUNT}:user/Bob", f"arn:aws:iam::{ACCOUNT}:root",
    ACCOUNT, "arn:aws:iam::444455556666:role/deployer", f"arn:aws:sts::{ACCOUNT}:federated-user/Bob", f"arn:aws:iam::{ACCOUNT}:saml-provider/corp", "*",
)  # fmt: skip
NAMED = (
    "*", {"AWS": "*"}, {"Service": "cloudtrail.amazonaws.com"}, {"Service": ["logs.us-east-1.amazonaws.com", "cloudtrail.amazonaws.com"]},
    {"AWS": ACCOUNT}, {"AWS": int(ACCOUNT)}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": ROLE}, {"AWS": [SESSION, ROLE, ACCOUNT]}, {"AWS": SESSION},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}, {"AWS": "AROAEXAMPLEEXAMPLE12"}, {"Service": "cloudtrail.*"}, {"AWS": "444455556666"},
    {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/Bob", ACCOUNT], "Service": "cloudtrail.amazonaws.com"},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, {"AWS": []},
)  # fmt: skip
ASKED = {
    "s3:PutObject": ("arn:aws:s3:::b/x/1", "arn:aws:s3:::b/x", "arn:aws:s3:::b/a/x:y"),
    "s3:GetBucketAcl": ("arn:aws:s3:::b",),
    "kms:GenerateDataKey": (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1",),
    "kms:DescribeKey": (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1",),
    "sqs:SendMessage": (f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",),
    "sns:Publish": (f"arn:aws:sns:us-east-1:{ACCOUNT}:t",),
    "lambda:InvokeFunction": (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",),
}
ACTIONS = (
    "*",
    "s3:PutObject",
    "S3:put*",
    "s3:*",
    "s3:Put?bject",
    "kms:GenerateDataKey*",
    "kms:*",
    "sqs:SendMessage",
    "SNS:Publish",
    "*:*",
    "lambda:Invoke*",
)
RESOURCES = ("*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::b/${aws:PrincipalTag/t}/*", "arn:aws:s3:::b/${aws:a, 'x'}/1",
             "arn:aws:s3:::b/?/1", "arn:*:s3:::*", f"arn:aws:*:us-east-1:{ACCOUNT}:*", "arn:aws:s3:::b/x${*}1", "arn:aws:s3:::B/x/1", "arn:aws:*")  # fmt: skip
TRAIL = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/t"
GROUPS = {
    "String": (("a", "A", "ab", "b", "", "a*", "a b", "é"), ("a", "A", "a*", "*", "?", "?b", "", "${aws:a}", "${aws:none, 'a'}", "${*}", "a${*}", "${aws:none}", "${$}")),
    "Arn": ((TRAIL, "arn:aws:s3:::b", "arn:aws:s3:::b:c", "a", f"arn:aws:iam::{ACCOUNT}:role/r"),
            (TRAIL, "arn:aws:*:*:*:*", "arn:aws:s3:::*", f"arn:*:cloudtrail:*:{ACCOUNT}:trail/*", "arn:aws:s3:::B", "a", f"arn:aws:cloudtrail:us-east-?:{ACCOUNT}:trail/${{aws:a}}")),
    "Numeric": (("1", "5", "10", "10.0", "-3", "x", "", "1.50"), ("1", 5, "10", "1.5", "-3.0", "x", 10.0)),
    "Date": (("2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "1767225600", "2026-01", "yesterday", "2025-12-31T23:59:59Z"),
             ("2026-01-01", "2026-01-01T00:00:00Z", "1767225600", "2026-01", "soon")),
    "Bool": (("true", "false", "True", "x"), ("true", "false", True, False, "TRUE")),
    "Ip": (("10.0.0.1", "10.1.0.1", "2001:db8::1", "x", "203.0.113.7", "2001:DB8:0:0::1"), ("10.0.0.0/8", "10.0.0.1", "10.0.0.1/16", "2001:db8::/32", "2001:db8::1", "x", "0.0.0.0/0")),
    "Binary": (("YQ==", "YWI=", "a"), ("YQ==", "YWI=", "a")),
    "Null": (("a", ""), ("true", "false", True, False)),
}  # fmt: skip
OPERATORS = {
    "String": ("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"),
    "Arn": ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
    **{kind: tuple(kind + n for n in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")) for kind in ("Numeric", "Date")},
    "Bool": ("Bool",), "Ip": ("IpAddress", "NotIpAddress"), "Binary": ("BinaryEquals",), "Null": ("Null",),
}  # fmt: skip
KEYS = {
    "String": ("aws:a", "AWS:A", "aws:b", "kms:EncryptionContext:C", "aws:PrincipalTag/t"),
    "Null": ("aws:a", "kms:encryptioncontext:c", "aws:n"),
}


def keys(kind):
    return KEYS.get(kind, (f"aws:{kind}", "aws:a"))


def some(values):
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), min_size=1, max_size=3))


@st.composite
def clauses(draw, kinds):
    kind = draw(st.sampled_from(kinds))
    operator = draw(st.sampled_from(OPERATORS[kind]))
    if kind != "Null":
        operator = (
            draw(st.sampled_from(["", "", "", "ForAllValues:", "ForAnyValue:"])) + operator + draw(st.sampled_from(["", "", "IfExists"]))
        )
    return operator, draw(st.sampled_from(keys(kind))), draw(some(GROUPS[kind][1]))


@st.composite
def statements(draw, kinds):
    made = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    made[draw(st.sampled_from(["Principal"] * 5 + ["NotPrincipal"]))] = draw(st.one_of(st.just("*"), st.sampled_from(NAMED)))
    made[draw(st.sampled_from(["Action"] * 5 + ["NotAction"]))] = draw(st.one_of(st.just("*"), some(ACTIONS)))
    if draw(st.integers(0, 9)):
        made[draw(st.sampled_from(["Resource"] * 5 + ["NotResource"]))] = draw(st.one_of(st.just("*"), some(RESOURCES)))
    condition = {}
    for operator, key, values in draw(st.lists(clauses(kinds), max_size=2)):
        condition.setdefault(operator, {}).setdefault(key, values)
    return {**made, "Condition": condition} if condition else made


@st.composite
def cases(draw):
    kinds = draw(st.lists(st.sampled_from(sorted(OPERATORS)), min_size=1, max_size=2))
    policy = {
        "Version": draw(st.sampled_from(["2012-10-17"] * 3 + ["2008-10-17"])),
        "Statement": draw(st.lists(statements(kinds), min_size=1, max_size=3)),
    }
    if draw(st.integers(0, 9)) == 0:
        del policy["Version"]
    action = draw(st.sampled_from(sorted(ASKED) + ["s3:PutObject"] * 3))
    named = sorted({key.lower(): key for kind in kinds for key in keys(kind)}.values())
    context, few, unknown, present, unsure = {}, {}, [], [], 0
    for key in named:
        kind = next(kind for kind in kinds if key in keys(kind) or key.lower() in map(str.lower, keys(kind)))
        value = (
            st.lists(st.sampled_from(GROUPS[kind][0]), min_size=1, max_size=2).map(tuple)
            if draw(st.booleans())
            else st.sampled_from(GROUPS[kind][0]).map(lambda v: (v,))
        )
        what = draw(st.sampled_from(["known"] * 5 + ["absent", "few", "unknown", "unknown", "present"]))
        if what in ("few", "unknown", "present"):
            unsure += 1
        if what == "few":
            few[key] = tuple(draw(st.lists(st.one_of(st.none(), value), min_size=1, max_size=3)))
        elif what == "unknown" and unsure < 3:
            unknown.append(key)
        elif what == "present" and unsure < 3:
            present.append(key)
        elif what == "known":
            context[key] = draw(value)
        else:
            context[key] = None
    return policy, Ask(
        draw(st.sampled_from(CALLERS[:1] * 4 + CALLERS)),
        action,
        draw(st.sampled_from(ASKED[action])),
        ACCOUNT,
        context,
        few,
        tuple(unknown),
        tuple(present),
    )


def request_of(ask):
    context = {key: MISSING if value is None else Known(value) for key, value in ask.context.items()}
    context |= (
        {key: OneOf(options) for key, options in ask.few.items()}
        | dict.fromkeys(ask.unknown, UNKNOWN)
        | dict.fromkeys(ask.present, PRESENT)
    )
    return Request(Caller.parse(ask.principal), ask.action, ask.resource, ask.account, context, UNKNOWN if ask.open else MISSING)


def first(policy, ask):
    made = parse(policy, KINDS[ask.action.partition(":")[0]])
    assert isinstance(made, Policy), made
    return made


def excused(answer, truth, policy, ask):
    """Undecided is never wrong, and allowed where all sets of a key's values, or all values of a variable, are too many to try.

    There a Deny that holds in every world may also count as one that holds in some: denied either way.
    """
    unsure = {key.lower() for key in (*ask.unknown, *ask.present)}
    written = json.dumps(policy).lower()
    in_sets = {k.lower() for s in policy["Statement"] for o, ks in s.get("Condition", {}).items() for k in ks if o.startswith("For")}
    beyond = bool(unsure & in_sets) or any(f"${{{key}" in written for key in unsure)
    return beyond and (answer == "undecided" or (answer, truth) == ("implicitly-denied", "explicitly-denied"))


@given(cases())
def test_both_evaluators_agree(case):
    policy, ask = case
    made = first(policy, ask)
    answer = evaluate(made, request_of(ask)).value
    assert answer == explain(made, request_of(ask)).outcome.value
    truth = judge(policy, ask)
    assert answer == truth or excused(answer, truth, policy, ask), json.dumps(policy)
