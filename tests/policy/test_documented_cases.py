"""Every case of policy_semantics.jsonl: policy, request and the decision AWS's documentation gives."""

import json
from pathlib import Path

import pytest

from stackdoctor.policy import PRESENT, UNKNOWN, Caller, Known, Policy, PolicyKind, Request, evaluate, explain, parse

CASES = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "policy_semantics.jsonl").read_text(encoding="utf-8").splitlines()
]
MEANING = {
    "Allowed": {"allowed"},
    "ImplicitlyDenied": {"implicitly-denied"},
    "ExplicitlyDenied": {"explicitly-denied"},
    "Denied": {"implicitly-denied", "explicitly-denied"},
    "Unknown": {"undecided"},
}


def asked(case):
    row = case["request"]
    context = {key: Known((value,) if isinstance(value, str) else tuple(value)) for key, value in row["context"].items()}
    context |= {unknown["key"]: PRESENT if unknown.get("present") else UNKNOWN for unknown in case.get("unknown", [])}
    return Request(Caller.parse(row["principal"]), row["action"], row["resource"], row.get("resourceAccount"), context)


def layers(case):
    """SCPs are left out: they never apply to a service principal, and no case has another caller."""
    rcps = [parse(document, PolicyKind.RCP) for level in case["policies"].get("rcp", []) for document in level["policies"]]
    return {"rcps": rcps, "restrict_public_buckets": case.get("settings", {}).get("s3RestrictPublicBuckets", False)}


def compiled(case) -> Policy:
    kind = PolicyKind.KEY if case["request"]["action"].startswith("kms:") else PolicyKind.BUCKET
    made = parse(json.dumps(case["policies"]["resource"]), kind)
    assert isinstance(made, Policy)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_decision_is_the_documented_one(case):
    assert evaluate(compiled(case), asked(case), **layers(case)).value in MEANING[case["expected"]], case["docSays"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_explanation_names_what_the_case_says_decides(case):
    found = explain(compiled(case), asked(case), **layers(case))
    wanted = case.get("decidedBy", {})
    assert found.outcome.value in MEANING[case["expected"]]
    if wanted.get("policy") == "rcp":
        assert [result.layer for result in found.deciding] == ["rcp"]
        return
    results = found.deciding or found.nearest
    if "statement" in wanted:
        assert results[0].sid == wanted["statement"]
    if "element" in wanted:
        assert wanted["element"] in {leaf.element for leaf in (results[0].leaves if found.deciding else results[0].unmet)}
    if "condition" in wanted:
        leaves = results[0].leaves if found.deciding else results[0].unmet
        assert tuple(wanted["condition"]) in {(leaf.operator, leaf.key) for leaf in leaves}
