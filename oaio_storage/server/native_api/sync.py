"""``sync``: accepts proposed versions, then answers what the user must learn."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from oaio_storage import errors
from oaio_storage.errors import InvalidArgument, OaioError
from oaio_storage.model import Proposal
from oaio_storage.server.accepting import Outcome, accept
from oaio_storage.server.answers import endpoint, text_of, user_of
from oaio_storage.server.feed import place_of, read_clock, reserve_stamps
from oaio_storage.server.native_api.body import with_body
from oaio_storage.server.offer import offered_hosts
from oaio_storage.server.reading import read_feed

MAX_STAMPS, MAX_ITEMS, MAX_ENTRIES = 10_000, 200, 1_000


@with_body("cursor", "stamps", "items", "limit")
def _sync(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    user = user_of(request)
    cursor, items = text_of(body, "cursor"), body["items"]
    stamps, limit = _count(body, "stamps", MAX_STAMPS), _count(body, "limit", MAX_ENTRIES)
    if not isinstance(items, list) or len(items) > MAX_ITEMS:
        raise InvalidArgument(f"items has to be a list of at most {MAX_ITEMS}")
    clock, now = read_clock()
    place_of(cursor, clock)  # before anything is accepted
    results = [_result(item, user) for item in items]
    first = reserve_stamps(stamps) if stamps else ""
    page = read_feed(user, cursor, limit)
    offer, default = offered_hosts()
    return {
        "now": max(now, first),
        "stamp": first or now,
        "username": user.username,
        "staff": user.is_staff,
        "server_id": clock.server_id,
        "hosts": offer,
        "default_host": default,
        "results": results,
        "entries": page.entries,
        "cursor": page.cursor,
        "more": page.more,
    }


def _count(body: dict[str, Any], key: str, most: int) -> int:
    number = body[key]
    if type(number) is not int or not 0 <= number <= most:
        raise InvalidArgument(f"{key} has to be a whole number from 0 to {most}")
    return number


def _result(item: object, user: User) -> dict[str, Any]:
    try:
        proposal = Proposal.from_json(item)
    except OaioError as err:
        told = item.get("id") if isinstance(item, dict) else None
        return _result_json(told if isinstance(told, str) else "", Outcome(error=err))
    return _result_json(proposal.id, accept(proposal, user))


def _result_json(version_id: str, outcome: Outcome) -> dict[str, Any]:
    if outcome.error is None:
        version = outcome.version.as_json() if outcome.version else None
        return {"id": version_id, "status": 200, "version": version}
    return {
        "id": version_id,
        "status": outcome.error.http_status,
        "error": errors.as_json(outcome.error),
        "current": outcome.current.as_json() if outcome.current else None,
    }


sync_view = endpoint(POST=_sync)
