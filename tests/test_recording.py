"""Evidence is kept private, whole and inside its folder, replays to the same answers, and is not trusted when read."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackdoctor import hostile
from stackdoctor.collect import collect
from stackdoctor.errors import BadEvidence, CannotRun, StackdoctorError, StackNotFound, UsageError
from stackdoctor.events_file import EventsReader, inferred_status
from stackdoctor.reader import Call, ErrorKind, ReadError
from stackdoctor.recording import SCHEMA, FolderReader, Saver, SavingReader, file_name
from stackdoctor.redact import Redactor

ARN = "arn:aws:cloudformation:eu-west-1:111122223333:stack/audit/0a1b"
CHILD = "arn:aws:cloudformation:eu-west-1:111122223333:stack/audit-Child-1XYZ/0c2d"
STACK = "AWS::CloudFormation::Stack"
POLICY = Call("kms", "GetKeyPolicy", "eu-west-1", {"KeyId": "k", "PolicyName": "default"})


def describe(stack: str = "audit") -> Call:
    return Call("cloudformation", "DescribeStacks", "eu-west-1", {"StackName": stack})


def row(logical: str, status: str, second: int, kind: str = STACK, stack: str = ARN, **more: Any) -> dict[str, Any]:
    own = {"PhysicalResourceId": stack} if kind == STACK else {}
    name = stack.split("/")[1]
    made = {"StackId": stack, "StackName": name, "EventId": f"{name}-{second}", "LogicalResourceId": logical, "ResourceType": kind}
    return {**made, "ResourceStatus": status, "Timestamp": f"2026-11-20T10:00:{second:02}.000Z", **own, **more}


EVENTS = [
    row("audit", "ROLLBACK_COMPLETE", 4),
    row("audit", "ROLLBACK_IN_PROGRESS", 3),
    row("Trail", "CREATE_FAILED", 2, "AWS::CloudTrail::Trail", ResourceStatusReason="Insufficient permissions"),
    row("audit", "CREATE_IN_PROGRESS", 1),
]


# ------------------------------------------------------------------------------------------------------------- saving
def test_what_was_kept_replays_to_the_same_answer_and_the_same_error(tmp_path: Path) -> None:
    saver = Saver(tmp_path / "kept", stack="audit", region="eu-west-1")
    saver.keep(describe(), {"Stacks": [{"StackName": "audit", "StackId": ARN, "StackStatus": "ROLLBACK_FAILED"}]})
    saver.keep(POLICY, ReadError(POLICY, ErrorKind.DENIED, "AccessDeniedException", "no", ["kms:GetKeyPolicy"]))

    reader = FolderReader(tmp_path / "kept")

    assert (reader.stack, reader.region) == ("audit", "eu-west-1")
    assert reader.read(describe())["Stacks"][0]["StackStatus"] == "ROLLBACK_FAILED"
    assert reader.read(describe(ARN))["Stacks"][0]["StackName"] == "audit"
    with pytest.raises(ReadError) as denied:
        reader.read(POLICY)
    assert (denied.value.kind, denied.value.code, denied.value.needs) == (ErrorKind.DENIED, "AccessDeniedException", ("kms:GetKeyPolicy",))
    assert reader.calls.by_operation == {"cloudformation:DescribeStacks": 2, "kms:GetKeyPolicy": 1}


def test_a_call_that_was_not_kept_names_the_permission_it_would_need(tmp_path: Path) -> None:
    Saver(tmp_path / "kept")
    with pytest.raises(ReadError) as missing:
        FolderReader(tmp_path / "kept").read(POLICY)
    assert (missing.value.kind, missing.value.needs) == (ErrorKind.NOT_KEPT, ("kms:GetKeyPolicy",))


def test_files_are_private_and_nothing_half_written_stays(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        saver = Saver(tmp_path / "kept")
        saver.keep(describe(), {"Stacks": []})
    finally:
        os.umask(old)
    modes = {p.relative_to(tmp_path).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert modes == {"kept": 0o700, "kept/index.json": 0o600, "kept/cloudformation": 0o700, f"kept/{file_name(describe())}": 0o600}


def test_the_same_call_has_the_same_name_whatever_the_order_of_its_parameters() -> None:
    one = Call("kms", "GetKeyPolicy", "eu-west-1", {"KeyId": "k", "PolicyName": "default"})
    other = Call("kms", "GetKeyPolicy", "eu-west-1", {"PolicyName": "default", "KeyId": "k"})
    assert file_name(one) == file_name(other) != file_name(Call("kms", "GetKeyPolicy", "eu-west-2", one.params))


def test_a_second_run_into_the_same_folder_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    Saver(tmp_path / "kept").keep(POLICY, {"Policy": "{}"})
    (tmp_path / "kept" / "fixes").mkdir()
    (tmp_path / "kept" / "fixes" / "mine.json").write_text("{}")
    Saver(tmp_path / "kept").keep(describe(), {"Stacks": []})
    assert sorted(p.name for p in (tmp_path / "kept").rglob("*.json")) == sorted(
        [file_name(describe()).split("/")[1], "index.json", "mine.json"]
    )


@pytest.mark.parametrize("name", ["../x.json", "/etc/x", "a/../../x", "a//x", "a\\..\\x", "", "C:x", "a/./x", "x\0y"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    saver = Saver(tmp_path / "kept")
    with pytest.raises(BadEvidence, match="refused"):
        saver.write(name, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    saver = Saver(tmp_path / "kept")
    (tmp_path / "kept" / "kms").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadEvidence, match="link"):
        saver.keep(POLICY, {"Policy": "{}"})
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadEvidence, match="link"):
        Saver(tmp_path / "link")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("content", ["photos", '{"schema": "another/v1"}', "[]"])
def test_a_folder_with_other_things_in_it_is_refused_and_untouched(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(CannotRun, match="not empty"):
        Saver(tmp_path)
    assert (tmp_path / "index.json").read_text() == content


def test_a_file_where_the_folder_should_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    with pytest.raises(CannotRun, match="not a folder"):
        Saver(tmp_path / "kept")
    with pytest.raises(CannotRun, match="cannot keep evidence"):
        Saver(tmp_path / "kept" / "deeper")


def test_a_saving_reader_gives_and_keeps_the_same_without_secrets(tmp_path: Path) -> None:
    class Live:
        region = "eu-west-1"

        def read(self, call: Call) -> dict[str, Any]:
            if call.service == "kms":
                raise ReadError(call, ErrorKind.DENIED, "AccessDenied", "key AKIAIOSFODNN7EXAMPLE may not")
            return {"Stacks": [{"StackName": "audit", "Parameters": [{"ParameterKey": "P", "ParameterValue": "hunter2"}]}]}

        def gather(self, *tasks: Any) -> list[Any]:
            return [task() for task in tasks]

        calls: Any = None

    reader = SavingReader(Live(), Saver(tmp_path / "kept"))
    answer = reader.read(describe())
    with pytest.raises(ReadError) as denied:
        reader.read(POLICY)
    assert "AKIA" not in str(denied.value) + denied.value.message
    assert answer["Stacks"][0]["Parameters"][0] == {"ParameterKey": "P", "ParameterValue": "****"}
    assert FolderReader(tmp_path / "kept").read(describe()) == answer
    everything = "".join(p.read_text() for p in tmp_path.rglob("*.json"))
    assert "hunter2" not in everything
    assert "AKIA" not in everything


def test_redacted_evidence_leaves_nothing_behind_and_replays(tmp_path: Path) -> None:
    redactor = Redactor()
    saver = Saver(tmp_path / "kept", stack=ARN, region="eu-west-1", redactor=redactor)
    saver.keep(describe(ARN), {"Stacks": [{"StackName": "audit", "StackId": ARN, "Tags": [{"Key": "team", "Value": "asked jane.doe"}]}]})
    reason = "User: arn:aws:sts::111122223333:assumed-role/Admin/jane.doe is not authorized (Principal: jane@corp.com)"
    saver.keep(
        Call("cloudformation", "DescribeStackEvents", "eu-west-1", {"StackName": ARN}),
        {"StackEvents": [{**EVENTS[2], "ResourceStatusReason": reason}]},
    )
    saver.finish()

    everything = "".join(p.name + p.read_text() for p in tmp_path.rglob("*.json"))
    assert not [left for left in ("111122223333", "jane", "corp.com") if left in everything]
    reader = FolderReader(tmp_path / "kept")
    assert reader.stack == redactor.text(ARN) != ARN
    assert reader.read(describe(reader.stack))["Stacks"][0]["StackId"] == reader.stack


# ------------------------------------------------------------------------------------------------------ hostile folders
def evidence(folder: Path, files: dict[str, str | bytes]) -> Path:
    folder.mkdir()
    (folder / "index.json").write_text(json.dumps({"schema": SCHEMA, "stack": "audit", "region": "eu-west-1"}))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def kept(answer: Any, **call: Any) -> str:
    return json.dumps(
        {"call": {"service": "kms", "operation": "GetKeyPolicy", "region": "eu-west-1", "params": {}, **call}, "answer": answer}
    )


HOSTILE: dict[str, tuple[dict[str, str | bytes], str]] = {
    "not JSON": ({"kms/a.json": "{"}, "kms/a.json"),
    "empty": ({"kms/a.json": ""}, "kms/a.json: empty"),
    "two documents": ({"kms/a.json": kept({}) * 2}, "kms/a.json: more than one"),
    "not UTF-8": ({"kms/a.json": b"\xff\x00\xfe{}"}, "kms/a.json: not UTF-8 text at byte 0"),
    "deep": ({"kms/a.json": kept({"a": json.loads("[" * 120 + "]" * 120)})}, "kms/a.json: deeper than 100"),
    "deep beyond the parser": ({"kms/a.json": "[" * 100_000 + "]" * 100_000}, "kms/a.json: not the JSON .*deeper"),
    "a number without end": ({"kms/a.json": '{"a": ' + "9" * 10_000 + "}"}, "kms/a.json.*too long"),
    "NaN": ({"kms/a.json": '{"a": NaN}'}, "kms/a.json.*NaN"),
    "a list": ({"kms/a.json": "[]"}, "kms/a.json: no kept call"),
    "no call": ({"kms/a.json": '{"answer": {}}'}, "kms/a.json: no kept call"),
    "neither answer nor error": ({"kms/a.json": kept(None)}, "kms/a.json.*either"),
    "call of a wrong type": ({"kms/a.json": kept({}, params=[])}, r"kms/a.json: call.params .*object"),
    "answer of a wrong type": ({"kms/a.json": kept([])}, "kms/a.json: answer .*object"),
    "policy of a wrong type": ({"kms/a.json": kept({"Policy": 5})}, "kms/a.json: answer.Policy .*text"),
    "row of a wrong type": (
        {"cloudformation/a.json": kept({"StackEvents": [{}, {"StackId": []}]}, service="cloudformation", operation="DescribeStackEvents")},
        r"cloudformation/a.json: answer.StackEvents\[1\].StackId",
    ),
    "null among the rows": (
        {"cloudformation/a.json": kept({"StackEvents": [None]}, service="cloudformation", operation="DescribeStackEvents")},
        r"cloudformation/a.json: answer.StackEvents\[0\]",
    ),
    "unknown kind of error": (
        {"kms/a.json": json.dumps({"call": {"service": "kms"}, "error": {"kind": "magic"}})},
        "kms/a.json: 'magic'",
    ),
    "a path for a service": ({"kms/a.json": kept({}, service="../../etc")}, "kms/a.json.*another service"),
    "one call twice": ({"kms/a.json": kept({}), "kms/b.json": kept({"Policy": "{}"})}, "kms/b.json.*another file"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_evidence_is_refused_with_the_file_s_name(tmp_path: Path, case: str) -> None:
    files, said = HOSTILE[case]
    with pytest.raises(BadEvidence, match=said) as refused:
        FolderReader(evidence(tmp_path / "kept", files))
    assert refused.value.exit_code == 4
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("where", ["kms", "kms/a.json", "index.json"])
def test_links_in_the_evidence_are_refused(tmp_path: Path, where: str) -> None:
    outside = evidence(tmp_path / "outside", {"kms/a.json": kept({})})
    folder = evidence(tmp_path / "kept", {"s3/a.json": kept({}, service="s3")})
    path = folder / where
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside / where)
    with pytest.raises(BadEvidence, match=f"{where}: refused"):
        FolderReader(folder)


def test_too_large_files_are_refused_without_being_read(tmp_path: Path) -> None:
    folder = evidence(tmp_path / "kept", {"kms/a.json": "{}"})
    with (folder / "kms" / "a.json").open("r+b") as file:
        file.truncate(10 * 2**40)
    with pytest.raises(BadEvidence, match=r"kms/a.json: larger than 64 MB"):
        FolderReader(folder)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackdoctor.recording.MAX_FILES", 2)
    files: dict[str, str | bytes] = {f"kms/{n}.json": kept({}, params={"n": n}) for n in range(3)}
    with pytest.raises(BadEvidence, match="more than 2 files"):
        FolderReader(evidence(tmp_path / "kept", files))


def test_a_device_or_pipe_in_the_evidence_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    folder = evidence(tmp_path / "kept", {"kms/a.json": kept({})})
    os.mkfifo(folder / "kms" / "b.json")
    with pytest.raises(BadEvidence, match=r"b\.json: not a file"):
        FolderReader(folder)


@pytest.mark.parametrize("index", [None, "{}", "[]", '{"schema": "stackdoctor.evidence/v2"}', '{"schema": 1}', "5"])
def test_a_folder_that_is_no_evidence_is_named(tmp_path: Path, index: str | None) -> None:
    if index is not None:
        (tmp_path / "index.json").write_text(index)
    with pytest.raises(BadEvidence, match=r"index\.json"):
        FolderReader(tmp_path)


def test_a_byte_order_mark_and_other_files_do_no_harm(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "kms/a.json": b"\xef\xbb\xbf" + kept({"Policy": "{}"}).encode(),
        "fixes/x.json": "{",
        "README.md": "x",
        "kms/.b.json": "{",
    }
    reader = FolderReader(evidence(tmp_path / "kept", files))
    assert reader.read(Call("kms", "GetKeyPolicy", "eu-west-1", {})) == {"Policy": "{}"}


# ----------------------------------------------------------------------------------------------------- events documents
def document(*rows: dict[str, Any]) -> str:
    return json.dumps({"StackEvents": list(rows)})


WRITTEN = {
    "as printed": document(*EVENTS),
    "a bare list": json.dumps(EVENTS),
    "JSON lines": "\n".join(map(json.dumps, EVENTS)),
    "pages after one another": document(*EVENTS[:2]) + document(*EVENTS[2:]),
    "a page with its token": json.dumps({"StackEvents": EVENTS, "NextToken": "x"}),
    "with a byte order mark and CRLF": "\ufeff" + json.dumps({"StackEvents": EVENTS}, indent=4).replace("\n", "\r\n"),
    "as PowerShell's bytes": document(*EVENTS).encode("utf-16"),
    "oldest first": json.dumps(EVENTS[::-1]),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_an_events_document_is_read_however_it_was_printed(how: str) -> None:
    reader = EventsReader(WRITTEN[how], name="events.json")
    assert (reader.stack, reader.region) == (ARN, "eu-west-1")
    assert reader.read(describe("audit"))["Stacks"] == [{"StackName": "audit", "StackId": ARN, "StackStatus": "ROLLBACK_COMPLETE"}]
    answer = reader.read(Call("cloudformation", "DescribeStackEvents", "", {"StackName": ARN}))
    assert sorted(event["EventId"] for event in answer["StackEvents"]) == ["audit-1", "audit-2", "audit-3", "audit-4"]
    assert reader.calls.total == 0


def test_everything_else_was_not_kept() -> None:
    with pytest.raises(ReadError) as missing:
        EventsReader(document(*EVENTS)).read(POLICY)
    assert (missing.value.kind, missing.value.needs) == (ErrorKind.NOT_KEPT, ("kms:GetKeyPolicy",))


def test_nested_stacks_in_one_document_answer_to_their_own_id() -> None:
    nested = row("Child", "CREATE_FAILED", 2, STACK, ARN, PhysicalResourceId=CHILD)
    inner = [row("Bucket", "CREATE_FAILED", 1, "AWS::S3::Bucket", CHILD), row("audit-Child-1XYZ", "CREATE_IN_PROGRESS", 0, STACK, CHILD)]
    reader = EventsReader(document(*inner, nested, *EVENTS))
    assert reader.stack == ARN
    answer = reader.read(Call("cloudformation", "DescribeStackEvents", "", {"StackName": CHILD}))
    assert [event["LogicalResourceId"] for event in answer["StackEvents"]] == ["Bucket", "audit-Child-1XYZ"]


def test_an_earlier_stack_of_the_name_is_listed_as_deleted() -> None:
    old = ARN[:-1] + "old"
    reader = EventsReader(document(*EVENTS, row("audit", "DELETE_COMPLETE", 0, STACK, old)))
    listed = reader.read(Call("cloudformation", "ListStacks", "", {"StackStatusFilter": ["DELETE_COMPLETE"]}))["StackSummaries"]
    assert reader.stack == ARN
    assert [(stack["StackId"], stack["DeletionTime"]) for stack in listed] == [(old, "2026-11-20T10:00:00+00:00")]


def test_two_unrelated_stacks_ask_which_one() -> None:
    other = "arn:aws:cloudformation:eu-west-1:111122223333:stack/other/1"
    text = document(*EVENTS, row("other", "CREATE_COMPLETE", 1, STACK, other))
    with pytest.raises(UsageError, match="several stacks: audit, other"):
        EventsReader(text)
    assert EventsReader(text, "other").stack == other
    with pytest.raises(StackNotFound, match="audit"):
        EventsReader(text, "audti")


def test_rows_without_ids_times_and_names_still_tell_the_stack() -> None:
    bare = [
        {"LogicalResourceId": e["LogicalResourceId"], "ResourceType": e["ResourceType"], "ResourceStatus": e["ResourceStatus"]}
        for e in EVENTS
    ]
    reader = EventsReader(json.dumps(bare))
    assert reader.stack == "audit"
    assert reader.read(describe())["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"


def test_the_status_of_a_listing_without_the_stack_s_own_rows_is_inferred() -> None:
    def of(*statuses: str) -> str:
        rows = [
            {"LogicalResourceId": f"R{n}", "ResourceType": "AWS::S3::Bucket", "ResourceStatus": status} for n, status in enumerate(statuses)
        ]
        stacks = EventsReader(json.dumps(rows), "audit").read(describe())["Stacks"]
        return str(stacks[0]["StackStatus"])

    assert of("CREATE_FAILED", "CREATE_IN_PROGRESS") == "CREATE_FAILED"
    assert of("DELETE_FAILED", "UPDATE_FAILED", "UPDATE_IN_PROGRESS") == "UPDATE_ROLLBACK_FAILED"
    assert of("DELETE_FAILED", "DELETE_IN_PROGRESS") == "DELETE_FAILED"
    assert of("CREATE_COMPLETE", "CREATE_IN_PROGRESS") == "CREATE_COMPLETE"
    assert inferred_status([]) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "events.json: holds no stack events"),
        ('{"StackEvents": []}', "events.json: holds no stack events"),
        ("An error occurred (ValidationError)", "events.json: not the JSON.*line 1, column 1"),
        ('{"StackEvents": [\n{"StackId": }]}', "events.json: not the JSON.*line 2, column 13"),
        ('{"Stacks": []}', "events.json: the document has no StackEvents"),
        ('{"StackEvents": {}}', "events.json: StackEvents .*a list"),
        ('{"StackEvents": [1]}', r"events.json: StackEvents\[0\] .*object"),
        ('[{"LogicalResourceId": "A"}, {"Timestamp": {}}]', r"events.json: StackEvents\[1\].Timestamp"),
        (document(EVENTS[0]) + '[{"StackId": 7}]', r"events.json: document 2.StackEvents\[0\].StackId"),
        ("7", "events.json: the document .*object"),
        ("null", "events.json: the document is no object"),
        ("[" * 5000, "events.json: not the JSON"),
        (b"\x80abc", "events.json: not UTF-8"),
    ],
)
def test_a_malformed_document_is_refused_with_file_and_place(text: str | bytes, said: str) -> None:
    with pytest.raises(BadEvidence, match=said):
        EventsReader(text, "audit", "events.json")


def test_secrets_in_the_document_go_before_anybody_sees_them() -> None:
    properties = json.dumps({"MasterUserPassword": "hunter2", "KmsKeyId": "k"})
    text = document(*EVENTS, row("Db", "CREATE_COMPLETE", 1, "AWS::RDS::DBInstance", ResourceProperties=properties))
    answer = EventsReader(text).read(Call("cloudformation", "DescribeStackEvents", "", {"StackName": "audit"}))
    assert json.loads(answer["StackEvents"][-1]["ResourceProperties"]) == {"MasterUserPassword": "****", "KmsKeyId": "k"}


def test_every_operation_that_may_be_called_has_a_known_shape() -> None:
    from stackdoctor.permissions import OPERATIONS

    never_kept = {"s3:GetObject"}  # of the scan's reducer, which keeps nothing
    unknown = {name for name in OPERATIONS if name.startswith(("cloudformation:", "s3:Get", "kms:"))} - set(hostile.SHAPES) - never_kept
    assert unknown <= {"cloudformation:DescribeStackResources", "s3:GetBucketVersioning", "s3:GetObjectLockConfiguration"}


def test_a_hundred_thousand_events_are_read_in_seconds() -> None:
    properties = json.dumps({"BucketName": "b" * 100, "Tags": [{"Key": "k", "Value": "v"}]})
    rows = [
        row(f"R{n % 500}", "UPDATE_COMPLETE", n % 60, "AWS::S3::Bucket", EventId=f"e{n}", ResourceProperties=properties)
        for n in range(100_000)
    ]
    text = document(EVENTS[0], *rows, EVENTS[-1])
    start = time.process_time()
    reader = EventsReader(text)
    assert time.process_time() - start < 4  # about 1 s on an idle machine
    assert reader.stack == ARN


STATUSES = [
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_FAILED",
    "DELETE_FAILED",
    "UPDATE_FAILED",
    "NEW_STATUS",
    "",
    "REVIEW_IN_PROGRESS",
]
VALUES = {
    "StackId": st.sampled_from([ARN, CHILD, "", "arn:aws:cloudformation:x:1:stack/", "no arn"]),
    "StackName": st.sampled_from(["audit", "audit-Child-1XYZ", ""]),
    "EventId": st.text(max_size=3),
    "LogicalResourceId": st.sampled_from(["audit", "Child", "Trail", "\u001b[31m", ""]),
    "PhysicalResourceId": st.sampled_from([ARN, CHILD, ""]),
    "ResourceType": st.sampled_from([STACK, "AWS::CloudTrail::Trail", ""]),
    "ResourceStatus": st.sampled_from(STATUSES),
    "ResourceStatusReason": st.text(max_size=20),
    "Timestamp": st.sampled_from(["2026-11-20T10:00:00Z", "2026-11-20", "10:00", "yesterday", "9999-99-99", 1e300, -1, 1732600000]),
    "OperationId": st.sampled_from(["op", ""]),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()}), max_size=8)


@given(ROWS, st.none() | st.sampled_from(["audit", ARN, CHILD, "else"]))
def test_whatever_the_rows_say_it_is_a_history_or_one_clear_error(rows: list[dict[str, Any]], stack: str | None) -> None:
    try:
        reader = EventsReader(json.dumps(rows), stack, "events.json")
        history = collect(reader, reader.stack)
    except StackdoctorError as error:
        assert error.message
        return
    assert len(history.events) <= len(rows)
    assert history.stack.name


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | ROWS,
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["StackEvents", "NextToken", "ResourceStatus"]), inner),
        max_leaves=6,
    )
)
def test_whatever_the_document_is_it_is_read_or_refused(document: Any) -> None:
    try:
        reader = EventsReader(json.dumps(document), None, "events.json")
    except (BadEvidence, UsageError) as refused:
        assert refused.message.startswith("events.json: ")
        return
    assert reader.stack
