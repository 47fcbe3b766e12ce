"""``subscribe/``, ``user_subz/`` and ``wipe_user/``."""

from typing import Any

from django.http import HttpRequest

from oaio_storage.server.answers import endpoint, text_of
from oaio_storage.server.original_api.context import body_of, caller_of, offer_token
from oaio_storage.server.people import access_list, share, wipe_user


def _subscribe(request: HttpRequest) -> dict[str, Any]:
    user = caller_of(request).user
    body = body_of(request)
    pk, _ = share(user, text_of(body, "oaio_id"), text_of(body, "username"), text_of(body, "access_right"))
    return {"Pid": pk}


def _user_subz(request: HttpRequest, oaio_id: str) -> list[Any]:
    return access_list(caller_of(request).user, oaio_id)


def _wipe_user(request: HttpRequest) -> dict[str, Any]:
    user = caller_of(request).user
    wipe_user(user, text_of(body_of(request), "Uid"))
    return {}


subscribe_view = endpoint(GET=offer_token, POST=_subscribe)
user_subz_view = endpoint(GET=_user_subz)
wipe_view = endpoint(GET=offer_token, POST=_wipe_user)
