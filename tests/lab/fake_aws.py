"""A World served over real HTTP on a free port of 127.0.0.1: boto3 cannot tell it from AWS, and it starts in a millisecond.

`with FakeAWS(world) as aws:` → `aws.url`, `aws.client("kms", region)`, `aws.environment()` for a command line.
Every answer waits `world.latency` seconds; faults are the world's. Nothing here can be written to: an operation the world
has no answer for is refused as NoAnswerInThisWorld, and listed in `world.unanswered`.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from lab import wire
from lab.ministack_server import client, environment
from lab.world import ApiError, Fault, World

DENIED = {"json": ("AccessDeniedException", 400), "rest-json": ("AccessDeniedException", 403), "ec2": ("UnauthorizedOperation", 403)}
STALL = 3600.0


def denied(world: World, request: wire.Request) -> ApiError:
    """In the words and with the code of the protocol."""
    code, status = DENIED.get(wire.model(request.service).protocol, ("AccessDenied", 403))
    who = f"arn:aws:sts::{world.account}:assumed-role/OnCall/me"
    return ApiError(
        code,
        f"User: {who} is not authorized to perform: {request.service}:{request.operation} because no identity-based policy allows it",
        status,
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World
    closing: threading.Event

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            request = wire.parse(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        except LookupError as unknown:
            return self.send(wire.error("s3", "NotImplemented", str(unknown), 501))
        self.world.calls.append(request)
        if self.world.latency:
            time.sleep(self.world.latency)
        fault = self.world.fault(f"{request.service}:{request.operation}")
        if fault and fault.how:
            return self.break_off(fault.how, self.result(request, None))
        return self.send(self.result(request, fault))

    def result(self, request: wire.Request, fault: Fault | None) -> wire.Answer:
        try:
            if fault and fault.error:
                raise denied(self.world, request) if str(fault.error) == "AccessDenied" else fault.error
            return wire.render(request.service, request.operation, self.world.reply(request))
        except ApiError as refused:
            shown = wire.error(request.service, refused.code, str(refused), refused.status)
            return wire.Answer(shown.status, shown.body, shown.headers | refused.headers)

    def send(self, answer: wire.Answer, cut: int = 0) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) - cut])

    def break_off(self, how: str, answer: wire.Answer) -> None:
        self.close_connection = True
        match how:
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.shutdown(socket.SHUT_RD)
            case "garbage":
                self.send(wire.Answer(200, b"\x00\xff<<not an answer>>{", {"content-type": "text/plain"}))
            case "truncated":
                self.send(answer, cut=len(answer.body) // 2 or 1)
            case "empty":
                self.send(wire.Answer(200, b""))
            case "stall":
                self.closing.wait(STALL)
            case _:
                raise ValueError(how)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
    setattr(Handler, f"do_{method}", Handler.answer)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class FakeAWS:
    def __init__(self, world: World) -> None:
        self.world, self._closing = world, threading.Event()
        handler = type("BoundHandler", (Handler,), {"world": world, "closing": self._closing})
        self._server = Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def client(self, service: str, region: str | None = None) -> Any:
        return client(self.url, service, region or self.world.region)

    def environment(self) -> dict[str, str]:
        return environment(self.url, self.world.region)

    def stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
