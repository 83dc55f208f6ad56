"""A short turn of the fuzzer; `python tests/robustness/fuzz.py 3600` is a long one, and .ci/run takes a minute."""

from __future__ import annotations

import os

from robustness.fuzz import fuzz


def test_mangled_documents_folders_and_policies() -> None:
    count = fuzz(float(os.environ.get("STACKDOCTOR_FUZZ_SECONDS", "15")))
    assert count.inputs > 100
    assert len(count.codes) >= 3, "inputs that are all refused at the door prove nothing"
