"""Manifests of original clients."""

from collections.abc import Mapping
from typing import Any

import attrs

from oaio_storage.errors import InvalidManifest
from oaio_storage.manifest.entry import CHECKSUM
from oaio_storage.manifest.tree import check_paths


@attrs.frozen
class OriginalEntry:
    """What an original client tells of one file; it never tells the size.

    Attributes:
        checksum: SHA-256 of the content in hexadecimal digits; empty if it tells none.
        mtime: when it was changed, in ns since 1970; None if it tells none.
        fields: all that it tells, as it came, unknown fields included.
    """

    checksum: str
    mtime: int | None
    fields: Mapping[str, Any]


def import_original(manifest: object) -> Mapping[str, OriginalEntry]:
    """The entries of an original client's manifest, ``{path: {"mtime": ns, "checksum": "sha256:..."}}``.

    Lenient in what an entry tells, strict in names.

    Raises:
        InvalidManifest: no dictionary of dictionaries, a name that no host may hold, names that clash, or a
            checksum or time of another form.
    """
    if not isinstance(manifest, Mapping):
        raise InvalidManifest(f"a dictionary is needed, not {type(manifest).__name__}")
    entries = {str(path): _import_entry(path, fields) for path, fields in manifest.items()}
    check_paths(entries)
    return entries


def _import_entry(path: object, fields: object) -> OriginalEntry:
    if not isinstance(path, str) or not isinstance(fields, Mapping):
        raise InvalidManifest(f"an entry is no dictionary: {str(path)[:200]!r}")
    kind, _, checksum = str(fields.get("checksum", "sha256:")).rpartition(":")
    mtime = fields.get("mtime")
    is_known = kind == "sha256" and (not checksum or CHECKSUM.fullmatch(checksum))
    if not is_known or type(mtime) not in (int, type(None)):
        raise InvalidManifest(f"neither checksum nor time of {path[:200]!r} can be read")
    return OriginalEntry(checksum, mtime, dict(fields))
