"""`stackdoctor scan` as a person runs it, and stories told in `World`s."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.world import World

from scan.cloud import EMPTY

VOLATILE = frozenset({"generated_at", "started_at"})


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        assert self.out, f"exit {self.code}: {self.err}"
        found: dict[str, Any] = json.loads(self.out)
        return found


def scan(environment: Mapping[str, str], *words: str, stdin: str | None = None) -> Ran:
    """Runs `stackdoctor scan words…`."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR", "COVERAGE_PROCESS_START"}}
    mine = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "stackdoctor", "scan", *words],
        env=kept | mine,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def steady(value: Any) -> Any:
    """A report without the moments at which it was made."""
    if isinstance(value, dict):
        return {key: steady(one) for key, one in value.items() if key not in VOLATILE}
    return [steady(one) for one in value] if isinstance(value, list) else value


def quiet(world: World) -> World:
    """The world, with nothing in it where it has no answer of its own."""
    for name, answer in EMPTY.items():
        if name.partition(":")[0] in ("config", "ec2", "logs"):
            world.answer(name, answer)
    return world
