"""Wordings of what stands in the way of a delete: protection, content, other resources that still use it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-delete-stack-fails
"""

# ruff: noqa: E501 - real messages, and the patterns made from them, are kept whole

from __future__ import annotations

from stackdoctor.classify.rule import Rule, any_of
from stackdoctor.model import Category

_CFN = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html"

CONTENT = (
    Rule(
        "deletion-protection",
        Category.DELETION_PROTECTION,
        text=any_of(
            "(?:delet(?:e|ion)|termination)[ -]?protect(?:ion|ed)",
            "protected (?:db )?(?:instance|cluster|global cluster|graph)",
            "protected (?:against|from) (?:deletion|termination|being deleted)",
            "disableapitermination",
            "disableapistop",
            "terminationprotect",
            "deletionprotect",
            "protect(?:ed|s|ion) .{0,40}from (?:accidental )?deletion",
            r"(?:cannot|can't) (?:be )?(?:delete|terminate)d? .{0,60}\bprotected\b",
        ),
        explained=True,
        example="InvalidParameterCombination: Cannot delete protected DB Instance, please disable deletion protection and try again.",
        example_type="AWS::RDS::DBInstance",
        source="https://github.com/hashicorp/terraform-provider-aws/issues/26233",
    ),
    Rule(
        "not-empty-code",
        Category.NOT_EMPTY,
        code=r"\w*NotEmpty(?:Exception|Fault)?|RepositoryNotEmpty\w*",
        explained=True,
        example="HostedZoneNotEmpty: The specified hosted zone contains non-required resource record sets  and so cannot be deleted. status code: "
        "400, request id: 6010370b-dca8-11e5-92a5-95e0b5fd288a",
        example_type="AWS::Route53::HostedZone",
        source="https://github.com/hashicorp/terraform/issues/5345",
    ),
    Rule(
        "not-empty",
        Category.NOT_EMPTY,
        text=any_of(
            "(?:is|are|was) not empty",
            "(?:must|needs? to|should) be empty",
            r"(?:delet|remov).{0,160}(?:it |they )?(?:still )?contains? (?:images|objects|files|items|recovery points|versions|non-required|resources?\b(?! using))",
            "contains non-required",
            "(?:still )?contains? .{0,80}(?:cannot|can't) be deleted",
            r"not ?empty\b",
            r"(?:contains|has) (?:\d+ )?recovery points",
        ),
        explained=True,
        example="InvalidRequestException: Backup vault cannot be deleted because it contains recovery points.",
        example_type="AWS::Backup::BackupVault",
        source="https://github.com/aws/aws-cdk/issues/33711",
    ),
    Rule(
        "dependency-code",
        Category.DEPENDENCY_IN_USE,
        code=any_of(
            "DependencyViolation",
            "DeleteConflict(?:Exception)?",
            r"\w*AssociatedItem\w*",
            r"ClusterContains\w+",
            r"Invalid\w+InUse",
            r"InvalidNetworkInterface\.InUse",
            r"\w*ReferencedItem\w*",
            r"CertificateInUse\w*",
        ),
        explained=True,
        example="Cannot delete entity, must detach all policies first. (Service: AmazonIdentityManagement; Status Code: 409; Error Code: "
        "DeleteConflict; Request ID: 4f90bba5-0e62-4688-99e9-49eab3e23400; Proxy: null)",
        example_type="AWS::IAM::Role",
        source="https://github.com/aws-samples/aws-fault-injection-simulator-workshop/issues/113",
    ),
    Rule(
        "export-in-use",
        Category.DEPENDENCY_IN_USE,
        text=r"export .{1,300}(?:cannot|can't) be (?:deleted|updated|removed) as it is in use by",
        explained=True,
        example="Export Stack1:ExportsOutputFnGetAtt-sg1-C785ABD5GroupId30372C66 cannot be deleted as it is in use by Stack2",
        example_type="AWS::CloudFormation::Stack",
        source=_CFN,
    ),
)

IN_USE = (
    Rule(
        "dependency",
        Category.DEPENDENCY_IN_USE,
        text=any_of(
            "has (?:a )?dependen(?:t|cy|cies)",
            "dependent (?:object|resource)",
            "mapped public address",
            r"must (?:first )?(?:detach|disassociate|remove|delete|deregister|disable) (?:(?:all|the|any|every)\b|(?:\S+ ){1,6}first\b)",
            r"(?:is|are|currently|still|being) (?:currently |still |being )*(?:in use|used|referenced|using)(?: by| it|\.|,| \(|$| with| and|;| as)",
            "replicated function",
            "cannot be (?:deleted|removed|terminated|detached|stopped).{0,160}(?:associated|attached|in use|depend|referenc|used by|while |has )",
            r"(?:cannot|can't|unable to|could not|failed to) (?:delete|remove|detach|terminate)\b.{0,160}(?:associated with|attached|in use|depend|referenc|used by|members? of|using it|replica|while .{0,60}(?:active|exist))",
            "(?:before|prior to) (?:you can )?(?:delet|detach|remov|terminat)",
            r"still (?:has|have|contains?) (?:\w+ ){0,4}(?:attached|associated|active|running|using)",
            r"has \w+ attached",
            r"has active \w+",
            "still members of",
            "(?:is|are) (?:still |currently )(?:attached|associated) (?:to|with)",
        ),
        explained=True,
        example="The subnet 'subnet-4de64215' has dependencies and cannot be deleted.",
        example_type="AWS::EC2::Subnet",
        source="https://github.com/convox/rack/issues/1090",
    ),
)
