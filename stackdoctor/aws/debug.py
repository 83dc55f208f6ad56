"""--debug: what botocore does, on stderr, without secrets.

in: log records of botocore, urllib3 and stackdoctor. out: lines that hold no access key, token, signature, template
parameter or body of an answer. Signing is not logged at all: every line of it is a secret or made from one.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

from stackdoctor.redact import scrub_secrets

LOGGERS = ("stackdoctor", "boto3", "botocore", "urllib3")
MASK = "****"

_SILENT = ("botocore.auth", "botocore.hooks", "botocore.loaders", "botocore.regions", "botocore.endpoint_provider")
"""Signatures, and thousands of lines that say nothing about a run."""

_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{12,}")
_QUOTED = r"""(?:b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*")"""
_SECRET_FIELD = re.compile(
    rf"""(?ix) (?P<name> ['"]? (?: authorization | x-amz-security-token | x-amz-(?:signature|credential) | (?:proxy-)?authorization
        | aws_?secret_?access_?key | secret_?access_?key | aws_?session_?token | session_?token | aws_?access_?key_?id | access_?key_?id
        | access_?token | refresh_?token | id_?token | client_?secret | token_?code | external_?id | password
        | parameter_?value | template_?body | set-cookie | cookie ) ['"]? \s* [:=] \s* ) (?: {_QUOTED} | [^\s,;&'"<>}}\]]+ )"""
)
_BEARER = re.compile(r"(?i)(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256|Bearer|Basic)\s+[^'\"\n]+")
_XML_FIELD = re.compile(
    r"(?is)<(SecretAccessKey|SessionToken|AccessKeyId|ParameterValue|TemplateBody|accessToken|refreshToken)>.*?(?:</\1>|\Z)"
)
_USER_IN_URL = re.compile(r"(://)[^/@\s'\"]+@")


class SafeFormatter(logging.Formatter):
    """Masks secrets in what is written, tracebacks included. `known` are secrets by their value, masked wherever they stand."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s: %(message)s")
        self.known: set[str] = set()

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "botocore.parsers":
            record = _without_body(record)
        return self.mask(super().format(record))

    def mask(self, text: str) -> str:
        """The text without anything that opens a door."""
        for secret in self.known:
            text = text.replace(secret, MASK)
        text = _BEARER.sub(MASK, text)
        text = _SECRET_FIELD.sub(rf"\g<name>{MASK}", text)
        text = _XML_FIELD.sub(rf"<\1>{MASK}", text)
        text = _USER_IN_URL.sub(rf"\1{MASK}@", text)
        text = _KEY_ID.sub(MASK, text)
        clean: str = scrub_secrets(text)
        return clean


def start(stream: TextIO | None = None) -> SafeFormatter:
    """Sends the logs of a run to stderr. Give the formatter to `know` once credentials are resolved."""
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = SafeFormatter()
    handler.setFormatter(formatter)
    handler.addFilter(_worth_a_line)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.handlers = [handler]
    return formatter


def know(credentials: Any) -> None:
    """Adds frozen credentials to what every debug log masks by value."""
    values = {value for value in (credentials.access_key, credentials.secret_key, credentials.token) if value and len(value) >= 8}
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler.formatter, SafeFormatter):
                handler.formatter.known |= values


def _worth_a_line(record: logging.LogRecord) -> bool:
    return not record.name.startswith(_SILENT)


def _without_body(record: logging.LogRecord) -> logging.LogRecord:
    """The parser logs whole bodies: policies, templates with their parameters, credentials of a role."""
    safe = logging.makeLogRecord(record.__dict__)
    safe.msg, safe.args = (record.msg if isinstance(record.msg, str) else "").split("%", 1)[0].strip() + " (not logged)", ()
    return safe
