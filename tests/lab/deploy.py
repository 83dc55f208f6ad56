"""Stacks deployed the way a person would, through boto3: create, update, delete, and wait for the end.

`template` is a path, a name in incidents/ (without its ending), or the text itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

INCIDENTS = Path(__file__).parent / "incidents"
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


def text(template: str | Path) -> str:
    if isinstance(template, Path):
        return template.read_text()
    if "\n" in template:
        return template
    return next(INCIDENTS.glob(f"{template}.*")).read_text()


def deploy(client: Any, name: str, template: str | Path, parameters: Mapping[str, str] | None = None, **options: Any) -> str:
    """CreateStack, then the status it ends in."""
    made = client.create_stack(
        StackName=name, TemplateBody=text(template), Parameters=_pairs(parameters), Capabilities=CAPABILITIES, **options
    )
    return wait(client, made["StackId"])


def update(client: Any, name: str, template: str | Path, parameters: Mapping[str, str] | None = None, **options: Any) -> str:
    """UpdateStack, then the status it ends in."""
    made = client.update_stack(
        StackName=name, TemplateBody=text(template), Parameters=_pairs(parameters), Capabilities=CAPABILITIES, **options
    )
    return wait(client, made["StackId"])


def delete(client: Any, name: str, **options: Any) -> str:
    """DeleteStack, then the status it ends in."""
    arn = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=name, **options)
    return wait(client, arn, after=("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"))


def wait(client: Any, name: str, seconds: float = 30, after: tuple[str, ...] = ()) -> str:
    """The first status that is not in progress. `after` names states the stack may still show before its operation begins."""
    end, soon = time.monotonic() + seconds, time.monotonic() + 0.3
    while True:
        status: str = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS") and (not after or status.startswith("DELETE_") or time.monotonic() > soon):
            return status
        if time.monotonic() > end:
            raise TimeoutError(f"{name} is still {status}")
        time.sleep(0.02)


def events(client: Any, name: str) -> list[dict[str, Any]]:
    """All events, oldest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    return [e for page in pages for e in page["StackEvents"]][::-1]


def _pairs(parameters: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in (parameters or {}).items()]


def exists(client: Any, name: str) -> bool:
    try:
        client.describe_stacks(StackName=name)
    except ClientError:
        return False
    return True
