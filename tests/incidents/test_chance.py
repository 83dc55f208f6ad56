"""Random policies: the report holds exactly as much as the oracle can prove, and its recommended fixes mend what it names."""

from __future__ import annotations

from typing import Any

import pytest

from incidents import judging, oracle
from incidents.account import Account, Where
from incidents.chance import random_account

BLOCKING = {"kms:GenerateDataKey", "kms:Decrypt", "s3:GetBucketAcl", "s3:PutObject"}


def wrong(account: Account, found: dict[str, Any]) -> list[str]:
    """What the report claims and the oracle does not, and the other way round."""
    decisions = oracle.decisions(account)
    out = []
    for side in ("kms", "s3"):
        mine = {action: decision for (action, _), decision in decisions.items() if action.startswith(side)}
        grave = [f for f in found["findings"] if f["service"] == side and f["check"] != "source-condition-present"]
        causes = [f for f in grave if f["severity"] == "cause"]
        denied = {action for action, decision in mine.items() if decision == "denied" and action in BLOCKING}
        if bool(causes) != bool(denied):
            out.append(f"{side}: denied {denied or 'nothing'}, causes {[f['check'] for f in causes]}")
        doubtful = {action for action, decision in mine.items() if decision == "open" or (decision == "denied" and action not in BLOCKING)}
        if doubtful and not causes and not [f for f in grave if f["severity"] == "risk"]:
            out.append(f"{side}: {doubtful} may be denied, and nothing says so")
        if not doubtful and not denied and [f for f in grave if f["severity"] in {"cause", "risk"}]:
            out.append(f"{side}: everything is allowed, yet {[(f['check'], f['severity']) for f in grave]}")
        out += _unmended(account, side, found, bool(doubtful or denied))
    return out


def _unmended(account: Account, side: str, found: dict[str, Any], needed: bool) -> list[str]:
    kind = "key-policy" if side == "kms" else "bucket-policy"
    offered = [f for f in found["fixes"] if f["kind"] == kind]
    if bool(offered) != needed:
        return [f"{side}: fixes {[f['title'] for f in offered]}, needed {needed}"]
    out = []
    for fix in (f for f in offered if f["verified"]):
        decided = {a.call.action: oracle.decide(account, a, fix["document"]) for a in oracle.calls(account) if a.side == side}
        out += [f"{fix['title']}: {action} is {decision}" for action, decision in decided.items() if decision != "allowed"]
        out += [f"{fix['title']} opens {what}" for what in oracle.opens(account, side, oracle.policy(account, side), fix["document"])]
    if offered and not offered[0]["verified"]:
        out.append(f"{side}: the first fix is not verified: {offered[0]['title']}")
    return out


@pytest.mark.parametrize("seed", range(150))
def test_random_policies_are_judged_as_the_oracle_judges_them(seed: int) -> None:
    account = random_account(seed)
    found = judging.happened(account, (Where.BESIDE, Where.KEPT, Where.GONE)[seed % 3], "both")
    assert wrong(account, found) == []
