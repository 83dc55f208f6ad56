"""Many accounts: complete whatever is wrong with some, in a stable order, in flat memory, at the speed the latency allows.

The whole size, 1,000 accounts in 3 Regions, takes a minute: `python -m pytest -m slow tests/scan`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scan.cloud import KINDS, Cloud, Seed, account_id
from scan.running import Ran, scan, steady

LISTINGS = 5
SIZES = [pytest.param(100, id="100-accounts"), pytest.param(1000, id="1000-accounts", marks=pytest.mark.slow)]


def expected(seeds: dict[str, Seed]) -> dict[str, set[tuple[str, str]]]:
    """Where the report must tell of what: by kind of seed, account and Region."""
    found: dict[str, set[tuple[str, str]]] = {kind: set() for kind in KINDS}
    for seed in seeds.values():
        found[seed.kind].add((seed.account, seed.region))
    return found


def where(rows: list[dict[str, Any]], **wanted: str) -> set[tuple[str, str]]:
    return {(row["account"], row["region"] or "") for row in rows if all(row[key] == value for key, value in wanted.items())}


@pytest.mark.parametrize("accounts", SIZES)
def test_complete_whatever_is_wrong_with_some(accounts: int, tmp_path: Path) -> None:
    with Cloud(accounts) as cloud:
        ran = scan(cloud.environment(), "--accounts", str(cloud.file(tmp_path)), "-o", "json")
        calls, wrong = cloud.calls(), expected(cloud.seeds())
        report = ran.report
        assert ran.code == 1
        assert where(report["problems"], kind="stack") == wrong["stuck-stack"]
        assert where(report["problems"], kind="trail") == wrong["denied-trail"]
        assert where(report["unread"]) == wrong["denied-read"] | wrong["no-role"]
        assert wrong["throttled"] <= where(report["places"], state="healthy")
        assert wrong["slow"] <= where(report["places"], state="healthy")
        assert report["totals"]["accounts"] == accounts
        assert len(report["places"]) == accounts * len(cloud.regions) - (len(cloud.regions) - 1) * len(wrong["no-role"])
        in_order = [account_id(number) for number in range(accounts)]
        assert list(dict.fromkeys(row["account"] for row in report["places"])) == in_order
        healthy: Counter[tuple[str, str]] = Counter()
        for (account, region, _), number in calls.items():
            if account in in_order and account not in cloud.seeds():
                healthy[account, region] += number
        assert set(healthy.values()) == {LISTINGS}, "calls per healthy account and Region"


def test_the_order_is_the_same_however_many_work(tmp_path: Path) -> None:
    with Cloud(12, wrong=0.3, trouble=0.3, seed=3) as cloud:
        accounts = str(cloud.file(tmp_path))
        one, many = (scan(cloud.environment(), "--accounts", accounts, "-o", "json", "--workers", n) for n in ("1", "32"))
        assert steady(one.report) == steady(many.report)


def test_a_line_for_each_place_in_order_and_then_the_summary(tmp_path: Path) -> None:
    with Cloud(12, wrong=0.3, trouble=0.2, seed=3) as cloud:
        ran = scan(cloud.environment(), "--accounts", str(cloud.file(tmp_path)), "-o", "jsonl")
        lines = [json.loads(line) for line in ran.out.splitlines()]
        assert [line["type"] for line in lines] == ["place"] * (len(lines) - 1) + ["summary"]
        accounts = [line["account"] for line in lines[:-1]]
        assert accounts == sorted(accounts)
        whole = scan(cloud.environment(), "--accounts", str(cloud.file(tmp_path)), "-o", "json").report
        problems = [problem for line in lines[:-1] for problem in line["problems"]]
        assert sorted(problem["id"] for problem in problems) == sorted(problem["id"] for problem in whole["problems"])
        assert steady(lines[-1])["totals"] == whole["totals"]


def test_clients_are_shared_by_all_accounts(tmp_path: Path) -> None:
    """One a service and Region, and three of the account the scan starts from: CloudFormation to open it, STS to ask and to assume."""
    with Cloud(20, wrong=0, trouble=0) as cloud:
        ran = scan(cloud.environment(), "--accounts", str(cloud.file(tmp_path)), "-v")
        made, assumed = (int(found) for found in (_said(r"(\d+) clients made", ran), _said(r"(\d+) roles assumed", ran)))
        assert assumed == 20
        assert made <= LISTINGS * len(cloud.regions) + 3


def _said(pattern: str, ran: Ran) -> str:
    found = re.search(pattern, ran.err)
    assert found, ran.err
    return found[1]


# --------------------------------------------------------------------------------------------------- memory and throughput
def peak(cloud: Cloud, folder: Path) -> int:
    """Kilobytes of resident memory that one scan took at most."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False);"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    words = [sys.executable, "-m", "stackdoctor", "scan", "--accounts", str(cloud.file(folder)), "-o", "json"]
    return int(
        subprocess.run([sys.executable, "-c", code, *words], env=cloud.environment(), capture_output=True, text=True, check=True).stdout
    )


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    with Cloud(100) as few, Cloud(1000) as many:
        small, large = peak(few, tmp_path), peak(many, tmp_path)
        print(f"\npeak memory: {small / 1024:.0f} MB of 100 accounts, {large / 1024:.0f} MB of 1,000")
        assert large < small * 1.2


@pytest.mark.slow
def test_throughput_is_what_the_latency_allows(tmp_path: Path) -> None:
    """Within 20 % of calls × latency ÷ workers, the making of clients apart."""
    latency, workers = 0.05, 8
    with Cloud(200, latency=latency, trouble=0) as cloud:
        ran = scan(cloud.environment(), "--accounts", str(cloud.file(tmp_path)), "-v", "--workers", str(workers))
        calls = sum(cloud.calls().values())
        took, making = float(_said(r"in ([\d.]+) s;", ran)), float(_said(r"in ([\d.]+) s of CPU", ran))
        allowed = calls * latency / workers
        print(f"\n{calls} calls: {allowed:.1f} s allowed, {took:.1f} s taken, of which {making:.2f} s of CPU made clients")
        assert took - making < allowed * 1.2
