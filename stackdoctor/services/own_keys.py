"""Resources whose service uses a key as whoever deploys (a forward access session) and keeps it by a grant: databases,
secrets, repositories, clusters, domains, tables, file systems, vaults, volumes.

No service principal is involved, so a statement for one helps nothing: the deploying identity needs the actions, and the
key's policy must name it or let the account delegate. One row a type: where the key stands and what is asked for.
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stackdoctor.policy.request import MISSING, UNKNOWN, Knowledge, Known, OneOf
from stackdoctor.services.base import Constraint, Facts, Needed, Resource, Service, Target, Use, documented, key_arn
from stackdoctor.services.identity import own

DOCS = "https://docs.aws.amazon.com"
GRANT = "kms:GrantIsForAWSResource"


@dataclass(frozen=True, slots=True)
class Row:
    """A resource type: the properties that name its keys, the actions asked for, and kms:ViaService without its Region ('' unknown).

    `grant` is what a CreateGrant carries as kms:GrantIsForAWSResource.
    """

    type: str
    paths: tuple[str, ...]
    actions: tuple[str, ...]
    via: str
    page: str
    calls: tuple[str, str]
    grant: Knowledge = UNKNOWN
    secret: bool = False


TRUE = Known(("true",))
VOLUME = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
TABLE = (
    "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant",
)  # fmt: skip
GRANTED = ("kms:CreateGrant", "kms:DescribeKey")
RDS = f"{DOCS}/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html"

ROWS = (
    Row("AWS::RDS::DBInstance", ("KmsKeyId", "MasterUserSecret.KmsKeyId", "PerformanceInsightsKMSKeyId"), GRANTED, "rds", RDS,
        ("CreateDBInstance", "ModifyDBInstance"), TRUE),
    Row("AWS::RDS::DBCluster", ("KmsKeyId", "MasterUserSecret.KmsKeyId", "PerformanceInsightsKmsKeyId"), GRANTED, "rds", RDS,
        ("CreateDBCluster", "ModifyDBCluster"), TRUE),
    Row("AWS::SecretsManager::Secret", ("KmsKeyId",), ("kms:GenerateDataKey", "kms:Decrypt"), "secretsmanager",
        f"{DOCS}/secretsmanager/latest/userguide/security-encryption.html", ("CreateSecret", "UpdateSecret"), secret=True),
    Row("AWS::EC2::Volume", ("KmsKeyId",), VOLUME, "ec2", f"{DOCS}/ebs/latest/userguide/ebs-encryption-requirements.html",
        ("CreateVolume", "ModifyVolume"), TRUE),
    Row("AWS::EC2::Instance", ("BlockDeviceMappings[].Ebs.KmsKeyId",), VOLUME, "ec2",
        f"{DOCS}/ebs/latest/userguide/ebs-encryption-requirements.html", ("RunInstances", "ModifyInstanceAttribute"), TRUE),
    Row("AWS::ECR::Repository", ("EncryptionConfiguration.KmsKey",), (*GRANTED, "kms:RetireGrant"), "ecr",
        f"{DOCS}/AmazonECR/latest/userguide/encryption-at-rest.html", ("CreateRepository", "")),
    Row("AWS::EKS::Cluster", ("EncryptionConfig[].Provider.KeyArn",), GRANTED, "", f"{DOCS}/eks/latest/userguide/enable-kms.html",
        ("CreateCluster", "AssociateEncryptionConfig"), MISSING),
    Row("AWS::OpenSearchService::Domain", ("EncryptionAtRestOptions.KmsKeyId",), GRANTED, "es",
        f"{DOCS}/opensearch-service/latest/developerguide/encryption-at-rest.html", ("CreateDomain", "UpdateDomainConfig"), TRUE),
    Row("AWS::DynamoDB::Table", ("SSESpecification.KMSMasterKeyId",), TABLE, "dynamodb",
        f"{DOCS}/amazondynamodb/latest/developerguide/encryption.usagenotes.html", ("CreateTable", "UpdateTable")),
    Row("AWS::EFS::FileSystem", ("KmsKeyId",), (*GRANTED, "kms:GenerateDataKeyWithoutPlaintext"), "elasticfilesystem",
        f"{DOCS}/efs/latest/ug/encryption-at-rest.html", ("CreateFileSystem", "UpdateFileSystem")),
    Row("AWS::Backup::BackupVault", ("EncryptionKeyArn",), (*GRANTED, "kms:GenerateDataKey", "kms:Decrypt", "kms:RetireGrant"), "backup",
        f"{DOCS}/aws-backup/latest/devguide/encryption.html", ("CreateBackupVault", "")),
    Row("AWS::DMS::ReplicationInstance", ("KmsKeyId",), GRANTED, "dms", f"{DOCS}/dms/latest/userguide/CHAP_Security.html",
        ("CreateReplicationInstance", "ModifyReplicationInstance")),
)  # fmt: skip
"""Actions, kms:ViaService and context as each service's page documents them (EFS, Backup, DMS: from their CloudFormation handlers)."""


def _keys(row: Row, resource: Resource) -> Iterator[tuple[str, str]]:
    """The keys a resource names, with the property; AWS managed ones need nothing of the caller."""
    seen: set[str] = set()
    for path in row.paths:
        for key in resource.texts(path):
            if key not in seen and "alias/aws/" not in key:
                seen.add(key)
                yield key, path


def _secret_arn(resource: Resource) -> str:
    """The secret's ARN; Secrets Manager adds six characters to its name, which are not known before it exists."""
    scope, name = resource.scope, resource.text("Name") or f"{resource.logical_id}-"
    if resource.physical_id.startswith("arn:"):
        return resource.physical_id
    return f"arn:{scope.partition}:secretsmanager:{scope.region}:{scope.account}:secret:{name}*"


TRIAL = "RequestToValidateKeyAccess"
"""What stands in the secret's place when Secrets Manager tries the key, before the secret exists."""


def _context(row: Row, resource: Resource, action: str) -> dict[str, Knowledge]:
    context: dict[str, Knowledge] = {}
    if action == "kms:CreateGrant":
        context[GRANT] = row.grant
    if row.secret:
        context["kms:EncryptionContext:SecretARN"] = OneOf(((TRIAL,), _values(documented(_secret_arn(resource)))))
    return context


def _values(known: Knowledge) -> tuple[str, ...] | None:
    return known.values if isinstance(known, Known) else None


def _service(row: Row) -> Service:
    def uses(resource: Resource) -> tuple[Use, ...]:
        return tuple(Use(Target.KEY, key, path.partition(".")[0].removesuffix("[]")) for key, path in _keys(row, resource))

    def needed(resource: Resource, facts: Facts) -> tuple[Needed, ...]:
        why = f"{row.type} is encrypted with the key on behalf of whoever creates it"
        return tuple(
            own(
                resource,
                action,
                key_arn(key, facts, resource.scope),
                row.page,
                why,
                ref=key,
                via=row.via,
                context=_context(row, resource, action),
                owner=facts.key(key).account,
            )
            for key, _path in _keys(row, resource)
            for action in row.actions
        )

    return Service(
        resource_types=(row.type,),
        principal="",
        uses=uses,
        needed=needed,
        documentation=(row.page,),
        api_calls=tuple(call for call in row.calls if call),
        constraints=frozenset({Constraint.KEY_SYMMETRIC, Constraint.KEY_IN_RESOURCE_REGION}),
    )


SERVICES = tuple(map(_service, ROWS))
