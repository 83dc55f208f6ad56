"""An exception of a call → the kind of ReadError it is.

in: what a botocore client raised. out: kind, code, message. Rules read the structure of an error code (`AccessDenied…`,
`NoSuch…`, `…NotFound…`) and the HTTP status, since every service spells the same thing its own way.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re

from botocore import exceptions as aws
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from stackdoctor.aws.plain import Unbelievable
from stackdoctor.aws.workers import TimeIsUp
from stackdoctor.permissions import OPERATIONS
from stackdoctor.reader import Call, ErrorKind, ReadError
from stackdoctor.redact import scrub_secrets

_CODES = (
    (
        ErrorKind.CREDENTIALS,
        r"Expired(?!Next|Iterator)|TokenRefreshRequired|InvalidClientToken|UnrecognizedClient|InvalidAccessKey|Signature|InvalidToken",
    ),
    (ErrorKind.CREDENTIALS, r"MissingAuthentication|AuthFailure|RequestTimeTooSkewed|InvalidSecurity|^401$"),
    (ErrorKind.DENIED, r"AccessDenied|Unauthorized|NotAuthorized|AuthorizationError|Forbidden|AllAccessDisabled|AccountProblem|^403$"),
    (ErrorKind.DENIED, r"OptInRequired|SubscriptionRequired|RegionDisabled|NotSignedUp|DisabledRegion"),
    (ErrorKind.THROTTLED, r"Throttl|SlowDown|TooManyRequests|RequestLimitExceeded|BandwidthLimit|PriorRequestNotComplete|^429$"),
    (ErrorKind.NOT_FOUND, r"^NoSuch|NotFound|NonExistent|DoesNotExist|^404$"),
    (ErrorKind.SERVICE, r"Internal(?:Failure|Error|Server)|ServiceUnavailable|NotImplemented"),
)
_KIND_OF_CODE = tuple((kind, re.compile(pattern)) for kind, pattern in _CODES)
_UNKNOWN_HERE = re.compile(r"InvalidClientToken|UnrecognizedClient|InvalidAccessKey|AuthFailure|InvalidToken")
_REDIRECTS = re.compile(r"PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|^30[1278]$")

_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.NoAuthTokenError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
    aws.MetadataRetrievalError,
    aws.SSOError,
    *filter(None, [getattr(aws, "LoginError", None)]),  # `aws login`, botocore >= 1.41
)
_NETWORK = (
    aws.HTTPClientError,
    aws.ConnectionError,
    aws.ReadTimeoutError,
    aws.IncompleteReadError,
    aws.BaseEndpointResolverError,
    aws.EndpointProviderError,
    OSError,
)


def read_error(call: Call, error: BaseException, hint: str = "", *, valid_elsewhere: bool = False) -> ReadError:
    """The ReadError of a call that raised `error`; the hint is kept where it helps.

    `valid_elsewhere`: the same credentials were good in another Region, so a token that this one does not know means that
    the Region is not enabled: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
    """
    kind, code, message = describe(error)
    if valid_elsewhere and _UNKNOWN_HERE.search(code):
        kind, message = ErrorKind.DENIED, f"is the Region {call.region} enabled for this account? {message}".rstrip()
    helps = kind in {ErrorKind.CREDENTIALS, ErrorKind.NETWORK}
    return ReadError(call, kind, code, scrub_secrets(message), OPERATIONS.get(call.name, ()), hint if helps else "")


def describe(error: BaseException) -> tuple[ErrorKind, str, str]:
    """Kind, code and message, on one line."""
    match error:
        case TimeIsUp():
            return ErrorKind.TIMED_OUT, "TimedOut", str(error)
        case ClientError():
            return _answered(error)
        case Unbelievable():
            return ErrorKind.BAD_ANSWER, "BadAnswer", str(error)
        case ResponseParserError():
            return ErrorKind.BAD_ANSWER, "BadAnswer", "the answer cannot be parsed"
        case aws.ParamValidationError():
            return ErrorKind.SERVICE, "ParamValidationError", one_line(str(error))
    name = type(error).__name__
    if isinstance(error, _CREDENTIALS):
        return ErrorKind.CREDENTIALS, name, one_line(str(error))
    if isinstance(error, _NETWORK):
        return ErrorKind.NETWORK, name, one_line(str(error))
    if isinstance(error, aws.BotoCoreError):
        return ErrorKind.SERVICE, name, one_line(str(error))
    return ErrorKind.BAD_ANSWER, "BadAnswer", f"the answer cannot be parsed ({name})"


def _answered(error: ClientError) -> tuple[ErrorKind, str, str]:
    """AWS answered with an error."""
    said = error.response.get("Error") or {}
    code, message = str(said.get("Code") or ""), one_line(str(said.get("Message") or ""))
    status = int((error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
    if _REDIRECTS.search(code) or 300 <= status < 400:
        region = said.get("Region")
        where = f"in {region}" if region else "in another Region, which S3 did not name"
        return ErrorKind.SERVICE, code or str(status), f"the bucket is {where}: {message}".rstrip(": ")
    if "does not exist" in message and code in {"ValidationError", "ValidationException"}:
        return ErrorKind.NOT_FOUND, code, message
    for kind, pattern in _KIND_OF_CODE:
        if pattern.search(code):
            return kind, code, message
    if status in {401, 403}:
        return ErrorKind.DENIED, code or str(status), message
    if status == 429 or "Rate exceeded" in message:
        return ErrorKind.THROTTLED, code or str(status), message
    if code in {"", "Unknown"} and status < 500:
        return ErrorKind.BAD_ANSWER, code or str(status), message or "an error without a code"
    return ErrorKind.SERVICE, code or str(status), message


def one_line(text: str) -> str:
    """Without line breaks: the terminal's other dangers are `report`'s business."""
    return " ".join(text.split())
