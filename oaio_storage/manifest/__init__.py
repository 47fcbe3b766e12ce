"""What is known of a tree of files, its canonical text, and what turns one tree into another.

The canonical text is UTF-8, each line ends in a newline, and equal trees have equal texts::

    oaio-manifest 1
    <SHA-256> <size in bytes> <x|-|?> <path>
    ...
    digest <SHA-256 of all lines above>

Entries are sorted by path (by code points, which is also the order of UTF-8). The third field tells the
executable bit, ``?`` where a system has none; fields of later minor versions follow it as ``,name=value``,
sorted by name.
"""

from oaio_storage.manifest.changes import Diff, diff, renames
from oaio_storage.manifest.entry import EMPTY_CHECKSUM, MAX_SIZE, FileEntry
from oaio_storage.manifest.original import OriginalEntry, import_original
from oaio_storage.manifest.texts import Change, diff_texts
from oaio_storage.manifest.tree import Manifest

__all__ = [
    "EMPTY_CHECKSUM",
    "MAX_SIZE",
    "Change",
    "Diff",
    "FileEntry",
    "Manifest",
    "OriginalEntry",
    "diff",
    "diff_texts",
    "import_original",
    "renames",
]
