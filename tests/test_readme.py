"""The README is true: its screen, its tables, its exit codes and the names of its options."""

from __future__ import annotations

import json
import re

from readme import README, parts, renewed
from typer.testing import CliRunner

from stackdoctor.cli import app

TEXT = README.read_text(encoding="utf-8")


def test_the_screen_and_the_tables_are_what_the_program_says_now() -> None:
    assert renewed(TEXT) == TEXT, "run: python tests/readme.py"


def test_every_check_and_every_service_has_its_row() -> None:
    for mark in ("checks", "services"):
        for row in parts()[mark].splitlines()[2:]:
            assert row in TEXT


def test_every_option_it_names_exists() -> None:
    commands = ("diagnose", "scan", "explain", "demo", "checks", "permissions", "schema", "deployment")
    helps = "".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout for command in commands)
    helps += "".join(CliRunner().invoke(app, ["deployment", word, "--help"], env={"COLUMNS": "200"}).stdout for word in ("org", "package"))
    own = [line for line in TEXT.splitlines() if "stackdoctor" in line and "aws " not in line.split("stackdoctor")[0]]
    for option in set(re.findall(r"(?<=[ `])--[a-z-]+", "\n".join(own))) - {"--quiet", "--no-cache-dir"}:
        assert option in helps, option


def test_the_permissions_it_shows_how_to_make_are_a_policy() -> None:
    printed = json.loads(CliRunner().invoke(app, ["permissions"]).stdout)
    assert printed["Statement"][0]["Effect"] == "Allow"
    assert not [action for action in printed["Statement"][0]["Action"] if "*" in action]
