"""Hypothesis strategies: small vocabularies, so that policies and requests meet often."""

from hypothesis import strategies as st

from stackdoctor.policy import MISSING, PRESENT, UNKNOWN, Caller, Known, OneOf, Policy, PolicyKind, Request, parse

CALLERS = (
    "cloudtrail.amazonaws.com",
    "config.amazonaws.com",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:sts::111122223333:assumed-role/r/s",
    "*",
)
NAMES = ("cloudtrail.amazonaws.com", "config.amazonaws.com")
ARNS = (
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:iam::444455556666:root",
    "*",
    "AROAEXAMPLEEXAMPLE12",
)
ACTIONS = ("s3:PutObject", "s3:Put*", "s3:*", "*", "s3:GetBucketAcl", "kms:Decrypt", "kms:GenerateDataKey*")
RESOURCES = ("*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x/*", "arn:aws:s3:::b/${aws:a}/*")
KEYS = ("aws:a", "aws:b", "kms:EncryptionContext:c")
TEXTS = ("a", "A", "ab", "b", "", "1", "5", "true", "arn:aws:s3:::b", "10.0.0.1", "2026-01-01")
EXPECTED = (*TEXTS, "a*", "*b", "*", "?", "arn:aws:s3:*:*:b*", "10.0.0.0/8", "${aws:b}", "${aws:a, 'a'}")
OPERATORS = (
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "ArnLike", "ArnNotEquals", "Null", "Bool",
    "NumericLessThan", "NumericNotEquals", "DateGreaterThan", "IpAddress", "NotIpAddress", "StringEqualsIfExists", "StringNotLikeIfExists",
    "ForAllValues:StringEquals", "ForAnyValue:StringNotEquals", "ForAnyValue:StringLike", "BinaryEquals", "StringEqualz",
)  # fmt: skip


def often(usual, values):
    """Mostly the usual ones, so that statements and requests meet."""
    return st.one_of(st.sampled_from(usual), st.sampled_from(usual), some(values))


def some(values):
    return st.one_of(st.sampled_from(values), st.lists(st.sampled_from(values), max_size=3, unique=True))


principals = st.one_of(
    st.just("*"),
    st.just({"Service": "cloudtrail.amazonaws.com"}),
    st.fixed_dictionaries({}, optional={"Service": some(NAMES), "AWS": some(ARNS)}),
)
conditions = st.dictionaries(
    st.sampled_from(OPERATORS), st.dictionaries(st.sampled_from(KEYS), some(EXPECTED), min_size=1, max_size=2), max_size=2
)


@st.composite
def statements(draw, effect=None):
    made = {"Sid": draw(st.sampled_from(["A", "B", "C"])), "Effect": effect or draw(st.sampled_from(["Allow", "Deny"]))}
    made[draw(st.sampled_from(["Principal"] * 6 + ["NotPrincipal"]))] = draw(principals)
    made[draw(st.sampled_from(["Action"] * 6 + ["NotAction"]))] = draw(often(("*", "s3:*"), ACTIONS))
    made[draw(st.sampled_from(["Resource"] * 6 + ["NotResource"]))] = draw(often(("*", "arn:aws:s3:::b*"), RESOURCES))
    if draw(st.sampled_from([True, True, True, False])):
        made["Condition"] = draw(conditions)
    return made


conditioned = st.builds(
    lambda effect, condition: {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition},
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.dictionaries(
        st.sampled_from(OPERATORS),
        st.dictionaries(st.sampled_from(KEYS[:2]), some(EXPECTED), min_size=1, max_size=1),
        min_size=1,
        max_size=2,
    ),
)
"""Statements for everybody and everything, so that their conditions alone decide."""

versions = st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"])
kinds = st.sampled_from([PolicyKind.BUCKET, PolicyKind.KEY])
options = st.one_of(st.none(), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=2, unique=True).map(tuple))
certain = st.one_of(st.just(MISSING), st.lists(st.sampled_from(TEXTS), max_size=2).map(tuple).map(Known))
knowledge = st.one_of(
    certain,
    st.sampled_from([UNKNOWN, PRESENT, UNKNOWN]),
    st.lists(options, min_size=1, max_size=3, unique=True).map(tuple).map(OneOf),
)


@st.composite
def requests(draw, of=knowledge):
    return Request(
        Caller.parse(draw(st.sampled_from(CALLERS[:1] * 4 + CALLERS))),
        draw(
            st.sampled_from(
                [
                    "s3:PutObject",
                    "s3:PutObject",
                    "s3:PutObject",
                    "s3:GetBucketAcl",
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:GenerateDataKey*",
                ]
            )
        ),
        draw(st.sampled_from(["arn:aws:s3:::b", "arn:aws:s3:::b/x/*", "arn:aws:s3:::b/a/1"])),
        draw(st.sampled_from([None, "111122223333"])),
        draw(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, of))),
        draw(st.sampled_from([MISSING, MISSING, UNKNOWN])),
    )


def narrowings(known):
    """Strategies for what one may come to know of a key of which this is known."""
    match known:
        case OneOf(choices):
            return st.sampled_from(choices).map(lambda option: MISSING if option is None else Known(option))
        case _ if known == PRESENT:
            return st.sampled_from(TEXTS).map(lambda text: Known((text,)))
        case _ if known == UNKNOWN:
            return st.one_of(st.just(MISSING), st.just(PRESENT), st.sampled_from(TEXTS).map(lambda text: Known((text,))))
        case _:
            return st.just(known)


@st.composite
def narrowed(draw, of=knowledge):
    """A request, and the same request of somebody who knows more."""
    wide = draw(requests(of))
    context = {key: wide.context.get(key, wide.otherwise) for key in KEYS}
    known = {key: draw(narrowings(value)) for key, value in context.items()}
    return (wide, Request(wide.caller, wide.action, wide.resource, wide.resource_account, known, wide.otherwise))


def compiled(listed, kind, version="2012-10-17") -> Policy:
    made = parse({"Version": version, "Statement": list(listed)}, kind)
    assert isinstance(made, Policy), made
    return made


unsure = st.one_of(st.sampled_from([UNKNOWN, PRESENT]), st.lists(options, min_size=2, max_size=3, unique=True).map(tuple).map(OneOf))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
nearly_statements = st.dictionaries(
    st.sampled_from(["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition", "X"]),
    json_values
    | st.sampled_from(["Allow", "Deny", "*"])
    | st.fixed_dictionaries({"AWS": json_values})
    | st.dictionaries(st.sampled_from(OPERATORS), json_values, max_size=2),
    max_size=6,
)
nearly_policies = st.fixed_dictionaries(
    {"Statement": nearly_statements | st.lists(nearly_statements, max_size=3) | json_values}, optional={"Version": json_values | versions}
)
