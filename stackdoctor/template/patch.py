"""A place and a corrected document, or a property and its value → the template's new text with its diff.

Every text that leaves here was parsed again: outside the intended node nothing differs, and the node resolves to what
was asked for. Anything else is `NotPlaced`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from stackdoctor.model import JSON
from stackdoctor.template.compare import as_list, matches
from stackdoctor.template.edit import Editor, Stop
from stackdoctor.template.graph import depends_on
from stackdoctor.template.locate import Place, Reading, matches_document
from stackdoctor.template.parse import parse
from stackdoctor.template.source import BadTemplate, Node, NotPlaced, Patched, Shape, Template
from stackdoctor.template.style import style_of
from stackdoctor.template.words import Words

_NOWHERE: JSON = {"here": "stands the node that may differ"}


def patch(
    template: Template, place: Place, before: Mapping[str, JSON], after: Mapping[str, JSON], *, filename: str = "template"
) -> Patched | NotPlaced:
    """Makes the policy that was deployed as `before` into `after`, by changing only the lines of the difference."""
    wanted = _without_empty_conditions(dict(before), dict(after))
    if matches(dict(before), wanted):
        return NotPlaced("the documents are the same")
    try:
        text = _edited(template, place, dict(before), wanted)
    except Stop as stop:
        return NotPlaced(str(stop))
    made = parse(text)
    if isinstance(made, BadTemplate):
        return NotPlaced(f"the edit would break the template ({made})")
    if _with(template.root.value, place.path, _NOWHERE) != _with(made.root.value, place.path, _NOWHERE):
        return NotPlaced(_shared(template, "the edit would change the template elsewhere too"))
    node = made.node(*place.path)
    if node is None or not matches_document(made, node, place.context, wanted):
        return NotPlaced(_shared(template, "the template's text would not give the corrected policy"))
    return Patched(text, unified_diff(template.text, text, filename))


def _edited(template: Template, place: Place, before: JSON, after: JSON) -> str:
    node = template.node(*place.path)
    if node is None:
        raise Stop(f"{place.logical_id} has no {place.document} in the template")
    words = Words.of(template, place.logical_id, place.context)
    editor = Editor(template, Reading(template, place.context), style_of(template, node), words)
    statement = node.child("Statement")
    if statement and statement.shape is Shape.MAPPING and not statement.flow and not statement.tag and _grows(before, after):
        listed = parse(_as_list_item(template, statement))
        if isinstance(listed, Template) and listed.value != template.value:
            return _edited(listed, place, before, after)
    editor.change(node, before, after)
    return editor.text()


def _grows(before: JSON, after: JSON) -> bool:
    both = [as_list(document.get("Statement")) for document in (before, after) if isinstance(document, dict)]
    return len(both) == 2 and len(both[0]) == 1 and len(both[1]) > 1


def _as_list_item(template: Template, node: Node) -> str:
    """The one statement of a policy behind a dash, so that another one can follow it."""
    written = template.text[node.start : node.end]
    return template.text[: node.start] + "- " + re.sub(r"\n(?=[^\r\n])", "\n  ", written) + template.text[node.end :]


def _without_empty_conditions(before: JSON, after: dict[str, JSON]) -> dict[str, JSON]:
    """Dropping the last clause of an operator drops the operator, dropping the last operator drops the Condition."""
    old = as_list(before.get("Statement")) if isinstance(before, dict) else []
    empty = any(
        isinstance(item, dict) and ({} in (c := item.get("Condition"), *(c.values() if isinstance(c, dict) else ()))) for item in old
    )
    if empty or "Statement" not in after:
        return after
    made: list[JSON] = [_cleaned(item) for item in as_list(after["Statement"])]
    return {**after, "Statement": made if isinstance(after["Statement"], list) else made[0]}


def _cleaned(statement: JSON) -> JSON:
    if not isinstance(statement, dict) or not isinstance(clauses := statement.get("Condition"), dict):
        return statement
    kept: JSON = {operator: keys for operator, keys in clauses.items() if keys != {}}
    return {name: kept if name == "Condition" else item for name, item in statement.items() if name != "Condition" or kept}


# ---------------------------------------------------------------------------------------------------- properties
def set_property(
    template: Template, logical_id: str, path: tuple[str | int, ...], value: JSON, *, filename: str = "template"
) -> Patched | NotPlaced:
    """Sets one property, `path` below Properties; `value` may hold intrinsic functions in long form."""
    return _set(template, logical_id, [(("Properties", *path), value)], filename) if path else NotPlaced("no property is named")


def set_all(
    template: Template, logical_id: str, changes: Sequence[tuple[tuple[str | int, ...], JSON]], *, filename: str = "template"
) -> Patched | NotPlaced:
    """Sets several attributes and properties of one resource at once; paths begin at the resource, as ("Properties", "Engine")."""
    return _set(template, logical_id, changes, filename)


def set_attribute(template: Template, logical_id: str, name: str, value: JSON, *, filename: str = "template") -> Patched | NotPlaced:
    """Sets an attribute of a resource: DependsOn, DeletionPolicy, UpdateReplacePolicy, …

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-product-attribute-reference.html
    """
    return _set(template, logical_id, [((name,), value)], filename)


def add_dependency(template: Template, logical_id: str, on: str, *, filename: str = "template") -> Patched | NotPlaced:
    """Adds one logical id to DependsOn, whether that is missing, a text or a list."""
    resources = template.section("Resources")
    resource = resources.get(logical_id)
    if on not in resources or not isinstance(resource, dict):
        return NotPlaced(f"{logical_id} or {on} is not written in the template")
    known = resource.get("DependsOn")
    if on in as_list(known):
        return NotPlaced(f"{logical_id} depends on {on} already")
    if logical_id in depends_on(template, on) or logical_id == on:
        return NotPlaced(f"{on} itself depends on {logical_id}: the dependency would close a circle")
    waits: JSON = on if known is None else [*as_list(known), on]
    return _set(template, logical_id, [(("DependsOn",), waits)], filename)


def _set(template: Template, logical_id: str, changes: Sequence[tuple[tuple[str | int, ...], JSON]], filename: str) -> Patched | NotPlaced:
    node = template.node("Resources", logical_id)
    if node is None or not isinstance(node.value, dict):
        return NotPlaced(f"{logical_id} is not written in the template")
    try:
        wanted: JSON = node.value
        for path, value in changes:
            wanted = _with(wanted, path, value)
        if wanted == node.value:
            return NotPlaced("the template says so already")
        editor = Editor(template, Reading(template, None), style_of(template, node), Words(()))
        editor.change(node, node.value, wanted)
    except Stop as stop:
        return NotPlaced(str(stop))
    text = editor.text()
    made = parse(text)
    if isinstance(made, BadTemplate):
        return NotPlaced(f"the edit would break the template ({made})")
    if made.root.value != _with(template.root.value, ("Resources", logical_id), wanted):
        return NotPlaced(_shared(template, "the edit would change the template elsewhere too"))
    return Patched(text, unified_diff(template.text, text, filename))


def _with(value: JSON, path: tuple[str | int, ...], new: JSON) -> JSON:
    """A copy with one value changed; what is missing on the way is made."""
    if not path:
        return new
    name, *rest = path
    if isinstance(name, int):
        if not isinstance(value, list) or not 0 <= name < len(value):
            raise Stop(f"there is no item {name}")
        return [_with(item, tuple(rest), new) if index == name else item for index, item in enumerate(value)]
    if value is None:
        value = {}
    if not isinstance(value, dict) or any(key == "Ref" or key.startswith("Fn::") for key in value):
        raise Stop(f"{name} cannot be set where an intrinsic function or a single value stands")
    return {**value, name: _with(value.get(name), tuple(rest), new)}


def _shared(template: Template, reason: str) -> str:
    return f"{reason}: it uses anchors" if template.aliased else reason


# ---------------------------------------------------------------------------------------------------- the diff
def unified_diff(old: str, new: str, filename: str) -> str:
    """As `git diff` prints it: applies with `git apply` and `patch -p1`."""
    made = difflib.unified_diff(_lines(old), _lines(new), f"a/{filename}", f"b/{filename}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in made)


def _lines(text: str) -> list[str]:
    """Lines end at a newline and nowhere else."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)
