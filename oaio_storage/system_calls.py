"""System calls that Python has no function for."""

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable

_RENAME_EXCHANGE = 2  # Linux: renameat2(2); macOS calls it RENAME_SWAP, see renameatx_np(2)

_SYNC_FILE_RANGE_WRITE = 2


def exchange(folder_a: int, a: str, folder_b: int, b: str) -> None:
    """Exchange the names ``a`` in ``folder_a`` and ``b`` in ``folder_b``, both open folders, in one step.

    Raises:
        OSError: as the system says; ``ENOSYS``, ``EINVAL`` or ``ENOTSUP`` where it can't.
    """
    call = _exchange_call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(folder_a, os.fsencode(a), folder_b, os.fsencode(b), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), a, None, b)


@functools.cache
def _exchange_call() -> Callable[[int, bytes, int, bytes, int], int] | None:
    name = "renameatx_np" if sys.platform == "darwin" else "renameat2"
    try:
        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]  # ctypes does not know what it declares


def sync_all(folder: int) -> None:
    """Make all content and all names on the disk of an open ``folder`` survive a loss of power: syncfs(2).

    Raises:
        OSError: something could not be written, and what is durable is unknown then; ``ENOSYS`` where the
            system has no such call.
    """
    call = _sync_call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(folder) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@functools.cache
def _sync_call() -> Callable[[int], int] | None:
    try:
        function: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return function


def begin_writing(file: int, offset: int, size: int) -> None:
    """Let the system begin to bring these bytes of an open file to its disk: sync_file_range(2).

    A hint alone, which makes a later flush shorter: nothing is waited for, and nothing is durable by it.
    """
    if (call := _write_call()) is not None:
        call(file, offset, size, _SYNC_FILE_RANGE_WRITE)


@functools.cache
def _write_call() -> Callable[[int, int, int, int], int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function
