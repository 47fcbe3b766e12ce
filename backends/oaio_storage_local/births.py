"""When a folder was made, which Python does not tell on Linux."""

import ctypes
import functools
import os
import struct
from collections.abc import Callable

_EMPTY_PATH, _BIRTH = 0x1000, 0x800  # statx(2): AT_EMPTY_PATH, STATX_BTIME
_SIZE, _MASK, _BIRTH_TIME = 256, struct.Struct("=I"), struct.Struct("=qI")
_BIRTH_TIME_AT = 80

_Call = Callable[[int, bytes, int, int, "ctypes.Array[ctypes.c_char]"], int]


def birth(handle: int) -> int:
    """When what is open was made, in ns since 1970; 0 where the system or the disk does not tell.

    Renaming and exchanging leave it as it is, and no call sets it.
    """
    found: float | None = getattr(os.fstat(handle), "st_birthtime", None)  # macOS and BSD
    if found is not None:
        return int(found * 1e9)
    call, told = _system_call(), ctypes.create_string_buffer(_SIZE)
    if call is None or call(handle, b"", _EMPTY_PATH, _BIRTH, told) != 0:
        return 0
    if not _MASK.unpack_from(told)[0] & _BIRTH:
        return 0
    seconds, nanoseconds = _BIRTH_TIME.unpack_from(told, _BIRTH_TIME_AT)
    return int(seconds * 10**9 + nanoseconds)


@functools.cache
def _system_call() -> _Call | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).statx
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p]
    return function
