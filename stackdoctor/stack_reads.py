"""What is read of one stack by its name or ARN, all of it at the same time: none of it waits for the rest.

in: `Ask` and the stack. out: `StackReads`, whose parts keep their own errors. A nested stack is read the same way by its
ARN, which also finds a deleted one; DescribeStacks is left out there, since the ARN and the events say enough.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from stackdoctor.answers import arn_part, is_stack_arn, resource_from, rows, stack_from, stack_name_of
from stackdoctor.model import Absent, Found, Read, Stack, StackResource
from stackdoctor.pages import Ask, EventListing, does_not_exist, unreadable
from stackdoctor.reader import ReadError
from stackdoctor.whereabouts import DeletedStacks, deleted_stacks

MAX_ATTEMPT_PAGES = 1000
"""Pages of one attempt with its rollbacks: 100,000 events, more than 500 resources make in 40 attempts."""
MAX_RESOURCE_PAGES = 20
"""Pages of ListStackResources, 100 resources each; a template holds at most 500."""


@dataclass(slots=True)
class StackReads:
    """The reads of one stack; each method is one of them and fills one field."""

    ask: Ask
    stack: str
    events: EventListing
    described: Stack | ReadError | None = None
    resources: Read[tuple[StackResource, ...]] = field(default_factory=Absent)
    template: Read[str] = field(default_factory=Absent)
    deleted: DeletedStacks | None = None

    def describe(self) -> None:
        try:
            found = rows(self.ask.read("DescribeStacks", StackName=self.stack), "Stacks")
        except ReadError as error:
            self.described = error
        else:
            self.described = stack_from(found[0]) if found else None

    def read_events(self) -> None:
        self.events.read_attempt(MAX_ATTEMPT_PAGES)

    def read_resources(self) -> None:
        self.resources = _resources(self.ask, self.stack)

    def read_template(self) -> None:
        self.template = _template(self.ask, self.stack)

    def read_deleted(self) -> None:
        self.deleted = deleted_stacks(self.ask)


def _resources(ask: Ask, stack: str) -> Read[tuple[StackResource, ...]]:
    pages = ask.pages("ListStackResources", "StackResourceSummaries", MAX_RESOURCE_PAGES, StackName=stack)
    if pages.error and not pages.rows:
        gone = does_not_exist(pages.error)
        return (
            Absent(pages.error.code)
            if gone
            else unreadable(f"resources of stack {stack}", pages.error, "cloudformation:ListStackResources")
        )
    return Found(tuple(resource_from(row) for row in pages.rows))


def _template(ask: Ask, stack: str) -> Read[str]:
    """The template as it was given, not as macros left it: an edit has to fit the user's own text."""
    try:
        body = ask.read("GetTemplate", StackName=stack, TemplateStage="Original").get("TemplateBody")
    except ReadError as error:
        if does_not_exist(error):
            return Absent(error.code)
        return unreadable(f"template of stack {stack}", error, "cloudformation:GetTemplate")
    if isinstance(body, dict):
        return Found(json.dumps(body, indent=2))
    return Found(body) if isinstance(body, str) and body else Absent("no TemplateBody")


def stack_of(arn: str, status: str, region: str, parent: str | None = None) -> Stack:
    """A stack as its ARN and events tell it."""
    return Stack(
        name=stack_name_of(arn),
        id=arn if is_stack_arn(arn) else "",
        status=status,
        region=arn_part(arn, 3) or region,
        account=arn_part(arn, 4),
        partition=arn_part(arn, 1) or "aws",
        parent_id=parent,
    )
