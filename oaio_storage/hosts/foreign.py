"""Foreign errors and ours: one table per backend says which stands for which."""

import errno
from collections.abc import Mapping

from oaio_storage.errors import (
    AccessDenied,
    AlreadyExists,
    BadAnswer,
    Busy,
    Changed,
    InvalidName,
    NotFound,
    OaioError,
    QuotaExceeded,
    Throttled,
    TimedOut,
    TooLarge,
    Unavailable,
)

ForeignErrors = Mapping[type[Exception] | int, type[OaioError]]
"""Our error for a foreign one, by its class, or by its number, which goes first: ``OSError.errno``, or the
status of an answer of HTTP, from 400 on."""

OS_ERRORS: ForeignErrors = {
    errno.ENOSPC: QuotaExceeded,
    errno.EDQUOT: QuotaExceeded,
    errno.EFBIG: TooLarge,
    errno.EROFS: AccessDenied,
    errno.ENAMETOOLONG: InvalidName,
    errno.EILSEQ: InvalidName,
    errno.EBUSY: Busy,
    errno.EMFILE: Unavailable,
    errno.ENFILE: Unavailable,
    errno.ENOMEM: Unavailable,
    FileNotFoundError: NotFound,
    FileExistsError: AlreadyExists,
    IsADirectoryError: AlreadyExists,
    NotADirectoryError: AlreadyExists,
    PermissionError: AccessDenied,
    TimeoutError: TimedOut,
    ConnectionError: Unavailable,
    BlockingIOError: Unavailable,
}
"""The rows that any backend over files of the operating system or sockets needs."""

_HINTS = {errno.EROFS: "It is mounted read-only: mount it writable, or use another host."}
"""What to do, by ``OSError.errno``, where the hint of our error's class would mislead."""

HTTP_ERRORS: ForeignErrors = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    408: TimedOut,
    410: NotFound,
    412: Changed,
    413: TooLarge,
    423: Busy,
    429: Throttled,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
    507: QuotaExceeded,
}
"""The rows that any backend over HTTP needs."""


def ours(err: Exception, table: ForeignErrors, failed: str) -> OaioError:
    """Our error for ``err``; BadAnswer for what ``table`` does not know.

    The text of ``err`` may hold secrets and is not used.

    Args:
        err: what a backend or library raised.
        table: the backend's.
        failed: what failed, and for what; the message begins with it.
    """
    number = err.errno if isinstance(err, OSError) else _status(err)
    found = table.get(number) if number is not None else None
    found = found or next((table[kind] for kind in type(err).__mro__ if kind in table), BadAnswer)
    reason = err.strerror if isinstance(err, OSError) else None
    hint = _HINTS.get(err.errno or 0, "") if isinstance(err, OSError) else ""
    return found(f"{failed}: {reason or type(err).__name__}", hint)


def _status(err: Exception) -> int | None:
    """The status of the answer of HTTP that ``err`` stands for, where libraries keep it."""
    for holder in (err, getattr(err, "response", None)):
        for name in ("status_code", "status"):
            if isinstance(status := getattr(holder, name, None), int):
                return status
    return None
