"""How evidence is read: one API call at a time through a `Reader`.

Two readers exist: `aws.live` (boto3) and `recording` (a folder of JSON, an events file). The pipeline cannot tell
which one it has, so a kept incident replays to the same diagnosis. Responses are plain JSON either way: times as
ISO 8601 strings, bodies as text, no ResponseMetadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from stackdoctor.model import Calls

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: boto3's service name, the API's operation name (`DescribeStackEvents`), the Region it is sent to."""

    service: str
    operation: str
    region: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`kms:GetKeyPolicy`, the form used in `calls.by_operation`."""
        return f"{self.service}:{self.operation}"


class ErrorKind(StrEnum):
    """Why a read failed, as far as the caller must act differently."""

    DENIED = "denied"
    NOT_FOUND = "not-found"
    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    NETWORK = "network"
    SERVICE = "service"
    BAD_ANSWER = "bad-answer"
    NOT_KEPT = "not-kept"
    TIMED_OUT = "timed-out"


class ReadError(Exception):
    """A call that gave no answer. `code` is AWS's error code or the exception's name; `needs` the IAM actions of the call.

    `hint` is what to type next, where the reader knows better than its caller: which login to renew, which Region is meant.
    """

    def __init__(self, call: Call, kind: ErrorKind, code: str, message: str, needs: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(f"{call.name}: {code}: {message}")
        self.call, self.kind, self.code, self.message, self.needs, self.hint = call, kind, code, message, tuple(needs), hint


class Reader(Protocol):
    """Reads evidence. `region` is the Region of the stack."""

    region: str

    def read(self, call: Call) -> dict[str, Any]:
        """The answer as JSON. Raises ReadError; never writes: an operation not in `permissions.OPERATIONS` is refused."""

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        """Runs tasks that do not wait for one another at the same time; results in the order given."""

    @property
    def calls(self) -> Calls:
        """What was read so far; `rounds` is the longest chain of reads that waited for one another."""
