"""Frames: pieces of a blob that are compressed if that helps, and read one at a time; pure (clause T2).

A frame is one byte that says how it is stored (``z``: a zstd frame that tells its inflated size, ``r``: as it
is), then the content.
"""

import threading
from typing import TYPE_CHECKING, cast

from oaio_storage.errors import Corrupt

if TYPE_CHECKING:
    import zstandard

MAX_INFLATED = 1 << 22
"""Bytes of the longest content of a frame in a pack."""

MAX_FRAME = MAX_INFLATED + (1 << 16)
"""Bytes of the longest frame in a pack: zstd makes nothing much longer than it is."""

_RAW, _ZSTD = b"r", b"z"
_TRIAL = 1 << 16
_WORTH = 0.95
"""Compressed size by size of the trial up to which compressing pays."""
_LEVEL = 3

_of_this_thread = threading.local()
"""A compressor, which takes long to make and is not thread-safe."""


def framed(content: bytes) -> bytes:
    """``content`` as a frame; a trial on its beginning decides whether it is compressed."""
    trial = content[:_TRIAL]
    compressed = _compressor().compress(trial)
    if len(compressed) > _WORTH * len(trial):
        return _RAW + content
    return _ZSTD + (compressed if len(trial) == len(content) else _compressor().compress(content))


def unframed(frame: bytes, limit: int = MAX_INFLATED) -> bytes:
    """The content of a frame, at most ``limit`` bytes; the size that it tells is judged before inflating.

    Raises:
        Corrupt: it is no frame, or its content is longer.
    """
    kind, body = frame[:1], memoryview(frame)[1:]
    if kind == _RAW and len(body) <= limit:
        return bytes(body)
    if kind == _ZSTD:
        import zstandard  # noqa: PLC0415 - only where something is compressed

        try:
            size = zstandard.frame_content_size(body)
            if 0 <= size <= limit:
                return zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
        except zstandard.ZstdError as err:
            raise Corrupt(f"a frame of {len(frame)} bytes that can't be inflated") from err
    raise Corrupt(f"a frame of {len(frame)} bytes that is none, or too long inflated")


def _compressor() -> "zstandard.ZstdCompressor":
    if not hasattr(_of_this_thread, "compressor"):
        import zstandard  # noqa: PLC0415 - same

        _of_this_thread.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    return cast("zstandard.ZstdCompressor", _of_this_thread.compressor)
