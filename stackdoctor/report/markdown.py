"""Diagnosis → markdown for a ticket or a pull request; every text from AWS is escaped, also inside tables."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stackdoctor.model import Diagnosis, Finding, Fix, Severity
from stackdoctor.report.untrusted import block, fence, markdown, plain


def render(diagnosis: Diagnosis, *, verbose: bool = False) -> str:
    """The whole report; ends in a newline."""
    return "\n".join(_lines(diagnosis, verbose=verbose)) + "\n"


def _lines(diagnosis: Diagnosis, *, verbose: bool) -> Iterator[str]:
    stack = diagnosis.stack
    yield f"## {markdown(stack.name)}: {diagnosis.verdict} ({markdown(stack.status)})"
    yield f"\n{markdown(diagnosis.summary)}"
    if diagnosis.root_causes:
        yield "\n### Root cause\n"
        yield "| resource | type | time | denied by | confidence | AWS says |\n|---|---|---|---|---|---|"
        for cause in diagnosis.root_causes:
            event = cause.failure.event
            cells = (
                "/".join((*cause.failure.stack_path, event.logical_id)),
                event.resource_type,
                event.timestamp.isoformat() if event.timestamp else "",
                cause.denied_by or "",
                cause.confidence,
                event.told,
            )
            yield _row(cells)
    if diagnosis.blockers:
        yield "\n### In the way of the rollback\n"
        yield "| resource | type | status | AWS says |\n|---|---|---|---|"
        for blocker in diagnosis.blockers:
            event = blocker.event
            yield _row(("/".join((*blocker.stack_path, event.logical_id)), event.resource_type, event.status, event.reason or ""))
    for finding in diagnosis.findings:
        if finding.severity is not Severity.NOTE or verbose:
            yield from _finding(finding, diagnosis)
    for number, fix in enumerate(diagnosis.fixes, 1):
        yield from _fix(number, fix)
    if diagnosis.unread:
        yield "\n### Not read\n\n| what | error | needs | would decide |\n|---|---|---|---|"
        for row in diagnosis.unread:
            yield _row((row.what, row.error, ", ".join(row.needs), "yes" if row.would_decide else "no"))
    if diagnosis.recovery:
        yield "\n### Way out\n"
        for number, step in enumerate(diagnosis.recovery, 1):
            yield f"{number}. {markdown(step.title)}{' **(destroys data or resources)**' if step.destructive else ''}: {markdown(step.why)}"
            if step.command:
                yield _code(step.command, "sh", indent="   ")


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(markdown(str(cell)) for cell in cells) + " |"


def _finding(finding: Finding, diagnosis: Diagnosis) -> Iterator[str]:
    yield f"\n### {finding.severity}: {markdown(finding.title)}\n"
    yield f"{markdown(finding.explanation)}\n"
    yield f"On {markdown(finding.resource)} ({finding.origin}), check `{finding.check}`, {finding.confidence}."
    statement = diagnosis.quote(finding)
    if finding.statement and statement is not None:
        yield f"\nStatement {finding.statement.index}:\n"
        yield _code(json.dumps(statement, indent=2, ensure_ascii=False), "json")
    if finding.references:
        yield "\n" + " ".join(f"<{plain(page)}>" for page in finding.references if page.startswith("https://"))


def _fix(number: int, fix: Fix) -> Iterator[str]:
    proof = "verified on the evidence" if fix.verified else "not verified"
    yield f"\n### Fix {number}: {markdown(fix.title)} ({fix.scope}, {fix.disposition}, {proof})\n"
    if fix.verification:
        yield "| principal | action | resource | before | after |\n|---|---|---|---|---|"
        for request in fix.verification.requests:
            yield _row((request.principal, request.action, request.resource, request.before, request.after))
        yield ""
    if fix.diff is None and not fix.commands:
        yield from (_code(json.dumps(statement, indent=2, ensure_ascii=False), "json") for statement in fix.statements)
    if fix.diff:
        yield _code(fix.diff, "diff")
    for command in fix.commands:
        yield _code(command, "sh")


def _code(text: str, language: str, indent: str = "") -> str:
    safe = block(text).rstrip("\n")
    mark = fence(safe)
    return "\n".join(f"{indent}{line}" for line in (f"{mark}{language}", *safe.split("\n"), mark))
