"""Where a fix goes in the template the stack was deployed from: a diff, or the reason why it cannot be placed with certainty."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from stackdoctor import template as t
from stackdoctor.model import JSON, Found, StackHistory

FILE = "template"


class Templates:
    """The templates of a stack and its nested stacks, by stack id. `source` replaces the root's text (--template)."""

    def __init__(self, history: StackHistory, source: str | None = None) -> None:
        self._source = source
        self._root = history.stack.id
        self._members = {member.stack.id: member for member in _family(history)}

    def parsed(self, stack_id: str) -> t.Template | str:
        """The template of a stack, or why there is none."""
        text = self._source if stack_id == self._root and self._source is not None else self._text(stack_id)
        if text is None:
            return "the template could not be read"
        found = t.parse(text)
        return found if isinstance(found, t.Template) else f"the template cannot be parsed: {found}"

    def _text(self, stack_id: str) -> str | None:
        member = self._members.get(stack_id)
        return member.template.value if member is not None and isinstance(member.template, Found) else None

    def context(self, stack_id: str) -> t.Context:
        """What is known of the deployed values of a stack."""
        member = self._members[stack_id]
        physical = {event.logical_id: event.physical_id for event in member.events if event.physical_id and not event.is_own}
        if isinstance(member.resources, Found):
            physical |= {row.logical_id: row.physical_id for row in member.resources.value if row.physical_id}
        return t.Context.of(member.stack, physical)

    def policy_diff(self, stack_id: str, logical_id: str, before: Mapping[str, JSON], after: Mapping[str, JSON]) -> tuple[str | None, str]:
        """The diff that makes the deployed policy the corrected one, and a remark: the construct, or why there is no diff."""

        def change(template: t.Template) -> t.Patched | t.NotPlaced:
            place = t.find_policy(template, self.context(stack_id), logical_id=logical_id, deployed=before)
            return t.patch(template, place, before, after, filename=FILE) if isinstance(place, t.Place) else place

        return self.change(stack_id, logical_id, change)

    def dependency_diff(self, stack_id: str, logical_id: str, on: str) -> tuple[str | None, str]:
        """The diff that makes one resource wait for another."""
        return self.change(stack_id, logical_id, lambda template: t.add_dependency(template, logical_id, on, filename=FILE))

    def property_diff(self, stack_id: str, logical_id: str, path: tuple[str | int, ...], value: JSON) -> tuple[str | None, str]:
        """The diff that sets one property."""
        return self.change(stack_id, logical_id, lambda template: t.set_property(template, logical_id, path, value, filename=FILE))

    def attribute_diff(self, stack_id: str, logical_id: str, name: str, value: JSON) -> tuple[str | None, str]:
        """The diff that sets an attribute beside Properties."""
        return self.change(stack_id, logical_id, lambda template: t.set_attribute(template, logical_id, name, value, filename=FILE))

    def change(self, stack_id: str, logical_id: str, change: Callable[[t.Template], t.Patched | t.NotPlaced]) -> tuple[str | None, str]:
        """The diff of one change of a stack's template, and a remark: the CDK construct, or why there is no diff."""
        template = self.parsed(stack_id)
        if isinstance(template, str):
            return None, template
        construct = t.construct_path(template, logical_id)
        made = change(template)
        if isinstance(made, t.NotPlaced):
            return None, made.reason
        return made.diff, f"CDK construct {construct}: change it there, the template is generated" if construct else ""


def _family(history: StackHistory) -> list[StackHistory]:
    return [history, *(member for child in history.children for member in _family(child))]


def document(text: str) -> dict[str, JSON] | None:
    """A policy's text as a document; None where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
