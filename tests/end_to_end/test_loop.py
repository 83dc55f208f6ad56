"""The loop closes on a real engine: a faulty template is deployed into a stuck state, diagnosed by the command line,
the printed diff applied with git, the printed way out run by a shell with the real AWS CLI, and deployed again, green.

Only the test changes anything; stackdoctor reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor
from lab import deploy, incidents
from lab.ministack_server import MiniStack

pytestmark = pytest.mark.engine

LOOPS = [
    incident
    for incident in incidents.INCIDENTS
    if incident.status in {"ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE"} and not incident.inside
]
NO_DIFF = {
    "key-in-another-region": "which key to name instead is the person's choice",
}
LAST_RESORT = ("Last resort", "Only instead of a fix")


@pytest.mark.parametrize("incident", [one for one in LOOPS if one.name not in NO_DIFF], ids=lambda one: one.name)
def test_from_the_stuck_stack_to_a_green_one(ministack: MiniStack, incident, tmp_path: Path) -> None:
    stack = f"loop-{incident.name}"[:60]
    client = ministack.client("cloudformation")
    assert incidents.happen(ministack, incident, stack) == incident.status
    source = tmp_path / "template.yaml"
    source.write_text(deploy.text(incident.failing))

    ran = diagnose(ministack, stack, "--template", str(source))
    assert ran.code == 1, ran.err
    report = ran.report
    recommended = chosen(report["fixes"])
    assert recommended, [fix["title"] for fix in report["fixes"]]
    for fix in recommended:
        if fix["diff"]:
            patch(tmp_path, fix["diff"])
        for command in fix["commands"]:
            run(ministack, command, tmp_path)
    run_way_out(ministack, report["recovery"], tmp_path, own_words(report, incident))

    status = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    assert status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert diagnose(ministack, stack).code == 0


def diagnose(server: MiniStack, stack: str, *more: str):
    return stackdoctor("diagnose", stack, "--region", "us-east-1", "--endpoint-url", server.url, "-o", "json", *more)


def chosen(fixes: list[dict]) -> list[dict]:
    """What a person would paste: the first fix of each target that resolves something, and what keeps blockers from blocking."""
    first: dict[str, dict] = {}
    for fix in fixes:
        if fix["diff"] or (fix["verified"] and fix["scope"] == "environment"):
            first.setdefault(fix["target"], fix)
    return list(first.values())


def patch(folder: Path, diff: str) -> None:
    text = diff.replace("a/template\n", "a/template.yaml\n").replace("b/template\n", "b/template.yaml\n")
    done = subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=text, text=True, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{diff}"


def own_words(report: dict, incident) -> str:
    """What the person adds to the printed deploy: the capability, and the parameters as they were given (here: the keys)."""
    keys = {"NextKeyArn": report["root_causes"][0]["denied"]["resource"]}
    given = [f"{name}={keys[name]}" for name in incident.parameters if name in keys]
    return " ".join([" --capabilities CAPABILITY_NAMED_IAM", *(["--parameter-overrides", *given] if given else [])])


def run_way_out(server: MiniStack, steps: list[dict], folder: Path, more: str) -> None:
    """Every printed command but the last resorts."""
    for step in steps:
        command = step["command"]
        if not step["title"].startswith(LAST_RESORT) and command.startswith("aws "):
            run(server, f"{command}{more}" if " deploy " in command else command, folder)


def run(server: MiniStack, command: str, folder: Path) -> None:
    """One command, by a shell, with the AWS CLI of the virtual environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**server.environment(), "PATH": path, "HOME": str(folder)}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
