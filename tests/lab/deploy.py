"""Stacks deployed the way a person would, through boto3: create, update, delete, and wait for the end.

`template` is a path, a name in incidents/ (without its ending), or the text itself. Each helper returns the status the
operation ends in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INCIDENTS = Path(__file__).parent / "incidents"
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


def text(template: str | Path) -> str:
    if isinstance(template, Path):
        return template.read_text()
    if "\n" in template:
        return template
    return next(p for ending in ("yaml", "json") if (p := INCIDENTS / f"{template}.{ending}").exists()).read_text()


def deploy(client: Any, name: str, template: str | Path, parameters: Mapping[str, str] | None = None, **options: Any) -> str:
    """CreateStack."""
    made = client.create_stack(
        StackName=name, TemplateBody=text(template), Parameters=_pairs(parameters), Capabilities=CAPABILITIES, **options
    )
    return wait(client, made["StackId"])


def update(client: Any, name: str, template: str | Path, parameters: Mapping[str, str] | None = None, **options: Any) -> str:
    """UpdateStack."""
    arn, newest = _now(client, name)
    client.update_stack(StackName=arn, TemplateBody=text(template), Parameters=_pairs(parameters), Capabilities=CAPABILITIES, **options)
    return wait(client, arn, newest)


def delete(client: Any, name: str, **options: Any) -> str:
    """DeleteStack, e.g. with RetainResources=[...] or DeletionMode="FORCE_DELETE_STACK"."""
    arn, newest = _now(client, name)
    client.delete_stack(StackName=arn, **options)
    return wait(client, arn, newest)


def continue_rollback(client: Any, name: str, skip: Sequence[str] = ()) -> str:
    """ContinueUpdateRollback."""
    arn, newest = _now(client, name)
    client.continue_update_rollback(StackName=arn, **({"ResourcesToSkip": list(skip)} if skip else {}))
    return wait(client, arn, newest)


def roll_back(client: Any, name: str) -> str:
    """RollbackStack, for a stack that failed with its rollback disabled."""
    arn, newest = _now(client, name)
    client.rollback_stack(StackName=arn)
    return wait(client, arn, newest)


def wait(client: Any, name: str, since: str = "", seconds: float = 30) -> str:
    """The first status that is not in progress. `since` is the id of the newest event before the operation that is waited for."""
    end = time.monotonic() + seconds
    while True:
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
        status: str = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS") and _now(client, stack["StackId"])[1] != since:
            return status
        if time.monotonic() > end:
            raise TimeoutError(f"{name} is still {status}")
        time.sleep(0.02)


def events(client: Any, name: str) -> list[dict[str, Any]]:
    """All events, oldest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    return [e for page in pages for e in page["StackEvents"]][::-1]


def failures(client: Any, name: str) -> list[tuple[str, str]]:
    """(logical id, status) of what failed, oldest first."""
    return [(e["LogicalResourceId"], e["ResourceStatus"]) for e in events(client, name) if e["ResourceStatus"].endswith("_FAILED")]


def _now(client: Any, name: str) -> tuple[str, str]:
    newest = client.describe_stack_events(StackName=name)["StackEvents"][0]
    return newest["StackId"], newest["EventId"]


def _pairs(parameters: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in (parameters or {}).items()]
