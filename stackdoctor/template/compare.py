"""Whether a resolved template value and a deployed value say the same; what is `Unresolved` fits whatever it may become.

Policy documents come back from S3 and KMS normalised: lists of one as text, an account id as its root ARN, keys in
another order. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import re

from stackdoctor.model import JSON
from stackdoctor.template.context import Unresolved

_ROOT = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):root")
_MAY_VANISH = "${Fn::If}"  # an undecided Fn::If may be AWS::NoValue


def matches(value: JSON, deployed: JSON) -> bool:
    """Whether a resolved value may be this deployed one."""
    if isinstance(value, Unresolved):
        return _fits(value, deployed)
    if isinstance(value, list) or isinstance(deployed, list):
        return _lists(as_list(value), as_list(deployed))
    if isinstance(value, dict) or isinstance(deployed, dict):
        return isinstance(value, dict) and isinstance(deployed, dict) and _mappings(value, deployed)
    return text(value) == text(deployed)


def as_list(value: JSON) -> list[JSON]:
    """A policy's one-or-many as many."""
    return value if isinstance(value, list) else [value]


def text(value: JSON) -> str:
    """A scalar as a policy document holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    found = _ROOT.fullmatch(str(value))
    return found.group(1) if found else str(value)


def _fits(value: Unresolved, deployed: JSON) -> bool:
    if value.parts == (None,):
        return True
    if isinstance(deployed, list) and len(deployed) == 1:
        return _fits(value, deployed[0])
    return isinstance(deployed, str) and pattern(value).fullmatch(deployed) is not None


def pattern(value: Unresolved) -> re.Pattern[str]:
    """What texts a partly known text can be."""
    return re.compile("".join("(.+)" if part is None else re.escape(part) for part in value.parts), re.DOTALL)


def _mappings(value: dict[str, JSON], deployed: dict[str, JSON]) -> bool:
    missing = value.keys() - deployed.keys()
    if deployed.keys() - value.keys() or any(value[name] != _MAY_VANISH for name in missing):
        return False
    return all(matches(value[name], item) for name, item in deployed.items())


def _lists(value: list[JSON], deployed: list[JSON]) -> bool:
    if len(value) == len(deployed) and all(map(matches, value, deployed)):
        return True
    if any(isinstance(item, dict) for item in deployed):
        return False  # the order of statements counts
    left = sorted(value, key=lambda item: isinstance(item, Unresolved))
    for item in deployed:
        found = next((known for known in left if matches(known, item)), None)
        if found is None:
            return False
        left.remove(found)
    return all(item == _MAY_VANISH for item in left)
