"""The key itself: disabled, going, not there, of the wrong kind, in another Region, or AWS's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stackdoctor.checks.base import Case, Check
from stackdoctor.evidence import BucketEvidence, KeyDescription, KeyEvidence
from stackdoctor.model import Absent, Finding, Found, Severity
from stackdoctor.policy import Outcome, PrincipalKind
from stackdoctor.services.base import Constraint, Target

STATE_PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"
SPEC_PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/symmetric-asymmetric.html"
MANAGED_PAGE = "https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-key"


def _described(case: Case) -> Iterator[tuple[KeyEvidence, KeyDescription]]:
    for key in case.evidence.keys.values():
        if isinstance(key.description, Found):
            yield key, key.description.value


def _state(case: Case) -> Iterable[Finding]:
    for key in case.evidence.keys.values():
        if key.owner is not None and str(key.owner.properties.get("Enabled", "true")).lower() == "false" and _went(key):
            yield STATE.finding(
                Severity.CAUSE,
                Target.KEY,
                key.arn,
                f"The key was made disabled: Enabled is false on {key.owner.logical_id}",
                "A key that is disabled cannot encrypt; KMS refuses GenerateDataKey whatever its policy says.",
                origin=key.owner.origin,
            )
    for key, known in _described(case):
        if known.state in {"Enabled", "Updating"}:
            continue
        undone = key.owner is not None and key.owner.was_there and known.state.startswith("PendingDel")
        yield STATE.finding(
            Severity.NOTE if undone else Severity.CAUSE,
            Target.KEY,
            known.arn,
            f"The key is {known.state}" + (": it was deleted after the failure" if undone else ""),
            "The key of the failed attempt was scheduled for deletion after it; its policy is still readable and is the one that was met."
            if undone
            else f"A key that is {known.state} cannot encrypt; KMS refuses GenerateDataKey whatever its policy says.",
        )


def _went(key: KeyEvidence) -> bool:
    """Whether the rollback took the key, so that its state now is not the one that was met."""
    known = key.description.value.state if isinstance(key.description, Found) else ""
    return key.owner is not None and key.owner.was_there and (isinstance(key.description, Absent) or known.startswith("PendingDel"))


def _spec(case: Case) -> Iterable[Finding]:
    for _key, known in _described(case):
        if known.spec != "SYMMETRIC_DEFAULT" or known.usage != "ENCRYPT_DECRYPT":
            yield SPEC.finding(
                Severity.CAUSE,
                Target.KEY,
                known.arn,
                f"The key is not a symmetric encryption key ({known.spec}, {known.usage})",
                f"{case.who} asks for data keys, which only symmetric encryption keys give.",
            )


def _missing(case: Case) -> Iterable[Finding]:
    for key in case.evidence.keys.values():
        if isinstance(key.description, Absent) and (key.owner is None or not key.owner.was_there):
            what = "The alias stands for no key" if "alias/" in key.ref else "The key does not exist"
            yield MISSING.finding(
                Severity.CAUSE,
                Target.KEY,
                key.arn,
                f"{what}: {key.ref}",
                f"KMS knows no such key in {key.arn.split(':')[3]}. A key id or alias without a Region means the Region of the resource.",
            )


def _managed(case: Case) -> Iterable[Finding]:
    for key in case.evidence.keys.values():
        if case.evidence.is_aws_managed(Target.KEY, key.ref) and (case.has(Constraint.KEY_CUSTOMER_MANAGED) or _refused(case, key)):
            yield MANAGED.finding(
                Severity.CAUSE,
                Target.KEY,
                key.arn,
                f"{key.ref} is an AWS managed key",
                "The policy of an AWS managed key cannot be changed and admits only principals of the account through its one service, "
                "so a service principal cannot use it. Make a customer managed key.",
            )


def _refused(case: Case, key: KeyEvidence) -> bool:
    """Whether the service principal itself needs the key and is not let in."""
    asked = (j for j in case.judged if (j.needed.target, j.needed.ref) == (Target.KEY, key.ref) and j.outcome is not None)
    return any(j.needed.request.caller.kind is PrincipalKind.SERVICE and j.outcome is not Outcome.ALLOWED for j in asked)


def _region(case: Case) -> Iterable[Finding]:
    for key in (key for key in case.evidence.keys.values() if not case.is_of_endpoint(key.ref)):
        where = key.description.value.region if isinstance(key.description, Found) else key.arn.split(":")[3]
        if case.has(Constraint.KEY_IN_RESOURCE_REGION) and where and where != case.resource.scope.region:
            yield _elsewhere(case, key, where, case.resource.scope.region, f"{case.resource.logical_id} is")
        for bucket in case.evidence.buckets.values() if case.has(Constraint.KEY_IN_BUCKET_REGION) else ():
            if isinstance(bucket.region, Found) and where and bucket.region.value != where:
                yield _elsewhere(case, key, where, bucket.region.value, f"bucket {bucket.name} is")


def _elsewhere(case: Case, key: KeyEvidence, where: str, wanted: str, what: str) -> Finding:
    return REGION.finding(
        Severity.CAUSE,
        Target.KEY,
        key.arn,
        f"The key is in {where}, {what} in {wanted}",
        f"{case.who} needs a key in {wanted}: name a key of that Region, or a multi-Region key's replica there.",
        references=case.service.documentation,
    )


def _naming(case: Case) -> Iterable[Finding]:
    """How the resource names its key, and whether bucket, key and resource share a Region: worth knowing, never a cause."""
    for key in case.evidence.keys.values():
        form = "an ARN" if key.ref.startswith("arn:") else "an alias" if key.ref.startswith("alias/") else "a key id"
        regions = {case.resource.scope.region, key.arn.split(":")[3], *_regions(case.evidence.buckets.values())} - {""}
        shared = f"all in {min(regions)}" if len(regions) == 1 else f"in {', '.join(sorted(regions))}"
        yield NAMING.finding(
            Severity.NOTE,
            Target.KEY,
            key.arn,
            f"{case.resource.logical_id} names its key by {form}; resource, bucket and key are {shared}",
            "Key id, key ARN, alias and alias ARN are all accepted; only the key's and the bucket's Region must be the same.",
        )


def _regions(buckets: Iterable[BucketEvidence]) -> Iterator[str]:
    for bucket in buckets:
        if isinstance(bucket.region, Found):
            yield bucket.region.value


STATE = Check(
    id="key-state",
    title="The key is disabled, pending deletion or pending import",
    explanation="KMS refuses cryptographic operations on a key that is not enabled; DescribeKey and GetKeyPolicy go on working.",
    references=(STATE_PAGE,),
    looks=_state,
)
SPEC = Check(
    id="key-spec",
    title="The key is not a symmetric encryption key",
    explanation="Services ask KMS for data keys; asymmetric and HMAC keys cannot give them.",
    references=(SPEC_PAGE,),
    looks=_spec,
)
MISSING = Check(
    id="key-missing",
    title="The key or alias does not exist where it is looked for",
    explanation="A deleted key, an alias without a key, or a name that belongs to another Region or account.",
    references=("https://docs.aws.amazon.com/kms/latest/developerguide/find-cmk-id-arn.html",),
    looks=_missing,
)
MANAGED = Check(
    id="key-aws-managed",
    title="The key is AWS managed",
    explanation="The key policy of an AWS managed key cannot be edited, so it never admits another service's principal.",
    references=(MANAGED_PAGE,),
    looks=_managed,
)
REGION = Check(
    id="key-region",
    title="Key and bucket are in different Regions",
    explanation="The key must be in the Region of the bucket it encrypts for. The Region of the trail does not matter.",
    references=("https://docs.aws.amazon.com/awscloudtrail/latest/userguide/encrypting-cloudtrail-log-files-with-aws-kms.html",),
    looks=_region,
)
NAMING = Check(
    id="key-naming",
    title="How the key is named, and in which Regions everything is",
    explanation="Reported so that nobody has to look: the form of the key's name does not matter, the key's and the bucket's Region do.",
    references=("https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html",),
    looks=_naming,
)
