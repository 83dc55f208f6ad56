"""AWS's own opinion of a corrected policy: Access Analyzer's ValidatePolicy, asked only with --confirm-with-aws.

It is free, needs access-analyzer:ValidatePolicy and no analyzer, and reads nothing of the account; its findings are quoted.
https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial

from stackdoctor.model import Fix, Unread
from stackdoctor.reader import Call, Reader, ReadError

COST = "ValidatePolicy is free of charge; it needs access-analyzer:ValidatePolicy and sends the corrected policy's text to AWS."
KINDS = {"bucket-policy": {"validatePolicyResourceType": "AWS::S3::Bucket"}, "key-policy": {}}


def opinions(reader: Reader, fixes: Iterable[Fix]) -> tuple[tuple[str, ...], tuple[Unread, ...]]:
    """What Access Analyzer says of each verified corrected policy, one line a finding, and what it could not be asked."""
    asked = [fix for fix in fixes if fix.kind in KINDS and fix.document is not None and fix.verified]
    said: list[str] = []
    unread: list[Unread] = []
    for fix, answer in zip(asked, reader.gather(*(partial(_ask, reader, fix) for fix in asked)), strict=True):
        if isinstance(answer, Unread):
            unread.append(answer)
        else:
            said += [f"{fix.id}: {line}" for line in answer] or [f"{fix.id}: no finding"]
    return tuple(said), tuple(dict.fromkeys(unread))


def _ask(reader: Reader, fix: Fix) -> list[str] | Unread:
    params = {"policyDocument": json.dumps(fix.document), "policyType": "RESOURCE_POLICY", **KINDS[fix.kind]}
    try:
        answer = reader.read(Call("accessanalyzer", "ValidatePolicy", reader.region, params))
    except ReadError as error:
        return Unread("Access Analyzer's opinion of the corrected policy", f"{error.code}: {error.message}", error.needs)
    return list(_lines(answer.get("findings", [])))


def _lines(findings: Iterable[dict[str, object]]) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.get('findingType', '?')} {finding.get('issueCode', '')}: {finding.get('findingDetails', '')}"
