"""What happens to a stack, in the words of its events; the world then answers as AWS would.

tale = Tale(world)
tale.create()                      CREATE_IN_PROGRESS
tale.fail("Queue", "AWS::SQS::Queue", "…")
tale.roll_back("ROLLBACK_COMPLETE")
tale.tell()                        the stack's status is its newest own row's
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lab.attempts import STACK, Story
from lab.world import BEGAN, World

TAKEN = "team-uploads already exists in stack arn:aws:cloudformation:us-east-1:111122223333:stack/other/1a2b3c4d"
QUOTA = (
    'Resource handler returned message: "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400, Request ID: '
    '7f1e0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)" (RequestToken: 0d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: ServiceLimitExceeded)'
)
PROTECTED = (
    'Resource handler returned message: "Cannot delete protected DB Instance, please disable deletion protection and try again. '
    '(Service: Rds, Status Code: 400, Request ID: 9d1e0e2c-54c2-4c4e-a7f8-f9a8d1a0c1b2)" '
    "(RequestToken: 1d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: InvalidRequest)"
)
NOT_EMPTY = (
    'Resource handler returned message: "The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Request ID: '
    'A1B2C3D4E5F60718)" (RequestToken: 2d7d3c61-11f5-4ec6-a7a9-1d7b2f1e0c55, HandlerErrorCode: GeneralServiceException)'
)
CANCELLED = "Resource creation cancelled"


class Tale(Story):
    """A story with the verbs of CloudFormation."""

    def __init__(
        self, world: World, name: str = "app", at: datetime = BEGAN, *, operation_ids: bool = True, tokens: bool = True, arn: str = ""
    ) -> None:
        super().__init__(world, name, at, operation_ids=operation_ids, tokens=tokens)
        self.arn = arn or f"arn:{world.partition}:cloudformation:{world.region}:{world.account}:stack/{name}/{uuid.uuid4()}"

    # ------------------------------------------------------------------------------------------ operations
    def create(self) -> Tale:
        self.begin("CREATE_STACK", "CREATE_IN_PROGRESS")
        return self

    def update(self) -> Tale:
        self.begin("UPDATE_STACK", "UPDATE_IN_PROGRESS")
        return self

    def import_(self) -> Tale:
        self.begin("IMPORT", "IMPORT_IN_PROGRESS")
        return self

    def delete(self) -> Tale:
        self.begin("DELETE_STACK", "DELETE_IN_PROGRESS")
        return self

    def delete_nested(self) -> Tale:
        """By the parent's rollback: nobody asked for it."""
        self.begin("DELETE_STACK", "DELETE_IN_PROGRESS", "")
        return self

    def review(self) -> Tale:
        """Making a change set of a stack that is not there yet."""
        self.begin("CREATE_CHANGESET", "REVIEW_IN_PROGRESS")
        return self

    def undo(self, kind: str = "ROLLBACK", *failed: str) -> Tale:
        verb = {"ROLLBACK": "create", "UPDATE_ROLLBACK": "update", "IMPORT_ROLLBACK": "import"}[kind]
        names = ", ".join(failed or ("Queue",))
        self.begin("ROLLBACK", f"{kind}_IN_PROGRESS", f"The following resource(s) failed to {verb}: [{names}]. Rollback requested by user.")
        return self

    def again(self, kind: str = "UPDATE_ROLLBACK") -> Tale:
        self.begin("CONTINUE_ROLLBACK", f"{kind}_IN_PROGRESS")
        return self

    def ends(self, status: str, reason: str = "") -> Tale:
        self.own(status, reason)
        return self

    # ------------------------------------------------------------------------------------------ rows
    def makes(self, name: str, kind: str = "AWS::SNS::Topic", verb: str = "CREATE", physical: str = "", properties: Any = None) -> Tale:
        self.add(name, kind, f"{verb}_IN_PROGRESS", physical, properties=properties)
        self.add(name, kind, f"{verb}_COMPLETE", physical or f"{self.name}-{name.lower()}", properties=properties)
        return self

    def fails(
        self,
        name: str = "Queue",
        reason: str = TAKEN,
        kind: str = "AWS::SQS::Queue",
        verb: str = "CREATE",
        physical: str = "",
        properties: Any = None,
    ) -> Tale:
        self.add(name, kind, f"{verb}_IN_PROGRESS", physical, properties=properties)
        self.add(name, kind, f"{verb}_FAILED", physical, reason, properties)
        return self

    # ------------------------------------------------------------------------------------------ the stack
    @property
    def status(self) -> str:
        return next(
            e["ResourceStatus"] for e in reversed(self.events) if e["PhysicalResourceId"] == self.arn and e["ResourceType"] == STACK
        )

    def tell(self, status: str = "", *, template: str | Mapping[str, Any] = "{}", **more: Any) -> str:  # type: ignore[override]
        """Puts the stack into the world; its ARN."""
        last = {"LastOperations": self.operations[-1:-3:-1]} if self._ids else {}
        self.world.stack(self.name, status or self.status, self.events, arn=self.arn, template=template, **last, **more)
        return self.arn

    def printed(self) -> str:
        """As `aws cloudformation describe-stack-events` prints it."""
        rows = [{**event, "Timestamp": event["Timestamp"].isoformat()} for event in reversed(self.events)]
        return json.dumps({"StackEvents": rows}, indent=4)


def failed_create(world: World, name: str = "app", reason: str = TAKEN, *, at: datetime = BEGAN) -> Tale:
    """One resource failed, the rollback went through."""
    tale = Tale(world, name, at).create().fails(reason=reason).undo()
    return tale.ends("ROLLBACK_COMPLETE")
