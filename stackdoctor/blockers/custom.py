"""Custom resources whose function failed or never answered, and nested stacks whose own events could not be read.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackdoctor.blockers.base import Blocked
from stackdoctor.blockers.dependents import unknown
from stackdoctor.commands import Value, usable
from stackdoctor.model import Step

_FUNCTION = re.compile(r"arn:[\w-]+:lambda:[^:]*:[^:]*:function:(?P<name>[\w-]+)")
_REQUEST = re.compile(r"[Rr]equest ?I[dD]:? \[?(?P<id>[0-9a-fA-F-]{20,})")
_CHILD = re.compile(r"arn:[\w-]+:cloudformation:[^:\s]*:[^:\s]*:stack/[^\s'\"]+")


def is_custom(resource_type: str) -> bool:
    """Whether a function answers for the type."""
    return resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"


def custom_resource(blocked: Blocked) -> Iterator[Step]:
    """The function behind it: does it exist, and what did it log."""
    found = _FUNCTION.search(str(blocked.properties.get("ServiceToken", "")) or blocked.text)
    if found is None:
        yield from unknown(blocked)
        return
    yield blocked.step(
        f"See whether the function {found['name']} still exists", ("lambda", "get-function", "--function-name", Value(found.group())),
        "CloudFormation waits for an answer of this function (an hour, unless ServiceTimeout says less). "
        "If it or its permissions went first, it can never answer: retain the resource once the stack is DELETE_FAILED.",
    )  # fmt: skip
    request = _REQUEST.search(blocked.text)
    pattern = f'"{request["id"]}"' if request else "ResponseURL"
    yield blocked.step(
        "Read what the function logged",
        ("logs", "filter-log-events", "--log-group-name", Value(f"/aws/lambda/{found['name']}"), "--filter-pattern", Value(pattern)),
        "The log says why it failed. Where it shows the event with a ResponseURL that has not expired, a PUT of a "
        "SUCCESS response with the same StackId, RequestId, LogicalResourceId and PhysicalResourceId ends the wait.",
    )


def nested_stack(blocked: Blocked) -> Iterator[Step]:
    """A nested stack stands for what failed inside it."""
    child = str(blocked.event.physical_id or "")
    if not child.startswith("arn:"):
        named = _CHILD.search(blocked.text)
        child = named.group().rstrip(".,") if named else ""
    if not child or not usable(child):
        yield from unknown(blocked)
        return
    yield Step(
        f"Diagnose the nested stack {blocked.event.logical_id}", blocked.aws.diagnose(child), destructive=False,
        why="Its own events could not be read with the root's; what failed stands in them.",
    )  # fmt: skip
