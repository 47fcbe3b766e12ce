"""The replayed original client and server, with one another, and what the client's requests look like."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest
from file_transfer import original_client
from file_transfer.original_client import OriginalClient, RefusedError, manifest_of, parts
from file_transfer.original_server import original_server

TOKEN = "a.b.c"
NOISE = random.Random(8).randbytes


@attrs.frozen
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def fields(self) -> dict[str, bytes]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        assert isinstance(message, EmailMessage)
        found = {}
        for part in message.iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found[str(part.get_param("name", header="content-disposition"))] = content
        return found


class Recorder(ThreadingHTTPServer):
    """Answers select-files as it was told, and all else with 200."""

    selected: dict[str, Any]
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.seen: list[Request] = []


class _Recording(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Recorder)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(Request(self.command, self.path, dict(self.headers), body))
        answer = json.dumps(self.server.selected if self.path.endswith("select-files") else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - same

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - same
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("first")
    (folder / "sub" / "a.html").write_text("a")
    return folder


@pytest.fixture
def to_recorder(recorder: Recorder, tmp_path: Path) -> OriginalClient:
    api = f"http://127.0.0.1:{recorder.server_port}/api/"
    return OriginalClient(api, "course", TOKEN, tmp_path / "pid.json", big=1000, chunk=400)


def members(body: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return tar.getmembers()


def asking(*new: str, update: tuple[str, ...] = (), exist: bool = True) -> dict[str, Any]:
    return {
        "exist": exist,
        "process_id": "p1",
        "files_new": {path: {} for path in new},
        "files_update": {path: {} for path in update},
    }


def test_the_manifest_leaves_out_dots_and_follows_links_to_files(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("")
    (folder / "sub" / ".hidden").write_text("")
    (folder / "link.html").symlink_to("index.html")
    (folder / "linked").symlink_to("sub")
    (folder / "manifest.json").write_text("{}")
    os.utime(folder / "index.html", ns=(0, 1_700_000_000_123_456_789))
    found = manifest_of(folder)
    assert set(found) == {"index.html", "sub/a.html", "link.html", "manifest.json"}
    digest = hashlib.sha256(b"first").hexdigest()
    assert found["index.html"] == {"mtime": 1_700_000_000_123_456_789, "checksum": f"sha256:{digest}"}
    assert found["link.html"] == found["index.html"]


def test_a_first_publication_is_one_form_with_everything(
    folder: Path, recorder: Recorder, to_recorder: OriginalClient
) -> None:
    (folder / ".git").mkdir()
    to_recorder.big = original_client.BIG_FILE  # a folder is as large as its inode
    (folder / "large").write_bytes(NOISE(5000))
    os.link(folder / "large", folder / "twin")
    recorder.selected = asking(*manifest_of(folder), exist=False)
    to_recorder.upload(folder)
    select, upload = recorder.seen
    assert (select.method, select.path) == ("POST", "/api/course/select-files")
    assert {one.headers["Authorization"] for one in recorder.seen} == {f"Bearer {TOKEN}"}
    assert b'name="manifest_client"; filename="manifest_client"\r\n\r\n{"' in select.body
    assert json.loads(select.fields()["manifest_client"]) == manifest_of(folder)
    fields = upload.fields()
    assert list(fields) == ["process_id", "last_file", "file"]
    assert (fields["process_id"], fields["last_file"]) == (b"p1", b"True")
    found = {one.name: one.type for one in members(fields["file"])}
    assert {".", "./.git", "./sub", "./sub/a.html", "./index.html"} < set(found)
    assert found["./twin"] == tarfile.LNKTYPE


def test_small_files_are_halved_until_they_fit(
    folder: Path, recorder: Recorder, to_recorder: OriginalClient
) -> None:
    for name in "abcde":
        (folder / name).write_bytes(NOISE(250))
    recorder.selected = asking("d", "b", update=("e", "a", "c"))
    to_recorder.upload(folder)
    uploads = [one.fields() for one in recorder.seen[1:]]
    sent = [[one.name for one in members(fields["file"])] for fields in uploads]
    assert sent == [["d"], ["b"], ["e"], ["a"], ["c"]]
    assert [fields["last_file"] for fields in uploads] == [b"False"] * 4 + [b"True"]


def test_big_files_go_first_in_chunks_and_their_headers_leak(
    folder: Path, recorder: Recorder, to_recorder: OriginalClient
) -> None:
    for name in ("one", "two"):
        (folder / name).write_bytes(NOISE(1100))
    (folder / "zeros").write_bytes(bytes(1100))
    recorder.selected = asking("zeros", "one", update=("two",))
    to_recorder.upload(folder)
    form, *chunks = recorder.seen[1:]
    assert (form.fields()["last_file"], form.fields()["process_id"]) == (b"False", b"p1")
    shown = [
        tuple(one.headers.get(f"X-{name}") for name in ("File-Index", "Last-Chunk", "Last-File"))
        for one in chunks
    ]
    count = len(shown) // 2
    assert shown[: count - 1] == [("1", None, None)] * (count - 1)
    assert shown[count - 1 : count] == [("1", "True", None)]
    assert shown[count:] == [("2", "True", "True")] * (len(shown) - count)
    assert {one.headers["Content-Type"] for one in chunks} == {"application/octet-stream"}
    assert {one.headers["X-Chunk-Size"] for one in chunks} == {"400"}
    bounds = [(int(one.headers["X-Chunk-Index"]), int(one.headers["X-Chunk-Offset"])) for one in chunks]
    assert all(end - start == len(one.body) for (start, end), one in zip(bounds, chunks, strict=True))
    assert [one.name for one in members(b"".join(one.body for one in chunks[:count]))] == ["one"]


def test_a_form_behind_chunks_goes_under_their_headers(
    folder: Path, recorder: Recorder, to_recorder: OriginalClient
) -> None:
    (folder / "one").write_bytes(NOISE(1100))
    (folder / "zeros").write_bytes(bytes(1100))
    recorder.selected = asking("one", "zeros", "index.html")
    to_recorder.upload(folder)
    leaked, last = recorder.seen[-2:]
    assert (leaked.headers["Content-Type"], leaked.body[:2]) == ("application/octet-stream", b"--")
    assert (leaked.headers["X-File-Index"], leaked.headers["X-Last-Chunk"]) == ("0", "True")
    assert last.fields()["last_file"] == b"True"


def test_publishing_is_a_get_with_a_body_and_forgets_the_process(
    folder: Path, recorder: Recorder, to_recorder: OriginalClient
) -> None:
    recorder.selected = asking("index.html")
    to_recorder.upload(folder)
    recorder.status = 201
    with pytest.raises(RefusedError, match="201"):
        to_recorder.publish()
    publish = recorder.seen[-1]
    assert (publish.method, publish.path) == ("GET", "/api/course/publish-files")
    assert (publish.headers["Content-Type"], json.loads(publish.body)) == (
        "application/json",
        {"process_id": "p1"},
    )
    assert not to_recorder.process_file.exists()


def test_nothing_asked_is_nothing_sent(folder: Path, recorder: Recorder, to_recorder: OriginalClient) -> None:
    recorder.selected = asking()
    to_recorder.upload(folder)
    assert len(recorder.seen) == 1


def test_the_last_chunk_may_be_full() -> None:
    assert list(parts(8, 4)) == [(0, 4), (4, 8)]
    assert list(parts(9, 4)) == [(0, 4), (4, 8), (8, 9)]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    upload_dir = tmp_path / "www"
    upload_dir.mkdir()
    with original_server(upload_dir, TOKEN) as api:
        yield api, upload_dir / "course"


@pytest.fixture
def client(live: tuple[str, Path], tmp_path: Path) -> OriginalClient:
    return OriginalClient(live[0], "course", TOKEN, tmp_path / "pid.json")


@pytest.fixture
def touched(folder: Path) -> Callable[[], None]:
    clock = iter(range(2_000_000_000, 2_000_000_100))
    return lambda: os.utime(folder / "index.html", (0, next(clock)))


def contents(of: Path) -> dict[str, bytes]:
    return {str(path.relative_to(of)): path.read_bytes() for path in of.rglob("*") if path.is_file()}


def test_the_programs_publish_and_update(
    folder: Path, live: tuple[str, Path], touched: Callable[[], None], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    program = [sys.executable, original_client.__file__]
    files = ["--token-file", str(tmp_path / "token"), "--process-file", str(tmp_path / "pid")]
    rest = [live[0], "course", *files]
    for text in ("first", "second"):
        (folder / "index.html").write_text(text)
        touched()
        for action in (["upload", str(folder)], ["publish"]):
            subprocess.run([*program, *action, *rest], check=True)
        found = contents(live[1])
        assert found.pop("manifest.json")
        assert found == contents(folder)
    again = subprocess.run(
        [*program, "upload", str(folder), *rest], check=False, capture_output=True, text=True
    )
    assert (again.returncode, again.stderr) == (
        1,
        "400: Abort: the client version is older than server version\n",
    )


def test_the_server_compares_times_alone(
    folder: Path, live: tuple[str, Path], client: OriginalClient, touched: Callable[[], None]
) -> None:
    touched()
    client.upload(folder)
    client.publish()
    (folder / "sub" / "a.html").write_text("changed")
    os.utime(folder / "sub" / "a.html", (0, 0))
    touched()
    client.upload(folder)
    client.publish()
    assert contents(live[1])["sub/a.html"] == b"a"


def test_the_server_takes_one_chunked_file_and_never_two(
    folder: Path, live: tuple[str, Path], client: OriginalClient, touched: Callable[[], None]
) -> None:
    client.upload(folder)
    client.publish()
    client.big, client.chunk = 1000, 400
    (folder / "one").write_bytes(NOISE(2000))
    touched()
    client.upload(folder)
    client.publish()
    assert contents(live[1])["one"] == contents(folder)["one"]
    for name in ("two", "three"):
        (folder / name).write_bytes(NOISE(2000))
    touched()
    with pytest.raises(RefusedError, match="400"):
        client.upload(folder)


def test_the_server_wants_the_token(folder: Path, client: OriginalClient) -> None:
    client.token = "x.y.z"
    with pytest.raises(RefusedError, match="401"):
        client.upload(folder)
