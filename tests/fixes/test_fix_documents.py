"""Every corrected document that the product calls verified, judged by the evaluator that shares no line with it.

Right in every world, open to nobody else, untouched where it was nobody's business, and never open to everybody.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from incidents import judging
from policy.second import judge

from fixes.spoiled import INCIDENTS, Spoiled

RUNS = int(os.environ.get("STACKDOCTOR_FIX_RUNS", "400" if os.environ.get("CI") else "60"))
DENIED = {"implicitly-denied", "explicitly-denied"}


def complaints(made: Spoiled, report: dict[str, Any]) -> list[str]:
    """Everything that is wrong with the report's verified corrections."""
    out = []
    for fix in (fix for fix in report["fixes"] if fix["verified"] and fix["document"] is not None):
        before, after, title = made.documents[fix["kind"]], fix["document"], fix["title"]
        answers = [(ask.action, judge(after, ask)) for ask in made.needed[fix["kind"]]]
        out += [f"{title}: {action} is {answer}" for action, answer in answers if answer != "allowed"]
        for ask in made.foreign(fix["kind"]):
            was, now = judge(before, ask), judge(after, ask)
            if was in DENIED and now not in DENIED:
                out.append(f"{title}: {now} to {ask.principal} {ask.action} {ask.context}")
        out += unfaithful(before, after, title)
    return out


def unfaithful(before: dict[str, Any], after: dict[str, Any], title: str) -> list[str]:
    """What of a document that had nothing to do with the fault did not stay byte for byte and in its place; and new open doors."""
    kept = [json.dumps(s) for s in before["Statement"] if str(s.get("Sid", "")).startswith("Unrelated")]
    found = [text for text in map(json.dumps, after["Statement"]) if text in kept]
    doors = [
        s
        for s in after["Statement"]
        if s["Effect"] == "Allow" and s.get("Principal") in ("*", {"AWS": "*"}) and s not in before["Statement"]
    ]
    same = {key: value for key, value in before.items() if key != "Statement"} == {k: v for k, v in after.items() if k != "Statement"}
    out = [f"{title}: {found} of {kept}"] if found != kept else []
    out += [f"{title}: opens {doors}"] if doors else []
    return out if same else [*out, f"{title}: something beside the statements changed"]


@pytest.mark.parametrize("incident", INCIDENTS)
def test_every_verified_correction_stands_before_the_second_evaluator(incident: str) -> None:
    verified = 0
    for seed in range(RUNS):
        made = INCIDENTS[incident](random.Random(f"{incident} {seed}"))
        report = judging.report(made.world, made.stack)
        verified += sum(fix["verified"] for fix in report["fixes"])
        assert complaints(made, report) == [], f"seed {seed}: {json.dumps(made.documents)}"
    assert verified > RUNS / 3
