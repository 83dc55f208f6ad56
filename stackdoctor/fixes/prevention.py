"""What the template should say so that the next rollback is not blocked: snapshots instead of deletion protection.

One fix a blocked resource, as a diff of the template; kind `template`, never verified by evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stackdoctor import template as t
from stackdoctor.blockers import PropertyChange, prevention
from stackdoctor.fixes.templates import Templates
from stackdoctor.model import JSON, Failure, Fix

_PART = re.compile(r"([A-Za-z0-9:_]+)(\[(?:([A-Za-z]+)=([^\]]+))?\])?(?:\.|$)")


def prevention_fixes(blockers: Sequence[Failure], templates: Templates) -> list[Fix]:
    """The changes that keep each blocker from blocking again."""
    return [fix for blocker in blockers if (changes := prevention(blocker)) for fix in _fix(blocker, changes, templates)]


def _fix(blocker: Failure, changes: Sequence[PropertyChange], templates: Templates) -> Iterator[Fix]:
    event = blocker.event
    diff, why = templates.change(event.stack_id, event.logical_id, lambda template: _apply(template, changes))
    if diff is None and why == "the template says so already":
        return
    said = ", ".join(f"{change.path}: {_shown(change.value)}" for change in changes)
    yield Fix(
        id="",
        title=f"So that {event.logical_id} does not block the next rollback: {said}" + (f" ({why})" if diff is None and why else ""),
        kind="template",
        target=event.logical_id,
        scope="template",
        disposition="safe",
        resolves=(),
        verified=False,
        diff=diff,
    )


def _shown(value: JSON) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _apply(template: t.Template, changes: Sequence[PropertyChange]) -> t.Patched | t.NotPlaced:
    """All changes as one diff: at once where they are plain settings of one resource, else one after the other."""
    logical_ids = {change.logical_id for change in changes}
    if len(logical_ids) == 1 and not any("[" in change.path for change in changes):
        made = t.set_all(template, logical_ids.pop(), [(_plain_path(change), change.value) for change in changes])
        if isinstance(made, t.Patched):
            return made
    now, done = template, False
    for change in changes:
        made = _one(now, change)
        if isinstance(made, t.NotPlaced):
            if made.reason == "the template says so already":
                continue
            return made
        parsed = t.parse(made.text)
        if not isinstance(parsed, t.Template):
            return t.NotPlaced("the edit would break the template")
        now, done = parsed, True
    return t.Patched(now.text, t.unified_diff(template.text, now.text, "template")) if done else t.NotPlaced("the template says so already")


def _plain_path(change: PropertyChange) -> tuple[str | int, ...]:
    return (change.path,) if change.attribute else ("Properties", *change.path.split("."))


def _one(template: t.Template, change: PropertyChange) -> t.Patched | t.NotPlaced:
    if change.attribute:
        return t.set_attribute(template, change.logical_id, change.path, change.value)
    resource = t.resources(template).get(change.logical_id)
    if resource is None:
        return t.NotPlaced(f"{change.logical_id} is not written in the template")
    path, value = _path(change.path, dict(resource.properties), change.value)
    return t.set_property(template, change.logical_id, path, value)


def _path(text: str, properties: JSON, value: JSON) -> tuple[tuple[str | int, ...], JSON]:
    """A dotted path as keys and indices; `List[Key=name]` is the item of that key, added to the list where there is none."""
    path: list[str | int] = []
    here = properties
    for name, bracket, key, wanted in _PART.findall(text):
        path.append(name)
        here = here.get(name) if isinstance(here, dict) else None
        if not bracket:
            continue
        items = here if isinstance(here, list) else []
        index = next((i for i, item in enumerate(items) if isinstance(item, dict) and item.get(key) == wanted), None) if key else 0
        if index is None:
            return tuple(path), [*items, {key: wanted, "Value": value}]
        path.append(index)
        here = items[index] if index < len(items) else None
    return tuple(path), value
