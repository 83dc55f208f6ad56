"""--harden: conditions to add back one at a time, and a sandbox template that proves them."""

from __future__ import annotations

import json
from pathlib import Path

from cfnlint import core, decode
from end_to_end.command import stackdoctor

from stackdoctor.fixes.harden import sandbox_template

INCIDENT = "cloudtrail-via-s3"


def proposed() -> list[dict]:
    return [
        fix for fix in stackdoctor("demo", INCIDENT, "--harden", "-o", "json").report["fixes"] if fix["title"].startswith("Once it works")
    ]


def test_each_clause_comes_alone_and_verified() -> None:
    found = proposed()
    assert found
    for fix in found:
        assert fix["verified"]
        assert {row["after"] for row in fix["verification"]["requests"]} == {"allowed"}
        assert len(fix["statements"]) == 1


def test_without_the_option_nothing_is_hardened() -> None:
    titles = [fix["title"] for fix in stackdoctor("demo", INCIDENT, "-o", "json").report["fixes"]]
    assert not [title for title in titles if title.startswith("Once it works")]


def test_the_sandbox_is_a_template_cfn_lint_accepts(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(sandbox_template(), indent=2))
    template, problems = decode.decode(str(path))
    assert not problems
    found = core.run_checks(str(path), template, core.get_rules([], [], ["I", "W", "E"], include_experimental=False), ["us-east-1"])
    assert [str(problem) for problem in found] == []


def test_its_commands_deploy_it_and_diagnose_it() -> None:
    fixes = stackdoctor("demo", INCIDENT, "--harden", "-o", "json").report["fixes"]
    [sandbox] = [fix for fix in fixes if fix["target"] == "stackdoctor-sandbox"]
    written, deploy, diagnose = sandbox["commands"]
    assert json.loads(written.split("\n", 1)[1].rsplit("\n", 1)[0]) == sandbox_template()
    assert deploy.startswith("aws cloudformation deploy --stack-name stackdoctor-sandbox")
    assert diagnose.startswith("stackdoctor diagnose stackdoctor-sandbox")
