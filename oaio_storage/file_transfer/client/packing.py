"""Archives of files that are what the manifest says of them, or no archives."""

import io
import os
import stat
import tarfile
from collections.abc import Iterable
from gzip import GzipFile
from hashlib import sha256
from typing import IO, BinaryIO

from oaio_storage.errors import SourceChanged
from oaio_storage.file_transfer.client.offer import Offer
from oaio_storage.manifest import FileEntry
from oaio_storage.names import shown

_LEVEL = 3
"""Of the compression: half the work of the usual one for a few percent more bytes."""
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NANO = 10**9


def pack(offer: Offer, paths: Iterable[str], into: BinaryIO) -> None:
    """Write a gzipped tar of the files ``paths`` to ``into``, in bounded memory.

    What was written is not to be used if this raises.

    Raises:
        SourceChanged: a file is not as it was when it was offered.
    """
    with (
        GzipFile("", "wb", _LEVEL, into, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths:
            _add(tar, path, offer.files[path], offer)


def _add(tar: tarfile.TarFile, path: str, entry: FileEntry, offer: Offer) -> None:
    told = tarfile.TarInfo(path)
    told.size, told.mtime = entry.size, max(0, (entry.mtime or 0) // _NANO)
    try:
        file = os.open(offer.place(path), _OPEN)
        try:
            state = os.fstat(file)
            content = _Hashed(file)
            if stat.S_ISREG(state.st_mode) and state.st_size == entry.size:
                tar.addfile(told, content)
                if content.sha256.hexdigest() == entry.checksum and not os.read(file, 1):
                    return
        finally:
            os.close(file)
    except OSError as err:  # also when there is less than announced
        raise SourceChanged(f"the file {shown(path)} can't be read any more") from err
    raise SourceChanged(f"the file {shown(path)} changed while it was sent")


class _Hashed(io.RawIOBase, IO[bytes]):
    """An open file; what is read of it is hashed."""

    def __init__(self, file: int) -> None:
        self._file, self.sha256 = file, sha256()

    def read(self, size: int = -1, /) -> bytes:
        content = os.read(self._file, size)
        self.sha256.update(content)
        return content
