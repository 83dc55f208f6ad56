"""Each cause alone, with its evidence in every place it can be in, in every partition: it is found, exactly, and nothing else."""

from __future__ import annotations

import pytest

from incidents import judging, oracle
from incidents.account import PARTITIONS, Account, Where
from incidents.faults import FAULTS, Fault


def accounts(fault: Fault, partition: str) -> list[Account]:
    """The configurations a fault is tried in: one statement for all actions and one for each, unless the fault needs one of them.

    Both of them in one partition, the plain one in the others: a fault of a partition is no fault of the layout.
    """
    options = dict(fault.options)
    layouts = [options["merged"]] if "merged" in options else [False, True] if partition == "aws" else [False]
    return [Account(partition, merged=merged, bucket_key=options.get("bucket_key", False)) for merged in layouts]


CASES = [(fault, where) for fault in FAULTS.values() for where in fault.where]


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(
    ("fault", "where"), CASES, ids=lambda value: getattr(value, "name", value) if isinstance(value, Fault) else value.value
)
def test_a_single_fault_is_found_and_nothing_else(fault: Fault, where: Where, partition: str) -> None:
    for wording in fault.wordings:
        for account in accounts(fault, partition):
            wrongs = fault.make(account)
            found = judging.happened(account, where, wording)
            denied_by = fault.side if fault.denied_by == "" else fault.denied_by
            if wording == "both" and all(wrong.severity == "risk" for wrong in wrongs):
                denied_by = "s3-or-kms"
            said = judging.complaints(account, where, wrongs, found) + judging.verdict(found, wrongs, denied_by)
            assert said + judging.fixes(account, wrongs, found) == [], f"{wording} merged={account.merged}"


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_oracle_agrees_that_this_is_what_is_denied(fault: Fault, partition: str) -> None:
    for account in accounts(fault, partition):
        assert set(oracle.decisions(account).values()) == {"allowed"}, "what is spoilt was right before"
        wrongs = [wrong for wrong in fault.make(account) if wrong.denies]
        decisions = oracle.decisions(account) if account.key is None or not account.key.get("nowhere") else {}
        for wrong in wrongs:
            of_action = {decision for (action, _), decision in decisions.items() if action == wrong.denies}
            surely = wrong.severity == "cause" or wrong.denies == "kms:DescribeKey"
            assert ("denied" if surely else "open") in of_action
        if not wrongs and fault.site != "bucket:whole" and "aws" not in fault.name:
            assert set(decisions.values()) <= {"allowed"}, "the policies are right"
