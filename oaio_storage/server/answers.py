"""How requests are read and answered, alike for both APIs.

JSON in and out, typed errors, never HTML, never 5xx of our making.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from oaio_storage import errors
from oaio_storage.errors import (
    Forbidden,
    InvalidArgument,
    LoginNeeded,
    NotFound,
    OaioError,
    TooLarge,
    TryAgain,
    Unavailable,
)

Handler: TypeAlias = Callable[..., HttpResponseBase | dict[str, Any] | list[Any]]

_RETRY_AFTER = "2"  # seconds

log = logging.getLogger("oaio_storage.server")


def endpoint(**handlers: Handler) -> Callable[..., HttpResponseBase]:
    """The view that answers each method by its handler (HEAD as GET), and every typed error as JSON."""
    by_method = handlers | ({"HEAD": handlers["GET"]} if "GET" in handlers else {})

    def view(request: HttpRequest, **path: str) -> HttpResponseBase:
        handler = by_method.get(request.method or "")
        if handler is None:
            answer = error_answer(
                InvalidArgument(f"only {', '.join(sorted(by_method))} are allowed here"), status=405
            )
            answer["Allow"] = ", ".join(sorted(by_method))
            return answer
        try:
            content = handler(request, **path)
        except OaioError as err:
            return error_answer(err)
        except (OperationalError, IntegrityError) as err:
            log.warning("the database refused for now: %s", type(err).__name__)
            return error_answer(Unavailable("the server's database is busy"))
        return content if isinstance(content, HttpResponseBase) else JsonResponse(content, safe=False)

    return view


def error_answer(error: OaioError, status: int = 0) -> HttpResponse:
    """``error`` as an answer with its class's status, or ``status``."""
    answer = JsonResponse({"error": errors.as_json(error)}, status=status or error.http_status)
    if isinstance(error, TryAgain):
        answer["Retry-After"] = _RETRY_AFTER
    return answer


def read_body(request: HttpRequest) -> bytes:
    """The body, once its length is known to be allowed.

    Raises:
        TooLarge: it is above 8 MiB.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise TooLarge("the request is too large", "Send fewer items at once.")
    return request.body


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a POST without a valid CSRF token."""
    return error_answer(
        Forbidden(
            f"CSRF check failed: {reason}", "Fetch a cookie with GET login, and send it as X-CSRFToken."
        )
    )


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to what Django refuses to read."""
    return error_answer(InvalidArgument(f"bad request ({type(exception).__name__})"))


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an address that is none of ours."""
    del exception
    return error_answer(NotFound("there is nothing at this address"))


def permission_denied(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to what the admin pages refuse."""
    del exception
    return error_answer(Forbidden("this is not allowed", "Log in as another user."))


def server_error(_request: HttpRequest) -> HttpResponse:
    """The answer when the fault is ours; the log has the reason."""
    return error_answer(Unavailable("the server failed; its log says why"), status=500)


def user_of(request: HttpRequest) -> User:
    """The user of the session.

    Raises:
        LoginNeeded: there is none.
    """
    if not isinstance(request.user, User):
        raise LoginNeeded("there is no session, or it ended")
    return request.user


def text_of(body: Mapping[str, Any], key: str) -> str:
    """The text under ``key``.

    Raises:
        InvalidArgument: there is none.
    """
    text = body.get(key)
    if not isinstance(text, str):
        raise InvalidArgument(f"{key} is missing or no text")
    return text
