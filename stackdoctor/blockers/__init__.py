"""What keeps a resource from being deleted or rolled back, by type: how to save its data, and what clears the way.

in: the failure, what was read live of the resource (`BlockerState`), the style of commands. out: `Clearing`, steps in order.

protection    deletion protection flags, one row a type     contents    buckets, repositories, zones, vaults that are not empty
data          how to save what a type stores                dependents  network interfaces, policies, exports, replicas
access        a caller that may not, a role that is gone    custom      custom resources and nested stacks
reads         what to read live, and what the answers mean  prevention  what the template should say next time
"""

from stackdoctor.blockers.base import BlockerState, Clearing, key_of
from stackdoctor.blockers.clear import clearing
from stackdoctor.blockers.data import saving
from stackdoctor.blockers.prevention import PropertyChange, prevention
from stackdoctor.blockers.reads import BlockerRead, reads_for, state_from

__all__ = [
    "BlockerRead",
    "BlockerState",
    "Clearing",
    "PropertyChange",
    "clearing",
    "key_of",
    "prevention",
    "reads_for",
    "saving",
    "state_from",
]
