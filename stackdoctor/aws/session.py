"""Credentials, Region and endpoint as botocore resolves them, and the clients made from them.

in: `Settings`. out: an `AwsSession`. Whatever keeps a run from starting becomes a CannotRun that says what to type next.
Everything resolves as botocore does it: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
Only where botocore finds no Region at all, AWS_REGION counts too, as it does for the AWS CLI and every other SDK.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, CredentialResolver, DeferredRefreshableCredentials
from botocore.handlers import json_decode_template_body

from stackdoctor import __version__
from stackdoctor.aws import debug, guard
from stackdoctor.aws.plain import check_body
from stackdoctor.aws.regions import partition_of
from stackdoctor.aws.settings import Settings as Settings  # noqa: PLC0414  its place for everybody else
from stackdoctor.aws.trouble import Place, cannot_run, no_credentials, no_region, no_terminal_for_mfa
from stackdoctor.aws.workers import Deadline, Workers
from stackdoctor.errors import CannotRun

T = TypeVar("T")

MAX_CONNECTIONS = 16
ROLE_SESSION_NAME = "stackdoctor"


class AwsSession:
    """Makes read-only clients, one after another, and keeps them. Made by `open_session`.

    Clients in several threads at once take three times as long as one after another (facts/testbed.md), hence the lock.
    """

    def __init__(self, session: boto3.session.Session, settings: Settings, place: Place) -> None:
        self._session, self._settings, self._place = session, settings, place
        self._lock = Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self.region = place.region
        self.partition = partition_of(place.region)
        self.cpu = 0.0
        """Seconds of CPU that making the clients took."""
        self.asked = place.needs_mfa
        """Whether a person was asked for an MFA code, which takes as long as it takes."""

    def client(self, service: str, region: str = "") -> Any:
        """The client of a service in a Region; refuses every operation that is not in `permissions.OPERATIONS`."""
        where = service, region or self.region
        with self._lock:
            if where not in self._clients:
                began = time.thread_time()
                self._clients[where] = self._make(*where)
                self.cpu += time.thread_time() - began
            return self._clients[where]

    @property
    def made(self) -> int:
        """How many clients were made."""
        return len(self._clients)

    @property
    def credentials(self) -> Any:
        """The credentials the clients sign with; botocore renews them."""
        return self._session.get_credentials()

    def like_this(self, credentials: Any) -> AwsSession:
        """A session with other credentials, and all else the same."""
        core = session_with(credentials, self._settings)
        return AwsSession(boto3.session.Session(botocore_session=core), self._settings, self._place)

    def explain(self, error: BaseException) -> CannotRun:
        """The CannotRun of an error that came before anything was read."""
        return cannot_run(error, self._place)

    def _make(self, service: str, region: str) -> Any:
        client = self._session.client(
            service, region_name=region, endpoint_url=self._settings.endpoint_url or None, config=_config(self._settings)
        )
        guard.install(client)
        client.meta.events.register("after-call", check_body)
        if service == "cloudformation":  # the template as it was sent, not parsed and printed anew
            client.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
        return client


def open_session(settings: Settings) -> AwsSession:
    """Resolves everything a first call needs and assumes the role. Raises CannotRun."""
    if settings.debug:
        debug.start()
    place = Place(profile=settings.profile, region=settings.region, role_arn=settings.role_arn, endpoint_url=settings.endpoint_url)
    try:
        return _open(settings, place)
    except CannotRun:
        raise
    except Exception as error:  # config files, credential processes and plug-ins fail in their own ways
        raise cannot_run(error, place) from error


def _open(settings: Settings, place: Place) -> AwsSession:
    core = botocore.session.Session(profile=settings.profile or None)
    place.read(core)
    place.region = settings.region or core.get_config_variable("region") or os.environ.get("AWS_REGION", "")
    if not place.region:
        raise no_region(place)
    if place.needs_mfa and not _has_terminal():
        raise no_terminal_for_mfa(place)
    wait: Callable[[Callable[[], Any]], Any] = _ask_here if place.needs_mfa else partial(_wait, seconds=settings.timeout)
    credentials = wait(core.get_credentials)
    if credentials is None:
        raise no_credentials(place)
    place.method = str(credentials.method)
    debug.know(wait(credentials.get_frozen_credentials))
    if settings.role_arn:
        credentials = _assume(core, credentials, settings, place)
        debug.know(wait(credentials.get_frozen_credentials))
        core = session_with(credentials, settings)
    session = AwsSession(boto3.session.Session(botocore_session=core), settings, place)
    session.client("cloudformation")  # finds an invalid Region or endpoint, and is needed next anyway
    return session


def _wait(do: Callable[[], T], seconds: float) -> T:
    """A credential process, a token endpoint or a metadata service may hang; the run may not."""
    return Workers(1).run(do, Deadline(seconds))


def _ask_here(do: Callable[[], T]) -> T:
    """Here botocore asks for the MFA code; in the main thread, so that Ctrl-C leaves the terminal with its echo on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return do()


def _has_terminal() -> bool:
    """Whether getpass can ask: it opens the terminal itself, whatever stdin is."""
    try:
        os.close(os.open("CONIN$" if os.name == "nt" else "/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def _config(settings: Settings) -> Config:
    """Standard retries, not adaptive: once throttled, adaptive's rate limiter starts from the rate measured so far, which in a
    run of a few dozen calls is next to nothing. 30 calls at 50 ms, one of them throttled: standard 0.9 s, adaptive 5.1 s;
    eight throttled: 1.2 s and 9.9 s (botocore 1.43.106). The calls in flight are bounded here anyway.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
    """
    return Config(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        max_pool_connections=MAX_CONNECTIONS,
        user_agent_extra=f"stackdoctor/{__version__}",
    )


# --------------------------------------------------------------------------------------------------------------- a role
def _assume(core: Any, source: Any, settings: Settings, place: Place) -> Any:
    """Credentials of --role-arn, renewed before they run out.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    extra = {"RoleSessionName": ROLE_SESSION_NAME, **({"ExternalId": settings.external_id} if settings.external_id else {})}
    make: Callable[..., Any] = partial(
        core.create_client, region_name=place.region, endpoint_url=settings.endpoint_url or None, config=_config(settings)
    )
    fetcher = AssumeRoleCredentialFetcher(make, source, settings.role_arn, extra_args=extra)
    return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")


class _Given:
    """A botocore credential provider for credentials that are at hand already."""

    METHOD = CANONICAL_NAME = "stackdoctor-role"

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


def session_with(credentials: Any, settings: Settings) -> Any:
    """A session with these credentials, and all else as the profile says: endpoints, certificates, proxies."""
    core = botocore.session.Session(profile=settings.profile or None)
    core.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
    return core
