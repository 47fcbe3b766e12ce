"""``access`` and ``wipe_user``."""

from typing import Any

from django.http import HttpRequest

from oaio_storage.server.answers import endpoint, text_of, user_of
from oaio_storage.server.native_api.body import with_body
from oaio_storage.server.people import access_list, share, wipe_user


def _list(request: HttpRequest) -> dict[str, Any]:
    return {"access": access_list(user_of(request), request.GET.get("oaio_id", ""))}


@with_body("oaio_id", "username", "access_right")
def _share(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    oaio_id, name, right = (text_of(body, key) for key in ("oaio_id", "username", "access_right"))
    pk, versions = share(user_of(request), oaio_id, name, right)
    return {"id": pk, "versions": versions}


@with_body("username")
def _wipe(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    wipe_user(user_of(request), text_of(body, "username"))
    return {}


access_view = endpoint(GET=_list, POST=_share)
wipe_view = endpoint(POST=_wipe)
