"""One version of a file as a seekable stream."""

import os
from typing import Any

from oaio_storage.errors import Changed, Corrupt, NotFound, TryAgain, Unavailable
from oaio_storage.hosts.streams import PIECE, Positioned
from oaio_storage_digi.digest import Digest
from oaio_storage_digi.download import Download
from oaio_storage_digi.entries import Entry
from oaio_storage_digi.mount import Mount

_RESUMED, _PROGRESS = 3, 1 << 20
"""How often a connection that is lost is taken up again before so many more bytes have come."""


class Reader(Positioned):
    """A file, read in one request as long as nothing is skipped; what was read as a whole is compared.

    A lost connection is taken up where it was lost.

    Attributes:
        entry: the file; all that is read belongs to its version.

    Raises:
        NotFound: there is no such file.
        Changed: while reading: it has another version, or is not there any more.
        Corrupt: while reading: the content is not what its MD5 says.
    """

    def __init__(self, mount: Mount, path: str, entry: Entry | None = None) -> None:
        self._mount, self._path = mount, path
        self._download: Download | None = None if entry else mount.get(path)
        try:
            self.entry = entry or (self._download and self._download.entry) or mount.info(path)
        except BaseException:
            self._drop()
            raise
        super().__init__(self.entry.size)
        self._lost = self._lost_at = 0
        self._digest, self._digested = Digest(self.entry.size), 0

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, as in io.RawIOBase
        """Fill ``buffer`` as far as the file goes; 0 at its end."""
        content = self._next(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def pour(self, handle: int) -> None:
        """As a stream that fills files, see :class:`~oaio_storage.hosts.streams.Pourable`."""
        self._position = 0
        while self._position < self._size:
            content = self._next(PIECE)
            position = self._position - len(content)
            while content:
                written = os.pwrite(handle, content, position)
                content, position = content[written:], position + written

    def close(self) -> None:
        """End the connection, if there is one."""
        self._drop()
        self._digest.close()
        super().close()

    def _next(self, most: int) -> bytes:
        wanted = min(most, max(0, self._size - self._position))
        content = self._taken(wanted) if wanted else b""
        self._note(content)
        self._position += len(content)
        return content

    def _taken(self, wanted: int) -> bytes:
        while True:
            try:
                content = self._stream().read(wanted)
            except TryAgain as err:
                self._take_up_after(err)
                continue
            except BaseException:
                self._drop()
                raise
            if content:
                return content
            told = f"{self._path!r} ended after {self._position} of {self._size} bytes"
            self._take_up_after(Unavailable(told))

    def _take_up_after(self, err: TryAgain) -> None:
        """Let the next read ask anew, unless too little came since that was done the last times."""
        self._drop()
        if self._position - self._lost_at >= _PROGRESS:
            self._lost = 0
        self._lost, self._lost_at = self._lost + 1, self._position
        if self._lost > _RESUMED:
            raise err

    def _stream(self) -> Download:
        """The content from the position on."""
        if self._download is None or self._download.position != self._position:
            self._drop()
            try:
                self._download = self._mount.get(self._path, self._position)
                found = self._download.entry or self._mount.info(self._path)
            except NotFound:
                raise Changed(f"{self._path!r} is not there any more") from None
            if found.version != self.entry.version:
                raise Changed(f"{self._path!r} has another version")
        return self._download

    def _note(self, content: bytes) -> None:
        """Compare the MD5 at the end, if nothing was skipped."""
        if self._position != self._digested:
            return
        self._digest.update(content)
        self._digested += len(content)
        is_whole = self._digested == self._size and self._size > 0
        if is_whole and content and self._digest.hexdigest() != (self.entry.md5 or self._digest.hexdigest()):
            raise Corrupt(f"the content of {self._path!r} is not what its MD5 says")

    def _drop(self) -> None:
        if self._download is not None:
            self._download.close()
        self._download = None
