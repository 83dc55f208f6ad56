"""Cuts and insertions in a template's text: entries of lists and mappings, in blocks, in brackets and in JSON.

Only offsets and text here; what is to change is `edit`'s business, and whether it came out right is `patch`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from stackdoctor.model import JSON
from stackdoctor.template.source import Node, Shape
from stackdoctor.template.style import Style, after_dash, indent_of


@dataclass(frozen=True, slots=True)
class Addition:
    """A new entry behind the entry `after` (-1: before all others); `name` is None in a list."""

    after: int
    name: str | None
    value: JSON


@dataclass(slots=True)
class Splices:
    """Changes to one text, applied together."""

    text: str
    style: Style
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def put(self, start: int, end: int, new: str) -> None:
        self.changes.append((start, end, new))

    def apply(self) -> str:
        made: list[str] = []
        at = 0
        for start, end, new in sorted(self.changes, key=lambda change: change[:2]):
            made += [self.text[at:start], new]
            at = max(at, end)
        return "".join([*made, self.text[at:]])

    # ------------------------------------------------------------------------------------------------ entries
    def entries(self, node: Node, drop: set[int], add: list[Addition]) -> None:
        """Drops and adds entries of a collection of which at least one entry stays."""
        if node.flow:
            _Flow(self, node).change(drop, add)
        else:
            _Block(self, node).change(drop, add)

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Before the line's end, whichever it is."""
        found = self.text.find("\n", offset)
        if found < 0:
            return len(self.text)
        return found - 1 if found > 0 and self.text[found - 1] == "\r" else found

    def next_line(self, offset: int) -> int:
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def starts_line(self, offset: int) -> bool:
        return not self.text[self.line_start(offset) : offset].strip(" \t")


class _Entries:
    def __init__(self, splices: Splices, node: Node) -> None:
        self.splices = splices
        self.node = node
        self.text = splices.text
        self.count = len(node.items)

    def start(self, index: int) -> int:
        return self.node.keys[index].start if self.node.shape is Shape.MAPPING else self.node.items[index].start

    def end(self, index: int) -> int:
        key_end = self.node.keys[index].end if self.node.shape is Shape.MAPPING else 0
        return max(key_end, self.node.items[index].end)

    def style(self) -> Style:
        """The text's style, with the quotes of a list's own texts."""
        style = self.splices.style
        quotes = {item.style for item in self.node.items if item.shape is Shape.SCALAR and not item.alias}
        if self.node.shape is Shape.SEQUENCE and len(quotes) == 1 and (quote := quotes.pop()) in {"", "'", '"'}:
            return replace(style, quote=quote)
        return style


class _Flow(_Entries):
    """`{a: 1, b: 2}` and `[1, 2]`, on one line or many; all of JSON."""

    def change(self, drop: set[int], add: list[Addition]) -> None:
        kept = [index for index in range(self.count) if index not in drop]
        for index in sorted(drop):
            following = next((k for k in kept if k > index), None)
            if following is None:
                break
            if index == 0 or index - 1 in kept:  # the first of a run takes the whole run with it
                self._cut(self.start(index), self.start(following))
        if kept[-1] < self.count - 1:
            self._cut_tail(self.end(kept[-1]), self.end(self.count - 1))
        separator = self._separator()
        for addition in add:
            written = self._written(addition, separator)
            if addition.after < 0:
                self.splices.put(self.start(kept[0]), self.start(kept[0]), written + separator)
            else:
                self.splices.put(self.end(addition.after), self.end(addition.after), separator + written)

    def _cut(self, start: int, end: int) -> None:
        """Up to the next entry; comments in between stay."""
        comments = re.findall(r"(?m)(?<=\s)#.*$", self.text[start:end]) if not self.splices.style.is_json else []
        indent = self.splices.style.newline + indent_of(self.text, end)
        self.splices.put(start, end, "".join(comment.rstrip("\r") + indent for comment in comments))

    def _cut_tail(self, start: int, end: int) -> None:
        gap = self.text[start:end]
        if self.splices.style.is_json or not re.search(r"\s#", gap):
            self.splices.put(start, end, "")
            return
        kept = "".join(re.findall(r"[ \t]+#.*", gap))  # YAML allows no comma less, so it goes; its line's comment stays
        self.splices.put(start, end, kept)

    def _separator(self) -> str:
        if self.count > 1:
            gap = self.text[self.end(0) : self.start(1)]
            if gap.strip(" \t\r\n") == ",":
                return gap
        lead = self.text[self.node.body + 1 : self.start(0)]
        return "," + lead if "\n" in lead and not lead.strip(" \t\r\n") else self.splices.style.comma

    def _written(self, addition: Addition, separator: str) -> str:
        style = self.style()
        indent = indent_of(self.text, self.start(0)) if "\n" in separator else None
        value = style.flow(addition.value, indent)
        return value if addition.name is None else style.key(addition.name, flow=True) + style.colon + value


class _Block(_Entries):
    """`key: value` and `- value` lines."""

    def __init__(self, splices: Splices, node: Node) -> None:
        super().__init__(splices, node)
        self.starts = [key.start for key in node.keys] if node.shape is Shape.MAPPING else self._dashes()

    def start(self, index: int) -> int:
        return self.starts[index]

    def _dashes(self) -> list[int]:
        first = self.node.body if self.text[self.node.body] == "-" else self.text.rindex("-", 0, self.node.items[0].start)
        column = first - self.splices.line_start(first)
        dash = re.compile(rf"(?m)^ {{{column}}}-(?=[ \t\r\n]|\Z)")
        starts = [first]
        for previous in self.node.items[:-1]:
            found = dash.search(self.text, previous.end)
            starts.append(found.end() - 1 if found else previous.end)
        return starts

    def change(self, drop: set[int], add: list[Addition]) -> None:
        kept = [index for index in range(self.count) if index not in drop]
        lead = set(range(kept[0])) if not self.splices.starts_line(self.start(0)) else set()
        if lead:
            self._cut_lead(kept[0])
        for index in sorted(drop - lead):
            self.splices.put(*self._lines(index), "")
        for addition in add:
            self._insert(addition, kept)

    def _lines(self, index: int) -> tuple[int, int]:
        """From the end of the line before to the end of the entry's last line, so that what follows it can be added there."""
        start = self.splices.line_start(self.start(index))
        if start == 0:
            return 0, self.splices.next_line(self.end(index))
        return self.splices.line_end(start - 1), self.splices.line_end(self.end(index))

    def _cut_lead(self, following: int) -> None:
        """The first entries stand behind a parent's dash: what follows them moves up to it."""
        start, end = self.start(0), self.start(following)
        comments = re.findall(r"(?m)^[ \t]*(#.*)$", self.text[self.splices.next_line(self.end(following - 1)) : end])
        indent = self.splices.style.newline + " " * (start - self.splices.line_start(start))
        self.splices.put(start, end, "".join(comment.rstrip("\r") + indent for comment in comments))

    def _insert(self, addition: Addition, kept: list[int]) -> None:
        style = self.style()
        indent = " " * (self.start(0) - self.splices.line_start(self.start(0)))
        written = (
            style.item(addition.value, indent, after_dash(self.text, self.node))
            if addition.name is None
            else style.entry(addition.name, addition.value, indent)
        )
        if addition.after < 0:
            at = self.start(kept[0])
            self.splices.put(at, at, written + style.newline + indent)
        else:
            at = self.splices.line_end(self.end(addition.after))
            self.splices.put(at, at, style.newline + indent + written)
