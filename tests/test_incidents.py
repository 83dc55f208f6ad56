"""Every kept incident through the whole pipeline, against the report expected of it; and that each check and service has one.

UPDATE=1 rewrites what is expected; look at the difference before you keep it. The evidence itself is made by
incidents/make_fixtures.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from end_to_end.command import stackdoctor
from incidents import make_fixtures
from incidents.stories import STORIES

from stackdoctor.checks import CHECKS
from stackdoctor.cli.demo import FIRST, incidents
from stackdoctor.services import SERVICES

FOLDERS = incidents()
MAX_BYTES = 2_000_000


@pytest.fixture(scope="module")
def schema() -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(json.loads(stackdoctor("schema", "diagnosis").out))


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_the_kept_incident_gives_the_expected_report(folder: Path, schema: jsonschema.protocols.Validator) -> None:
    if os.environ.get("UPDATE"):
        make_fixtures.expect(folder)
    found = make_fixtures.reports(make_fixtures.replay(folder))
    assert found.text == (folder / "expected.txt").read_text(encoding="utf-8")
    assert json.loads(found.json) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    schema.validate(json.loads(found.json) | {"generated_at": "2026-11-25T12:00:00Z", "tool_version": "0", "calls": CALLS})


CALLS = {"total": 0, "by_operation": {}, "rounds": 0}


def report(name: str) -> dict:
    return json.loads((FOLDERS[name] / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", STORIES)
def test_what_the_story_tells_is_what_is_expected(name: str) -> None:
    """So that UPDATE cannot make a wrong report the expected one unnoticed."""
    story, found = STORIES[name], report(name)
    assert [cause["resource_type"] for cause in found["root_causes"]] == [story.resource_type]
    assert story.check in {finding["check"] for finding in found["findings"]}
    assert (FOLDERS[name] / "README.md").read_text(encoding="utf-8").strip().endswith(story.text.strip())
    grave = {finding["check"] for finding in found["findings"] if finding["severity"] != "note"}
    assert grave <= {story.check} or story.check in {"key-naming", "harmless", "policy-changed-since", "bucket-object-lock", "deny-network"}
    assert found["verdict"] == ("unexplained" if name == "cloudtrail-unexplained" else "explained")
    assert all(fix["verified"] for fix in found["fixes"][:1] if fix["document"])


def test_every_check_has_an_incident() -> None:
    found = {finding["check"] for name in FOLDERS for finding in report(name)["findings"]}
    assert {check.id for check in CHECKS} - found == set(), "add a story to tests/incidents and run make_fixtures.py"


def test_every_service_has_an_incident() -> None:
    found = {cause["resource_type"] for name in FOLDERS for cause in report(name)["root_causes"]}
    missing = [service.resource_types for service in SERVICES if not found & set(service.resource_types)]
    assert missing == [], "add a story to tests/incidents/service_stories.py and run make_fixtures.py"


def test_the_fixtures_are_those_of_the_stories_and_small() -> None:
    assert set(FOLDERS) == set(STORIES)
    assert sum(path.stat().st_size for folder in FOLDERS.values() for path in folder.rglob("*") if path.is_file()) < MAX_BYTES


@pytest.mark.parametrize("name", [FIRST, "cloudtrail-context-of-another-account", "sqs-queue-key-missing"])
def test_making_a_fixture_again_makes_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_fixtures, "FIXTURES", tmp_path)
    make_fixtures.make(name, STORIES[name])
    for path in (tmp_path / name).rglob("*.*"):
        assert path.read_text(encoding="utf-8") == (FOLDERS[name] / path.relative_to(tmp_path / name)).read_text(encoding="utf-8"), path


def test_demo_shows_them() -> None:
    listed = stackdoctor("demo", "--list", credentials=False)
    assert (listed.code, listed.out.split()) == (0, sorted(STORIES))
    for words, name in ((("demo",), FIRST), (("demo", "cloudtrail-unexplained"), "cloudtrail-unexplained")):
        ran = stackdoctor(*words, credentials=False)
        assert ran.out == (FOLDERS[name] / "expected.txt").read_text(encoding="utf-8")
        assert ran.code == (1 if name == FIRST else 3)
