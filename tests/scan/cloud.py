"""Many AWS accounts behind one URL, fast: an HTTP server in a process of its own, for scans of a thousand accounts.

    with Cloud(accounts=100, regions=("us-east-1", "eu-west-1"), seed=7) as cloud:
        cloud.environment(), cloud.file(), cloud.seeds(), cloud.calls()

`AssumeRole` hands out an access key that holds the account's id; whoever signs with it is in that account. Healthy accounts are
answered from a few constant texts. What is wrong with which account is drawn from the seed: a stuck stack, a denied trail, an
account whose role may not be assumed, one whose reads are denied, one that throttles, one that is slow. Accounts with
anything in them are lab `World`s, so their answers are those of the other tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab import wire
from lab.ministack_server import environment
from lab.world import ApiError, World

TESTS = Path(__file__).resolve().parents[1]

MANAGEMENT = "000000000001"
KINDS = ("stuck-stack", "denied-trail", "no-role", "denied-read", "throttled", "slow")
SLOW = 1.0
BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)


def account_id(number: int) -> str:
    return f"{100000000000 + number}"


@dataclass(frozen=True)
class Seed:
    """What is wrong with one account; `region` is where, '' for all of it."""

    account: str
    kind: str
    region: str


def seeds(accounts: int, regions: tuple[str, ...], seed: int, wrong: float, trouble: float) -> dict[str, Seed]:
    """A share of `wrong` accounts has a problem, one of `trouble` cannot be read, throttles or is slow."""
    dice, found = random.Random(seed), {}
    for number in range(accounts):
        account, roll = account_id(number), dice.random()
        if roll < wrong:
            found[account] = Seed(account, dice.choice(KINDS[:2]), dice.choice(regions))
        elif roll < wrong + trouble:
            kind = dice.choice(KINDS[2:])
            found[account] = Seed(account, kind, "" if kind == "no-role" else dice.choice(regions))
    return found


# ---------------------------------------------------------------------------------------------------- in the test's process
class Cloud:
    def __init__(
        self,
        accounts: int,
        regions: tuple[str, ...] = ("us-east-1", "us-west-2", "eu-west-1"),
        *,
        seed: int = 1,
        wrong: float = 0.1,
        trouble: float = 0.05,
        latency: float = 0.0,
        expires_after: int = 0,
    ) -> None:
        self.accounts, self.regions, self._asked = accounts, regions, (seed, wrong, trouble)
        words = [f"--accounts={accounts}", f"--regions={','.join(regions)}", f"--seed={seed}", f"--latency={latency}"]
        words += [f"--wrong={wrong}", f"--trouble={trouble}", f"--expires-after={expires_after}"]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(TESTS)}
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def seeds(self) -> dict[str, Seed]:
        return seeds(self.accounts, self.regions, *self._asked)

    def environment(self) -> dict[str, str]:
        return environment(self.url, self.regions[0], key=MANAGEMENT)

    def entries(self) -> list[dict[str, Any]]:
        """In c7n-org's shape."""
        return [
            {
                "account_id": account_id(number),
                "name": f"account-{number}",
                "regions": list(self.regions),
                "role": f"arn:aws:iam::{account_id(number)}:role/StackdoctorRead",
            }
            for number in range(self.accounts)
        ]

    def file(self, folder: Path) -> Path:
        path = folder / "accounts.json"
        path.write_text(json.dumps({"accounts": self.entries()}))
        return path

    def calls(self) -> Counter[tuple[str, str, str]]:
        """How often (account, Region, service:Operation) was called since the last time this was asked."""
        with urllib.request.urlopen(f"{self.url}/_calls") as answer:
            return Counter({tuple(name): number for name, number in json.load(answer)})

    def renew(self) -> None:
        """New credentials for the account the scan starts from, which never run out."""
        with urllib.request.urlopen(f"{self.url}/_renew"):
            pass

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


# ------------------------------------------------------------------------------------------------- in the server's process
EMPTY = {
    "cloudtrail:DescribeTrails": {"trailList": []},
    "config:DescribeDeliveryChannels": {"DeliveryChannels": []},
    "ec2:DescribeFlowLogs": {"FlowLogs": []},
    "logs:DescribeLogGroups": {"logGroups": [{"logGroupName": "/aws/lambda/one", "arn": "arn:aws:logs:x", "storedBytes": 1}]},
    "cloudformation:ListStacks": {"StackSummaries": []},
}
"""What a healthy account and Region answers."""

_SCOPE = re.compile(r"Credential=([^/]*)/[^/]*/([^/]*)/([^/]*)/")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")


def name_of(headers: dict[str, str], body: bytes, service: str) -> str | None:
    """service:Operation of a query or JSON call, without parsing it."""
    if target := headers.get("x-amz-target"):
        return f"{service}:{target.rsplit('.', 1)[-1]}"
    found = _ACTION.search(body)
    return f"{service}:{found[1].decode()}" if found else None


@dataclass
class Server:
    regions: tuple[str, ...]
    wrong: dict[str, Seed]
    listed: list[str]
    latency: float
    expires_after: int = 0
    counted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    worlds: dict[str, World] = field(default_factory=dict)
    throttles: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.empty = {name: wire.render(*name.split(":"), answer) for name, answer in EMPTY.items()}

    async def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> wire.Answer:
        scope = _SCOPE.search(headers.get("authorization", ""))
        key, region, service = scope.groups() if scope else ("", "", "")
        account = key.removeprefix("ASIA")[-12:]
        name = name_of(headers, body, service)
        if not name:
            request = wire.parse(method, target, headers, body)
            name = f"{request.service}:{request.operation}"
        self.counted[account, region, name] += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.expires_after and sum(self.counted.values()) > self.expires_after and account == MANAGEMENT:
            return wire.error(service, "ExpiredToken", "The security token included in the request is expired", 403)
        seed = self.wrong.get(account)
        if seed and seed.region == region and (trouble := await self.trouble(seed, name)):
            return trouble
        if name in self.empty and not (seed and seed.kind in KINDS[:2] and seed.region == region):
            return self.empty[name]
        return self.asked(wire.parse(method, target, headers, body), account, seed)

    async def trouble(self, seed: Seed, name: str) -> wire.Answer | None:
        service = name.partition(":")[0]
        match seed.kind:
            case "slow":
                await asyncio.sleep(SLOW)
            case "denied-read" if service in ("cloudtrail", "config", "logs"):
                return wire.error(service, "AccessDeniedException", f"not authorized to perform: {name}", 400)
            case "throttled":
                self.throttles[name + seed.account] += 1
                if self.throttles[name + seed.account] <= 2:
                    return wire.error(service, "Throttling", "Rate exceeded", 400)
        return None

    def asked(self, request: wire.Request, account: str, seed: Seed | None) -> wire.Answer:
        try:
            answer = self.own(request, account)
            if answer is None:
                answer = self.world(account, seed).reply(request)
            return wire.render(request.service, request.operation, answer)
        except ApiError as refused:
            shown = wire.error(request.service, refused.code, str(refused), refused.status)
            return wire.Answer(shown.status, shown.body, shown.headers | refused.headers)

    def own(self, request: wire.Request, account: str) -> dict[str, Any] | None:
        match f"{request.service}:{request.operation}":
            case "sts:AssumeRole":
                wanted = request.params["RoleArn"].split(":")[4]
                if (seed := self.wrong.get(wanted)) and seed.kind == "no-role":
                    raise ApiError(
                        "AccessDenied", f"User is not authorized to perform: sts:AssumeRole on resource: {request.params['RoleArn']}", 403
                    )
                until = datetime.now(UTC) + timedelta(hours=1)
                key = {"AccessKeyId": f"ASIA{wanted}", "SecretAccessKey": "secret", "SessionToken": "token", "Expiration": until}
                return {"Credentials": key}
            case "sts:GetCallerIdentity":
                return {"UserId": "me", "Account": account, "Arn": f"arn:aws:sts::{account}:assumed-role/Scanner/me"}
            case "ec2:DescribeRegions":
                return {"Regions": [{"RegionName": region, "OptInStatus": "opt-in-not-required"} for region in self.regions]}
            case "organizations:ListAccounts":
                start = int(request.params.get("NextToken") or 0)
                rows = [{"Id": one, "Name": f"account-{one[-3:]}", "Status": "ACTIVE"} for one in self.listed[start : start + 20]]
                return {"Accounts": rows} | ({"NextToken": str(start + 20)} if start + 20 < len(self.listed) else {})
        return None

    def world(self, account: str, seed: Seed | None) -> World:
        """What stands in an account with something in it."""
        if account not in self.worlds:
            world = World(account, seed.region if seed and seed.region else "us-east-1")
            for name, answer in EMPTY.items():
                if name.partition(":")[0] in ("config", "ec2", "logs"):
                    world.answer(name, answer)
            if seed and seed.kind == "stuck-stack":
                stuck(world)
            if seed and seed.kind == "denied-trail":
                denied_trail(world)
            self.worlds[account] = world
        return self.worlds[account]


def stuck(world: World, name: str = "payments") -> str:
    """A stack that rolled back, of one failed resource."""
    rows = (
        (name, "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", "User Initiated"),
        ("Queue", "AWS::SQS::Queue", "CREATE_IN_PROGRESS", None),
        (
            "Queue",
            "AWS::SQS::Queue",
            "CREATE_FAILED",
            'Resource handler returned message: "Limit exceeded" (HandlerErrorCode: ServiceLimitExceeded)',
        ),
        (name, "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Queue]."),
        (name, "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", None),
    )
    arn = f"arn:aws:cloudformation:{world.region}:{world.account}:stack/{name}/0f3f6ba0-0000-4000-8000-{world.account}"
    events = [
        {
            "EventId": f"event-{number}",
            "LogicalResourceId": logical,
            "PhysicalResourceId": arn if logical == name else "",
            "ResourceType": kind,
            "ResourceStatus": status,
            "Timestamp": BEGAN + timedelta(seconds=number),
            **({"ResourceStatusReason": reason} if reason else {}),
        }
        for number, (logical, kind, status, reason) in enumerate(rows)
    ]
    return world.stack(name, "ROLLBACK_COMPLETE", events, arn=arn)


def denied_trail(world: World) -> str:
    """A trail that was made, and whose key asks for what CloudTrail never sends."""
    own = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{world.account}:root"}, "Action": "kms:*", "Resource": "*"}
    by = {"Service": "cloudtrail.amazonaws.com"}
    via = {"StringEquals": {"kms:ViaService": f"cloudtrail.{world.region}.amazonaws.com"}}
    allow = {
        "Sid": "Trail",
        "Effect": "Allow",
        "Principal": by,
        "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": via,
    }
    key = world.key(f"0f3f6ba0-1111-4000-8000-{world.account}", policy={"Version": "2012-10-17", "Statement": [own, allow]})
    bucket = f"logs-{world.account}"
    world.bucket(bucket, policy=trail_bucket(bucket, world.account))
    return world.trail("audit", bucket, KmsKeyId=key)


def trail_bucket(bucket: str, account: str) -> dict[str, Any]:
    """The bucket policy AWS documents for CloudTrail."""
    by, acl = {"Service": "cloudtrail.amazonaws.com"}, {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    arn = f"arn:aws:s3:::{bucket}"
    look = {"Sid": "Acl", "Effect": "Allow", "Principal": by, "Action": "s3:GetBucketAcl", "Resource": arn}
    put = {
        "Sid": "Write",
        "Effect": "Allow",
        "Principal": by,
        "Action": "s3:PutObject",
        "Resource": f"{arn}/AWSLogs/{account}/*",
        "Condition": acl,
    }
    return {"Version": "2012-10-17", "Statement": [look, put]}


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as boto3 needs."""

    def __init__(self, server: Server) -> None:
        self.server, self.buffer, self.queue = server, b"", asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.task = asyncio.create_task(self.serve())

    def connection_lost(self, _error: Exception | None) -> None:
        self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *rest = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
            if headers.get("expect"):
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = int(headers.get("content-length") or 0)
            if len(self.buffer) < end + 4 + length:
                return
            method, target, _ = first.split(" ")
            self.queue.put_nowait((method, target, headers, self.buffer[end + 4 : end + 4 + length]))
            self.buffer = self.buffer[end + 4 + length :]

    async def serve(self) -> None:
        while True:
            asked = await self.queue.get()
            if asked[1] == "/_calls":
                answer = wire.Answer(200, json.dumps(list(self.server.counted.items())).encode())
                self.server.counted.clear()
            elif asked[1] == "/_renew":
                self.server.expires_after, answer = 0, wire.Answer(200, b"")
            else:
                answer = await self.server.answer(*asked)
            head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            self.transport.write(f"HTTP/1.1 {answer.status} .\r\n{head}content-length: {len(answer.body)}\r\n\r\n".encode() + answer.body)


async def main() -> None:
    words = argparse.ArgumentParser()
    for name, kind in (("accounts", int), ("regions", str), ("seed", int), ("expires-after", int)):
        words.add_argument(f"--{name}", type=kind)
    for name in ("wrong", "trouble", "latency"):
        words.add_argument(f"--{name}", type=float)
    given = words.parse_args()
    regions = tuple(given.regions.split(","))
    wrong = seeds(given.accounts, regions, given.seed, given.wrong, given.trouble)
    server = Server(regions, wrong, [account_id(number) for number in range(given.accounts)], given.latency, given.expires_after)
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
