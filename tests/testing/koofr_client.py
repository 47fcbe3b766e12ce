"""The plainest client of the Koofr API there can be, to look at each answer as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import requests

from oaio_storage.testing import RunningKoofr

SECONDS = 60


@attrs.define
class Plain:
    """Calls of one mount, all with HTTP basic authentication unless a header says otherwise."""

    server: RunningKoofr
    level: str = "v2"
    mount: str = "primary"
    folder: str = ""
    """Where the tests of this client work; an absolute path, or nothing for the root."""

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401 - as requests takes it
        more.setdefault("auth", (self.server.user, self.server.password))
        return requests.request(method, self.server.url + path, timeout=SECONDS, **more)

    def call(self, method: str, name: str, path: str = "", **more: Any) -> requests.Response:  # noqa: ANN401 - same
        content = "/content" if name in {"get", "put", "listrecursive"} else ""
        query = {"path": f"{self.folder}{path}", **more.pop("query", {})}
        inside = f"files/{name}" if name != "bundle" else name
        address = f"{content}/api/{self.level}/mounts/{self.mount}/{inside}"
        return self.ask(method, address, params=query, **more)

    def put(self, parent: str, name: str, content: bytes = b"", **query: str) -> requests.Response:
        form = {"file": ("dummy", content)}
        return self.call("POST", "put", parent, query={"filename": name, **query}, files=form)

    def make(self, parent: str, name: object) -> requests.Response:
        return self.call("POST", "folder", parent, json={"name": name})

    def names(self, path: str = "") -> list[str]:
        answer = self.call("GET", "list", path)
        assert answer.status_code == 200
        return sorted(file["name"] for file in answer.json()["files"])

    def info(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", "info", path)
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told

    def content(self, path: str) -> bytes:
        answer = self.call("GET", "get", path)
        assert answer.status_code == 200
        return answer.content

    def spread(self, method: str, path: str, to: str, **values: object) -> requests.Response:
        body = {"toMountId": self.mount, "toPath": f"{self.folder}{to}", **values}
        return self.call("PUT", method, path, json=body)


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def stored_bodies(data: Path) -> Iterator[Path]:
    """The contents that a server keeps in its folder."""
    return (data / "bodies").iterdir()
