"""``login/``, ``logout/`` and ``current_stamp/``."""

from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest

from oaio_storage.server.answers import endpoint, text_of
from oaio_storage.server.feed import read_clock
from oaio_storage.server.original_api.context import body_of, caller_of, offer_token
from oaio_storage.server.people import log_in


def _log_in(request: HttpRequest) -> dict[str, Any]:
    body = body_of(request)
    log_in(request, text_of(body, "username"), text_of(body, "password"))
    return {}


def _log_out(request: HttpRequest) -> dict[str, Any]:
    logout(request)
    return {}


def _current_stamp(request: HttpRequest) -> dict[str, Any]:
    caller_of(request)  # the original client notices here alone that its session ended (wire contract, 1.4)
    return {"current_stamp": read_clock()[1]}


login_view = endpoint(GET=offer_token, POST=_log_in)
logout_view = endpoint(GET=offer_token, POST=_log_out)
stamp_view = endpoint(GET=_current_stamp)
