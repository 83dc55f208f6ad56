"""Commands are quoted for a POSIX shell, and the AWS CLI itself accepts every one that is ever printed."""

import contextlib
import io
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from awscli.argparser import ArgTableArgParser
from awscli.clidriver import create_clidriver
from hypothesis import given, settings
from hypothesis import strategies as st
from ways import AWS, scenes, way

from stackdoctor.commands import CommandStyle, Value, file_name, filters, many, usable

HOSTILE = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40) | st.sampled_from(
    ["$(rm -rf /)", "`id`", "a b", "it's", '"', "-rf", "--force", "--region", "\\", "!!", "a;b", "a\nb", "*", "~", "#x", "&", "|", ">f"]
)
SHELL = shutil.which("dash") or shutil.which("sh") or "/bin/sh"


def as_the_shell_sees_it(command: str) -> list[str]:
    """The words that `aws` would get, taken apart by a real shell."""
    show = 'show() { for word in "$@"; do printf "%s\\0" "$word"; done; }; aws() { show "$@"; }; stackdoctor() { show "$@"; }; '
    printed = subprocess.run([SHELL, "-c", show + command], capture_output=True, check=True, env={}).stdout.decode()
    return printed.split("\0")[:-1]


# ---------------------------------------------------------------------------------------------- quoting
def test_a_command_carries_region_profile_and_endpoint_of_the_run():
    style = CommandStyle("us-east-1", "my profile", "http://127.0.0.1:4566")
    assert style.command("kms", "describe-key", "--key-id", "alias/a") == (
        "aws kms describe-key --key-id alias/a --region us-east-1 --profile 'my profile' --endpoint-url http://127.0.0.1:4566"
    )
    assert CommandStyle().command("sts", "get-caller-identity") == "aws sts get-caller-identity"


def test_the_command_that_looks_again_names_stack_and_region():
    assert AWS.diagnose("audit") == "stackdoctor diagnose audit --region eu-central-1 --profile ops"


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_any_text_reaches_the_program_as_one_word(name):
    words = as_the_shell_sees_it(CommandStyle("eu-central-1").command("cloudformation", "delete-stack", "--stack-name", Value(name)))
    given_name = [f"--stack-name={name}"] if name.startswith("-") and name != "--" else ["--stack-name", name]
    assert words == ["cloudformation", "delete-stack", *given_name, "--region", "eu-central-1"]


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_a_profile_can_smuggle_nothing_in(profile):
    words = as_the_shell_sees_it(CommandStyle("eu-central-1", profile).diagnose("audit"))
    given_profile = [f"--profile={profile}"] if profile.startswith("-") and profile != "--" else ["--profile", profile]
    assert words == ["diagnose", "audit", "--region", "eu-central-1", *given_profile]


def test_options_without_a_value_stay_options():
    assert AWS.command("rds", "modify-db-instance", "--no-deletion-protection", "--apply-immediately").startswith(
        "aws rds modify-db-instance --no-deletion-protection --apply-immediately"
    )


def test_a_list_with_a_doubtful_word_becomes_json():
    assert many("--retain-resources", ("A", "B")) == ("--retain-resources", "A", "B")
    assert many("--retain-resources", ("A", "-x")) == ("--retain-resources", '["A", "-x"]')
    assert many("--retain-resources", ("file:///etc/passwd",)) == ("--retain-resources", '["file:///etc/passwd"]')


def test_a_filter_with_a_comma_in_its_value_becomes_json():
    assert filters(subnet_id="subnet-1") == ("--filters", "Name=subnet-id,Values=subnet-1")
    assert json.loads(filters(subnet_id="a,b")[1]) == [{"Name": "subnet-id", "Values": ["a,b"]}]


@pytest.mark.parametrize("text", ["", "a\nb", "file:///etc/passwd", "fileb://x", "https://example.com", "\x1b[31m"])
def test_what_the_cli_would_read_from_elsewhere_is_not_usable(text):
    assert not usable(text)


@settings(max_examples=100)
@given(HOSTILE)
def test_a_file_name_stays_in_the_folder(text):
    name = file_name(text)
    assert Path(name).name == name
    assert not name.startswith((".", "-"))


# ---------------------------------------------------------------------------------------------- the AWS CLI's own parser
@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    """The AWS CLI as a library: a call whose input botocore has validated stops before it is sent.

    `--generate-cli-skeleton output` validates the same, but then fails on some sample answers of its own.
    """
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_CONFIG_FILE": str(tmp_path_factory.mktemp("c") / "c"),
    }.items():
        patch.setenv(name, value)
    Path(str(tmp_path_factory.getbasetemp())).joinpath("config").write_text("[profile ops]\n")
    patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.getbasetemp() / "config"))
    patch.chdir(tmp_path_factory.mktemp("cwd"))
    yield Cli()
    patch.undo()


class Cli:
    def __init__(self):
        self._start()

    def _start(self):
        self.driver = create_clidriver()
        self.driver.session.register("before-call", self._stop)

    def _stop(self, **_given):
        self.validated = True
        raise RuntimeError("validated; nothing is sent")

    def accepts(self, command: str) -> str:
        """'' where the CLI takes the command as it is, else what it says."""
        self.validated = False
        words = shlex.split(command)
        assert words.pop(0) == "aws"
        if words[-2] == ">":
            del words[-2:]
        for word in words:
            if word.startswith("file://"):
                Path(word.removeprefix("file://")).write_text('{"Objects": [{"Key": "a", "VersionId": "1"}], "Quiet": true}')
        if words[0] == "s3" or words[1] in {"deploy", "modify-cluster-attributes"}:
            return self._parsed_alone(words)
        said = self._run(words)
        if "--cli-input-json" in words:
            self._start()  # that option keeps listening, and would speak for the next command too
        return "" if self.validated else said or "not validated"

    def _run(self, words):
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
            self.driver.main(words)
        return said.getvalue()

    def _parsed_alone(self, words):
        """A command that is more than one API call: its arguments by its parser."""
        services = self.driver._get_command_table()
        known, rest = self.driver._create_parser(services).parse_known_args(words)
        service = services[known.command]
        command = (getattr(service, "subcommand_table", None) or service._get_command_table())[rest[0]]
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                _, unknown = ArgTableArgParser(command.arg_table, command.subcommand_table).parse_known_args(rest[1:])
            except SystemExit:
                return said.getvalue()
        return f"unknown: {unknown}" if unknown else ""


def test_the_parser_can_say_no(cli):
    assert cli.accepts("aws cloudformation delete-stack --stack-name a --no-such-option")
    assert cli.accepts("aws cloudformation continue-update-rollback")
    assert cli.accepts("aws s3 rm s3://b --recursively")
    assert cli.accepts("aws cloudformation wait stack-done --stack-name a")
    assert cli.accepts("aws cloudformation deploy --stack-nam a --no-such")
    assert cli.accepts("aws emr modify-cluster-attributes --no-such")
    assert not cli.accepts("aws cloudformation delete-stack --stack-name a --region eu-central-1")


def printed() -> list[str]:
    """Every command that any way out prints."""
    return sorted({step.command for scene in scenes() for step in way(*scene) if step.command.startswith("aws ")})


def test_every_step_is_one_command_of_aws_or_of_our_own():
    commands = {step.command for scene in scenes() for step in way(*scene)}
    assert all(command.startswith(("aws ", "stackdoctor diagnose ")) for command in commands)
    assert len(printed()) > 100


def test_the_aws_cli_accepts_every_command_that_is_printed(cli):
    refused = {command: said for command in printed() if (said := cli.accepts(command))}
    assert refused == {}


def reported() -> list[str]:
    """Every aws command that the shipped incidents' reports print: fixes and the way out."""
    found: dict[str, None] = {}
    for report in sorted((Path(__file__).parents[1] / "fixtures").glob("*/expected.json")):
        told = json.loads(report.read_text(encoding="utf-8"))
        lines = [command for fix in told["fixes"] for command in fix["commands"]] + [step["command"] for step in told["recovery"]]
        found |= dict.fromkeys(line for line in lines if line.startswith("aws "))
    return list(found)


def test_the_cli_takes_every_command_of_every_shipped_report(cli):
    commands = reported()
    assert len(commands) > 30
    assert {command: said for command in commands if (said := cli.accepts(command))} == {}
