"""Who asks, on which device, with which app, and what is in the body (wire contract, 1.1 and 1.2)."""

from typing import Any

import attrs
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token

from oaio_storage.errors import Forbidden, InvalidArgument
from oaio_storage.model import HEADER_APP, HEADER_DEVICE, HEADER_USER, context_text
from oaio_storage.server.answers import read_body, user_of
from oaio_storage.server.deciding import check_text
from oaio_storage.server.json_body import parse_object


@attrs.frozen
class Caller:
    """The user of the session, and what the context headers say of device and app."""

    user: User
    device_id: str
    app_id: str


def caller_of(request: HttpRequest) -> Caller:
    """Who asks.

    Raises:
        LoginNeeded: there is no session.
        InvalidArgument: a context header is missing or malformed.
        Forbidden: the header names another user than the session.
    """
    user = user_of(request)
    name, device_id, app_id = (
        _context(request, header) for header in (HEADER_USER, HEADER_DEVICE, HEADER_APP)
    )
    if name != user.username:
        raise Forbidden(f"{HEADER_USER} names another user than the session", "Log in as this user.")
    return Caller(user, device_id, app_id)


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises:
        InvalidArgument: there is none.
        TooLarge: it is above 8 MiB.
    """
    return parse_object(read_body(request))


def offer_token(request: HttpRequest) -> HttpResponse:
    """The answer to a GET of a POST slug: 200 and the cookie ``csrftoken`` (wire contract, 1.3)."""
    get_token(request)
    return JsonResponse({})


def _context(request: HttpRequest, header: str) -> str:
    literal = request.headers.get(header)
    if literal is None:
        raise InvalidArgument(f"the header {header} is missing")
    text = context_text(literal)
    check_text(header, text)
    return text
