"""Writes fixtures/: every kept incident with its evidence, its story and the report expected of it. Deterministic.

    python tests/incidents/make_fixtures.py [NAME…]

The evidence is what `--save` writes. tests/test_incidents.py holds the reports against it; UPDATE=1 there, or a run here, renews them.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from lab.world import World  # noqa: E402

from incidents.reading import WorldReader  # noqa: E402
from incidents.stories import STORIES, Story  # noqa: E402
from stackdoctor.diagnosis import Options, diagnose  # noqa: E402
from stackdoctor.model import Diagnosis  # noqa: E402
from stackdoctor.recording import FolderReader, Saver, SavingReader  # noqa: E402
from stackdoctor.report import json as as_json  # noqa: E402
from stackdoctor.report import text  # noqa: E402

FIXTURES = ROOT / "fixtures"
KEPT_AT = "2026-11-25T12:00:00+00:00"
CHANGING = ("generated_at", "calls", "tool_version")


@dataclass(frozen=True)
class Reports:
    """What is expected of a diagnosis: the text without its colours, the json without what differs from run to run."""

    text: str
    json: str


@contextmanager
def same_ids(seed: str) -> Iterator[None]:
    """Every uuid4 of the story is the same in every run."""
    chance, real = random.Random(seed), uuid.uuid4
    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)  # type: ignore[assignment]
    try:
        yield
    finally:
        uuid.uuid4 = real


def reports(diagnosis: Diagnosis) -> Reports:
    document = as_json.document(diagnosis, datetime(2026, 11, 25, tzinfo=UTC))
    kept = {key: value for key, value in document.items() if key not in CHANGING}
    shown = text.render(diagnosis, text.Style(colour=False, verbose=False, quiet=False))
    return Reports(shown, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def replay(folder: Path) -> Diagnosis:
    reader = FolderReader(folder / "evidence")
    return diagnose(reader, reader.stack, Options())


def expect(folder: Path) -> None:
    """Writes the report of kept evidence beside it."""
    found = reports(replay(folder))
    (folder / "expected.txt").write_text(found.text, encoding="utf-8")
    (folder / "expected.json").write_text(found.json, encoding="utf-8")


def make(name: str, story: Story) -> None:
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with same_ids(name):
        world, stack = story.tell()
        keep(world, stack, folder / "evidence")
    (folder / "README.md").write_text(f"# {name}\n\n{story.text.strip()}\n", encoding="utf-8")
    expect(folder)


def keep(world: World, stack: str, folder: Path) -> None:
    """As `--save` does."""
    saver = Saver(folder, stack=stack, region=world.region)
    diagnose(SavingReader(WorldReader(world), saver), stack, Options())
    saver.finish()
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(index | {"kept_at": KEPT_AT, "tool_version": ""}, indent=1, sort_keys=True) + "\n")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(names: list[str]) -> None:
    for stale in FIXTURES.iterdir() if not names else ():
        if stale.name not in STORIES:
            shutil.rmtree(stale)
    chosen: dict[str, Any] = {name: STORIES[name] for name in names} or STORIES
    for name, story in chosen.items():
        make(name, story)


if __name__ == "__main__":
    main(sys.argv[1:])
