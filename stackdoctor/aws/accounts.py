"""Readers for many accounts, all on one set of clients: a scan's way into AWS.

in: `Settings`, and the role to assume in each account. out: a `LiveReader` for each account and Region. A client costs tens
of milliseconds of CPU to make and sign with whatever credentials it holds; so there is one for each service and Region,
and it signs with the credentials of whoever makes the call. Sessions of roles are renewed before they run out.

At most `workers` calls are in flight, whatever the number of accounts.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from threading import Lock
from typing import Any

from botocore.credentials import Credentials, DeferredRefreshableCredentials

from stackdoctor.aws import debug
from stackdoctor.aws.failures import describe
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.session import ROLE_SESSION_NAME, AwsSession, open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.aws.workers import Crew, Deadline, Workers
from stackdoctor.errors import CannotRun, StackdoctorError
from stackdoctor.reader import Call, ErrorKind
from stackdoctor.scanned import Account

OPENING = 60.0
"""Seconds that assuming the roles of one account may take, with its retries."""

_acting: ContextVar[Any] = ContextVar("acting")


@contextmanager
def acting_as(credentials: Any) -> Iterator[None]:
    """Within it, every call is signed with these credentials."""
    token = _acting.set(credentials)
    try:
        yield
    finally:
        _acting.reset(token)


class _OfTheCaller(Credentials):  # type: ignore[misc]
    """Stands in a client for the credentials of whoever makes the call."""

    def __init__(self) -> None:
        super().__init__("of-the-caller", "of-the-caller", method="assume-role")

    def get_frozen_credentials(self) -> Any:
        return _acting.get().get_frozen_credentials()


class Expired(CannotRun):
    """The credentials of the run itself ran out: no other account can be opened either."""


class Accounts:
    """One set of clients for all accounts. Raises CannotRun where the run's own credentials do not work."""

    def __init__(self, settings: Settings, workers: int) -> None:
        self._settings = settings
        self._own = open_session(settings)
        self._clients: AwsSession = self._own.like_this(_OfTheCaller())
        self._workers, self._crew = Workers(workers), Crew()
        self._lock = Lock()
        self.region, self.partition = self._own.region, self._own.partition
        self.assumed = 0

    @property
    def clients(self) -> tuple[int, float]:
        """How many clients were made, and the seconds of CPU that took."""
        return self._clients.made, self._clients.cpu

    def own(self) -> AccountAccess:
        """The account of the run's own credentials."""
        return self._access(self._own.credentials)

    def opens(self, account: Account) -> AccountAccess:
        """An account by its role; of several, each is assumed from the one before. Raises CannotRun."""
        credentials = self._own.credentials
        for role in account.roles:
            assumed = DeferredRefreshableCredentials(self._assume(credentials, role, account.external_id), "assume-role")
            try:
                debug.know(self._workers.run(assumed.get_frozen_credentials, Deadline(OPENING)))
            except Exception as error:
                raise self._refused(error, role) from error
            credentials = assumed
        return self._access(credentials)

    def expired(self, error: StackdoctorError) -> bool:
        """Whether it was the run's own credentials that ran out."""
        return isinstance(error, Expired)

    def _access(self, credentials: Any) -> AccountAccess:
        return AccountAccess(self._clients, self._settings, credentials, self._workers, self._crew, self.region)

    def _assume(self, source: Any, role: str, external_id: str) -> Callable[[], dict[str, str]]:
        asked = {"RoleArn": role, "RoleSessionName": ROLE_SESSION_NAME} | ({"ExternalId": external_id} if external_id else {})

        def refresh() -> dict[str, str]:
            with self._lock:
                self.assumed += 1
            with acting_as(source):
                given = self._clients.client("sts", self.region).assume_role(**asked)["Credentials"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        return refresh

    def _refused(self, error: Exception, role: str) -> CannotRun:
        kind, code, message = describe(error)
        said = f"{role} cannot be assumed: {code}: {message}"
        if kind is ErrorKind.CREDENTIALS:
            return Expired(said, self._clients.explain(error).hint)
        return CannotRun(said, "Check the role's name, its trust policy and --external-id, and that you may call sts:AssumeRole.")


class AccountAccess:
    """The way into one account."""

    def __init__(self, clients: AwsSession, settings: Settings, credentials: Any, workers: Workers, crew: Crew, known_in: str) -> None:
        self._clients, self._settings, self._credentials = clients, settings, credentials
        self._workers, self._crew, self._known_in = workers, crew, {known_in}

    def reader(self, region: str, timeout: float) -> LiveReader:
        """A reader for one Region, which may take `timeout` seconds in all."""
        settings = replace(self._settings, region=region, timeout=timeout)
        return _AccountReader(settings, self._clients, self._credentials, self._workers, self._crew, self._known_in)


class _AccountReader(LiveReader):
    """A LiveReader whose calls are signed with its account's credentials."""

    def __init__(self, settings: Settings, clients: AwsSession, credentials: Any, workers: Workers, crew: Crew, known_in: set[str]) -> None:
        super().__init__(settings, session=clients)
        self._credentials = credentials
        self._workers, self._crew, self._known_in = workers, crew, known_in

    def _send(self, call: Call) -> dict[str, Any]:
        with acting_as(self._credentials):
            return super()._send(call)
