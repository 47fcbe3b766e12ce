"""``login`` and ``logout``."""

from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest
from django.middleware.csrf import get_token

from oaio_storage.server.answers import endpoint, text_of
from oaio_storage.server.native_api.body import with_body
from oaio_storage.server.people import log_in


def _offer_token(request: HttpRequest) -> dict[str, Any]:
    get_token(request)
    return {}


@with_body("username", "password", session=False)
def _log_in(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    user = log_in(request, text_of(body, "username"), text_of(body, "password"))
    return {"username": user.username, "staff": user.is_staff}


@with_body(session=False)
def _log_out(request: HttpRequest, _body: dict[str, Any]) -> dict[str, Any]:
    logout(request)
    return {}


login_view = endpoint(GET=_offer_token, POST=_log_in)
logout_view = endpoint(POST=_log_out)
