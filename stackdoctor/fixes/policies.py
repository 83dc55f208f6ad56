"""Corrected policies: the smallest edit of each document at fault, evaluated for every request in every world, and for
requests that must stay denied. What fails either is kept out.

The order of a document's fixes: first the recommended, verified one; then, if edits pile up, the minimal policy AWS
documents for the service; then an alternative that depends on what AWS does not document, as undecided.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stackdoctor.checks import Case
from stackdoctor.commands import CommandStyle
from stackdoctor.evidence import DeployedResource, EvidenceSet
from stackdoctor.faults import KINDS, Fault, effective, lets_identity_decide
from stackdoctor.fixes.foreign import Foreign, foreign
from stackdoctor.fixes.templates import Templates, document
from stackdoctor.investigation import Investigation
from stackdoctor.model import JSON, Absent, Fix, Found, Origin, RequestOutcome, Severity, Verification
from stackdoctor.policy import Malformed, Outcome, Policy, PrincipalKind, Request, evaluate, parse
from stackdoctor.policy.edit import Edit, propose, replace_statements
from stackdoctor.policy.ops import apply
from stackdoctor.services.base import Blocking, Needed, Target, bucket_name

PILED_UP = 4
"""From this many operations on, starting from AWS's documented policy is easier to review than the edit."""

FILES = {Target.KEY: "key-policy", Target.BUCKET: "bucket-policy"}
SHOWN = {Outcome.ALLOWED: "allowed", Outcome.UNDECIDED: "undecided"}


@dataclass(frozen=True, slots=True)
class Document:
    """One policy at fault: its text as met, the requests it decides, and the stack's resource that makes it."""

    target: Target
    ref: str
    arn: str
    before: Mapping[str, JSON] | None
    policy: Policy | None
    needed: tuple[Needed, ...]
    checks: tuple[str, ...]
    made_by: DeployedResource | None

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(need.request for need in self.needed)


def policy_fixes(one: Investigation, templates: Templates, style: CommandStyle) -> tuple[list[Fix], list[str]]:
    """The fixes of every document at fault, and what was tried and kept out."""
    fixes: list[Fix] = []
    rejected: list[str] = []
    for doc in _documents(one):
        arn = one.case.service.source_arn(one.case.resource) if one.case else None
        others = foreign(doc.needed, json.dumps(doc.before))
        exact = arn if arn and "*" not in arn else None
        edits = _proposed(doc, exact)
        documented = _documented(one, doc)
        tried = [_Tried.of(doc, edit, others, documented) for edit in edits]
        good = [attempt for attempt in tried if attempt.verified][:1]
        if not good or len(good[0].edit.ops) >= PILED_UP:
            minimal = _minimal(one, doc)
            tried += [_Tried.of(doc, minimal, others, documented)] if minimal else []
            good += [attempt for attempt in tried[-1:] if minimal and attempt.verified]
        maybe = [attempt for attempt in tried if attempt.outcome is Outcome.UNDECIDED and not attempt.opened][:1]
        fixes += [_fix(doc, attempt, templates, style) for attempt in (*good, *maybe)]
        rejected += [attempt.why_not(doc) for attempt in tried if attempt not in good and attempt not in maybe]
    return fixes, rejected


def _proposed(doc: Document, source_arn: str | None) -> tuple[Edit, ...]:
    """Edits of the document, found on what of it counts for the caller: a service-linked role is not reached by delegation."""
    met = doc.policy
    for request in doc.requests if met else ():
        met = effective(met, request) if met else met
    edits = propose(met, doc.requests, kind=KINDS[doc.target], source_arn=source_arn, limit=3)
    if met is doc.policy or doc.before is None:
        return edits
    return tuple(replace(edit, document=apply(doc.before, *edit.ops)) for edit in edits)


def _documents(one: Investigation) -> Iterator[Document]:
    case = one.case
    if case is None:
        return
    at_fault = {(f.target, f.ref): f for f in case.faults if f.severity is not Severity.NOTE and f.target in KINDS}
    for (target, ref), fault in sorted(at_fault.items(), key=lambda item: item[0][0] is not Target.KEY):
        if fault.element == "NoPolicy" and any(finding.check == "policy-after-resource" for finding in one.causes):
            continue
        needed = [j.needed for j in case.judged if (j.needed.target, j.needed.ref) == (target, ref) and not lets_identity_decide(j.needed)]
        text = case.evidence.policy(target, ref)
        before = document(text.value.text) if isinstance(text, Found) else None
        policy = parse(text.value.text, KINDS[target]) if isinstance(text, Found) else None
        if isinstance(policy, Malformed) or not isinstance(text, Found | Absent):
            continue
        checks = tuple(dict.fromkeys(f.check for f in one.findings if f.resource == fault.arn and f.severity is not Severity.NOTE))
        must = tuple(need for need in needed if need.blocking is not Blocking.NO)
        yield Document(target, ref, fault.arn, before, policy, must, checks, _maker(case.evidence, fault))


def _maker(evidence: EvidenceSet, fault: Fault) -> DeployedResource | None:
    match fault.target:
        case Target.BUCKET:
            return evidence.buckets[fault.ref].policy_resource
        case Target.KEY:
            return evidence.keys[fault.ref].owner
    return evidence.endpoints[fault.ref].policy_resource


# ------------------------------------------------------------------------------------------------- trying an edit
@dataclass(frozen=True, slots=True)
class _Tried:
    edit: Edit
    policy: Policy
    outcomes: tuple[RequestOutcome, ...]
    outcome: Outcome
    opened: tuple[str, ...]

    @classmethod
    def of(cls, doc: Document, edit: Edit, others: Sequence[Foreign], documented: Policy | None) -> _Tried:
        """The edit as it fares. What AWS's documented statements for this very resource allow as well is nothing it opens."""
        after = parse(edit.document, KINDS[doc.target])
        if isinstance(after, Malformed):  # an edit of a well-formed document is well-formed
            raise TypeError(after.problem)
        results = [evaluate(effective(after, request), request) for request in doc.requests]
        asked = [(other.request, other.what) for other in others if _opens(doc.policy, after, other.request)]
        asked += [(request, f"{request.caller.name}: {request.action} on {request.resource}") for request in edit.opens]
        opened = [what for request, what in asked if documented is None or evaluate(documented, request) is not Outcome.ALLOWED]
        return cls(edit, after, tuple(_rows(doc, results)), _worst(results), tuple(dict.fromkeys(opened)))

    @property
    def verified(self) -> bool:
        return self.outcome is Outcome.ALLOWED and not self.opened

    def why_not(self, doc: Document) -> str:
        """Why the edit was kept out."""
        if self.opened:
            return f"{self.edit.title} ({doc.arn}): would also allow {'; '.join(self.opened[:3])}"
        if self.outcome is Outcome.ALLOWED:
            return f"{self.edit.title} ({doc.arn}): works too, but is not the smallest change"
        return f"{self.edit.title} ({doc.arn}): leaves a request {self.outcome.value}"


def _opens(before: Policy | None, after: Policy, request: Request) -> bool:
    """Whether a request that was denied is not denied any more."""
    rank = {Outcome.ALLOWED: 2, Outcome.UNDECIDED: 1}
    return rank.get(evaluate(after, request), 0) > rank.get(evaluate(before, request), 0)


def _rows(doc: Document, results: Iterable[Outcome]) -> Iterator[RequestOutcome]:
    for need, after in zip(doc.needed, results, strict=True):
        request = need.request
        before = evaluate(effective(doc.policy, request) if doc.policy else None, request)
        yield RequestOutcome(request.caller.name, request.action, request.resource, SHOWN.get(before, "denied"), SHOWN.get(after, "denied"))


def _worst(results: Sequence[Outcome]) -> Outcome:
    for outcome in (Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED, Outcome.UNDECIDED):
        if outcome in results:
            return outcome
    return Outcome.ALLOWED


def _documented(one: Investigation, doc: Document) -> Policy | None:
    """AWS's documented statements for the resource as a policy of their own; None where there are none."""
    case = one.case
    statements = _page_statements(case, doc) if case else ()
    policy = parse({"Version": "2012-10-17", "Statement": list(statements)}, KINDS[doc.target]) if statements else None
    return policy if isinstance(policy, Policy) else None


def _minimal(one: Investigation, doc: Document) -> Edit | None:
    """AWS's documented statements in the place of those that are for this service alone; everything else is kept."""
    case = one.case
    statements = _page_statements(case, doc) if case else ()
    if case is None or not statements:
        return None
    base: Mapping[str, JSON] = doc.before or {"Version": "2012-10-17", "Statement": []}
    own = [s.index for s in doc.policy.statements if s.effect == "Allow" and _only_for(s.raw, case.service.principal)] if doc.policy else []
    changed = replace_statements(base, own, statements)
    policy = parse(changed, KINDS[doc.target])
    if isinstance(policy, Malformed):
        return None
    left = propose(policy, doc.requests, limit=1)
    final = left[0].document if left else changed
    after = parse(final, KINDS[doc.target])
    outcome = _worst([evaluate(after, request) for request in doc.requests]) if isinstance(after, Policy) else Outcome.UNDECIDED
    return Edit(f"Start again from the policy AWS documents for {doc.requests[0].caller.name}", (), final, outcome)


def _page_statements(case: Case, doc: Document) -> tuple[dict[str, JSON], ...]:
    ref = bucket_name(doc.ref) if doc.target is Target.BUCKET else doc.ref
    return case.service.minimal(case.resource, case.facts, doc.target, ref)


def _only_for(statement: Mapping[str, JSON], principal: str) -> bool:
    return statement.get("Principal") in ({"Service": principal}, {"Service": [principal]})


# ------------------------------------------------------------------------------------------------- as a fix
def _fix(doc: Document, attempt: _Tried, templates: Templates, style: CommandStyle) -> Fix:
    after = dict(attempt.edit.document)
    in_stack = doc.made_by is not None
    diff, remark = _diff(doc, after, templates)
    title = f"{_sentence(attempt.edit.title)} in the {_name(doc)}" if "policy" not in attempt.edit.title else _sentence(attempt.edit.title)
    if attempt.outcome is not Outcome.ALLOWED:
        title += " (an alternative, undecided: AWS does not document the key for this request)"
    if in_stack and diff is None and remark:
        title += f" (no place in the template is certain: {remark})"
    return Fix(
        id="",
        title=title,
        kind=FILES.get(doc.target, "resource-property"),
        target=doc.arn,
        scope="template" if in_stack else "environment",
        disposition="safe" if attempt.verified else "risky",
        resolves=doc.checks,
        verified=attempt.verified,
        verification=Verification(attempt.outcomes, attempt.opened),
        document=after,
        diff=diff,
        commands=() if in_stack else put_policy(doc, after, style),
        statements=tuple(statement for statement in _statements(after) if statement not in _statements(doc.before or {})),
    )


def _statements(document: Mapping[str, JSON]) -> list[JSON]:
    found = document.get("Statement")
    return found if isinstance(found, list) else [found] if found else []


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]


def _name(doc: Document) -> str:
    return {Target.KEY: "key policy", Target.BUCKET: "bucket policy"}.get(doc.target, f"{doc.target} policy")


def _diff(doc: Document, after: Mapping[str, JSON], templates: Templates) -> tuple[str | None, str]:
    if doc.made_by is None or doc.before is None:
        return None, ""
    return templates.policy_diff(doc.made_by.stack_id, doc.made_by.logical_id, doc.before, after)


def put_policy(doc: Document, after: Mapping[str, JSON], style: CommandStyle) -> tuple[str, ...]:
    """The policy into a file by a heredoc, and the one aws command that puts it, in the Region where the resource lives."""
    region = doc.arn.split(":")[3]
    there = style.in_region(region) if region else style
    match doc.target:
        case Target.KEY:
            name = "key-policy.json"
            put = there.command("kms", "put-key-policy", "--key-id", doc.arn, "--policy-name", "default", "--policy", f"file://{name}")
        case Target.BUCKET:
            name = "bucket-policy.json"
            put = there.command("s3api", "put-bucket-policy", "--bucket", bucket_name(doc.arn), "--policy", f"file://{name}")
        case Target.TOPIC:
            name = "topic-policy.json"
            words = ("--topic-arn", doc.arn, "--attribute-name", "Policy", "--attribute-value", f"file://{name}")
            put = there.command("sns", "set-topic-attributes", *words)
        case _:
            return ()
    return (heredoc(name, json.dumps(after, indent=2)), put)


def heredoc(name: str, text: str) -> str:
    """A file written by the shell, its text taken literally; the end mark stands nowhere in the text."""
    mark = "EOF"
    while mark in text.split("\n"):
        mark += "_"
    return f"cat > {name} <<'{mark}'\n{text}\n{mark}"


__all__ = ["Document", "Origin", "PrincipalKind", "heredoc", "policy_fixes", "put_policy"]
