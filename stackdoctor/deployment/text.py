"""Values → the text that is printed: YAML, with texts of several lines as blocks, or JSON. Always the same for the same value."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from stackdoctor.model import JSON


def as_json(document: Mapping[str, JSON]) -> str:
    """JSON, ending in a newline."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_yaml(document: Mapping[str, JSON]) -> str:
    """YAML 1.1, as CloudFormation and Systems Manager read it."""
    writer = YAML(pure=True)
    writer.version = (1, 1)  # so that OFF is quoted: there it is a boolean
    writer.width = 10_000
    writer.default_flow_style = False
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump(_with_blocks(dict(document)), out)
    return out.getvalue().removeprefix("%YAML 1.1\n---\n")


def _with_blocks(value: JSON) -> JSON:
    match value:
        case str() if "\n" in value:
            return str.__new__(LiteralScalarString, value)
        case dict():
            return {key: _with_blocks(child) for key, child in value.items()}
        case list():
            return [_with_blocks(child) for child in value]
    return value
