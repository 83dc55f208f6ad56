"""What keeps a run from starting → one line that says where and what, and one that says what to type next.

in: an exception of botocore, and the `Place` it happened in. out: CannotRun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import exceptions as aws
from botocore.exceptions import ClientError

from stackdoctor.aws.failures import describe, one_line
from stackdoctor.aws.regions import similar_regions
from stackdoctor.aws.workers import TimeIsUp
from stackdoctor.errors import CannotRun
from stackdoctor.reader import ErrorKind

MAX_PROFILES_SHOWN = 8


@dataclass(slots=True)
class Place:
    """Where a run starts from; filled in step by step, so that a failure can say how far it came."""

    profile: str = ""
    region: str = ""
    role_arn: str = ""
    endpoint_url: str = ""
    method: str = ""
    profiles: tuple[str, ...] = ()
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, core: Any) -> None:
        """Takes the profiles from a botocore session, and which one is in use."""
        self.profiles = tuple(core.available_profiles)
        self.config = core.full_config.get("profiles", {})
        self.profile = self.profile or core.get_config_variable("profile") or ""

    @property
    def chain(self) -> tuple[Mapping[str, Any], ...]:
        """The profile in use and the profiles it takes its credentials from."""
        name, seen = self.profile or "default", dict[str, Mapping[str, Any]]()
        while name in self.config and name not in seen:
            seen[name] = self.config[name]
            name = seen[name].get("source_profile", "")
        return tuple(seen.values())

    @property
    def needs_mfa(self) -> bool:
        return any("mfa_serial" in profile and "role_arn" in profile for profile in self.chain)

    @property
    def log_in(self) -> str:
        """The command that renews the credentials in use."""
        if self.method == "env":
            return "The credentials come from the environment: renew AWS_ACCESS_KEY_ID and those beside it, or add --profile NAME."
        named = f" --profile {self.profile}" if self.profile and self.profile != "default" else ""
        if any("sso_session" in profile or "sso_start_url" in profile for profile in self.chain) or self.method == "sso":
            return f"Run: aws sso login{named}"
        if any("login_session" in profile for profile in self.chain) or self.method == "login":
            return f"Run: aws login{named}"
        if self.method == "custom-process" or any("credential_process" in profile for profile in self.chain):
            return f"The credentials come from the credential_process of profile {self.profile or 'default'}: run it by hand to see why."
        if self.method in {"iam-role", "container-role"}:
            return "The credentials come from the role of this machine: check that it has one, and its clock."
        return f"Renew the credentials of profile {self.profile or 'default'}, or add --profile NAME.{self._known()}"

    def _known(self) -> str:
        others = [name for name in self.profiles if name != self.profile]
        shown = ", ".join(others[:MAX_PROFILES_SHOWN]) + (", …" if len(others) > MAX_PROFILES_SHOWN else "")
        return f" Known profiles: {shown}." if shown else ""

    @property
    def unknown_profile(self) -> str:
        return self._known().strip() or "No profile is configured on this machine. Run: aws configure sso"

    @property
    def sign_in(self) -> str:
        """For somebody who has no credentials at all."""
        return f"Run: aws configure sso, or: aws login, or add --profile NAME.{self._known()}"

    def network(self, error: BaseException) -> str:
        """What to look at when nothing answers."""
        if "CA cert" in str(error) or "No such file" in str(error):
            return "Check the file that AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE or ca_bundle in ~/.aws/config names."
        if self.endpoint_url:
            return f"Check --endpoint-url {self.endpoint_url}."
        if isinstance(error, aws.SSLError):
            return "A proxy that looks into TLS needs its certificate in AWS_CA_BUNDLE; check this machine's clock, too."
        if similar := similar_regions(self.region):
            return f"Did you mean --region {similar[0]}? botocore knows no Region {self.region}."
        return f"Check the network, the proxy (HTTPS_PROXY) and the Region {self.region}."


def no_region(place: Place) -> CannotRun:
    """Neither the command line nor the environment nor the profile names a Region."""
    where = f"profile {place.profile}" if place.profile else "the environment and the default profile"
    return CannotRun(f"No Region: {where} names none.", "Add --region REGION, or: export AWS_REGION=REGION")


def no_credentials(place: Place) -> CannotRun:
    """No provider of botocore's chain has credentials."""
    where = f"profile {place.profile}" if place.profile else "the environment, the default profile and this machine's role"
    return CannotRun(f"No credentials: {where} hold none.", place.sign_in)


def no_terminal_for_mfa(place: Place) -> CannotRun:
    """A code has to be typed, and nobody can be asked: a schedule, a pipe, CI."""
    named = place.profile or "default"
    return CannotRun(
        f"Profile {named} needs an MFA code, and there is no terminal to ask for it.",
        f'Run in a terminal, or first: eval "$(aws configure export-credentials --profile {named} --format env)"',
    )


def cannot_run(error: BaseException, place: Place) -> CannotRun:
    """By the exception's class first, then by the kind of failure it would be in the middle of a run."""
    said = one_line(str(error))
    match error:
        case aws.ProfileNotFound():
            return CannotRun(
                f"There is no profile {place.profile or error.kwargs.get('profile', '')} in the AWS configuration.", place.unknown_profile
            )
        case aws.ConfigParseError() | aws.ConfigNotFound() | UnicodeDecodeError():
            return CannotRun(
                f"The AWS configuration cannot be read: {said}", "Check ~/.aws/config, ~/.aws/credentials and AWS_CONFIG_FILE."
            )
        case aws.InvalidRegionError():
            return CannotRun(f"{place.region!r} is no name of a Region.", _region_hint(place))
        case aws.NoRegionError():
            return no_region(place)
        case aws.NoCredentialsError():
            return no_credentials(place)
        case EOFError():
            return no_terminal_for_mfa(place)
        case aws.PartialCredentialsError():
            return CannotRun(f"Credentials are incomplete: {said}", place.sign_in)
        case aws.MissingDependencyException():
            return CannotRun(f"botocore cannot use these credentials: {said}", "Run: pip install 'botocore[crt]'")
        case aws.InvalidConfigError():
            return CannotRun(
                f"The AWS configuration of profile {place.profile or 'default'} is wrong: {said}", "Correct it in ~/.aws/config."
            )
        case TimeIsUp():
            return CannotRun(
                f"The credentials of profile {place.profile or 'default'} did not come: {said}.",
                f"{place.log_in} Or give it more --timeout.",
            )
        case ClientError() if error.operation_name == "AssumeRole":
            return _role_refused(error, place)
        case ValueError() if "Invalid endpoint" in said:
            return CannotRun(
                f"{place.endpoint_url or said} is no URL of an endpoint.",
                "It starts with http:// or https://, in --endpoint-url or AWS_ENDPOINT_URL.",
            )
    return _by_kind(error, place, said)


def _by_kind(error: BaseException, place: Place, said: str) -> CannotRun:
    kind, code, message = describe(error)
    match kind:
        case ErrorKind.CREDENTIALS:
            return CannotRun(f"The credentials are not valid: {message or code}", place.log_in)
        case ErrorKind.NETWORK:
            return CannotRun(f"AWS cannot be reached: {message or code}", place.network(error))
        case ErrorKind.BAD_ANSWER:
            return CannotRun(
                f"The AWS session cannot be opened: {type(error).__name__}: {said}",
                "Check the AWS configuration; --debug shows where it failed.",
            )
    return CannotRun(f"The AWS session cannot be opened: {code}: {message}", place.log_in)


def _role_refused(error: ClientError, place: Place) -> CannotRun:
    kind, code, message = describe(error)
    role = place.role_arn or "the role of the profile"
    if kind is ErrorKind.CREDENTIALS:
        return CannotRun(f"The credentials are not valid: {code}: {message}", place.log_in)
    return CannotRun(
        f"{role} cannot be assumed: {code}: {message}",
        "Check the role's name, its trust policy and --external-id, and that you may call sts:AssumeRole.",
    )


def _region_hint(place: Place) -> str:
    similar = similar_regions(place.region)
    return f"Did you mean --region {similar[0]}?" if similar else "A Region is written like eu-central-1: add --region REGION."
