"""Diagnosis → the text a tired person reads: one sentence, AWS's own words, the statement at fault, what to change,
what could not be read, the next command. The cascade and notes only when asked for (`verbose`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from stackdoctor.model import Diagnosis, Failure, Finding, Fix, RootCause, Severity, Verdict
from stackdoctor.report.table import aligned
from stackdoctor.report.untrusted import block, plain


@dataclass(frozen=True, slots=True)
class Style:
    """Whether to colour, and how much to say."""

    colour: bool = False
    verbose: bool = False
    quiet: bool = False

    def paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def head(self, text: str) -> str:
        return self.paint("1", text)


_VERDICT = {Verdict.HEALTHY: ("32", "HEALTHY"), Verdict.EXPLAINED: ("31", "EXPLAINED"), Verdict.UNEXPLAINED: ("33", "UNEXPLAINED")}
_SEVERITY = {Severity.CAUSE: ("31", "cause"), Severity.RISK: ("33", "risk"), Severity.NOTE: ("36", "note")}


def render(diagnosis: Diagnosis, style: Style) -> str:
    """The whole report; ends in a newline."""
    parts = [_headline(diagnosis, style)]
    if not style.quiet:
        parts += [
            *_causes(diagnosis, style),
            *_blockers(diagnosis, style),
            *_findings(diagnosis, style),
            *_attempts(diagnosis, style),
            *_fixes(diagnosis, style),
            *_opinions(diagnosis, style),
            *_unread(diagnosis, style),
            *_recovery(diagnosis, style),
            *(_details(diagnosis, style) if style.verbose else ()),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(diagnosis: Diagnosis, style: Style) -> str:
    code, word = _VERDICT[diagnosis.verdict]
    stack = diagnosis.stack
    where = f"{plain(stack.name)} ({plain(stack.status)}, {plain(stack.region) or 'Region unknown'})"
    return f"{style.paint(f'1;{code}', word)}  {where}\n{plain(diagnosis.summary)}"


def _when(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "time unknown"


def _causes(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    for cause in diagnosis.root_causes:
        yield "\n".join(_cause(cause, style))


def _cause(cause: RootCause, style: Style) -> Iterator[str]:
    failure = cause.failure
    event = failure.event
    yield style.head("Root cause") + f"  {_name(failure)}, {plain(event.status)} at {_when(event.timestamp)}"
    yield f'  AWS says: "{plain(event.told or "(no reason given)")}"'
    side = f"denied by {cause.denied_by}, " if cause.denied_by else ""
    again = f", the same in {failure.repeated} attempts" if failure.repeated > 1 else ""
    yield f"  {side}{cause.confidence}, category {failure.reason.category}{again}"
    if style.verbose:
        yield from (f"  evidence ({piece.source}): {plain(piece.text)}" for piece in cause.evidence)
        yield from (f"  followed: {plain(row.logical_id)} ({plain(row.resource_type)}): {plain(row.reason)}" for row in failure.cascade)


def _name(failure: Failure) -> str:
    path = "/".join((*failure.stack_path, failure.event.logical_id))
    return f"{plain(path)} ({plain(failure.event.resource_type)})"


def _blockers(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    if diagnosis.blockers:
        rows = [(_name(b), plain(b.event.status), f'"{plain(b.event.reason or "", 160)}"') for b in diagnosis.blockers]
        yield style.head("In the way of the rollback (not the cause)") + "\n" + _table(rows)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    table = aligned(rows)
    return "\n".join(f"  {line}".rstrip() for line in table.splitlines())


def _findings(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    for finding in diagnosis.findings:
        if finding.severity is not Severity.NOTE or style.verbose:
            yield "\n".join(_finding(finding, diagnosis, style))


def _finding(finding: Finding, diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    code, word = _SEVERITY[finding.severity]
    yield f"{style.paint(code, word)}  {style.head(plain(finding.title))}  [{finding.check}, {finding.confidence}]"
    yield f"  {plain(finding.explanation)}"
    yield f"  on {plain(finding.resource)} (policy from: {finding.origin})" if finding.statement else f"  on {plain(finding.resource)}"
    quoted = diagnosis.quote(finding)
    if finding.statement and quoted:
        sid = f' "{plain(finding.statement.sid)}"' if finding.statement.sid else ""
        yield f"  statement {finding.statement.index}{sid}:"
        yield from _quoted(quoted, finding, style)
    if style.verbose:
        yield from (f"  see {plain(page)}" for page in finding.references)


def _quoted(statement: object, finding: Finding, style: Style) -> Iterator[str]:
    """The statement, with an arrow at the clause that denies."""
    key = finding.clause.key.lower() if finding.clause else None
    for line in block(json.dumps(statement, indent=2, ensure_ascii=False), 4_000).split("\n"):
        at_fault = key is not None and line.strip().lower().startswith(f'"{key}"')
        yield style.paint("31", f"  > {line}   <-- here") if at_fault else f"    {line}"


def _attempts(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    if not diagnosis.compared:
        return
    lines = [style.head("Attempts compared") + f"  {plain(diagnosis.compared)}"]
    if style.verbose:
        rows = [
            (str(row.attempt), "; ".join(plain(text, 160) for text in row.changes) or "no change", "same" if row.same_failure else "other")
            for row in diagnosis.attempts
        ]
        table = aligned(rows, ("attempt", "changed before it", "failure"))
        lines += [f"  {line}".rstrip() for line in table.splitlines()]
    yield "\n".join(lines)


def _fixes(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    for number, fix in enumerate(diagnosis.fixes, 1):
        yield "\n".join(_fix(number, fix, style))


def _fix(number: int, fix: Fix, style: Style) -> Iterator[str]:
    proof = "verified on the evidence" if fix.verified else "not verified"
    yield style.head(f"Fix {number}: {plain(fix.title)}") + f"  [{fix.scope}, {fix.disposition}, {proof}]"
    if fix.verification and (style.verbose or not fix.verified):
        rows = [(plain(r.principal), plain(r.action), plain(r.resource, 90), f"{r.before} -> {r.after}") for r in fix.verification.requests]
        yield _table(rows)
    if fix.verification and not fix.verified and not style.verbose:
        return
    if fix.diff is None and not fix.commands:
        texts = (block(json.dumps(statement, indent=2, ensure_ascii=False)) for statement in fix.statements)
        yield from (f"    {line}" for text in texts for line in text.split("\n"))
    if fix.diff:
        yield from (f"    {_paint_diff(line, style)}" for line in block(fix.diff).rstrip("\n").split("\n"))
    yield from (
        f"  $ {line}" if not index else f"    {line}" for command in fix.commands for index, line in enumerate(block(command).split("\n"))
    )


def _paint_diff(line: str, style: Style) -> str:
    if line.startswith("+") and not line.startswith("+++"):
        return style.paint("32", line)
    return style.paint("31", line) if line.startswith("-") and not line.startswith("---") else line


def _opinions(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    if diagnosis.opinions:
        yield "\n".join((style.head("Access Analyzer says"), *(f"  {plain(line)}" for line in diagnosis.opinions)))


def _unread(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    rows = [u for u in diagnosis.unread if u.would_decide or style.verbose or u.needs]
    if rows:
        lines = [
            f"  {'! ' if row.would_decide else '  '}{plain(row.what)}: {plain(row.error, 300)}"
            + (f" (needs {', '.join(map(plain, row.needs))})" if row.needs else "")
            + (" - this would decide" if row.would_decide else "")
            for row in rows
        ]
        yield style.head("Not read") + "\n" + "\n".join(lines)


def _recovery(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    if not diagnosis.recovery:
        return
    lines = [style.head("Way out")]
    for number, step in enumerate(diagnosis.recovery, 1):
        mark = style.paint("31", "  (destroys data or resources)") if step.destructive else ""
        lines.append(f"  {number}. {plain(step.title)}{mark}")
        if style.verbose:
            lines.append(f"     {plain(step.why)}")
        lines += [
            f"     $ {line}" if not index else f"       {line}"
            for index, line in enumerate(block(step.command).split("\n"))
            if step.command
        ]
    yield "\n".join(lines)


def _details(diagnosis: Diagnosis, style: Style) -> Iterator[str]:
    rows = [(str(o.attempt), o.type.value, plain(o.status), _when(o.started_at), str(len(o.events))) for o in diagnosis.operations]
    if rows:
        head = aligned(rows, ("attempt", "operation", "status", "started", "events"))
        yield style.head("Operations") + "\n" + "\n".join(f"  {line}" for line in head.splitlines())
    if diagnosis.rejected:
        yield "\n".join((style.head("Tried and kept out"), *(f"  {plain(line)}" for line in diagnosis.rejected)))
    calls = diagnosis.calls
    yield f"{calls.total} API calls in {calls.rounds} rounds: " + ", ".join(
        f"{name} x{count}" for name, count in sorted(calls.by_operation.items())
    )
