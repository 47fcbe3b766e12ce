"""A1: every address, method, caller and object state has one expected status; none lacks a row."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from server.devices import Device, Json, new_id, original_body

from oaio_storage.model import stamp_plus

pytestmark = pytest.mark.usefixtures("data")

RIGHTS = {"reader": "r", "updater": "U", "deleter": "D"}
KNOWING = (*RIGHTS, "creator")
SIGNED_IN = ("stranger", "former", *KNOWING, "staff")
CALLERS = ("anonymous", "disabled", *SIGNED_IN)
STATES = ("absent", "live", "deleted")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

Statuses = Mapping[str, int]

ANYBODY = dict.fromkeys(CALLERS, 200)
WRONG = dict.fromkeys(CALLERS, 401)
USERS = ANYBODY | {"anonymous": 401, "disabled": 401}
UNKNOWN = USERS | dict.fromkeys(SIGNED_IN, 404)
TAKEN = USERS | dict.fromkeys(SIGNED_IN, 409)
SHARING = UNKNOWN | {"reader": 403, "updater": 403, "deleter": 403, "creator": 200}
SHARING_DELETED = SHARING | {"creator": 404}
WIPING = USERS | dict.fromkeys(SIGNED_IN, 403) | {"staff": 200}

ONLY_GET: dict[str, Statuses] = {"GET": USERS, "HEAD": USERS}
TOKEN: dict[str, Statuses] = {"GET": ANYBODY, "HEAD": ANYBODY}

BY_STATE: dict[tuple[str, str], Statuses] = {
    ("v1/access", "absent"): UNKNOWN,
    ("v1/access", "live"): SHARING,
    ("v1/access", "deleted"): SHARING_DELETED,
    ("subscribe", "absent"): UNKNOWN,
    ("subscribe", "live"): SHARING,
    ("subscribe", "deleted"): SHARING_DELETED,
    ("register", "absent"): USERS,
    ("register", "live"): TAKEN,
    ("register", "deleted"): TAKEN,
    ("upload", "absent"): UNKNOWN,
    ("upload", "live"): UNKNOWN | {"reader": 403, "updater": 200, "deleter": 200, "creator": 200},
    ("upload", "deleted"): UNKNOWN,
    ("delete", "absent"): USERS,
    ("delete", "live"): USERS | {"reader": 403, "updater": 403},
    ("delete", "deleted"): USERS,
}

NATIVE: dict[str, dict[str, Statuses]] = {
    "v1/login": TOKEN | {"POST": WRONG},
    "v1/logout": {"POST": ANYBODY},
    "v1/sync": {"POST": USERS},
    "v1/hosts/<str:csh_id>": ONLY_GET,
    "v1/access": ONLY_GET | {"POST": {}},
    "v1/wipe_user": {"POST": WIPING},
}
ORIGINAL: dict[str, dict[str, Statuses]] = {
    "login": TOKEN | {"POST": WRONG},
    "logout": TOKEN | {"POST": ANYBODY},
    "current_stamp": ONLY_GET,
    "oaio_stampz": ONLY_GET,
    "register": TOKEN | {"POST": {}},
    "upload": TOKEN | {"POST": {}},
    "delete": TOKEN | {"POST": {}},
    "subscribe": TOKEN | {"POST": {}},
    "wipe_user": TOKEN | {"POST": WIPING},
    "csh_args/<path:csh_id>": ONLY_GET,
    "user_subz/<path:oaio_id>": ONLY_GET,
}
ROWS = {f"api/{slug}": row for slug, row in NATIVE.items()} | {
    f"api/{slug}{slash}": row for slug, row in ORIGINAL.items() for slash in ("", "/")
}

ITEMS: dict[tuple[str, str], Statuses] = {
    ("register", "absent"): dict.fromkeys(SIGNED_IN, 200),
    ("register", "live"): dict.fromkeys(SIGNED_IN, 409),
    ("register", "deleted"): dict.fromkeys(SIGNED_IN, 409),
    ("edit", "absent"): dict.fromkeys(SIGNED_IN, 404),
    ("edit", "live"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 200, "deleter": 200, "creator": 200},
    ("edit", "deleted"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 409, "deleter": 409, "creator": 409},
    ("delete", "absent"): dict.fromkeys(SIGNED_IN, 404),
    ("delete", "live"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 403, "deleter": 200, "creator": 200},
    ("delete", "deleted"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 403, "deleter": 409, "creator": 409},
    ("aside", "absent"): dict.fromkeys(SIGNED_IN, 404),
    ("aside", "live"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 409, "deleter": 409, "creator": 409},
    ("aside", "deleted"): dict.fromkeys(SIGNED_IN, 404)
    | {"reader": 403, "updater": 200, "deleter": 200, "creator": 200},
}


class Cast:
    """A device for each caller, and objects in each state."""

    def __init__(self) -> None:
        for name in (*CALLERS[1:], "target"):
            User.objects.create(username=name, is_staff=name == "staff")
        self.devices = {name: Device("" if name == "anonymous" else name) for name in CALLERS}
        User.objects.filter(username="disabled").update(is_active=False)
        self.creator = self.devices["creator"]
        self.numbers = itertools.count()
        self.unchanged: dict[str, tuple[str, str]] = {}

    def refusing_object(self, state: str, *, changes: bool) -> tuple[str, str]:
        """As :meth:`object`, but the same one again until a request ``changes`` it."""
        found = self.unchanged.pop(state, None) or self.object(state)
        if not changes:
            self.unchanged[state] = found
        return found

    def object(self, state: str) -> tuple[str, str]:
        """The ids of a new object in ``state`` and of its first version."""
        oaio_id = new_id()
        if state == "absent":
            return oaio_id, "f" * 32
        base = self.creator.accepted(oaio_id)
        for name, right in RIGHTS.items():
            assert self.creator.share(oaio_id, name, right) == 200
        assert self.creator.share(oaio_id, "former", "r") == 200
        assert self.creator.share(oaio_id, "former", "x") == 200
        if state == "deleted":
            self.creator.accepted(oaio_id, base, deleted=True)
        return oaio_id, base

    def body(self, slug: str, oaio_id: str) -> dict[str, Any]:
        """What a POST to ``slug`` has to say."""
        victim = f"victim{next(self.numbers)}"
        if slug.endswith("wipe_user"):
            User.objects.create(username=victim)
        sharing = {"oaio_id": oaio_id, "username": "target", "access_right": "r"}
        stamp = stamp_plus(self.creator.stamp(), 1)
        bodies: dict[str, dict[str, Any]] = {
            "v1/login": {"username": victim, "password": "wrong"},
            "v1/sync": {"cursor": "", "stamps": 0, "items": [], "limit": 1},
            "v1/access": sharing,
            "v1/wipe_user": {"username": victim},
            "login": {"username": victim, "password": "wrong"},
            "register": original_body(oaio_id, stamp, {"a": 1}),
            "upload": original_body(oaio_id, stamp, {"a": 1}),
            "delete": {"oaio_id": oaio_id},
            "subscribe": sharing,
            "wipe_user": {"Uid": victim},
        }
        return bodies.get(slug, {})


@pytest.fixture
def cast() -> Cast:
    return Cast()


def fields_of(answer: Json) -> Json:
    """What a caller sees of an answer; cookies are the caller's own."""
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.items() if name != "Date"},
    )


def test_every_address_has_a_row() -> None:
    served = {str(pattern.pattern) for pattern in get_resolver().url_patterns} - {"admin/"}
    assert served == set(ROWS)


@pytest.mark.parametrize("address", ROWS)
def test_every_method_and_caller(cast: Cast, address: str) -> None:
    slug = address.removeprefix("api/").rstrip("/")
    path = (
        address.replace("<str:csh_id>", "Local")
        .replace("<path:csh_id>", "Local")
        .replace("<path:oaio_id>", "x")
    )
    for method, caller in itertools.product(METHODS, CALLERS):
        if slug.endswith("logout") and method == "POST":
            cast.devices[caller] = Device("" if caller in ("anonymous", "disabled") else caller)
        device = cast.devices[caller]
        row = ROWS[address].get(method, dict.fromkeys(CALLERS, 405))
        for state in ("live",) if row else STATES:
            expected = (row or BY_STATE[slug, state])[caller]
            oaio_id = "x" if row else cast.refusing_object(state, changes=expected < 400)[0]
            answer = device.request(
                method, f"/{path}", cast.body(slug, oaio_id) if method == "POST" else None
            )
            assert answer.status_code == expected, (method, address, caller, state, answer.content)
            assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(("kind", "state"), ITEMS)
def test_every_kind_of_version_and_caller(cast: Cast, kind: str, state: str) -> None:
    for caller in SIGNED_IN:
        expected = ITEMS[kind, state][caller]
        oaio_id, base = cast.refusing_object(state, changes=expected < 400)
        if kind == "register":
            fields: dict[str, Any] = {}
        elif kind == "aside":
            fields = {"base": base, "aside": True}
        else:
            fields = {"base": base, "deleted": kind == "delete"}
        result = cast.devices[caller].propose(oaio_id, **fields)
        assert result["status"] == expected, (caller, result)
        if caller not in KNOWING:
            assert result.get("current") is None


@pytest.mark.parametrize("slug", ["v1/access", "subscribe", "upload", "delete", "user_subz"])
@pytest.mark.parametrize("caller", ["stranger", "former"])
def test_unknown_and_forbidden_answer_alike(cast: Cast, slug: str, caller: str) -> None:
    seen = []
    for state in STATES:
        oaio_id, _ = cast.object(state)
        path = f"/api/user_subz/{oaio_id}" if slug == "user_subz" else f"/api/{slug}"
        body = None if slug == "user_subz" else cast.body(slug, oaio_id)
        answer = cast.devices[caller].request("POST" if body else "GET", path, body)
        seen.append(fields_of(answer))
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("address", [address for address, row in ROWS.items() if "POST" in row])
def test_without_a_csrf_token_nothing_is_posted(cast: Cast, address: str) -> None:
    device = cast.creator
    answer = device.client.post(f"/{address}", cast.body(address.removeprefix("api/").rstrip("/"), "x"))
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "Forbidden"
