"""The words all blockers share: what is known live of one, what it is asked with, and what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from stackdoctor.commands import CommandStyle, Value, file_name, usable
from stackdoctor.model import JSON, Failure, StackEvent, Step


@dataclass(frozen=True, slots=True)
class BlockerState:
    """What was read live about a blocker. None is not read: nothing is known.

    `protected` deletion protection is on; `versioned`, `object_lock` (`lock_mode` of its default rule) and `empty` of a bucket
    or repository; `gone` AWS says there is none; `cluster` the cluster an instance belongs to; `regions` of a global table's
    replicas; `dependents` what still hangs on it, each an id or ARN (of network interfaces the ones in use, `free` the ones
    that can be deleted); `settings` what an update call must pass again.
    """

    protected: bool | None = None
    versioned: bool | None = None
    object_lock: bool | None = None
    lock_mode: str | None = None
    empty: bool | None = None
    gone: bool | None = None
    cluster: str | None = None
    regions: tuple[str, ...] | None = None
    dependents: tuple[str, ...] | None = None
    free: tuple[str, ...] | None = None
    settings: Mapping[str, JSON] | None = None

    def joined(self, other: BlockerState) -> BlockerState:
        """Both together: what the other knows wins, what it does not know stays."""
        known = {each.name: value for each in fields(other) if (value := getattr(other, each.name)) is not None}
        return replace(self, **known)


@dataclass(frozen=True, slots=True)
class Clearing:
    """Steps for one blocker: `save` comes before every destructive step of the way out, `clear` after all saving."""

    save: tuple[Step, ...] = ()
    clear: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """One resource that is in the way. `resources` are the newest events of the stack's other resources, as far as known."""

    event: StackEvent
    state: BlockerState
    aws: CommandStyle
    failure: Failure | None = None
    resources: tuple[StackEvent, ...] = field(default=())

    @property
    def type(self) -> str:
        return self.event.resource_type

    @property
    def id(self) -> Value:
        """The physical id, '' where there is none that a command could carry."""
        return Value(self.event.physical_id if self.event.physical_id and usable(self.event.physical_id) else "")

    @property
    def name(self) -> str:
        """How a person would call it: the logical id with the physical id."""
        return f"{self.event.logical_id} ({self.id})" if self.id and self.id != self.event.logical_id else self.event.logical_id

    @property
    def text(self) -> str:
        return self.event.reason or ""

    @property
    def properties(self) -> Mapping[str, JSON]:
        return properties_of(self.event)

    def copy_name(self) -> str:
        """The name of a snapshot or backup: stable for this stack, valid for RDS, DynamoDB and EC2 alike."""
        unique = re.sub(r"[^0-9a-f]", "", self.event.stack_id.rpartition("/")[2])[:8]
        words = re.sub(r"[^A-Za-z0-9]+", "-", f"final-{self.id.rpartition(':')[2].rpartition('/')[2]}-{unique}")
        return words.strip("-").lower()[:120].rstrip("-")

    def file(self, ending: str) -> str:
        return file_name(self.id.rpartition("/")[2] or self.event.logical_id) + ending

    def step(self, title: str, words: Iterable[str], why: str, *, destructive: bool = False) -> Step:
        """One aws command; `{id}` in a word is the physical id, `{copy}` the name of the copy."""
        return Step(title.replace("{name}", self.name), self.aws.command(*filled(self, words)), destructive, why)

    def keep(self, title: str, ending: str, words: Iterable[str], why: str) -> Step:
        """A read whose answer is kept in a local file."""
        return Step(title.replace("{name}", self.name), self.aws.into(self.file(ending), *filled(self, words)), destructive=False, why=why)


def filled(blocked: Blocked, words: Iterable[str]) -> list[str]:
    """Words with `{id}` and `{copy}` put in; what was put in is data."""
    return [
        Value(word.replace("{id}", blocked.id).replace("{copy}", blocked.copy_name()))
        if isinstance(word, Value) or "{id}" in word or "{copy}" in word
        else word
        for word in words
    ]


def properties_of(event: StackEvent) -> dict[str, JSON]:
    """ResourceProperties as read, {} where there are none or they were cut."""
    try:
        read: JSON = json.loads(event.properties or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def key_of(failure: Failure) -> str:
    """The key of a blocker's state: `root/Nested/LogicalId`."""
    return "/".join((*failure.stack_path, failure.event.logical_id))
