"""A bucket of S3 as a storage host."""

import email.utils
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, ClassVar

import attrs

from oaio_storage.errors import (
    AlreadyExists,
    BadAnswer,
    Busy,
    Changed,
    InvalidArgument,
    InvalidName,
    NotFound,
    OaioError,
)
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.foreign import OS_ERRORS, ForeignErrors
from oaio_storage.hosts.guarantees import Absent, Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE
from oaio_storage_s3 import options as parsing
from oaio_storage_s3.answers import Answer, answer_of, error_for, required, told_for
from oaio_storage_s3.clients import CONNECTIONS, Clients
from oaio_storage_s3.filesystem import filesystem_of
from oaio_storage_s3.multipart import PART, Multipart, Part, Rooms, parts_of, read_exactly
from oaio_storage_s3.options import S3Options
from oaio_storage_s3.reading import FIRST, Ahead
from oaio_storage_s3.store import Meta, checked_headers, delete_one, store_of, stored_with

COPY_LIMIT = 5 << 30
"""Bytes that a server copies in one request."""

MAX_KEY_BYTES = 1024
MAX_DELETED = 1000
MAX_SIGNED_SECONDS = 7 * 24 * 3600
_ABSENT, _CONFLICT, _UNMET = 404, 409, 412
_MUTE = (301, 400, 403, 404)
"""What HEAD answers without a reason, which GET tells."""


@attrs.frozen(eq=False)
class S3Api(S3Options, CshApi):
    """A bucket, or the part of it below a prefix, as a host: plain objects under their literal names.

    A file's version is its ETag. Conditions are decided by the server (If-None-Match, If-Match); that it
    keeps them is what the probe tests. A small file is one request, whatever is there; a larger one goes in
    parts, of which nothing is seen before all are there, and those of uploads that were cut off are removed
    by ``clean_up``. A bucket has no folders: it may hold ``a`` and ``a/b``. Keys that no path can have are
    left alone. Nothing is tried again here. Works on both sides of a fork.

    Attributes:
        bucket: name of the bucket; it has to exist.
        prefix: folder in the bucket that is the root; empty: the whole bucket.
        endpoint: address of the server; empty: AWS_ENDPOINT_URL, else Amazon's of the region.
        public_endpoint: address of the server for signed addresses, where others reach it by another one.
        region: of the bucket; empty: AWS_REGION, else us-east-1.
        addressing: whether the bucket stands in the path or is a part of the server's name; auto: in the path
            where there is an endpoint.
        access_key_id: the access key; empty: a profile, or what the environment has.
        secret_access_key: the secret key that goes with it.
        session_token: the token of temporary keys.
        profile: name of the profile in the files of AWS that has the keys.
        anonymous: ask without keys.
        encryption: how the server encrypts what is stored; empty: as the bucket says.
        encryption_key: id of the key of KMS for that.
        storage_class: of what is stored; empty: the bucket's.
        connect_timeout: seconds after which a server that does not listen is given up.
        timeout: seconds after which a request without an answer is given up.
    """

    _clients: Clients = attrs.field(init=False, repr=False)
    _rooms: Rooms = attrs.field(factory=Rooms, init=False, repr=False)
    _seen: list[bool] = attrs.field(factory=list, init=False, repr=False)

    foreign_errors: ClassVar[ForeignErrors] = OS_ERRORS
    arguments_of_url = staticmethod(parsing.arguments_of_url)
    arguments_below = staticmethod(parsing.arguments_below)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_clients", Clients(self))

    @property
    def guarantees(self) -> Guarantees:
        """What every server of S3 keeps; that a loss of power costs nothing is known of Amazon's alone."""
        return Guarantees(
            atomic_write=True,
            durable=not self.endpoint_used,
            conditional_write=True,
            strong_version=True,
            server_copy=True,
            signed_urls=not self.anonymous,
            case_sensitive=True,
            unicode_exact=True,
            flat_names=True,
            visibility_delay=0.0,
        )

    @property
    def filesystem(self) -> Any:  # noqa: ANN401 - s3fs has no types
        """The bucket as an s3fs filesystem of its own without caches; its paths begin with the bucket."""
        return filesystem_of(self)

    def close(self) -> None:
        """Let the connections of this process go."""
        self._clients.close()

    # ---- reading

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        if end is not None and end <= start:
            seen = self._stat(path)
            if version not in (None, seen.version):
                raise Changed(f"{path!r} has another version")
            return b""
        return self._got(path, start, end, version)[0].tobytes()

    def _got(self, path: str, start: int, end: int | None, version: str | None) -> tuple[memoryview, Meta]:
        with self._telling("read", path):
            return store_of(self._clients).get(self._key(path), start, end, version)

    def _stat(self, path: str) -> Stat:
        meta = self._head(path)
        return Stat(path, meta.size, meta.etag, mtime=meta.mtime)

    def _head(self, path: str) -> Meta:
        """What HEAD tells; where it tells no reason, GET is asked for it."""
        try:
            meta = store_of(self._clients).head(self._key(path))
        except Exception as err:
            answer = answer_of(err)
            if answer is not None and answer.status in _MUTE and not answer.is_told:
                if answer.status != _ABSENT or not self._seen:
                    self._got(path, 0, 1, None)
                answer = Answer(answer.status, "NoSuchKey" if answer.status == _ABSENT else "")
            if answer is None:
                raise
            raise error_for(answer, self._failed("look at", path), is_change=False) from err
        self._note()
        return meta

    def _open(self, path: str) -> io.RawIOBase:
        first, meta = self._got(path, 0, FIRST, None)
        size = meta.size if first else 0

        def stream(start: int, end: int) -> Iterator[bytes]:
            with self._only_ours("read", path), self._telling("read", path):
                yield from store_of(self._clients).stream(self._key(path), start, end, meta.etag)

        return Ahead(stream, size, first, self._rooms)

    def _list(self, folder: str) -> Iterator[Stat]:
        prefix = self._key(folder)
        asked: dict[str, str] = {"Bucket": self.bucket, "Prefix": f"{prefix}/" if prefix else ""}
        while asked:
            with self._telling("list", folder):
                page = self._clients.client.list_objects_v2(**asked)
                required(page, "IsTruncated")
            for found in page.get("Contents", ()):
                mtime = int(found["LastModified"].timestamp() * 1e9)
                yield Stat(self.path(found["Key"]), found["Size"], found["ETag"], mtime=mtime)
            token = page.get("NextContinuationToken") if page["IsTruncated"] else None
            asked = asked | {"ContinuationToken": token} if token else {}

    # ---- changing

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        kept, key = checked_headers(headers), self._key(path)
        # a file that was announced as empty is asked for a byte, too: it may have some
        begun = read_exactly(source, PIECE if size is None or size >= PIECE else max(size, 1))
        if len(begun) < PIECE:
            return self._put(path, begun, expect, kept)
        parts = parts_of(source, size, self._rooms, begun)
        del begun  # the first part has it
        with closing(next(parts)) as first:
            if first.size < PART or first.size == size:
                return self._put(path, first.body.read(), expect, kept)
            if expect is not None and self._found(path) != expect:  # before all is sent for nothing
                raise _lost(path, expect)
            counted = [0]
            sent = _counted(chain([first], parts), counted)
            send = partial(Multipart(self._clients, self._rooms).send, key, sent, expect, kept)
            etag = self._decided(path, expect, send)
        return Stat(path, counted[0], etag)

    def _put(self, path: str, content: bytes, expect: Expect, headers: Mapping[str, str]) -> Stat:
        put = partial(store_of(self._clients).put, self._key(path), content, expect, headers)
        return Stat(path, len(content), self._decided(path, expect, put))

    def _decided(self, path: str, expect: Expect, write: Callable[[], str]) -> str:
        """What ``write`` answers; where its condition does not hold, or may not, the error that says so."""
        try:
            etag = write()
        except Exception as err:
            answer = answer_of(err)
            if answer is None:
                raise
            if expect is not None and (
                answer.status == _UNMET or (answer.status == _ABSENT and answer.code == "NoSuchKey")
            ):
                raise _lost(path, expect) from err
            if expect is not None and answer.status == _CONFLICT:
                raise self._after_conflict(path, expect) from err
            raise error_for(answer, self._failed("write", path), is_change=True) from err
        self._note()
        return etag

    def _after_conflict(self, path: str, expect: Expect) -> OaioError:
        """Who came at the same time as a write or deletion, as far as that can be seen."""
        return _lost(path, expect) if self._found(path) != expect else _at_the_same_time(path)

    def _found(self, path: str) -> Expect:
        """The version that is there, or Absent."""
        try:
            return self._head(path).etag
        except NotFound:
            return Absent

    def _copy(self, source: str, target: str) -> Stat:
        seen = self._head(source)
        self._key(target)
        kept = stored_with(self._clients, {})
        with self._telling("copy", source, is_change=True):
            try:
                etag = self._copied(source, target, seen, kept)
            except Exception as err:
                answer = answer_of(err)
                if answer is not None and answer.status == _UNMET:
                    raise Busy(f"{source!r} was replaced while it was copied") from err
                raise
        return Stat(target, seen.size, etag)

    def _copied(self, source: str, target: str, seen: Meta, kept: Mapping[str, Any]) -> str:
        client, key = self._clients.client, self._key(source)
        if seen.size > COPY_LIMIT:
            told = client.head_object(Bucket=self.bucket, Key=key, IfMatch=seen.etag)
            names = (
                "CacheControl",
                "ContentDisposition",
                "ContentEncoding",
                "ContentLanguage",
                "ContentType",
            )
            headers = {name: told[name] for name in (*names, "Metadata") if told.get(name)}
            return Multipart(self._clients, self._rooms).copy(
                key, self._key(target), seen, {**headers, **kept}
            )
        done = client.copy_object(
            Bucket=self.bucket,
            Key=self._key(target),
            CopySource={"Bucket": self.bucket, "Key": key},
            CopySourceIfMatch=seen.etag,
            **kept,
        )
        return str(required(done.get("CopyObjectResult", {}), "ETag"))

    def _delete(self, path: str, expect: str | None) -> None:
        if expect is None:
            with self._telling("delete", path, is_change=True):
                store_of(self._clients).delete([self._key(path)])
            return
        try:
            delete_one(self._clients, self._key(path), expect)
        except BadAnswer as err:  # whether something was deleted is not known
            self._settle_deletion(path, expect, err)
        except Exception as err:
            answer = answer_of(err)
            if answer is None:
                raise
            if answer.status in (_UNMET, _CONFLICT) or answer.code == "NoSuchKey":
                undecided = _at_the_same_time(path) if answer.status == _CONFLICT else _lost(path, expect)
                self._settle_deletion(path, expect, undecided)
                return
            raise error_for(answer, self._failed("delete", path), is_change=True) from err
        self._note()

    @property
    def moved_at_once(self) -> int:
        """As many as take the time of the server, whose answers are waited for."""
        return CONNECTIONS

    @property
    def deleted_at_once(self) -> int:
        """As many keys as one request may name."""
        return MAX_DELETED

    def _delete_batch(self, paths: Iterable[str]) -> None:
        with self._telling("delete", "several files", is_change=True):
            store_of(self._clients).delete([self._key(path) for path in paths])

    def _settle_deletion(self, path: str, expect: str, undecided: OaioError) -> None:
        """Do nothing if the file is gone, which is what was wanted; else say what is there.

        Raises:
            OaioError: ``undecided``, if it has this version still.
            Changed: it has another one.
        """
        try:
            found = self._head(path).etag
        except NotFound:
            return
        raise undecided if found == expect else _lost(path, expect)

    def _sign_url(self, path: str, seconds: int) -> str:
        if seconds > MAX_SIGNED_SECONDS:
            raise InvalidArgument(f"an address can be valid for {MAX_SIGNED_SECONDS} seconds at most, a week")
        place = {"Bucket": self.bucket, "Key": self._key(path)}
        return str(self._clients.signer.generate_presigned_url("get_object", place, ExpiresIn=seconds))

    def _clean_up(self, older_than: float) -> int:
        prefix = f"{self.prefix}/" if self.prefix else ""
        asked: dict[str, str] = {"Bucket": self.bucket, "Prefix": prefix}
        move, removed = Multipart(self._clients, self._rooms), 0
        while asked:
            with self._telling("clean up", ""):
                page = self._clients.client.list_multipart_uploads(**asked)
                required(page, "IsTruncated")
                latest = _time_of(page) - older_than
                for upload in page.get("Uploads", ()):
                    if upload["Key"].startswith(prefix) and upload["Initiated"].timestamp() <= latest:
                        move.abort(upload["Key"], upload["UploadId"])
                        removed += 1
            following = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
            more = {name: page[told] for name, told in following.items() if page.get(told)}
            asked = asked | more if page["IsTruncated"] and more else {}
        return removed

    # ---- inside

    def _key(self, path: str) -> str:
        key = self.key(path)
        if len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidName(f"{path[:80]!r}... has more than {MAX_KEY_BYTES} bytes with the prefix")
        return key

    def _failed(self, doing: str, path: str) -> str:
        return f"{self.name}: can't {doing} {path!r} in the bucket {self.bucket!r}"

    def _note(self) -> None:
        if not self._seen:
            self._seen.append(True)

    def _telling(self, doing: str, path: str, *, is_change: bool = False) -> Any:  # noqa: ANN401 - a context
        return told_for(self._failed(doing, path), is_change=is_change)


def _at_the_same_time(path: str) -> OaioError:
    return Busy(f"another request for {path!r} came at the same time", "Try again.")


def _lost(path: str, expect: Expect) -> OaioError:
    if expect is Absent:
        return AlreadyExists(f"{path!r} exists already, or a folder of this name does")
    return Changed(f"{path!r} has another version, or is not there any more")


def _counted(parts: Iterator[Part], counted: list[int]) -> Iterator[Part]:
    for part in parts:
        counted[0] += part.size
        yield part


def _time_of(page: Mapping[str, Any]) -> float:
    """The time by the server's clock, which is the one that its answers tell."""
    told = page["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return email.utils.parsedate_to_datetime(told).timestamp()
    except (TypeError, ValueError):
        return time.time()
