"""Conditions on the headers of the service's upload: its ACL and its encryption."""

from __future__ import annotations

from stackdoctor.checks.base import Case, Check, Words, carried, wants, who
from stackdoctor.faults import Fault

ACL_PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html"
SSE_PAGE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"


def _words(fault: Fault, prefix: str, what: str) -> Words | None:
    if not fault.key.startswith(prefix) or fault.clause is None:
        return None
    verb = "denies the upload" if fault.element == "Deny" else "allows the upload only"
    return Words(
        f"The statement asks for {what} that {who(fault)} does not send",
        f"The statement {verb} under {wants(fault.clause)}; {carried(fault.clause)}.",
    )


def _acl(fault: Fault, _case: Case) -> Words | None:
    return _words(fault, "s3:x-amz-acl", "an object ACL")


def _encryption(fault: Fault, _case: Case) -> Words | None:
    return _words(fault, "s3:x-amz-server-side-encryption", "an encryption header")


ACL = Check(
    id="object-acl",
    title="s3:x-amz-acl is not the ACL the service sends",
    explanation="Log deliveries put their objects with the ACL bucket-owner-full-control. A statement that asks for another ACL never "
    "matches. BucketOwnerEnforced does not conflict: it accepts exactly this ACL.",
    references=(ACL_PAGE,),
    recognises=_acl,
)

ENCRYPTION = Check(
    id="upload-encryption",
    title="The bucket demands an encryption header the service does not send",
    explanation="A Deny for uploads that do not name aws:kms, or not one certain key id, also denies a service that sends AES256 (no key "
    "configured on it) or another key. Configure the key on the service, or exempt it; default encryption encrypts anyway.",
    references=(SSE_PAGE,),
    recognises=_encryption,
)
