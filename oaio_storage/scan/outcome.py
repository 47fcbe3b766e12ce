"""What a scan found, and what it makes of what was known before; pure."""

from collections.abc import Mapping

import attrs

from oaio_storage.manifest import Diff, FileEntry, Manifest, diff
from oaio_storage.names import collisions, folders_above
from oaio_storage.scan.ignoring import Ignored


@attrs.frozen
class Scan:
    """What was found.

    Attributes:
        manifest: the files that are there.
        unknown: path -> why nothing can be said about it, nor about what is below it. Names that are not
            UTF-8 hold lone surrogates.
        only: the paths that were looked at; None: all.
        ignored: what was left out by the folder's own wish; nothing can be said about that either.
    """

    manifest: Manifest
    unknown: Mapping[str, str]
    only: frozenset[str] | None = None
    ignored: Ignored = attrs.field(factory=Ignored, eq=False)

    def is_unknown(self, path: str) -> bool:
        """Whether nothing can be said: it or a folder above it is unknown, ignored, or was not looked at."""
        if self.only is not None and path not in self.only:
            return True
        if self.ignored.covers(path):
            return True
        return path in self.unknown or any(folder in self.unknown for folder in folders_above(path))

    def changes(self, base: Manifest) -> Diff:
        """What turns ``base`` into what is there now. Unknown paths stay as they are in ``base``.

        What this system can't tell (an executable bit, fields of later versions) is taken from ``base``; a
        new name that would clash with an unknown path of ``base`` is left out.
        """
        found = {path: completed(entry, base.get(path)) for path, entry in self.manifest.items()}
        kept = {path: base[path] for path in base.keys() - found.keys() if self.is_unknown(path)}
        now = found | kept
        if kept:
            for path in (path for group in collisions(now) for path in group):
                if path not in base:
                    del now[path]
        return diff(base, Manifest(now))


def completed(entry: FileEntry, base: FileEntry | None) -> FileEntry:
    """``entry`` with what this system can't tell of it, as ``base`` has it."""
    if base is None:
        return entry
    executable = base.executable if entry.executable is None else entry.executable
    extra = base.extra if base.checksum == entry.checksum else entry.extra
    return FileEntry(entry.size, entry.checksum, executable, entry.mtime, extra)
