"""Policies whose every value may be an intrinsic function, with comments anywhere: the patch still deploys what was asked for."""

from __future__ import annotations

import copy

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from template_edits import CONTEXT, all_edits, plain
from test_template_random import DUMPERS, POLICIES, NoAliases

from stackdoctor.template import Patched, Place, Template, find_policy, parse, patch, resolve

NO_VALUE = {"Ref": "AWS::NoValue"}
HEAD = {
    "Parameters": {"Word": {"Type": "String", "Default": "s3:PutObject"}, "Stage": {"Type": "String", "Default": "prod"}},
    "Conditions": {"Yes": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}},
    "Mappings": {"Words": {"eu-west-1": {"star": "*"}}},
}


@st.composite
def disguised(draw, value, depth=0):
    """A template value that deploys as `value`."""
    if isinstance(value, dict):
        made = {name: item if name in {"Version", "Effect"} else draw(disguised(item, depth + 1)) for name, item in value.items()}
        if draw(st.integers(0, 8)) == 0:
            made["Absent"] = {"Fn::If": ["No", "there", NO_VALUE]}
        return {"Fn::If": ["Yes", made, NO_VALUE]} if draw(st.integers(0, 8)) == 0 else made
    if isinstance(value, list):
        items = [draw(disguised(item, depth + 1)) for item in value]
        if draw(st.integers(0, 5)) == 0:
            items.insert(draw(st.integers(0, len(items))), {"Fn::If": ["No", "never", NO_VALUE]})
        return {"Fn::If": ["No", ["x"], items]} if draw(st.integers(0, 8)) == 0 else items
    cut = draw(st.integers(0, len(value)))
    escaped = value.replace("${", "${!")
    choices = {
        0: value,
        1: {"Fn::Sub": escaped},
        2: {"Fn::Join": ["", [value[:cut], {"Fn::Sub": value[cut:].replace("${", "${!")}] if "${" not in value else [value]]},
        3: {"Fn::If": ["Yes", value, "other"]},
        4: {"Fn::Select": [1, ["x", value]]},
        5: {"Fn::Sub": [value[:cut].replace("${", "${!") + "${Tail}", {"Tail": value[cut:]}]}
        if "${" not in value
        else {"Fn::Sub": escaped},
        6: {"Fn::FindInMap": ["Words", {"Ref": "AWS::Region"}, "star"]} if value == "*" else value,
        7: {"Ref": "Word"} if value == "s3:PutObject" else value,
    }
    return choices[draw(st.sampled_from([0, 0, 0, *choices]))]


class Short(NoAliases):
    """Writes `!Sub x` for {"Fn::Sub": x}."""

    def represent_data(self, data):
        if isinstance(data, dict) and len(data) == 1:
            ((name, argument),) = data.items()
            if name == "Ref" or name.startswith("Fn::"):
                node = super().represent_data(argument)
                node.tag = "!" + name.removeprefix("Fn::")
                return node
        return super().represent_data(data)


class ShortIndented(Short):
    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


WRITERS = {
    **{name: DUMPERS[name] for name in ("json-2", "json-min", "json-tab", "yaml", "yaml-indented", "yaml-flow", "yaml-mixed")},
    "short": lambda t: yaml.dump(t, Dumper=Short, sort_keys=False, allow_unicode=True),
    "short-indented": lambda t: yaml.dump(t, Dumper=ShortIndented, sort_keys=False, indent=4, allow_unicode=True),
    "short-flow": lambda t: yaml.dump(t, Dumper=Short, sort_keys=False, default_flow_style=True, allow_unicode=True),
    "short-mixed": lambda t: yaml.dump(t, Dumper=Short, sort_keys=False, default_flow_style=None, allow_unicode=True),
    "short-crlf": lambda t: yaml.dump(t, Dumper=Short, sort_keys=False, line_break="\r\n", allow_unicode=True),
}


def deploy(text):
    template = parse(text)
    assert isinstance(template, Template), (template, text)
    return template


def check(template, before, after):
    place = find_policy(template, CONTEXT, kind="bucket", owner="b", deployed=before)
    assert isinstance(place, Place), place
    made = patch(template, place, before, after)
    assert isinstance(made, Patched), made
    again = deploy(made.text)
    assert plain(resolve(again, again.node(*place.path).value, CONTEXT)) == plain(after)


COMMON = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@COMMON
@given(POLICIES, st.sampled_from(sorted(WRITERS)), st.data())
def test_intrinsics_everywhere(before, writer, data):
    document = data.draw(disguised(before))
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b", "PolicyDocument": document}}
    template = deploy(WRITERS[writer]({**HEAD, "Resources": {"Policy": policy, "Z": {"Type": "AWS::S3::Bucket"}}}))
    after = data.draw(st.sampled_from([edited for _name, edited in all_edits(before)]))
    check(template, before, after)


SIMPLE = st.sampled_from(["alpha", "beta:x", "gamma*", "delta"])


@COMMON
@given(st.sampled_from(["yaml", "yaml-indented", "yaml-mixed"]), st.data())
def test_comments_everywhere(writer, data):
    statement = st.fixed_dictionaries(
        {"Effect": st.just("Allow"), "Principal": st.just({"Service": "x.amazonaws.com"}), "Action": st.lists(SIMPLE, min_size=1, unique=True), "Resource": SIMPLE},
        optional={"Sid": SIMPLE, "Condition": st.dictionaries(st.sampled_from(["StringEquals", "ArnLike"]), st.dictionaries(SIMPLE, SIMPLE, min_size=1), min_size=1)},
    )  # fmt: skip
    before = {"Statement": data.draw(st.lists(statement, min_size=1, max_size=3))}
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b", "PolicyDocument": before}}
    lines = []
    for line in WRITERS[writer]({"Resources": {"Policy": policy, "Z": {"Type": "AWS::S3::Bucket"}}}).splitlines():
        lines += [" " * data.draw(st.integers(0, 14)) + "# between: it's"] * data.draw(st.integers(0, 1))
        lines.append(line + data.draw(st.sampled_from(["", "", "   # behind, it's", "  "])))
    lines.append("# the end")
    after = copy.deepcopy(data.draw(st.sampled_from([edited for _name, edited in all_edits(before)])))
    check(deploy("\n".join(lines) + "\n"), before, after)
