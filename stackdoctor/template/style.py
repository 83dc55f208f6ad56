"""How a template is written, and new values written the same way: JSON, YAML blocks, YAML in brackets."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.template.source import Node, Shape, Template, intrinsic
from stackdoctor.template.yaml_source import plain

_PLAIN = re.compile(r"[A-Za-z_/.$(][A-Za-z0-9_/.$()+*@=:;,?<>|&^~ \[\]{}'\"#!%-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Raw(str):
    """A value that is already written, taken over as it stands."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Style:
    """What the text near an edit looks like.

    `step` indents a mapping in a mapping, `dash` a list in one ('' where dashes stand under their key), `after_dash` is
    what stands between a dash and a mapping, `after_dash_text` between a dash and a text. `quote` and
    `key_quote` are the usual quotes, `inline` is whether lists of texts stand on one line, `short` whether intrinsic
    functions are written as tags; `comma`, `colon` and `spread` (over several lines) are JSON's.
    """

    is_json: bool
    newline: str
    step: str
    dash: str
    after_dash: str
    after_dash_text: str
    quote: str
    key_quote: str
    inline: bool
    short: bool
    comma: str
    colon: str
    spread: bool

    # ------------------------------------------------------------------------------------------------ scalars
    def scalar(self, value: JSON, quote: str | None = None, *, flow: bool = False) -> str:
        """One value on one line."""
        if isinstance(value, Raw):
            return str(value)
        if not isinstance(value, str):
            return json.dumps(value)
        if self.is_json:
            return json.dumps(value, ensure_ascii=bool(_UNPRINTABLE.search(value)))
        wanted = self.quote if quote is None else quote
        if wanted == "" and safe_plain(value, flow=flow):
            return str(value)
        if wanted == '"' or not value.isprintable() or _UNPRINTABLE.search(value):
            return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))
        return "'" + value.replace("'", "''") + "'"

    def key(self, name: str, *, flow: bool = False) -> str:
        if self.is_json:
            return self.scalar(name)
        return self.scalar(name, self.key_quote if ":" in name else "", flow=flow)

    # ------------------------------------------------------------------------------------------------ in brackets
    def flow(self, value: JSON, indent: str | None = None, quote: str | None = None) -> str:
        """A value in JSON or in YAML's brackets; over several lines where `indent` is given and it is JSON."""
        if (short := self._short(value, flow=True, quote=quote)) is not None:
            return short
        if not isinstance(value, dict | list) or not value:
            return "{}" if value == {} else "[]" if value == [] else self.scalar(value, quote, flow=True)
        spread = indent is not None and self.is_json and not (self.inline and isinstance(value, list) and scalars(value))
        inner = (indent or "") + self.step if spread else None
        if isinstance(value, dict):
            parts = [self.key(name, flow=True) + self.colon + self.flow(item, inner, quote) for name, item in value.items()]
        else:
            parts = [self.flow(item, inner, quote) for item in value]
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        if inner is None:
            return opening + self.comma.join(parts) + closing
        line = self.newline + inner
        return opening + line + ("," + line).join(parts) + self.newline + (indent or "") + closing

    def _short(self, value: JSON, *, flow: bool, quote: str | None = None) -> str | None:
        """An intrinsic function in short form, where the template writes them so."""
        found = intrinsic(value)
        if found is None or not self.short:
            return None
        name, argument = found
        tag = "!" + name.removeprefix("Fn::")
        if name == "Fn::GetAtt" and isinstance(argument, list) and scalars(argument):
            return f"{tag} {'.'.join(str(part) for part in argument)}"
        if isinstance(argument, dict | list):
            return None
        usual = (self.quote if quote is None else quote) or ("" if name == "Ref" else '"')
        return f"{tag} {self.scalar(argument, usual, flow=flow)}"

    # ------------------------------------------------------------------------------------------------ in blocks
    def block(self, value: JSON, indent: str) -> str:
        """A value that begins at the column `indent`, its first line without it."""
        if not self.spreads(value):
            return self.flow(value) if isinstance(value, dict | list) and not intrinsic(value) else self._one_line(value)
        lines = self.newline + indent
        if isinstance(value, dict):
            return lines.join(self.entry(name, item, indent) for name, item in value.items())
        items = value if isinstance(value, list) else []
        return lines.join(self.item(item, indent) for item in items)

    def _one_line(self, value: JSON) -> str:
        short = self._short(value, flow=False)
        return self.scalar(value) if short is None else short

    def spreads(self, value: JSON) -> bool:
        """Whether a value takes lines of its own in a block."""
        if not isinstance(value, dict | list) or not value or self._short(value, flow=False) is not None:
            return False
        return not (self.inline and isinstance(value, list) and scalars(value))

    def entry(self, name: str, value: JSON, indent: str) -> str:
        """`name: value` of a block mapping at this column."""
        head = self.key(name) + ":"
        if not self.spreads(value):
            return f"{head} {self.block(value, indent)}"
        inner = indent + (self.step if isinstance(value, dict) else self.dash)
        return head + self.newline + inner + self.block(value, inner)

    def item(self, value: JSON, indent: str, gap: str = "") -> str:
        """`- value` of a block list at this column; `gap` is what stands between dash and value in this list."""
        gap = gap or (self.after_dash if self.spreads(value) else self.after_dash_text)
        return "-" + gap + self.block(value, indent + " " + gap)


def scalars(values: Iterable[JSON]) -> bool:
    """Whether none of the values is a collection; intrinsic functions count as the one value they give."""
    return all(not isinstance(value, dict | list) or intrinsic(value) is not None for value in values)


def safe_plain(value: str, *, flow: bool) -> bool:
    """Whether a text can stand without quotes and stays a text, in YAML 1.1 as in 1.2."""
    if not _PLAIN.fullmatch(value) or value.lower() in _WORDS or not isinstance(plain(value), str):
        return False
    if ": " in value or " #" in value or value.endswith((":", " ")) or (flow and re.search(r"[,\[\]{}]", value)):
        return False
    return not value.startswith(("...", "$ ")) and value not in {".", "/"}


# ---------------------------------------------------------------------------------------------------- detection
def style_of(template: Template, near: Node) -> Style:
    """The habits of the text under `near`, and where it shows none, of the whole template."""
    nodes = list(near.walk())
    everything = list(template.root.walk())
    text = template.text
    gaps = _gaps(text, everything) if template.is_json else Counter()
    return Style(
        is_json=template.is_json,
        newline="\r\n" if "\r\n" in text else "\n",
        step=_most(_steps(text, nodes)) or _most(_steps(text, everything)) or "  ",
        dash=_first(_most(_dashes(text, nodes)), _most(_dashes(text, everything)), "  "),
        after_dash=_most(_after_dashes(text, nodes, True)) or _most(_after_dashes(text, everything, True)) or " ",
        after_dash_text=_most(_after_dashes(text, nodes, False)) or " ",
        quote=_first(_most(_quotes(nodes)), ""),
        key_quote=_first(_most(Counter(key.style for node in nodes for key in node.keys if ":" in str(key.value))), ""),
        inline=_first(_most(_inline(text, nodes)), "") == "inline",
        short=not template.is_json and any(node.tag.startswith("!") for node in everything),
        comma=_most(Counter({gap: n for gap, n in gaps.items() if gap.startswith(",")})) or ", ",
        colon=_most(Counter({gap: n for gap, n in gaps.items() if gap.startswith(":")})) or ": ",
        spread=any(_starts_line(text, key.start) and "\n" in text[: key.start] for node in everything for key in node.keys[:1]),
    )


def _most(counted: Counter[str]) -> str | None:
    return counted.most_common(1)[0][0] if counted else None


def _first(*values: str | None) -> str:
    return next((value for value in values if value is not None), "")


def indent_of(text: str, offset: int) -> str:
    """The blanks that lead to a column: the line's own, and one for each character after them."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return blank + " " * (len(line) - len(blank))


def line_indent(text: str, offset: int) -> str:
    """The blanks that the line of this offset begins with."""
    found = re.compile(r"[ \t]*").match(text, text.rfind("\n", 0, offset) + 1)
    return found.group() if found else ""


def _starts_line(text: str, offset: int) -> bool:
    return not text[text.rfind("\n", 0, offset) + 1 : offset].strip(" \t\ufeff")


def _steps(text: str, nodes: list[Node]) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in nodes:
        if node.alias or not node.keys or (node.flow and not _starts_line(text, node.keys[0].start)):
            continue
        for key, item in zip(node.keys, node.items, strict=True):
            if item.keys and not item.alias and _starts_line(text, item.keys[0].start) and _starts_line(text, key.start):
                outer, inner = indent_of(text, key.start), indent_of(text, item.keys[0].start)
                if inner.startswith(outer) and inner != outer:
                    found[inner[len(outer) :]] += 1
    return found


def _dashes(text: str, nodes: list[Node]) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in nodes:
        for key, item in zip(node.keys, node.items, strict=False):
            if item.shape is Shape.SEQUENCE and not item.flow and not item.alias and not node.alias:
                outer, inner = indent_of(text, key.start), indent_of(text, item.body)
                found[inner[len(outer) :]] += 1
    return found


def after_dash(text: str, node: Node) -> str:
    """What stands between the first dash of a block list and its item; '' where that is more than blanks."""
    if node.shape is not Shape.SEQUENCE or node.flow or node.alias or not node.items:
        return ""
    gap = text[node.body + 1 : node.items[0].start]
    return "" if gap.strip(" ") else gap


def _after_dashes(text: str, nodes: list[Node], mappings: bool) -> Counter[str]:
    gaps = ((after_dash(text, node), bool(node.items and node.items[0].keys and not node.items[0].flow)) for node in nodes)
    return Counter(gap for gap, mapping in gaps if gap and mapping is mappings)


def _quotes(nodes: list[Node]) -> Counter[str]:
    """The quotes of texts that needed none."""
    return Counter(
        node.style for node in nodes if node.shape is Shape.SCALAR and node.style in {"", "'", '"'} and safe_plain(_text(node), flow=False)
    )


def _text(node: Node) -> str:
    found = intrinsic(node.value) if node.tag else None
    value = found[1] if found else node.value
    return value if isinstance(value, str) else ""


def _inline(text: str, nodes: list[Node]) -> Counter[str]:
    return Counter(
        "inline" if node.flow and "\n" not in text[node.start : node.end] else "spread"
        for node in nodes
        if node.shape is Shape.SEQUENCE and node.items and scalars(item.value for item in node.items) and not node.tag
    )


def _gaps(text: str, nodes: list[Node]) -> Counter[str]:
    """What stands after commas (on one line) and colons in JSON."""
    found: Counter[str] = Counter()
    for node in nodes:
        for key, item in zip(node.keys, node.items, strict=False):
            found[text[key.end : item.start].lstrip(" ")] += 1
        starts = [key.start for key in node.keys] or [item.start for item in node.items]
        for item, start in zip(node.items, starts[1:], strict=False):
            gap = text[item.end : start]
            if "\n" not in gap:
                found[gap.lstrip(" ")] += 1
    return found
