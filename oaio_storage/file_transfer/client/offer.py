"""What of a folder is sent, and where its content lies."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import attrs

from oaio_storage.errors import InvalidName
from oaio_storage.hash_cache import HashCache
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.names import shown
from oaio_storage.progress import Report, ignore
from oaio_storage.scan import scan

HIDDEN = ".*"
"""What is never sent: files and folders with a dot in front of their name, at every level."""

_LINK = "a symbolic link"


@attrs.frozen(slots=False)
class Offer:
    """The files of a folder as one publication has them.

    Attributes:
        root: the folder.
        files: what is known of each.
        links: path -> the path of the file whose content it has.
    """

    root: Path
    files: Mapping[str, FileEntry]
    links: Mapping[str, str]

    def text(self, times: Mapping[str, int]) -> bytes:
        """The manifest as it travels; ``times`` are those to tell in place of the files' own, in ns."""
        told = {
            path: {"mtime": times.get(path, entry.mtime), "checksum": f"sha256:{entry.checksum}"}
            for path, entry in self.files.items()
        }
        return json.dumps(told, separators=(",", ":")).encode()

    @cached_property
    def digest(self) -> str:
        """Which publication it is: another one as soon as anything in it differs."""
        return sha256(self.text({})).hexdigest()

    def place(self, path: str) -> Path:
        """Where the content of ``path`` lies."""
        return self.root / self.links.get(path, path)


def offer_of(root: Path, *, cache: HashCache | None = None, report: Report = ignore) -> Offer:
    """What is to be sent of ``root``.

    Links to files that are sent themselves are sent as copies of them, as the original client means it; what
    ``.oaioignore`` names is left out.

    Raises:
        InvalidName: there is something that can't be sent: a name that is not UTF-8 or that no host may hold,
            another link, a pipe, a file that can't be read.
        OaioError: as ``scan``.
    """
    found = scan(root, cache=cache, report=report, hiding=HIDDEN)
    links = {}
    for path, why in found.unknown.items():
        target = _target(root, path) if why == _LINK else ""
        if target not in found.manifest:
            _refuse(found.unknown, path, why)
        links[path] = target
    files = {**found.manifest, **{path: found.manifest[target] for path, target in links.items()}}
    return Offer(root, Manifest(files) if links else found.manifest, links)


def _target(root: Path, path: str) -> str:
    """Where a link leads to, as a path below ``root``; some other path if that is elsewhere."""
    real = os.path.realpath(root)
    return os.path.relpath(os.path.realpath(os.path.join(real, path)), real)  # noqa: PTH118 - pathlib has no relpath


def _refuse(unknown: Mapping[str, str], path: str, why: str) -> None:
    more = f" (one of {len(unknown)} such names)" if len(unknown) > 1 else ""
    hint = "Replace it by the file that it leads to, or name it in .oaioignore." if why == _LINK else ""
    raise InvalidName(f"{shown(path)} can't be sent: {why}{more}", hint)
