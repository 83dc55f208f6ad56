"""Where MiniStack's CloudFormation engine differs from AWS, put right. Loaded inside MiniStack's process by launch.py.

What MiniStack 1.5.33 does              what AWS does, and this module
events share a millisecond              each is at least one millisecond after the one before
one CREATE_IN_PROGRESS a resource       a second one with the physical id, "Resource creation Initiated"
no OperationId, no ResourceProperties   both, the properties as JSON text with resolved values, all scalars as text
"Rollback requested"                    "The following resource(s) failed to create: [A, B]. Rollback requested by user."
creates one resource after another      ready siblings of a failed one are "Resource creation cancelled"
forgets what it could not delete        it stays in the stack as DELETE_FAILED, and a later delete tries again
forgets a deleted stack of one name     found by its ARN, and by ListStacks
creates over ROLLBACK_COMPLETE          AlreadyExistsException
a nested stack fails without a trace    the child has its own events, and is deleted with the parent's rollback
"""

from __future__ import annotations

import asyncio
import copy
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import cloudformation as cfn
from ministack.services.cloudformation import changesets, handlers, stacks
from ministack.services.cloudformation import engine as templates
from ministack.services.cloudformation.helpers import _error, _p, _resolve_template

from lab import wire
from lab.rules import HANDLERS, Made, Props

STACK = "AWS::CloudFormation::Stack"
STARTS = {
    "CREATE_IN_PROGRESS": "CREATE_STACK",
    "UPDATE_IN_PROGRESS": "UPDATE_STACK",
    "DELETE_IN_PROGRESS": "DELETE_STACK",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK",
    "UPDATE_ROLLBACK_IN_PROGRESS": "ROLLBACK",
}
PAGE = 100
_resolved: dict[str, Props] = {}  # by stack id: the properties resolved last, until the event that starts the resource takes them
_properties: dict[tuple[str, str], str] = {}  # by stack id and logical id
_half_made: dict[tuple[str, str], str] = {}  # nested stacks whose creation failed: their ARN
_last = datetime.min.replace(tzinfo=UTC)


# -------------------------------------------------------------------------------------------------------------- events
def tick() -> str:
    global _last  # noqa: PLW0603 - one clock a process
    now = datetime.fromisoformat(now_iso())
    _last = max(now, _last + timedelta(milliseconds=1))
    return _last.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def add_event(
    stack_id: str,
    stack_name: str,
    logical_id: str,
    resource_type: str,
    status: str,
    reason: str = "",
    physical_id: str = "",
    detailed_status: str = "",
) -> None:
    stack, own = cfn._stacks.get(stack_name) or {}, logical_id == stack_name
    if own:
        reason = own_reason(stack_id, status, reason)
        if status in STARTS:
            begin(stack, stack_id, STARTS[status])
        if status.endswith("_FAILED"):
            stack["StackStatusReason"] = reason
        if status == "DELETE_COMPLETE":
            stack["DeletionTime"] = tick()
    elif status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS") and stack_id in _resolved:
        _properties[stack_id, logical_id] = as_text(_resolved.pop(stack_id), stack)
    elif status == "CREATE_COMPLETE" and resource_type != STACK:
        record(stack, stack_id, logical_id, resource_type, "CREATE_IN_PROGRESS", "Resource creation Initiated", physical_id)
    waiting = ready_siblings(stack, stack_id, logical_id) if status == "CREATE_FAILED" and not own else []
    for sibling, kind in waiting:
        record(stack, stack_id, sibling, kind, "CREATE_IN_PROGRESS")
    record(
        stack,
        stack_id,
        logical_id,
        resource_type,
        status,
        reason,
        physical_id or _half_made.get((stack_id, logical_id), ""),
        detailed_status,
    )
    for sibling, kind in waiting:
        record(stack, stack_id, sibling, kind, "CREATE_FAILED", "Resource creation cancelled")
    if own and status == "ROLLBACK_IN_PROGRESS":
        for failed in failures(stack_id):
            if not failed["PhysicalResourceId"]:
                record(stack, stack_id, failed["LogicalResourceId"], failed["ResourceType"], "DELETE_COMPLETE")


def record(
    stack: dict[str, Any],
    stack_id: str,
    logical_id: str,
    resource_type: str,
    status: str,
    reason: str = "",
    physical_id: str = "",
    detailed_status: str = "",
) -> None:
    when = tick()
    event = {
        "StackId": stack_id,
        "StackName": stack_id.split("/")[1],
        "EventId": str(uuid.uuid4()) if resource_type == STACK else f"{logical_id}-{status}-{when}",
        "OperationId": (stack.get("_operations") or [{}])[-1].get("OperationId"),
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": resource_type,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceProperties": _properties.get((stack_id, logical_id), ""),
        "Timestamp": when,
        "ClientRequestToken": stacks.CLIENT_REQUEST_TOKEN.get(),
        "DetailedStatus": detailed_status,
    }
    cfn._stack_events.setdefault(stack_id, []).append(event)


def begin(stack: dict[str, Any], stack_id: str, kind: str) -> None:
    events = [e for e in cfn._stack_events.get(stack_id, []) if e["ResourceType"] == STACK and e["PhysicalResourceId"] == stack_id]
    if kind == "ROLLBACK" and events and events[-1]["ResourceStatus"] == "UPDATE_ROLLBACK_FAILED":
        kind = "CONTINUE_ROLLBACK"
    stack.setdefault("_operations", []).append({"OperationId": str(uuid.uuid4()), "OperationType": kind})


def failures(stack_id: str) -> list[dict[str, Any]]:
    """The resources that failed in the newest create or update, oldest first."""
    events = cfn._stack_events.get(stack_id, [])
    own = [
        i
        for i, e in enumerate(events)
        if e["PhysicalResourceId"] == stack_id and e["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
    ]
    return [
        e
        for e in events[own[-1] if own else 0 :]
        if e["ResourceStatus"] in ("CREATE_FAILED", "UPDATE_FAILED") and e["PhysicalResourceId"] != stack_id
    ]


def own_reason(stack_id: str, status: str, reason: str) -> str:
    if reason == "Rollback requested" or (status.endswith("_FAILED") and reason.startswith("Resource ")):
        failed = failures(stack_id)
        verb = "update" if failed and failed[0]["ResourceStatus"] == "UPDATE_FAILED" else "create"
        listed = ", ".join(dict.fromkeys(e["LogicalResourceId"] for e in failed))
        return f"The following resource(s) failed to {verb}: [{listed}]. " + (
            "Rollback requested by user." if reason == "Rollback requested" else ""
        )
    return "" if reason == "Rollback complete" else reason


def ready_siblings(stack: dict[str, Any], stack_id: str, failed: str) -> list[tuple[str, str]]:
    """What AWS would have been creating at the same time: not begun, and waiting for nothing."""
    template = stack.get("_template") or {}
    resources = {k: v for k, v in template.get("Resources", {}).items() if stack.get("_conditions", {}).get(v.get("Condition"), True)}
    made = {e["LogicalResourceId"] for e in cfn._stack_events.get(stack_id, []) if e["ResourceStatus"] == "CREATE_COMPLETE"}
    rest = [name for name in resources if name not in made and name != failed]
    return [(name, resources[name]["Type"]) for name in rest if templates._extract_deps(resources[name], set(resources)) <= made]


def as_text(properties: Props, stack: dict[str, Any]) -> str:
    secrets = {str(p["ParameterValue"]) for p in stack.get("Parameters", []) if p.get("NoEcho")}

    def scalar(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: scalar(v) for k, v in value.items() if v is not templates._NO_VALUE}
        if isinstance(value, list):
            return [scalar(v) for v in value]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return "****" if text in secrets else text

    return json.dumps(scalar(properties), separators=(",", ":"))


def remembering(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(value: Any, resources: Any, params: Any, conditions: Any, mappings: Any, stack_name: str, stack_id: str) -> Any:
        answer = original(value, resources, params, conditions, mappings, stack_name, stack_id)
        if isinstance(answer, dict):
            _resolved[stack_id] = answer
        return answer

    return resolve


# ----------------------------------------------------------------------------------------------------------- rollbacks
def keeping(original: Callable[..., Any]) -> Callable[..., Any]:
    """A rollback that keeps what it could not delete, and also deletes a nested stack that was only half made."""

    async def roll_back(
        stack_name: str, stack_id: str, stack: dict[str, Any], operation: dict[str, Any], reason_override: str = ""
    ) -> None:
        failed = operation.get("failed_logical_id")
        if (arn := _half_made.pop((stack_id, failed), None)) and not (operation.get("failed_update")):
            stack["_resources"][failed] = {
                "PhysicalResourceId": arn,
                "ResourceType": STACK,
                "LogicalResourceId": failed,
                "Properties": {},
                "Attributes": {},
            }
            operation["created"].append(failed)
        await original(stack_name, stack_id, stack, operation, reason_override)
        if stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            for logical_id in stack["_rollback_failed"].keys() & stack["_resources"].keys():
                stack["_resources"][logical_id]["ResourceStatus"] = "UPDATE_FAILED"
        if stack["StackStatus"] == "ROLLBACK_FAILED":
            for logical_id, left in stack.get("_rollback_failed", {}).items():
                stack["_resources"][logical_id] = left | {
                    "LogicalResourceId": logical_id,
                    "ResourceStatus": "DELETE_FAILED",
                    "Attributes": {},
                    "Timestamp": tick(),
                }
            stack.setdefault("_template", operation.get("template") or {})

    return roll_back


# -------------------------------------------------------------------------------------------------------- nested stacks
def nested_create(logical_id: str, props: Props, parent_name: str) -> Made:
    parent = cfn._stacks[parent_name]
    name = f"{parent_name}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"
    arn = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{name}/{uuid.uuid4()}"
    child = {
        "StackName": name,
        "StackId": arn,
        "CreationTime": tick(),
        "ParentId": parent["StackId"],
        "RootId": parent.get("RootId") or parent["StackId"],
    }
    child |= {
        "Tags": [],
        "Outputs": [],
        "DisableRollback": True,
        "_region": get_region(),
        "_resources": {},
        "StackStatus": "CREATE_IN_PROGRESS",
    }
    cfn._stacks[name] = child
    add_event(parent["StackId"], parent_name, logical_id, STACK, "CREATE_IN_PROGRESS", "Resource creation Initiated", arn)
    template, params = prepare(child, props)
    add_event(arn, name, name, STACK, "CREATE_IN_PROGRESS", "User Initiated", arn)
    asyncio.run(stacks._deploy_stack_async(name, arn, template, params, disable_rollback=True, tags=[]))
    if child["StackStatus"] != "CREATE_COMPLETE":
        _half_made[parent["StackId"], logical_id] = arn
        raise ValueError(f"Embedded stack {arn} was not successfully created: {child['StackStatusReason']}")
    return arn, outputs(child)


def nested_update(arn: str, _old: Props, new: Props, _parent: str) -> Made:
    child = handlers._resolve_stack(arn)
    name = child["StackName"]
    if child["StackStatus"] == "UPDATE_FAILED":
        asyncio.run(stacks._roll_back_operation(name, arn, child, child["_failed_operation"]))
        return arn, outputs(child)
    before = {
        k: copy.deepcopy(child.get(k))
        for k in ("_resources", "_template", "_template_body", "_resolved_params", "_conditions", "Parameters", "Tags", "Outputs")
    }
    child["StackStatus"], child["LastUpdatedTime"] = "UPDATE_IN_PROGRESS", tick()
    template, params = prepare(child, new)
    add_event(arn, name, name, STACK, "UPDATE_IN_PROGRESS", "User Initiated", arn)
    asyncio.run(
        stacks._deploy_stack_async(name, arn, template, params, disable_rollback=True, tags=[], is_update=True, previous_stack=before)
    )
    if child["StackStatus"] != "UPDATE_COMPLETE":
        raise ValueError(
            f"Embedded stack {arn} was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: {child['StackStatusReason']}"
        )
    return arn, outputs(child)


def nested_delete(arn: str, _props: Props) -> None:
    child = handlers._resolve_stack(arn)
    if child is None or child["StackStatus"] == "DELETE_COMPLETE":
        return
    asyncio.run(stacks._delete_stack_async(child["StackName"], arn))
    if child["StackStatus"] != "DELETE_COMPLETE":
        raise ValueError(f"Embedded stack {arn} was not successfully deleted: {child['StackStatusReason']} ")


def prepare(child: dict[str, Any], props: Props) -> tuple[dict[str, Any], dict[str, Any]]:
    body, refused = _resolve_template({"TemplateURL": [props["TemplateURL"]]})
    if refused or not body:
        raise ValueError(f"S3 error: Access Denied for {props['TemplateURL']}")
    template = templates._parse_template(body)
    params = templates._resolve_parameters(template, [{"Key": k, "Value": str(v)} for k, v in (props.get("Parameters") or {}).items()])
    child |= {"_template_body": body, "_resolved_params": params, "_conditions": templates._evaluate_conditions(template, params)}
    child.setdefault("_template", template)
    child["Parameters"] = [{"ParameterKey": k, "ParameterValue": v["Value"], "NoEcho": v["NoEcho"]} for k, v in params.items()]
    return template, params


def outputs(child: dict[str, Any]) -> dict[str, str]:
    return {f"Outputs.{o['OutputKey']}": o["OutputValue"] for o in child["Outputs"]}


# ------------------------------------------------------------------------------------------------------------- answers
def answer(operation: str, key: str, items: list[dict[str, Any]], token: str) -> tuple[int, dict[str, str], bytes]:
    start = int(token or 0)
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(items) else {}
    rendered = wire.render(
        "cloudformation",
        operation,
        {key: [{k: v for k, v in i.items() if v not in ("", None)} for i in items[start : start + PAGE]]} | more,
    )
    return rendered.status, rendered.headers, rendered.body


def missing(name: str) -> Any:
    return _error("ValidationError", f"Stack [{name}] does not exist")


def find(name: str) -> dict[str, Any] | None:
    """By name, unless it was deleted; by ARN, also then."""
    found: dict[str, Any] | None = handlers._resolve_stack(name)
    return None if found and found["StackStatus"] == "DELETE_COMPLETE" and name != found["StackId"] else found


def public(stack: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in stack.items() if not k.startswith("_")} | {"LastOperations": stack.get("_operations", [])[-1:-3:-1]}


def create_stack(original: Callable[..., Any]) -> Callable[..., Any]:
    def create(params: dict[str, Any]) -> Any:
        name = _p(params, "StackName")
        there = cfn._stacks.get(name)
        if there and there["StackStatus"] == "ROLLBACK_COMPLETE":
            return _error("AlreadyExistsException", f"Stack [{name}] already exists")
        if there and there["StackStatus"] == "DELETE_COMPLETE":
            cfn._stacks[there["StackId"]] = cfn._stacks.pop(name)
        return original(params)

    return create


def describe_stacks(params: dict[str, Any]) -> Any:
    name = _p(params, "StackName")
    if name and not find(name):
        return _error("ValidationError", f"Stack with id {name} does not exist")
    found = [find(name)] if name else [s for s in cfn._stacks.values() if s["StackStatus"] != "DELETE_COMPLETE"]
    return answer("DescribeStacks", "Stacks", [public(s) for s in found if s], _p(params, "NextToken"))


def list_stacks(params: dict[str, Any]) -> Any:
    wanted = handlers._extract_stack_status_filters(params)
    found = [public(s) for s in cfn._stacks.values() if not wanted or s["StackStatus"] in wanted]
    return answer("ListStacks", "StackSummaries", sorted(found, key=lambda s: s["CreationTime"], reverse=True), _p(params, "NextToken"))


def describe_stack_events(params: dict[str, Any]) -> Any:
    name = _p(params, "StackName")
    stack = find(name)
    if not stack:
        return missing(name)
    return answer("DescribeStackEvents", "StackEvents", cfn._stack_events.get(stack["StackId"], [])[::-1], _p(params, "NextToken"))


def describe_events(params: dict[str, Any]) -> Any:
    """By stack only the newest operation's events, which on a rolled-back stack is the rollback."""
    name, wanted = _p(params, "StackName"), _p(params, "OperationId")
    stack = (
        find(name)
        if name
        else next((s for s in cfn._stacks.values() if any(o["OperationId"] == wanted for o in s.get("_operations", []))), None)
    )
    if not stack:
        return missing(name) if name else _error("ValidationError", f"Operation [{wanted}] does not exist")
    operation = next((o for o in stack.get("_operations", []) if o["OperationId"] == wanted), stack.get("_operations", [{}])[-1])
    events = [
        e
        | {
            "OperationType": operation.get("OperationType"),
            "EventType": "PROVISIONING_ERROR" if e["ResourceStatus"].endswith("_FAILED") else "PROGRESS_EVENT",
        }
        for e in cfn._stack_events.get(stack["StackId"], [])[::-1]
        if e["OperationId"] == operation.get("OperationId")
    ]
    events += stack.get("_operation_events") or []
    if _p(params, "Filters.FailedEvents") == "true":
        events = [e for e in events if e["EventType"] in ("PROVISIONING_ERROR", "VALIDATION_ERROR")]
    return answer("DescribeEvents", "OperationEvents", events, _p(params, "NextToken"))


# -------------------------------------------------------------------------------------------------------- installation
def install() -> None:
    for module in (stacks, handlers, changesets):
        if hasattr(module, "_add_event"):
            module._add_event = add_event
    stacks._resolve_refs = remembering(stacks._resolve_refs)
    handlers._roll_back_operation = stacks._roll_back_operation = keeping(stacks._roll_back_operation)
    HANDLERS[STACK] = {"create": nested_create, "update": nested_update, "delete": nested_delete}
    actions = handlers._ACTION_HANDLERS
    actions["CreateStack"] = create_stack(actions["CreateStack"])
    actions |= {
        "DescribeStacks": describe_stacks,
        "ListStacks": list_stacks,
        "DescribeStackEvents": describe_stack_events,
        "DescribeEvents": describe_events,
    }
