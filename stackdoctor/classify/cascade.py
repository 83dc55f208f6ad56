"""Wordings of CloudFormation itself about other rows: summaries, cascades, cancelled siblings, progress. Rules, and the names a summary lists.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

import re

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category

_SUMMARY = re.compile(
    r"The following resource\(?s?\)? failed to (?:create|update|delete|import|replace): \[(?P<names>[^\]]*)", re.IGNORECASE
)
_EMBEDDED = re.compile(r"Embedded stack (?P<arn>arn:\S+) was not successfully", re.IGNORECASE)
_STACK = "AWS::CloudFormation::Stack"


def summary_names(reason: str | None) -> tuple[str, ...]:
    """The logical ids in "The following resource(s) failed to create: [A, B]."; () if the reason is no such summary."""
    match = _SUMMARY.search(reason or "")
    return tuple(name for name in (part.strip(" .\n") for part in match["names"].split(",")) if name) if match else ()


def embedded_stack_arn(reason: str | None) -> str | None:
    """The nested stack's ARN in "Embedded stack arn… was not successfully created"."""
    match = _EMBEDDED.search(reason or "")
    return match["arn"] if match else None


RULES = (
    Rule(
        "embedded-stack",
        Category.NESTED_STACK_CASCADE,
        text=any_of(
            "was not successfully (?:created|updated|deleted|imported)",
            r"^embedded st(?:a|ac|ack)? ?$|^embedded stack \S*(?: (?:was|is)(?: not?(?: s\w*)?)?)? ?$",
        ),
        example="Embedded stack arn:aws:...api-AddonsStack was not successfully updated. Currently in UPDATE_ROLLBACK_FAILED with reason: "
        "The following resource(s) failed to update: [ElasticsearchDomain].",
        example_type=_STACK,
        source="https://github.com/aws/copilot-cli/issues/4333",
    ),
    Rule(
        "resources-failed",
        Category.ROLLBACK_SUMMARY,
        text=any_of(
            r"the following resource\(?s?\)? failed to (?:create|update|delete|import|replace)",
            "^validation failed for (?:the )?following resources",
            r"^(?:[\w-]+ )*rollback requested by user\.?$",
        ),
        example="The following resource(s) failed to create: [appbucket, patchesprivatebucket]. Rollback requested by user.",
        example_type=_STACK,
        source="https://github.com/acantril/learn-cantrill-io-labs/issues/109",
    ),
    Rule(
        "clean-up-incomplete",
        Category.ROLLBACK_SUMMARY,
        text=r"one or more resources could not be deleted",
        example="Update successful. One or more resources could not be deleted.",
        example_type=_STACK,
        source="https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2055",
    ),
    Rule(
        "cancelled",
        Category.CANCELLED_NOISE,
        text=any_of(
            r"^(?:resource|stack)? ?(?:creation|create|update|deletion|delete|import|operation)s? (?:has been |was )?cancell?e ?d\.?(?: by.*)?$",
            "^cancell?ed (?:since|because|due to)",
        ),
        example="Resource update cancelled",
        example_type="AWS::Lambda::Function",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
    ),
    Rule(
        "progress",
        Category.OTHER,
        text=any_of(
            r"^(?:resource )?(?:creation|update|deletion|import) initiated\.?$",
            r"^(?:user|transformation|eventual consistency check) .{0,20}initiated\.?$",
            r"^initiated by (?:the )?(?:parent|root) stack\.?$|^transformation succeeded\.?$",
            "^resource import (?:started|completed)",
            "^requested update (?:required the provider|requires the creation of)",
            "^resource type ready",
        ),
        example="Requested update required the provider to create a new physical resource",
        example_type="Custom::LambdaCallout",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
    ),
    Rule(
        "no-updates",
        Category.OTHER,
        text=r"no updates are to be performed|didn't contain changes|did not contain changes",
        explained=True,
        example="No updates are to be performed.",
        example_type=_STACK,
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
    ),
)
