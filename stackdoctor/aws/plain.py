"""botocore's answer → plain JSON, and whether it can be believed at all.

in: what a client gave. out: times as ISO 8601 in UTC with microseconds, bodies as text, no ResponseMetadata.
botocore reads a body that is no JSON as an empty answer, and a web page in XML as one without members; both would look
like "there is none", so `check_body` refuses them first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Unbelievable(ValueError):
    """The body is not an answer of this operation: a proxy's page, garbage, cut off."""


def to_json(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as it is kept and replayed."""
    return {key: _value(key, value) for key, value in answer.items() if key != "ResponseMetadata"}


def _value(key: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return iso(value)
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case dict():
            # boto3 parses a template that is JSON; the order of its keys is the file's
            return (
                json.dumps(value, indent=2)
                if key == "TemplateBody"
                else {str(name): _value(str(name), child) for name, child in value.items()}
            )
        case list() | tuple():
            return [_value("", child) for child in value]
    return value.read().decode("utf-8", "replace")


def iso(moment: datetime) -> str:
    """`2026-11-25T12:00:00.123000+00:00`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


# ------------------------------------------------------------------------------------------------ is it an answer at all
_WEB_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BODY_IS_JSON = frozenset({"json", "rest-json"})


def check_body(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: object) -> None:
    """A handler for botocore's `after-call` event. Raises Unbelievable for a body that is no answer of the operation."""
    if http_response.status_code >= 300 or model.output_shape is None or model.has_streaming_output:
        return
    body: bytes = http_response.content
    if not body.strip():
        raise Unbelievable("an empty answer")
    if _WEB_PAGE.match(body[:400]):
        raise Unbelievable("a web page instead of an answer")
    payload = model.output_shape.serialization.get("payload")
    if model.service_model.protocol in _BODY_IS_JSON or payload == "Policy":
        _check_json(body)
    elif payload and not parsed.get(payload):
        raise Unbelievable("an answer without content")


def _check_json(body: bytes) -> None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Unbelievable(f"{len(body)} bytes that are no JSON") from None
    if not isinstance(value, dict):
        raise Unbelievable("JSON that is no object")
