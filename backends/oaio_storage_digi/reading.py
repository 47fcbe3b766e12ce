"""The reading half of a filesystem of fsspec: names, listings, contents."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.spec import AbstractFileSystem
from fsspec.utils import isfilelike, stringify_path

from oaio_storage.errors import AlreadyExists, BadAnswer
from oaio_storage_digi.entries import Entry, Space
from oaio_storage_digi.landing import in_place_of, pour
from oaio_storage_digi.mount import Mount
from oaio_storage_digi.reader import Reader


class ReadableFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """What reads; see :class:`DigiFileSystem`.

    Attributes:
        mount: where the files are.
    """

    protocol: tuple[str, ...] = ("digi", "koofr")
    root_marker = "/"
    mount: Mount

    # ---- names

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:  # noqa: ANN401 - a path or a list of them
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = stringify_path(path)
        scheme, separator, rest = text.partition("://")
        if separator and scheme in cls.protocol:
            text = rest
        return "/" + "/".join(part for part in text.split("/") if part)

    @property
    def fsid(self) -> str:
        """The service and the mount; it asks for the mount once."""
        return f"{self.mount.session.endpoint}/{self.mount.id}"

    # ---- looking

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """What is told of a file or folder.

        Returns:
            ``name``, ``size`` in bytes, ``type`` (``file`` or ``directory``), ``md5`` (empty for folders),
            ``modified`` in milliseconds since 1970, and ``content_type``. The name's last part is spelled as
            it is in the mount.

        Raises:
            NotFound: there is none.
        """
        path = self._strip_protocol(path)
        return described(posixpath.dirname(path), self.mount.info(path))

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # noqa: FBT001, FBT002 - fsspec's
        """What a folder holds, sorted by name, or the file itself; with ``detail`` as :meth:`info` tells it.

        Raises:
            NotFound: there is neither.
        """
        path = self._strip_protocol(path)
        try:
            found = [described(path, entry) for entry in self.mount.children(path)]
        except AlreadyExists:
            found = [self.info(path)]
        return found if detail else [each["name"] for each in found]

    def exists(self, path: str, **_: object) -> bool:
        """Whether there is such a file or folder. Errors are no answer and are raised."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Whether it is a file. Errors are raised."""
        return self._kind(path) == "file"

    def isdir(self, path: str) -> bool:
        """Whether it is a folder. Errors are raised."""
        return self._kind(path) == "directory"

    def modified(self, path: str) -> datetime:
        """The time of a file or folder, in UTC.

        Raises:
            BadAnswer: the service tells a time that is none.
        """
        told = self.info(path)["modified"]
        try:
            return datetime.fromtimestamp(told / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            raise BadAnswer(f"the service tells {told} as time of {path!r}") from None

    def checksum(self, path: str) -> int:
        """The MD5 of a file as a number; of a folder, and where none is told, a hash of what is told."""
        md5 = self.info(path)["md5"]
        return int(md5, 16) if md5 else cast("int", super().checksum(path))

    def quota(self) -> Space:
        """The room of the mount."""
        return self.mount.space()

    # ---- reading

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        """The bytes ``start`` to ``end`` of a file, negative ones counted from its end, in one request.

        Raises:
            NotFound: there is no such file.
            IsADirectoryError: it is a folder.
        """
        path = self._strip_protocol(path)
        first, last = start or 0, end
        if first < 0 or (last or 0) < 0:
            first, last = slice(start, end).indices(self.mount.info(path).size)[:2]
        with _a_folder_is_no_file(path), self.mount.get(path, first, last) as download:
            return download.read_all()

    def get_file(
        self,
        rpath: str,
        lpath: Any = None,  # noqa: ANN401 - a path or a file
        callback: Any = DEFAULT_CALLBACK,  # noqa: ANN401 - fsspec has no types
        outfile: Any = None,  # noqa: ANN401 - a file
        **_: object,
    ) -> None:
        """Fetch a file in one request, with its time; the local one is replaced once all is there and right.

        Raises:
            NotFound: there is no such file.
            Corrupt: what came is not what its MD5 says.
        """
        path = self._strip_protocol(rpath)
        outfile = lpath if outfile is None and isfilelike(lpath) else outfile
        try:
            with _a_folder_is_no_file(path):
                reader = Reader(self.mount, path)
        except IsADirectoryError:
            if outfile is not None:
                raise
            Path(lpath).mkdir(parents=True, exist_ok=True)
            return
        with reader:
            callback.set_size(reader.entry.size)
            if outfile is not None:
                pour(reader, outfile, callback)
                return
            with in_place_of(Path(lpath), reader.entry.modified) as target:
                pour(reader, target, callback)

    def _kind(self, path: str) -> str:
        try:
            return str(self.info(path)["type"])
        except FileNotFoundError:
            return ""


def described(folder: str, entry: Entry) -> dict[str, Any]:
    """An entry of a folder as fsspec has it; see :meth:`ReadableFileSystem.info`."""
    return {
        "name": posixpath.join(folder, entry.name) or "/",
        "size": entry.size,
        "type": "directory" if entry.is_folder else "file",
        "md5": entry.md5,
        "modified": entry.modified,
        "content_type": entry.content_type,
    }


@contextmanager
def _a_folder_is_no_file(path: str) -> Iterator[None]:
    try:
        yield
    except AlreadyExists:
        raise IsADirectoryError(f"{path!r} is a folder") from None
