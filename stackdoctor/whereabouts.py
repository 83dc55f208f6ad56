"""Where a stack is that does not answer to its name: deleted, misspelt, or in another Region.

in: the name, ListStacks. out: the deleted stacks of the last 90 days, and a StackNotFound that says what to type next.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime

from stackdoctor.answers import is_stack_arn, moment, rows, stack_name_of, text
from stackdoctor.errors import StackNotFound
from stackdoctor.model import Unread
from stackdoctor.pages import Ask, Row
from stackdoctor.permissions import needs
from stackdoctor.reader import ReadError

MAX_LIST_STACKS_PAGES = 5
"""Pages of ListStacks (100 stacks each) searched for deleted stacks of a name."""
MAX_NAME_PAGES = 3
"""Pages of ListStacks searched for names like a misspelt one."""
COMMON_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-north-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
)
"""Where else a stack is looked for: the Regions that need no opting in; an opted-in Region is not searched."""
PARTITION_REGIONS = (("cn-", ("cn-north-1", "cn-northwest-1")), ("us-gov-", ("us-gov-west-1", "us-gov-east-1")), ("", COMMON_REGIONS))

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeletedStack:
    name: str
    id: str
    created_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeletedStacks:
    """The deleted stacks of the last 90 days, newest first, as far as the pages were read."""

    stacks: tuple[DeletedStack, ...]
    unread: tuple[Unread, ...] = ()

    def of_name(self, name: str) -> tuple[DeletedStack, ...]:
        return tuple(stack for stack in self.stacks if stack.name == name)


def deleted_stacks(ask: Ask) -> DeletedStacks:
    """ListStacks of DELETE_COMPLETE, at most MAX_LIST_STACKS_PAGES."""
    pages = ask.pages("ListStacks", "StackSummaries", MAX_LIST_STACKS_PAGES, StackStatusFilter=["DELETE_COMPLETE"])
    found = sorted(
        (_deleted(row) for row in pages.rows if text(row, "StackId")), key=lambda stack: stack.deleted_at or _LONG_AGO, reverse=True
    )
    what, operation = "earlier, deleted stacks of this name", "cloudformation:ListStacks"
    if pages.error:
        unread = Unread(what, f"{pages.error.code}: {pages.error.message}", pages.error.needs or needs(operation))
        return DeletedStacks(tuple(found), (unread,))
    if not pages.complete:
        return DeletedStacks(tuple(found), (Unread(what, f"only {MAX_LIST_STACKS_PAGES} pages of ListStacks were searched"),))
    return DeletedStacks(tuple(found))


def _deleted(row: Row) -> DeletedStack:
    arn = text(row, "StackId") or ""
    return DeletedStack(text(row, "StackName") or stack_name_of(arn), arn, moment(row.get("CreationTime")), moment(row.get("DeletionTime")))


def not_found(ask: Ask, stack: str) -> StackNotFound:
    """The error for a stack that is not there: near names, and other Regions where a stack of this name lives."""
    name = stack_name_of(stack)
    near: list[str] = []
    regions: list[str] = []
    elsewhere = () if is_stack_arn(stack) else _other_regions(ask.region)
    for found in ask.gather(lambda: _near(ask, name), *(_Finder(ask, name, region) for region in elsewhere)):
        near.extend(found.near)
        regions.extend(found.regions)
    hints = []
    if regions:
        hints.append(f"A stack of this name is in {', '.join(regions)}: add --region {regions[0]}.")
    if near:
        hints.append(f"Did you mean {' or '.join(near)}?")
    if not hints:
        hints.append("Check the name, --region and --profile; a stack deleted more than 90 days ago cannot be read.")
    return StackNotFound(f"There is no stack {stack} in {ask.region or 'this Region'}.", " ".join(hints))


@dataclass(frozen=True, slots=True)
class _Trace:
    near: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def _near(ask: Ask, name: str) -> _Trace:
    listed = ask.pages("ListStacks", "StackSummaries", MAX_NAME_PAGES)
    names = {found for row in listed.rows if (found := text(row, "StackName")) and text(row, "StackStatus") != "DELETE_COMPLETE"}
    by_lower = {found.lower(): found for found in sorted(names)}
    return _Trace(near=tuple(by_lower[found] for found in difflib.get_close_matches(name.lower(), by_lower, n=3)))


class _Finder:
    """Looks for the stack in one other Region; a Region that does not answer says nothing."""

    def __init__(self, ask: Ask, name: str, region: str) -> None:
        self._ask, self._name, self._region = ask, name, region

    def __call__(self) -> _Trace:
        try:
            answer = self._ask.read("DescribeStacks", self._region, StackName=self._name)
        except ReadError:
            return _Trace()
        return _Trace(regions=(self._region,)) if rows(answer, "Stacks") else _Trace()


def _other_regions(region: str) -> tuple[str, ...]:
    regions = next(regions for prefix, regions in PARTITION_REGIONS if region.startswith(prefix))
    return tuple(other for other in regions if other != region)
