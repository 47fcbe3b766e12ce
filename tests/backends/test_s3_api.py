"""What S3Api does beyond the contract, on SeaweedFS: headers, parts, batches, forks, addresses."""

import hashlib
import io
import os
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any, cast

import pytest
from backends.s3_proxy import Asked, Reply, proxy_of
from seaweed import SECRET, Weed

from oaio_storage.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    InvalidArgument,
    NotFound,
    NotGuaranteed,
    OaioError,
    TooLarge,
)
from oaio_storage.hosts import Absent, CshApi, host_api
from oaio_storage.testing.host_contract.contents import generated
from oaio_storage_s3 import S3Api, api, multipart
from oaio_storage_s3.multipart import PART, part_sizes


@pytest.fixture
def options(weed: Weed) -> dict[str, Any]:
    return weed.options(weed.bucket, weed.new_prefix())


@pytest.fixture
def host(options: dict[str, Any]) -> S3Api:
    return S3Api(**options)


def head(weed: Weed, host: S3Api, path: str) -> dict[str, Any]:
    found: dict[str, Any] = weed.raw.head_object(Bucket=host.bucket, Key=host.key(path))
    return found


@pytest.mark.parametrize("size", [10, PART + 1])
def test_headers_go_with_the_file_and_its_copies(
    weed: Weed, host: S3Api, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Content-Type": "text/css", "cache-control": "max-age=9", "x-amz-meta-From": "us"}
    monkeypatch.setattr(api, "COPY_LIMIT", 100)
    host.write("file", bytes(size), headers=headers)
    host.copy("file", "copied")
    for path in ("file", "copied"):
        seen = head(weed, host, path)
        assert (seen["ContentType"], seen["CacheControl"]) == ("text/css", "max-age=9")
        assert {name.lower(): text for name, text in seen["Metadata"].items()} == {"from": "us"}
    with pytest.raises(NotGuaranteed):
        host.write("file", b"", headers={"Set-Cookie": "x"})
    with pytest.raises(InvalidArgument):
        host.write("file", b"", headers={"Content-Type": "text/css\n"})


def test_copies_above_the_limit_of_one_request_go_in_parts(
    weed: Weed, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "COPY_LIMIT", PART)
    monkeypatch.setattr(multipart, "COPY_PART", PART)
    content = os.urandom(2 * PART + 17)
    with proxy_of(weed.endpoint) as proxy:
        host = S3Api(**options | {"endpoint": proxy.endpoint})
        host.write("file", content)
        proxy.asked.clear()
        assert host.copy("file", "folder/copied").size == len(content)
        assert sum("partNumber" in asked.path for asked in proxy.asked) == 3
        assert not any(asked.method == "GET" for asked in proxy.asked)
    assert host.read("folder/copied") == content


def test_large_files_under_conditions(host: S3Api) -> None:
    one, two = os.urandom(PART + 1), os.urandom(2 * PART + 1)
    first = host.write("file", io.BytesIO(one), expect=Absent).version
    for expect, error in ((Absent, AlreadyExists), ('"stale"', Changed)):
        with pytest.raises(error):
            host.write("file", two, expect=expect)
    assert host.read("file") == one
    second = host.write("file", two, expect=first)
    assert second.version == host.stat("file").version != first
    assert (second.size, host.read("file")) == (len(two), two)
    assert host.clean_up(0) == 0


def test_an_upload_that_was_cut_off_is_cleaned_up_by_age(weed: Weed, host: S3Api) -> None:
    for path in ("a", "b/c"):
        weed.raw.create_multipart_upload(Bucket=host.bucket, Key=host.key(path))
    weed.raw.create_multipart_upload(Bucket=host.bucket, Key=f"{host.prefix}-neighbour/x")
    assert host.clean_up(3600) == 0
    assert host.clean_up(0) == 2
    assert host.clean_up(0) == 0
    left = weed.raw.list_multipart_uploads(Bucket=host.bucket, Prefix=f"{host.prefix}-neighbour")
    assert len(left["Uploads"]) == 1


TERA, MOST = 1 << 40, 10_000 * (5 << 30)


def test_parts_of_any_size_fit_into_ten_thousand() -> None:
    for size in (1, PART, 10_000 * PART, 10_000 * PART + 1, 5 * TERA, MOST):
        sizes = part_sizes(size)
        assert 5 << 30 >= next(sizes) >= size / 10_000
    with pytest.raises(TooLarge):
        next(part_sizes(MOST + 1))
    unknown = part_sizes(None)
    assert sum(next(unknown) for _ in range(10_000)) > 5 * TERA
    with pytest.raises(TooLarge):
        next(unknown)


@pytest.mark.parametrize("is_known", [False, True])
def test_parts_too_large_for_the_memory_wait_on_the_disk(
    host: S3Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    monkeypatch.setattr(multipart, "HELD", PART - 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = os.urandom(2 * PART + 17)
    stored = host.write("file", io.BytesIO(content), size=len(content) if is_known else None)
    assert stored.size == len(content)
    assert host.read("file") == content
    with pytest.raises(Corrupt):
        host.write("file", io.BytesIO(content), size=len(content) + 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OaioError):
        host.write("file", io.BytesIO(content[::-1]))
    assert host.read("file") == content
    assert list(tmp_path.iterdir()) == []
    assert all(host._rooms.take_free() for _ in range(multipart.ROOMS))
    assert host.clean_up(0) == 0


def test_many_files_are_deleted_in_batches_exactly(weed: Weed, options: dict[str, Any]) -> None:
    names = [f"f/{number}" for number in range(60)] + ["*", "x[1]", "f/&<>\"'"]
    with proxy_of(weed.endpoint) as proxy:
        host = host_api("S3", **options | {"endpoint": proxy.endpoint})
        for name in (*names, "x1", "kept"):
            host.write(name, b"x")
        proxy.asked.clear()
        assert host.delete_files([*names, "absent"]).done == (*names, "absent")
        assert proxy.methods() == {"POST": 1}
    assert sorted(found.path for found in S3Api(**options).list()) == ["kept", "x1"]


def test_signed_addresses(weed: Weed, options: dict[str, Any]) -> None:
    with proxy_of(weed.endpoint) as proxy:
        host = S3Api(**options, public_endpoint=proxy.endpoint)
        for path in ("file", "odd #%41 é?.txt"):
            host.write(path, b"content")
            url = host.sign_url(path, 60)
            assert url.startswith(proxy.endpoint)
            assert SECRET not in url
    local = S3Api(**options).sign_url("file", 60)
    assert urllib.request.urlopen(local, timeout=20).read() == b"content"
    with pytest.raises(InvalidArgument, match="week"):
        host.sign_url("file", 8 * 24 * 3600)
    with pytest.raises(NotGuaranteed):
        S3Api("bucket", anonymous=True).sign_url("file", 60)


def test_both_sides_of_a_fork_go_on(host: S3Api) -> None:
    content = os.urandom(PART + 5)
    host.write("file", content)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            host.write("from the child", b"small")
            host.write("large from the child", content)
            host.delete("file", expect=host.stat("file").version)
            is_same = host.read("large from the child") == content and len(list(host.list())) == 2
            os.write(writing, b"fine" if is_same else b"other content")
        except BaseException as err:  # noqa: BLE001 - told to the parent
            os.write(writing, repr(err).encode()[:1000])
        finally:
            os._exit(0)
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 1000) == b"fine"
    os.close(reading)
    assert host.read("from the child") == b"small"
    with pytest.raises(NotFound):
        host.stat("file")


def test_a_host_is_used_by_many_threads_and_closed_twice(host: S3Api) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        content = b"%d" % number * 1000
        for _ in range(5):
            host.write(f"{number}", content)
            if (seen := host.read(f"{number}")) != content:
                wrong.append(seen)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    host.close()
    host.close()


def test_keys_that_no_path_can_have_are_left_alone(weed: Weed, host: S3Api) -> None:
    odd = ["a//b", "folder/", "ctl\x01x", "new\nline", "sp ", "back\\slash", "CON", "good"]
    for name in odd:
        weed.raw.put_object(Bucket=host.bucket, Key=f"{host.prefix}/{name}", Body=b"x")
    before = sorted(weed.keys(host.bucket, f"{host.prefix}/"))
    assert [found.path for found in host.list() if "/" not in found.path] == ["good"]
    host.delete_files(["good"])
    assert sorted(weed.keys(host.bucket, f"{host.prefix}/")) == [key for key in before if key[-4:] != "good"]


def test_a_bucket_that_keeps_old_versions(weed: Weed) -> None:
    bucket = weed.new_bucket()
    weed.raw.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    host = S3Api(**weed.options(bucket))
    first = host.write("file", b"one", expect=Absent).version
    second = host.write("file", b"two", expect=first).version
    host.delete("file", expect=second)
    for call in (host.read, host.stat, host.open):
        with pytest.raises(NotFound):
            call("file")
    assert list(host.list()) == []
    host.delete("file")
    host.delete("file", expect=second)
    with pytest.raises(Changed):
        host.write("file", b"three", expect=second)
    assert host.write("file", b"three", expect=Absent).size == 5
    assert host.read("file") == b"three"


def test_the_filesystem_face_shares_nothing_and_keeps_no_listings(host: S3Api) -> None:
    one, other = host.filesystem, host.filesystem
    assert one is not other
    root = f"{host.bucket}/{host.prefix}"
    host.write("folder/a", b"x")
    assert [name.rpartition("/")[2] for name in one.ls(f"{root}/folder")] == ["a"]
    other.pipe_file(f"{root}/folder/b", b"y")
    assert len(one.ls(f"{root}/folder")) == 2
    assert host.read("folder/b") == b"y"


def test_memory_is_bounded_for_streams_of_unknown_size(host: S3Api) -> None:
    import tracemalloc  # noqa: PLC0415 - for this test alone

    host.write("warm", generated(PART + 1), size=PART + 1)
    size = 100 << 20
    tracemalloc.start()
    try:
        host.write("file", cast("io.BytesIO", generated(size)))
        with host.open("file") as stream:
            digest = hashlib.sha256()
            while piece := stream.read(1 << 20):
                digest.update(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert host.stat("file").size == size
    assert peak < 64 << 20


def test_memory_is_bounded_for_many_large_files_at_once(host: S3Api, tmp_path: Path) -> None:
    import tracemalloc  # noqa: PLC0415 - as above

    host.write("warm", generated(PART + 1), size=PART + 1)
    local = tmp_path / "local"
    local.write_bytes(bytes(PART + (1 << 20)))
    tracemalloc.start()
    try:
        host.put_files((f"{number}", local) for number in range(12))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20
    assert all(host._rooms.take_free() for _ in range(multipart.ROOMS))


def test_parts_that_find_no_memory_go_by_the_disk(host: S3Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "PATIENCE", 0.01)
    for _ in range(multipart.ROOMS):
        host._rooms.take()
    spooled: list[object] = []
    make = tempfile.TemporaryFile

    def noting() -> object:
        spooled.append(make())
        return spooled[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noting)
    content = os.urandom(PART + 17)
    for sent in (content, content[: PART // 2]):
        host.write("file", io.BytesIO(sent))
        assert host.read("file") == sent
    assert len(spooled) == 4  # two parts, and the end of the stream; one file that is no larger than a part


def test_a_fork_has_memory_for_parts_whatever_its_parent_moves() -> None:
    rooms = multipart.Rooms()
    for _ in range(multipart.ROOMS):
        rooms.take()
    pid = os.fork()
    if not pid:
        os._exit(0 if rooms.take_free() else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert rooms.take_free() is None


def test_encryption_and_storage_class_are_asked_for(options: dict[str, Any], weed: Weed) -> None:
    host = S3Api(**options, storage_class="STANDARD_IA")
    stored: CshApi = host
    stored.write("file", b"x")
    stored.write("large", bytes(PART + 1))
    stored.copy("file", "copied")
    assert {head(weed, host, path).get("StorageClass") for path in ("file", "large", "copied")} == {
        "STANDARD_IA"
    }


STARTED = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
DONE = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
COPIED = b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>"


def _taken(asked: Asked) -> Reply:
    """What a server says that takes every upload."""
    if asked.method == "POST":
        return Reply(200, STARTED if "uploads" in asked.path else DONE)
    seen = {"ETag": '"x"', "Last-Modified": "Tue, 24 Nov 2026 19:48:47 GMT"}
    return Reply(200, COPIED if asked.path.endswith("/copied") else b"", seen)


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms", "aws:kms:dsse"])
def test_what_is_stored_is_sent_with_encryption_and_storage_class(
    weed: Weed, options: dict[str, Any], encryption: str
) -> None:
    key_id = "" if encryption == "AES256" else "arn:aws:kms:eu-central-1:1:key/2"
    wanted = {"x-amz-server-side-encryption": encryption, "x-amz-storage-class": "STANDARD_IA"}
    wanted |= {"x-amz-server-side-encryption-aws-kms-key-id": key_id} if key_id else {}
    with proxy_of(weed.endpoint) as proxy:
        proxy.rule = _taken
        chosen = {"encryption": encryption, "encryption_key": key_id, "storage_class": "STANDARD_IA"}
        host = S3Api(**options | chosen | {"endpoint": proxy.endpoint})
        host.write("file", b"x", headers={"Content-Type": "text/css"})
        host.write("large", bytes(PART + 1))
        host.copy("file", "copied")
        creating = [
            asked
            for asked in proxy.asked
            if (asked.method == "PUT" and "partNumber" not in asked.path) or asked.path.endswith("?uploads")
        ]
    assert len(creating) == 3
    for asked in creating:
        sent = {name.lower(): text for name, text in asked.headers.items()}
        assert wanted.items() <= sent.items()
