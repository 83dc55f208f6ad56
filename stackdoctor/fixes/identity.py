"""What an identity lacks of its own: the missing actions as an inline policy of the role or user that AWS's message or the stack names.

in: an `Investigation`. out: fixes that nothing verifies, since an identity's own policies are not read.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage-attach-detach.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from stackdoctor.checks import caller_identity
from stackdoctor.commands import CommandStyle, Value
from stackdoctor.investigation import Investigation
from stackdoctor.model import Fix, Severity
from stackdoctor.policy import Request

NAME = "AllowWhatTheStackNeeds"
_ROLE = re.compile(r"arn:[^:]+:(?:iam|sts)::\d+:(?:assumed-role/([^/]+)/.*|role/(?!aws-service-role/)(?:.*/)?([^/]+))\Z")
_USER = re.compile(r"arn:[^:]+:iam::\d+:user/(?:.*/)?([^/]+)\Z")


def identity_fixes(one: Investigation, style: CommandStyle) -> Iterator[Fix]:
    """One for each identity that a finding says may lack something."""
    asked = caller_identity.CHECK.id
    if one.case is None or not any(finding.check == asked and finding.severity is not Severity.NOTE for finding in one.findings):
        return
    for name, needed in caller_identity.needed_by(one.case).items():
        who = "the identity that deploys the stack" if name.endswith(":root") else name
        yield Fix(
            id="",
            title=f"Allow {', '.join(_actions(needed))} to {who}, in its own policy",
            kind="resource-property",
            target=name,
            scope="environment",
            disposition="risky",
            resolves=(asked,),
            verified=False,
            commands=tuple(_commands(name, needed, style)),
        )


def _actions(needed: Sequence[Request]) -> list[str]:
    return list(dict.fromkeys(request.action for request in needed))


def _commands(name: str, needed: Sequence[Request], style: CommandStyle) -> Iterator[str]:
    """A service-linked role takes no policy, and whoever deploys may not be known by name."""
    resources = list(dict.fromkeys(request.resource for request in needed))
    statement = {"Effect": "Allow", "Action": _actions(needed), "Resource": resources}
    document = Value(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    last = ("--policy-name", NAME, "--policy-document", document)
    if role := _ROLE.match(name):
        yield style.command("iam", "put-role-policy", "--role-name", Value(role[1] or role[2]), *last)
    elif user := _USER.match(name):
        yield style.command("iam", "put-user-policy", "--user-name", Value(user[1]), *last)
