"""Secrets out of AWS's answers, before anything else sees them: the same for live, kept and printed evidence.

in: an answer as JSON, or a text. out: the same with `****` for parameter values, NoEcho defaults, properties named like
a password, secret or token, environments of functions, user data, and without access-key ids and signatures.
JSON and YAML inside texts (ResourceProperties, TemplateBody, CloudTrailEvent) is looked into; a text that holds
nothing secret stays as it is, to the letter. Applying it twice changes nothing more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from stackdoctor.scrub_yaml import scrub_yaml

T = TypeVar("T")

MASK = "****"
KEY_ID_MASK = "[access key id removed]"

KEY_ID = re.compile(r"(?<![A-Za-z0-9/+])(?:AKIA|ASIA)[A-Z0-9]{12,}(?![A-Za-z0-9/+=])")
_SIGNED = re.compile(
    r"(?i)((?:X-Amz-(?:Signature|Security-Token|Credential)|AWSAccessKeyId|(?<=[?&])Signature)(?:=|%3D))[^&\s\"'\\<>*][^&\s\"'\\<>]*"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)

_SECRET_WORD = (
    r"passw(?:or)?d|passphrase|secret|token|credential|api_?-?key|private_?-?key|access_?-?key|signing_?-?key"
    r"|connection_?-?string|auth_?-?header"
)
_SECRET_KEY = re.compile(rf"(?i){_SECRET_WORD}")
_NOT_SECRET = re.compile(
    r"""(?ix) :|\.                                        # a condition key
    | (?:arns?|ids?|names?|length|policy|policies|type|enabled|validity|age|days|ttl|duration|units?|time|uri|url|endpoint|version
       |status|state|description|prefix|sources?|scopes?|metadata|required|rotation|rule|rules|kmskey|manager|characters|case)$
    | ^(?:next|start|client|clientrequest|clientrequest_|request|pagination|continuation|idempotency|client_request|bearer)_?token$
    | ^(?:noecho|marker|handlererrorcode|publickey)$ """
)
_ENVIRONMENT = frozenset({"Environment", "EnvironmentVariables", "RuntimeEnvironmentVariables", "environment", "environmentVariables"})
_OPAQUE = frozenset({"UserData", "userData"})
_VALUES = frozenset({"Value", "value"})
_PARAMETER = frozenset({"ParameterValue", "ResolvedValue", "OutputValue", "parameterValue", "resolvedValue"})
_PAGING = frozenset({"NextToken", "NextMarker", "Marker"})
_REFERENCES = frozenset({"Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::Select", "Fn::If", "Condition", "Fn::FindInMap"})
_PLAIN = frozenset(
    {
        *("StackId", "StackName", "EventId", "LogicalResourceId", "ResourceType", "Timestamp", "ResourceStatus"),
        *("OperationId", "ClientRequestToken", "StackStatus", "EventName", "EventTime", "EventSource"),
    }
)
"""Members that AWS itself fills with ids and enumerations: nothing to look for."""
_LOOK = (
    *("passw", "passphrase", "secret", "token", "credential", "apikey", "api_key", "api-key", "privatekey", "private_key"),
    *(
        "private-key",
        "private key",
        "accesskey",
        "access_key",
        "access-key",
        "signingkey",
        "signing_key",
        "signing-key",
        "connectionstring",
    ),
    *("connection_string", "connection-string", "authheader", "auth_header", "auth-header", "environment", "userdata", "noecho"),
    *("parametervalue", "resolvedvalue", "outputvalue", "akia", "asia", "x-amz-", "signature="),
)
"""A text without any of these words, in lower case, holds nothing to look for."""


@lru_cache(maxsize=4096)
def secret_name(key: str) -> bool:
    """Whether a property of this name holds a secret: MasterUserPassword, SecretString, ApiKey; not SecretArn, TokenKeyId."""
    if key.lower().endswith(("accesskeyid", "access_key_id")):
        return True
    return bool(_SECRET_KEY.search(key)) and not _NOT_SECRET.search(key)


def scrub_secrets(value: T) -> T:
    """The value without secrets; what holds none is given back as it is."""
    clean: T = _clean(value)
    return clean


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case dict():
            return {key: child if key in _PLAIN and isinstance(child, str) else _member(key, child, value) for key, child in value.items()}
        case list() | tuple():
            return [_clean(child) for child in value]
    return value


def _member(key: str, child: Any, parent: Mapping[str, Any]) -> Any:
    if key in _PAGING:
        return child
    if key in _PARAMETER or key in _OPAQUE:
        return _hide(child)
    if key in _ENVIRONMENT:
        return _environment(child)
    if key == "Default" and str(parent.get("NoEcho", "false")).lower() != "false":
        return _hide(child)
    if secret_name(key):
        if isinstance(child, dict) and "Type" in child:  # a parameter or resource of that name
            return _clean({**child, "Default": MASK} if isinstance(child.get("Default"), str) else child)
        return _hide(child) if not isinstance(child, dict) or any(name.startswith("Fn::") for name in child) else _clean(child)
    return _clean(child)


def _hide(value: Any) -> Any:
    """Only names of other things stay readable: a reference, or where Secrets Manager or Parameter Store is asked."""
    match value:
        case str():
            return value if value.startswith("{{resolve:") or not value else MASK
        case bool() | None:
            return value
        case int() | float():
            return MASK
        case dict():
            return {key: child if key in _REFERENCES else _hide(child) for key, child in value.items()}
        case list():
            return [_hide(child) for child in value]
    return MASK


def _environment(value: Any) -> Any:
    """The names of variables stay, their values go: {Variables: {K: V}}, [{Name: K, Value: V}] or {K: V}."""
    match value:
        case dict():
            return {
                key: _environment(child) if isinstance(child, dict | list) and key not in _REFERENCES else _unless_reference(key, child)
                for key, child in value.items()
            }
        case list():
            return [_environment(child) if isinstance(child, dict | list) else _hide(child) for child in value]
    return _hide(value)


def _unless_reference(key: str, value: Any) -> Any:
    if key in _REFERENCES or key in {"Name", "name", "Type", "ComputeType", "Image"}:
        return value
    return _hide(value)


def _text(text: str) -> str:
    lower = text.lower()
    if not any(word in lower for word in _LOOK):
        return text
    if text[:1] in "{[" or text.lstrip()[:1] in {"{", "["}:
        text = _json_text(text)
    elif "\n" in text:
        text = scrub_yaml(text, secret_name, _ENVIRONMENT, _OPAQUE, MASK)
    text = KEY_ID.sub(KEY_ID_MASK, text)
    text = _SIGNED.sub(rf"\g<1>{MASK}", text)
    return _PRIVATE_KEY.sub(MASK, text)


def _json_text(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _PAIR.sub(_hide_pair, text)
    try:
        clean = _clean(value)
    except RecursionError:
        return MASK
    return (
        text
        if clean == value
        else json.dumps(clean, indent=_indent(text), separators=(",", ":") if '":' in text and '": ' not in text else None)
    )


_PAIR = re.compile(r'"([A-Za-z0-9_-]+)"(\s*:\s*)"((?:[^"\\]|\\.)*)"?')


def _hide_pair(match: re.Match[str]) -> str:
    """For a text that was cut off, and so is no JSON any more."""
    key, colon, value = match.groups()
    secret = value and (secret_name(key) or key in _PARAMETER or key in _OPAQUE or key in _VALUES)
    return f'"{key}"{colon}"{MASK}"' if secret else match.group()


def _indent(text: str) -> int | None:
    found = re.search(r"\n( +)", text)
    return len(found.group(1)) if found else None
