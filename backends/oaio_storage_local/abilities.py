"""What a disk can do, found out by trying."""

import unicodedata
from contextlib import suppress

import attrs

from oaio_storage.hosts.guarantees import Guarantees
from oaio_storage_local.folders import Folders, temporary_name


def probe(folders: Folders, root: int) -> Guarantees:
    """What the disk of the open ``root`` can do; where that can't be tried out, the weakest answer."""
    declared = Guarantees(
        atomic_write=True,
        durable=True,
        conditional_write=folders.has_locks(root),
        strong_version=True,
        server_copy=True,
        checksum="sha256",
        visibility_delay=0.0,
    )
    names = temporary_name("\u00e9"), temporary_name()
    try:
        for name in names:
            folders.disk.mkdir(name, folder=root)
        return attrs.evolve(
            declared,
            swap=_can_exchange(folders, root, *names),
            case_sensitive=not folders.exists(root, names[0].upper()),
            unicode_exact=not folders.exists(root, unicodedata.normalize("NFD", names[0])),
        )
    except OSError:  # a root that this user may only read
        return declared
    finally:
        for name in names:
            with suppress(OSError):
                folders.disk.rmdir(name, folder=root)


def _can_exchange(folders: Folders, root: int, a: str, b: str) -> bool:
    try:
        folders.disk.exchange(root, a, root, b)
    except OSError:
        return False
    return True
