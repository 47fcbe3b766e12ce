"""What the service says, and what happens on the way to it, as errors of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3

from oaio_storage.errors import (
    AccessDenied,
    AlreadyExists,
    BadAnswer,
    InvalidArgument,
    InvalidName,
    NotFound,
    OaioError,
    QuotaExceeded,
    Throttled,
    TimedOut,
    TooLarge,
    Unavailable,
    Untrusted,
)

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, BAD_RANGE = 400, 401, 403, 404, 409, 416
REDIRECTS_FROM, ERRORS_FROM = 300, 400
_SERVER_ERRORS_FROM = 499  # with 499 itself, as seen of the live service (Koofr API, section 8)

_BY_STATUS: dict[int, type[OaioError]] = {
    UNAUTHORIZED: AccessDenied,
    FORBIDDEN: AccessDenied,
    NOT_FOUND: NotFound,
    408: TimedOut,
    413: TooLarge,
    429: Throttled,
    504: TimedOut,
    507: QuotaExceeded,
}
_HINTS: dict[type[OaioError], str] = {
    AccessDenied: "Check the e-mail address and the password, and whether the account may change this.",
    QuotaExceeded: "Remove something from the account and its trash, or get more room.",
    Untrusted: "Check the endpoint, and the clock of this device.",
}
_CODE = re.compile(r"[A-Za-z0-9_]{1,40}\Z")


def refusal(answer: requests.Response, failed: str, conflict: type[OaioError] = AlreadyExists) -> OaioError:
    """The error for an answer with a status from 300 on.

    Plain v2 promises statuses, and no codes (Koofr API, section 8): 400 stands for all that is in the way of
    a request, so whoever has to know more looks.

    Args:
        answer: what came.
        failed: what failed, and for what; the message begins with it.
        conflict: what 409 stands for.
    """
    code = _code(answer)
    kind = _kind(answer.status_code, code, conflict)
    told = f"status {answer.status_code}" + (f", {code}" if code else "")
    return kind(f"{failed}: {told}", _HINTS.get(kind, ""))


def parsed(answer: requests.Response, failed: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What the JSON of an answer holds.

    Raises:
        BadAnswer: it is something else, such as the page of a portal.
    """
    try:
        return answer.json()
    except (ValueError, RecursionError):
        raise BadAnswer(
            f"{failed}: the answer is no JSON",
            "Check the endpoint, and whether a portal or proxy in between wants to be logged in to.",
        ) from None


@contextmanager
def on_the_way(failed: str, *, changes: bool) -> Iterator[None]:
    """Turn what the libraries raise into errors of ours. Their texts may hold secrets and are not used.

    ``changes`` tells whether the request changes something: once it was sent, and its answer lost, the
    outcome is unknown (TimedOut).
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError) as err:
        kind = _lost(err, changes=changes)
        raise kind(f"{failed}: {type(err).__name__}", _HINTS.get(kind, "")) from None


def _lost(err: Exception, *, changes: bool) -> type[OaioError]:
    if isinstance(err, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return Untrusted
    if isinstance(err, requests.exceptions.ProxyError) or _is_unconnected(err):
        return Unavailable
    if isinstance(err, requests.Timeout | urllib3.exceptions.TimeoutError):
        return TimedOut
    if isinstance(err, ValueError):  # of requests: an address that can be none
        return InvalidArgument
    return TimedOut if changes else Unavailable


def _is_unconnected(err: Exception) -> bool:
    """Whether nothing was sent."""
    reason = getattr(err.args[0] if err.args else None, "reason", None)
    return isinstance(err, requests.ConnectTimeout) or isinstance(
        reason, urllib3.exceptions.NewConnectionError
    )


def _kind(status: int, code: str, conflict: type[OaioError]) -> type[OaioError]:
    if "quota" in code.lower():
        return QuotaExceeded
    if status == BAD_REQUEST:
        return InvalidName if code == "InvalidPath" else AlreadyExists
    if status == CONFLICT:
        return conflict
    return _BY_STATUS.get(status) or (Unavailable if status >= _SERVER_ERRORS_FROM else BadAnswer)


def _code(answer: requests.Response) -> str:
    try:
        told = answer.json()["error"]["code"]
    except (requests.RequestException, ValueError, TypeError, KeyError, RecursionError):
        return ""
    return told if isinstance(told, str) and _CODE.match(told) else ""
