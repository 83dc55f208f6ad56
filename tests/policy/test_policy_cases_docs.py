"""Policies as AWS documents them, each with requests and the decision its page gives: by the library, by the second
evaluator and by the command line."""

import json
from pathlib import Path

import pytest

from policy.second import Ask, judge
from stackdoctor.cli import app
from stackdoctor.policy import MISSING, PRESENT, UNKNOWN, Caller, Known, Policy, PolicyKind, Request, evaluate, explain, parse

DATA = Path(__file__).parents[1] / "data" / "policy_cases_docs.jsonl"
CASES = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
KINDS = {"kms": PolicyKind.KEY, "s3": PolicyKind.BUCKET, "sqs": PolicyKind.QUEUE, "sns": PolicyKind.TOPIC, "lambda": PolicyKind.FUNCTION}
EXIT = {"allowed": 0, "implicitly-denied": 1, "explicitly-denied": 1, "undecided": 3}

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])


def values(value):
    return tuple(value) if isinstance(value, list) else (value,)


def asked(row):
    context = {key: Known(values(value)) for key, value in row["context"].items()}
    context |= dict.fromkeys(row.get("unknown", ()), UNKNOWN) | dict.fromkeys(row.get("present", ()), PRESENT)
    otherwise = UNKNOWN if row.get("open") else MISSING
    return Request(Caller.parse(row["principal"]), row["action"], row["resource"], row["account"], context, otherwise)


def compiled(document, kind) -> Policy:
    made = parse(json.dumps(document), kind)
    assert isinstance(made, Policy), made
    return made


@each_case
def test_the_library_decides_as_the_page_says(case):
    made = compiled(case["policy"], KINDS.get(case["request"]["action"].split(":")[0].lower(), PolicyKind.OTHER))
    rcps = [compiled(case["rcp"], PolicyKind.RCP)] if "rcp" in case else []
    assert evaluate(made, asked(case["request"]), rcps=rcps).value == case["expected"], case["says"]
    assert explain(made, asked(case["request"]), rcps=rcps).outcome.value == case["expected"], case["says"]


@each_case
def test_the_second_evaluator_decides_as_the_page_says(case):
    row = case["request"]
    context = {key: values(value) for key, value in row["context"].items()}
    sure = (tuple(row.get("unknown", ())), tuple(row.get("present", ())), row.get("open", False))
    ask = Ask(row["principal"], row["action"], row["resource"], row["account"], context, {}, *sure)
    denies = [s for s in case.get("rcp", {}).get("Statement", ()) if s["Effect"] == "Deny"]
    written = case["policy"]["Statement"]
    policy = {**case["policy"], "Statement": [*(written if isinstance(written, list) else [written]), *denies]}
    assert judge(policy, ask) == case["expected"], case["says"]


@each_case
def test_the_command_line_decides_as_the_page_says(case, tmp_path, capsys):
    row = case["request"]
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(case["policy"]), encoding="utf-8")
    options = ["--principal", row["principal"], "--action", row["action"], "--resource", row["resource"], "--account", row["account"]]
    options += [word for key, value in row["context"].items() for one in values(value) for word in ("--context", f"{key}={one}")]
    options += [word for name in ("unknown", "present") for key in row.get(name, ()) for word in (f"--{name}", key)]
    options += ["--open"] if row.get("open") else []
    if "rcp" in case:
        (tmp_path / "rcp.json").write_text(json.dumps(case["rcp"]), encoding="utf-8")
        options += ["--rcp", str(tmp_path / "rcp.json")]
    code = app(args=["explain", str(file), *options, "-o", "json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["decision"] == case["expected"], case["says"]
    assert code == EXIT[case["expected"]]
