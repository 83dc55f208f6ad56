"""Counts the reads of one run, and how many of them had to wait for one another. Knows neither boto3 nor files.

in: `count(call)` before every read, `gather(...)` for tasks that run at the same time. out: `calls`.

A chain is followed in a context variable: a read lengthens it by one; each task of a gather starts with the chain of
its caller, and the caller goes on with the longest of theirs. So `rounds` is what latency is multiplied with, and it is
the same whether the tasks really ran at the same time or one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from threading import Lock
from typing import Generic, Protocol, TypeVar

from stackdoctor.model import Calls
from stackdoctor.reader import Call

T = TypeVar("T")


class Pool(Protocol):
    """Runs jobs, perhaps at the same time; returns when all are done. A job gives no result and raises nothing."""

    def __call__(self, jobs: Sequence[Callable[[], None]], /) -> None: ...


def in_order(jobs: Sequence[Callable[[], None]]) -> None:
    """The pool of a reader that has nothing to wait for."""
    for job in jobs:
        job()


class ReadLog:
    """The count of one reader; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_operation: Counter[str] = Counter()
        self._rounds = 0
        self._depth: ContextVar[int] = ContextVar("depth", default=0)

    def count(self, call: Call) -> None:
        """One read is about to be made, after all that this task has read before."""
        depth = self._depth.get() + 1
        self._depth.set(depth)
        with self._lock:
            self._by_operation[call.name] += 1
            self._rounds = max(self._rounds, depth)

    def gather(self, *tasks: Callable[[], T], pool: Pool = in_order) -> list[T]:
        """The tasks' results in the order given. Where tasks fail, all are finished first, then the first error is raised."""
        runs = [_Run(task, self._depth) for task in tasks]
        pool([run.go for run in runs])
        self._depth.set(max([self._depth.get(), *(run.depth for run in runs)]))
        return [run.result() for run in runs]

    @property
    def calls(self) -> Calls:
        with self._lock:
            return Calls(self._by_operation.total(), dict(sorted(self._by_operation.items())), self._rounds)


class _Run(Generic[T]):
    """One task of a gather: runs in a copy of its caller's context and keeps what came of it."""

    def __init__(self, task: Callable[[], T], depth: ContextVar[int]) -> None:
        self._task, self._depth_of = task, depth
        self._context = copy_context()
        self._done: list[T] = []
        self._error: BaseException | None = None
        self.depth = depth.get()

    def go(self) -> None:
        self._context.run(self._go)

    def _go(self) -> None:
        try:
            self._done.append(self._task())
        except Exception as error:  # noqa: BLE001  whatever it is, the caller of gather gets it
            self._error = error
        finally:
            self.depth = self._depth_of.get()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._done[0]
