"""A bug that one odd answer sets off may hide that one thing and nothing else: a scan of a thousand accounts goes on.

in: what is being looked at, and the looking. out: its result, or the row of `unread` that stands for it; so what could not
be looked at is never taken for healthy. --debug logs where it happened.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stackdoctor.model import Unread

T = TypeVar("T")

_log = logging.getLogger(__name__)


def survived(what: str, do: Callable[[], T]) -> T | Unread:
    """What `do` gives; whatever it raises becomes a row of `unread`."""
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - a bug is an Exception of any kind
        _log.debug("%s", what, exc_info=error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Unread(what, f"internal error ({type(error).__name__} at {Path(last.filename).name}:{last.lineno})", (), would_decide=True)
