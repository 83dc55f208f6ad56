"""`LiveReader`: the reader that asks AWS.

in: a `Call`. out: AWS's answer as JSON, or a ReadError; nothing else, whatever the network or AWS does. An operation that
is not in `permissions.OPERATIONS` raises ReadOnlyViolation before anything is sent. Pages are not joined: the caller
passes NextToken on. All calls of a run share one deadline, and at most MAX_IN_FLIGHT run at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from botocore import xform_name

from stackdoctor.aws import guard
from stackdoctor.aws.failures import read_error
from stackdoctor.aws.plain import to_json
from stackdoctor.aws.session import AwsSession, open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.aws.workers import Crew, Deadline, Workers
from stackdoctor.model import Calls
from stackdoctor.reader import Call, ReadError
from stackdoctor.reads import ReadLog
from stackdoctor.redact import scrub_secrets

T = TypeVar("T")
Keep: TypeAlias = Callable[[Call, "dict[str, Any] | ReadError"], None]

MAX_IN_FLIGHT = 16

_log = logging.getLogger(__name__)


class LiveReader:
    """Reads from AWS. Raises CannotRun where no session can be opened.

    `keep` is told of every answer and every error, from any thread. Opening the session takes of the same time.
    `session` is for further readers on one session, such as a scan's.
    """

    def __init__(self, settings: Settings, keep: Keep | None = None, session: AwsSession | None = None) -> None:
        self.deadline = Deadline(settings.timeout)
        self._session = session or open_session(settings)
        if self._session.asked:
            self.deadline.start_again()
        self.region = settings.region or self._session.region
        self._keep = keep
        self._log = ReadLog()
        self._workers = Workers(MAX_IN_FLIGHT)
        self._crew = Crew()
        self._known_in: set[str] = set()

    def read(self, call: Call) -> dict[str, Any]:
        """AWS's answer. Raises ReadError, with kind TIMED_OUT at once when the time is up."""
        guard.check(call.name)
        self._log.count(call)
        try:
            answer = self._workers.run(lambda: self._send(call), self.deadline)
        except guard.ReadOnlyViolation:
            raise
        except Exception as error:
            failed = read_error(call, error, self._hint(error), valid_elsewhere=bool(self._known_in - {call.region}))
            _log.debug("%s", failed, exc_info=error)
            if self._keep:
                self._keep(call, failed)
            raise failed from error
        self._known_in.add(call.region)
        if self._keep:
            self._keep(call, answer)
        return answer

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        """Runs tasks side by side; a task may gather as well."""
        return self._log.gather(*tasks, pool=self._crew)

    def stop(self, why: str = "interrupted") -> None:
        """Ends every read, running or to come, within a tenth of a second. May be called by a signal handler."""
        self.deadline.stop(why)

    @property
    def calls(self) -> Calls:
        return self._log.calls

    def _send(self, call: Call) -> dict[str, Any]:
        """In a worker's thread."""
        self.deadline.check()
        client = self._session.client(call.service, call.region or self.region)
        with guard.until(self.deadline):
            return scrub_secrets(to_json(getattr(client, xform_name(call.operation))(**call.params)))

    def _hint(self, error: BaseException) -> str:
        return self._session.explain(error).hint
