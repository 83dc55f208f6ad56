"""Commands as text, ready for a POSIX shell: argument words in, one quoted line out, with the Region and profile of the run.

Values come from AWS or from a file somebody sent, so each is quoted (`shlex.quote`), and one that starts with a dash is
joined to its option, because argparse would take it for an option of its own.
https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-quoting-strings.html
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

_OPTION = re.compile(r"--[a-z][a-z0-9-]*\Z")
_PARAMETER_FILE = re.compile(r"(?:fileb?|https?)://", re.IGNORECASE)


class Value(str):
    """A word that is data, never an option, whatever it looks like."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CommandStyle:
    """How commands of this run are written: the Region, and profile and endpoint where they were given."""

    region: str = ""
    profile: str | None = None
    endpoint_url: str | None = None

    def command(self, service: str, operation: str, *words: str) -> str:
        """`aws SERVICE OPERATION words --region R --profile P`: one command, quoted."""
        return _quoted("aws", service, operation, *words, *self._common())

    def diagnose(self, stack: str) -> str:
        """The command that looks again."""
        if stack.startswith("-"):
            return _quoted("stackdoctor", "diagnose", *self._common(), "--", Value(stack))
        return _quoted("stackdoctor", "diagnose", Value(stack), *self._common())

    def into(self, file: str, service: str, operation: str, *words: str) -> str:
        """The command with its answer, as JSON, kept in a file of the current folder."""
        return f"{self.command(service, operation, *words, '--output', 'json')} > {shlex.quote(file)}"

    def in_region(self, region: str) -> CommandStyle:
        return replace(self, region=region)

    def _common(self) -> tuple[str, ...]:
        given = (("--region", self.region), ("--profile", self.profile), ("--endpoint-url", self.endpoint_url))
        return tuple(word for option, value in given if value for word in (option, Value(value)))


def many(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """A list parameter: plain words, or one JSON list where a word could be taken for something else."""
    listed = tuple(values)
    if any(not re.match(r"[A-Za-z0-9]", value) or _PARAMETER_FILE.match(value) for value in listed):
        return (option, json.dumps(listed))
    return (option, *listed)


def filters(**wanted: str) -> tuple[str, ...]:
    """`--filters` of an EC2 describe call: `subnet_id="subnet-1"` → `Name=subnet-id,Values=subnet-1`."""
    pairs = [(name.replace("_", "-").replace("--", "."), value) for name, value in wanted.items()]
    if all(re.fullmatch(r"[\w.-]+", value, re.ASCII) for _, value in pairs):
        return ("--filters", *(f"Name={name},Values={value}" for name, value in pairs))
    return ("--filters", json.dumps([{"Name": name, "Values": [value]} for name, value in pairs]))


def usable(value: str | None) -> bool:
    """Whether a word from AWS can stand in a command: one printable line that the AWS CLI does not read as a file or URL."""
    return bool(value) and str(value).isprintable() and not _PARAMETER_FILE.match(str(value))


def file_name(text: str) -> str:
    """A name for a local file made from a resource's name: no path, no option."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:100] or "resource"


def _quoted(*words: str) -> str:
    joined: list[str] = []
    for word in words:
        data = isinstance(word, Value) or not _OPTION.match(word)
        if joined and word.startswith("-") and word != "--" and data and _OPTION.match(joined[-1]):
            joined[-1] = f"{joined[-1]}={word}"
        else:
            joined.append(word)
    return " ".join(shlex.quote(word) for word in joined)
