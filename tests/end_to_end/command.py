"""The installed command line, run as a person runs it: a process of its own, with nothing of this machine's AWS in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The json document; fails with what was said where there is none."""
        assert self.out, f"exit {self.code}: {self.err}"
        return json.loads(self.out)


def stackdoctor(*words: str, stdin: str | None = None, credentials: bool = True, **environment: str) -> Ran:
    """Runs `stackdoctor words…` with a scrubbed environment."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR", "COVERAGE_PROCESS_START"}}
    nowhere = {"HOME": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent/config", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials"}
    done = subprocess.run(
        [sys.executable, "-m", "stackdoctor", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, **nowhere, **(CREDENTIALS if credentials else {}), **environment},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def steady(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what differs between a live run and its replay: the time it was made, and the calls."""
    return {key: value for key, value in report.items() if key not in {"generated_at", "calls"}}
