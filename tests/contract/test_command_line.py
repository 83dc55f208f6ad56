"""CONTRACT.md, "Commands", options, streams and exit codes; issue 2, "How it must feel"."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor, steady
from lab import attempts
from lab.fake_aws import FakeAWS
from lab.world import World

from contract.running import diagnose, run
from contract.shape import complaints
from contract.tales import PROTECTED, Tale, failed_create

ESCAPE = re.compile(r"\x1b\[")


def one_line(ran, code: int) -> str:
    """What is said on stderr where there is no report."""
    assert (ran.code, ran.out) == (code, ""), ran
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.endswith("\n")
    assert "Traceback" not in ran.err
    return ran.err


# ------------------------------------------------------------------------------------------------ streams and usage
USAGE = [
    ["diagnose"],
    ["diagnose", "app", "--nonsense"],
    ["diagnose", "app", "-o", "yaml"],
    ["diagnose", "app", "--timeout", "soon"],
    ["diagnose", "app", "--color", "blue"],
    ["diagnose", "app", "more"],
    ["diagnose", "--from", "a", "--events", "b"],
    ["diagnose", ""],
    ["nonsense"],
    ["demo", "nonsense"],
    ["checks", "nonsense"],
    ["checks", "-o", "yaml"],
    ["schema", "nonsense"],
    ["permissions", "--for", "nonsense"],
    ["explain"],
    ["explain", "p.json", "--principal", "x"],
    ["preflight", "template.yaml"],
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
@pytest.mark.parametrize("json_too", [False, True], ids=["text", "json"])
def test_a_usage_error_is_exit_2_with_an_empty_stdout_and_one_line_on_stderr(words: list[str], json_too: bool) -> None:
    if json_too and words[0] != "diagnose":
        pytest.skip("-o json is an option of diagnose")
    one_line(run(*words, *(["-o", "json"] if json_too and "-o" not in words else []), credentials=False), 2)


def test_no_arguments_at_all_shows_the_help() -> None:
    ran = run(credentials=False)
    assert ran.code in {0, 2}
    assert "diagnose" in ran.out + ran.err


def test_version() -> None:
    assert re.fullmatch(r"stackdoctor \d+\.\d+\.\d+\S*\n", run("--version").out)
    assert run("diagnose", "--version").code == 0, "--version is listed among the options of diagnose"


# ------------------------------------------------------------------------------------------------ what stops a run
def test_an_unknown_stack_names_the_nearest_and_another_region_of_the_profile(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world, "audit-baseline").tell()
    world.region = "eu-west-1"
    failed_create(world, "audit-base").tell()
    world.region = "us-east-1"
    said = one_line(diagnose(fake_aws, "audit-base"), 4)
    assert "audit-baseline" in said
    assert "eu-west-1" in said
    assert "--region" in said


def test_an_unknown_stack_that_was_deleted_is_found_by_its_name(world: World, fake_aws: FakeAWS) -> None:
    tale = failed_create(world).delete().ends("DELETE_COMPLETE")
    tale.tell()
    ran = diagnose(fake_aws)
    assert ran.code in {1, 4}
    assert "deleted" in ran.err or ran.report["stack"]["id"] == tale.arn


def test_a_stack_nobody_ever_heard_of(world: World, fake_aws: FakeAWS) -> None:
    said = one_line(diagnose(fake_aws, "nothing-like-it"), 4)
    assert "nothing-like-it" in said
    assert "us-east-1" in said


@pytest.mark.parametrize("name", ["-x", "a b", "a/b", "ü", "x" * 300, "arn:aws:cloudformation", "arn:aws:s3:::bucket", "1abc", "*"])
def test_a_name_that_no_stack_can_have_is_one_line(world: World, fake_aws: FakeAWS, name: str) -> None:
    ran = run("diagnose", "-o", "json", "--endpoint-url", fake_aws.url, "--region", "us-east-1", "--", name)
    assert ran.code in {2, 4}
    one_line(ran, ran.code)


def test_missing_credentials_are_one_line_that_says_what_to_type_next(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).tell()
    ran = run("diagnose", "app", "-o", "json", server=fake_aws, credentials=False, AWS_EC2_METADATA_DISABLED="true")
    assert "aws " in one_line(ran, 4)


def test_no_region_is_one_line_that_says_what_to_type_next(world: World, fake_aws: FakeAWS) -> None:
    assert "--region" in one_line(run("diagnose", "app", "-o", "json", "--endpoint-url", fake_aws.url), 4)


def test_an_unknown_profile_is_one_line_that_names_those_there_are(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile production]\nregion = eu-west-1\n[profile staging]\nregion = eu-west-1\n")
    said = one_line(run("diagnose", "app", "--profile", "prodction", AWS_CONFIG_FILE=str(config)), 4)
    assert "prodction" in said
    assert "production" in said


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"])
def test_an_expired_token_is_one_line_that_says_what_to_type_next(world: World, fake_aws: FakeAWS, code: str) -> None:
    failed_create(world).tell()
    world.fail("*", code, "The security token included in the request is expired", 403)
    said = one_line(diagnose(fake_aws), 4)
    assert "aws " in said or "credentials" in said.lower()


def test_an_expired_sso_session_says_aws_sso_login(tmp_path: Path, world: World, fake_aws: FakeAWS) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile ops]\nsso_session = my\nsso_account_id = 111122223333\nsso_role_name = Read\nregion = us-east-1\n"
        "[sso-session my]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\nsso_registration_scopes = sso:account:access\n"
    )
    said = one_line(run("diagnose", "app", "--profile", "ops", server=fake_aws, credentials=False, AWS_CONFIG_FILE=str(config)), 4)
    assert "aws sso login" in said
    assert "ops" in said


def test_accessdenied_on_describestacks_is_one_line_that_names_the_permission(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).tell()
    world.deny("cloudformation:DescribeStacks")
    assert "cloudformation:DescribeStacks" in one_line(diagnose(fake_aws), 4)


def test_no_network_is_one_line() -> None:
    one_line(run("diagnose", "app", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9", "-o", "json"), 4)


def test_timeout_is_of_the_whole_run(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world).tell()
    world.break_off("*", "stall")
    said = one_line(diagnose(fake_aws, "app", "--timeout", "1"), 4)
    assert "--timeout" in said


def test_what_timed_out_after_the_events_stands_in_unread_and_the_run_is_never_0(world: World, fake_aws: FakeAWS) -> None:
    told = attempts.four_stacks(world)
    world.break_off("kms:*", "stall")
    ran = diagnose(fake_aws, told.stack, "--timeout", "3")
    assert ran.code in {1, 3}
    assert any("kms:GetKeyPolicy" in row["needs"] for row in ran.report["unread"])


# ------------------------------------------------------------------------------------------------ events
def test_events_from_stdin_with_a_bom_and_crlf(world: World) -> None:
    printed = failed_create(world).printed().replace("\n", "\r\n")
    ran = run("diagnose", "--events", "-", "-o", "json", stdin=b"\xef\xbb\xbf" + printed.encode(), credentials=False)
    assert (ran.code, ran.report["root_causes"][0]["logical_id"]) == (1, "Queue")
    assert complaints(ran.report) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_events_that_powershell_redirected_are_read_or_refused_in_one_line(world: World, encoding: str) -> None:
    ran = run("diagnose", "--events", "-", "-o", "json", stdin=failed_create(world).printed().encode(encoding), credentials=False)
    assert ran.code == 1 if ran.out else one_line(ran, 4)


BAD = [b"", b" ", b"{", b"[]", b"{}", b"null", b"7", b'{"StackEvents": 7}', b'{"StackEvents": []}', b'{"StackEvents": [7]}', b"\xff\xfe\x00", b"[" * 100_000,
       b'{"StackEvents": [{}]}', b"An error occurred (ExpiredToken)"]  # fmt: skip


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data[:24]))
def test_events_that_are_none_are_refused_in_one_line(data: bytes) -> None:
    ran = run("diagnose", "--events", "-", "-o", "json", stdin=data, credentials=False)
    said = one_line(ran, ran.code)
    assert ran.code in {2, 4}
    assert "stdin" in said


def test_of_events_the_status_is_the_newest_stack_events(world: World) -> None:
    tale = failed_create(world)
    ran = run("diagnose", "--events", "-", "-o", "json", stdin=tale.printed().encode(), credentials=False)
    stack = ran.report["stack"]
    assert stack == {
        "name": "app",
        "id": tale.arn,
        "status": "ROLLBACK_COMPLETE",
        "region": "us-east-1",
        "account": "111122223333",
        "partition": "aws",
    }
    assert ran.report["calls"] == {"total": 0, "by_operation": {}, "rounds": 0}


def test_policies_found_in_resourceproperties_are_evaluated_the_rest_stands_in_unread(world: World) -> None:
    told = attempts.four_updates(world)
    ran = run("diagnose", "--events", "-", "-o", "json", stdin=attempts.printed(world, told.arn).encode(), credentials=False)
    assert complaints(ran.report) == []
    [cause] = [found for found in ran.report["findings"] if found["severity"] == "cause"]
    assert (cause["check"], cause["origin"]) == ("kms-via-service", "properties")
    assert ran.report["unread"]
    assert all(row["needs"] for row in ran.report["unread"]), "what could not be read says which permission would change that"


def test_a_name_beside_events_must_be_one_of_theirs(world: World) -> None:
    printed = failed_create(world).printed().encode()
    assert run("diagnose", "app", "--events", "-", "-o", "json", stdin=printed).code == 1
    ran = run("diagnose", "other", "--events", "-", "-o", "json", stdin=printed)
    one_line(ran, ran.code)


# ------------------------------------------------------------------------------------------------ save and from
@pytest.mark.parametrize("redact", [False, True], ids=["plain", "redacted"])
def test_save_and_from_are_byte_identical_but_for_times_and_calls(world: World, fake_aws: FakeAWS, tmp_path: Path, redact: bool) -> None:
    told = attempts.four_updates(world)
    more = ["--redact"] if redact else []
    live = run(
        "diagnose",
        told.stack,
        "-o",
        "json",
        "--save",
        str(tmp_path / "kept"),
        *more,
        "--region",
        "us-east-1",
        AWS_ENDPOINT_URL=fake_aws.url,
    )
    again = run("diagnose", "--from", str(tmp_path / "kept"), "-o", "json", credentials=False)
    assert live.code == again.code == 1
    one, other = steady(live.report), steady(again.report)
    assert json.dumps(one, indent=2) == json.dumps(other, indent=2)
    if redact:
        return  # the masks are new in every run
    text = run("diagnose", told.stack, *more, "--region", "us-east-1", AWS_ENDPOINT_URL=fake_aws.url).out
    assert text == run("diagnose", told.stack, "--from", str(tmp_path / "kept"), credentials=False).out
    assert json.loads((tmp_path / "kept" / "fixes" / "key-policy.json").read_text())["Statement"]


def test_from_makes_no_aws_call_at_all(world: World, fake_aws: FakeAWS, tmp_path: Path) -> None:
    told = attempts.four_updates(world)
    diagnose(fake_aws, told.stack, "--save", str(tmp_path / "kept"))
    world.calls.clear()
    assert run("diagnose", "--from", str(tmp_path / "kept"), "-o", "json", server=fake_aws).code == 1
    assert world.calls == []


@pytest.mark.parametrize("what", ["nothing", "empty", "file", "broken"])
def test_from_a_folder_that_holds_no_evidence_is_one_line(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "kept"
    if what == "file":
        folder.write_text("x")
    elif what != "nothing":
        folder.mkdir()
    if what == "broken":
        (folder / "index.json").write_text("{")
    said = one_line(run("diagnose", "--from", str(folder), "-o", "json", credentials=False), 4)
    assert "kept" in said


def test_save_into_a_place_that_cannot_be_written_is_one_line(world: World, fake_aws: FakeAWS, tmp_path: Path) -> None:
    failed_create(world).tell()
    (tmp_path / "file").write_text("x")
    ran = diagnose(fake_aws, "app", "--save", str(tmp_path / "file" / "kept"))
    one_line(ran, ran.code)


def test_redact_masks_account_ids_names_of_people_and_access_key_ids_in_whatever_is_printed_or_saved(
    world: World, fake_aws: FakeAWS, tmp_path: Path
) -> None:
    said = (
        "User: arn:aws:sts::111122223333:assumed-role/Deployer/jane.doe@example.com is not authorized to perform: sqs:createqueue on resource: "
        "arn:aws:sqs:us-east-1:111122223333:q because no identity-based policy allows the sqs:createqueue action (key AKIAIOSFODNN7EXAMPLE)"
    )
    failed_create(world, reason=said).tell()
    for output in ("json", "text", "markdown"):
        ran = run("diagnose", "app", "-o", output, "--redact", "--save", str(tmp_path / output), server=fake_aws)
        kept = "".join(path.read_text() for path in (tmp_path / output).rglob("*") if path.is_file())
        for secret in ("111122223333", "jane.doe", "AKIAIOSFODNN7EXAMPLE"):
            assert secret not in ran.out + ran.err, (output, secret)
            assert secret not in kept, (output, secret)


@pytest.mark.parametrize("words", [[], ["--debug"]])
def test_redact_masks_complaints_and_logs_too(world: World, fake_aws: FakeAWS, words: list[str]) -> None:
    failed_create(world).tell()
    world.deny("cloudformation:*")
    ran = run("diagnose", "app", "--redact", *words, server=fake_aws)
    assert ran.code == 4
    assert "AccessDenied" in ran.err
    assert "111122223333" not in ran.err


# ------------------------------------------------------------------------------------------------ template
def test_template_file_gives_the_diff_of_that_file(world: World, fake_aws: FakeAWS, tmp_path: Path) -> None:
    told = attempts.four_stacks(world)
    source = tmp_path / "template.yaml"
    source.write_text("# a comment of ours\n" + world.stacks[told.arn]["template"])
    fixes = diagnose(fake_aws, told.stack, "--template", str(source)).report["fixes"]
    assert fixes[0]["diff"]
    done = subprocess.run(["git", "apply", "-p1", "-"], input=fixes[0]["diff"].replace("a/template\n", "a/template.yaml\n").replace("b/template\n", "b/template.yaml\n"),
                          text=True, cwd=tmp_path, capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert source.read_text().startswith("# a comment of ours\n")


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"- just\n- a list\n"])
def test_a_template_file_that_is_none_is_told_and_stops_nothing_or_is_one_line(
    world: World, fake_aws: FakeAWS, tmp_path: Path, content
) -> None:
    told = attempts.four_stacks(world)
    source = tmp_path / "template.yaml"
    if content is not None:
        source.write_bytes(content)
    ran = diagnose(fake_aws, told.stack, "--template", str(source))
    if content is None:
        assert "template.yaml" in one_line(ran, ran.code)
    else:
        assert (ran.code == 1) if ran.out else one_line(ran, ran.code)


# ------------------------------------------------------------------------------------------------ colour and size
def test_no_colour_where_stdout_is_no_terminal() -> None:
    assert not ESCAPE.search(stackdoctor("demo").out)


COLOUR = [
    ([], {"FORCE_COLOR": "1"}, True),
    ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    (["--color", "always"], {"NO_COLOR": "1"}, True),
    (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    (["--color", "always"], {}, True),
    (["--color", "auto"], {}, False),
]


@pytest.mark.parametrize(("words", "env", "coloured"), COLOUR, ids=str)
def test_colour_follows_no_color_force_color_and_color(words: list[str], env: dict[str, str], coloured: bool) -> None:
    assert bool(ESCAPE.search(run("demo", *words, credentials=False, **env).out)) is coloured


def on_a_terminal(*words: str, **env: str) -> str:
    """What a person sees: stdout and stderr are a terminal."""
    main, other = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm", **env}
    with subprocess.Popen(
        [sys.executable, "-m", "stackdoctor", *words], stdout=other, stderr=other, stdin=subprocess.DEVNULL, env=environment
    ):
        os.close(other)
        seen = b""
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
    os.close(main)
    return seen.decode()


def test_a_terminal_gets_colour_a_dumb_one_none() -> None:
    assert ESCAPE.search(on_a_terminal("demo"))
    assert not ESCAPE.search(on_a_terminal("demo", TERM="dumb"))
    assert not ESCAPE.search(on_a_terminal("demo", NO_COLOR="1").replace("\x1b[K", ""))


def test_output_never_depends_on_the_terminals_width_for_machine_formats() -> None:
    for output in ("json", "markdown"):
        wide, narrow = (run("demo", "-o", output, credentials=False, COLUMNS=size).out for size in ("200", "20"))
        assert re.sub(r'"generated_at": "[^"]*"', "", wide) == re.sub(r'"generated_at": "[^"]*"', "", narrow)
        assert not ESCAPE.search(run("demo", "-o", output, "--color", "always", credentials=False).out)


def test_quiet_is_only_the_verdict_and_verbose_adds_the_cascade() -> None:
    quiet, plain, verbose = (run("demo", *words, credentials=False).out for words in (["-q"], [], ["-v"]))
    assert len(quiet.strip().splitlines()) <= 3
    assert quiet.startswith("EXPLAINED")
    assert "WatchedTopic  " not in plain.split("Fix 1")[0]
    assert "Resource creation cancelled" in verbose
    assert "Resource creation cancelled" not in plain


def test_the_text_answers_in_the_promised_order() -> None:
    text = run("demo", credentials=False).out
    order = ["Trail (AWS::CloudTrail::Trail) failed because KMS denied", "AWS says: ", "  statement 1 ", "Fix 1", "stackdoctor diagnose"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_a_stdout_that_is_not_utf_8_gets_the_whole_report(world: World, fake_aws: FakeAWS, encoding: str, output: str) -> None:
    failed_create(world, reason="Größe ≥ 4 ✗ already exists 😀 \u2028").tell()
    ran = run("diagnose", "app", "-o", output, server=fake_aws, encoding=encoding)
    assert ran.code == 1
    if output == "json":
        assert "Größe ≥ 4 ✗ already exists 😀" in ran.report["root_causes"][0]["reason"]


def test_a_reader_that_stops_early_changes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m stackdoctor demo -v | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""


# ------------------------------------------------------------------------------------------------ start-up
def imported(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stackdoctor", *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")}


NO_AWS = [
    ["--help"], ["diagnose", "--help"], ["scan", "--help"], ["explain", "--help"], ["--version"], ["diagnose", "--nonsense"], ["nonsense"], ["checks"], ["permissions"],
    ["schema"], ["demo", "--list"], ["demo"],
]  # fmt: skip


@pytest.mark.parametrize("words", NO_AWS, ids=" ".join)
def test_help_completion_and_usage_errors_never_import_boto3(words: list[str]) -> None:
    assert not imported(*words) & {"boto3", "botocore", "urllib3", "rich", "pydantic"}


def test_completion_never_imports_boto3_and_completes_commands() -> None:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "_STACKDOCTOR_COMPLETE": "complete_bash",
        "COMP_WORDS": "stackdoctor dia",
        "COMP_CWORD": "1",
    }
    script = Path(sys.executable).parent / "stackdoctor"
    done = subprocess.run([sys.executable, "-X", "importtime", script], capture_output=True, text=True, check=False, env=env)
    assert "diagnose" in done.stdout, done
    assert "botocore" not in done.stderr


# ------------------------------------------------------------------------------------------------ markdown
def test_markdown_neutralises_what_events_say(world: World, fake_aws: FakeAWS) -> None:
    failed_create(world, reason="<script>alert(1)</script> | `x` [a](javascript:b) already exists").tell()
    out = run("diagnose", "app", "-o", "markdown", server=fake_aws).out
    outside = re.sub(r"```.*?```|`[^`]*`", "", out, flags=re.DOTALL)
    assert "<script>" not in outside


def test_text_neutralises_terminal_escapes(world: World) -> None:
    tale = failed_create(world, reason="already exists \x1b[2J\x1b]0;x\x07 \u202e")
    for output in ("text", "markdown"):
        out = run("diagnose", "--events", "-", "-o", output, stdin=tale.printed().encode(), credentials=False).out
        assert "\x1b" not in out
        assert "\x07" not in out
    report = run("diagnose", "--events", "-", "-o", "json", stdin=tale.printed().encode(), credentials=False).report
    assert report["root_causes"][0]["reason"] == "already exists \x1b[2J\x1b]0;x\x07 \u202e", "verbatim"


def test_a_blocked_rollback_of_protected_data_is_told_apart_from_the_cause(world: World) -> None:
    tale = Tale(world).create().makes("Db", "AWS::RDS::DBInstance").fails().undo()
    tale.fails("Db", PROTECTED, "AWS::RDS::DBInstance", "DELETE", "app-db").ends("ROLLBACK_FAILED")
    out = run("diagnose", "--events", "-", stdin=tale.printed().encode(), credentials=False).out
    assert out.index("Queue") < out.index("Db")
