"""What is fetched, on its way to a file of this machine."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from oaio_storage_digi.reader import Reader

_PIECE = 1 << 20


def pour(reader: Reader, target: Any, callback: Any) -> None:  # noqa: ANN401 - a file; fsspec has no types
    """Write all that ``reader`` has to ``target``, in pieces, and tell ``callback`` of each."""
    while piece := reader.read(_PIECE):
        target.write(piece)
        callback.relative_update(len(piece))


@contextmanager
def in_place_of(local: Path, modified: int) -> Iterator[BinaryIO]:
    """A file that replaces ``local`` if the block ends without an error.

    It then has the time ``modified``, in milliseconds since 1970, as far as this disk keeps it. Folders are
    made.
    """
    local.parent.mkdir(parents=True, exist_ok=True)
    temporary = local.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as target:
            yield target
        with suppress(OSError, OverflowError):
            os.utime(temporary, ns=(modified * 1_000_000, modified * 1_000_000))
        temporary.replace(local)
    finally:
        temporary.unlink(missing_ok=True)
