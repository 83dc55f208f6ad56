"""What is no template says so and where; what is one is read as CloudFormation reads it."""

from __future__ import annotations

import json
import time

import pytest
from cfnlint.decode import decode_str
from template_edits import CASES, as_text, read

from stackdoctor.template import BadTemplate, Template, parse

BOMB = (
    "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)) + "Resources: {}\n"
)
MERGES = "m0: &m0 {k: v}\n" + "".join(f"m{i}: &m{i}\n  <<: [{','.join([f'*m{i - 1}'] * 9)}]\n" for i in range(1, 30)) + "Resources: {}\n"
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000)) + "Resources: {}\n"
HOSTILE = {
    "nothing": ("", "empty", 0),
    "blank": ("  \n\n", "empty", 0),
    "a list": ("- a\n", "mapping with Resources", 1),
    "a json list": ("[]", "mapping with Resources", 1),
    "a number": ("7", "mapping with Resources", 1),
    "no resources": ("Description: hello\n", "mapping with Resources", 1),
    "resources that are none": ("A: 1\nResources: 5\n", "mapping with Resources", 2),
    "a page of html": ("<html><body>Access Denied</body></html>", "mapping with Resources", 1),
    "cut json": ('{"Resources": {"A": {"Type": "AWS::S3::Buck', "without an end", 1),
    "json with a stray comma": ('{"Resources": {\n"A": 1,,}}', "double quotes", 2),
    "json and more": ('{"Resources": {}} {"Resources": {}}', "after the end", 1),
    "duplicate json key": ('{\n "Resources": {\n  "A": 1,\n  "A": 2\n }\n}', "duplicate key 'A'", 4),
    "duplicate yaml key": ("Resources:\n  A: 1\n  A: 2\n", "duplicate key 'A'", 3),
    "duplicate key deep in a flow": ("Resources: {A: {x: [{y: 1, y: 2}]}}\n", "duplicate key 'y'", 1),
    "unknown alias": ("Resources:\n  A: *nope\n", "no anchor 'nope'", 2),
    "an alias of itself": ("Resources: &r\n  A: *r\n", "no anchor 'r'", 2),
    "billion laughs": (BOMB, "aliases", 6),
    "billion laughs by merging": (MERGES, "", 0),
    "a long chain of aliases": (CHAIN, "deeper", 100),
    "deep json": ('{"a":' * 100_000, "deeper", 1),
    "deep json lists": ("[" * 1_000_000, "deeper", 1),
    "deep yaml": ("- " * 100_000, "deeper", 1),
    "deep flow yaml": ("a: " + "[" * 100_000, "deeper", 1),
    "a hundred megabytes": ("Resources: {}\n#" + "x" * 100_000_000, "larger", 0),
    "two documents": ("Resources: {}\n---\nResources: {}\n", "more than one document", 2),
    "a tab as indentation": ("Resources:\n\tA: 1\n", "", 2),
    "nul": ("Resources: {}\n\0", "", 2),
    "a lone surrogate": ("Resources: {A: \ud800}", "", 1),
    "a key that is a list": ("? [a, b]\n: c\nResources: {}\n", "key", 1),
    "merging a number": ("<<: 3\nResources: {}\n", "mapping", 1),
    "python object": ('!!python/object/apply:os.system ["id"]', "mapping with Resources", 1),
    "unclosed quote": ("Resources:\n  A: 'x\n", "", 0),
    "wrong escape": ('{"Resources": {"A": "\\q"}}', "escape", 1),
    "a word in json": ('{"Resources": {"A": nope}}', "", 0),
    "yaml directive": ("%YAML 9.9\n---\nResources: {}\n", "", 0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_template_says_why_and_where(name):
    text, reason, line = HOSTILE[name]
    started = time.monotonic()
    found = parse(text)
    assert time.monotonic() - started < 5
    if name in {"billion laughs by merging", "a word in json", "yaml directive"}:  # may also be read: YAML takes it
        assert isinstance(found, BadTemplate | Template)
        return
    assert isinstance(found, BadTemplate), found
    assert reason in found.reason
    assert found.line == line or not line
    assert "Traceback" not in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_reads_what_cfn_lint_reads(name):
    template = parse(read(name))
    assert isinstance(template, Template)
    loaded, _problems = decode_str(read(name))
    if name != "anchors.yaml":  # cfn-lint keeps `<<`
        assert as_text(loaded) == as_text(dict(template.value))


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
@pytest.mark.parametrize("prefix", ["", "\ufeff"])
def test_every_value_is_found_where_it_is_written(name, prefix):
    template = parse(prefix + read(name))
    for node in template.root.walk():
        written = template.text[node.start : node.end]
        assert written == written.strip()
        if node.shape == "scalar" and not node.tag and not node.alias and not node.style and not node.anchor:
            assert " ".join(written.split()) == as_text(node.value) or json.loads(written) == node.value
        if node.alias:
            assert written == f"*{node.anchor}"
        if node.tag:
            assert written.startswith(("!", "&"))


def test_short_and_long_forms_are_the_same_value():
    short = parse(
        'Resources: {R: {A: !Ref X, B: !GetAtt X.Y.Z, C: !Sub "${X}", D: !If [c, !Ref A, [b]], E: !Equals [a, b], F: !Condition c}}'
    )
    long = parse(
        'Resources: {R: {A: {Ref: X}, B: {"Fn::GetAtt": X.Y.Z}, C: {"Fn::Sub": "${X}"}, D: {"Fn::If": [c, {Ref: A}, [b]]},'
        ' E: {"Fn::Equals": [a, b]}, F: {Condition: c}}}'
    )
    assert short.value == long.value
    assert short.value["Resources"]["R"]["B"] == {"Fn::GetAtt": ["X", "Y.Z"]}


def test_values_are_taken_as_cloudformation_takes_them():
    template = parse(
        "Resources: {A: 2012-10-17, B: 012345678901, C: 10, D: true, E: 1.5, F: ~, G: 'true', H: 1_000, I: !!str 5, J: 10:30, K: Yes, L: off, M: y, N: !GetAZs }"
    )
    expected = ["2012-10-17", "012345678901", 10, True, 1.5, None, "true", "1_000", "5", "10:30", True, False, "y", {"Fn::GetAZs": ""}]
    assert list(template.section("Resources").values()) == expected


def test_json_in_yaml_clothes_and_yaml_in_json_clothes():
    assert parse('{"Resources": {"A": "x",}}').is_json is False  # the trailing comma makes it YAML
    assert parse('\t{"Resources":\t{"A": "tab\tin a string"}}').is_json is True
