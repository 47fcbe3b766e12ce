"""A device as the tests play it: the native API by Django's client, with CSRF checks, in this process."""

import itertools
import json
from typing import Any, TypeAlias
from uuid import uuid4

import attrs
from django.contrib.auth.models import User
from django.test import Client

from oaio_storage.model import context_headers

Json: TypeAlias = Any

_IDS = itertools.count()


def new_id() -> str:
    """An object id that no test has used."""
    return f"object-{next(_IDS)}"


@attrs.define
class Device:
    """A session of ``name``."""

    name: str
    client: Client = attrs.field(factory=lambda: Client(enforce_csrf_checks=True, SERVER_NAME="localhost"))
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        if self.name:
            self.client.force_login(User.objects.get(username=self.name))
        self.client.get("/api/v1/login")

    def request(self, method: str, path: str, body: object = None) -> Json:
        """The whole answer to any request."""
        text = "" if body is None else json.dumps(body)
        return self.client.generic(
            method, path, text, content_type="application/json", headers=self.headers()
        )

    def get(self, path: str) -> Json:
        """The status and the JSON answer to a GET."""
        return self._told(self.client.get(f"/api/{path}", headers=self.headers()))

    def post(self, path: str, body: object) -> Json:
        """The status and the JSON answer to a POST."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = self.client.post(
            f"/api/{path}", text, content_type="application/json", headers=self.headers()
        )
        return self._told(answer)

    def sync(
        self, *items: dict[str, Any], stamps: int = 0, cursor: str | None = None, limit: int = 500
    ) -> Json:
        """The answer to a ``sync`` that has to succeed."""
        body = {
            "cursor": self.cursor if cursor is None else cursor,
            "stamps": stamps,
            "items": items,
            "limit": limit,
        }
        status, answer = self.post("v1/sync", body)
        assert status == 200, answer
        if cursor is None:
            self.cursor = answer["cursor"]
        return answer

    def stamp(self) -> str:
        """A stamp reserved for this device."""
        return str(self.sync(stamps=1, cursor="", limit=0)["stamp"])

    def item(self, oaio_id: str, base: str | None = None, **fields: Json) -> dict[str, Any]:
        """A proposal with a new id and a reserved stamp."""
        return {
            "id": uuid4().hex,
            "oaio_id": oaio_id,
            "base": base,
            "stamp": fields.get("stamp") or self.stamp(),
            "client_stamp": "20261123120000000000",
            "deleted": False,
            "values": "{}",
            "attached": "",
            "files": None,
            "root_path": "",
            "csh_id": "Local",
            "device_id": "device",
            "app_id": "app",
            "overtakes": [],
            "resolves": [],
            "aside": False,
        } | fields

    def propose(self, oaio_id: str, base: str | None = None, **fields: Json) -> dict[str, Any]:
        """The result of proposing one version."""
        result: dict[str, Any] = self.sync(self.item(oaio_id, base, **fields), cursor="", limit=0)["results"][
            0
        ]
        return result

    def accepted(self, oaio_id: str, base: str | None = None, **fields: Json) -> str:
        """The id of a version that has to be accepted."""
        result = self.propose(oaio_id, base, **fields)
        assert result["status"] == 200, result
        return str(result["id"])

    def entry(self, oaio_id: str) -> dict[str, Any] | None:
        """The feed's entry about an object, if there is one."""
        found = [one for one in self.sync(cursor="")["entries"] if one["oaio_id"] == oaio_id]
        assert len(found) <= 1
        return found[0] if found else None

    def share(self, oaio_id: str, name: str, right: str) -> int:
        """The status of sharing."""
        return int(self.post("v1/access", {"oaio_id": oaio_id, "username": name, "access_right": right})[0])

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        token = self.client.cookies.get("csrftoken")
        return context_headers(self.name or "nobody", "device", "app") | {
            "X-CSRFToken": token.value if token else ""
        }

    @staticmethod
    def _told(answer: Json) -> tuple[int, Any]:
        assert answer.headers["Content-Type"] == "application/json", answer.content
        return answer.status_code, json.loads(answer.content)


def original_body(
    oaio_id: str, stamp: str, values: dict[str, Any] | None = None, base: str = ""
) -> dict[str, Any]:
    """The ten fields that an original client sends."""
    return {
        "oaio_id": oaio_id,
        "client_stamp": stamp,
        "server_stamp": base,
        "client_values": values or {},
        "server_values": {},
        "csh_id": "Local",
        "username": "x",
        "device_id": "x",
        "app_id": "x",
        "csh_access_right": "C",
    }
