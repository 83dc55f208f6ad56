"""Stacks that a real engine deployed, failed and rolled back are collected, kept and replayed alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import deploy
from lab.incidents import BY_NAME, happen
from lab.ministack_server import MiniStack

from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.settings import Settings
from stackdoctor.collect import collect
from stackdoctor.model import Found
from stackdoctor.recording import FolderReader, Saver, SavingReader
from stackdoctor.redact import Redactor
from stackdoctor.timeline import operations

pytestmark = pytest.mark.engine


@pytest.fixture
def reader(empty_ministack: MiniStack, monkeypatch: pytest.MonkeyPatch) -> LiveReader:
    for name, value in empty_ministack.environment().items():
        monkeypatch.setenv(name, value)
    return LiveReader(Settings(region="us-east-1", endpoint_url=empty_ministack.url, timeout=30))


def test_four_tries_of_one_stack_are_one_stack_and_three_earlier_ones(empty_ministack: MiniStack, reader: LiveReader) -> None:
    cfn = empty_ministack.client("cloudformation")
    for attempt in range(4):
        happen(empty_ministack, BY_NAME["no-acl-check"], "audit")
        if attempt < 3:
            assert deploy.delete(cfn, "audit") == "DELETE_FAILED"
            assert deploy.delete(cfn, "audit", RetainResources=["AuditedDatabase"]) == "DELETE_COMPLETE"
    history = collect(reader, "audit")
    assert [stack.stack.name for stack in history.earlier] == ["audit"] * 3
    assert len({stack.stack.id for stack in (history, *history.earlier)}) == 4
    assert isinstance(history.template, Found)
    assert history.unread == ()
    assert reader.calls.rounds == 2


def test_a_nested_failure_is_kept_redacted_and_replayed(empty_ministack: MiniStack, reader: LiveReader, tmp_path: Path) -> None:
    happen(empty_ministack, BY_NAME["nested-child-fails"], "audit")
    redactor = Redactor()
    saver = Saver(tmp_path / "kept", stack="audit", region="us-east-1", redactor=redactor)
    live = collect(SavingReader(reader, saver), "audit")
    saver.finish()
    replay = FolderReader(tmp_path / "kept")
    again = collect(replay, replay.stack)
    assert again.stack.id == redactor.text(live.stack.id) != live.stack.id
    assert [child.stack.id for child in again.children] == [redactor.text(child.stack.id) for child in live.children]
    assert len(again.children) == 1
    assert [(one.type, one.status) for one in operations(again)] == [(one.type, one.status) for one in operations(live)]
    assert live.stack.account not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert replay.calls == reader.calls
