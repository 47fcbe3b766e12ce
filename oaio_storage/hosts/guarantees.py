"""What a host promises, and what it says about one stored file."""

import math
from enum import Enum
from typing import Final

import attrs


class AbsentType(Enum):
    """The type of :data:`Absent`."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "Absent"


Absent: Final = AbsentType.ABSENT
"""As a condition of a write: nothing may be stored under this path yet."""

Expect = AbsentType | str | None
"""A condition: :data:`Absent`, the version that has to be there, or None for no condition."""


@attrs.frozen
class Stat:
    """What a host says about one stored file.

    Attributes:
        path: relative to the root, exactly as it was given when the file was written.
        size: in bytes.
        version: the host's mark of the content, for comparing with another one of the same path and for
            conditions. Empty from ``list`` and ``copy`` where knowing it would cost reading the content, or
            where the host tells another one there.
        checksum: SHA-256 of the content, 64 lower-case hexadecimal digits; empty where the host does not
            tell.
        mtime: when it was stored, in nanoseconds since 1970 by the host's clock; 0 where unknown. Informs
            only.
    """

    path: str
    size: int
    version: str = ""
    checksum: str = ""
    mtime: int = 0


@attrs.frozen(kw_only=True)
class Guarantees:
    """What a host promises; the defaults are the weakest truth.

    A backend declares what it knows to hold. What is not declared is refused by the public methods before any
    I/O (:class:`~oaio_storage.errors.NotGuaranteed`), or told here to who must know it.

    Attributes:
        read_only: nothing can be stored here; what would change something raises NotGuaranteed before any
            I/O.
        atomic_write: a reader beside a write gets the old or the new content, and after a failed one the old.
        durable: what was acknowledged survives a loss of power.
        conditional_write: ``expect`` of ``write`` and ``delete`` is decided by the host in one step.
        strong_version: another content always has another version, also at equal size and time.
        swap: two folders can be exchanged in one step.
        server_copy: ``copy`` moves no content through this machine.
        signed_urls: ``sign_url`` answers.
        checksum: the kind that ``Stat.checksum`` has without reading the content from afar, ``"sha256"``, or
            empty.
        case_sensitive: names that differ only in the case of letters are two files.
        unicode_exact: names that differ only in their normal form are two files, and come back as they were
            given.
        flat_names: names are keys and there are no folders, so the host may hold ``a`` and ``a/b``, each a
            file, or refuse the second; elsewhere a name is a file or a folder, and the write of the other
            raises AlreadyExists.
        max_part_bytes: longest part of a path, in bytes of UTF-8.
        visibility_delay: seconds after which others see a change at the latest; infinite where unknown.
    """

    read_only: bool = False
    atomic_write: bool = False
    durable: bool = False
    conditional_write: bool = False
    strong_version: bool = False
    swap: bool = False
    server_copy: bool = False
    signed_urls: bool = False
    checksum: str = ""
    case_sensitive: bool = False
    unicode_exact: bool = False
    flat_names: bool = False
    max_part_bytes: int = 255
    visibility_delay: float = math.inf
