"""What the command line says about the account. Importing this costs nothing: no boto3."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a live run; an empty text means: as botocore finds it. Times are seconds.

    `timeout` bounds the whole run. `attempts` counts the first try too. The two socket timeouts are short because a stalled
    read is one piece of missing evidence, while waiting for it takes the time of all the others.
    """

    region: str = ""
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    endpoint_url: str = ""
    timeout: float = 45.0
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    attempts: int = 4
    debug: bool = False
