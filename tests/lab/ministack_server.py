"""MiniStack 1.5.33 in a process of its own on a free port of 127.0.0.1, with the lab's rules loaded into it.

`with MiniStack() as aws:` → `aws.url`, `aws.client("cloudformation")`, `aws.environment()` for a command line, `aws.reset()`.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

ACCOUNT = "111122223333"
REGION = "us-east-1"
TESTS = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@functools.cache
def session(key: str, secret: str) -> boto3.session.Session:
    """One for all clients: it keeps the service models it has loaded."""
    return boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret)


def client(url: str, service: str, region: str = REGION, key: str = "test", secret: str = "test") -> Any:
    """A boto3 client that talks to `url` and to nothing else."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session(key, secret).client(service, region_name=region, endpoint_url=url, config=config)


def environment(url: str, region: str = REGION, key: str = "test", secret: str = "test") -> dict[str, str]:
    """The environment of a child process that must reach `url` and no real AWS."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BOTO"))}
    mine = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": url}
    return kept | mine | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class MiniStack:
    """One server. `extra` are further environment variables: AUTH="true" enforces identity policies (the key test/test is the account's root)."""

    def __init__(self, **extra: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._home = TemporaryDirectory(prefix="ministack-")
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "ERROR",
        }
        settings |= {
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "TMPDIR": self._home.name,
            "PYTHONPATH": str(TESTS),
        } | extra
        self.log = Path(self._home.name) / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lab.launch"], env=os.environ | settings, cwd=self._home.name, stdout=log, stderr=log
            )
        self._wait()

    def _wait(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"MiniStack did not start: {self.log.read_text()[-2000:] if self.log.exists() else ''}")

    def client(self, service: str, region: str = REGION, key: str = "test", secret: str = "test") -> Any:
        return client(self.url, service, region, key, secret)

    def environment(self, region: str = REGION, key: str = "test", secret: str = "test") -> dict[str, str]:
        return environment(self.url, region, key, secret)

    def user(self, name: str, policy: str) -> tuple[str, str]:
        """The access key of a new user with this identity policy; enforced where the server was started with AUTH="true"."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def reset(self) -> None:
        """Forgets every resource and stack."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_ministack/reset", method="POST"), timeout=30):
            pass

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._home.cleanup()
