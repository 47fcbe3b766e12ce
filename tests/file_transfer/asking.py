"""Requests that go straight to the handlers, as an adapter would hand them on."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import requests
from file_transfer import wire

from oaio_storage.file_transfer.auth import decoder
from oaio_storage.file_transfer.handlers import Handlers, Request
from oaio_storage.file_transfer.limits import Limits
from oaio_storage.file_transfer.site import Site
from oaio_storage.hosts import CshApi
from oaio_storage.hosts.addresses import host_at


def handlers_at(place: Path | CshApi, *, file_type: str = "html", limits: Limits | None = None) -> Handlers:
    host = place if isinstance(place, CshApi) else host_at(str(place))
    return Handlers(Site(host, limits or Limits()), decoder(wire.public_pem(), issuer=wire.ISSUER), file_type)


def ask_of(handlers: Handlers) -> wire.Ask:
    def ask(method: str, path: str, **told: Any) -> wire.Told:  # noqa: ANN401 - as those of requests
        prepared = requests.Request(method, f"http://here{path}", **told).prepare()
        body = prepared.body or b""
        content = body.encode() if isinstance(body, str) else body
        _, course, action = path.split("/")
        request = Request(method, prepared.headers, io.BytesIO(content), len(content))
        answer = handlers.answer(action, unquote(course), request)  # type: ignore[arg-type]  # an odd one is tried
        is_json = answer.content_type == "application/json"
        return wire.Told(
            answer.status, answer.body, json.loads(answer.body) if is_json else None, answer.headers
        )

    return ask


def files_live(handlers: Handlers, course: str = wire.COURSE) -> dict[str, bytes]:
    """What is live."""
    tree = handlers.site.tree(course)
    with tree.open() as opened:
        found = {}
        for path in opened.manifest:
            with opened.read(path) as content:
                found[path] = content.read()
        return found
