"""The manifest that a client offers, and how it compares with what is live; pure."""

import json
from collections.abc import Mapping
from typing import Any

from oaio_storage.errors import InvalidManifest, Superseded, TooLarge
from oaio_storage.manifest import OriginalEntry, import_original

Fields = Mapping[str, Any]
"""What a client tells of one file."""

INDEXED = ("html", "yaml")
"""The types whose version is that of their index page."""


def parse_offer(text: bytes, *, max_entries: int) -> Mapping[str, OriginalEntry]:
    """The entries of the manifest with this text.

    Raises:
        InvalidManifest: no JSON, no manifest, or one with names that no host may hold.
        TooLarge: it has more than ``max_entries``.
    """
    try:
        manifest = json.loads(text.decode())
    except (ValueError, RecursionError) as err:  # UnicodeDecodeError and JSONDecodeError among them
        raise InvalidManifest("the manifest is no JSON") from err
    return checked_offer(manifest, max_entries=max_entries)


def checked_offer(manifest: object, *, max_entries: int) -> Mapping[str, OriginalEntry]:
    """The entries of a manifest, as :func:`parse_offer`."""
    if isinstance(manifest, dict) and len(manifest) > max_entries:
        raise TooLarge(f"the manifest has {len(manifest)} entries, {max_entries} are allowed")
    return import_original(manifest)


def is_newer(server: Mapping[str, Fields], client: Mapping[str, Fields], file_type: str) -> bool:
    """Whether the client's version is strictly newer, by the times of its files.

    Args:
        server: path -> fields of what is live, ``mtime`` among them.
        client: the same of what is offered.
        file_type: ``html`` and ``yaml`` have the time of their index page, others that of their newest file.

    Raises:
        KeyError: a time that counts lacks.
        ValueError: one of them has no files, and the newest counts.
    """
    if file_type in INDEXED:
        index = f"index.{file_type}"
        return bool(client[index]["mtime"] > server[index]["mtime"])
    return bool(_newest(client) > _newest(server))


def check_newer(server: Mapping[str, Fields], client: Mapping[str, Fields], file_type: str) -> None:
    """Do nothing if the client's version may follow what is live.

    It may if it is newer, or if no time is known of what is live: somebody published it in another way.

    Raises:
        InvalidManifest: the client tells no time of what counts.
        Superseded: its version is not newer.
    """
    index = f"index.{file_type}"
    known = {path: fields for path, fields in server.items() if isinstance(fields.get("mtime"), int)}
    if not known or (file_type in INDEXED and index not in known):
        return
    try:
        if is_newer(known, client, file_type):
            return
    except (KeyError, ValueError, TypeError) as err:
        what = index if file_type in INDEXED else "any file"
        raise InvalidManifest(f"the manifest tells no time of {what}") from err
    raise Superseded("Abort: the client version is older than server version")


def _newest(manifest: Mapping[str, Fields]) -> int:
    return max(int(fields["mtime"]) for fields in manifest.values())
