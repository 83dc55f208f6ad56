"""The one sentence a report starts with: what failed, who denied what to whom, what to change, what is in the way."""

from __future__ import annotations

from collections.abc import Sequence

from stackdoctor.investigation import Investigation
from stackdoctor.model import Category, DeniedBy, Failure, Finding, Fix, Stack, StackHistory, Verdict

SIDES = {
    DeniedBy.S3: "S3",
    DeniedBy.KMS: "KMS",
    DeniedBy.S3_OR_KMS: "S3 or KMS",
    DeniedBy.IAM: "IAM",
    DeniedBy.SCP: "a service control policy",
    DeniedBy.RCP: "a resource control policy",
    DeniedBy.PERMISSION_BOUNDARY: "a permissions boundary",
    DeniedBy.VPC_ENDPOINT: "a VPC endpoint policy",
    DeniedBy.OTHER: "AWS",
}

WORDS = {
    Category.QUOTA: "a quota is reached",
    Category.CAPACITY: "AWS has no capacity",
    Category.THROTTLING: "AWS throttled the calls",
    Category.ALREADY_EXISTS: "the name is taken",
    Category.NOT_FOUND: "something it needs does not exist",
    Category.VALIDATION: "AWS refuses its properties",
    Category.POLICY_DOCUMENT_INVALID: "AWS refuses the policy document",
    Category.DELETION_PROTECTION: "it is protected from deletion",
    Category.NOT_EMPTY: "it is not empty",
    Category.DEPENDENCY_IN_USE: "something still depends on it",
    Category.CONFLICT: "another operation is under way",
    Category.TIMEOUT: "a signal did not come in time",
    Category.STABILIZATION: "it did not stabilize",
    Category.CUSTOM_RESOURCE: "its custom resource reported a failure",
    Category.INTERNAL_ERROR: "AWS reports an internal failure",
    Category.ROLE_TRUST_OR_EXECUTION_ROLE: "a role cannot be assumed or lacks a permission",
    Category.AUTH_TOKEN: "the credentials were not valid any more",
    Category.KMS_KEY_STATE: "its KMS key cannot be used",
}


def sentence(
    history: StackHistory, verdict: Verdict, found: Sequence[Investigation], blockers: Sequence[Failure], fixes: Sequence[Fix]
) -> str:
    """The summary; plain text, one line, AWS's names verbatim."""
    stack = history.stack
    if verdict is Verdict.HEALTHY:
        return f"Stack {stack.name} is healthy ({stack.status})."
    if not found:
        return _one_sentence(_without_cause(stack), _blocked(blockers))
    text = "; ".join(_cause(one) for one in found[:3])
    more = f" (and {len(found) - 3} more root causes)" if len(found) > 3 else ""
    return _one_sentence(f"{text}{more}", _repair(found, fixes), _blocked(blockers))


def _one_sentence(first: str, *parts: str) -> str:
    """What failed, what to change, what is in the way, as one sentence."""
    rest = (_lower(part) for part in parts if part)
    return "; ".join((first.removesuffix("."), *(part.removesuffix(".") for part in rest))) + "."


def _without_cause(stack: Stack) -> str:
    return f"Stack {stack.name} is {stack.status}, and no event that could be read shows a failed resource."


def _cause(one: Investigation) -> str:
    event = one.failure.event
    name = f"{event.logical_id} ({event.resource_type})"
    denied, side = one.denied(), one.denied_by
    if one.causes:
        gravest = finding_in_words(one.causes[0])
        more = f" (and {len(one.causes) - 1} more)" if len(one.causes) > 1 else ""
        if side and denied and denied.action and denied.principal:
            return f"{name} failed because {SIDES[side]} denied {denied.action} to {denied.principal}: {gravest}{more}"
        return f"{name} failed because {gravest}{more}"
    if one.risks and one.explained and not one.failure.reason.self_explained:
        return f"{name} was denied{f' by {SIDES[side]}' if side else ''}; likely because {finding_in_words(one.risks[0])}"
    if one.explained and side and denied and denied.action:
        whom = f" to {denied.principal}" if denied.principal else ""
        what = f" on {denied.resource}" if denied.resource else ""
        return f"{name} failed because {SIDES[side]} denied {denied.action}{whom}{what}"
    words = WORDS.get(one.failure.reason.category)
    if one.explained and words:
        return f"{name} failed because {words}: {_short(event.told)}"
    if side:
        unread = ", and what would name the statement could not be read"
        return f"{name} was denied by {SIDES[side]}{unread if one.missing else '; nothing that was read explains it'}"
    return f"{name} failed: {_short(event.told)}"


def finding_in_words(finding: Finding) -> str:
    """A finding in the middle of a sentence, with the statement it points at."""
    title = finding.title
    first = title.split(" ", 1)[0]
    if first in {"A", "An", "The", "No", "How", "Every"}:
        title = first.lower() + title[len(first) :]
    if finding.statement is None:
        return title
    owner = {"s3": "bucket policy", "kms": "key policy"}.get(finding.service, "policy")
    sid = f" ({finding.statement.sid})" if finding.statement.sid else ""
    return f"{title}, in statement {finding.statement.index}{sid} of the {owner}"


def _short(reason: str | None, longest: int = 240) -> str:
    text = (reason or "AWS gives no reason").strip()
    return text if len(text) <= longest else f"{text[:longest]}…"


def _repair(found: Sequence[Investigation], fixes: Sequence[Fix]) -> str:
    if fixes:
        documents = {fix.target: fix.title for fix in reversed(fixes) if fix.verified}  # the first of each document is the recommended one
        titles = list(dict.fromkeys((fixes[0].title, *reversed(documents.values()))))
        return f"{titles[0]}{''.join(f'; then {_lower(title)}' for title in titles[1:])}."
    open_ones = [one for one in found if not one.explained and one.missing]
    return "What would decide it is listed under what was not read." if open_ones else ""


def _lower(title: str) -> str:
    """Without its capital, unless that belongs to a name (`S3`, `IAM`)."""
    return title if title[1:2].isupper() or title[1:2].isdigit() else title[:1].lower() + title[1:]


def _blocked(blockers: Sequence[Failure]) -> str:
    if not blockers:
        return ""
    names = ", ".join(f"{b.event.logical_id} ({WORDS.get(b.reason.category, 'see its message')})" for b in blockers[:3])
    more = f" and {len(blockers) - 3} more" if len(blockers) > 3 else ""
    return f"The rollback is blocked by {names}{more}."
