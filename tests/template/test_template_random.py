"""Any policy, written by any dumper, changed in any way: the patched template deploys the corrected policy."""

from __future__ import annotations

import copy
import json

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_edits import CONTEXT, all_edits, plain

from stackdoctor.template import Patched, Place, Template, find_policy, parse, patch, resolve

TEXTS = st.one_of(
    st.sampled_from(["*", "s3:PutObject", "kms:*", "yes", "null", "12", "0123", "2012-10-17", "a: b", "#x", "- y", "x #y", "'", '"', "${aws:username}", " ", "\u00e9\U0001f600", "a\nb", "{}", "[a", "&a", "*a", "!x", "%x", "@x", "`", "a,b", "~", "=", "arn:aws:s3:::b/${!x}", "1e3", "0x1f", "tab\there", "end:", "\\", "long " * 40]),
    st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufeff\ufffe\uffff"), min_size=1, max_size=12),
)  # fmt: skip
VALUES = st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3, unique=True))
KEYS = st.sampled_from(["aws:SourceArn", "aws:SourceAccount", "kms:ViaService", "s3:x-amz-acl", "a b", "x"])
OPERATORS = st.sampled_from(["StringEquals", "StringLike", "ArnLike", "Bool", "Null"])
CONDITIONS = st.dictionaries(OPERATORS, st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), min_size=1, max_size=2)
PRINCIPALS = st.one_of(st.just("*"), st.dictionaries(st.sampled_from(["AWS", "Service"]), VALUES, min_size=1))


@st.composite
def statements(draw):
    made = {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        "Principal": draw(PRINCIPALS),
        "Action": draw(VALUES),
        "Resource": draw(VALUES),
    }
    if draw(st.booleans()):
        made["Sid"] = draw(st.sampled_from(["A", "B", "C", "D"]))
    if draw(st.booleans()):
        made["Condition"] = draw(CONDITIONS)
    return dict(draw(st.permutations(list(made.items()))))


POLICIES = st.lists(statements(), min_size=1, max_size=4).map(lambda s: {"Version": "2012-10-17", "Statement": s})


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


class Indented(NoAliases):
    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


DUMPERS = {
    "json-2": lambda t: json.dumps(t, indent=2),
    "json-4-unicode": lambda t: json.dumps(t, indent=4, ensure_ascii=False) + "\n",
    "json-1": lambda t: json.dumps(t, indent=1),
    "json-tab": lambda t: json.dumps(t, indent="\t"),
    "json-line": json.dumps,
    "json-min": lambda t: json.dumps(t, separators=(",", ":")),
    "yaml": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, allow_unicode=True),
    "yaml-ascii": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False),
    "yaml-indented": lambda t: yaml.dump(t, Dumper=Indented, sort_keys=False, indent=4, allow_unicode=True),
    "yaml-mixed": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, default_flow_style=None, allow_unicode=True),
    "yaml-flow": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, default_flow_style=True, allow_unicode=True),
    "yaml-single": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, default_style="'", width=500, allow_unicode=True),
    "yaml-double": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, default_style='"', allow_unicode=True),
    "yaml-literal": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, default_style="|", allow_unicode=True),
    "yaml-crlf": lambda t: yaml.dump(t, Dumper=NoAliases, sort_keys=False, line_break="\r\n", allow_unicode=True),
}


def deploy(policy, dumper):
    resources = {
        "First": {"Type": "AWS::S3::Bucket"},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b", "PolicyDocument": policy}},
        "Last": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}},
    }
    text = DUMPERS[dumper]({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    template = parse(text)
    assert isinstance(template, Template), (template, text)
    return template


def check(template, before, after):
    place = find_policy(template, CONTEXT, kind="bucket", owner="b", deployed=before)
    assert isinstance(place, Place), place
    made = patch(template, place, before, after)
    assert isinstance(made, Patched), made
    again = parse(made.text)
    assert isinstance(again, Template)
    node = again.node(*place.path)
    assert plain(resolve(again, node.value, CONTEXT)) == plain(after)
    kept = [line for line in template.text.split("\n") if line]
    new = made.text.split("\n")
    assert kept[0] == new[0] or len(kept) < 4
    return made


COMMON = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@COMMON
@given(POLICIES, st.sampled_from(sorted(DUMPERS)), st.data())
def test_a_few_small_edits(before, dumper, data):
    after = copy.deepcopy(before)
    for _ in range(data.draw(st.integers(1, 3))):
        after = data.draw(st.sampled_from([edited for _name, edited in all_edits(after)]))
    if plain(after) != plain(before):
        check(deploy(before, dumper), before, after)


@COMMON
@given(POLICIES, POLICIES, st.sampled_from(sorted(DUMPERS)), st.data())
def test_statements_of_another_policy_mixed_in(before, other, dumper, data):
    both = [*before["Statement"], *other["Statement"]]
    picked = data.draw(st.lists(st.sampled_from(range(len(both))), min_size=1, max_size=5, unique=True))
    after = {"Version": "2012-10-17", "Statement": [copy.deepcopy(both[i]) for i in sorted(picked)]}
    if plain(after) != plain(before):
        check(deploy(before, dumper), before, after)
