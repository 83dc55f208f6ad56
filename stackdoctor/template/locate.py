"""Which resource of a template holds the policy of a bucket, key, topic or queue, and which node each statement is.

A place is given only where it is certain: what a macro or Fn::ForEach makes is not to be seen in the text, and of
several candidates only the one that the deployed document fits is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stackdoctor.model import JSON
from stackdoctor.template.compare import as_list, matches
from stackdoctor.template.context import Context, Unresolved
from stackdoctor.template.graph import Resource, is_made, resources
from stackdoctor.template.resolve import condition, is_no_value, resolve, resource_properties
from stackdoctor.template.source import Node, NotPlaced, Template, argument, intrinsic

# kind → resource type → the property that names the owner ('' where the resource is it), the property with the document
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html and its siblings
HOLDERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "bucket": {"AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument")},
    "key": {"AWS::KMS::Key": ("", "KeyPolicy"), "AWS::KMS::ReplicaKey": ("", "KeyPolicy")},
    "topic": {
        "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
        "AWS::SNS::TopicInlinePolicy": ("TopicArn", "PolicyDocument"),
    },
    "queue": {
        "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
        "AWS::SQS::QueueInlinePolicy": ("Queue", "PolicyDocument"),
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a policy document stands: the property `document` of the resource `logical_id`, from `line` (from 1) on.

    `inside` leads further down, to an inline policy. `context` is what it was found with, and is resolved with again when it is patched.
    """

    logical_id: str
    type: str
    document: str
    line: int
    context: Context
    inside: tuple[str | int, ...] = ()

    @property
    def path(self) -> tuple[str | int, ...]:
        return ("Resources", self.logical_id, "Properties", self.document, *self.inside)


def find_policy(
    template: Template,
    context: Context,
    *,
    logical_id: str = "",
    kind: str = "",
    owner: str = "",
    deployed: Mapping[str, JSON] | None = None,
    at: tuple[str | int, ...] = (),
) -> Place | NotPlaced:
    """The policy document of one resource by its `logical_id` (`at` is the path below its Properties where it is another one
    than its type's own: `("Policies", 0, "PolicyDocument")` of a role), or of the `owner` (physical id or ARN) of a `kind`:
    bucket, key, topic or queue (the values of `services.base.Target`).
    """
    known = resources(template)
    if logical_id:
        resource = known.get(logical_id)
        holder = _holder(resource.type) if resource else None
        if resource is None or not (at or holder):
            return NotPlaced(_unseen(template, f"{logical_id} is no policy resource that is written in the template"))
        return _place(template, context, logical_id, at or ((holder or ("", ""))[1],), deployed)
    if kind not in HOLDERS:
        return NotPlaced(f"the policy of a {kind or 'resource without a kind'} is no document in a template")
    return _by_owner(template, context, known, kind, owner, deployed)


def _holder(type_name: str) -> tuple[str, str] | None:
    return next((holders[type_name] for holders in HOLDERS.values() if type_name in holders), None)


def _by_owner(
    template: Template, context: Context, known: Mapping[str, Resource], kind: str, owner: str, deployed: Mapping[str, JSON] | None
) -> Place | NotPlaced:
    certain: list[str] = []
    possible: list[str] = []
    for name, resource in known.items():
        if resource.type in HOLDERS[kind] and is_made(template, name, context) is not False:
            belongs = _belongs(template, context, name, HOLDERS[kind][resource.type][0], owner)
            (certain if belongs else possible if belongs is None else []).append(name)
    names = certain or possible
    if deployed is not None and (len(names) > 1 or not certain):
        names = [n for n in names if isinstance(_place(template, context, n, (HOLDERS[kind][known[n].type][1],), deployed), Place)]
    if len(names) > 1:
        return NotPlaced(f"several resources may hold the policy of {owner}: {', '.join(names)}")
    if not names or (not certain and deployed is None):
        return NotPlaced(_unseen(template, f"no resource of the template is known to hold the policy of {owner}"))
    return _place(template, context, names[0], (HOLDERS[kind][known[names[0]].type][1],), deployed)


def _belongs(template: Template, context: Context, name: str, naming: str, owner: str) -> bool | None:
    """Whether the policy resource is the owner's; None where the known values do not tell."""
    if not naming:
        physical = context.physical_ids.get(name)
        return _short(physical) == _short(owner) if physical else None
    values = as_list((resource_properties(template, name, context) or {}).get(naming))
    if any(isinstance(value, str) and not isinstance(value, Unresolved) and _short(value) == _short(owner) for value in values):
        return True
    return None if any(isinstance(value, Unresolved) for value in values) else False


def _short(name: str) -> str:
    """What stays the same between a name, an ARN and a URL."""
    return name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _place(
    template: Template, context: Context, name: str, at: tuple[str | int, ...], deployed: Mapping[str, JSON] | None
) -> Place | NotPlaced:
    node = template.node("Resources", name, "Properties", *at)
    if node is None:
        return NotPlaced(_missing(template, name, str(at[0])))
    if reason := _opaque(template, node.value):
        return NotPlaced(reason)
    line = template.text.count("\n", 0, node.start) + 1
    for attempt in (context, context.without_defaults()):
        if deployed is None or matches_document(template, node, attempt, deployed):
            return Place(name, resources(template)[name].type, str(at[0]), line, attempt, at[1:])
    return NotPlaced(f"the deployed policy is not what {name} says in the template: it was changed since")


def matches_document(template: Template, node: Node, context: Context, deployed: Mapping[str, JSON]) -> bool:
    """Whether the document under a node can be the deployed one, in one of its Fn::If branches."""
    reading = Reading(template, context)
    return any(option is not None and reading.may_be(option, dict(deployed)) for option in reading.options(node))


def _missing(template: Template, name: str, prop: str) -> str:
    resource = resources(template)[name]
    if prop in resource.properties:
        return f"{prop} of {name} is merged in from an anchor"
    return _unseen(template, f"{name} has no {prop} in the template")


def _unseen(template: Template, reason: str) -> str:
    """The reason, with what may make resources that are not to be seen in the text."""
    hidden = [name for name in template.section("Resources") if name.startswith("Fn::")]
    transform = template.value.get("Transform")
    names = [str(item.get("Name")) if isinstance(item, dict) else str(item) for item in as_list(transform) if item]
    made = ", ".join([*hidden, *names])
    return f"{reason}; {made} may make it" if made else reason


def _opaque(template: Template, value: JSON) -> str:
    """Why the text does not show what is deployed, '' where it does."""
    for item in as_list(template.value.get("Transform")):
        name = item.get("Name") if isinstance(item, dict) else item
        if name is not None and not str(name).startswith("AWS::"):
            return f"the macro {name} may change the policy after the template is read"
    made = next((name for name in _names(value) if name in {"Fn::Transform", "Fn::GetStackOutput"} or name.startswith("Fn::ForEach")), None)
    if made:
        return f"the policy is made by {made}"
    return "the policy is written as text, not as a mapping" if isinstance(value, str) else ""


def _names(value: JSON) -> Iterator[str]:
    match value:
        case dict():
            for name, item in value.items():
                yield name
                yield from _names(item)
        case list():
            for item in value:
                yield from _names(item)


@dataclass(frozen=True, slots=True)
class Reading:
    """A template read with a context: what a node may be once deployed."""

    template: Template
    context: Context | None  # None: as written, nothing is resolved

    def value(self, node: Node) -> JSON:
        return resolve(self.template, node.value, self.context) if self.context else node.value

    def options(self, node: Node) -> list[Node | None]:
        """The nodes that may stand for this one: the branches of Fn::If; None for AWS::NoValue."""
        if self.context is None:
            return [node]
        if branches := self.branches(node):
            return [option for branch in branches for option in self.options(branch)]
        return [None] if is_no_value(self.template, node.value, self.context) else [node]

    def branches(self, node: Node) -> list[Node]:
        """Of an Fn::If the branch taken, or both where the condition is not decided; empty for anything else."""
        found = argument(node)
        if found is None or found[0] != "Fn::If" or len(found[1].items) != 3 or self.context is None:
            return []
        name, *branches = found[1].items
        holds = condition(self.template, name.value, self.context)
        return branches if holds is None else [branches[0 if holds else 1]]

    def may_be(self, node: Node, deployed: JSON) -> bool:
        """Like `matches`, through undecided Fn::If in a policy's own mappings and lists."""
        if matches(self.value(node), deployed):
            return True
        if intrinsic(node.value) is not None or node.merged:
            return False
        if isinstance(deployed, dict) and node.keys:
            return self._mapping(node, deployed)
        return bool(node.items) and not node.keys and self.align(node, as_list(deployed)) is not None

    def _mapping(self, node: Node, deployed: dict[str, JSON]) -> bool:
        if set(deployed) - set(node.names):
            return False
        for name, item in zip(node.names, node.items, strict=True):
            options = self.options(item)
            if name not in deployed and None not in options:
                return False
            if name in deployed and not any(option and self.may_be(option, deployed[name]) for option in options):
                return False
        return True

    def align(self, node: Node, deployed: list[JSON]) -> list[list[tuple[int, Node]]] | None:
        """For each deployed element the items (index, chosen node) it may come from, in order; None where they do not fit."""
        rows, columns = len(node.items), len(deployed)
        options = [self.options(item) for item in node.items]
        known: dict[tuple[int, int], Node | None] = {}

        def fit(i: int, j: int) -> Node | None:
            if (i, j) not in known:
                known[i, j] = next((o for o in options[i] if o is not None and self.may_be(o, deployed[j])), None)
            return known[i, j]

        ahead = [{0}]  # after so many items, so many elements can be explained
        for i in range(rows):
            skipped = ahead[i] if None in options[i] else set()
            ahead.append(skipped | {j + 1 for j in ahead[i] if j < columns and fit(i, j) is not None})
        if columns not in ahead[rows]:
            return None
        behind = [{columns}]
        for i in reversed(range(rows)):
            skipped = behind[-1] & ahead[i] if None in options[i] else set()
            behind.append(skipped | {j for j in ahead[i] if j + 1 in behind[-1] and fit(i, j) is not None})
        behind.reverse()
        found: list[list[tuple[int, Node]]] = [[] for _ in deployed]
        for (i, j), chosen in known.items():
            if chosen is not None and j in ahead[i] and j + 1 in behind[i + 1]:
                found[j].append((i, chosen))
        return found
