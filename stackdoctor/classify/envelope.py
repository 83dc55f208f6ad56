"""Takes the wrapping off a status reason: the text goes in, a `Message` comes out - the inner sentence and what the wrapping said.

CloudFormation wraps the failed call's error once or twice: `Resource handler returned message: "…" (RequestToken: …,
HandlerErrorCode: X)` around the SDK's `(Service: S3, Status Code: 403, Request ID: …)`, or a custom resource's `Message returned: …`.
Reasons arrive truncated, redacted and with doubled spaces, so every part is optional.
Handler error codes: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE = (
    r"(?:[A-Za-z][\w-]*\.)*(?:Throttling|Forbidden|Unsupported|SlowDown|(?:Invalid|NoSuch|Insufficient|Malformed|Missing|Unsupported|Duplicate|Unknown|Illegal)[A-Z]\w+"
    r"|[A-Z]\w*(?:Exception|Fault|Error|Failure|Denied|Exceeded|Exists|NotFound|NotEmpty|Conflict|Violation|Malformed"
    r"|Operation|Combination|Capacity|Policy|InUse|Request|State|Permitted|Throttling|Invalid|Duplicate|Required|Parameter|Value|OwnedByYou|Timeout))"
)
LONGEST = 4096
"""Characters of a reason that are read; a custom resource may answer with 4,096 bytes, and no search over that takes long."""

_SPACE = re.compile(r"\s+")
_STACKSET = re.compile(r"^ResourceLogicalId:[^,]*, ?ResourceType:[^,]*, ?ResourceStatusReason: ?")
_NAMED = re.compile(r"^(?:An error occurred(?: while provisioning your stack)?: )?([A-Za-z][A-Za-z0-9]{2,254}) - (?=\S)")
_HANDLER = re.compile(r'^"?(?:Resource handler returned message: ?)"?', re.IGNORECASE)
_HANDLER_TAIL = re.compile(r'\s*["\u201d]?\s*\((?:RequestToken|HandlerErrorCode): ?.*$', re.IGNORECASE)
_HANDLER_CODE = re.compile(r"HandlerErrorCode: ?(\w+)", re.IGNORECASE)
_SDK = re.compile(
    r"\s*\(Service: ?(?P<service>[^,;)]+)(?:[,;] ?(?P<rest>[^()]*))?(?:\)|$)(?: ?\(SDK Attempt Count: ?\d+\)?)?", re.IGNORECASE
)
_STATUS = re.compile(r"Status ?Code: ?(\d{3})", re.IGNORECASE)
_REQUEST_ID = re.compile(r"(?<!Extended )Request ?ID: ?([0-9A-Za-z]{8}[0-9A-Za-z-]{2,})", re.IGNORECASE)
_ERROR_CODE = re.compile(r'"?Error ?Code"?: ?"?([\w.]{3,})(?=[;,."\s)])', re.IGNORECASE)
_CALLING = re.compile(r"An error occurred \(([\w.]+)\) when calling the (\w+) operation(?: \([^)]*\))?: ?", re.IGNORECASE)
_GO_TAIL = re.compile(r",? ?status code: \d{3}, request id: [^,\s]*(?:, host id: \S*)?\s*$", re.IGNORECASE)
_GO_V2 = re.compile(r"^.*?\bapi error (?P<code>[\w.]+): ", re.IGNORECASE)
_PREFIX = re.compile(rf"(?:^|: |\s|\()({_CODE}): ?")
_ANYWHERE = re.compile(r"\b((?:\w+\.)*[A-Z]\w*(?:Exception|Fault))(?=[A-Z]?\b|KMS\b)")
_CUSTOM = re.compile(r"^.*?(?:Received response status \[?FAILED\]? from custom resource\.?\s*Message returned: ?)", re.IGNORECASE)
_CUSTOM_OLD = re.compile(r"^Failed to (?:create|update|delete) resource\.? ", re.IGNORECASE)
_CUSTOM_TAIL = re.compile(
    r"(?<=[^\s.|])[\s.|]*(?:Full error in CloudWatch.*|See (?:the )?details in CloudWatch Log Stream.*"
    r"|Logs: /aws/lambda/.*|\(RequestId: ?[^)]*\)?)\s*$",
    re.IGNORECASE,
)
_HOST_ID = re.compile(r"\bhost ?id: ", re.IGNORECASE)
_NO_CODE = frozenset({"Error", "ERROR"})


@dataclass(frozen=True, slots=True)
class Message:
    """One status reason without its wrapping. `lower` is what rules search; it has the length of `text`, so spans carry over."""

    reason: str
    text: str
    lower: str
    code: str | None
    services: tuple[str, ...]
    operation: str | None
    handler_code: str | None
    http_status: str | None
    request_id: str | None
    custom: bool
    resource_type: str
    status: str


def unwrap(reason: str, resource_type: str, status: str) -> Message:
    """The inner message of `reason` and everything its wrapping said."""
    whole = _SPACE.sub(" ", reason[:LONGEST]).strip()
    text = _HANDLER.sub("", _without_name(_STACKSET.sub("", whole)))
    handler = _last(_HANDLER_CODE, text)
    text = _HANDLER_TAIL.sub("", text)
    text, custom = _without_custom(text, resource_type)
    calling = _CALLING.search(text)
    code = _code(text, calling)
    services = tuple(_service(m["service"]) for m in _SDK.finditer(whole)) + (("s3",) if _HOST_ID.search(whole) else ())
    text = _inner(text, calling)
    request = _last(_REQUEST_ID, _without_tokens(whole, custom=custom))
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose lower case is longer: spans would shift
        text = lower
    return Message(
        reason=whole,
        text=text,
        lower=lower,
        code=code,
        services=services,
        operation=calling[2] if calling else None,
        handler_code=handler,
        http_status=_last(_STATUS, whole),
        request_id=request,
        custom=custom,
        resource_type=resource_type,
        status=status,
    )


def _without_name(text: str) -> str:
    """Without the logical id that the Serverless Framework puts in front: `An error occurred: MyQueue - …`."""
    named = _NAMED.match(text)
    return text if named is None or re.fullmatch(_CODE, named[1]) else text[named.end() :]


def _without_custom(text: str, resource_type: str) -> tuple[str, bool]:
    """The message a custom resource returned, and whether it was one. Its `(RequestId: …)` is the Lambda invocation's, not the call's."""
    custom = resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"
    inner = _CUSTOM.sub("", text)
    if inner != text or custom:
        return _CUSTOM_TAIL.sub("", _CUSTOM_OLD.sub("", inner)), True
    return text, False


def _without_tokens(whole: str, *, custom: bool) -> str:
    return _CUSTOM_TAIL.sub("", whole) if custom else whole


def _inner(text: str, calling: re.Match[str] | None) -> str:
    if calling:
        text = text[: calling.start()] + text[calling.end() :]
    text = _GO_TAIL.sub("", _SDK.sub("", text))
    return _GO_V2.sub("", text).strip(" \"'")


def _code(text: str, calling: re.Match[str] | None) -> str | None:
    """The API's error code: named as such, else before the first colon of a sentence, else anywhere."""
    if calling:
        return calling[1]
    for pattern in (_ERROR_CODE, _GO_V2, _PREFIX, _ANYWHERE):
        for match in pattern.finditer(text):
            if match[1] not in _NO_CODE:
                return match[1]
    bare = text.strip(" \"'")
    return bare if re.fullmatch(_CODE, bare) else None


def _service(name: str) -> str:
    """`AWSKMS`, `Amazon S3`, `AmazonEC2` and `Ec2` in one spelling: kms, s3, ec2."""
    return re.sub(r"^(?:aws|amazon)", "", name.lower().replace(" ", ""))


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.findall(text)
    return str(found[-1]) if found else None
