"""What is asked of a bucket for one file: by obstore, or by botocore where obstore can't be used."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import attrs

from oaio_storage.errors import BadAnswer, NotGuaranteed
from oaio_storage.hosts.guarantees import Absent, Expect
from oaio_storage_s3.answers import answer_of
from oaio_storage_s3.clients import Clients, is_fast
from oaio_storage_s3.options import check_sendable

ARGUMENTS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
}
"""The headers that a bucket keeps with a file, and what botocore calls them."""

META = "x-amz-meta-"
_NO_CONTENT, _NO_SUCH_RANGE = 204, 416
AT_LEAST = 1 << 17
"""Bytes of a piece of a stream, but for the last."""


@attrs.frozen
class Meta:
    """What a bucket says of one file: its size in bytes, its ETag, and its time in nanoseconds since 1970."""

    size: int
    etag: str
    mtime: int = 0


class Store(Protocol):
    """One request each; what the library raises passes."""

    def put(self, key: str, content: bytes, expect: Expect, headers: Mapping[str, str]) -> str:
        """Store ``content``; its ETag."""

    def get(self, key: str, start: int, end: int | None, etag: str | None) -> tuple[memoryview, Meta]:
        """A range, if the file has this ETag; empty beyond its end."""

    def stream(self, key: str, start: int, end: int, etag: str) -> Iterator[bytes]:
        """A range in pieces as they come, if the file has this ETag."""

    def head(self, key: str) -> Meta:
        """What is told of a file."""

    def delete(self, keys: list[str]) -> None:
        """Remove exactly these; the absent, too."""


def store_of(clients: Clients) -> Store:
    """Obstore's, but in a fork of a process that used it."""
    return FastStore(clients) if is_fast() else PlainStore(clients)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """``headers`` with names in lower case.

    Raises:
        NotGuaranteed: a bucket does not keep one of them.
        InvalidArgument: one can't be sent.
    """
    lowered = {name.lower(): text for name, text in headers.items()}
    for name, text in lowered.items():
        check_sendable(f"the header {name[:80]!r}", text)
        if name not in ARGUMENTS and not name.startswith(META):
            raise NotGuaranteed(f"a bucket keeps no header {name[:80]!r} with a file", "Leave it out.")
    return lowered


def metered(size: int | None, etag: str | None, modified: datetime | None) -> Meta:
    """What was told of a file.

    Raises:
        BadAnswer: there is no ETag, so no server of S3 answered.
    """
    if not etag or size is None:
        raise BadAnswer("the answer has no ETag, so it is none of S3", "Check the endpoint, and proxies.")
    return Meta(size, etag, int(modified.timestamp() * 1e9) if modified else 0)


@attrs.frozen(eq=False)
class FastStore:
    """By obstore: without the interpreter's lock, and with few steps of Python."""

    clients: Clients

    def put(self, key: str, content: bytes, expect: Expect, headers: Mapping[str, str]) -> str:
        """As a store."""
        import obstore  # noqa: PLC0415 - not needed to configure a host

        names = {name: name.removeprefix(META) for name in headers}
        attributes = {
            "-".join(map(str.title, names[name].split("-"))) if name in ARGUMENTS else names[name]: text
            for name, text in headers.items()
        }
        if storage_class := self.clients.options.storage_class:
            attributes["Storage-Class"] = storage_class
        mode: Any = "overwrite"
        if expect is not None:
            mode = "create" if expect is Absent else {"e_tag": expect}
        done = obstore.put(
            self.clients.store, key, content, attributes=attributes or None, mode=mode, use_multipart=False
        )
        return metered(len(content), done["e_tag"], None).etag

    def get(self, key: str, start: int, end: int | None, etag: str | None) -> tuple[memoryview, Meta]:
        """As a store."""
        import obstore  # noqa: PLC0415 - same

        options: Any = {"if_match": etag} if etag else {}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)
        try:
            got = obstore.get(self.clients.store, key, options=options)
        except obstore.exceptions.BaseError as err:
            if _is_beyond(err):
                return memoryview(b""), Meta(0, etag or "")
            raise
        meta = metered(got.meta["size"], got.meta["e_tag"], got.meta["last_modified"])
        return memoryview(got.bytes()), meta

    def stream(self, key: str, start: int, end: int, etag: str) -> Iterator[bytes]:
        """As a store."""
        import obstore  # noqa: PLC0415 - same

        options: Any = {"if_match": etag, "range": (start, end)}
        yield from obstore.get(self.clients.store, key, options=options).stream(AT_LEAST)

    def head(self, key: str) -> Meta:
        """As a store."""
        import obstore  # noqa: PLC0415 - same

        told = obstore.head(self.clients.store, key)
        return metered(told["size"], told["e_tag"], told["last_modified"])

    def delete(self, keys: list[str]) -> None:
        """As a store."""
        import obstore  # noqa: PLC0415 - same

        obstore.delete(self.clients.store, keys)


@attrs.frozen(eq=False)
class PlainStore:
    """By botocore."""

    clients: Clients

    def put(self, key: str, content: bytes, expect: Expect, headers: Mapping[str, str]) -> str:
        """As a store."""
        done = self.clients.client.put_object(
            **_place(self.clients, key),
            **condition(expect),
            **stored_with(self.clients, headers),
            Body=content,
        )
        return metered(len(content), done.get("ETag"), None).etag

    def get(self, key: str, start: int, end: int | None, etag: str | None) -> tuple[memoryview, Meta]:
        """As a store."""
        wanted = {"IfMatch": etag} if etag else {}
        if start or end is not None:
            wanted["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            got = self.clients.client.get_object(**_place(self.clients, key), **wanted)
            content = got["Body"].read()
        except Exception as err:
            if _is_beyond(err):
                return memoryview(b""), Meta(0, etag or "")
            raise
        size = str(got.get("ContentRange", "")).rpartition("/")[2] or str(len(content))
        return memoryview(content), metered(int(size), got.get("ETag"), got.get("LastModified"))

    def stream(self, key: str, start: int, end: int, etag: str) -> Iterator[bytes]:
        """As a store."""
        wanted = {"IfMatch": etag, "Range": f"bytes={start}-{end - 1}"}
        got = self.clients.client.get_object(**_place(self.clients, key), **wanted)
        with contextlib.closing(got["Body"]) as content:
            yield from content.iter_chunks(AT_LEAST)

    def head(self, key: str) -> Meta:
        """As a store."""
        told = self.clients.client.head_object(**_place(self.clients, key))
        return metered(told.get("ContentLength"), told.get("ETag"), told.get("LastModified"))

    def delete(self, keys: list[str]) -> None:
        """As a store."""
        for key in keys:
            delete_one(self.clients, key)


def delete_one(clients: Clients, key: str, etag: str | None = None) -> None:
    """Remove a file by botocore, if it has this ETag; the absent, too.

    Raises:
        BadAnswer: what answered is no server of S3, so the outcome is not known.
    """
    wanted = {"IfMatch": etag} if etag else {}
    done = clients.client.delete_object(**_place(clients, key), **wanted)
    if done["ResponseMetadata"]["HTTPStatusCode"] != _NO_CONTENT:
        raise BadAnswer(
            f"{key!r}: to a deletion no server of S3 answers with a page, so it may be there still",
            "Check the endpoint, and proxies; then read, and decide.",
        )


def _place(clients: Clients, key: str) -> dict[str, str]:
    return {"Bucket": clients.options.bucket, "Key": key}


def _is_beyond(err: Exception) -> bool:
    answer = answer_of(err)
    return answer is not None and answer.status == _NO_SUCH_RANGE


def condition(expect: Expect) -> dict[str, str]:
    """``expect`` as botocore takes it."""
    if expect is None:
        return {}
    return {"IfNoneMatch": "*"} if expect is Absent else {"IfMatch": str(expect)}


def stored_with(clients: Clients, headers: Mapping[str, str]) -> dict[str, Any]:
    """What goes with a new file, as botocore takes it: its headers, encryption and storage class."""
    options = clients.options
    given: dict[str, Any] = {ARGUMENTS[name]: text for name, text in headers.items() if name in ARGUMENTS}
    meta = {name.removeprefix(META): text for name, text in headers.items() if name.startswith(META)}
    chosen = {
        "Metadata": meta,
        "ServerSideEncryption": options.encryption,
        "SSEKMSKeyId": options.encryption_key,
        "StorageClass": options.storage_class,
    }
    return given | {name: value for name, value in chosen.items() if value}
