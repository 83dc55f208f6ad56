"""Templates: text in, text out. Find the place, patch the lines of the fix, leave comments and layout alone.

parse → Template; resolve and resource_properties → what was deployed; find_policy → Place; patch, set_property,
set_attribute, add_dependency → the new text with its diff, or NotPlaced with the reason. Nothing here reads a file
or AWS, and nothing is believed: a patched text is parsed again, and only the intended node may differ.
"""

from stackdoctor.template.context import Context, Unresolved, unresolved
from stackdoctor.template.graph import Resource, construct_path, depends_on, is_made, resources
from stackdoctor.template.locate import Place, find_policy
from stackdoctor.template.parse import parse
from stackdoctor.template.patch import add_dependency, patch, set_all, set_attribute, set_property, unified_diff
from stackdoctor.template.resolve import condition, resolve, resource_properties
from stackdoctor.template.source import BadTemplate, NotPlaced, Patched, Template

__all__ = [
    "BadTemplate",
    "Context",
    "NotPlaced",
    "Patched",
    "Place",
    "Resource",
    "Template",
    "Unresolved",
    "add_dependency",
    "condition",
    "construct_path",
    "depends_on",
    "find_policy",
    "is_made",
    "parse",
    "patch",
    "resolve",
    "resource_properties",
    "resources",
    "set_all",
    "set_attribute",
    "set_property",
    "unified_diff",
    "unresolved",
]
