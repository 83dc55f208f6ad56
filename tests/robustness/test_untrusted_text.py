"""What AWS's texts may hold never acts on a terminal, a table or a page; json keeps it as it is."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import attempts
from lab.world import World

from robustness.command import VALIDATOR, Account, run

HOSTILE = [
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m\x90q\x9c",
    "\u202egnissim\u202c\u2066x\u2069\u200e\u200f\u061c",
    "line\nline\r\nline\rline\x0bline\x0cline\u2028line\u2029line\x85line",
    "a | b | c\n|---|---|\n# heading\n* item\n> quote\n```\ncode\n```\n[click](javascript:alert(1)) ![x](http://evil/x.png) **b** _i_ ~~s~~ $x$",
    "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;&amp;&#x3c;",
    "\x00\x01\x08\x7f\ufeff\u200b\u2060\ue000\U000e0041",
    "\ud800 lone \udfff surrogates",
    "Z\u0351\u036b\u0343a\u0321l\u0334g" * 50,
    "x" * 400_000,
    "${jndi:ldap://evil}; $(rm -rf /); `id`; '; DROP TABLE--",
]
FORBIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
ALLOWED = {"\n", "\t"}


def is_neutral(text: str) -> None:
    bad = {f"U+{ord(c):04X}" for c in set(text) if unicodedata.category(c) in FORBIDDEN and c not in ALLOWED}
    assert not bad


def is_inert_markdown(text: str) -> None:
    """Outside of fences: no HTML, no link, no image, no heading but ours; every table row has as many cells as its head."""
    outside, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(`{3,})", line)
        if fence:
            fence = "" if mark and line.strip() == fence else fence
        elif mark:
            fence = mark[1]
        else:
            outside.append(line)
    assert not fence, "a fence was left open"
    prose = "\n".join(outside)
    plain = re.sub(r"\\[^\w\s]|`[^`]*`", "", prose)
    assert not re.search(r"<(?!https://docs\.aws)[a-zA-Z/!]", plain)
    assert not re.search(r"\]\((?!https://docs\.aws)", plain)
    for table in re.findall(r"(?:^\|.*\n)+", plain, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


def poisoned(text: str) -> tuple[World, attempts.Told]:
    """The born-from incident with this text in everything that a stranger may write."""
    world = World()
    told = attempts.four_stacks(world, evidence="there")
    for stack in world.stacks.values():
        stack["public"]["StackStatusReason"] = text
        stack["public"]["Tags"] = [{"Key": text[:100], "Value": text[:200]}]
        stack["public"]["Description"] = text
        for event in stack["events"]:
            if event.get("ResourceStatusReason"):
                event["ResourceStatusReason"] += text
            if event["LogicalResourceId"] == "WatchedTopic":
                event["LogicalResourceId"] = f"Watched{text[:500]}"
                event["PhysicalResourceId"] = text[:500]
                event["ResourceType"] = f"AWS::SNS::Topic{text[:500]}"
    for policy in [*(key["policy"] for key in world.keys.values()), *(bucket["policy"] for bucket in world.buckets.values())]:
        for statement in policy["Statement"]:
            statement["Sid"] = f"{statement.get('Sid', '')}{text[:5000]}"
        policy["Statement"].append(
            {
                "Sid": text[:5000],
                "Effect": "Deny",
                "Principal": {"AWS": text[:5000]},
                "Action": text[:500],
                "Resource": text[:500],
                "Condition": {"StringEquals": {f"aws:{text[:100]}": text[:5000]}},
            }
        )
    for record in world.records:
        record["errorMessage"] += text[:5000]
    return world, told


def served(text: str) -> str:
    """As far as XML can carry it: AWS cannot send a NUL either."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff"))


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("more", [(), ("-v",), ("-q",)], ids=lambda more: " ".join(more) or "plain")
def test_nothing_acts_on_a_terminal_or_a_page(here: Account, number: int, more: tuple[str, ...]) -> None:
    world, told = poisoned(served(HOSTILE[number]))
    here.become(world)
    shown = here.diagnose(told.stack, "-o", "text", *more)
    assert shown.code in {1, 3}, shown.err
    is_neutral(shown.out)
    page = here.diagnose(told.stack, "-o", "markdown", *more)
    is_neutral(page.out)
    is_inert_markdown(page.out)
    assert len(shown.out) < 400_000
    assert not shown.err + page.err


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_json_keeps_it_as_it_is(here: Account, number: int) -> None:
    text = served(HOSTILE[number])
    world, told = poisoned(text)
    here.become(world)
    ran = here.diagnose(told.stack)
    VALIDATOR.validate(ran.report)
    [cause] = [cause for cause in ran.report["root_causes"] if cause["logical_id"] == told.root]
    assert cause["reason"].replace("\r\n", "\n").replace("\r", "\n").endswith(text.replace("\r\n", "\n").replace("\r", "\n"))


def test_colour_is_ours_alone(here: Account) -> None:
    world, told = poisoned(served(HOSTILE[0]))
    here.become(world)
    ran = here.diagnose(told.stack, "-o", "text", "--color", "always")
    is_neutral(re.sub(r"\x1b\[[0-9;]*m", "", ran.out))
    assert "\x1b[31mred" not in ran.out


# -------------------------------------------------------------------------------------------- any text, through a document
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x07\n\r|`*_<>[]()#!&\\\u202e\u2066\u200b\ufeff\x00\x7f"),
        st.integers(0xD800, 0xDFFF).map(chr),
    ),
    max_size=60,
)


def document(reason: str, name: str, physical: str, sid: str) -> dict[str, Any]:
    policy = {
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:GetBucketAcl",
                "Resource": sid,
            }
        ]
    }
    properties = {"S3BucketName": "logs", "TrailName": name}
    rows = [
        ("stack", "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", reason, None),
        (
            name,
            "AWS::CloudTrail::Trail",
            "CREATE_FAILED",
            f"Insufficient permissions to access S3 bucket logs or KMS key {reason}",
            properties,
        ),
        ("Policy", "AWS::S3::BucketPolicy", "CREATE_COMPLETE", "", {"Bucket": "logs", "PolicyDocument": policy}),
        ("stack", "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", "User Initiated", None),
    ]
    return {
        "StackEvents": [
            {
                "StackName": "stack",
                "EventId": str(number),
                "LogicalResourceId": logical,
                "PhysicalResourceId": "" if logical == "stack" else physical,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": said,
                "Timestamp": f"2026-11-20T09:00:{40 - number}Z",
                "ResourceProperties": json.dumps(given) if given else "",
            }
            for number, (logical, kind, status, said, given) in enumerate(rows)
        ]
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NASTY, NASTY, NASTY, NASTY, st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]), st.booleans())
def test_any_text_at_all(reason: str, name: str, physical: str, sid: str, encoding: str, escaped: bool) -> None:
    told = document(reason, name or "Trail", physical, sid)
    data = json.dumps(told, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    outputs = {
        output: run("diagnose", "--events", "-", "-o", output, stdin=data, encoding=encoding) for output in ("text", "markdown", "json")
    }
    assert len({ran.code for ran in outputs.values()}) == 1
    if outputs["json"].code == 4:
        assert not escaped, "lone surrogates that are no UTF-8 are refused; escaped ones are JSON"
        return
    is_neutral(outputs["text"].out)
    is_neutral(outputs["markdown"].out)
    is_inert_markdown(outputs["markdown"].out)
    VALIDATOR.validate(outputs["json"].report)
    for cause in outputs["json"].report["root_causes"]:
        if cause["logical_id"] == name:
            told = reason.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # a pair of escapes is one character
            assert cause["reason"].endswith(f"or KMS key {told}"), "json keeps it verbatim"


def test_a_stdout_that_cannot_show_a_character_still_gets_json() -> None:
    told = document("caf\u00e9 \U0001f600 \u0416", "Trail", "p", "s")
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        ran = run("diagnose", "--events", "-", "-o", "json", stdin=json.dumps(told).encode(), encoding=encoding)
        assert any("caf\u00e9 \U0001f600 \u0416" in (cause["reason"] or "") for cause in ran.report["root_causes"]), encoding
