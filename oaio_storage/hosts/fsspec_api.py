"""Any filesystem of fsspec as a storage host, with the weakest guarantees."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import attrs
import fsspec

from oaio_storage.errors import AlreadyExists, BadAnswer, Changed, InvalidArgument, NotFound
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE

_IN_MEMORY = 8 * PIECE
_KNOWN = {
    "memory": Guarantees(case_sensitive=True, unicode_exact=True, visibility_delay=0.0),
    "file": Guarantees(visibility_delay=0.0),
}
_MARKS = (
    "etag",
    "ETag",
    "md5",
    "checksum",
    "content_hash",
    "generation",
    "versionId",
    "ino",
    "mtime",
    "created",
)
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")


@attrs.frozen(eq=False)
class FsspecApi(CshApi):
    """A folder of any fsspec filesystem as a host.

    Nothing but the weakest is guaranteed, since fsspec promises no more: a write that is cut off may leave a
    part of the file, and there are no conditions. Only methods for single files are used, which take names
    literally, on an instance that is not shared and keeps no listings. Whether a file or folder is in the way
    of a write is looked at before it. For folders of this machine ``LocalApi`` is the better choice: here
    links are followed, wherever they lead.

    Attributes:
        url: address of the root folder, such as ``memory://folder`` or ``sftp://host/folder``.
        storage_options: arguments of the filesystem, secrets among them.
    """

    url: str = attrs.field(validator=attrs.validators.instance_of(str))
    storage_options: dict[str, Any] = attrs.field(
        factory=dict, repr=False, validator=attrs.validators.instance_of(dict)
    )
    _fs: Any = attrs.field(init=False, repr=False)  # fsspec has no types
    _root: str = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        options = {"use_listings_cache": False, "skip_instance_cache": True, **self.storage_options}
        try:
            fs, root = fsspec.core.url_to_fs(self.url, **options)
        except (ValueError, ImportError) as err:
            scheme = self.url.partition("://")[0]
            raise InvalidArgument(
                f"url: no filesystem for {scheme!r} addresses: {type(err).__name__}"
            ) from err
        object.__setattr__(self, "_fs", fs)
        object.__setattr__(self, "_root", root.rstrip("/"))

    @property
    def guarantees(self) -> Guarantees:
        """The weakest, but for the two kinds that are known to show changes at once."""
        protocol = self._fs.protocol
        kind = protocol if isinstance(protocol, str) else protocol[0]
        return _KNOWN.get(kind, Guarantees())

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        seen = self._stat(path)
        end = seen.size if end is None else min(end, seen.size)
        content: bytes = self._fs.cat_file(self._full(path), start=start, end=end) if start < end else b""
        if version is not None and (seen.version != version or self._stat(path).version != version):
            raise Changed(f"{path!r} has another version")
        return content

    def _stat(self, path: str) -> Stat:
        try:
            info = self._fs.info(self._full(path))
        except (FileNotFoundError, NotADirectoryError) as err:
            raise NotFound(f"there is no file {path!r}") from err
        if info["type"] != "file":
            raise NotFound(f"there is no file {path!r}")
        return _stat_of(path, info)

    def _list(self, folder: str) -> Iterator[Stat]:
        pending = [folder]
        while pending:
            inside = pending.pop()
            for info in self._entries(inside):
                path = self._relative(info["name"])
                if info["type"] == "directory":
                    pending.append(path)
                elif info["type"] == "file" and path != inside:
                    yield _stat_of(path, info)

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        full = self._full(folder)
        try:
            found = self._fs.ls(full, detail=True, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        unique = {info["name"].rstrip("/"): info for info in found}
        unique.pop(full, None)  # some answer the folder itself too
        return list(unique.values())

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - fsspec has no common way for them
    ) -> Stat:
        assert expect is None, "conditions are not guaranteed"
        full = self._full(path)
        with tempfile.SpooledTemporaryFile(
            _IN_MEMORY
        ) as complete:  # a source that fails must not cost the old content
            while piece := source.read(PIECE):
                complete.write(piece)
            stored = complete.tell()
            complete.seek(0)
            self._check_way(path)
            self._fs.makedirs(full.rpartition("/")[0], exist_ok=True)
            if stored <= _IN_MEMORY:
                self._fs.pipe_file(full, complete.read())
            else:
                complete.rollover()
                with self._fs.open(full, "wb") as target:
                    while piece := complete.read(PIECE):
                        target.write(piece)
        seen = self._stat(path)
        if seen.size != stored:
            raise BadAnswer(f"{stored} bytes of {path!r} were sent, the host says {seen.size}")
        return seen

    def _delete(self, path: str, expect: str | None) -> None:
        assert expect is None, "conditions are not guaranteed"
        with suppress(FileNotFoundError):
            self._stat(path)
            self._fs.rm_file(self._full(path))
            self._remove_empty(path)

    def _remove_empty(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        while folder and not self._entries(folder):
            try:
                self._fs.rmdir(self._full(folder))
            except OSError:  # not empty any more, or folders are no things on this host
                return
            folder = folder.rpartition("/")[0]

    def _check_way(self, path: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            if self._fs.info(self._full(path))["type"] == "directory":
                raise AlreadyExists(f"{path!r} is a folder")
        folder = path.rpartition("/")[0]
        while folder:
            with suppress(FileNotFoundError, NotADirectoryError):
                if self._fs.info(self._full(folder))["type"] == "file":
                    raise AlreadyExists(f"{folder!r} is a file, so {path!r} can't be one")
            folder = folder.rpartition("/")[0]

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _relative(self, name: str) -> str:
        if not name.startswith(f"{self._root}/"):
            raise BadAnswer(f"the host lists something outside of its root: {name[:200]!r}")
        return name[len(self._root) + 1 :].rstrip("/")


def _stat_of(path: str, info: Mapping[str, Any]) -> Stat:
    mark = [f"{key}={info[key]}" for key in _MARKS if info.get(key) is not None]
    return Stat(path, info["size"], "; ".join([f"size={info['size']}", *mark]), mtime=_nanoseconds(info))


def _nanoseconds(info: Mapping[str, Any]) -> int:
    moment = next((info[key] for key in _TIMES if info.get(key) is not None), 0)
    seconds = moment.timestamp() if hasattr(moment, "timestamp") else moment
    return int(seconds * 1e9) if isinstance(seconds, int | float) else 0
