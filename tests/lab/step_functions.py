"""Where MiniStack's Step Functions, Organizations and CloudFormation events differ from AWS, put right. Loaded by launch.py.

What MiniStack 1.5.33 does                   what AWS does, and this module
knows no aws-sdk:organizations               the integration, with ListAccounts in pages of 20
aws-sdk:s3:putObject writes nothing          Body as JSON, a text as it is
ignores ResultWriter                         manifest.json, SUCCEEDED_0.jsonl, FAILED_0.jsonl; the state's result is where they are
a function's error is Runtime.HandlerError   Error is the exception's class, so that Retry and Catch can name it
a stack's status change makes no event       "CloudFormation Stack Status Change" on the default event bus

ItemBatcher stays ignored, and an exceeded tolerance ends the Map Run only when all of its children have run.
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, organizations, s3
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import stacks

PAGE = 20
State = dict[str, Any]


# ------------------------------------------------------------------------------------------------------- integrations
def list_accounts(payload: dict[str, Any]) -> Any:
    """https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html: at most 20 a page."""
    organizations._ensure_org()
    start = int(payload.get("NextToken") or 0)
    listed = [organizations._public_account(one) for one in organizations._accounts.values()]
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(listed) else {}
    return organizations._json(200, {"Accounts": listed[start : start + PAGE]} | more)


def put(bucket: str, key: str, body: object) -> dict[str, Any]:
    content = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    status, _, answer = s3._put_object(bucket, key, content, {"content-type": "application/json"})
    if status >= 300:
        raise sfn._ExecutionError("S3.S3Exception", str(answer))
    return {"ETag": "etag"}


def with_put_object(original: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch(info: Any, service: str, action: str, data: dict[str, Any]) -> Any:
        if (service, action) == ("s3", "putObject"):
            return put(data["Bucket"], data["Key"], data["Body"])
        return original(info, service, action, data)

    return dispatch


def naming_errors(original: Callable[..., Any]) -> Callable[..., Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""

    def call(ref: str, event: Any) -> Any:
        try:
            return original(ref, event)
        except sfn._ExecutionError as error:
            said = json.loads(error.cause) if error.cause.startswith("{") else {}
            name, colon, message = str(said.get("errorMessage", "")).partition(": ")
            if error.error != "Runtime.HandlerError" or not colon:
                raise
            raise sfn._ExecutionError(name, json.dumps({"errorMessage": message, "errorType": name, "stackTrace": []})) from error

    return call


# ------------------------------------------------------------------------------------------------------- ResultWriter
def writing_results(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(state: State, raw: Any, effective: Any, iterator: Any, execution: Any, ctx: Any) -> Any:
        writer = state.get("ResultWriter")
        if not writer:
            return original(state, raw, effective, iterator, execution, ctx)
        before = set(sfn._map_runs)
        bare = {k: v for k, v in state.items() if k not in ("ResultPath", "ResultSelector", "OutputPath")}
        try:
            original(bare, raw, effective, iterator, execution, ctx)
        finally:
            mine = next(
                arn for arn in sfn._map_runs if arn not in before and sfn._map_runs[arn]["executionArn"] == execution["executionArn"]
            )
            where = write(mine, sfn._resolve_params_obj(writer["Parameters"], effective, ctx), writer.get("WriterConfig") or {})
        result = sfn._apply_result_selector(state, {"MapRunArn": mine, "ResultWriterDetails": where})
        return sfn._apply_output_path(state, sfn._apply_result_path(state, raw, result), ctx), sfn._next_or_end(state)

    return run


def write(map_run: str, where: dict[str, str], config: dict[str, str]) -> dict[str, str]:
    lines = config.get("OutputType") == "JSONL"
    files: dict[str, list[dict[str, Any]]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    prefix = "/".join(part for part in (where.get("Prefix", ""), map_run.rsplit(":", 1)[-1]) if part)
    for child in list(sfn._executions.values()):
        if child.get("mapRunArn") == map_run:
            files[child["status"]].append(child_row(child))
    named: dict[str, list[dict[str, Any]]] = {status: [] for status in files}
    for status, rows in files.items():
        if rows:
            text = "\n".join(json.dumps(row) for row in rows) + "\n" if lines else json.dumps(rows)
            key = f"{prefix}/{status}_0.{'jsonl' if lines else 'json'}"
            put(where["Bucket"], key, text)
            named[status].append({"Key": key, "Size": len(text)})
    manifest = f"{prefix}/manifest.json"
    put(where["Bucket"], manifest, {"DestinationBucket": where["Bucket"], "MapRunArn": map_run, "ResultFiles": named})
    return {"Bucket": where["Bucket"], "Key": manifest}


def child_row(child: dict[str, Any]) -> dict[str, Any]:
    """As ResultWriter writes a child execution with Transformation NONE: input and output are JSON in texts."""
    row = {
        "ExecutionArn": child["executionArn"],
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Name": child["name"],
        "StartDate": child["startDate"],
        "StateMachineArn": child["stateMachineArn"],
        "Status": child["status"],
        "StopDate": child["stopDate"],
    }
    if child["status"] == "SUCCEEDED":
        return row | {"Output": child["output"], "OutputDetails": {"Included": True}}
    return row | {"Error": child.get("error"), "Cause": child.get("cause")}


# ------------------------------------------------------------------------------------------------- CloudFormation events
def telling(original: Callable[..., Any]) -> Callable[..., Any]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-event-notifications.html"""

    def add(stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any) -> Any:
        answer = original(stack_id, stack_name, logical_id, resource_type, status, *rest, **more)
        if logical_id == stack_name:
            detail = {
                "stack-id": stack_id,
                "status-details": {"status": status, "status-reason": str(rest[0]) if rest else ""},
                "client-request-token": "",
            }
            entry = {"Source": "aws.cloudformation", "DetailType": "CloudFormation Stack Status Change", "Detail": json.dumps(detail)}
            tell(entry | {"Resources": [stack_id]})
        return answer

    return add


def tell(entry: dict[str, Any]) -> None:
    """From a thread of its own, in this account and Region: the engine's event loop must not wait for what the event starts."""
    import contextvars

    def send() -> None:
        answer = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
        if asyncio.iscoroutine(answer):
            asyncio.run(answer)

    threading.Thread(target=contextvars.copy_context().run, args=(send,), daemon=True, name=f"{get_account_id()}-{get_region()}").start()


# -------------------------------------------------------------------------------------------------------- installation
def install() -> None:
    sfn._AWS_SDK_SERVICE_MAP["organizations"] = {"target_prefix": "AWSOrganizationsV20161128", "protocol": "json"}
    sfn._AWS_SDK_ERROR_PREFIX["organizations"] = "Organizations"
    handlers = next(
        v for v in vars(organizations).values() if isinstance(v, dict) and v.get("ListAccounts") is organizations._list_accounts
    )
    handlers["ListAccounts"] = list_accounts
    sfn._dispatch_aws_sdk_rest_xml = with_put_object(sfn._dispatch_aws_sdk_rest_xml)
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace('"error": str(e), "trace"', '"error": type(e).__name__ + ": " + str(e), "trace"')
    sfn._call_lambda = naming_errors(sfn._call_lambda)
    sfn._run_distributed_map = writing_results(sfn._run_distributed_map)
    stacks._add_event = telling(stacks._add_event)
