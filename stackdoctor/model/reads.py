"""What a live read gave: found, absent (AWS says there is none) or unreadable (DESIGN, rule 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The read succeeded."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS answered that there is none (NoSuchBucketPolicy, NotFoundException, …). `why` is AWS's error code."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The read failed, so nothing is known. `needs` are the IAM actions of the failed call, whatever the error was."""

    what: str
    error: str
    needs: tuple[str, ...] = ()


Read: TypeAlias = "Found[T] | Absent | Unreadable"


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of the report's `unread`: evidence that is missing and whether it would decide the diagnosis."""

    what: str
    error: str
    needs: tuple[str, ...] = ()
    would_decide: bool = False
