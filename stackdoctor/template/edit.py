"""The difference of two documents → splices in the text of the template that made the first of them.

Walks the template's nodes beside the deployed document: what is the same in both stays as it is written, intrinsic
functions included; what differs is changed at the smallest node that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile

from stackdoctor.model import JSON
from stackdoctor.template.compare import as_list, matches
from stackdoctor.template.locate import Reading
from stackdoctor.template.pairing import pair
from stackdoctor.template.resolve import sub_pieces
from stackdoctor.template.source import Node, Shape, Template, argument, intrinsic
from stackdoctor.template.splice import Addition, Splices
from stackdoctor.template.style import Raw, Style, line_indent, safe_plain, scalars
from stackdoctor.template.window import window
from stackdoctor.template.words import Words

# where a resource's own attributes are looked for: behind its Type
_BEHIND_TYPE = frozenset({"DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Condition", "CreationPolicy", "UpdatePolicy"})
_NO_VALUE: JSON = {"Ref": "AWS::NoValue"}


class Stop(Exception):
    """Inside this package: the edit cannot be made with certainty, for this reason."""


class Editor:
    """Collects the splices of one change. Without a context values are compared as written, not as deployed."""

    def __init__(self, template: Template, reading: Reading, style: Style, words: Words) -> None:
        self.template = template
        self.reading = reading
        self.style = style
        self.words = words
        self.splices = Splices(template.text, style)

    def text(self) -> str:
        return self.splices.apply()

    # ------------------------------------------------------------------------------------------------ the walk
    def change(self, node: Node, before: JSON, after: JSON) -> None:
        """Makes the value under `node`, deployed as `before`, into `after`."""
        if self._same(before, after):
            return
        chosen = self._choose(node, before)
        if chosen.alias and not (chosen.shape is Shape.SCALAR or scalars(chosen.value if isinstance(chosen.value, list) else [{}])):
            raise Stop(f"the value is shared by the anchor {chosen.anchor!r}")
        if chosen.anchor in self.template.aliased and not chosen.alias:
            raise Stop(f"the value is shared by the anchor {chosen.anchor!r}: the edit would change it elsewhere too")
        if intrinsic(chosen.value) is not None:
            self._intrinsic(chosen, before, after)
        elif chosen.alias:
            self.replace(chosen, after)
        elif chosen.shape is Shape.MAPPING and isinstance(before, dict) and isinstance(after, dict):
            self._mapping(chosen, before, after)
        elif chosen.shape is Shape.SEQUENCE:
            self._sequence(chosen, as_list(before), as_list(after))
        else:
            self._one(chosen, before, after)

    def _same(self, before: JSON, after: JSON) -> bool:
        return matches(before, after) if self.reading.context else before == after

    def _choose(self, node: Node, before: JSON) -> Node:
        """The node that gave the deployed value, through Fn::If."""
        options = [option for option in self.reading.options(node) if option is not None]
        if len(options) != 1:
            options = [option for option in options if self.reading.may_be(option, before)]
        if len(options) != 1:
            raise Stop("which branch of an Fn::If was deployed is not certain")
        return options[0]

    # ------------------------------------------------------------------------------------------------ mappings
    def _mapping(self, node: Node, before: Mapping[str, JSON], after: Mapping[str, JSON]) -> None:
        drop: set[int] = set()
        for index, name in enumerate(node.names):
            if name in before and name in after:
                self.change(node.items[index], before[name], after[name])
            elif name in before and not self._leave_out(node.items[index], before[name]):
                drop.add(index)
            elif name in after and name not in before:
                self._bring_in(node.items[index], after[name])
        unwritten = set(before) - set(node.names)
        if hidden := {name for name in unwritten if name not in after or not self._same(before[name], after[name])}:
            raise Stop(f"{', '.join(sorted(hidden))} is merged in from an anchor, or is not written in the template")
        new = [name for name in after if name not in before and name not in node.names]
        if len(drop) == len(node.items) and not node.merged:
            self._refill(node, {name: after[name] for name in new})
            return
        kept = [index for index in range(len(node.items)) if index not in drop]
        self._add(node, drop, [Addition(self._behind(node, name, kept), name, self.words.express(after[name])) for name in new])

    def _behind(self, node: Node, name: str, kept: list[int]) -> int:
        names = node.names
        if name in _BEHIND_TYPE and "Type" in names and "Properties" in names:
            return names.index("Type")
        return kept[-1] if kept else -1

    def _add(self, node: Node, drop: set[int], add: list[Addition]) -> None:
        if not drop and not add:
            return
        if len(drop) == len(node.items):
            raise Stop("nothing of the mapping that is written here would stay")
        self.splices.entries(node, drop, add)

    def _refill(self, node: Node, value: JSON) -> None:
        """A collection of which no entry stays."""
        self._written(node, self.words.express(value))

    def _leave_out(self, node: Node, before: JSON) -> bool:
        """Of an Fn::If only the branch taken is emptied; False where the whole entry may go."""
        chosen = self._choose(node, before)
        if chosen is node:
            return False
        found = argument(node)
        others = [item for item in (found[1].items[1:] if found else ()) if item is not chosen]
        if all(item.value == _NO_VALUE for item in others):
            return False
        self._written(chosen, _NO_VALUE)
        return True

    def _bring_in(self, node: Node, after: JSON) -> None:
        """An entry that is written but left out (AWS::NoValue) gets a value."""
        while branches := self.reading.branches(node):
            if len(branches) != 1:
                raise Stop("which branch of an Fn::If was deployed is not certain")
            node = branches[0]
        self._written(node, self.words.express(after))

    # ------------------------------------------------------------------------------------------------ lists
    def _sequence(self, node: Node, before: list[JSON], after: list[JSON]) -> None:
        found = self._aligned(node, before)
        drop: set[int] = set()
        add: list[Addition] = []
        previous = -1
        pairs = pair(before, after)
        for old, new in pairs:
            if old is None:
                add.append(Addition(previous, None, self.words.express(after[new if new is not None else 0])))
                continue
            if new is not None and self._same(before[old], after[new]):
                previous = found[old][-1][0]
                continue
            if len(found[old]) != 1:
                raise Stop("which item of a list is meant is not certain")
            index, _chosen = found[old][0]
            if new is not None:
                self.change(node.items[index], before[old], after[new])
                previous = index
            elif not self._leave_out(node.items[index], before[old]):
                drop.add(index)
        if len(drop) == len(node.items):
            self._refill(node, [addition.value for addition in add])
        elif drop or add:
            last = max(index for index in range(len(node.items)) if index not in drop)
            ending = sum(1 for _ in takewhile(lambda ends: ends[0] is None, reversed(pairs)))  # what is added at the end goes there
            at_end = [replace(addition, after=last) for addition in add[len(add) - ending :]]
            self.splices.entries(node, drop, [*add[: len(add) - ending], *at_end])

    def _aligned(self, node: Node, before: list[JSON]) -> list[list[tuple[int, Node]]]:
        found = self.reading.align(node, before)
        if found is not None:
            return found
        # lists of texts come back from AWS in another order
        rows = [(index, item) for index, item in enumerate(node.items)]
        made: list[list[tuple[int, Node]]] = []
        for value in before:
            fitting = [row for row in rows if self.reading.may_be(row[1], value)]
            if not fitting or isinstance(value, dict):
                raise Stop("the deployed list is not what the template says")
            made.append(fitting[:1])
            rows.remove(fitting[0])
        return made

    # ------------------------------------------------------------------------------------------------ single values
    def _one(self, node: Node, before: JSON, after: JSON) -> None:
        """A value that is no list where the document has one or many of them."""
        many, old = as_list(after), as_list(before)
        if len(many) == 1 and isinstance(after, list) and len(old) == 1:
            self.change(node, old[0], many[0])
        elif len(many) > 1 and len(old) == 1 and any(self._same(old[0], item) for item in many):
            self._make_list(node, old[0], many)
        else:
            self.replace(node, after)

    def _make_list(self, node: Node, old: JSON, many: list[JSON]) -> None:
        text = self.template.text[node.start : node.end]
        whole = "\n" not in text and node.style not in {"|", ">"} and (node.flow or node.shape is Shape.SCALAR or bool(node.tag))
        written: JSON = Raw(text) if whole else node.value
        flow = self.style.is_json or self._in_brackets(node) or self.style.inline
        if flow and isinstance(written, Raw) and not node.style and not node.tag and not node.flow and not safe_plain(text, flow=True):
            written = node.value
        self._written(node, [written if self._same(old, item) else self.words.express(item) for item in many])

    def _intrinsic(self, node: Node, before: JSON, after: JSON) -> None:
        single = as_list(before)[0] if len(as_list(before)) == 1 else None
        if isinstance(after, list) and len(after) > 1 and single is not None and any(self._same(single, item) for item in after):
            self._make_list(node, single, after)
            return
        new = as_list(after)[0] if len(as_list(after)) == 1 else after
        if not (isinstance(single, str) and isinstance(new, str) and self.reading.context and self._inside(node, single, new)):
            self.replace(node, new)

    def _inside(self, node: Node, before: str, after: str) -> bool:
        """Changes only the piece of an Fn::Sub or Fn::Join that differs; False where it is not one literal piece."""
        found = argument(node)
        if found is None or node.alias or self.reading.context is None:
            return False
        name, written = found
        whole = intrinsic(node.value)
        value = whole[1] if whole else None
        if name == "Fn::Sub":
            return self._inside_sub(written, value, before, after)
        return (
            name == "Fn::Join" and isinstance(value, list) and len(written.items) == 2 and self._inside_join(written, value, before, after)
        )

    def _inside_sub(self, written: Node, value: JSON, before: str, after: str) -> bool:
        variables: Mapping[str, JSON] = {}
        match value:
            case [text, dict(given)] if len(written.items) == 2:
                written, value, variables = written.items[0], text, given
        if not isinstance(value, str) or written.style in {"|", ">"} or written.alias or self.reading.context is None:
            return False
        parts = sub_pieces(self.template, value, variables, self.reading.context)
        cut = window(before, after, [(part, index % 2 == 0) for index, (_s, _e, part) in enumerate(parts)])
        if cut is None:
            return False
        start, end = (_written_at(parts, *edge) for edge in (cut.start, cut.end))
        new = value[:start] + self.words.sub(cut.middle, arn=before.startswith("arn:")) + value[end:]
        if "${" not in new.replace("${!", ""):
            return False  # no reference is left
        self.splices.put(written.body, written.end, self.style.scalar(new, written.style, flow=self._in_brackets(written)))
        return True

    def _inside_join(self, written: Node, value: list[JSON], before: str, after: str) -> bool:
        separator, items = value[0], written.items[1]
        if not isinstance(separator, str) or items.alias or items.tag or not items.items:
            return False
        parts: list[tuple[JSON, bool]] = []
        for item in items.items:
            literal = item.shape is Shape.SCALAR and not item.tag and not item.alias and isinstance(item.value, str)
            parts += [(separator, False), (self.reading.value(item), literal)] if parts else [(self.reading.value(item), literal)]
        cut = window(before, after, parts)
        if cut is None or cut.start[0] != cut.end[0] or not parts[cut.start[0]][1]:
            return False
        target = items.items[cut.start[0] // 2]
        new = str(target.value)[: cut.start[1]] + cut.middle + str(target.value)[cut.end[1] :]
        self.splices.put(target.body, target.end, self.style.scalar(new, target.style, flow=self._in_brackets(target)))
        return True

    # ------------------------------------------------------------------------------------------------ writing
    def replace(self, node: Node, after: JSON) -> None:
        """A whole value by another one, in the words of the template."""
        self._written(node, self.words.express(after))

    def _written(self, node: Node, value: JSON) -> None:
        text = self.template.text
        start = node.start
        if self.style.is_json or self._in_brackets(node):
            indent = line_indent(text, start) if self.style.is_json and self.style.spread else None
            self.splices.put(start, node.end, self.style.flow(value, indent, self._quote(node)))
            return
        self._written_block(node, value)

    def _written_block(self, node: Node, value: JSON) -> None:
        text, start = self.template.text, node.start
        head = text[self.splices.line_start(start) : start]
        if node.flow and value and isinstance(value, dict | list) and "\n" not in text[start : node.end]:
            self.splices.put(start, node.end, self.style.flow(value))
        elif not self.style.spreads(value):
            self._on_one_line(node, value, head)
        elif head.rstrip().endswith(":"):  # a collection goes to the line behind its key
            column = _column_of_key(head) + (self.style.step if isinstance(value, dict) else self.style.dash)
            written = self.style.newline + column + self.style.block(value, column)
            self.splices.put(start - len(head) + len(head.rstrip()), node.end, written)
        else:
            self.splices.put(start, node.end, self.style.block(value, " " * len(head)))

    def _on_one_line(self, node: Node, value: JSON, head: str) -> None:
        written = self.style.scalar(value, self._quote(node)) if isinstance(value, str) else self.style.block(value, "")
        start = node.start
        above = self.template.text[:start].rstrip(" \t\r\n")
        if start == node.end and head.endswith((":", "-")):  # nothing is written there yet
            written = " " + written
        elif not head.strip() and above.endswith(":") and "#" not in above[above.rfind("\n") :]:  # back to its key's line
            start, written = len(above), " " + written
        self.splices.put(start, node.end, written)

    def _quote(self, node: Node) -> str | None:
        return node.style if node.shape is Shape.SCALAR and not node.tag and not node.alias and node.style in {"", "'", '"'} else None

    def _in_brackets(self, node: Node) -> bool:
        """Whether the node stands inside a collection in brackets."""
        at: Node | None = self.template.root
        while at is not None and at is not node:
            if at.flow:
                return True
            at = next((item for item in at.items if not item.alias and item.start <= node.start and node.end <= item.end), None)
        return False


def _written_at(parts: list[tuple[int, int, JSON]], index: int, offset: int) -> int:
    """Where in the text of an Fn::Sub an offset of a piece's value stands."""
    start, end, _value = parts[index]
    if index % 2 == 0:
        return start + offset
    return end if offset else start


def _column_of_key(head: str) -> str:
    """The blanks up to a key that stands behind blanks and dashes."""
    key = head.lstrip(" ")
    blanks = " " * (len(head) - len(key))
    while key.startswith("- "):
        rest = key[1:].lstrip(" ")
        blanks, key = blanks + " " * (len(key) - len(rest)), rest
    return blanks
