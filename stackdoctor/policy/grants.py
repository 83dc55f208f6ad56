"""KMS grants: permission beside the key policy. An explicit deny still wins.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackdoctor.policy.principals import identity
from stackdoctor.policy.request import Caller, Known, Missing, PrincipalKind
from stackdoctor.policy.results import Truth
from stackdoctor.policy.view import ENCRYPTION_CONTEXT, View


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant of a key. `grantee` is an IAM ARN or a service principal; `operations` as KMS names them (`GenerateDataKey`).

    The constraints hold an encryption context: to be equal to the call's, or a part of it; names and values are case-sensitive.
    """

    grantee: str
    operations: tuple[str, ...]
    context_equals: Mapping[str, str] = field(default_factory=dict)
    context_subset: Mapping[str, str] = field(default_factory=dict)

    def truth(self, view: View) -> Truth:
        """Whether the grant allows the request."""
        if not _is_grantee(self.grantee, view.caller) or view.action not in {f"kms:{name}".lower() for name in self.operations}:
            return False
        wanted = {**self.context_subset, **self.context_equals}
        if not wanted or view.silent:
            return True
        return self._constraint(wanted, view)

    def _constraint(self, wanted: Mapping[str, str], view: View) -> Truth:
        result: Truth = True
        for name, value in wanted.items():
            known = view.knowledge(f"{ENCRYPTION_CONTEXT}:{name.lower()}")
            if isinstance(known, Missing) or (isinstance(known, Known) and known.values != (value,)):
                return False
            if not isinstance(known, Known):
                result = None
        if not self.context_equals:
            return result
        prefix = f"{ENCRYPTION_CONTEXT}:"
        extra = [key for key in view.context if key.startswith(prefix) and key.removeprefix(prefix) not in {n.lower() for n in wanted}]
        if any(isinstance(view.context[key], Known) for key in extra):
            return False
        return result if isinstance(view.otherwise, Missing) and not extra else None


def _is_grantee(grantee: str, caller: Caller) -> bool:
    if grantee == caller.name:
        return True
    if caller.kind is not PrincipalKind.AWS:
        return False
    role = identity(caller.name).role
    return bool(role) and role == identity(grantee).role and not identity(grantee).is_session
