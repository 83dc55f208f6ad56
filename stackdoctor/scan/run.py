"""Many accounts and Regions, some at a time, each once, in a stable order whatever finishes first.

in: a `Checkpoint` that knows the accounts, and the way into them (`Access`). out: the positions of the accounts as they are
finished, in order; what was found is in the checkpoint. The main thread alone writes; `workers` threads read.

An account is opened only when there is nothing left to read of those that are open, so memory holds a handful of
accounts, however many there are. One that cannot be opened is one row. A place that AWS throttled is tried once more when
all others are done. When the time is up, or the credentials of the run expire, what is left stays undone, for the next start.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeAlias

from stackdoctor.errors import StackdoctorError
from stackdoctor.model import Unread
from stackdoctor.reader import Reader, ReadError
from stackdoctor.scan.checkpoint import Checkpoint, Todo
from stackdoctor.scan.one import Question, scan_place
from stackdoctor.scan.places import enabled_regions
from stackdoctor.scan.shared import SharedReads, is_expired
from stackdoctor.scan.surprise import survived
from stackdoctor.scanned import Account, Place, PlaceResult

TICK = 0.2
"""Seconds between two looks at the clock while nothing finishes."""


class StoppableReader(Reader, Protocol):
    """A reader of one account and Region with a bound on its time."""

    def stop(self, why: str = "interrupted") -> None:
        """Ends every read at once."""


class AccountAccess(Protocol):
    """The way into one account."""

    def reader(self, region: str, timeout: float) -> StoppableReader: ...


class Access(Protocol):
    """The way into accounts. `opens` raises StackdoctorError; `expired` tells whether the run's own credentials ran out."""

    region: str
    partition: str

    def opens(self, account: Account) -> AccountAccess: ...

    def expired(self, error: StackdoctorError) -> bool: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """`workers` places at a time, `place` seconds for each, `total` for the whole run (0: no bound)."""

    workers: int = 8
    place: float = 300.0
    total: float = 0.0


@dataclass(slots=True)
class _Open:
    """An account that is being read: its answers are shared by its Regions."""

    todo: Todo
    access: AccountAccess | None = None
    regions: tuple[str, ...] = ()
    error: str = ""
    expired: bool = False
    shared: SharedReads = field(default_factory=SharedReads)


@dataclass(slots=True)
class _Visit:
    """One Region of an open account."""

    of: _Open
    number: int
    again: bool = False
    result: PlaceResult | None = None


_Task: TypeAlias = "Callable[[], _Open | _Visit]"


class Run:
    """One run over what a checkpoint has left to do. `reason` says afterwards why some of it was not done."""

    def __init__(self, checkpoint: Checkpoint, access: Access, question: Question, limits: Limits) -> None:
        self._kept, self._access, self._question, self._limits = checkpoint, access, question, limits
        self._todo = checkpoint.todo()
        self._ready: deque[_Visit] = deque()
        self._later: deque[_Visit] = deque()
        self._readers: dict[int, StoppableReader] = {}
        self._end = time.monotonic() + limits.total if limits.total else float("inf")
        self._told = 0
        self.reason = ""
        self.calls = 0

    def stop(self, why: str = "interrupted") -> None:
        """Begins nothing more and ends what is being read. May be called by a signal handler."""
        self.reason = self.reason or why
        for reader in list(self._readers.values()):
            reader.stop(why)

    def finished(self) -> Iterator[int]:
        """Reads everything; yields each account's position when it and all before it are finished."""
        pool = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="stackdoctor-place")
        running: set[Future[_Open | _Visit]] = set()
        try:
            yield from self._in_order()
            while self._hire(pool, running):
                done, running = wait(running, TICK, FIRST_COMPLETED)
                for task in done:
                    self._take(task.result())
                yield from self._in_order()
                if time.monotonic() > self._end:
                    self.stop(f"the time was up after {self._limits.total:g} s")
        except BaseException:
            self.stop("interrupted")
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _in_order(self) -> Iterator[int]:
        while self._kept.is_finished(self._told):
            self._told += 1
            yield self._told - 1

    def _hire(self, pool: ThreadPoolExecutor, running: set[Future[_Open | _Visit]]) -> bool:
        """Gives free workers something to do; False where all is done."""
        while not self.reason and len(running) < self._limits.workers and (task := self._next(idle=not running)):
            running.add(pool.submit(task))
        return bool(running)

    def _next(self, *, idle: bool) -> _Task | None:
        """A Region of an open account, else another account, else, when nothing else is going on, what AWS throttled before."""
        if self._ready:
            return partial(self._visit, self._ready.popleft())
        if todo := next(self._todo, None):
            return partial(self._open, _Open(todo))
        return partial(self._visit, self._later.popleft()) if self._later and idle else None

    # --------------------------------------------------------------------------------------------- in a worker's thread
    def _open(self, account: _Open) -> _Open:
        todo = account.todo
        try:
            account.access = self._access.opens(todo.account)
            account.regions = todo.regions or todo.account.regions
            if not account.regions:
                account.regions = enabled_regions(account.access.reader(self._access.region, self._limits.place))
                account.error = "" if account.regions else "it has no enabled Region"
        except StackdoctorError as error:
            account.error, account.expired = error.message, self._access.expired(error)
        except ReadError as error:
            account.error, account.expired = f"its Regions cannot be listed: {error.code}: {error.message}", is_expired(error)
        return account

    def _visit(self, visit: _Visit) -> _Visit:
        account = visit.of.todo.account
        place = Place(account.id, visit.of.regions[visit.number], account.name, self._access.partition)
        if visit.of.access is None:
            raise TypeError("an account that was not opened has no Regions")
        reader = visit.of.access.reader(place.region, self._limits.place)
        self._readers[id(visit)] = reader
        if self.reason:
            reader.stop(self.reason)
        try:
            result = survived("", partial(scan_place, reader, place, self._question, visit.of.shared))
            visit.result = PlaceResult(place, error=result.error) if isinstance(result, Unread) else result
        finally:
            del self._readers[id(visit)]
        return visit

    # ------------------------------------------------------------------------------------------------ in the main thread
    def _take(self, done: _Open | _Visit) -> None:
        """Keeps what a worker found."""
        match done:
            case _Open():
                self._opened(done)
            case _Visit(result=PlaceResult() as result):
                self._visited(done, result)

    def _opened(self, account: _Open) -> None:
        todo = account.todo
        if account.expired:
            self.stop(f"the credentials ran out: {account.error}")
        elif account.error:
            self._failed(todo, account.error)
        else:
            if todo.regions is None:
                self._kept.plan(todo.position, account.regions)
            self._ready += [_Visit(account, number) for number in range(len(account.regions)) if number not in todo.done]

    def _failed(self, todo: Todo, error: str) -> None:
        """One row for the account; where its Regions are planned already, one for each that is left."""
        for number, region in enumerate(todo.regions or ("",)):
            if number not in todo.done:
                place = Place(todo.account.id, region, todo.account.name, self._access.partition)
                self._kept.add(todo.position, number, PlaceResult(place, error=error))

    def _visited(self, visit: _Visit, result: PlaceResult) -> None:
        self.calls += result.calls
        if result.expired:
            self.stop("the credentials ran out")
        if self.reason and result.unread:
            return
        if result.throttled and not visit.again:
            self._later.append(_Visit(replace(visit.of, shared=SharedReads()), visit.number, again=True))
            return
        self._kept.add(visit.of.todo.position, visit.number, result)
