"""Reads of one account that several Regions, trails and stacks share: a bucket or a key is read once.

in: a `Reader`, the `SharedReads` of its account. out: a `Reader` that asks only what nobody asked before. Two that ask at
the same time wait for one answer. What belongs to one stack (its events, template, resources) is not kept, so memory
stays that of the things shared. Each reader counts what it was asked, shared or not: a stack's count is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Any, TypeVar

from stackdoctor.model import Calls
from stackdoctor.reader import Call, ErrorKind, Reader, ReadError
from stackdoctor.reads import ReadLog

T = TypeVar("T")

OWN = frozenset({"DescribeStacks", "DescribeStackEvents", "DescribeEvents", "ListStackResources", "GetTemplate", "LookupEvents"})
"""Operations whose answers belong to one stack, and are large."""


class _Answer:
    """One answer, once it is there."""

    def __init__(self) -> None:
        self.there = Event()
        self.value: dict[str, Any] = {}
        self.error: ReadError | None = None


class SharedReads:
    """The answers of one account. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: dict[str, _Answer] = {}

    def once(self, call: Call, read: Callable[[Call], dict[str, Any]]) -> dict[str, Any]:
        """The answer to a call, asked for by the first who wants it."""
        if call.operation in OWN:
            return read(call)
        key = _key(call)
        with self._lock:
            known = self._answers.get(key)
            answer = known or self._answers.setdefault(key, _Answer())
        if known is None:
            self._ask(answer, call, read, key)
        answer.there.wait()
        if answer.error is not None:
            failed = answer.error
            raise ReadError(call, failed.kind, failed.code, failed.message, failed.needs, failed.hint)
        return answer.value

    def _ask(self, answer: _Answer, call: Call, read: Callable[[Call], dict[str, Any]], key: str) -> None:
        try:
            answer.value = read(call)
        except ReadError as error:
            answer.error = error
            if error.kind in {ErrorKind.TIMED_OUT, ErrorKind.THROTTLED}:
                self._forget(key)
        except BaseException:
            answer.error = ReadError(call, ErrorKind.BAD_ANSWER, "Interrupted", "whoever asked first was interrupted")
            self._forget(key)
            raise
        finally:
            answer.there.set()

    def _forget(self, key: str) -> None:
        """Somebody else with more time may ask again."""
        with self._lock:
            self._answers.pop(key, None)


def _key(call: Call) -> str:
    """A bucket's name is the same in every Region, so S3's answers are too."""
    region = "" if call.service == "s3" else call.region
    return json.dumps([call.service, call.operation, region, call.params], sort_keys=True, default=str)


def is_expired(error: ReadError) -> bool:
    """Whether the credentials ran out, which no other account or Region will mend; a token unknown in one Region is another thing."""
    return error.kind is ErrorKind.CREDENTIALS and ("Expired" in error.code or error.code.endswith("Error"))


class WatchedReader:
    """A reader that notes what the whole run has to know of one place: calls refused for their number, credentials run out."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self.region = inner.region
        self.throttled = self.expired = False
        self.sent = 0

    def read(self, call: Call) -> dict[str, Any]:
        self.sent += 1
        try:
            return self._inner.read(call)
        except ReadError as error:
            self.throttled = self.throttled or error.kind is ErrorKind.THROTTLED
            self.expired = self.expired or is_expired(error)
            raise

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._inner.gather(*tasks)

    @property
    def calls(self) -> Calls:
        return self._inner.calls


class SharingReader:
    """A reader on the shared answers, with a count of its own."""

    def __init__(self, inner: Reader, shared: SharedReads) -> None:
        self._inner, self._shared = inner, shared
        self._log = ReadLog()
        self.region = inner.region

    def read(self, call: Call) -> dict[str, Any]:
        self._log.count(call)
        return self._shared.once(call, self._inner.read)

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._log.gather(*tasks, pool=self._side_by_side)

    @property
    def calls(self) -> Calls:
        return self._log.calls

    def _side_by_side(self, jobs: Sequence[Callable[[], None]]) -> None:
        self._inner.gather(*jobs)
