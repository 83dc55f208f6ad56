"""The command line within this process: the same code as the installed command from its arguments to its exit code, without
a process for each of hundreds of runs. Clients are made once and shared, since making them takes longer than a diagnosis.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import jsonschema
from lab.fake_aws import FakeAWS
from lab.world import World

from stackdoctor.aws import live
from stackdoctor.aws.session import AwsSession, open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.cli import main
from stackdoctor.report.schema import SCHEMAS

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKENVALUE",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMAS["diagnosis"])


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """The json document; fails with what was said where there is none."""
        assert self.out, f"exit {self.code}: {self.err}"
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def unread(self) -> set[str]:
        """The IAM actions that would let more be read."""
        return {action for row in self.report["unread"] for action in row["needs"]}

    def is_sound(self) -> None:
        """What holds for every run whatever happens: one valid document, or one line and nothing else."""
        assert "Traceback" not in self.out + self.err
        if self.code in {0, 1, 3}:
            VALIDATOR.validate(self.report)
            assert not self.err
        else:
            assert self.code == 4
            assert not self.out
            assert self.err.startswith("stackdoctor: ")
            assert self.err.count("\n") == 1
            assert self.err.endswith("\n")
            assert "internal error" not in self.err


def run(*words: str, stdin: bytes | None = None, encoding: str = "utf-8") -> Ran:
    """`stackdoctor words…`; stdout is a stream with an encoding, as in a process."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding), io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
    given = io.TextIOWrapper(io.BytesIO(stdin or b""))
    began = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch("sys.stdin", given):
        code = main(list(words))
    seconds = time.monotonic() - began
    out.flush()
    err.flush()
    return Ran(code, out.buffer.getvalue().decode(encoding), err.buffer.getvalue().decode(encoding), seconds)  # type: ignore[attr-defined]


class Account:
    """One server for many worlds, one after another, and one session with it. Times are short: nothing here is far away."""

    def __init__(self, server: FakeAWS) -> None:
        self._server = server
        self.settings = Settings("us-east-1", endpoint_url=server.url, timeout=30, connect_timeout=0.5, read_timeout=0.7, attempts=2)
        self.session: AwsSession = open_session(self.settings)

    @property
    def url(self) -> str:
        return self._server.url

    def become(self, world: World) -> World:
        self._server.world = self._server._server.RequestHandlerClass.world = world  # type: ignore[attr-defined]
        self.world = world
        return world

    def diagnose(self, stack: str, *more: str, timeout: float = 6) -> Ran:
        """`stackdoctor diagnose STACK -o json` against this account."""
        words = (
            "diagnose",
            stack,
            "--region",
            self.world.region,
            "--endpoint-url",
            self.url,
            "-o",
            "json",
            "--timeout",
            str(timeout),
            *more,
        )
        with mock.patch.object(live, "open_session", lambda _: self.session):
            return run(*words)


@contextlib.contextmanager
def account() -> Iterator[Account]:
    """An account whose retries wait a hundredth of a second, for as long as it is used."""
    hurry = mock.patch("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    with mock.patch.dict(os.environ, CREDENTIALS), hurry, FakeAWS(World()) as server:
        yield Account(server)
