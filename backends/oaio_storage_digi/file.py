"""Open files, as fsspec has them."""

import io
import shutil
import sys
import tempfile
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from fsspec.spec import AbstractBufferedFile

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotFound

if TYPE_CHECKING:
    from oaio_storage_digi.filesystem import DigiFileSystem

_IN_MEMORY = 1 << 23


class ReadFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """A file open for reading, in blocks, by ranges; all blocks belong to the version that was opened.

    Raises:
        Changed: while reading: it has another version, or is not there any more.
    """

    def __init__(
        self,
        fs: "DigiFileSystem",
        path: str,
        seen: dict[str, Any],
        block_size: int | None,
        **kwargs: Any,  # noqa: ANN401 - fsspec's
    ) -> None:
        super().__init__(fs, path, "rb", block_size, size=seen["size"], **kwargs)
        self._details = seen

    def _fetch_range(self, start: int, end: int) -> bytes:
        mount, end = self.fs.mount, min(end, self.size)
        if start >= end:
            return b""
        try:
            with mount.get(self.path, start, end) as download:
                content: bytes = download.read_all()
                found = download.entry or mount.info(self.path)
        except NotFound:
            raise Changed(f"{self.path!r} is not there any more") from None
        opened = self._details
        if (found.size, found.md5, found.modified) != (opened["size"], opened["md5"], opened["modified"]):
            raise Changed(f"{self.path!r} has another version")
        return content


class WriteFile(io.RawIOBase):
    """A file open for writing: kept on this machine's disk, and stored as a whole when it is closed.

    In a block that an exception ends, and in a transaction that does, nothing is stored; the same if it is
    dropped without being closed, or closed by somebody who is passing on an exception, such as the block of
    ``fsspec.open``, which tells it to nobody.

    Args:
        fs: where it is to be stored.
        path: under which name.
        mode: ``wb``; ``xb``: only if there is none; ``ab``: behind what is there.
        autocommit: store it when it is closed, not when :meth:`commit` is called.
        stored_with: more arguments of :meth:`DigiFileSystem.store`, such as ``modified``.
    """

    def __init__(
        self,
        fs: "DigiFileSystem",
        path: str,
        mode: str,
        *,
        autocommit: bool = True,
        **stored_with: Any,  # noqa: ANN401 - fsspec's
    ) -> None:
        super().__init__()
        if mode not in ("wb", "xb", "ab"):
            raise ValueError(f"a file can't be opened as {mode!r}")
        self.fs, self.path, self.mode, self.autocommit = fs, path, mode, autocommit
        self._stored_with = stored_with
        self._is_open = False
        self._content = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed with this
        self._is_open = True
        self._earlier = sys.exc_info()[1]
        if mode == "xb":
            self._stored_with["create"] = True
            if fs.exists(path):  # told at once, and decided when it is stored
                self.discard()
                raise AlreadyExists(f"{path!r} exists already")
        if mode == "ab":
            self._begin_with_what_is_there()

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The number of bytes that it has so far."""
        return self._content.tell()

    def write(self, content: Any) -> int:  # noqa: ANN401 - a buffer
        """Add ``content``; how many bytes it has."""
        if not self._is_open:
            raise ValueError("the file is closed")
        return self._content.write(content)

    def close(self) -> None:
        """Store it, unless a transaction or :meth:`commit` is to do that. A repeat does nothing.

        Raises:
            OaioError: it was not stored; see :meth:`DigiFileSystem.store`.
            InvalidArgument: it was not stored, since an exception came while it was written.
        """
        if not self._is_open:
            return
        self._is_open = False
        if (coming := sys.exc_info()[1]) not in (None, self._earlier):
            self.discard()
            if isinstance(coming, Exception):
                raise InvalidArgument(
                    f"{self.path!r} was not stored, since an exception came while it was written",
                    "Repair what the exception tells of; to store what there is, call commit().",
                )
            return
        if self.autocommit:
            self.commit()

    def commit(self) -> None:
        """Store it. A repeat does nothing."""
        if self.closed:
            return
        try:
            size = self._content.tell()
            self._content.seek(0)
            self.fs.store(self.path, self._content, size, **self._stored_with)
        finally:
            self.discard()

    def discard(self) -> None:
        """Store nothing. A repeat does nothing."""
        self._is_open = False
        if not self.closed:
            self._content.close()
            super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        """Drop what nobody closed."""
        if hasattr(self, "_content"):
            self.discard()

    def _begin_with_what_is_there(self) -> None:
        try:
            there = self.fs.open(self.path, "rb")
        except NotFound:
            self._stored_with["create"] = True
            return
        with there:
            self._stored_with["expect"] = there.details["md5"]
            shutil.copyfileobj(there, self._content)
