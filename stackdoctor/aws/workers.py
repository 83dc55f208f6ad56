"""Work side by side, with one deadline for all of it, and nobody left waiting.

`Workers` makes calls in daemon threads: who waits for one stops waiting when the time is up, whatever the call does, and
Ctrl-C ends the process although calls still run. `Crew` runs the tasks of a gather; it may be nested to any depth.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

SLICE = 0.1
"""How long to wait before looking whether to go on waiting; also what lets Ctrl-C through on Windows."""
MAX_HELPERS = 64
"""Threads of all gathers together; with none left, a gather works through its tasks by itself."""


class TimeIsUp(Exception):
    """The deadline passed, or somebody called `stop`."""


class Deadline:
    """One point in time for the whole run. Over at once after `stop`, which a signal handler may call."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stopped = ""
        self._end = time.monotonic() + seconds

    def start_again(self) -> None:
        """All the time from now on: a person was asked for something."""
        self._end = time.monotonic() + self.seconds

    def stop(self, why: str) -> None:
        self.stopped = why

    @property
    def left(self) -> float:
        return 0.0 if self.stopped else max(0.0, self._end - time.monotonic())

    @property
    def why(self) -> str:
        return self.stopped or f"the time was up after {self.seconds:g} s"

    def check(self) -> None:
        if not self.left:
            raise TimeIsUp(self.why)


class _Job(Generic[T]):
    def __init__(self, do: Callable[[], T]) -> None:
        self._do = do
        self.done = Event()
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value.append(self._do())
        except BaseException as error:  # noqa: BLE001  handed over to the thread that waits
            self._error = error
        self.done.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]


class Workers:
    """At most `most` daemon threads, started as they are needed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._started = self._busy = 0

    def run(self, do: Callable[[], T], deadline: Deadline) -> T:
        """What `do` gives or raises; TimeIsUp as soon as the deadline passes, while `do` is left to itself."""
        deadline.check()
        job = _Job(do)
        self._hire()
        self._jobs.put(job.run)
        while not job.done.wait(min(deadline.left, SLICE)):
            deadline.check()
        return job.result()

    def _hire(self) -> None:
        with self._lock:
            self._busy += 1
            if self._busy <= self._started or self._started >= self._most:
                return
            self._started += 1
        Thread(target=self._work, name="stackdoctor-call", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                self._busy -= 1


class Crew:
    """Runs jobs side by side. The caller works too, so that no gather ever waits for a free thread."""

    def __init__(self, most: int = MAX_HELPERS) -> None:
        self._free = BoundedSemaphore(most)

    def __call__(self, jobs: Sequence[Callable[[], None]]) -> None:
        todo = deque(jobs)
        helpers: list[Thread] = []
        while len(helpers) < len(jobs) - 1 and self._free.acquire(blocking=False):
            helpers.append(Thread(target=self._help, args=(todo,), name="stackdoctor-task", daemon=True))
            helpers[-1].start()
        _work_through(todo)
        for helper in helpers:
            while helper.is_alive():
                helper.join(SLICE)

    def _help(self, todo: deque[Callable[[], None]]) -> None:
        try:
            _work_through(todo)
        finally:
            self._free.release()


def _work_through(todo: deque[Callable[[], None]]) -> None:
    while True:
        try:
            job = todo.popleft()
        except IndexError:
            return
        job()
