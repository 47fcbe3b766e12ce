"""From what an app names as a file or folder to what is attached.

Looked at, checked and hashed, before anything is changed.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

from oaio_storage.client import edits, foreign
from oaio_storage.client.device import Device
from oaio_storage.client.drafts import Attachment, Draft
from oaio_storage.client.edits import check_argument
from oaio_storage.client.records import Holding
from oaio_storage.client.switching import check_inside
from oaio_storage.errors import InvalidArgument, InvalidName, NotFound, RootUnavailable, SourceChanged
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.names import check_path, collisions, why_refused
from oaio_storage.scan import hash_file, scan

RENAME = "Rename them, or move them out of the folder."

_SHOWN, _SHOWN_CHARS = 3, 200


def place(device: Device, file_name: str, root_path: str) -> tuple[str, Path | None]:
    """The relative name and the folder that ``file_name`` and ``root_path`` mean; None: below client_root.

    An absolute ``file_name`` without ``root_path`` means the file's own folder.

    Raises:
        InvalidName: a name that no host can hold, ``..`` among them.
        InvalidArgument: not texts.
    """
    check_argument(
        isinstance(file_name, str) and isinstance(root_path, str), "file name and root path are texts"
    )
    check_argument(file_name, "no file was named")
    if root_path:
        return check_path(file_name), device.places.expand(root_path)
    path = Path(device.places.expand(file_name)) if file_name.startswith(("/", "~", "{")) else Path(file_name)
    if path.is_absolute():
        return check_path(path.name), path.parent
    return check_path(PurePosixPath(path).as_posix()), None


def file(device: Device, name: str, root: Path | None, where: Path, content: bytes | None) -> Attachment:
    """One file: ``content``, or if that is None what lies at ``where / name``.

    Raises:
        InvalidArgument: there is no such file, or ``content`` is not bytes.
        SourceChanged, RootUnavailable: it can't be read.
    """
    check_argument(content is None or isinstance(content, bytes), "file content is given as bytes")
    if content is not None:
        check_inside(where, name)
        check_argument(not (where / name).is_dir(), f"a folder is in place of the file {where / name}")
        entry = on_disk(FileEntry(size=len(content), checksum=hashlib.sha256(content).hexdigest()))
        return Attachment(
            kind="file",
            manifest=Manifest({name: entry}),
            root=root,
            contents={name: edits.keep_content(device, content)},
        )
    path = where / name
    check_argument(path.is_file(), f"there is no file {path}", "Name an existing file, or give its content.")
    return Attachment(kind="file", manifest=Manifest({name: read_entry(path)}), root=root)


def files(device: Device, names: object, root: Path | None, where: Path) -> Attachment:
    """Several named files of one folder.

    Raises:
        InvalidArgument: ``names`` is no list of texts, or one of the files is missing.
    """
    check_argument(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names),
        "attached files are a list of relative paths",
    )
    assert isinstance(names, list)
    parts = [file(device, check_path(name), root, where, None).manifest for name in names]
    entries = {path: entry for part in parts for path, entry in part.items()}
    return Attachment(kind="file", manifest=Manifest(entries), root=root)


def folder(device: Device, root: Path) -> Attachment:
    """All files of a folder.

    Raises:
        InvalidArgument: there is no such folder.
        InvalidName: a name in it that no host can hold, or two that not every host can hold side by side.
        RootUnavailable: a file or folder in it can't be looked at.
        RootOverlap: a folder in it holds a client's or a server's state.
        SourceChanged: a file kept changing.
    """
    check_argument(root.is_dir(), f"there is no folder {root}", "Name an existing folder.")
    foreign.check_below(root)
    found = scan(root, cache=device.cache)
    if unreadable := {path: why for path, why in found.unknown.items() if not is_skipped(root / path)}:
        if names := misnamed(unreadable):
            raise InvalidName(f"{len(names)} names in {root} that no host can hold: {_listed(names)}", RENAME)
        raise RootUnavailable(
            f"{len(unreadable)} of what is in {root} can't be read: {_listed(unreadable)}",
            "Make it readable, or move it out of the folder.",
        )
    return Attachment(kind="folder", manifest=found.manifest, root=root)


def misnamed(unknown: Mapping[str, str]) -> dict[str, str]:
    """Those of a scan's ``unknown`` whose names alone are the reason, to be mended by renaming."""
    clashing = {path for group in collisions(unknown) for path in group}
    return {path: why for path, why in unknown.items() if path in clashing or why_refused(path)}


def _listed(unknown: Mapping[str, str]) -> str:
    shown = [f"{path[:_SHOWN_CHARS]!r} ({why})" for path, why in sorted(unknown.items())[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(unknown) > _SHOWN else "")


def folder_at(device: Device, where: Path, root: Path | None) -> Attachment:
    """All files of the folder ``where``; ``root`` is None if that is the one below client_root.

    Raises as :func:`folder`.
    """
    return attrs.evolve(folder(device, where), root=root)


def is_skipped(path: Path) -> bool:
    """Whether a path that can't be known is one that is left out on purpose.

    A link, device, socket or pipe.
    """
    try:
        return path.is_symlink() or not (path.is_file() or path.is_dir())
    except (OSError, ValueError):
        return False


def on_disk(entry: FileEntry) -> FileEntry:
    """How a scan of this device tells a file that was put there as ``entry``.

    With an executable bit where the system has one.
    """
    executable = bool(entry.executable) if os.name == "posix" else None
    return FileEntry(size=entry.size, checksum=entry.checksum, executable=executable)


def manifest_on_disk(manifest: Manifest) -> Manifest:
    """How a scan of this device tells files that were put there as ``manifest``."""
    return Manifest({path: on_disk(entry) for path, entry in manifest.items()})


def read_entry(path: Path) -> FileEntry:
    """What a single file is.

    Raises:
        RootUnavailable: it can't be read.
        SourceChanged: it vanished or kept changing.
    """
    try:
        return hash_file(path)
    except NotFound as err:
        raise SourceChanged(f"{path} vanished while it was read") from err
    except PermissionError as err:
        raise RootUnavailable(f"{path} can't be read", "Make it readable.") from err


def draft_of(device: Device, values: str, holding_root: str, csh_id: str, attached: Attachment) -> Draft:
    """What the next version says about files that are attached."""
    root = str(attached.root) if attached.root is not None else holding_root
    return Draft(
        values=values,
        attached=attached.kind,
        files=attached.manifest.text(),
        root_path=device.places.shorten(root) if root else "",
        csh_id=csh_id,
    )


def root_named(device: Device, root_path: object, holding: Holding | None = None) -> Path | None:
    """The folder that an app names; without a name that of ``holding``; None: below client_root.

    Raises:
        InvalidArgument: it is not a text.
    """
    if not isinstance(root_path, str):
        raise InvalidArgument("a root path is a text")
    if root_path:
        return device.places.expand(root_path)
    return Path(holding.root) if holding and holding.root else None
