"""What single rows say: CloudFormation's own sentences, and whose row it is."""

import time

import pytest
from histories import Story, done

from stackdoctor import rows


@pytest.mark.parametrize(
    ("reason", "names", "status"),
    [
        ("The following resource(s) failed to create: [A, B]. Rollback requested by user.", ("A", "B"), "CREATE_FAILED"),
        ("The following resource(s) failed to delete: [A]. ", ("A",), "DELETE_FAILED"),
        ("The following resource(s) failed to update: [Stack/Path/A, B-1, C.2", ("Stack/Path/A", "B-1", "C.2"), "UPDATE_FAILED"),
        (
            "Embedded stack arn:aws:x was not successfully deleted: The following resource(s) failed to delete: [A].",
            ("A",),
            "DELETE_FAILED",
        ),
        ("The following resource(s) failed to create: []", (), "CREATE_FAILED"),
        ("Access Denied", (), ""),
        (None, (), ""),
    ],
)
def test_a_summary_names_resources(reason: str | None, names: tuple[str, ...], status: str) -> None:
    assert rows.summarised(reason) == names
    assert {rows.summarised_status(reason, name) for name in names} == ({status} if names else set())


def test_an_update_s_summary_has_a_sentence_for_each_kind_of_failure() -> None:
    reason = "The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B, A]. "
    assert rows.summarised(reason) == ("A", "B")
    assert [rows.summarised_status(reason, name) for name in ("A", "B", "C")] == ["CREATE_FAILED", "UPDATE_FAILED", ""]


def test_a_terminal_s_line_breaks_do_not_change_a_summary() -> None:
    assert rows.summarised("The following resource(s) failed \nto create:\n[LambdaAtEdge, SiteLoggingB\nucket]") == (
        "LambdaAtEdge",
        "SiteLoggingBucket",
    )


@pytest.mark.parametrize(
    ("shown", "logical_id", "same"),
    [
        ("RootHostedZone", "RootHostedZone28FAB023", True),
        ("Site/Bucket/Resource", "SiteBucket397A1860", True),
        ("hello-eks/EksClust...blicSubnet1/Subnet", "helloeksEksClusterDefaultVpcPublicSubnet1SubnetA1B2C3D4", True),
        ("FrontendSta...FunctionFnD44980B3", "FrontendStackMiddlewareFunctionFnD44980B3", True),
        ("Key", "Key", True),
        ("Key", "Keyring28FAB023", False),
        ("Root", "RootHostedZone28FAB023", False),
        ("Key", "Trail", False),
    ],
)
def test_a_log_may_show_a_construct_s_path_for_the_logical_id(shown: str, logical_id: str, same: bool) -> None:
    assert rows.is_shown_as(shown, logical_id) is same


def test_only_the_stack_itself_begins_with_its_summary() -> None:
    assert rows.says_summary("The following resource(s) failed to create: [A]")
    assert not rows.says_summary("Embedded stack arn:x was not successfully created: The following resource(s) failed to create: [A]")


def test_a_childs_failed_rollback_is_told_from_its_failed_update() -> None:
    told = (
        "Embedded stack arn:x was not successfully updated. Currently in {} with reason: The following resource(s) failed to update: [A]."
    )
    states = ("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_FAILED")
    assert [rows.tells_of_rollback(told.format(state)) for state in states] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "family"),
    [
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE"),
        ("ROLLBACK_FAILED", "ROLLBACK"),
        ("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK"),
        ("DELETE_SKIPPED", "DELETE"),
        ("REVIEW_IN_PROGRESS", None),
        ("A_STATUS_OF_TOMORROW", None),
    ],
)
def test_the_family_of_a_status(status: str, family: str | None) -> None:
    assert rows.family(status) == family


def test_with_ids_only_the_stacks_own_id_makes_a_row_its_own() -> None:
    story = Story("shop").create(done("shop", "AWS::CloudFormation::Stack"))
    own = rows.own_rows(story.events, story.id, story.name)
    assert [story.events[place].physical_id for place in sorted(own)] == [story.id, story.id]


def test_a_listing_without_names_takes_it_from_the_row_only_a_stack_can_have() -> None:
    net = done("Net", "AWS::CloudFormation::Stack", physical_id="arn:aws:cloudformation:eu-west-1:111122223333:stack/net/1")
    story = Story("whatever").create(net, ends="FAILED", reason="why not").rollback()
    assert rows.own_name(story.events) == "whatever"
    assert rows.own_name([event for event in story.events if event.logical_id == "Net"]) is None


@pytest.mark.parametrize(
    ("listing", "name"),
    [
        (["shop DELETE_IN_PROGRESS", "Vpc DELETE_FAILED"], "shop"),
        (["Vpc DELETE_FAILED", "shop DELETE_FAILED"], "shop"),
        (["Vpc CREATE_COMPLETE", "shop CREATE_COMPLETE"], None),
    ],
)
def test_a_bare_row_at_the_end_of_a_listing_without_ids(listing: list[str], name: str | None) -> None:
    story = Story("told", tokens=False)
    for row in listing:
        logical_id, status = row.split()
        story.row(logical_id, "AWS::CloudFormation::Stack" if logical_id == "shop" else "AWS::EC2::VPC", status)
    assert rows.own_name(story.events) == name


def test_megabytes_of_text_take_no_time() -> None:
    text = "The following resource(s) failed to create: [" * 50_000 + "Embedded stack arn:" * 50_000 + "Currently in " * 50_000
    began = time.process_time()
    rows.summarised(text), rows.says_summary(text), rows.embedded_stack(text), rows.tells_of_rollback(text), rows.only_names_hooks(text)
    assert time.process_time() - began < 1
