"""The fault matrix: every operation that the born-from incident calls × every fault, each a whole run of the command line.

`python tests/robustness/matrix.py` prints its size and its result; test_fault_matrix.py holds every cell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from botocore.exceptions import EndpointConnectionError, SSLError
from lab import attempts, wire
from lab.world import ApiError, Fault, World

from robustness.command import Account, Ran, account
from stackdoctor.permissions import OPERATIONS

STORY = attempts.four_stacks
TIMEOUT = 6.0
GRACE = 3.0
"""Beyond the deadline: a machine that runs eight test suites at once is slow."""


class OddWorld(World):
    """A world that can also lose its login in the middle of a run, and answer what botocore has never heard of."""

    expires_at = ""
    strange_answers_of = ""
    bare_answers_of = ""

    def fault(self, name: str) -> Fault | None:
        if name == self.expires_at:
            self.expires_at = "*"
        if self.expires_at == "*":
            return Fault(name, ApiError("ExpiredToken", "The security token included in the request is expired", 403))
        return super().fault(name)

    def reply(self, request: wire.Request) -> dict[str, Any]:
        answer, name = super().reply(request), f"{request.service}:{request.operation}"
        if name == self.bare_answers_of:
            return {}
        if name == self.strange_answers_of:
            shape = wire.model(request.service).operation_model(request.operation).output_shape
            return strange(answer, shape)
        return answer


def strange(value: Any, shape: Any) -> Any:
    """The answer with every enumerated value replaced by one that the model does not know."""
    match shape.type_name if shape is not None else "":
        case "structure" if isinstance(value, dict):
            return {key: strange(inner, shape.members.get(key)) for key, inner in value.items()}
        case "list" if isinstance(value, list | tuple):
            return [strange(inner, shape.member) for inner in value]
        case "string" if getattr(shape, "enum", None) and isinstance(value, str):
            return "UNHEARD_OF"
    return value


@dataclass(frozen=True)
class Trouble:
    """`strike` makes one operation of a world go wrong. `heals` where a retry finds it well; `network` strikes below HTTP."""

    name: str
    strike: Callable[[OddWorld, str], None]
    heals: bool = False
    network: Callable[[str], Exception] | None = None


def _fails(name: str, code: str, message: str = "", status: int = 400, times: float = float("inf")) -> Trouble:
    return Trouble(name, lambda world, operation: world.fail(operation, code, message, status, times), heals=times < 2)


def _breaks(name: str, how: str, times: float = float("inf")) -> Trouble:
    return Trouble(name, lambda world, operation: world.break_off(operation, how, times), heals=times < 2)


def _nothing(_world: OddWorld, _operation: str) -> None:
    """The network does it."""


TROUBLES = (
    Trouble("access-denied", lambda world, operation: world.deny(operation)),
    _fails("throttled", "ThrottlingException", "Rate exceeded"),
    _fails("throttled-once", "Throttling", "Rate exceeded", times=1),
    _fails("slow-down", "SlowDown", "Please reduce your request rate.", 503),
    _fails("internal-error", "InternalFailure", "We encountered an internal error.", 500),
    _fails("internal-error-once", "InternalFailure", "We encountered an internal error.", 500, times=1),
    _fails("unavailable", "ServiceUnavailable", "Service is unable to handle request.", 503),
    _fails("expired-token", "ExpiredToken", "The security token included in the request is expired", 403),
    _fails("opted-out-region", "OptInRequired", "The AWS Access Key Id needs a subscription for the service", 403),
    _fails("unknown-token", "InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    _fails("other-region", "PermanentRedirect", "The bucket must be addressed using the specified endpoint.", 301),
    _fails("no-such-error", "Frobnicated", "\x1b[31mNobody knows\x1b[0m\nwhy"),
    _breaks("reset", "reset"),
    _breaks("reset-once", "reset", times=1),
    _breaks("garbage", "garbage"),
    _breaks("truncated", "truncated"),
    _breaks("empty", "empty"),
    _breaks("stall", "stall"),
    Trouble("tls-error", _nothing, network=lambda url: SSLError(endpoint_url=url, error="certificate verify failed")),
    Trouble("unresolvable", _nothing, network=lambda url: EndpointConnectionError(endpoint_url=url, error="Name or service not known")),
    Trouble("expires-mid-run", lambda world, operation: setattr(world, "expires_at", operation)),
    Trouble("unknown-enum-value", lambda world, operation: setattr(world, "strange_answers_of", operation)),
    Trouble("members-missing", lambda world, operation: setattr(world, "bare_answers_of", operation)),
)


@dataclass(frozen=True)
class Cell:
    """One run, with what it was about."""

    operation: str
    trouble: Trouble
    told: attempts.Told
    ran: Ran
    world: OddWorld


def operations(here: Account) -> tuple[str, ...]:
    """What a run without any fault calls."""
    world = OddWorld()
    told = STORY(world, evidence="there")
    here.become(world)
    assert here.diagnose(told.stack).code == 1
    return tuple(sorted(set(world.called())))


def try_out(here: Account, operation: str, trouble: Trouble) -> Cell:
    world = OddWorld()
    told = STORY(world, evidence="there")
    trouble.strike(world, operation)
    here.become(world)
    with _on_the_network(here, operation, trouble):
        return Cell(operation, trouble, told, here.diagnose(told.stack, timeout=TIMEOUT), world)


@contextmanager
def _on_the_network(here: Account, operation: str, trouble: Trouble) -> Iterator[None]:
    if trouble.network is None:
        yield
        return
    service, _, name = operation.partition(":")
    error, client = trouble.network, here.session.client(service)

    def fail(**_: object) -> None:
        raise error(here.url)

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{name}"
    client.meta.events.register(event, fail)
    try:
        yield
    finally:
        client.meta.events.unregister(event, fail)


def judge(cell: Cell) -> None:
    """Asserts what has to hold for the incident, whose evidence is all there but for the struck operation's."""
    ran, needed = cell.ran, set(OPERATIONS[cell.operation])
    ran.is_sound()
    assert ran.seconds < TIMEOUT + GRACE
    assert cell.operation in cell.world.called() or cell.trouble.network, "the fault never struck"
    assert ran.code in {1, 3, 4}, "the stack has failed: never healthy"
    if ran.code == 4:
        assert not knows_the_stack(cell), ran.err
        return
    if cell.trouble.heals:
        assert ran.code == 1
        assert not ran.report["unread"]
    elif cell.trouble.name not in {"unknown-enum-value", "members-missing"}:
        assert needed <= ran.unread, (needed, ran.report["unread"])
    if cell.operation != "cloudformation:DescribeStackEvents" and cell.trouble.name != "expires-mid-run":
        assert [cause["logical_id"] for cause in ran.report["root_causes"]] == [cell.told.root]
        assert [blocker["logical_id"] for blocker in ran.report["blockers"]] == [cell.told.blocker]
    if ran.code == 1:
        assert ran.report["root_causes"]


def knows_the_stack(cell: Cell) -> bool:
    """Whether the run could go on. An expired login takes all the others down; who may not describe the stack is told what to type."""
    refused = (cell.trouble.name, cell.operation) == ("access-denied", "cloudformation:DescribeStacks")
    return cell.trouble.name != "expires-mid-run" and not refused


def main() -> None:
    with account() as here:
        names = operations(here)
        codes: dict[int, int] = {}
        wrong: list[str] = []
        slowest = 0.0
        for operation in names:
            for trouble in TROUBLES:
                cell = try_out(here, operation, trouble)
                codes[cell.ran.code] = codes.get(cell.ran.code, 0) + 1
                slowest = max(slowest, cell.ran.seconds)
                try:
                    judge(cell)
                except Exception as error:  # noqa: BLE001 - counted, and told
                    wrong.append(f"{operation} × {trouble.name}: exit {cell.ran.code}: {type(error).__name__} {error}"[:600])
    told = ", ".join(f"exit {code}: {count}" for code, count in sorted(codes.items()))
    print(f"{len(names)} operations × {len(TROUBLES)} faults = {len(names) * len(TROUBLES)} runs of `stackdoctor diagnose`")
    print(f"{told}; tracebacks: 0 allowed; slowest {slowest:.1f} s of {TIMEOUT:.0f} s allowed; wrong: {len(wrong)}")
    print("\n".join(wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
