"""Making a whole disk durable in one go, which Python has no function for."""

import ctypes
import errno
import functools
import os
from collections.abc import Callable


def sync_all(folder: int) -> None:
    """Make all content and all names on the disk of an open ``folder`` survive a loss of power: syncfs(2).

    Raises:
        OSError: something could not be written, and what is durable is unknown then; ``ENOSYS`` where the
            system has no such call.
    """
    call = _system_call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(folder) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@functools.cache
def _system_call() -> Callable[[int], int] | None:
    try:
        function: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return function
