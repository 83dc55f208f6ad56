"""What may leave the process: the operations of `permissions.OPERATIONS` and nothing else, and nothing after the deadline.

Two lines of defence: `check` before a client is even asked, and `install` on every client, which refuses the same
operations at botocore's `before-call` event, before the request is signed or sent. `until` ends botocore's retries too.
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stackdoctor.aws.workers import Deadline
from stackdoctor.permissions import OPERATIONS


class ReadOnlyViolation(RuntimeError):
    """A bug in stackdoctor: an operation that is not on the list was about to be called."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not one of the read-only operations stackdoctor may call")


def check(name: str) -> None:
    """Raises ReadOnlyViolation for a `service:Operation` that is not on the list."""
    if name not in OPERATIONS:
        raise ReadOnlyViolation(name)


def install(client: Any) -> None:
    """Makes this client refuse every operation that is not on the list."""
    client.meta.events.register_first("before-call", _before_call)
    client.meta.events.register_first("before-send", _before_send)


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Within it, clients send nothing any more once the deadline has passed: a call left to itself stops trying."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def _before_send(**_: object) -> None:
    if deadline := _deadline.get():
        deadline.check()


def _before_call(model: Any, **_: object) -> object:
    name = f"{model.service_model.service_name}:{model.name}"
    if name == "s3:HeadBucket" and name not in OPERATIONS:
        return _no_head_bucket()
    check(name)
    return None


class _NothingSent:
    """Stands for an HTTP response where no request was sent."""

    status_code = 403


def _no_head_bucket() -> tuple[_NothingSent, dict[str, Any]]:
    """The answer to HeadBucket, which botocore's S3 redirector asks where a redirect names no Region: it gives up cleanly."""
    metadata = {"HTTPStatusCode": 403, "HTTPHeaders": {}, "RetryAttempts": 0}
    return _NothingSent(), {"Error": {"Code": "NotAsked", "Message": "HeadBucket is not called"}, "ResponseMetadata": metadata}
