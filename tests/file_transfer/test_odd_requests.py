"""Requests without sense to a real site: each is answered with 4xx or 503, and changes nothing live."""

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import attrs
import pytest
from counts import COUNTS
from file_transfer import wire
from file_transfer.servers import Gunicorn, Place, gunicorn

FILES = {"index.html": b"one", "a/b.html": b"b"}
ACTIONS = (*["select-files", "upload-files", "publish-files"] * 6, "", "select-files/", "%2e%2e", "x")
COURSES = (*[wire.COURSE] * 25, "other", "..", "%00", "a%2Fb", "%ff", ".oaio", "")
TYPES = (
    "application/octet-stream",
    "multipart/form-data; boundary=b",
    "application/json",
    "text/plain",
    "",
    "\xff",
)
NUMBERS = ("0", "1", "4096", "-1", "x", "", "999999999999999", "1e3", " 1", "None")
TEXTS = ("", "x", "../x", "True", "\x7f", "{}", "[]", "null", "\xff\xfe", "0" * 5000)


@attrs.frozen
class Odd:
    """Draws requests."""

    random: Random
    pids: list[str]

    def headers(self) -> dict[str, str]:
        pick = self.random.choice
        told = {"Content-Type": pick(TYPES)} if self.random.random() < 0.9 else {}
        if (chance := self.random.random()) < 0.8:
            told |= wire.bearer()
        elif chance < 0.9:
            told |= {"Authorization": pick(("Bearer", "Basic x", "Bearer x.y.z", "", "Bearer " + "a" * 3000))}
        for name in ("X-Chunk-Index", "X-Chunk-Size", "X-Chunk-Offset", "X-File-Index"):
            if self.random.random() < 0.7:
                told[name] = pick(NUMBERS)
        for name in ("X-Last-Chunk", "X-Last-File"):
            if self.random.random() < 0.5:
                told[name] = pick(("True", "False", ""))
        if self.random.random() < 0.8:
            told["X-Process-ID"] = pick([*self.pids, "x", "../../x", ""])
        return told

    def body(self) -> bytes:
        pick = self.random.choice
        archive = wire.archive_of(
            {pick([*FILES, "../x", "y"]): self.random.randbytes(self.random.randint(0, 400))}
        )
        kinds = (
            lambda: self.random.randbytes(self.random.randint(0, 2000)),
            lambda: pick(TEXTS).encode("latin-1"),
            lambda: json.dumps({"process_id": pick([*self.pids, "x", 5, None, ["a"]])}).encode(),
            lambda: archive,
            lambda: self.form(archive),
            lambda: self.form(json.dumps(wire.manifest_of(FILES, self.random.randint(0, 9))).encode()),
            lambda: self.form(self.random.randbytes(100)),
        )
        body = bytearray(pick(kinds)())
        for _ in range(self.random.choice((0, 0, 0, 1, 5))):
            if body:
                body[self.random.randrange(len(body))] = self.random.randrange(256)
        return bytes(body[: self.random.choice((len(body), len(body), len(body) // 2))])

    def form(self, content: bytes) -> bytes:
        pick = self.random.choice
        fields = {"process_id": pick([*self.pids, "x"]), "last_file": pick(("True", "False", "x"))}
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
            if self.random.random() < 0.9
        ]
        name = pick(("file", "manifest_client", "file", "other"))
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'.encode()
        return b"".join([*parts, head, content, b"\r\n--b--\r\n"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "courses").mkdir()
    with gunicorn(Place(str(folder / "courses")), folder / "gunicorn") as running:
        yield running


def test_no_request_changes_what_is_live_or_is_answered_with_500(site: Gunicorn) -> None:
    client = wire.Client(site.ask)
    told = client.select(json.dumps(wire.manifest_of(FILES)).encode()).json
    client.send(told["process_id"], wire.archive_of(FILES))
    assert client.publish(told["process_id"]).status == 200
    random = Random(8)
    seen: Counter[int] = Counter()
    for number in range(COUNTS.fuzzed_requests):
        if number % 200 == 0:
            manifest = wire.manifest_of({**FILES, "a/b.html": b"%d" % number}, wire.BEGIN + 1 + number)
            begun = [client.select(json.dumps(manifest).encode()).json["process_id"] for _ in range(3)]
            odd = Odd(random, begun)
        seen[asked(site, odd)] += 1
    assert {200, 400, 401, 403, 404, 405, 415} <= seen.keys(), seen
    assert not [status for status in seen if status >= 500], seen
    live = client.ask("GET", f"/sites/{wire.COURSE}/a/b.html")
    assert live.body == FILES["a/b.html"]
    assert "Traceback" not in site.log.read_text(errors="replace")


def asked(site: Gunicorn, odd: Odd) -> int:
    at = urlsplit(site.url)
    connection = http.client.HTTPConnection(str(at.hostname), int(at.port or 0), timeout=60)
    action = odd.random.choice(ACTIONS)
    method = odd.random.choice(("GET", "PUT", "DELETE", "OPTIONS", *["POST"] * 12))
    path = f"/{odd.random.choice(COURSES)}/{action}"
    headers = {name: value.encode("latin-1") for name, value in odd.headers().items()}
    try:
        connection.request(method, path, odd.body(), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
