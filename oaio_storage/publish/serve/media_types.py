"""The media type of a file by its name alone, the same on every machine; contents are never looked at."""

import mimetypes
from functools import cache
from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"

_OURS = {
    ".avif": "image/avif",
    ".br": "application/octet-stream",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".svgz": "application/gzip",
    ".tgz": "application/gzip",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}
"""What Python's own table lacks, or has otherwise in some version. What is compressed is told as that, never
as a coding of the answer, since the bytes are those of the file."""


def media_type(path: str) -> str:
    """The value of ``Content-Type`` for a file; texts are said to be UTF-8."""
    kind = _table().get(PurePosixPath(path).suffix.lower(), UNKNOWN)
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@cache
def _table() -> dict[str, str]:
    return {**mimetypes.MimeTypes().types_map[True], **_OURS}  # of Python alone, not of the system's files
