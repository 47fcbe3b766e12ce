"""What a server of S3 answers that is no success, and ours for it: one table for both libraries."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from oaio_storage.errors import (
    AccessDenied,
    BadAnswer,
    Busy,
    Changed,
    ClockSkew,
    Corrupt,
    InvalidArgument,
    InvalidName,
    NotFound,
    NotGuaranteed,
    OaioError,
    QuotaExceeded,
    RootUnavailable,
    Throttled,
    TimedOut,
    TooLarge,
    Unavailable,
    Untrusted,
)

_KEYS = "Check access_key_id and secret_access_key of the host, or the AWS variables."
_RIGHTS = "Give these keys the right to get, put, list and delete in this bucket, or use others."
_BUCKET = "Make the bucket, or correct its name (option bucket) or server (option endpoint)."
_REGION = "Set the option region of the host, or AWS_REGION, to the region of the bucket."
_CLOCK = "Set the clock of this device; it may differ by 15 minutes at most."
_ENDPOINT = "Check the option endpoint, or AWS_ENDPOINT_URL, and the network."

CODES: dict[str, tuple[type[OaioError], str, str]] = {
    "InvalidAccessKeyId": (AccessDenied, "it does not know the access key", _KEYS),
    "SignatureDoesNotMatch": (AccessDenied, "the secret key does not fit the access key", _KEYS),
    "ExpiredToken": (AccessDenied, "the session token has expired", "Log in anew, or renew the token."),
    "InvalidToken": (AccessDenied, "it refuses the session token", "Log in anew, or renew the token."),
    "AccessDenied": (AccessDenied, "these keys may not do that", _RIGHTS),
    "AllAccessDisabled": (AccessDenied, "the bucket is disabled", _RIGHTS),
    "AccountProblem": (AccessDenied, "there is a problem with the account", _RIGHTS),
    "InvalidObjectState": (AccessDenied, "the file is archived", "Restore it from the archive first."),
    "RequestTimeTooSkewed": (ClockSkew, "the clocks differ too much", _CLOCK),
    "RequestExpired": (ClockSkew, "the clocks differ too much", _CLOCK),
    "NoSuchBucket": (RootUnavailable, "the bucket does not exist", _BUCKET),
    "InvalidBucketName": (InvalidArgument, "the bucket's name is not valid", _BUCKET),
    "PermanentRedirect": (InvalidArgument, "the bucket is in another region", _REGION),
    "TemporaryRedirect": (InvalidArgument, "the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": (InvalidArgument, "the bucket is in another region", _REGION),
    "IllegalLocationConstraintException": (InvalidArgument, "the bucket is in another region", _REGION),
    "NoSuchKey": (NotFound, "there is no such file", ""),
    "NoSuchUpload": (Unavailable, "the upload was aborted by somebody else", ""),
    "PreconditionFailed": (Changed, "it has another version", ""),
    "ConditionalRequestConflict": (Busy, "another request for the same file came at the same time", ""),
    "OperationAborted": (Busy, "another request for the same file came at the same time", ""),
    "SlowDown": (Throttled, "it is asked too often", ""),
    "RequestLimitExceeded": (Throttled, "it is asked too often", ""),
    "ThrottlingException": (Throttled, "it is asked too often", ""),
    "ServiceUnavailable": (Unavailable, "it is down for now", ""),
    "InternalError": (Unavailable, "it failed", ""),
    "RequestTimeout": (TimedOut, "it waited too long for the request", ""),
    "EntityTooLarge": (TooLarge, "the file is too large for it", "Ask its operator for the limit."),
    "KeyTooLongError": (InvalidName, "the name is too long, with the prefix", "Use a shorter prefix."),
    "QuotaExceeded": (QuotaExceeded, "no room is left", "Free some room there, then try again."),
    "XMinioStorageFull": (QuotaExceeded, "no room is left", "Free some room there, then try again."),
    "InsufficientStorage": (QuotaExceeded, "no room is left", "Free some room there, then try again."),
    "BadDigest": (Corrupt, "other bytes came than were sent", "Send it again."),
    "XAmzContentSHA256Mismatch": (Corrupt, "other bytes came than were sent", "Send it again."),
    "IncompleteBody": (Corrupt, "fewer bytes came than were sent", "Send it again."),
    "NotImplemented": (NotGuaranteed, "it can't do that", "Use another server, or do without."),
}
"""Our error, what happened, and what to do next, by the code of the answer."""

STATUSES: dict[int, tuple[type[OaioError], str, str]] = {
    301: CODES["PermanentRedirect"],
    307: CODES["TemporaryRedirect"],
    401: (AccessDenied, "it refuses these keys", _KEYS),
    403: (AccessDenied, "these keys may not do that", _RIGHTS),
    408: CODES["RequestTimeout"],
    409: CODES["ConditionalRequestConflict"],
    412: CODES["PreconditionFailed"],
    413: CODES["EntityTooLarge"],
    429: CODES["SlowDown"],
    500: CODES["InternalError"],
    501: CODES["NotImplemented"],
    502: (Unavailable, "a proxy before it can't reach it", ""),
    503: CODES["ServiceUnavailable"],
    504: (TimedOut, "a proxy before it had no answer in time", ""),
    507: CODES["QuotaExceeded"],
}
"""The same by the status of answers without a code that is known."""

REFUSED, TIMEOUT, CUT_OFF, UNTRUSTED, NONSENSE = "refused", "timeout", "cut off", "untrusted", "nonsense"

WITHOUT: dict[str, tuple[type[OaioError], str, str]] = {
    REFUSED: (Unavailable, "it can't be reached", _ENDPOINT),
    TIMEOUT: (TimedOut, "no answer came in time", ""),
    CUT_OFF: (TimedOut, "the answer was cut off", ""),
    UNTRUSTED: (Untrusted, "its certificate is not trusted", ""),
    NONSENSE: (BadAnswer, "it does not answer as S3 does", _ENDPOINT),
}
"""The same where no answer of S3 came."""

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>|\(code: (\w{1,60})\)")
_REGION_TOLD = re.compile(r"<Region>([a-z0-9-]{1,40})</Region>")
_KIND = re.compile(r"^ *kind: (Connect|Timeout|Interrupted|Request|Decode),?$", re.MULTILINE)
_KINDS = {"Connect": REFUSED, "Timeout": TIMEOUT, "Interrupted": CUT_OFF, "Request": CUT_OFF}
_UNTRUSTED = re.compile(
    r"certificate|CertificateUnknown|UnknownIssuer|SSLCertVerificationError", re.IGNORECASE
)


@attrs.frozen
class Answer:
    """What is known of an answer that is no success.

    Attributes:
        status: of HTTP; 0 where none came.
        code: S3's own, if told.
        failure: a key of :data:`WITHOUT` where no answer came, or none of S3.
        region: the bucket's, if told.
    """

    status: int = 0
    code: str = ""
    failure: str = ""
    region: str = ""

    @property
    def is_told(self) -> bool:
        """Whether the server said why; the answers to HEAD have no body."""
        return bool(self.code)


def answer_of(err: Exception) -> Answer | None:
    """What ``err`` of one of the libraries tells; None if it is of none of them."""
    library = type(err).__module__.partition(".")[0]
    if library in ("botocore", "urllib3"):
        return _of_botocore(err)
    is_obstore = library == "obstore" or (isinstance(err, OSError) and "Debug source:" in str(err))
    return _of_obstore(str(err)) if is_obstore else None


def _of_botocore(err: Exception) -> Answer:
    response = getattr(err, "response", None)
    if isinstance(response, dict):
        about = response.get("Error", {})
        code, status = (
            str(about.get("Code", "")),
            response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        )
        return Answer(status, "" if code.isdecimal() else code, region=str(about.get("Region", "")))
    name = type(err).__name__
    if name == "SSLError":
        return Answer(failure=UNTRUSTED)
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"):
        return Answer(failure=REFUSED)
    if name == "ReadTimeoutError":
        return Answer(failure=TIMEOUT)
    cut = ("ConnectionClosedError", "HTTPClientError", "ResponseStreamingError", "IncompleteReadError")
    return Answer(failure=CUT_OFF if name in (*cut, "ProtocolError", "IncompleteRead") else NONSENSE)


def _of_obstore(text: str) -> Answer:
    head, _, debug = text.partition("Debug source:")
    status, code, region = _STATUS.search(head), _CODE.search(head), _REGION_TOLD.search(head)
    if status or code:
        told = (code[1] or code[2]) if code else ""
        return Answer(int(status[1]) if status else 0, told, region=region[1] if region else "")
    if "redirect without LOCATION" in head:
        return Answer(301)
    if _UNTRUSTED.search(debug):
        return Answer(failure=UNTRUSTED)
    kind = _KIND.search(debug)
    return Answer(failure=_KINDS.get(kind[1], NONSENSE) if kind else NONSENSE)


def error_for(answer: Answer, failed: str, *, is_change: bool) -> OaioError:
    """Our error for ``answer``.

    Args:
        answer: what is known.
        failed: what failed, and for what; the message begins with it.
        is_change: whether something was to be changed; then it may have been, where the server only failed.
    """
    row = CODES.get(answer.code) or STATUSES.get(answer.status) or WITHOUT.get(answer.failure)
    if row is None:
        told = answer.code or f"status {answer.status}"
        return BadAnswer(f"{failed}: it answers {told}, which is not known here", _ENDPOINT)
    kind, happened, hint = row
    if is_change and answer.status in (500, 502) and kind is Unavailable:
        kind, happened = TimedOut, f"{happened}, and may have done it"
    if answer.region and "region" in happened:
        hint = f"Set the option region of the host, or AWS_REGION, to {answer.region}."
    return kind(f"{failed}: {happened}", hint)


def required(answer: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever stands there
    """What every server of S3 tells in this answer; a page of HTML reads as an empty one.

    Raises:
        BadAnswer: it is not there.
    """
    if name not in answer:
        raise BadAnswer(f"the answer tells no {name}, so it is none of S3", _ENDPOINT)
    return answer[name]


@contextmanager
def told_for(failed: str, *, is_change: bool = False) -> Iterator[None]:
    """Turn what the libraries raise into ours; all else, such as what a source raises, passes."""
    try:
        yield
    except OaioError:
        raise
    except Exception as err:
        answer = answer_of(err)
        if answer is None:
            raise
        raise error_for(answer, failed, is_change=is_change) from err
