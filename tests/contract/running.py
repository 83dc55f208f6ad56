"""The command line in this process: the same code as the installed command, without a new interpreter for every question.

`run("diagnose", "audit", server=fake_aws)` gives code, stdout and stderr as bytes would have gone out. What only a process of its own
can show (start-up, terminals, signals) is asked of `end_to_end.command.stackdoctor`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest import mock

from end_to_end.command import CREDENTIALS, Ran
from lab.fake_aws import FakeAWS

from stackdoctor.cli import main

NOWHERE = {"HOME": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent/config", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials"}


def stream(data: bytes = b"", encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, write_through=True)


@contextmanager
def environment(credentials: bool, **more: str) -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TMPDIR"}}
    with mock.patch.dict(os.environ, {**kept, **NOWHERE, **(CREDENTIALS if credentials else {}), **more}, clear=True):
        yield


def run(
    *words: str,
    server: FakeAWS | None = None,
    stdin: bytes = b"",
    credentials: bool = True,
    encoding: str = "utf-8",
    **env: str,
) -> Ran:
    """Runs `stackdoctor words…`; with a server, against it, in its Region."""
    aimed = [] if server is None else ["--endpoint-url", server.url]
    if server is not None and "--region" not in words and not any(word.startswith("arn:") for word in words):
        aimed += ["--region", server.world.region]
    out, err, given = stream(encoding=encoding), stream(encoding=encoding), stream(stdin)
    with environment(credentials, **env), redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", given):
        code = main([*words, *aimed])
    return Ran(code, out.buffer.getvalue().decode(encoding), err.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]


def diagnose(server: FakeAWS, stack: str = "app", *more: str, **env: str) -> Ran:
    """`diagnose STACK -o json` against the server."""
    return run("diagnose", stack, "-o", "json", *more, server=server, **env)
