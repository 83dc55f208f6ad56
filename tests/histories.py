"""Event histories told as stories, for any test that needs one.

    story = Story("shop")
    story.create(done("Key", "AWS::KMS::Key"), fails("Trail", DENIED, "AWS::CloudTrail::Trail"), cancelled("Queue"))
    story.rollback(fails("Database", PROTECTED, "AWS::RDS::DBInstance"), done("Key"))
    story.history()            # ROLLBACK_FAILED, events newest first as DescribeStackEvents gives them

Every call is one operation: it writes the stack's own rows around the moves given, one second apart. With `ids=True`
rows carry OperationIds (an automatic rollback has its own, with `shared_ids=True` its attempt's); without, only tokens
(`tokens=False`: not even those). A nested stack is a story of its own: `nested(child, …)` is the parent's row about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from stackdoctor.model import Stack, StackEvent, StackHistory, ValidationError
from stackdoctor.rows import STACK_TYPE

ACCOUNT, REGION = "111122223333", "eu-west-1"
START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

DENIED = (
    "Invalid request provided: Insufficient permissions to access S3 bucket logs or KMS key "
    "arn:aws:kms:eu-west-1:111122223333:key/k. (Service: CloudTrail, Status Code: 400, Request ID: 1)"
)
KMS_DENIED = 'Resource handler returned message: "Access to KMS is not allowed (Service: AWSSecretsManager; Status Code: 400; Error Code: AccessDeniedException; Request ID: 1)"'
QUOTA = "The maximum number of addresses has been reached. (Service: AmazonEC2; Status Code: 400; Error Code: AddressLimitExceeded; Request ID: 1)"
PROTECTED = (
    "Cannot delete protected DB Instance, please disable deletion protection and try again. (Service: Rds, Status Code: 400, Request ID: 2)"
)
NOT_EMPTY = "The bucket you tried to delete is not empty (Service: Amazon S3; Status Code: 409; Error Code: BucketNotEmpty; Request ID: 3)"

VERBS = {"CREATE": "creation", "UPDATE": "update", "IMPORT": "import"}


@dataclass(frozen=True)
class Move:
    """What one resource does in an operation. `ends` is COMPLETE, FAILED or SKIPPED; `kind` overrides the operation's own verb."""

    logical_id: str
    ends: str
    reason: str | None = None
    resource_type: str = "AWS::SNS::Topic"
    kind: str | None = None
    physical_id: str | None = None
    said: Callable[[str], str] | None = None
    properties: str | None = None
    hook: tuple[str, str, str] | None = None


def done(logical_id: str, resource_type: str = "AWS::SNS::Topic", **more: str) -> Move:
    return Move(logical_id, "COMPLETE", resource_type=resource_type, **more)


def fails(logical_id: str, reason: str | None, resource_type: str = "AWS::SNS::Topic", **more: str) -> Move:
    return Move(logical_id, "FAILED", reason, resource_type, **more)


def skipped(logical_id: str) -> Move:
    return Move(logical_id, "SKIPPED")


def cancelled(logical_id: str, resource_type: str = "AWS::SNS::Topic", wording: str = "Resource {} cancelled") -> Move:
    return Move(logical_id, "FAILED", resource_type=resource_type, said=lambda kind: wording.format(VERBS.get(kind, "creation")))


def hooked(logical_id: str, hook: str, said: str, mode: str = "FAIL", resource_type: str = "AWS::S3::Bucket") -> Move:
    """A resource that a hook refuses: the hook's own row, then the failure that only names it."""
    return Move(logical_id, "FAILED", f"The following hook(s) failed: [{hook}]", resource_type, hook=(hook, said, mode))


def nested(child: Story, *names: str, reason: str | None = None, logical_id: str | None = None, kind: str | None = None) -> Move:
    """The parent's row about a nested stack that failed; `names` are what the child's summary lists."""

    def said(verb: str) -> str:
        done = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted"}.get(verb, "created")
        return f"Embedded stack {child.id} was not successfully {done}: The following resource(s) failed to {verb.lower()}: [{', '.join(names)}]. "

    return Move(logical_id or child.logical_id, "FAILED", reason, STACK_TYPE, kind, child.id, None if reason else said)


class Story:
    """One stack's past, operation by operation."""

    def __init__(
        self,
        name: str,
        *,
        ids: bool = False,
        shared_ids: bool = False,
        tokens: bool = True,
        at: datetime = START,
        parent: Story | None = None,
    ) -> None:
        self.logical_id = name
        self.name = f"{parent.name}-{name}-1ABCDEFG" if parent else name
        self.id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.name}/{at:%H%M%S}-0000"
        self.parent = parent
        self.ids, self.shared_ids, self.tokens = ids or shared_ids, shared_ids, tokens
        self.now = at
        self.events: list[StackEvent] = []
        self.validations: list[ValidationError] = []
        self._operation = 0
        self._attempt = 0

    # ------------------------------------------------------------------------------------------ operations
    def attempt(
        self, kind: str, *moves: Move, ends: str | None = None, reason: str | None = None, why: str | None = "User Initiated"
    ) -> Story:
        """A forward operation. Without `ends` it completes, or, if a move fails, stops where its rollback has to follow."""
        self._begin(forward=True)
        self._own(f"{kind}_IN_PROGRESS", why)
        failed = self._play(kind, moves)
        if kind == "UPDATE" and not failed and ends is None:
            self._own("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        end = ends or (None if failed else "COMPLETE")
        if end:
            self._own(f"{kind}_{end}", reason or (self._summary(kind, failed) if end == "FAILED" and failed else None))
        self._failed = failed
        return self

    def create(self, *moves: Move, ends: str | None = None, **more: str | None) -> Story:
        return self.attempt("CREATE", *moves, ends=ends, **more)

    def update(self, *moves: Move, ends: str | None = None, **more: str | None) -> Story:
        return self.attempt("UPDATE", *moves, ends=ends, **more)

    def rollback(
        self, *moves: Move, of: str = "CREATE", why: str | None = None, ends: str | None = None, reason: str | None = None
    ) -> Story:
        """A rollback: automatic (its start sums up the failures) unless `why` says otherwise, or with "" nothing. It fails if a move does."""
        prefix = {"CREATE": "ROLLBACK", "UPDATE": "UPDATE_ROLLBACK", "IMPORT": "IMPORT_ROLLBACK"}[of]
        self._begin(forward=False)
        self._own(f"{prefix}_IN_PROGRESS", f"{self._summary(of, self._failed)} Rollback requested by user." if why is None else why or None)
        kind = "DELETE" if of == "CREATE" else "UPDATE"
        failed = self._play(kind, moves)
        if of == "UPDATE" and not failed and ends is None:
            self._own("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._own(f"{prefix}_{ends or ('FAILED' if failed else 'COMPLETE')}", reason or (self._summary(kind, failed) if failed else None))
        return self

    def continued(self, *moves: Move, ends: str | None = None) -> Story:
        """`continue-update-rollback`."""
        return self.rollback(*moves, of="UPDATE", why="User Initiated", ends=ends)

    def clean_up(self, *moves: Move, after: str = "UPDATE_ROLLBACK") -> Story:
        """Replaces the last COMPLETE row by a clean-up that leaves things behind."""
        self.events.pop()
        self._play("DELETE", moves)
        self._own(f"{after}_COMPLETE", "Update successful. One or more resources could not be deleted.")
        return self

    def delete(self, *moves: Move, why: str | None = "User Initiated") -> Story:
        """A delete: a person's, unless `why` is the summary of OnFailure=DELETE or None (a parent deletes its nested stack)."""
        self._begin(forward=True)
        self._own("DELETE_IN_PROGRESS", why)
        failed = self._play("DELETE", moves)
        self._own("DELETE_FAILED" if failed else "DELETE_COMPLETE", self._summary("DELETE", failed) if failed else None)
        return self

    def review(self, *errors: tuple[str, str]) -> Story:
        """Making a change set; `errors` are early validation's refusals, (logical id, reason)."""
        self._own("REVIEW_IN_PROGRESS", "User Initiated")
        for logical_id, reason in errors:
            event_id = f"{self.name}-v{len(self.validations)}"
            self.validations.append(
                ValidationError(
                    event_id, "op-review", logical_id, None, "AWS::S3::Bucket", self.now, "VALIDATION_ERROR", "NAME", None, reason
                )
            )
        return self

    def wait(self, seconds: float) -> Story:
        self.now += timedelta(seconds=seconds)
        return self

    # ------------------------------------------------------------------------------------------ rows
    def row(
        self,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str | None = None,
        physical_id: str | None = None,
        **more: str | None,
    ) -> Story:
        """Any single row."""
        self.events.append(
            StackEvent(
                event_id=f"{self.name}-{self.id[-11:-5]}-{len(self.events)}",
                stack_id=self.id,
                stack_name=self.name,
                logical_id=logical_id,
                physical_id=physical_id or f"{logical_id}-physical",
                resource_type=resource_type,
                timestamp=self.now,
                status=status,
                reason=reason,
                operation_id=f"{self.name}-op{self._attempt if self.shared_ids else self._operation}" if self.ids else None,
                client_request_token=f"token-{self._attempt}" if self.tokens else None,
                **more,
            )
        )
        return self.wait(1)

    def _begin(self, *, forward: bool) -> None:
        self._operation += 1
        self._attempt += forward
        self.wait(60)

    def _own(self, status: str, reason: str | None = None) -> None:
        self.row(self.name, STACK_TYPE, status, reason, self.id)

    def _play(self, kind: str, moves: tuple[Move, ...]) -> list[str]:
        for move in moves:
            verb = move.kind or kind
            if move.ends != "SKIPPED":
                self.row(move.logical_id, move.resource_type, f"{verb}_IN_PROGRESS", None, move.physical_id, properties=move.properties)
            if move.hook:
                hook, said, mode = move.hook
                told = {"hook_type": hook, "hook_status": "HOOK_COMPLETE_FAILED", "hook_reason": said, "hook_failure_mode": mode}
                self.row(move.logical_id, move.resource_type, f"{verb}_IN_PROGRESS", None, move.physical_id, **told)
            said_ = move.said(verb) if move.said else move.reason
            self.row(move.logical_id, move.resource_type, f"{verb}_{move.ends}", said_, move.physical_id, properties=move.properties)
        return list(dict.fromkeys(move.logical_id for move in moves if move.ends == "FAILED"))

    @staticmethod
    def _summary(kind: str, failed: list[str]) -> str:
        return f"The following resource(s) failed to {kind.lower()}: [{', '.join(failed)}]. "

    # ------------------------------------------------------------------------------------------ history
    def history(
        self,
        *,
        children: tuple[StackHistory, ...] = (),
        earlier: tuple[StackHistory, ...] = (),
        status: str | None = None,
        change: Callable[[tuple[StackEvent, ...]], tuple[StackEvent, ...]] = lambda events: events,
    ) -> StackHistory:
        """As collected: newest first. `change` may lose, shuffle or blind rows; the status stays what it was."""
        newest = next(event.status for event in reversed(self.events) if event.physical_id == self.id)
        stack = Stack(
            self.name, self.id, status or newest, region=REGION, account=ACCOUNT, parent_id=self.parent.id if self.parent else None
        )
        events = change(tuple(reversed(self.events)))
        return StackHistory(stack, events, children=children, earlier=earlier, validations=tuple(self.validations))


def without(field: str, every: int = 1) -> Callable[[tuple[StackEvent, ...]], tuple[StackEvent, ...]]:
    """Blinds a field in every n-th row: `history(change=without("operation_id", 2))`."""
    return lambda events: tuple(replace(event, **{field: None}) if at % every == 0 else event for at, event in enumerate(events))
