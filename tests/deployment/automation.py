"""A small runner of SSM Automation documents: the actions a runbook of ours uses, as Systems Manager documents them.

https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html. No local engine runs documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Invoke = Callable[[str, Any], Any]
_NAME = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


class StepFailed(Exception):
    """A step ended with an error: the automation fails."""


def run(document: Mapping[str, Any], parameters: Mapping[str, str], invoke: Invoke) -> dict[str, Any]:
    """The outputs of the document. `invoke` is Lambda: a function's name and payload → its answer."""
    known: dict[str, Any] = {}
    for name, spec in document["parameters"].items():
        value = parameters.get(name, spec.get("default"))
        if value is None or not re.fullmatch(spec.get("allowedPattern", ".*"), value):
            raise ValueError(f"{name}: {value!r} is not allowed")
        known[name] = value
    for step in document["mainSteps"]:
        answer = ACTIONS[step["action"]](filled(step["inputs"], known), invoke)
        known |= {f"{step['name']}.{key}": value for key, value in answer.items()}
        for output in step.get("outputs", []):
            known[f"{step['name']}.{output['Name']}"] = select(answer, output["Selector"], output["Type"])
        if step.get("isEnd"):
            break
    return {name: known[name] for name in document["outputs"]}


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """`{{ name }}` put in: as it is where it stands alone, as text within a text. What is put in is not looked at again."""
    match value:
        case str() if whole := _NAME.fullmatch(value):
            return known[whole.group(1)]
        case str():
            return _NAME.sub(lambda found: str(known[found.group(1)]), value)
        case dict():
            return {k: filled(v, known) for k, v in value.items()}
        case list():
            return [filled(v, known) for v in value]
    return value


def select(answer: Any, selector: str, kind: str) -> Any:
    for part in selector.removeprefix("$.").split("."):
        answer = answer[part]
    right = {"String": str, "StringList": list}[kind]
    if not isinstance(answer, right) or (kind == "StringList" and not all(isinstance(one, str) for one in answer)):
        raise StepFailed(f"{selector} is no {kind}")
    return answer


def invoke_lambda(inputs: dict[str, Any], invoke: Invoke) -> dict[str, Any]:
    """aws:invokeLambdaFunction: the answer stands in Payload, as text."""
    answer = invoke(inputs["FunctionName"], json.loads(inputs["Payload"]))
    return {"StatusCode": 200, "Payload": json.dumps(answer)}


def execute_script(inputs: dict[str, Any], _: Invoke) -> dict[str, Any]:
    """aws:executeScript: the handler is called with InputPayload; an exception fails the step."""
    names: dict[str, Any] = {}
    exec(inputs["Script"], names)
    try:
        return {"Payload": names[inputs["Handler"]](inputs["InputPayload"], {})}
    except Exception as error:
        raise StepFailed(str(error)) from error


ACTIONS: dict[str, Callable[[dict[str, Any], Invoke], dict[str, Any]]] = {
    "aws:invokeLambdaFunction": invoke_lambda,
    "aws:executeScript": execute_script,
}
