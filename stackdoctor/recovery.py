"""The ordered way out of each stuck state: the stack, what blocks it and what was read of the blockers in, steps out.

Pure: nothing is read and nothing is done here. Every way out of a stuck state ends with the redeploy and the command that
checks it. Data first: all saving stands before all clearing, and both before the command that deletes.

ROLLBACK_COMPLETE, ROLLBACK_FAILED, DELETE_FAILED      clear, delete; retain or force only in DELETE_FAILED, as the last resort
UPDATE_ROLLBACK_FAILED                                 clear, continue-update-rollback; skip as the last resort
CREATE_FAILED, UPDATE_FAILED (rollback disabled)       fix and update, or rollback-stack
IMPORT_ROLLBACK_FAILED                                 keep the template, clear, delete
REVIEW_IN_PROGRESS                                     delete the stack that holds nothing
UPDATE_ROLLBACK_COMPLETE, IMPORT_ROLLBACK_COMPLETE, DELETE_COMPLETE    nothing is stuck
*_IN_PROGRESS                                          wait, look again

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stackdoctor.blockers import BlockerState, Clearing, clearing, key_of, saving
from stackdoctor.blockers.base import Blocked
from stackdoctor.commands import CommandStyle, Value, file_name, many
from stackdoctor.model import Category, Failure, Stack, StackEvent, Step

_GONE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})
_CLEAN = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "DELETE_COMPLETE"})
"""Nothing is stuck: the next deployment can begin."""
_HEALTHY = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


@dataclass(frozen=True, slots=True)
class _Way:
    """Everything a way out is made of. `name` is the stack that operations are sent to: the root's.

    `resources` are newest events, which tell what still exists; `known` are failed ones too, which tell what named a bucket.
    """

    stack: Stack
    blockers: tuple[Failure, ...]
    states: Mapping[str, BlockerState]
    resources: tuple[StackEvent, ...]
    known: tuple[StackEvent, ...]
    aws: CommandStyle
    redeploy: str | None
    fix_first: bool

    @property
    def name(self) -> Value:
        return Value(self.stack.root_id or self.stack.parent_id or self.stack.name)

    def cfn(self, title: str, operation: str, *words: str, why: str, destructive: bool = False) -> Step:
        command = self.aws.command("cloudformation", operation, "--stack-name", self.name, *words)
        return Step(title, command, destructive, why)

    def wait(self, what: str, why: str) -> Step:
        command = self.aws.command("cloudformation", "wait", what, "--stack-name", self.name)
        return Step("Wait until it is done", command, destructive=False, why=why)


def way_out(
    stack: Stack,
    blockers: tuple[Failure, ...],
    *,
    root_failed: tuple[Failure, ...] = (),
    states: Mapping[str, BlockerState] | None = None,
    resources: tuple[StackEvent, ...] = (),
    aws: CommandStyle,
    redeploy: str | None = None,
    fix_first: bool = True,
) -> tuple[Step, ...]:
    """The steps out of the state the stack is in; () where it is healthy.

    `states` is what was read live, by `blockers.key_of(failure)`. `resources` are the newest events of the stack's resources,
    which tell what writes to a blocked bucket and what else stores data. `redeploy` replaces the deploy command that is built here.
    `fix_first`: fixes stand in the report that must be applied before the redeploy.
    """
    events = (*(f.event for f in root_failed), *(f.event for f in blockers), *resources)
    known = {(event.stack_id, event.logical_id): event for event in events}
    way = _Way(stack, blockers, states or {}, resources, tuple(known.values()), aws, redeploy, fix_first)
    status = stack.status
    if status in _HEALTHY:
        return ()
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return (*_running(way), _check(way))
    return (*_steps(way), _redeploy(way), _check(way))


def _steps(way: _Way) -> tuple[Step, ...]:
    match way.stack.status:
        case "ROLLBACK_FAILED" | "ROLLBACK_COMPLETE" | "DELETE_FAILED":
            return _delete(way)
        case "UPDATE_ROLLBACK_FAILED":
            return _continue(way)
        case "CREATE_FAILED" | "UPDATE_FAILED":
            return _roll_back(way)
        case "IMPORT_ROLLBACK_FAILED":
            return _give_up_import(way)
        case "REVIEW_IN_PROGRESS":
            return _drop_review(way)
        case status if status in _CLEAN:
            return ()
        case _:
            return (
                way.cfn("See what state the stack is in", "describe-stacks", why=f"{way.stack.status} is no state this version knows."),
            )


# ---------------------------------------------------------------------------------------------- the states
def _delete(way: _Way) -> tuple[Step, ...]:
    """A create that failed leaves a stack that can only be deleted."""
    clear = _cleared(way)
    last = _last_resort(way) if way.stack.status == "DELETE_FAILED" else ()
    again = (way.wait("stack-delete-complete", "The name is free only when the stack is gone."),) if last else ()
    save = () if way.stack.status == "ROLLBACK_COMPLETE" else _saved(way)
    return (*_once((*clear.save, *save)), *clear.clear, *_unprotected(way), *_deleted(way), *last, *again)


def _deleted(way: _Way) -> tuple[Step, ...]:
    status = way.stack.status
    gone = status == "ROLLBACK_COMPLETE"
    why = {
        "ROLLBACK_COMPLETE": "The rollback has deleted what the create had made; such a stack holds only its name and can only be deleted.",
        "ROLLBACK_FAILED": "After a failed create a stack can only be deleted. This deletes everything it still holds. Should it end in "
        "DELETE_FAILED, diagnose again: only then can resources be retained.",
        "DELETE_FAILED": "A plain delete tries again what failed and deletes everything the stack still holds.",
    }.get(status, "This deletes everything the stack holds, except what has the DeletionPolicy Retain.")
    retained = " Resources with the DeletionPolicy Retain live on outside of the stack, and their names stay taken." if gone else ""
    if way.blockers and not _cleared(way).clear:
        why += " What failed may pass at a second try; nothing needs to be cleared before."
    return (
        way.cfn("Delete the stack", "delete-stack", why=why + retained, destructive=not gone),
        way.wait("stack-delete-complete", "The name is free only when the stack is gone."),
    )


def _last_resort(way: _Way) -> tuple[Step, ...]:
    """RetainResources takes logical ids of the stack it is sent to: a nested stack's resource is retained in that stack.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
    """
    own = tuple(f.event.logical_id for f in way.blockers if len(f.stack_path) <= 1 and not f.event.is_own)
    nested: dict[str, list[str]] = {}
    for failure in way.blockers:
        if len(failure.stack_path) > 1:
            nested.setdefault(failure.event.stack_id or failure.event.stack_name, []).append(failure.event.logical_id)
    why = (
        "Only if the delete fails again. What is retained lives on, costs money and is in nobody's stack; note its physical id. "
        "Everything else is deleted."
    )
    steps = [
        Step(
            f"Last resort: keep {', '.join(ids)} and delete the rest of the nested stack",
            way.aws.command("cloudformation", "delete-stack", "--stack-name", Value(child), *many("--retain-resources", ids)),
            destructive=True, why=f"{why} The ids belong to the nested stack, so it is deleted first.",
        )
        for child, ids in nested.items()
    ]  # fmt: skip
    if nested:
        again = "With the nested stack gone, the root stack can be deleted."
        steps.append(
            way.cfn("Then delete the root stack again", "delete-stack", why=f"Only after the step before. {again}", destructive=True)
        )
    if own:
        title = f"Last resort: keep {', '.join(own)} and delete the rest"
        steps.append(way.cfn(title, "delete-stack", *many("--retain-resources", own), why=why, destructive=True))
    force = (
        "Only if everything else failed. CloudFormation deletes the stack although resources, nested ones too, cannot be deleted: "
        "they stay in the account, in nobody's stack."
    )
    steps.append(
        way.cfn("Last resort: force the delete", "delete-stack", "--deletion-mode", "FORCE_DELETE_STACK", why=force, destructive=True)
    )
    return tuple(steps)


def _continue(way: _Way) -> tuple[Step, ...]:
    clear = _cleared(way)
    save = _once(step for failure in way.blockers if _may_lose(way, failure) for step in _clearing(way, failure).save)
    again = way.cfn(
        "Continue the rollback", "continue-update-rollback",
        why="It tries again what failed and takes the stack back to UPDATE_ROLLBACK_COMPLETE; before that it cannot be updated.",
    )  # fmt: skip
    wait = way.wait("stack-rollback-complete", "The stack can be updated only when the rollback is complete.")
    return (*save, *clear.clear, again, wait, *_skip(way))


def _may_lose(way: _Way, failure: Failure) -> bool:
    """A rollback that goes back to a resource leaves its data alone; one that deletes or empties it does not."""
    deletes = failure.event.status.startswith("DELETE") or failure.reason.category in {Category.DELETION_PROTECTION, Category.NOT_EMPTY}
    return deletes or any(step.destructive for step in _clearing(way, failure).clear)


def _skip(way: _Way) -> tuple[Step, ...]:
    """Only what is UPDATE_FAILED because the rollback failed may be skipped; in a nested stack by that stack's name, not its logical id.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
    """
    ids = tuple(dict.fromkeys(_skippable(failure) for failure in way.blockers if _may_be_skipped(failure)))
    if not ids:
        return ()
    why = (
        f"Only if it fails again and the cause cannot be removed. CloudFormation counts {', '.join(ids)} as rolled back, untouched: "
        "it then differs from its template (drift). Make both agree before the next update, or that fails too, and skip no more than these."
    )
    skip = way.cfn("Last resort: skip what cannot be rolled back", "continue-update-rollback", *many("--resources-to-skip", ids), why=why)
    drift = way.cfn("Only after skipping: see what differs", "detect-stack-drift", why="describe-stack-resource-drifts shows the result.")
    return (skip, drift)


def _may_be_skipped(failure: Failure) -> bool:
    """A nested stack's own row may be skipped only when the nested stack is deleted, so it is never named."""
    event = failure.event
    return (
        event.status == "UPDATE_FAILED"
        and not event.is_own
        and event.resource_type != "AWS::CloudFormation::Stack"
        and failure.reason.category is not Category.CANCELLED_NOISE
    )


def _skippable(failure: Failure) -> str:
    """`LogicalId`, or `NestedStackName.LogicalId` with the name in the nested stack's ARN."""
    event = failure.event
    if len(failure.stack_path) <= 1:
        return event.logical_id
    parts = event.stack_id.split("/")
    return f"{parts[1] if len(parts) > 1 else event.stack_name}.{event.logical_id}"


def _roll_back(way: _Way) -> tuple[Step, ...]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html"""
    created = way.stack.status == "CREATE_FAILED"
    save = _saved(way)
    why = (
        "A fix needs no rollback. A stack whose create failed has no last stable state: all that it made is deleted, and with it the "
        "stack (where it stays as ROLLBACK_COMPLETE, delete-stack removes it)."
        if created
        else "A fix needs no rollback. It goes back to the last stable state and deletes what this update made; a stack that never was "
        "stable is deleted altogether."
    )
    return (*save, way.cfn("Only instead of a fix: roll back", "rollback-stack", why=why, destructive=True))


def _give_up_import(way: _Way) -> tuple[Step, ...]:
    """No operation continues the rollback of an import; the status codes name none."""
    clear = _cleared(way)
    template = way.aws.into(f"{file_name(way.stack.name)}-template.json", "cloudformation", "get-template", "--stack-name", way.name)
    keep = Step(
        "Keep the template", template, destructive=False,
        why="It tells what the stack held. CloudFormation documents no operation that continues an import's rollback: "
        "AWS Support is worth asking before a stack that holds data is deleted.",
    )  # fmt: skip
    return (keep, *_once((*clear.save, *_saved(way))), *clear.clear, *_unprotected(way), *_deleted(way))


def _drop_review(way: _Way) -> tuple[Step, ...]:
    look = way.cfn("See the change sets", "list-change-sets", why="The stack was only planned: a change set was made and not executed.")
    drop = way.cfn("Delete the planned stack", "delete-stack", why="It holds no resources yet; its change sets go with it.")
    return (look, *_unprotected(way), drop, way.wait("stack-delete-complete", "The name is free only when the stack is gone."))


def _left_over(way: _Way) -> str:
    """A clean-up that failed leaves resources that no stack holds any more: nothing is stuck, but a fixed name stays taken."""
    if way.stack.status not in _CLEAN or not way.blockers:
        return ""
    left = ", ".join(f"{f.event.logical_id} ({f.event.physical_id or f.event.resource_type})" for f in way.blockers)
    return f" The clean-up left behind, in no stack any more: {left}. Delete it by hand when nothing needs it."


def _running(way: _Way) -> tuple[Step, ...]:
    waits = {
        "CREATE_IN_PROGRESS": "stack-create-complete", "UPDATE_IN_PROGRESS": "stack-update-complete",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "stack-update-complete", "DELETE_IN_PROGRESS": "stack-delete-complete",
        "IMPORT_IN_PROGRESS": "stack-import-complete", "UPDATE_ROLLBACK_IN_PROGRESS": "stack-rollback-complete",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "stack-rollback-complete",
    }  # fmt: skip
    why = f"The stack is {way.stack.status}: while an operation runs, no other can begin."
    if (what := waits.get(way.stack.status)) is not None:
        return (way.wait(what, why),)
    look = ("--query", "Stacks[0].[StackStatus,StackStatusReason]", "--output", "text")
    return (way.cfn("Watch it", "describe-stacks", *look, why=f"{why} Repeat until the status no longer ends in _IN_PROGRESS."),)


# ---------------------------------------------------------------------------------------------- parts of every way
def _cleared(way: _Way) -> Clearing:
    """All saving, then all clearing; a step that two blockers share stands once."""
    parts = [_clearing(way, failure) for failure in way.blockers]
    return Clearing(_once(step for part in parts for step in part.save), _once(step for part in parts for step in part.clear))


def _clearing(way: _Way, failure: Failure) -> Clearing:
    state = way.states.get(key_of(failure), BlockerState())
    return clearing(Blocked(failure.event, state, way.aws, failure, way.known))


def _saved(way: _Way) -> tuple[Step, ...]:
    """Saving for every other resource that still exists and stores data."""
    blocked = {(f.event.stack_id, f.event.logical_id) for f in way.blockers}
    alive = [e for e in way.resources if e.status not in _GONE and (e.stack_id, e.logical_id) not in blocked]
    return _once(step for event in alive for step in saving(Blocked(event, BlockerState(), way.aws)))


def _once(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(dict.fromkeys(steps))


def _unprotected(way: _Way) -> tuple[Step, ...]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html"""
    if not way.stack.termination_protection:
        return ()
    why = "A stack with termination protection is not deleted. Nested stacks are protected by their root."
    return (
        way.cfn(
            "Turn off the stack's termination protection", "update-termination-protection", "--no-enable-termination-protection", why=why
        ),
    )


def _redeploy(way: _Way) -> Step:
    failed = way.stack.status in {"CREATE_FAILED", "UPDATE_FAILED"}
    role = ("--role-arn", Value(way.stack.role_arn)) if way.stack.role_arn else ()
    words = ("--stack-name", Value(way.stack.name), "--template-file", "template.yaml", *role, *(("--disable-rollback",) if failed else ()))
    why = (
        ("With the fixes of this report applied. " if way.fix_first else "What failed before fails again unless its cause is gone. ")
        + ("A stack in a failed state is updated only with rollback disabled. " if failed else "")
        + "template.yaml stands for the stack's template; add --parameter-overrides as before, and --capabilities CAPABILITY_NAMED_IAM "
        "if it makes IAM resources (CAPABILITY_AUTO_EXPAND if it uses macros). What deployed it before (CDK, SAM, a pipeline) does as well."
    )
    command = way.redeploy or way.aws.command("cloudformation", "deploy", *words)
    return Step("Deploy again", command, destructive=False, why=why + _left_over(way))


def _check(way: _Way) -> Step:
    return Step("See that it worked", way.aws.diagnose(way.stack.name), destructive=False, why="It exits with 0 when the stack is healthy.")
