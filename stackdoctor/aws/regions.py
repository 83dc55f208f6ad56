"""What botocore knows of partitions and Regions without asking anybody.

in: a Region or partition. out: names from the partition data that ships inside botocore. A Region newer than botocore is
not in the lists, so "unknown" is a hint and never a refusal.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import Any

import botocore.loaders

DEFAULT_PARTITION = "aws"


@cache
def _partitions() -> tuple[dict[str, Any], ...]:
    return tuple(botocore.loaders.create_loader().load_data("partitions")["partitions"])


def partition_of(region: str) -> str:
    """`aws-cn` for cn-north-1, by the partition's own pattern of Region names; `aws` where none fits."""
    for partition in _partitions():
        if region in partition["regions"] or re.fullmatch(partition["regionRegex"], region):
            return str(partition["id"])
    return DEFAULT_PARTITION


def known_regions(partition: str = DEFAULT_PARTITION) -> tuple[str, ...]:
    """The Regions of a partition, opted in or not, without its pseudo-Regions such as aws-global."""
    return tuple(
        sorted(name for found in _partitions() if found["id"] == partition for name in found["regions"] if not name.endswith("-global"))
    )


def similar_regions(region: str) -> tuple[str, ...]:
    """Known Regions spelt almost like this one, swapped letters first; none where it is known itself."""
    known = [name for partition in _partitions() for name in known_regions(partition["id"])]
    if region in known:
        return ()
    letters = sorted(region)
    near = get_close_matches(region.lower(), known, n=3, cutoff=0.7)
    return tuple(sorted(near, key=lambda name: sorted(name) != letters))
