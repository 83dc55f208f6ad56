"""Words for the stories: policies, statements and requests as short as the stories need them."""

from stackdoctor.policy import MISSING, UNKNOWN, Caller, Known, Malformed, Policy, PolicyKind, Request, parse

ACCOUNT = "111122223333"
TRAIL = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/mgmt"
BUCKET = "arn:aws:s3:::trail-bucket"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CLOUDTRAIL = "cloudtrail.amazonaws.com"


def statement(action="s3:PutObject", resource="*", condition=None, effect="Allow", principal=None, sid=None):
    made = {"Effect": effect, "Principal": principal or {"Service": CLOUDTRAIL}, "Action": action, "Resource": resource}
    if sid:
        made = {"Sid": sid, **made}
    return {**made, "Condition": condition} if condition is not None else made


def document(*statements, version="2012-10-17"):
    return {**({"Version": version} if version else {}), "Statement": list(statements)}


def policy(*statements, kind=PolicyKind.BUCKET, version="2012-10-17") -> Policy:
    made = parse(document(*statements, version=version), kind)
    assert isinstance(made, Policy), made
    return made


def malformed(text, kind=PolicyKind.BUCKET) -> Malformed:
    made = parse(text, kind)
    assert isinstance(made, Malformed), made
    return made


def known(context):
    """Plain values as what is known: a text is one value, a list several, None absent."""
    return {
        key: MISSING
        if value is None
        else Known((value,))
        if isinstance(value, str)
        else Known(tuple(value))
        if isinstance(value, list)
        else value
        for key, value in (context or {}).items()
    }


def request(action="s3:PutObject", resource=f"{BUCKET}/AWSLogs/{ACCOUNT}/*", context=None, principal=CLOUDTRAIL, otherwise=MISSING):
    return Request(Caller.parse(principal), action, resource, ACCOUNT, known(context), otherwise)


def open_request(**named):
    """A request of which nothing is known that is not named."""
    return request(otherwise=UNKNOWN, **named)
