"""What looks like a cause and is none: no cause, no risk but the presence of aws:SourceArn, and never more than likely."""

from __future__ import annotations

from typing import Any

import pytest

from incidents import judging, oracle
from incidents.account import PARTITIONS, Account, Where
from incidents.decoys import DECOYS, Decoy

CASES = [(decoy, where) for decoy in DECOYS.values() for where in decoy.where]


def accounts(decoy: Decoy, partition: str) -> list[Account]:
    made = [Account(partition, merged=merged, **dict(decoy.options)) for merged in ((False, True) if partition == "aws" else (False,))]
    for account in made:
        decoy.make(account)
        assert set(oracle.decisions(account).values()) == {"allowed"}, "a decoy is harmless"
    return made


def without_sources(policy: Any) -> Any:
    """The policy without conditions on aws:SourceArn and aws:SourceAccount in its Allow statements."""
    if not isinstance(policy, dict):
        return policy
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    for statement in statements if policy else ():
        for keys in statement.get("Condition", {}).values() if statement["Effect"] == "Allow" else ():
            for key in [key for key in keys if key.lower() in {"aws:sourcearn", "aws:sourceaccount"}]:
                del keys[key]
        if "Condition" in statement:
            statement["Condition"] = {operator: keys for operator, keys in statement["Condition"].items() if keys}
            if not statement["Condition"]:
                del statement["Condition"]
    return policy


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(
    ("decoy", "where"), CASES, ids=lambda value: getattr(value, "name", value) if isinstance(value, Decoy) else value.value
)
def test_a_decoy_is_never_named(decoy: Decoy, where: Where, partition: str) -> None:
    for account in accounts(decoy, partition):
        found = judging.happened(account, where, "both")
        assert named(found) == ["source-condition-present"]
        [root] = found["root_causes"]
        assert (found["verdict"], root["confidence"], root["denied_by"]) == ("explained", "likely", "s3-or-kms")

        account.bucket_policy, account.key_policy = without_sources(account.bucket_policy), without_sources(account.key_policy)
        bare = judging.happened(account, where, "both")
        assert named(bare) == []
        [root] = bare["root_causes"]
        assert (bare["verdict"], root["confidence"], root["denied_by"]) == ("unexplained", "possible", "s3-or-kms")
        assert bare["fixes"] == []


def named(found: dict[str, Any]) -> list[str]:
    """Check ids of everything graver than a note; the presence of a source condition only ever as a risk."""
    grave = [f for f in found["findings"] if f["severity"] != "note"]
    assert all(f["severity"] == "risk" for f in grave), [(f["check"], f["title"]) for f in grave]
    return sorted({f["check"] for f in grave})
