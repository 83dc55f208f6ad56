"""One statement, compiled: who, what, on which resource, under which clauses. Its truth is the AND of its parts.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from stackdoctor.policy.conditions import Clause, either, may_match, negate, resolve
from stackdoctor.policy.patterns import PatternSet, Template, compile_text, matcher
from stackdoctor.policy.principals import PrincipalSet
from stackdoctor.policy.results import Element, Leaf, Truth
from stackdoctor.policy.view import WITNESS, Variable, View


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """The values of Action, NotAction, Resource or NotResource: as written, and ready to be matched."""

    written: tuple[str, ...]
    patterns: PatternSet
    templates: tuple[Template, ...]

    def truth(self, text: str, view: View) -> Truth:
        """Whether one of the values matches. A variable without a value matches nothing."""
        if self.patterns.matches(text):
            return True
        return either(self._try(template, text, view) for template in self.templates) if self.templates else False

    def _try(self, template: Template, text: str, view: View) -> Truth:
        pattern = resolve(template, view)
        if isinstance(pattern, Variable):
            return None if pattern is Variable.UNKNOWN and may_match(template, text, view) else False
        return matcher(pattern)(text)


@lru_cache(maxsize=4096)
def compile_texts(written: tuple[str, ...], *, fold: bool, variables: bool) -> Texts:
    """The values of an element; `fold` for actions, whose case does not matter."""
    compiled = [compile_text(text.lower() if fold else text, wildcards=True, variables=variables) for text in written]
    patterns = PatternSet.of(text for text in compiled if isinstance(text, str))
    return Texts(written, patterns, tuple(text for text in compiled if isinstance(text, Template)))


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement of a policy. `raw` is its JSON, `index` counts from 0; the rest is compiled from it.

    `dead` says why it can never apply, or nothing.
    """

    index: int
    sid: str | None
    effect: str
    raw: Mapping[str, Any]
    principal_element: Element | None
    principals: PrincipalSet | None
    action_element: Element | None
    actions: Texts | None
    resource_element: Element | None
    resources: Texts | None
    clauses: tuple[Clause, ...]
    about_key: bool
    variables: bool
    dead: str
    leaves: dict[object, Leaf] = field(init=False, default_factory=dict, repr=False)

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    # ------------------------------------------------------------------------------------------ truth
    def truth(self, view: View) -> Truth:
        """Whether the statement applies to the request, its effect aside."""
        actions = self.actions
        if self.dead or actions is None:
            return False
        hit: Truth = actions.patterns.matches(view.action)
        if hit is not (self.action_element is Element.ACTION):
            return False
        result: Truth = True
        if self.principals is not None:
            result = self.principal_truth(view)
            if result is False:
                return False
        hit = self.resource_truth(view)
        if hit is False:
            return False
        if hit is None:
            result = None
        for clause in self.clauses:
            hit = clause.truth(view)
            if hit is False:
                return False
            if hit is None:
                result = None
        return result

    def principal_truth(self, view: View) -> Truth:
        principals = self.principals
        if principals is None:
            return True
        if self.principal_element is Element.PRINCIPAL:
            return principals.covers(view.caller)
        return negate(principals.excludes(view.caller))

    def resource_truth(self, view: View) -> Truth:
        """A statement without Resource speaks of the resource the policy is attached to, where that is legal."""
        resources = self.resources
        if resources is None:
            return True
        if resources.patterns.matches(view.resource):
            hit: Truth = True
        elif self.about_key and view.resource == WITNESS:
            hit = None
        elif resources.templates:
            hit = resources.truth(view.resource, view)
        else:
            hit = False
        return hit if self.resource_element is Element.RESOURCE else negate(hit)
