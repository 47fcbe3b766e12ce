"""Publications over HTTP to a site of Flask behind gunicorn, on each kind of host."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import requests
from file_transfer import wire
from file_transfer.original_client import OriginalClient, RefusedError
from file_transfer.servers import Gunicorn

FILES = {"index.html": b"one", "a/b.html": b"b", "a/ü c.txt": b"c" * 5000, ".hidden": b"?"}


@pytest.fixture
def course() -> str:
    return f"course-{uuid4().hex[:8]}"


def written(folder: Path, files: wire.Files, mtime: int) -> Path:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, ns=(mtime, mtime))
    return folder


def original(site: Gunicorn, course: str, folder: Path) -> OriginalClient:
    return OriginalClient(
        api=site.url, course=course, token=wire.token(course), process_file=folder / "process.json"
    )


def seen(site: Gunicorn, course: str, path: str = "") -> requests.Response:
    return requests.get(f"{site.url}sites/{course}/{path}", timeout=60)


def test_the_original_client(site: Gunicorn, course: str, tmp_path: Path) -> None:
    client = original(site, course, tmp_path)
    assert seen(site, course).status_code == 404
    folder = written(tmp_path / "public", FILES, wire.BEGIN)
    (folder / "hard.html").hardlink_to(folder / "index.html")
    (folder / "soft.html").symlink_to("a/b.html")
    client.upload(folder)
    assert seen(site, course).status_code == 404
    client.publish()
    assert seen(site, course).content == b"one"
    assert seen(site, course, "a/%C3%BC%20c.txt").content == FILES["a/ü c.txt"]
    assert seen(site, course, "hard.html").content == b"one"
    assert seen(site, course, "soft.html").content == b"b"
    assert seen(site, course, ".hidden").status_code == 404
    with pytest.raises(RefusedError, match="409"):
        client.upload(folder)
    written(folder, {"index.html": b"two", "new/x": b"x"}, wire.BEGIN + 1)
    (folder / "a/b.html").unlink()
    (folder / "soft.html").unlink()
    client.upload(folder)
    assert seen(site, course).content == b"one"
    client.publish()
    assert seen(site, course).content == b"two"
    assert seen(site, course, "new/x").content == b"x"
    assert seen(site, course, "a/b.html").status_code == 404


def test_large_files_of_the_original_client(site: Gunicorn, course: str, tmp_path: Path) -> None:
    client = original(site, course, tmp_path)
    client.big, client.chunk = 300_000, 1 << 17
    folder = written(tmp_path / "public", FILES, wire.BEGIN)
    client.upload(folder)
    client.publish()
    large = {f"{number}.bin": Random(number).randbytes(400_000 + number * 150_000) for number in range(3)}
    written(folder, {**large, "index.html": b"two"}, wire.BEGIN + 1)
    client.upload(folder)
    client.publish()
    for path, content in large.items():
        assert seen(site, course, path).content == content
    assert seen(site, course).content == b"two"


def test_of_two_publishers_at_once_one_wins(site: Gunicorn, course: str) -> None:
    def published(files: wire.Files) -> bytes | None:
        client = wire.Client(site.ask, course, wire.bearer(course))
        told = client.select(json.dumps(wire.manifest_of(files)).encode())
        if told.status != 200:
            assert told.status == 409, told
            return None
        pid = told.json["process_id"]
        sent = client.send(pid, wire.archive_of(files, is_first=True))
        done = client.publish(pid) if sent.status == 200 else sent
        assert done.status in (200, 409), done
        return files["index.html"] if done.status == 200 else None

    many = [{"index.html": b"%d" % number, "same": b"s"} for number in range(4)]
    with ThreadPoolExecutor(len(many)) as threads:
        won = [content for content in threads.map(published, many) if content is not None]
    assert won, "nobody published"
    assert seen(site, course).content in won
    if len(won) > 1:  # whoever began after the first one was live was told that it exists
        assert len({*won}) == len(won)


def test_many_workers_take_the_parts_of_one_publication(site: Gunicorn, course: str) -> None:
    client = wire.Client(site.ask, course, wire.bearer(course))
    files = {"index.html": b"front", **{f"{number}.txt": b"%d" % number * 100 for number in range(12)}}
    told = client.select(json.dumps(wire.manifest_of(files)).encode()).json

    def sent(path: str) -> int:
        return client.send(told["process_id"], wire.archive_of({path: files[path]}), last=False).status

    with ThreadPoolExecutor(4) as threads:
        assert {*threads.map(sent, files)} == {200}
    done = client.publish(told["process_id"])
    assert done.status == 200, done
    generation = done.json["generation"]
    for path, content in files.items():
        assert seen(site, course, path).content == content
        assert seen(site, course, f"@{generation}/{path}").content == content
    assert seen(site, course, "@00000000000000000000000000000000/index.html").status_code == 404
    assert seen(site, course, "@../index.html").status_code == 404
