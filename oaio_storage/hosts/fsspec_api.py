"""Any filesystem of fsspec as a storage host, with the weakest guarantees."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import attrs

from oaio_storage.errors import AlreadyExists, BadAnswer, Changed, InvalidArgument, NotFound
from oaio_storage.hosts import filesystems, library_errors
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.filesystems import Filesystems, Folder, masked
from oaio_storage.hosts.foreign import ForeignErrors
from oaio_storage.hosts.guarantees import Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE

_IN_MEMORY = 8 * PIECE
_PAUSES = (0, 0.05, 0.2)
"""Seconds before each look at what a write left, as long as it is another length."""
_KNOWN = {
    "memory": Guarantees(case_sensitive=True, unicode_exact=True, visibility_delay=0.0),
    "file": Guarantees(visibility_delay=0.0),
}
_ARCHIVE = Guarantees(read_only=True, case_sensitive=True, unicode_exact=True)
_MARKS = (
    "etag",
    "ETag",
    "md5",
    "checksum",
    "content_hash",
    "generation",
    "versionId",
    "ino",
    "CRC",
    "mtime",
    "modified",
    "created",
)
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")


def _is_address(_: object, __: object, url: str) -> None:
    if not isinstance(url, str) or not url or not url.isprintable():
        raise InvalidArgument("url has to be the address of a folder, such as sftp://host/folder")
    filesystems.kind_of(url)


def _are_options(host: "FsspecApi", _: object, options: object) -> None:
    if not isinstance(options, dict) or not all(isinstance(name, str) for name in options):
        raise InvalidArgument("storage_options has to be a dictionary with the names of options as keys")
    for scheme in filesystems.links(host.url):
        if scheme in options and not isinstance(options[scheme], dict):
            raise InvalidArgument(f"storage_options: {scheme!r} has to hold a dictionary of options")
    if filesystems.is_archive(filesystems.kind_of(host.url)):
        _are_of_an_archive(host.url, options)


def _are_of_an_archive(url: str, options: Mapping[str, Any]) -> None:
    scheme, _, chained = url.partition("://")
    layers = (options, options.get(scheme, {}))
    if any(layer.get("mode", "r") != "r" for layer in layers):
        raise InvalidArgument("storage_options: an archive can only be read", "Leave mode out.")
    if not chained.partition("::")[2] and not any("fo" in layer for layer in layers):
        raise InvalidArgument(
            "url: the address does not say which archive is read",
            f"Its own address goes behind '::', as in {scheme}://::file:///folder/archive.{scheme}",
        )


@attrs.frozen(eq=False)
class FsspecApi(CshApi):
    """A folder of any fsspec filesystem as a host.

    Nothing but the weakest is guaranteed, since fsspec promises no more: a write that is cut off may leave a
    part of the file, and there are no conditions. Archives (``zip://``, ``tar://``) are read as they were
    when first used, and refuse all changes. Only methods for single files are used, which take names
    literally, on instances that are not shared and keep no listings: one for each thread, and anew after a
    fork. They connect when they are first used. Whether a file or folder is in the way of a write is looked
    at before it. The version that a write answers may be that of another write at the same time, and is empty
    where that is seen. For folders of this machine ``LocalApi`` is the better choice: here links are
    followed, wherever they lead.

    Attributes:
        url: address of the root folder, such as ``memory://folder``, ``sftp://host/folder`` or
            ``zip://folder::file:///archive.zip``. User, password and query are masked wherever it is shown.
        storage_options: arguments of the filesystem, secrets among them; those of an inner one of a chained
            address under its scheme.
    """

    url: str = attrs.field(validator=_is_address, repr=masked)
    storage_options: dict[str, Any] = attrs.field(factory=dict, repr=False, validator=_are_options)
    _filesystems: Filesystems = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:  # a default would be made before a field that a subclass replaces
        object.__setattr__(self, "_filesystems", Filesystems(self.url, self.storage_options))

    @staticmethod
    def arguments_below(csh_args: Mapping[str, Any], folder: str) -> dict[str, Any]:
        """The arguments for a folder in the root."""
        outermost, chained, rest = str(csh_args["url"]).partition("::")
        return {**csh_args, "url": f"{outermost.rstrip('/')}/{folder}{chained}{rest}"}

    @property
    def foreign_errors(self) -> ForeignErrors:  # type: ignore[override]  # of libraries known at run time only
        """Those of the operating system, and of the libraries that are in use."""
        return library_errors.of_imported()

    @property
    def guarantees(self) -> Guarantees:
        """The weakest, but for two kinds that are known to show changes at once; archives are read-only."""
        kind = self._filesystems.kind
        if filesystems.is_archive(kind):
            return _ARCHIVE
        return _KNOWN.get(kind.protocol if isinstance(kind.protocol, str) else kind.protocol[0], Guarantees())

    def close(self) -> None:
        """Let the connections of this process go."""
        self._filesystems.close()

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        with self._filesystems.folder() as folder:
            seen = _stat_in(folder, path)
            end = seen.size if end is None else min(end, seen.size)
            content: bytes = b""
            if start < end:
                content = folder.fs.cat_file(folder.full(path), start=start, end=end)
            if version is not None and not version == seen.version == _stat_in(folder, path).version:
                raise Changed(f"{path!r} has another version")
            return content

    def _stat(self, path: str) -> Stat:
        with self._filesystems.folder() as folder:
            return _stat_in(folder, path)

    def _list(self, folder: str) -> Iterator[Stat]:
        pending = [folder]
        while pending:
            with self._filesystems.folder() as root:
                entries = root.entries(pending.pop())
            for path, info in entries.items():
                if info["type"] == "directory":
                    pending.append(path)
                elif info["type"] == "file":
                    yield attrs.evolve(
                        _stat_of(path, info), version=""
                    )  # some list other marks than they state

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - fsspec has no common way for them
    ) -> Stat:
        assert expect is None, "conditions are not guaranteed"
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as complete:
            while piece := source.read(PIECE):  # a source that fails must not cost the old content
                complete.write(piece)
            stored = complete.tell()
            complete.seek(0)
            with self._filesystems.folder() as folder:
                _check_way(folder, path)
                _store(folder, path, complete, stored)
                return _seen_after(folder, path, complete, stored)

    def _delete(self, path: str, expect: str | None) -> None:
        assert expect is None, "conditions are not guaranteed"
        with self._filesystems.folder() as folder:
            found = folder.info(path)
            if found is not None and found["type"] == "file":
                folder.fs.rm_file(folder.full(path))
                _remove_empty(folder, path)


def _store(folder: Folder, path: str, complete: Any, size: int) -> None:  # noqa: ANN401 - a spooled file
    full = folder.full(path)
    folder.make(path.rpartition("/")[0])
    if size <= _IN_MEMORY:
        folder.fs.pipe_file(full, complete.read())
        return
    with folder.fs.open(full, "wb") as target:
        while piece := complete.read(PIECE):
            target.write(piece)


def _seen_after(folder: Folder, path: str, complete: Any, size: int) -> Stat:  # noqa: ANN401 - same
    """What is there after a write: without a version if somebody else has written or removed it meanwhile.

    Raises:
        BadAnswer: a part of what was sent is there, or more: it was cut off, or mixed with another's.
    """
    for pause in _PAUSES:  # others may be in the middle of theirs
        time.sleep(pause)
        try:
            seen = _stat_in(folder, path)
            if seen.size == size:
                return seen
            complete.seek(0)
            first = min(seen.size, size, PIECE)
            sent = complete.read(first)
            is_ours = not first or folder.fs.cat_file(folder.full(path), start=0, end=first) == sent
        except FileNotFoundError:
            is_ours = False
        if not is_ours:
            return Stat(path, size)
    raise BadAnswer(f"{size} bytes of {path!r} were sent, the host says {seen.size}")


def _remove_empty(root: Folder, path: str) -> None:
    folder = path.rpartition("/")[0]
    while folder and not root.entries(folder):
        try:
            root.fs.rmdir(root.full(folder))
        except OSError:  # not empty any more, or folders are no things on this host
            return
        folder = folder.rpartition("/")[0]


def _check_way(root: Folder, path: str) -> None:
    found = root.info(path)
    if found is not None and found["type"] == "directory":
        raise AlreadyExists(f"{path!r} is a folder")
    folder = path.rpartition("/")[0]
    while folder:
        found = root.info(folder)
        if found is not None and found["type"] == "file":
            raise AlreadyExists(f"{folder!r} is a file, so {path!r} can't be one")
        folder = folder.rpartition("/")[0]


def _stat_in(folder: Folder, path: str) -> Stat:
    info = folder.info(path)
    if info is None or info["type"] != "file":
        raise NotFound(f"there is no file {path!r}")
    return _stat_of(path, info)


def _stat_of(path: str, info: Mapping[str, Any]) -> Stat:
    mark = [f"{key}={info[key]}" for key in _MARKS if info.get(key) is not None]
    return Stat(path, info["size"], "; ".join([f"size={info['size']}", *mark]), mtime=_nanoseconds(info))


def _nanoseconds(info: Mapping[str, Any]) -> int:
    moment = next((info[key] for key in _TIMES if info.get(key) is not None), 0)
    seconds = moment.timestamp() if hasattr(moment, "timestamp") else moment
    return int(seconds * 1e9) if isinstance(seconds, int | float) else 0
