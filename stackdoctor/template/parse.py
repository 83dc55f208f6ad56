"""Text → `Template` or `BadTemplate`. Never raises, whatever the text is."""

from __future__ import annotations

from functools import lru_cache

from stackdoctor.template.json_source import read_json
from stackdoctor.template.source import MAX_CHARACTERS, BadTemplate, Node, Rejected, Template
from stackdoctor.template.yaml_source import read_yaml


def parse(text: str) -> Template | BadTemplate:
    """A CloudFormation template in JSON or YAML, with its byte order mark, line ends and comments as they are."""
    if len(text) > MAX_CHARACTERS:
        return BadTemplate(f"larger than {MAX_CHARACTERS} characters; CloudFormation takes 1 MB")
    return _parse(text)


@lru_cache(maxsize=16)
def _parse(text: str) -> Template | BadTemplate:
    offset = 1 if text.startswith("\ufeff") else 0
    try:
        root, is_json, aliased = _read(text, offset)
        _check(root)
    except Rejected as error:
        return _bad(text, error)
    return Template(text, root, is_json, aliased)


def _read(text: str, offset: int) -> tuple[Node, bool, frozenset[str]]:
    """JSON where it is JSON; what only begins like it may be YAML in flow style."""
    if text[offset:].lstrip(" \t\r\n")[:1] not in {"{", "["}:
        return _yaml(text, offset)
    try:
        return read_json(text, offset), True, frozenset()
    except Rejected as as_json:
        if as_json.reason.startswith(("duplicate", "nested", "more than")):
            raise
        try:
            return _yaml(text, offset)
        except Rejected:
            raise as_json from None


def _yaml(text: str, offset: int) -> tuple[Node, bool, frozenset[str]]:
    root, aliased = read_yaml(text, offset)
    return root, False, aliased


def _check(root: Node) -> None:
    if not isinstance(root.value, dict) or root.tag:
        raise Rejected("a template is a mapping with Resources", root.start)
    resources = root.value.get("Resources")
    if not isinstance(resources, dict):
        found = root.child("Resources")
        raise Rejected("a template is a mapping with Resources", found.start if found else root.start)


def _bad(text: str, error: Rejected) -> BadTemplate:
    if error.offset < 0:
        return BadTemplate(error.reason)
    before = text[: error.offset]
    return BadTemplate(error.reason, before.count("\n") + 1, error.offset - before.rfind("\n"))
