"""What is published on npm to check such documents: asl-validator for the state machines, AWS's schema for the SSM document.

They need node. `.ci/run` installs them into a temporary folder and names it in STACKDOCTOR_NODE_MODULES; elsewhere they are
installed here, and skipped, with the reason, where that cannot be done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from end_to_end.command import stackdoctor

PACKAGES = ("asl-validator@4.0.0", "aws-ssm-document-language-service@1.0.0")
VALUES = {"Concurrency": "40", "ToleratedFailurePercentage": "20", "RegionList": "us-east-1,eu-west-1", "AWS::Partition": "aws"}
KNOWN_GAP = {("mainSteps", 1, "inputs", "Runtime")}
"""The schema's runtimes end at python3.7; AWS runs python3.11.
https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeScript.html"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if named := os.environ.get("STACKDOCTOR_NODE_MODULES"):
        return Path(named)
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    folder = tmp_path_factory.mktemp("npm")
    words = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install {' '.join(PACKAGES)}: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


def definition(machine: str) -> str:
    """A machine of the printed template as CloudFormation makes it."""
    template = json.loads(stackdoctor("deployment", "org", "-o", "json").out)
    text = template["Resources"][machine]["Properties"]["DefinitionString"]["Fn::Sub"]
    text = text if isinstance(text, str) else text[0]
    return re.sub(r"\$\{([^}]+)\}", lambda found: VALUES.get(found.group(1), "resolved"), text)


def validate(modules: Path, text: str, folder: Path) -> tuple[int, str]:
    file = folder / "machine.json"
    file.write_text(text)
    words = ["node", str(modules / "asl-validator" / "dist" / "bin" / "asl-validator.js"), "--json-path", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("machine", ["Organization", "Diagnosis"])
def test_the_state_machine_is_valid(modules: Path, machine: str, tmp_path: Path) -> None:
    code, said = validate(modules, definition(machine), tmp_path)
    assert code == 0, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"Next": "AnyOnThisPage"', '"Next": "Nowhere"'),
        ('"Next": "KeepReport"', '"Nxt": "KeepReport"'),
        ('"StartAt": "ScanPlace"', '"StartAt": "Missing"'),
        ('"MaxConcurrency": 40', '"MaxConcurrency": "40"'),
    ],
)
def test_a_wrong_machine_would_be_told(modules: Path, right: str, wrong: str, tmp_path: Path) -> None:
    text = definition("Organization")
    assert right in text
    code, _ = validate(modules, text.replace(right, wrong), tmp_path)
    assert code != 0


@pytest.fixture(scope="module")
def ssm(modules: Path) -> Any:
    schema = json.loads((modules / "aws-ssm-document-language-service" / "dist" / "schema.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


def test_the_runbook_is_a_valid_automation_document(ssm: Any) -> None:
    document = json.loads(stackdoctor("deployment", "runbook", "-o", "json").out)
    errors = [error for error in ssm.iter_errors(document) if tuple(error.path) not in KNOWN_GAP]
    assert [f"{list(error.path)}: {error.message[:200]}" for error in errors] == []


def test_a_wrong_runbook_would_be_told(ssm: Any) -> None:
    document = json.loads(stackdoctor("deployment", "runbook", "-o", "json").out)
    del document["mainSteps"][0]["name"]
    assert any(tuple(error.path) not in KNOWN_GAP for error in ssm.iter_errors(document))
