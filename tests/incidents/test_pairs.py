"""Two faults at once: both are found, exactly, and nothing else; one edit of each document at fault mends both."""

from __future__ import annotations

import pytest

from incidents import judging
from incidents.decoys import DECOYS
from incidents.pairing import Pair, denied_by, pairs

SAMPLE = tuple(pairs(240, seed=20261125))
HARMLESS = [
    name for name, decoy in DECOYS.items() if name.startswith(("deny-insecure", "deny-outside", "deny-a-role", "duplicate", "a-large"))
]


@pytest.mark.parametrize("pair", SAMPLE, ids=lambda pair: pair.name)
def test_both_of_two_faults_are_found_and_nothing_else(pair: Pair) -> None:
    account, wrongs = pair.made()
    for wording in ("both", "bucket") if any(wrong.service == "s3" for wrong in wrongs) else ("both",):
        found = judging.happened(account, pair.where, wording)
        said = judging.complaints(account, pair.where, wrongs, found) + judging.verdict(found, wrongs, denied_by(wrongs, wording), wording)
        assert said + judging.fixes(account, wrongs, found) == [], f"{wording} {pair.partition} {pair.where} merged={pair.merged}"


@pytest.mark.parametrize("name", HARMLESS)
def test_a_fault_is_found_among_harmless_things(name: str) -> None:
    for pair in SAMPLE[:12]:
        account, wrongs = pair.made()
        if not isinstance(account.bucket_policy, dict) or account.key is None or pair.where not in DECOYS[name].where:
            continue
        DECOYS[name].make(account)
        found = judging.happened(account, pair.where, "both")
        assert judging.complaints(account, pair.where, wrongs, found) + judging.fixes(account, wrongs, found) == [], pair
