"""Publications over the wire, each clause of it and each attack that is named, straight to the handlers."""

import gzip
import io
import json
import tarfile
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from file_transfer import wire
from file_transfer.asking import ask_of, files_live, handlers_at

from oaio_storage.file_transfer.handlers import Handlers
from oaio_storage.file_transfer.limits import Limits

FIRST = {
    "index.html": b"one",
    "a/b.html": b"b",
    "a/c d.html": b"c" * 5000,
    "manifest.json": b"{}",
    "ü.txt": b"",
}
CHUNK = 4096


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    (tmp_path / "courses").mkdir()
    return handlers_at(tmp_path / "courses")


@pytest.fixture
def client(handlers: Handlers) -> wire.Client:
    return wire.Client(ask_of(handlers))


def selected(client: wire.Client, files: wire.Files, mtime: int = wire.BEGIN) -> dict[str, Any]:
    told = client.select(json.dumps(wire.manifest_of(files, mtime)).encode())
    assert told.status == HTTPStatus.OK, told
    return dict(told.json)


def asked(told: dict[str, Any]) -> list[str]:
    return [*told["files_new"], *told["files_update"]]


def publish(client: wire.Client, files: wire.Files, mtime: int = wire.BEGIN) -> dict[str, Any]:
    told = selected(client, files, mtime)
    wanted = {path: files[path] for path in asked(told)} if told["exist"] else files
    sent = client.send(told["process_id"], wire.archive_of(wanted, is_first=not told["exist"]))
    assert sent.json == {"course_instance": wire.COURSE, "status": "completed"}, sent
    done = client.publish(told["process_id"])
    assert done.status == HTTPStatus.OK, done
    assert done.json["msg"] == "The course is successfully uploaded"
    return told


def refused(told: wire.Told, *statuses: int) -> None:
    assert told.status in statuses, told
    text = told.body.decode()
    assert len(text) < 400, text
    assert "/tmp" not in text, text
    assert "transfers/" not in text, text


def test_a_first_publication_and_an_update(client: wire.Client, handlers: Handlers) -> None:
    told = publish(client, FIRST)
    assert told["exist"] is False
    assert told["course_instance"] == wire.COURSE
    assert told["files_new"] == wire.manifest_of(FIRST)
    assert told["files_update"] == {}
    assert files_live(handlers) == FIRST
    after = {**FIRST, "index.html": b"two", "new": b"n"}
    del after["a/b.html"]
    told = publish(client, after, wire.BEGIN + 1)
    assert told["exist"] is True
    assert asked(told) == ["new", "index.html"]
    assert files_live(handlers) == after


def test_what_differs_is_asked_for_whatever_its_time(client: wire.Client, handlers: Handlers) -> None:
    publish(client, FIRST)
    manifest = wire.manifest_of({**FIRST, "a/b.html": b"other"}, wire.BEGIN - 5)
    manifest["index.html"]["mtime"] = wire.BEGIN + 1
    told = client.select(json.dumps(manifest).encode()).json
    assert asked(told) == ["a/b.html", "index.html"]
    client.send(told["process_id"], wire.archive_of({"a/b.html": b"other", "index.html": b"one"}))
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers)["a/b.html"] == b"other"


def test_only_a_strictly_newer_version_is_taken(client: wire.Client) -> None:
    publish(client, FIRST)
    for mtime in (wire.BEGIN, wire.BEGIN - 1, 0, -5):
        refused(client.select(json.dumps(wire.manifest_of({**FIRST, "x": b""}, mtime)).encode()), 409)
    assert asked(selected(client, FIRST, wire.BEGIN + 1)) == ["index.html"]  # else it had nothing to send
    publish(client, FIRST, wire.BEGIN + 1)  # nothing but the time differs
    refused(client.select(json.dumps(wire.manifest_of(FIRST, wire.BEGIN + 1)).encode()), 409)


def test_other_types_have_the_time_of_their_newest_file(tmp_path: Path) -> None:
    client = wire.Client(ask_of(handlers_at(tmp_path / "courses", file_type="rst")))
    files = {"a": b"1", "b": b"2"}
    publish(client, files)
    refused(client.select(json.dumps(wire.manifest_of({"c": b"3"})).encode()), 409)
    told = publish(client, files, wire.BEGIN + 1)
    assert len(asked(told)) == 1


BAD_MANIFESTS = {
    "no JSON": b"{",
    "nothing": b"",
    "not UTF-8": b'{"a": "\xff"}',
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
    "deep": b"[" * 100_000,
    "no entries": b"{}",
    "an entry that is a list": b'{"index.html": []}',
    "an entry that is null": b'{"index.html": null}',
    "a time that is a text": b'{"index.html": {"mtime": "5"}}',
    "a time with a fraction": b'{"index.html": {"mtime": 5.5}}',
    "a time that is true": b'{"index.html": {"mtime": true}}',
    "a time of many digits": b'{"index.html": {"mtime": ' + b"9" * 5000 + b"}}",
    "a checksum of MD5": b'{"index.html": {"mtime": 5, "checksum": "md5:d41d8cd98f00b204e9800998ecf8427e"}}',
    "a short checksum": b'{"index.html": {"mtime": 5, "checksum": "sha256:00"}}',
    "a checksum that is none": b'{"index.html": {"mtime": 5, "checksum": 5}}',
}
BAD_NAMES = [
    "", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a\\b", "..\\x", "C:x", "a\0b",
    "a\nb",     "\ud800", ".oaio/x", ".OAIO/x", "x" * 300, "a/" * 600 + "b", "aux.txt", "a.", "a ",
]  # fmt: skip


@pytest.mark.parametrize("manifest", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_what_is_no_manifest(client: wire.Client, manifest: bytes) -> None:
    refused(client.select(manifest), 400)


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_names_that_no_manifest_may_hold(client: wire.Client, tmp_path: Path, name: str) -> None:
    refused(client.select(json.dumps(wire.manifest_of({"index.html": b"", name: b"x"})).encode()), 400)
    for clash in ({"a": b"", "a/b": b""}, {"A": b"", "a": b""}, {"\xe4": b"", "a\u0308": b""}):
        refused(client.select(json.dumps(wire.manifest_of({"index.html": b"", **clash})).encode()), 400)
    assert not outside_of_state(tmp_path)


def test_too_many_entries(tmp_path: Path) -> None:
    client = wire.Client(ask_of(handlers_at(tmp_path / "courses", limits=Limits(entries=100))))
    refused(
        client.select(json.dumps(wire.manifest_of({str(number): b"" for number in range(101)})).encode()), 413
    )
    told = client.select(json.dumps(wire.manifest_of({str(number): b"" for number in range(100)})).encode())
    assert told.status == HTTPStatus.OK


def test_a_publication_is_refused_until_every_file_is_there(client: wire.Client, handlers: Handlers) -> None:
    told = selected(client, FIRST)
    part = dict(list(FIRST.items())[:2])
    sent = client.send(told["process_id"], wire.archive_of(part), last=False)
    assert sent.json["status"] == "in process - success"
    refused(client.publish(told["process_id"]), 400)
    assert handlers.site.tree(wire.COURSE).live() is None
    refused(client.send(told["process_id"], wire.archive_of(FIRST)), 409)  # it is refused for good
    refused(client.publish(told["process_id"]), 409)


def test_files_may_come_in_several_archives(client: wire.Client, handlers: Handlers) -> None:
    told = selected(client, FIRST)
    for path, content in FIRST.items():
        archive = wire.archive_of({path: content})
        for _ in range(2):  # a repeat is harmless
            assert client.send(told["process_id"], archive, last=False).status == HTTPStatus.OK
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers) == FIRST


def test_a_complete_publication_takes_nothing_more_and_may_be_published_again(
    client: wire.Client, handlers: Handlers
) -> None:
    told = selected(client, FIRST)
    client.send(told["process_id"], wire.archive_of(FIRST))
    refused(client.send(told["process_id"], wire.archive_of({"index.html": b"one"})), 409)
    chunk = {"chunk_index": 0, "chunk_size": CHUNK, "file_index": 0, "last_chunk": True}
    refused(client.chunk(told["process_id"], wire.archive_of(FIRST), **chunk), 409)
    for _ in range(2):
        assert client.publish(told["process_id"]).status == HTTPStatus.OK
    refused(client.send(told["process_id"], wire.archive_of(FIRST)), 409)
    assert len(handlers.site.tree(wire.COURSE).history()) == 1


def test_of_two_that_publish_one_wins(client: wire.Client, handlers: Handlers) -> None:
    publish(client, FIRST)
    two = [{**FIRST, "index.html": b"a"}, {**FIRST, "index.html": b"b"}]
    told = [selected(client, files, wire.BEGIN + 1) for files in two]
    for files, one in zip(two, told, strict=True):
        client.send(one["process_id"], wire.archive_of({path: files[path] for path in asked(one)}))
    assert client.publish(told[1]["process_id"]).status == HTTPStatus.OK
    refused(client.publish(told[0]["process_id"]), 409)
    assert files_live(handlers) == two[1]
    late = client.send(told[0]["process_id"], wire.archive_of({"index.html": b"a"}))
    refused(late, 409)
    assert client.publish(told[1]["process_id"]).status == HTTPStatus.OK  # a repeat


def test_what_is_unpacked_has_to_be_what_was_announced(client: wire.Client, handlers: Handlers) -> None:
    for archive in (
        wire.archive_of({**FIRST, "a/b.html": b"B"}),
        wire.archive_of({**FIRST, "a/b.html": b""}),
        wire.archive_of({**FIRST, "a/b.html": b"b\0"}),
    ):
        told = selected(client, FIRST)
        refused(client.send(told["process_id"], archive), 400)
        refused(client.publish(told["process_id"]), 409)
    assert handlers.site.tree(wire.COURSE).live() is None


def test_links_are_copies_of_what_has_their_checksum(client: wire.Client, handlers: Handlers) -> None:
    files = {"index.html": b"one", "hard": b"one", "soft": b"s", "z": b"s"}
    told = selected(client, files)
    archive = wire.tar_of(
        wire.member("./index.html", b"one"),
        wire.member("./hard", type=tarfile.LNKTYPE, linkname="./index.html"),
        wire.member("./soft", type=tarfile.SYMTYPE, linkname="/nowhere"),
        wire.member("./.hidden", type=tarfile.SYMTYPE, linkname="../.."),
        wire.member("./z", b"s"),
    )
    assert client.send(told["process_id"], archive).status == HTTPStatus.OK
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers) == files


def test_links_to_what_is_not_in_the_archive(client: wire.Client, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE):
        told = selected(client, {"index.html": b"one", "link": b"secret"})
        link = wire.member("./link", type=kind, linkname=str(tmp_path / "secret"))
        refused(client.send(told["process_id"], wire.tar_of(wire.member("index.html", b"one"), link)), 400)


def outside_of_state(folder: Path) -> dict[Path, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".oaio" not in path.parts)
    return {path: path.read_bytes() for path in found}


def test_hostile_archives_change_nothing(client: wire.Client, tmp_path: Path) -> None:
    publish(client, FIRST)
    other = attrs.evolve(client, course="other", headers=wire.bearer("other"))
    before = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and ".oaio" not in path.parts
    }
    for name in ("../x", "/x", f"../{wire.COURSE}/index.html", "a/../../x", "..", "x\\y"):
        for is_update in (False, True):
            one = client if is_update else other
            told = selected(one, {**FIRST, "index.html": b"?"}, wire.BEGIN + 1)
            archive = wire.tar_of(wire.member("index.html", b"?"), wire.member(name, b"evil"))
            refused(one.send(told["process_id"], archive), 400)
            refused(one.publish(told["process_id"]), 409)
    after = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and ".oaio" not in path.parts
    }
    assert after == before


def test_what_was_not_asked_for(client: wire.Client, handlers: Handlers) -> None:
    told = selected(client, FIRST)
    more = {**FIRST, ".git/config": b"secret", "unlisted": b"?", "files_to_update.json": b"{}"}
    assert client.send(told["process_id"], wire.archive_of(more, is_first=True)).status == HTTPStatus.OK
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers) == FIRST
    told = selected(client, {**FIRST, "index.html": b"two"}, wire.BEGIN + 1)
    refused(client.send(told["process_id"], wire.archive_of({"index.html": b"two", "a/b.html": b"b"})), 400)


@pytest.mark.parametrize(
    "process_id",
    [None, 5, "", "x", "x/../../name", "x/../default", "../..", ["a"], {"a": 1}, True, "\ud800", "0" * 32,
     "01234567-89ab-4def-8123-456789abcdef", "01234567-89AB-4DEF-8123-456789ABCDEF"],
    ids=ascii,
)  # fmt: skip
def test_processes_that_were_never_given_out(client: wire.Client, tmp_path: Path, process_id: object) -> None:
    refused(client.publish(process_id), 404)
    if isinstance(process_id, str) and process_id.isascii():
        refused(client.send(process_id, wire.archive_of(FIRST)), 404)
        chunk = {"chunk_index": 0, "chunk_size": CHUNK, "file_index": 0, "last_chunk": True}
        refused(client.chunk(process_id, wire.archive_of(FIRST), **chunk), 404)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_process_of_another_course(client: wire.Client) -> None:
    told = selected(client, FIRST)
    other = attrs.evolve(client, course="other", headers=wire.bearer("other"))
    refused(other.send(told["process_id"], wire.archive_of(FIRST)), 404)
    refused(other.publish(told["process_id"]), 404)


@pytest.mark.parametrize("course", ["..", ".", ".oaio", "a%5Cb", "%00", "con", "x" * 300])
def test_names_that_no_course_can_have(handlers: Handlers, course: str) -> None:
    client = wire.Client(ask_of(handlers), course=course)
    refused(client.select(b"{}"), 404)


def test_who_may_not(client: wire.Client) -> None:
    for headers, status in (({}, 401), (wire.bearer("other"), 403), ({"Authorization": "Bearer x"}, 401)):
        stranger = attrs.evolve(client, headers=headers)
        refused(stranger.select(b"{}"), status)
        refused(stranger.send("x", b""), status)
        refused(stranger.publish("x"), status)


def chunks_of(archive: bytes, size: int = CHUNK) -> list[tuple[int, bytes]]:
    return [(offset, archive[offset : offset + size]) for offset in range(0, len(archive), size)]


def noise(size: int) -> bytes:
    return Random(size).randbytes(size)


def sent_in_chunks(client: wire.Client, pid: str, archives: list[bytes]) -> None:
    """As the original does, the headers of the first archive's end on all that come later."""
    leaked: dict[str, object] = {}
    for number, archive in enumerate(archives):
        parts = chunks_of(archive)
        for offset, content in parts:
            if (offset, content) == parts[-1]:
                leaked["last_chunk"] = True
            if archive is archives[-1]:
                leaked["last_file"] = True
            told = client.chunk(
                pid,
                content,
                chunk_size=CHUNK,
                chunk_index=offset,
                chunk_offset=offset + len(content),
                file_index=number,
                **leaked,
            )
            assert told.status == HTTPStatus.OK, told
    assert told.json["status"] == "completed"


def test_large_files_in_chunks_with_headers_that_leak(client: wire.Client, handlers: Handlers) -> None:
    large = {"index.html": noise(20_000), "b": noise(30_000), "c": noise(9_000)}
    told = selected(client, large)
    sent_in_chunks(client, told["process_id"], [wire.archive_of({path: large[path]}) for path in large])
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers) == large


def of_length(multiple: int) -> tuple[bytes, bytes]:
    """A content whose archive is a multiple of a chunk long."""
    for size in range(8000, 20_000):
        content = noise(size)
        archive = wire.archive_of({"index.html": content})
        if len(archive) % multiple == 0:
            return content, archive
    raise AssertionError


def test_a_last_chunk_that_is_full(client: wire.Client, handlers: Handlers) -> None:
    content, archive = of_length(128)
    told = selected(client, {"index.html": content})
    for offset, part in chunks_of(archive, 128):
        done = client.chunk(
            told["process_id"],
            part,
            chunk_size=128,
            chunk_index=offset,
            file_index=0,
            last_chunk=1,
            last_file=1,
        )
    assert done.json["status"] == "completed"
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    assert files_live(handlers) == {"index.html": content}


def test_chunks_that_do_not_fit(client: wire.Client, handlers: Handlers) -> None:
    files = {"index.html": noise(20_000)}
    told = selected(client, files)
    pid = told["process_id"]
    parts = chunks_of(wire.archive_of(files))

    def send(offset: object, content: bytes, **more: object) -> wire.Told:
        told = {"chunk_index": offset, "chunk_size": CHUNK, "file_index": 0, **more}
        return client.chunk(
            pid, content, **{name: value for name, value in told.items() if value is not None}
        )

    refused(send(CHUNK, parts[1][1]), 409)  # a gap
    assert send(0, parts[0][1]).status == HTTPStatus.OK
    assert send(0, parts[0][1]).status == HTTPStatus.OK  # the same again
    refused(send(0, b"\x1f\x8b" + parts[0][1][2:-1] + b"?"), 409)  # other bytes
    refused(send(5, parts[1][1]), 409)
    refused(send(2 * CHUNK, parts[2][1]), 409)
    for odd in ("", "x", "-1", "1.5", "1e3", "\u0661".encode().decode("latin-1"), "9" * 40, None):
        refused(send(odd, parts[1][1]), 400)
        refused(send(CHUNK, parts[1][1], file_index=odd), 400, 413)
        refused(send(CHUNK, parts[1][1], chunk_size=odd), 400, 413)
    refused(send(CHUNK, parts[1][1], file_index="../0"), 400)
    refused(send(CHUNK, parts[1][1], chunk_offset=CHUNK), 400)
    refused(send(CHUNK, parts[1][1][:-1]), 400)  # short, and not the last
    refused(send(CHUNK, parts[1][1] + b"?"), 413)  # longer than it says
    refused(send(CHUNK, b"", last_chunk=1), 400)
    refused(send(0, b"--boundary", last_chunk=1, file_index=1), 400)  # a form in disguise
    for offset, content in parts[1:]:
        assert (
            send(offset, content, last_chunk=1 if (offset, content) == parts[-1] else None).status
            == HTTPStatus.OK
        )
    assert send(*parts[-1], last_chunk=1).status == HTTPStatus.OK  # the same again
    refused(send(parts[-1][0], parts[-1][1][:-1] + b"?", last_chunk=1), 409)
    assert client.publish(pid).status == HTTPStatus.OK
    assert files_live(handlers) == files


def test_a_chunked_archive_that_is_cut(client: wire.Client) -> None:
    files = {"index.html": noise(20_000)}
    told = selected(client, files)
    cut = wire.archive_of(files)[:10_000]
    for offset, content in chunks_of(cut):
        last = {"last_chunk": 1} if len(content) < CHUNK else {}
        done = client.chunk(
            told["process_id"], content, chunk_index=offset, chunk_size=CHUNK, file_index=0, **last
        )
    refused(done, 400)
    refused(client.publish(told["process_id"]), 409)


def test_forms_and_bodies_that_are_none(client: wire.Client) -> None:
    pid = selected(client, FIRST)["process_id"]
    ask, headers = client.ask, dict(client.headers)
    path = client.path("upload-files")
    form = "multipart/form-data; boundary=x"
    for content_type, body in (
        (form, b""),
        (form, b"--x--\r\n"),
        (form, b"--y\r\n"),
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=", b"--x--\r\n"),
        (form, b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'),
        (form, b"--x\r\nContent-Disposition: form-data; name=" + b"y" * 10_000 + b"\r\n\r\n\r\n--x--"),
    ):
        refused(
            ask("POST", path, headers={**headers, "Content-Type": content_type}, data=body), 400, 404, 413
        )
    for content_type in ("text/plain", "", "application/json"):
        refused(ask("POST", path, headers={**headers, "Content-Type": content_type}, data=b"x"), 415)
    archive = ("file", wire.archive_of(FIRST))
    refused(ask("POST", path, headers=headers, data={"process_id": pid}, files={"file": archive}), 400)
    odd = {"process_id": pid, "last_file": "true"}
    refused(ask("POST", path, headers=headers, data=odd, files={"file": archive}), 400)
    refused(ask("POST", path, headers=headers, data={"last_file": "True"}, files={"file": archive}), 404)
    refused(ask("POST", path, headers=headers, data={"process_id": pid}, files={"other": archive}), 400)
    long = {"process_id": pid, "last_file": "x" * 100_000}
    refused(ask("POST", path, headers=headers, data=long, files={"file": archive}), 413)
    refused(client.send(pid, gzip.compress(b"")), 400)


def test_requests_to_publish_that_are_none(client: wire.Client) -> None:
    path = client.path("publish-files")
    headers = {**client.headers, "Content-Type": "application/json"}
    for body in (b"", b"[]", b"5", b"{", b"null", b"{}", b'"x"', b"[" * 4000):
        refused(client.ask("GET", path, headers=headers, data=body), 400)
    refused(client.ask("GET", path, headers=headers, data=b"{" + b" " * 100_000), 413)
    refused(client.ask("GET", path, headers=client.headers), 415)
    refused(client.ask("PUT", path, headers=headers, data=b"{}"), 405)
    refused(client.ask("GET", client.path("select-files"), headers=headers), 405)


def test_the_handlers_read_the_rest_of_what_they_refuse(handlers: Handlers) -> None:
    from oaio_storage.file_transfer.handlers import Request  # noqa: PLC0415

    body = io.BytesIO(b"x" * 1_000_000)
    answer = handlers.answer("upload-files", wire.COURSE, Request("POST", {}, body, 1_000_000))
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert body.tell() == 1_000_000
    assert "Connection" not in answer.headers
    cut = handlers.answer("upload-files", wire.COURSE, Request("POST", {}, io.BytesIO(b"x"), 5))
    assert cut.headers["Connection"] == "close"


def test_site_files_that_are_called_like_control_files(client: wire.Client, handlers: Handlers) -> None:
    files = {"index.html": b"1", "manifest.json": b"[]", "files_to_update.json": b"{}", "temp.tar.gz": b"?"}
    publish(client, files)
    publish(client, {**files, "index.html": b"2"}, wire.BEGIN + 1)
    assert files_live(handlers) == {**files, "index.html": b"2"}


def test_a_course_whose_name_begins_with_temp(handlers: Handlers) -> None:
    client = wire.Client(ask_of(handlers), course="template", headers=wire.bearer("template"))
    told = client.select(json.dumps(wire.manifest_of(FIRST)).encode()).json
    client.send(told["process_id"], wire.archive_of(FIRST))
    assert client.publish(told["process_id"]).status == HTTPStatus.OK
    handlers.site.clean_up("template", 0)
    assert files_live(handlers, "template") == FIRST
