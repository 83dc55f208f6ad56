"""A delete or rollback that was denied: a caller that lacks a permission, or a role that cannot be assumed any more.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from stackdoctor.blockers.base import Blocked
from stackdoctor.blockers.dependents import unknown
from stackdoctor.commands import Value, usable
from stackdoctor.model import Category, DeniedBy, Step

_ROLE = re.compile(r"\bRole (?P<arn>arn:[\w-]+:iam::[^:\s]*:role(?P<path>/(?:\S*/)?)(?P<name>[^/\s]+)) is invalid or cannot be assumed")
_CALLER = re.compile(
    r"arn:(?P<partition>[\w-]+):(?:sts|iam)::(?P<account>\d{12}):(?P<kind>assumed-role|role|user)/(?P<rest>[\w+=,.@/-]+)\Z"
)
_ENTITY = re.compile(r"(?P<kind>role|user|group|policy|instance profile) (?P<name>[\w+=,.@-]+)\Z")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*]+\Z")
_POLICY = "stackdoctor-recovery"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_FOR_THE_WAY = " It is for the way out only: delete the inline policy afterwards."


def permit(blocked: Blocked) -> tuple[Step, ...]:
    """The caller lacks an action: the one statement that grants it, where caller and action are named; else where to look."""
    reason = blocked.failure.reason if blocked.failure else None
    denied = reason.denied if reason else None
    if (
        reason is None
        or denied is None
        or reason.category is not Category.IAM_IDENTITY_DENY
        or reason.denied_by not in {None, DeniedBy.IAM}
    ):
        return _not_by_iam(blocked)
    caller = _CALLER.match(denied.principal or "")
    if caller is None or not _ACTION.match(denied.action or ""):
        return _not_by_iam(blocked)
    kind = "user" if caller["kind"] == "user" else "role"
    name = caller["rest"].split("/")[0 if caller["kind"] == "assumed-role" else -1]
    statement = {"Effect": "Allow", "Action": denied.action, "Resource": _resource(denied.resource or "", caller)}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    grant = blocked.step(
        f"Let {kind} {name} call {denied.action}",
        ("iam", f"put-{kind}-policy", f"--{kind}-name", Value(name), "--policy-name", _POLICY, "--policy-document", Value(document)),
        f"{blocked.event.logical_id} could not be deleted or rolled back without {denied.action}.{_FOR_THE_WAY} "
        "Or let another role do it that may: --role-arn on the command that follows.",
    )
    return (grant,)


def _resource(named: str, caller: re.Match[str]) -> str | list[str]:
    """What the statement covers: the ARN of the message, or of the IAM entity it names (`role NAME`); else any resource."""
    if named.startswith("arn:"):
        return named
    entity = _ENTITY.match(named)
    if entity is None:
        return "*"
    prefix = f"arn:{caller['partition']}:iam::{caller['account']}:{entity['kind']}"
    return [f"{prefix}/{entity['name']}", f"{prefix}/*/{entity['name']}"]


def _not_by_iam(blocked: Blocked) -> tuple[Step, ...]:
    """No identity policy can be named: a resource's policy, a boundary, an SCP, an explicit Deny, or an unknown caller."""
    look, *_ = unknown(blocked)
    why = (
        look.why + " No identity policy that would grant it can be named from the message: it may be an explicit Deny, an SCP, a boundary."
    )
    return (Step(look.title, look.command, destructive=False, why=why),)


def role_gone(blocked: Blocked) -> Iterator[Step]:
    """`Role … is invalid or cannot be assumed`: CloudFormation keeps using the role the stack was made with."""
    found = _ROLE.search(blocked.text)
    if found is None or not usable(found["name"]):
        yield from unknown(blocked)
        return
    name = Value(found["name"])
    yield blocked.step(
        f"See whether the role {name} still exists", ("iam", "get-role", "--role-name", name),
        "CloudFormation deletes and rolls back with the role the stack was last operated with. NoSuchEntity: it was deleted. "
        "Otherwise its trust policy no longer lets cloudformation.amazonaws.com assume it.",
    )  # fmt: skip
    path = ("--path", Value(found["path"])) if found["path"] != "/" else ()
    yield blocked.step(
        f"If it is gone, create the role {name} again",
        ("iam", "create-role", "--role-name", name, *path, "--assume-role-policy-document", json.dumps(TRUST)),
        "It must have the same name, and the permissions to delete what the stack holds: attach the policies it had (for a CDK role, "
        "bootstrapping again does both). Instead, delete-stack and continue-update-rollback take another role with --role-arn.",
    )
