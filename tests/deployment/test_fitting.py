"""What is too large for Step Functions is cut down or taken apart, and says so."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stackdoctor.scan import fitting
from stackdoctor.scan.fitting import LISTS

LIMIT = 4_000
HEAD = {"schema": "stackdoctor.scan/v1", "verdict": "problems", "summary": "s", "totals": {"places": 3}}


def row(number: int, length: int) -> dict[str, Any]:
    return {"id": number, "summary": "s" * 20, "diagnosis": {"text": "é" * length}, "findings": [], "fixes": []}


reports = st.fixed_dictionaries({name: st.lists(st.builds(row, st.integers(0, 9), st.integers(0, 900)), max_size=12) for name in LISTS})


@given(reports)
def test_the_parts_of_a_report_fit_and_add_up_to_it(lists: dict[str, Any]) -> None:
    parts = list(fitting.parts(HEAD | lists, LIMIT))
    for part in parts:
        assert fitting.size(part) <= LIMIT
        assert {k: v for k, v in part.items() if k not in LISTS} == HEAD
    for name in LISTS:
        together = [one for part in parts for one in part[name]]
        assert [one["id"] for one in together] == [one["id"] for one in lists[name]]
        for whole, shown in zip(lists[name], together, strict=True):
            assert shown == whole or (shown["diagnosis"] is None and "larger than" in shown["summary"])


def test_a_report_that_fits_is_one_part_and_itself() -> None:
    report = HEAD | {name: [row(1, 3)] for name in LISTS}
    assert list(fitting.parts(report, LIMIT)) == [report]


def problem(number: int, length: int, summary: int = 20) -> dict[str, Any]:
    return {"id": str(number), "summary": "s" * summary, "document": {"text": "x" * length}}


def missing(length: int) -> dict[str, Any]:
    return {"what": "w" * length, "error": "e", "needs": [], "would_decide": False}


@given(
    st.lists(st.builds(problem, st.integers(0, 99), st.integers(0, 3000), st.integers(0, 900)), max_size=14),
    st.lists(st.builds(missing, st.integers(0, 900)), max_size=9),
)
def test_one_place_always_fits_and_says_what_was_left_out(problems: list[dict[str, Any]], unread: list[dict[str, Any]]) -> None:
    document = {"schema": "stackdoctor.place/v1", "account": "1", "problems": problems, "unread": unread}
    fitted = fitting.place(document, LIMIT)
    assert fitting.size(fitted) <= LIMIT + 400
    lighter = any("left_out" in one["document"] for one in fitted["problems"])
    said = fitted["unread"][-1:] and "more rows" in fitted["unread"][-1]["what"]
    assert fitted == document or lighter or said
    assert said or len(problems) == len(fitted["problems"])


def test_the_largest_diagnosis_goes_first() -> None:
    document = {"problems": [problem(1, 100), problem(2, 5000), problem(3, 100)], "unread": []}
    kept = fitting.place(document, LIMIT)["problems"]
    assert ["left_out" in one["document"] for one in kept] == [False, True, False]


def test_a_diagnosis_loses_whole_members_and_names_them() -> None:
    document = {name: [{"x": "y" * 900}] * 2 for name in fitting.LONG} | {"schema": "s", "unread": []}
    fitted = fitting.diagnosis(document, LIMIT)
    gone = [name for name in fitting.LONG if document[name] and not fitted[name]]
    assert fitting.size(fitted) <= LIMIT + 600
    assert gone
    assert {f"{name} of this diagnosis" for name in gone} == {one["what"] for one in fitted["unread"]}


def test_a_message_is_cut_at_the_end_of_a_line() -> None:
    cut = fitting.message("one\ntwo\nthree\n", 9)
    assert cut.startswith("one\ntwo\n… (6 more")
    assert fitting.message("short\n", 9) == "short\n"
