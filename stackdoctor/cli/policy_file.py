"""A policy as people have it on disk: the file or standard input in, the policy's text out.

It may be the policy itself, or what the AWS CLI printed of it: `get-key-policy`, `get-bucket-policy`, `get-topic-attributes`,
`get-queue-attributes`, `lambda get-policy`, `get-role`, `organizations describe-policy`, with or without `--query`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stackdoctor.errors import BadEvidence

if TYPE_CHECKING:
    from stackdoctor.policy import Policy, PolicyKind

_DEEPEST = 6
"""How far below the top of an answer a policy is looked for; AWS's own lie at most four deep."""


def read_policy(name: str, kind: PolicyKind) -> Policy:
    """The policy in a file, `-` for standard input; BadEvidence where there is none."""
    from stackdoctor.policy import Malformed, parse  # noqa: PLC0415 - start-up: --help needs none of it

    shown = "standard input" if name == "-" else name
    parsed = parse(policy_text(_text(name, shown)), kind)
    if isinstance(parsed, Malformed):
        raise BadEvidence(f"{shown} is no policy: {parsed}.")
    return parsed


def _text(name: str, shown: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadEvidence(f"{shown} cannot be read: {error.strerror or error}.") from None
    try:
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8")  # PowerShell's `>` writes UTF-16
    except UnicodeDecodeError:
        return data.decode("latin-1")


def policy_text(text: str) -> str:
    """The one policy that an answer of the AWS CLI holds; a text that is a policy, or holds none or several, as it is."""
    body = _json(text.removeprefix("\ufeff"))
    if body is None or (isinstance(body, dict) and "Statement" in body):
        return text
    found = list(islice(_policies(body, _DEEPEST), 2))
    if len(found) == 1:
        return found[0]
    held = body.get("Policy") if isinstance(body, dict) else None
    return held if isinstance(held, str) else text


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _policies(value: object, depth: int) -> Iterator[str]:
    """The policies in a value, each as text: objects with a Statement, and texts that hold one, also percent-encoded."""
    if depth < 0:
        return
    match value:
        case str() if value.lstrip().startswith(("{", "%7B")):
            text = unquote(value) if value.startswith("%7B") else value
            held = _json(text)
            if isinstance(held, dict) and "Statement" in held:
                yield text
        case dict() if "Statement" in value:
            yield json.dumps(value)
        case dict():
            for child in value.values():
                yield from _policies(child, depth - 1)
        case list():
            for child in value:
                yield from _policies(child, depth - 1)
        case _:
            return
