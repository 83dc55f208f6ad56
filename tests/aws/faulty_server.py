"""AWS on loopback that misbehaves on demand: real sockets, the wire formats of botocore's own models.

    with FaultyServer() as aws:                          answers every operation with a sample made from its output shape
        aws.answers["kms:GetKeyPolicy"] = {"Policy": …}  … or with what you give, as boto3 would return it
        aws.inject("kms:GetKeyPolicy", DENIED)           this operation fails, always
        aws.inject("*", THROTTLED.only(2))               the next two requests of any operation fail, later ones do not
        aws.latency = 0.1                                every answer waits
        LiveReader(Settings(region="us-east-1", endpoint_url=aws.url))
        aws.names()                                      what was asked, in order: ["kms:GetKeyPolicy", …]
        aws.clear()                                      no faults, no latency, nothing asked

    with FaultyServer(upstream=ministack.url) as aws:    passes everything on and back, with the same faults and latency on the way

`FAULTS` names every fault a server can commit. What needs no server is an endpoint URL: `tls_endpoint` (plain HTTP behind
https://), `UNRESOLVABLE` (no such host), `refusing_endpoint()` (nothing listens).
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.model import ListShape, MapShape, Shape, StructureShape
from lab import wire
from lab.wire import Answer, Request

UNRESOLVABLE = "http://cloudformation.nowhere.invalid"
OTHER_REGION = "eu-west-1"
HUGE = 2_000_000

Good = Callable[[], Answer]
Change = Callable[[Request, Good], Answer]
"""Takes what would have been answered; an error does not ask for it, and so never reaches an upstream."""


# ---------------------------------------------------------------------------------------------------------------- faults
@dataclass(frozen=True)
class Fault:
    """What happens to a request. `change` makes the answer that is sent; `how`: send, reset, stall or hang-up (half-way)."""

    name: str
    change: Change = lambda request, good: good()
    how: str = "send"
    times: int | None = None

    def only(self, times: int) -> Fault:
        return replace(self, times=times)


def says(code: str, status: int = 400, *, s3: str = "", s3_status: int = 0, message: str = "no") -> Change:
    """An error as the service spells it; S3 has names of its own."""

    def change(request: Request, good: Good) -> Answer:
        mine = (s3 or code, s3_status or status) if request.service == "s3" else (code, status)
        return wire.error(request.service, mine[0], message, mine[1])

    return change


def _garbage(request: Request, good: Good) -> Answer:
    return replace(good(), body=b"\x00\xff\xfe{<garbage]>" * 40)


def _half(request: Request, good: Good) -> Answer:
    answer = good()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _web_page(request: Request, good: Good) -> Answer:
    return Answer(200, b"<html><head><title>Sign in</title></head><body>Welcome to Hotel WiFi</body></html>", {"content-type": "text/html"})


def _proxy_page(request: Request, good: Good) -> Answer:
    return Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"content-type": "text/html"})


def _empty(request: Request, good: Good) -> Answer:
    return replace(good(), body=b"")


def _redirect(request: Request, good: Good, *, named: bool) -> Answer:
    if request.region == OTHER_REGION:
        return good()
    answer = wire.error("s3", "PermanentRedirect", "The bucket must be addressed using the specified endpoint.", 301)
    return replace(answer, headers=answer.headers | {"x-amz-bucket-region": OTHER_REGION}) if named else answer


def _huge(request: Request, good: Good) -> Answer:
    """White space where the format allows any amount of it: an answer that is right, and very long."""
    answer = good()
    last = max(answer.body.rfind(b"<"), answer.body.rfind(b"}"))
    return replace(answer, body=answer.body[:last] + b" " * HUGE + answer.body[last:])


DENIED = Fault("denied", says("AccessDeniedException", 403, s3="AccessDenied", message="User: x is not authorized to perform: y"))
UNAUTHORIZED = Fault("unauthorized-operation", says("UnauthorizedOperation", 403))
THROTTLED = Fault("throttled", says("Throttling", 400, s3="SlowDown", s3_status=503, message="Rate exceeded"))
TOO_MANY = Fault("too-many-requests", says("TooManyRequestsException", 429))
INTERNAL = Fault("internal-error", says("InternalFailure", 500, s3="InternalError"))
UNAVAILABLE = Fault("unavailable", says("ServiceUnavailable", 503))
NOT_IMPLEMENTED = Fault("not-implemented", says("NotImplemented", 501))
EXPIRED = Fault(
    "expired-token", says("ExpiredTokenException", 400, s3="ExpiredToken", message="The security token included in the request is expired")
)
BAD_TOKEN = Fault(
    "unknown-token", says("UnrecognizedClientException", 403, s3="InvalidAccessKeyId", message="The security token is invalid")
)
OPTED_OUT = Fault("region-not-opted-in", says("OptInRequired", 403, message="You are not subscribed to this service"))
NOT_THERE = Fault("not-found", says("ResourceNotFoundException", 404, s3="NoSuchBucket", message="does not exist"))
REDIRECT = Fault("redirect", lambda request, good: _redirect(request, good, named=True))
REDIRECT_NOWHERE = Fault("redirect-without-region", lambda request, good: _redirect(request, good, named=False))
GARBAGE = Fault("garbage", _garbage)
CUT = Fault("cut-off", _half)
EMPTY = Fault("empty", _empty)
WEB_PAGE = Fault("web-page", _web_page)
BAD_GATEWAY = Fault("bad-gateway", _proxy_page)
HUGE_ANSWER = Fault("huge", _huge)
RESET = Fault("reset", how="reset")
STALL = Fault("stall", how="stall")
HANG_UP = Fault("hang-up", how="hang-up")

FAULTS: tuple[Fault, ...] = (
    *(DENIED, UNAUTHORIZED, THROTTLED, TOO_MANY, INTERNAL, UNAVAILABLE, NOT_IMPLEMENTED, EXPIRED, BAD_TOKEN, OPTED_OUT, NOT_THERE),
    *(GARBAGE, CUT, EMPTY, WEB_PAGE, BAD_GATEWAY, HUGE_ANSWER, RESET, STALL, HANG_UP),
    *(THROTTLED.only(1), UNAVAILABLE.only(1), RESET.only(1), STALL.only(1), HANG_UP.only(1)),
)
"""Those with `only` are over before the retries are, so the call succeeds. The two redirects are S3's alone."""


# --------------------------------------------------------------------------------------------------------------- samples
def sample(service: str, operation: str) -> dict[str, Any]:
    """An answer with every member of the output shape, as boto3 would give it; no further pages. An object comes without metadata."""
    shape = wire.model(service).operation_model(operation).output_shape
    members = _sample(shape, "") if shape else {}
    return {k: v for k, v in members.items() if k not in _PAGING and (k == "Body" or "Body" not in members)}


def sample_params(service: str, operation: str) -> dict[str, Any]:
    """The parameters an operation cannot do without."""
    shape = wire.model(service).operation_model(operation).input_shape
    if shape is None:
        return {}
    return {
        name: _ARGUMENTS.get(name) or _sample(shape.members[name], name) for name in shape.required_members or _WANTED & set(shape.members)
    }


_PAGING = {"NextToken", "nextToken", "NextMarker", "Marker", "Truncated"}
_WANTED = {"StackName"}
_ARGUMENTS = {"Bucket": "bucket-one", "PolicyName": "default", "StackName": "stack-one", "RoleArn": "arn:aws:iam::111122223333:role/sample"}
_POLICY = '{"Version": "2012-10-17", "Statement": []}'


MAX_DEPTH = 8
"""Some shapes hold themselves, by way of others."""


def _sample(shape: Shape, name: str, depth: int = 0) -> Any:
    match shape:
        case StructureShape():
            members = list(shape.members.items())[: 1 if shape.is_tagged_union else None]
            return {k: _sample(v, k, depth + 1) for k, v in members} if depth < MAX_DEPTH else {}
        case ListShape():
            return [_sample(shape.member, name, depth + 1)] if depth < MAX_DEPTH else []
        case MapShape():
            return {"name": _sample(shape.value, name, depth + 1)}
    return {
        "timestamp": "2026-11-25T12:00:00.123+00:00",
        "boolean": True,
        "integer": 1,
        "long": 1,
        "float": 1.5,
        "double": 1.5,
        "blob": b"text",
    }.get(shape.type_name, _POLICY if name == "Policy" else (getattr(shape, "enum", None) or ["a sample text"])[0])


# ---------------------------------------------------------------------------------------------------------------- server
class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news here."""


class FaultyServer:
    """See the module's docstring. `answers` by `service:Operation`; `requests` is what came, in order."""

    def __init__(self, upstream: str = "", latency: float = 0.0) -> None:
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.requests: list[Request] = []
        self.bytes_received = 0
        self.latency = latency
        self._upstream = urlsplit(upstream) if upstream else None
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        outer = self

        class Handler(_Handler):
            server_of_ours = outer

        self._http = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_endpoint = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def inject(self, name: str, fault: Fault) -> None:
        """`name` is an operation (`s3:GetBucketPolicy`), a service (`s3:*`) or everything (`*`)."""
        with self._lock:
            self._faults[name] = fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self.requests.clear()
            self.latency = 0.0

    def names(self) -> list[str]:
        with self._lock:
            return [f"{request.service}:{request.operation}" for request in self.requests]

    def count(self, name: str) -> int:
        return self.names().count(name)

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------- for the handler
    def seen(self, request: Request) -> Fault | None:
        """Notes the request; the fault it meets, if any."""
        name = f"{request.service}:{request.operation}"
        with self._lock:
            self.requests.append(request)
            for key in (name, f"{request.service}:*", "*"):
                fault = self._faults.get(key)
                if fault is None or fault.times == 0:
                    continue
                if fault.times is not None:
                    self._faults[key] = fault.only(fault.times - 1)
                return fault
        return None

    def good(self, request: Request, raw: Raw) -> Answer:
        if self._upstream:
            return _forward(self._upstream.netloc, raw)
        name = f"{request.service}:{request.operation}"
        answer = self.answers.get(name)
        return wire.render(request.service, request.operation, sample(request.service, request.operation) if answer is None else answer)

    def pause(self, seconds: float) -> None:
        self._closing.wait(seconds)


@dataclass(frozen=True)
class Raw:
    """A request as it came."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _forward(netloc: str, raw: Raw) -> Answer:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    try:
        headers = {k: v for k, v in raw.headers.items() if k not in {"host", "connection", "accept-encoding"}}
        connection.request(raw.method, raw.target, raw.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        kept = {k.lower(): v for k, v in answer.getheaders()}
        for hop in ("connection", "transfer-encoding", "content-length", "keep-alive"):
            kept.pop(hop, None)
        return Answer(answer.status, body, kept)
    finally:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_ours: FaultyServer
    disable_nagle_algorithm = True

    def _any(self) -> None:
        ours = self.server_of_ours
        headers = {k.lower(): v for k, v in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        ours.bytes_received += len(body) + len(self.raw_requestline)
        raw = Raw(self.command, self.path, body, headers)
        try:
            request = wire.parse(self.command, self.path, headers, body)
        except Exception as error:  # noqa: BLE001  an operation this server cannot read is answered, too
            self._send(Answer(400, f"not understood: {error}".encode()))
            return
        fault = ours.seen(request)
        if ours.latency:
            time.sleep(ours.latency)
        with suppress(ConnectionError):
            self._commit(fault, request, raw)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815  the names http.server looks for

    def _commit(self, fault: Fault | None, request: Request, raw: Raw) -> None:
        ours = self.server_of_ours
        match fault.how if fault else "send":
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case "stall":
                ours.pause(30)
                self.close_connection = True
            case "hang-up":
                good = ours.good(request, raw)
                self._send(replace(good, body=good.body[: len(good.body) // 2]), length=len(good.body))
                self.close_connection = True
            case _:
                self._send(fault.change(request, lambda: ours.good(request, raw)) if fault else ours.good(request, raw))

    def _send(self, answer: Answer, length: int | None = None) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


def refusing_endpoint() -> str:
    """A port of loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
