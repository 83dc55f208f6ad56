"""S3's RestrictPublicBuckets: with a public policy only AWS services and the bucket owner's account keep access.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from stackdoctor.policy.conditions import Clause
from stackdoctor.policy.document import Policy
from stackdoctor.policy.operators import Family, Qualifier
from stackdoctor.policy.principals import identity
from stackdoctor.policy.request import PrincipalKind, Request
from stackdoctor.policy.results import Element, Truth
from stackdoctor.policy.statement import Statement
from stackdoctor.policy.values import network

_FIXING_KEYS = frozenset(
    key.lower()
    for key in (
        "aws:SourceArn",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:SourceOwner",
        "aws:SourceAccount",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
        "aws:PrincipalArn",
        "aws:PrincipalAccount",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:userid",
        "aws:SourceIp",
        "s3:DataAccessPointArn",
        "s3:DataAccessPointAccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    )
)
_WIDEST_V4, _WIDEST_V6 = 8, 32
"""Broader blocks than these count as public."""


def is_public(policy: Policy) -> bool:
    """Whether S3 would call the policy public: an Allow to everybody that no clause limits to fixed values."""
    return any(_is_public(statement) for statement in policy.statements)


def _is_public(statement: Statement) -> bool:
    if not statement.allows or statement.dead or statement.principals is None:
        return False
    everybody = statement.principal_element is Element.NOT_PRINCIPAL or statement.principals.anyone
    return everybody and not any(_fixes(clause) for clause in statement.clauses)


def _fixes(clause: Clause) -> bool:
    op = clause.op
    if op is None or op.negated or op.if_exists or op.qualifier is Qualifier.ALL or clause.name not in _FIXING_KEYS:
        return False
    if op.family is Family.IP:
        return all(_is_narrow(text) for text in clause.expected)
    if clause.name == "s3:dataaccesspointarn":
        return all("*" not in ":".join(text.split(":")[:5]) and "$" not in text for text in clause.expected)
    return op.family not in {Family.NULL, Family.BOOL} and not any(mark in text for text in clause.expected for mark in ("*", "?", "${"))


def _is_narrow(text: str) -> bool:
    block = network(text)
    return block is not None and block.prefixlen >= (_WIDEST_V4 if block.version == 4 else _WIDEST_V6)


def keeps_access(request: Request) -> Truth:
    """Whether the caller passes the restriction."""
    caller = request.caller
    if caller.kind is PrincipalKind.SERVICE:
        return True
    if caller.kind is not PrincipalKind.AWS:
        return False
    return None if request.resource_account is None else identity(caller.name).account == request.resource_account
