"""Ctrl-C while something is read: the first ends the reading and leaves what is known so far, the second ends the run.

in: what stops the reads. out: whether it was asked for. Where nothing was known yet, the run ends as any interrupted one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from stackdoctor.errors import StackdoctorError

INTERRUPTED = 128 + signal.SIGINT


@dataclass(slots=True)
class Interruption:
    """`asked` once Ctrl-C was pressed."""

    asked: bool = False


@contextmanager
def interruptible(stop: Callable[[], None] | None) -> Iterator[Interruption]:
    """Within it the first Ctrl-C calls `stop`; without a `stop`, and outside of the main thread, Ctrl-C does what it always does."""
    state = Interruption()
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield state
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if state.asked:
            raise KeyboardInterrupt
        state.asked = True
        stop()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield state
    except StackdoctorError:
        if state.asked:  # nothing is known that could be shown
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)
