"""What botocore knows offline."""

from __future__ import annotations

import pytest

from stackdoctor.aws.regions import known_regions, partition_of, similar_regions


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov"), ("eu-newtown-9", "aws"), ("nowhere", "aws")],
)
def test_the_partition_of_a_region_also_of_one_not_built_yet(region, partition):
    assert partition_of(region) == partition


def test_known_regions_are_those_one_can_log_in_to():
    assert {"us-east-1", "eu-central-1", "af-south-1"} <= set(known_regions())
    assert not any("global" in name for name in known_regions())
    assert set(known_regions("aws-cn")) == {"cn-north-1", "cn-northwest-1"}


def test_a_misspelt_region_has_a_neighbour_and_a_right_one_has_none():
    assert similar_regions("us-esat-1")[0] == "us-east-1"
    assert similar_regions("us-east-1") == ()
    assert similar_regions("xyz") == ()
