"""The body of a native request."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from oaio_storage.errors import InvalidArgument
from oaio_storage.server.answers import Handler, error_answer, read_body, user_of
from oaio_storage.server.json_body import parse_object


def with_body(
    *keys: str, session: bool = True
) -> Callable[[Callable[[HttpRequest, dict[str, Any]], dict[str, Any]]], Handler]:
    """Gives the handler the JSON object that was sent, which has exactly ``keys``.

    What has no length or another type is refused.

    With ``session``, strangers are refused before anything of it is read.
    """

    def decorate(handler: Callable[[HttpRequest, dict[str, Any]], dict[str, Any]]) -> Handler:
        def checked(request: HttpRequest) -> HttpResponseBase | dict[str, Any]:
            if session:
                user_of(request)
            if not request.META.get("CONTENT_LENGTH"):
                return error_answer(
                    InvalidArgument("a request with a body names its Content-Length"), status=411
                )
            if request.content_type != "application/json":
                return error_answer(InvalidArgument("the body has to be application/json"), status=415)
            body = parse_object(read_body(request))
            if set(body) != set(keys):
                odd = ", ".join(sorted(set(keys).symmetric_difference(body)))
                raise InvalidArgument(f"missing or unknown keys in the request: {odd[:200]}")
            return handler(request, body)

        return checked

    return decorate
