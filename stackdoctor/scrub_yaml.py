"""Secrets out of a YAML template's text, layout and comments untouched: a line stays a line.

in: the text of a template. out: the same text with the values of secret properties, environments, user data and NoEcho
parameters replaced. It reads lines by their indentation and does not parse YAML, so that a half-written template, and
one of megabytes, is scrubbed as well; where a value goes on over several lines, they become comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

_LEAD = re.compile(r"\s*(?:-\s+)*")
_KEY_END = re.compile(r":(?=\s|$)")
_FLOW = re.compile(r"""(?<![A-Za-z0-9_])(?P<key>[A-Za-z0-9_]+)(?P<colon>\s*:\s+)(?P<value>"[^"]*"|'[^']*'|[^,{}\[\]]+)""")
_REFERENCE = re.compile(r"^(?:!Ref|!GetAtt|!ImportValue|!If|!FindInMap|!Select)\b|^['\"]?\{\{resolve:")
_LITERAL = re.compile(r"^(?:true|false|null|~)$", re.IGNORECASE)
_REFERENCE_KEY = re.compile(r"Ref|Fn::(?:GetAtt|ImportValue|If|FindInMap|Select)")


@dataclass(slots=True)
class _Line:
    """One line as far as its indentation, key and value can be told; a line without a key has key ''.

    `head` is the text up to and with the key's colon.
    """

    raw: str
    indent: int
    key: str
    head: str
    value: str

    @property
    def blank(self) -> bool:
        return not self.raw.strip() or self.raw.lstrip().startswith("#")


def _parse(raw: str) -> _Line:
    """By finding, not by one pattern: a line may be megabytes long."""
    body = raw.rstrip("\r\n")
    lead = _LEAD.match(body)
    start = lead.end() if lead else 0
    end = _key_end(body, start)
    if end is None:
        return _Line(raw, len(body) - len(body.lstrip()), "", "", "")
    value = body[end + 1 :].strip()
    comment = 0 if value.startswith("#") else value.find(" #") if value[:1] not in {"'", '"'} else -1
    return _Line(raw, start, body[start:end].strip().strip("'\""), body[: end + 1], value if comment < 0 else value[:comment].rstrip())


def _key_end(body: str, start: int) -> int | None:
    """The place of the colon behind a key; None where the line has no key."""
    first = body[start : start + 1]
    if first in {"'", '"'}:
        close = body.find(first, start + 1)
        colon = _KEY_END.match(body, close + 1) if close > 0 else None
    else:
        colon = _KEY_END.search(body, start) if first and first not in "#{[" else None
    return colon.start() if colon and "#" not in body[start : colon.start()] else None


def scrub_yaml(text: str, secret: Callable[[str], bool], environments: Collection[str], opaque: Collection[str], mask: str) -> str:
    """The text with `mask` in place of what is secret."""
    lines = [_parse(raw) for raw in text.splitlines(keepends=True)]
    hidden = set(_no_echo_defaults(lines, secret))
    out: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        end = _block_end(lines, number) if line.key else number + 1
        nested = _is_mapping(lines, number, end)
        if line.key in opaque or number in hidden or (line.key and secret(line.key) and not nested):
            out.extend(_hide(lines[number:end], mask))
            number = end
        elif line.key in environments and nested:
            out.append(line.raw)
            out.extend(_hide_leaves(lines[number + 1 : end], mask))
            number = end
        else:
            out.append(_hide_flow(line.raw, secret, mask))
            number += 1
    return "".join(out)


def _block_end(lines: list[_Line], start: int) -> int:
    """Where the value that starts on a line ends: before the next line that is not indented deeper (or a list's dash)."""
    indent, end = lines[start].indent, start + 1
    while end < len(lines):
        line = lines[end]
        depth = len(line.raw) - len(line.raw.lstrip())
        if line.raw.strip() and depth <= indent and not (depth == indent and line.raw.lstrip().startswith("- ") and not lines[start].value):
            break
        end += 1
    return end


def _is_mapping(lines: list[_Line], start: int, end: int) -> bool:
    """Whether the value is a mapping or list on the lines below, not a scalar."""
    if lines[start].value:
        return False
    first = next((line for line in lines[start + 1 : end] if not line.blank), None)
    return bool(first and (first.key or first.raw.lstrip().startswith("-")) and not first.key.startswith("Fn::"))


def _no_echo_defaults(lines: list[_Line], secret: Callable[[str], bool]) -> Iterator[int]:
    for number, line in enumerate(lines):
        if line.key and not line.value:
            children = [n for n in range(number + 1, _block_end(lines, number)) if lines[n].key]
            depth = min((lines[n].indent for n in children), default=0)
            direct = {lines[n].key: n for n in children if lines[n].indent == depth}
            if "Default" in direct and "Type" in direct:
                no_echo = "NoEcho" in direct and lines[direct["NoEcho"]].value.strip("'\"").lower() != "false"
                if no_echo or secret(line.key):
                    yield direct["Default"]


def _hide(block: list[_Line], mask: str) -> Iterator[str]:
    first = block[0]
    if (
        _LITERAL.match(first.value)
        or _REFERENCE.match(first.value)
        or (not first.value and any(_REFERENCE_KEY.fullmatch(line.key) for line in block[1:2]))
    ):
        yield from (line.raw for line in block)
        return
    if first.value in {"", "''", '""'} and all(line.blank for line in block[1:]):
        yield from (line.raw for line in block)
        return
    yield f"{first.head} '{mask}'{_ending(first.raw)}"
    for line in block[1:]:
        blank = line.blank or line.raw.strip() == f"# {mask}"
        yield line.raw if blank else f"{' ' * (len(line.raw) - len(line.raw.lstrip()))}# {mask}{_ending(line.raw)}"


def _hide_leaves(block: list[_Line], mask: str) -> Iterator[str]:
    number = 0
    while number < len(block):
        line = block[number]
        end = number + 1
        if line.key and line.key not in {"Name", "Type"} and not line.blank:
            end = _block_end(block, number)
            if _is_mapping(block, number, end):
                yield line.raw
                end = number + 1
            else:
                yield from _hide(block[number:end], mask)
        else:
            yield line.raw
        number = end


def _hide_flow(raw: str, secret: Callable[[str], bool], mask: str) -> str:
    """`{Type: String, NoEcho: true, Default: x}` and `{Password: x}` on one line."""
    if "{" not in raw:
        return raw
    no_echo = bool(re.search(r"NoEcho:\s+['\"]?(?!['\"]?false)", raw, re.IGNORECASE))

    def hide(match: re.Match[str]) -> str:
        key, value = match["key"], match["value"].strip()
        wanted = (no_echo and key == "Default") or secret(key)
        keep = not wanted or _REFERENCE.match(value) or _LITERAL.match(value)
        return match.group() if keep else f"{key}{match['colon']}'{mask}'"

    return _FLOW.sub(hide, raw)


def _ending(raw: str) -> str:
    return raw[len(raw.rstrip("\r\n")) :]
