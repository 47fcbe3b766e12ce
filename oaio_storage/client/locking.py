"""Locks between the processes of a device, which the system frees however a process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oaio_storage.errors import Busy


@contextmanager
def locked(path: Path, seconds: float, what_others_do: str) -> Iterator[None]:
    """Hold the lock ``path`` for the block; not even the same thread can take it twice.

    Args:
        path: the lock's file, made if needed.
        seconds: how long to wait for it.
        what_others_do: what another process does that holds it, as the error tells it.

    Raises:
        Busy: it was not free within ``seconds``.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - most edits need no lock

    try:
        held = FileLock(path, mode=0o600).acquire(timeout=seconds)
    except Timeout as err:
        raise Busy(f"another process {what_others_do}") from err
    with held:
        yield
