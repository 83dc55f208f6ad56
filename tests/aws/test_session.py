"""Starting: botocore's own ways to credentials and Regions, and every way to fail, each with one line and what to type next."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from aws import faulty_server as faulty
from aws.faulty_server import refusing_endpoint
from stackdoctor.aws.live import LiveReader
from stackdoctor.aws.session import open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.errors import CannotRun
from stackdoctor.reader import Call, ErrorKind, ReadError

pytestmark = pytest.mark.usefixtures("machine")

ROLE = "arn:aws:iam::111122223333:role/OnCall"
KEY = Call("kms", "DescribeKey", "us-east-1", {"KeyId": "k"})


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)


def refused(settings: Settings) -> CannotRun:
    """The error of a session that cannot be opened: one line where and what, one line of what to type."""
    with pytest.raises(CannotRun) as caught:
        open_session(settings)
    error = caught.value
    assert error.message
    assert error.hint
    assert "\n" not in error.message + error.hint
    assert "Traceback" not in error.message
    assert error.exit_code == 4
    return error


# -------------------------------------------------------------------------------------------------------- it finds its way
def test_the_region_of_the_command_line_comes_before_all_others(machine, monkeypatch):
    (machine / "config").write_text("[default]\nregion = eu-west-1\n")
    assert open_session(Settings()).region == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert open_session(Settings()).region == "eu-north-1"
    assert open_session(Settings(region="cn-north-1")).region == "cn-north-1"


def test_aws_region_counts_where_botocore_finds_none(machine, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    assert open_session(Settings()).region == "eu-south-1"
    (machine / "config").write_text("[default]\nregion = eu-west-1\n")
    assert open_session(Settings()).region == "eu-west-1"


def test_the_partition_follows_from_the_region():
    assert open_session(Settings(region="us-gov-west-1")).partition == "aws-us-gov"


def test_an_endpoint_of_the_environment_is_used_and_the_command_line_overrides_it(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing_endpoint())
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", aws.url)
    LiveReader(Settings(region="us-east-1")).read(KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", refusing_endpoint())
    LiveReader(Settings(region="us-east-1", endpoint_url=aws.url)).read(KEY)
    assert len(aws.requests) == 2


def test_a_profile_may_run_a_process_for_its_credentials(machine, aws, no_keys):
    script = machine / "keys.py"
    keys = {"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "s"}
    script.write_text(f"print({json.dumps(keys)!r})")
    (machine / "config").write_text(f"[profile tool]\nregion = us-east-1\ncredential_process = {sys.executable} {script}\n")
    LiveReader(Settings(profile="tool", endpoint_url=aws.url)).read(KEY)
    assert aws.names() == ["kms:DescribeKey"]


def assumed(access_key: str = "ASIAROLE") -> dict[str, object]:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"Credentials": {"AccessKeyId": access_key, "SecretAccessKey": "secret", "SessionToken": "token", "Expiration": ends}}


def test_a_role_is_assumed_with_its_external_id(aws):
    aws.answers["sts:AssumeRole"] = assumed()
    LiveReader(Settings(region="us-east-1", endpoint_url=aws.url, role_arn=ROLE, external_id="ticket-1")).read(KEY)
    assert aws.names() == ["sts:AssumeRole", "kms:DescribeKey"]
    assert aws.requests[0].params == {"RoleArn": ROLE, "RoleSessionName": "stackdoctor", "ExternalId": "ticket-1"}
    assert aws.requests[1].account == "" or aws.requests[1].account != aws.requests[0].account


def test_a_profile_that_assumes_a_role_works_by_itself(machine, aws, monkeypatch, no_keys):
    aws.answers["sts:AssumeRole"] = assumed()
    (machine / "credentials").write_text("[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n")
    (machine / "config").write_text(f"[profile oncall]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = base\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    LiveReader(Settings(profile="oncall")).read(KEY)
    assert aws.names() == ["sts:AssumeRole", "kms:DescribeKey"]


# ------------------------------------------------------------------------------------------------------------- it says why
def test_no_region():
    error = refused(Settings())
    assert "Region" in error.message
    assert "--region" in error.hint
    assert "export AWS_REGION=" in error.hint


def test_a_region_that_is_no_name():
    error = refused(Settings(region="us east 1"))
    assert "'us east 1'" in error.message
    assert "us-east-1" in error.hint


def test_an_unknown_profile_names_the_known_ones(machine):
    (machine / "config").write_text("[profile prod]\nregion=eu-west-1\n[profile staging]\nregion=eu-west-1\n")
    error = refused(Settings(profile="prd", region="us-east-1"))
    assert "prd" in error.message
    assert "prod, staging" in error.hint


def test_an_unknown_profile_in_the_environment(machine, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "gone")
    assert "gone" in refused(Settings(region="us-east-1")).message


def test_no_credentials(machine, no_keys):
    (machine / "config").write_text("[profile prod]\nregion=eu-west-1\n")
    error = refused(Settings(region="us-east-1"))
    assert "No credentials" in error.message
    assert "--profile" in error.hint
    assert "prod" in error.hint


def test_half_a_pair_of_keys(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "AWS_SECRET_ACCESS_KEY" in refused(Settings(region="us-east-1")).message


def sso_profile(machine: Path, expires: str) -> None:
    (machine / "config").write_text(
        "[profile prod]\nregion = eu-west-1\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Ops\n"
        "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n"
    )
    cache = machine / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"startUrl": "https://corp.awsapps.com/start", "region": "eu-west-1", "accessToken": "t0ken", "expiresAt": expires}
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))


@pytest.mark.parametrize("expired", [True, False], ids=["expired", "never logged in"])
def test_an_sso_session_that_is_over(machine, no_keys, expired):
    sso_profile(machine, "2020-01-01T00:00:00Z")
    if not expired:
        for file in (machine / ".aws" / "sso" / "cache").iterdir():
            file.unlink()
    error = refused(Settings(profile="prod"))
    assert error.hint == "Run: aws sso login --profile prod"


def test_a_login_session_that_cannot_be_used(machine, no_keys):
    """`aws login` needs awscrt; where that is installed, the login itself is what is missing."""
    (machine / "config").write_text("[profile prod]\nregion = eu-west-1\nlogin_session = arn:aws:iam::111122223333:user/ana\n")
    hint = refused(Settings(profile="prod")).hint
    assert hint == ("Run: aws login --profile prod" if find_spec("awscrt") else "Run: pip install 'botocore[crt]'")


def test_mfa_without_a_terminal(machine, no_keys):
    """In a session of its own, as under cron: there is no /dev/tty to ask on."""
    (machine / "credentials").write_text("[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n")
    (machine / "config").write_text(
        f"[profile oncall]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/ana\n"
    )
    code = """
from stackdoctor.aws.session import open_session
from stackdoctor.aws.settings import Settings
from stackdoctor.errors import CannotRun
try:
    open_session(Settings(profile="oncall"))
except CannotRun as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert "needs an MFA code" in said.stdout
    assert "export-credentials --profile oncall" in said.stdout
    assert said.stderr == ""


def test_a_credential_process_that_fails(machine, no_keys):
    (machine / "config").write_text(
        f"[profile tool]\nregion = us-east-1\ncredential_process = {sys.executable} -c 'import sys; sys.exit(\"locked\")'\n"
    )
    error = refused(Settings(profile="tool"))
    assert "locked" in error.message
    assert "credential_process" in error.hint


def test_a_credential_process_that_hangs_does_not_hang_the_run(machine, no_keys):
    (machine / "config").write_text(
        f"[profile tool]\nregion = us-east-1\ncredential_process = {sys.executable} -c 'import time; time.sleep(5)'\n"
    )
    start = time.monotonic()
    error = refused(Settings(profile="tool", timeout=0.5))
    assert time.monotonic() - start < 2
    assert "--timeout" in error.hint


def test_waiting_for_credentials_takes_of_the_time_of_the_whole_run(machine, aws, no_keys):
    script = machine / "keys.py"
    script.write_text('import time; time.sleep(1); print(\'{"Version": 1, "AccessKeyId": "AKIDSLOW", "SecretAccessKey": "s"}\')')
    (machine / "config").write_text(f"[profile tool]\nregion = us-east-1\ncredential_process = {sys.executable} {script}\n")
    reader = LiveReader(Settings(profile="tool", endpoint_url=aws.url, timeout=30))
    assert reader.deadline.left < 29


@pytest.mark.parametrize("broken", ["[profile prod\nregion", "no section = 1\n", "\xff\xfe"], ids=["unclosed", "no section", "binary"])
def test_a_broken_configuration_file(machine, broken):
    (machine / "config").write_bytes(broken.encode("latin-1"))
    assert "~/.aws/config" in refused(Settings(profile="prod", region="us-east-1")).hint


def test_profiles_that_point_at_each_other(machine, no_keys):
    (machine / "config").write_text(f"[profile a]\nrole_arn={ROLE}\nsource_profile=b\n[profile b]\nrole_arn={ROLE}\nsource_profile=a\n")
    assert "~/.aws/config" in refused(Settings(profile="a", region="us-east-1")).hint


def test_an_endpoint_that_is_no_url():
    error = refused(Settings(region="us-east-1", endpoint_url="localhost:4566"))
    assert "localhost:4566" in error.message
    assert "http://" in error.hint


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faulty.DENIED, "cannot be assumed"),
        (faulty.EXPIRED, "credentials are not valid"),
        (faulty.INTERNAL, "cannot be assumed"),
        (faulty.RESET, "cannot be reached"),
        (faulty.GARBAGE, "cannot be opened"),
    ],
    ids=lambda value: value.name if isinstance(value, faulty.Fault) else "",
)
def test_a_role_that_is_refused(aws, fault, words):
    aws.inject("sts:AssumeRole", fault)
    error = refused(Settings(region="us-east-1", endpoint_url=aws.url, role_arn=ROLE, attempts=1, read_timeout=1))
    assert words in error.message
    assert aws.count("sts:AssumeRole") == 1


@pytest.mark.parametrize("where", ["dns", "refused", "tls"])
def test_a_role_behind_a_network_that_is_down(aws, where):
    endpoint = {"dns": faulty.UNRESOLVABLE, "refused": refusing_endpoint(), "tls": aws.tls_endpoint}[where]
    error = refused(Settings(region="us-east-1", endpoint_url=endpoint, role_arn=ROLE, attempts=1, connect_timeout=2))
    assert "cannot be reached" in error.message
    assert endpoint in error.hint


# ------------------------------------------------------------------------------------------ what the first call finds out
def hint_of(settings: Settings) -> ReadError:
    with pytest.raises(ReadError) as caught:
        LiveReader(settings).read(KEY)
    return caught.value


def test_an_expired_session_of_a_profile_says_which_login_to_renew(machine, aws, no_keys):
    (machine / "credentials").write_text("[prod]\naws_access_key_id = ASIAOLD\naws_secret_access_key = s\naws_session_token = t\n")
    aws.inject("*", faulty.EXPIRED)
    error = hint_of(Settings(profile="prod", region="us-east-1", endpoint_url=aws.url))
    assert error.kind is ErrorKind.CREDENTIALS
    assert "profile prod" in error.hint


def test_a_misspelt_region_is_named_when_nothing_answers(monkeypatch):
    """The Region's name decides the host's name; here the proxy refuses, as a resolver would."""
    monkeypatch.setenv("HTTPS_PROXY", refusing_endpoint())
    error = hint_of(Settings(region="us-esat-1", connect_timeout=1, attempts=1))
    assert error.kind is ErrorKind.NETWORK
    assert "--region us-east-1" in error.hint


def test_a_proxy_that_is_down_is_named(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", refusing_endpoint())
    error = hint_of(Settings(region="us-east-1", connect_timeout=1, attempts=1))
    assert error.kind is ErrorKind.NETWORK
    assert "HTTPS_PROXY" in error.hint


def test_a_certificate_file_that_is_not_there_is_named(monkeypatch, machine, aws):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(machine / "none.pem"))
    error = hint_of(Settings(region="us-east-1", endpoint_url=aws.tls_endpoint, attempts=1))
    assert error.kind is ErrorKind.NETWORK
    assert "AWS_CA_BUNDLE" in error.hint


def test_keys_of_the_environment_come_before_a_profile_that_logs_in(machine, aws, monkeypatch):
    """AWS_PROFILE names an SSO profile, but botocore takes the keys: `aws sso login` would change nothing."""
    sso_profile(machine, "2020-01-01T00:00:00Z")
    monkeypatch.setenv("AWS_PROFILE", "prod")
    aws.inject("*", faulty.EXPIRED)
    assert "environment" in hint_of(Settings(endpoint_url=aws.url)).hint


def test_a_region_that_does_not_know_good_credentials_is_not_enabled(aws):
    reader = LiveReader(Settings(region="us-east-1", endpoint_url=aws.url))
    reader.read(KEY)
    aws.inject("*", faulty.BAD_TOKEN)
    with pytest.raises(ReadError, match="is the Region af-south-1 enabled") as caught:
        reader.read(Call("kms", "DescribeKey", "af-south-1", {"KeyId": "k"}))
    assert caught.value.kind is ErrorKind.DENIED
    with pytest.raises(ReadError) as caught:
        reader.read(KEY)
    assert caught.value.kind is ErrorKind.CREDENTIALS, "where they were good before, they are not any more"


def test_help_needs_no_boto3():
    code = "import sys, stackdoctor.aws.settings; sys.exit(any(name.startswith(('boto', 'urllib3')) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_nothing_is_written_at_home(machine, aws):
    before = sorted(path.name for path in machine.rglob("*"))
    LiveReader(Settings(region="us-east-1", endpoint_url=aws.url)).read(KEY)
    assert sorted(path.name for path in machine.rglob("*")) == before
