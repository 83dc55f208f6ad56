"""The incidents that ship: one for each check and each service, told in a few lines each, and the one stackdoctor was born from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab import attempts
from lab.world import World

from incidents import service_stories
from incidents.account import Account, Where
from incidents.faults import FAULTS
from incidents.judging import world_of
from incidents.test_decoys import without_sources


@dataclass(frozen=True)
class Story:
    """`text` is the story for people, `tell` makes the world and names the stack. `check` is the check it stands for, '' for none."""

    text: str
    tell: Callable[[], tuple[World, str]]
    check: str = ""
    resource_type: str = "AWS::CloudTrail::Trail"


def born_from() -> tuple[World, str]:
    world = World()
    told = attempts.four_stacks(world, "audit-baseline", evidence="pending")
    return world, told.stack


def single(name: str, where: Where, wording: str = "", **options: bool) -> Callable[[], tuple[World, str]]:
    """One of the single faults."""

    def tell() -> tuple[World, str]:
        fault = FAULTS[name]
        account = Account(**{**dict(fault.options), **options})
        fault.make(account)
        world = world_of(account)
        account.happen(world, where, wording or fault.wordings[0])
        return world, "audit"

    return tell


def presence() -> tuple[World, str]:
    account = Account()
    world = world_of(account)
    account.happen(world, Where.BESIDE, "both")
    return world, "audit"


def changed_since() -> tuple[World, str]:
    """Somebody put the key's policy right by hand after the failure."""
    account = Account()
    FAULTS["via-cloudtrail"].make(account)
    world = world_of(account)
    account.happen(world, Where.KEPT, "both")
    world.keys[account.key_arn]["policy"] = Account().key_policy
    return world, "audit"


def harmless() -> tuple[World, str]:
    account = Account()
    account.add(
        "s3", account.denial("DenyInsecureTransport", "s3:*", f"{account.bucket_arn}/*", {"Bool": {"aws:SecureTransport": "false"}})
    )
    account.bucket_policy, account.key_policy = without_sources(account.bucket_policy), without_sources(account.key_policy)
    world = world_of(account)
    account.happen(world, Where.BESIDE, "both")
    return world, "audit"


STORIES: dict[str, Story] = {
    "cloudtrail-kms-viaservice": Story(
        """
Four attempts, four stacks of one name. A trail with its own KMS key and the database it audits; each create failed at the trail,
each rollback then at the database and its deletion protection, so the last thing CloudFormation said was about RDS.
The key policy allowed CloudTrail only under kms:ViaService = cloudtrail.us-east-1.amazonaws.com, a value KMS never sends.
Three stacks were deleted by hand. Of the fourth the bucket is gone and the key waits for its deletion; its policy can still be read.
Expected: the trail as root cause, the clause, the fix with its diff, and the way out past the database.
""",
        born_from,
        "kms-via-service",
    ),
}


def _tell(check: str, name: str, tell: Callable[[], tuple[World, str]], text: str) -> None:
    STORIES[name] = Story(text, tell, check)


_tell("encryption-context", "cloudtrail-context-of-another-account", single("context-of-another-account", Where.GONE), """
The key policy was copied from another account: its encryption context still names that account's trails.
Key and bucket went with the rollback; the events show what was deployed.
""")  # fmt: skip
_tell("encryption-context-not-in-call", "cloudtrail-context-on-describe-key", single("context-on-the-merged-statement", Where.KEPT), """
One statement for GenerateDataKey* and DescribeKey, under a condition on the encryption context. DescribeKey carries none.
KMS surely denies that call; AWS does not document whether the trail fails for it, so it is a risk and the cause only likely.
""")  # fmt: skip
_tell("source-arn-account", "cloudtrail-source-arn-wildcard", single("source-wildcard-on-acl", Where.KEPT), """
aws:SourceArn with a * under StringEquals, which takes it literally. Bucket and policy were retained and are read live.
""")  # fmt: skip
_tell("object-acl", "cloudtrail-object-acl", single("another-object-acl", Where.PENDING), """
The bucket policy asks for the object ACL `private`; CloudTrail always sends bucket-owner-full-control.
""")  # fmt: skip
_tell("upload-encryption", "cloudtrail-unencrypted-upload", single("deny-unencrypted-uploads-without-a-trail-key", Where.BESIDE), """
A shared log bucket denies uploads that are not encrypted with aws:kms. The trail names no key, so it sends AES256.
""")  # fmt: skip
_tell("deny-organization", "cloudtrail-deny-outside-organization", single("deny-outside-the-organization-on-the-bucket", Where.BESIDE), """
The security team's bucket denies everybody outside the organization. A service principal carries no aws:PrincipalOrgID.
""")  # fmt: skip
_tell("deny-network", "cloudtrail-deny-outside-endpoint", single("deny-outside-the-endpoint-on-the-key", Where.PENDING), """
The key policy denies everything that does not come through one VPC endpoint, CloudTrail included.
""")  # fmt: skip
_tell("deny-principal", "cloudtrail-deny-other-roles", single("deny-outside-the-role-on-the-key", Where.KEPT), """
The key policy denies everybody but one role, with ArnNotLike on aws:PrincipalArn, which a service principal does not carry.
""")  # fmt: skip
_tell("explicit-deny", "cloudtrail-deny-not-principal", single("deny-to-all-but-the-root", Where.BESIDE), """
A Deny with NotPrincipal: whoever is not named is denied, services too.
""")  # fmt: skip
_tell("dead-statement", "cloudtrail-dead-statement", single("dead-statement", Where.GONE), """
The statement for CloudTrail in the key policy has no Resource. KMS accepts it, and it allows nothing.
""")  # fmt: skip
_tell("principal-misspelt", "cloudtrail-principal-misspelt", single("principal-misspelt-in-the-key-policy", Where.TEMPLATE), """
cloudtrial.amazonaws.com. Nothing is left of the key, and the events carry no properties; the template shows the policy.
""")  # fmt: skip
_tell("action-misspelt", "cloudtrail-action-misspelt", single("action-misspelt-with-an-equals-sign", Where.KEPT), """
kms=GenerateDataKey* in the key policy (Azure-Sentinel #12242).
""")  # fmt: skip
_tell("principal-missing", "cloudtrail-root-only", single("only-the-root-statement", Where.PENDING), """
The key has the default policy: the account's root may do everything. That delegates to IAM, and a service has no IAM policy.
""")  # fmt: skip
_tell("action-missing", "cloudtrail-bucket-key-decrypt", single("decrypt-missing-with-a-bucket-key", Where.KEPT), """
The bucket has an S3 Bucket Key, for which CloudTrail needs kms:Decrypt; no statement allows it.
""")  # fmt: skip
_tell("resource-path", "cloudtrail-prefix", single("write-without-the-prefix", Where.BESIDE), """
The trail got a prefix; the bucket policy still allows AWSLogs/ at the top only.
""")  # fmt: skip
_tell("policy-after-resource", "cloudtrail-depends-on", single("bucket-policy-made-too-late", Where.GONE), """
Trail and bucket policy are made at the same time: the trail refers to the bucket, not to its policy. DependsOn is missing.
""")  # fmt: skip
_tell("no-policy", "cloudtrail-no-bucket-policy", single("no-bucket-policy", Where.BESIDE), """
The bucket has no policy at all.
""")  # fmt: skip
_tell("key-state", "cloudtrail-key-disabled", single("key-disabled", Where.BESIDE), """
Both policies are right; somebody disabled the key.
""")  # fmt: skip
_tell("key-spec", "cloudtrail-key-asymmetric", single("key-asymmetric", Where.BESIDE), """
The key is an RSA key. CloudTrail asks for data keys, which only symmetric keys give.
""")  # fmt: skip
_tell("key-missing", "cloudtrail-alias-to-nothing", single("alias-to-nothing", Where.BESIDE), """
KMSKeyId names an alias that does not exist in this Region.
""")  # fmt: skip
_tell("key-aws-managed", "cloudtrail-key-aws-managed", single("key-of-aws", Where.BESIDE), """
KMSKeyId is alias/aws/s3, AWS's own key, whose policy nobody can change.
""")  # fmt: skip
_tell("key-region", "cloudtrail-key-region", single("bucket-in-another-region", Where.BESIDE), """
The central bucket is in another Region than the key. The trail's own Region would not matter.
""")  # fmt: skip
_tell("bucket-missing", "cloudtrail-bucket-missing", single("no-bucket", Where.BESIDE), """
S3BucketName names a bucket that is not there.
""")  # fmt: skip
_tell("bucket-requester-pays", "cloudtrail-requester-pays", single("requester-pays", Where.BESIDE), """
The bucket is a Requester Pays bucket, which CloudTrail cannot write to.
""")  # fmt: skip
_tell("condition", "cloudtrail-grant-header", single("object-acl-as-a-grant-header", Where.BESIDE), """
The bucket policy asks for the header x-amz-grant-full-control. CloudTrail sends x-amz-acl instead.
""")  # fmt: skip
_tell("source-condition-present", "cloudtrail-nothing-left", presence, """
The policies are those AWS documents, and yet CloudTrail was refused. Only the aws:SourceArn conditions are left to doubt: likely, not proven.
""")  # fmt: skip
_tell("harmless", "cloudtrail-unexplained", harmless, """
Everything that can be read allows CloudTrail: TLS deny, BucketOwnerEnforced and Block Public Access are not the cause. Unexplained, exit 3.
""")  # fmt: skip
_tell("policy-changed-since", "cloudtrail-changed-since", changed_since, """
The key policy had kms:ViaService in it. After the failure somebody took it out by hand; the cause is what the attempt met.
""")  # fmt: skip
_tell("key-naming", "cloudtrail-via-s3", single("via-s3", Where.PENDING), """
kms:ViaService = s3.<region>: reported to work, documented for forward access sessions only. A risk, so the cause is likely, not confirmed.
""")  # fmt: skip

for _name, (_type, _check, _make, _text) in service_stories.STORIES.items():
    STORIES[_name] = Story(_text, _make, _check, _type)
