"""What something else still uses: network interfaces, groups and gateways, attached policies, exports, replicated functions.

https://repost.aws/knowledge-center/cloudformation-dependency-error
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from stackdoctor.blockers.base import Blocked, Clearing
from stackdoctor.commands import Value, filters
from stackdoctor.model import Step

_VPC = re.compile(r"\bvpc-[0-9a-zA-Z]+\b")
_EXPORT = re.compile(r"\bExport '?(?P<name>\S+?)'? cannot be (?:deleted|updated) as it is in use by (?P<users>[^.\n]+)", re.IGNORECASE)
_REPLICATED = re.compile(r"replicated function", re.IGNORECASE)
_INTERFACES = ("ec2", "describe-network-interfaces")
_FREE = (
    "Delete those whose Status is available. One in use belongs to what its Description names (a load balancer, NAT gateway, endpoint, "
    "Lambda function, database): delete that, or wait: Lambda's go within an hour."
)


def network(blocked: Blocked) -> Clearing:
    """Interfaces in a subnet, group or network: delete the free ones read live, show the rest."""
    steps = [
        blocked.step(
            f"Delete the unused network interface {interface}",
            ("ec2", "delete-network-interface", "--network-interface-id", Value(interface)),
            f"It is in use by nothing and keeps {blocked.id} from being deleted.",
        )
        for interface in blocked.state.free or ()
    ]
    if blocked.state.dependents != () or not steps:
        steps += _looks(blocked)
    return Clearing(clear=tuple(steps))


def _looks(blocked: Blocked) -> Iterator[Step]:
    """What still hangs on it; the filter follows the type."""
    in_use = ", ".join(blocked.state.dependents or ())
    why = f"AWS deletes nothing that something else uses. {_FREE}" + (f" In use now: {in_use}." if in_use else "")
    match blocked.type:
        case "AWS::EC2::Subnet":
            yield blocked.step("See what is left in the subnet {name}", (*_INTERFACES, *filters(subnet_id=blocked.id)), why)
        case "AWS::EC2::SecurityGroup":
            yield blocked.step("See what uses the security group {name}", (*_INTERFACES, *filters(group_id=blocked.id)), why)
            yield blocked.step(
                "See which groups refer to {name}",
                ("ec2", "describe-security-groups", *filters(ip_permission__group_id=blocked.id)),
                "A group that a rule of another group names cannot be deleted: revoke that rule.",
            )
        case "AWS::EC2::NetworkInterface":
            yield blocked.step("See what {name} is attached to", (*_INTERFACES, "--network-interface-ids", "{id}"), why)
        case _:
            yield from _in_network(blocked, why)


def _in_network(blocked: Blocked, why: str) -> Iterator[Step]:
    """A VPC, its gateway or the attachment between them: the VPC is named by the id, the properties or the message."""
    texts = (blocked.id, str(blocked.properties.get("VpcId", "")), blocked.text)
    vpc = next((found.group() for text in texts if (found := _VPC.search(text))), "")
    if not vpc:
        yield from unknown(blocked)
        return
    yield blocked.step(f"See what is left in {vpc}", (*_INTERFACES, *filters(vpc_id=vpc)), why)
    if blocked.type in {"AWS::EC2::VPCGatewayAttachment", "AWS::EC2::InternetGateway"}:
        yield blocked.step(
            "See which public addresses are mapped",
            ("ec2", "describe-addresses", "--query", "Addresses[?AssociationId]"),
            f"A gateway leaves {vpc} only when no public address is mapped there any more: disassociate each AssociationId, or "
            "delete the instance, NAT gateway or load balancer that has it.",
        )
        return
    yield blocked.step(
        f"See which security groups are left in {vpc}", ("ec2", "describe-security-groups", *filters(vpc_id=vpc)),
        "All but the default group must be deleted.",
    )  # fmt: skip
    yield blocked.step(
        f"See which endpoints are left in {vpc}", ("ec2", "describe-vpc-endpoints", *filters(vpc_id=vpc)),
        "Endpoints that were made outside of the stack (GuardDuty makes some) must be deleted.",
    )  # fmt: skip


_ROLE_LISTS = (
    ("list-attached-role-policies", "Detach each: aws iam detach-role-policy."),
    ("list-role-policies", "Delete each that the stack did not make: aws iam delete-role-policy."),
    ("list-instance-profiles-for-role", "Remove the role from each: aws iam remove-role-from-instance-profile."),
)
_WHO = {
    "AWS::IAM::User": ("list-attached-user-policies", "--user-name"),
    "AWS::IAM::Group": ("list-attached-group-policies", "--group-name"),
}


def identity(blocked: Blocked) -> Clearing:
    """A role, user, group or policy that something attached outside of the stack holds."""
    why = "IAM deletes no identity that has policies attached; these were attached outside of the stack. Note them, to attach them again."
    if blocked.type == "AWS::IAM::Role":
        if blocked.state.dependents:
            words = ("iam", "detach-role-policy", "--role-name", "{id}", "--policy-arn")
            return Clearing(clear=tuple(blocked.step(f"Detach {arn}", (*words, Value(arn)), why) for arn in blocked.state.dependents))
        return Clearing(
            clear=tuple(
                blocked.step("See what holds the role {name}", ("iam", look, "--role-name", "{id}"), f"{why} {then}")
                for look, then in _ROLE_LISTS
            )
        )
    if blocked.type == "AWS::IAM::ManagedPolicy":
        look = ("iam", "list-entities-for-policy", "--policy-arn", "{id}")
        return Clearing(clear=(blocked.step("See what the policy {name} is attached to", look, "Detach it from each of them first."),))
    operation, option = _WHO[blocked.type]
    return Clearing(clear=(blocked.step("See what holds {name}", ("iam", operation, option, "{id}"), why),))


def exported(blocked: Blocked) -> tuple[Step, ...]:
    """An output that other stacks import: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"""
    found = _EXPORT.search(blocked.text)
    if found is None:
        return ()
    look = blocked.step(
        f"See which stacks import {found['name']}", ("cloudformation", "list-imports", "--export-name", Value(found["name"])),
        f"An export stays as long as a stack imports it; the message names {found['users'].strip()}. Deploy the importing "
        "stacks without the import (or delete them) first.",
    )  # fmt: skip
    return (look,)


def replicated(blocked: Blocked) -> tuple[Step, ...]:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-edge-delete-replicas.html"""
    if not _REPLICATED.search(blocked.text):
        return ()
    look = blocked.step(
        "See which distributions use the function", ("cloudfront", "list-distributions"),
        "CloudFront deletes the replicas of a Lambda@Edge function some hours after the last distribution stopped using it; until then the "
        "function cannot be deleted. Remove the association, wait, and delete the stack again.",
    )  # fmt: skip
    return (look,)


_DELETE = (
    "Clear that, or delete the resource by hand; one that is gone CloudFormation counts as deleted. What cannot be deleted can be "
    "retained, but only once the stack is DELETE_FAILED."
)
_ROLL_BACK = (
    "Clear that, so that the rollback can take the resource back to what it was. If it cannot be cleared, it can be skipped at last."
)


def unknown(blocked: Blocked) -> tuple[Step, ...]:
    """A blocker no row knows: what AWS says, and where to look. No command is made up for it."""
    says = f'AWS says "{" ".join(blocked.text.split())[:300]}".' if blocked.text else "AWS gives no reason."
    then = _ROLL_BACK if blocked.event.status.startswith("UPDATE") else _DELETE
    of = blocked.event.stack_id or blocked.event.stack_name
    look = blocked.step(
        "See what {name} is and what state it is in",
        ("cloudformation", "describe-stack-resource", "--stack-name", Value(of), "--logical-resource-id", Value(blocked.event.logical_id)),
        f"{says} {then}",
    )
    return (look,)


IN_USE: Mapping[str, Callable[[Blocked], Clearing]] = {
    "AWS::EC2::Subnet": network,
    "AWS::EC2::SecurityGroup": network,
    "AWS::EC2::NetworkInterface": network,
    "AWS::EC2::VPC": network,
    "AWS::EC2::VPCGatewayAttachment": network,
    "AWS::EC2::InternetGateway": network,
    "AWS::IAM::Role": identity,
    "AWS::IAM::ManagedPolicy": identity,
    "AWS::IAM::User": identity,
    "AWS::IAM::Group": identity,
}
"""Types whose dependents a command shows."""
