"""The MD5 of a content that passes by, reckoned while the next piece travels."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

_BESIDE_FROM = 1 << 22
"""Bytes from which a thread of its own is worth it."""


class Digest:
    """The MD5 of ``size`` bytes that come in pieces; to be closed. Not safe for threads."""

    def __init__(self, size: int) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._beside = ThreadPoolExecutor(1) if size >= _BESIDE_FROM else None
        self._last: Future[None] | None = None

    def update(self, piece: bytes) -> None:
        """Add a piece, once the one before is done."""
        self._wait()
        if self._beside:
            self._last = self._beside.submit(self._md5.update, piece)
        else:
            self._md5.update(piece)

    def hexdigest(self) -> str:
        """The MD5 of all pieces, as 32 lower-case hexadecimal digits."""
        self._wait()
        return self._md5.hexdigest()

    def close(self) -> None:
        """End the thread. Safe to repeat."""
        if self._beside:
            self._beside.shutdown()

    def _wait(self) -> None:
        if self._last:
            self._last.result()
            self._last = None
