"""``register/``, ``upload/``, ``delete/`` and ``oaio_stampz/``."""

import json
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from oaio_storage.model import Version, stamp_plus
from oaio_storage.server.accepting import Context, changing, locked, store, version_of
from oaio_storage.server.answers import endpoint, text_of
from oaio_storage.server.deciding import (
    Accept,
    OriginalEdit,
    Refuse,
    Repetition,
    decide_original_deletion,
    decide_original_registration,
    decide_original_upload,
)
from oaio_storage.server.models import StoredVersion, Subscription
from oaio_storage.server.offer import check_offered, offered_hosts
from oaio_storage.server.original_api.content import Content, compose, paths_of
from oaio_storage.server.original_api.context import Caller, body_of, caller_of, offer_token


def _list(request: HttpRequest) -> HttpResponse:
    user = caller_of(request).user
    rows = (
        Subscription.objects.filter(user=user, object__current__deleted=False)
        .select_related("object__current")
        .order_by("pk")
    )
    return HttpResponse(f"[{','.join(_listed(row) for row in rows)}]", content_type="application/json")


def _register(request: HttpRequest) -> dict[str, Any]:
    caller, content = caller_of(request), _content(request)
    changing(lambda: _judge_registration(caller, content))
    return {"oaio_id": content.oaio_id}


def _upload(request: HttpRequest) -> dict[str, Any]:
    caller, content = caller_of(request), _content(request)
    changing(lambda: _judge_upload(caller, content))
    return {"oaio_id": content.oaio_id}


def _delete(request: HttpRequest) -> dict[str, Any]:
    caller, body = caller_of(request), body_of(request)
    oaio_id, base_stamp = text_of(body, "oaio_id"), body.get("server_stamp")
    changing(lambda: _judge_deletion(caller, oaio_id, base_stamp if isinstance(base_stamp, str) else ""))
    return {}


def _content(request: HttpRequest) -> Content:
    content = Content.of_body(body_of(request))
    if content.attached:
        check_offered(content.csh_id, offered_hosts()[0])
    return content


def _judge_registration(caller: Caller, content: Content) -> None:
    context = locked(content.oaio_id, caller.user)
    first = context.row.versions.filter(number=1).first() if context.row else None
    same = first is not None and first.author_id == caller.user.pk and _same(first, content)
    decision = decide_original_registration(
        same_as_first=same, stamp=content.stamp, state=context.state, now=context.now
    )
    _apply(decision, context, _version(caller, content, base=None))


def _judge_upload(caller: Caller, content: Content) -> None:
    context = locked(content.oaio_id, caller.user, stamp=content.stamp)
    current = context.row.current if context.row else None
    same = current is not None and _same(current, content)
    edit = OriginalEdit(stamp=content.stamp, base_stamp=content.base_stamp, same_content=same)
    base = None
    if context.row and current:
        seen = context.row.versions.filter(stamp=content.base_stamp).first()
        base = (seen or current).pk
    _apply(
        decide_original_upload(edit, context.state, context.now),
        context,
        _version(caller, content, base=base),
    )


def _judge_deletion(caller: Caller, oaio_id: str, base_stamp: str) -> None:
    context = locked(oaio_id, caller.user)
    decision = decide_original_deletion(base_stamp, context.state)
    if context.row is None or context.row.current is None:
        return
    current = version_of(context.row.current, context.row.oaio_id)
    content = Content(
        oaio_id=current.oaio_id,
        stamp=max(context.now, stamp_plus(current.stamp, 1)),
        base_stamp=base_stamp,
        values="{}",
        attached="",
        paths=None,
        root_path="",
        csh_id=current.csh_id,
    )
    _apply(decision, context, _version(caller, content, base=current.id, deleted=True))


def _apply(decision: Accept | Refuse | Repetition, context: Context, version: Version) -> None:
    if isinstance(decision, Refuse):
        raise decision.error
    if isinstance(decision, Accept):
        store(context, version, decision)


def _version(caller: Caller, content: Content, *, base: str | None, deleted: bool = False) -> Version:
    return Version(
        id=uuid4().hex,
        oaio_id=content.oaio_id,
        base=base,
        stamp=content.stamp,
        client_stamp=content.stamp,
        deleted=deleted,
        values=content.values,
        attached=content.attached,
        files=None,
        paths=content.paths,
        root_path=content.root_path,
        csh_id=content.csh_id,
        device_id=caller.device_id,
        app_id=caller.app_id,
        aside=False,
        number=0,
        username="",
        accepted="",
    )


def _same(row: StoredVersion, content: Content) -> bool:
    paths = paths_of(row.attached, row.files, json.loads(row.paths) if row.paths is not None else None)
    same_paths = (None if paths is None else set(paths)) == (
        None if content.paths is None else set(content.paths)
    )
    kept = (row.stamp, row.values, row.root_path)
    return same_paths and kept == (content.stamp, content.values, content.root_path)


def _listed(subscription: Subscription) -> str:
    """The ten fields as JSON.

    Values that need nothing put back are not parsed, as they are canonical JSON already.
    """
    row = subscription.object
    current = row.current
    assert current is not None, "the query asks for objects with a current version"
    paths = paths_of(
        current.attached, current.files, json.loads(current.paths) if current.paths is not None else None
    )
    text = current.values
    if paths is not None or current.root_path:
        text = json.dumps(compose(text, paths, current.root_path))
    fields = {
        "oaio_id": row.oaio_id,
        "client_stamp": current.stamp,
        "server_stamp": current.stamp,
        "server_values": {},
        "csh_id": current.csh_id,
        "username": current.username,
        "device_id": current.device_id,
        "app_id": current.app_id,
        "csh_access_right": subscription.right,
    }
    return f'{json.dumps(fields)[:-1]}, "client_values": {text}}}'


listing_view = endpoint(GET=_list)
register_view = endpoint(GET=offer_token, POST=_register)
upload_view = endpoint(GET=offer_token, POST=_upload)
delete_view = endpoint(GET=offer_token, POST=_delete)
