"""The objects of the API as JSON has them."""

import mimetypes
from collections.abc import Iterator
from typing import Any

from oaio_storage.testing.koofr.account import Account, Mount, Trashed
from oaio_storage.testing.koofr.names import shown
from oaio_storage.testing.koofr.nodes import File, Folder, Node, walk
from oaio_storage.testing.koofr.switches import MIB, Switches

RETENTION_DAYS = 14

_OCTETS = "application/octet-stream"
_RIGHTS = ("READ", "WRITE", "OWNER", "MOUNT", "CREATE_RECEIVER", "CREATE_LINK", "COMMENT")
_WRITING = {"WRITE", "CREATE_RECEIVER"}


def content_type(name: str) -> str:
    """The type that a name's extension means."""
    return mimetypes.guess_type(name, strict=False)[0] or _OCTETS


def node(found: Node) -> dict[str, Any]:
    """A file object, without what lies below it."""
    if isinstance(found, File):
        return {
            "name": found.name,
            "type": "file",
            "modified": found.modified,
            "size": found.size,
            "contentType": content_type(found.name),
            "hash": found.hash,
            "tags": {},
        }
    return {
        "name": found.name,
        "type": "dir",
        "modified": found.modified,
        "size": 0,
        "contentType": "",
        "tags": {},
    }


def children(folder: Folder) -> list[dict[str, Any]]:
    """The file objects in a folder, one level, in no order that a client may rely on."""
    return [node(child) for child in folder.children.values()]


def tree(found: Node) -> dict[str, Any]:
    """A file object with everything below it."""
    shape = node(found)
    if isinstance(found, Folder):
        shape["children"] = [tree(child) for child in found.children.values()]
    return shape


def lines(folder: Folder) -> Iterator[dict[str, Any]]:
    """The file objects at and below a folder, each with its path from there."""
    for path, found in walk(folder):
        yield {"type": "file", "path": shown(path), "file": node(found)}


def mount(of: Mount, user: str, switches: Switches) -> dict[str, Any]:
    """A mount object."""
    total = switches.quota_of(of.name)
    writable = of.name not in switches.read_only
    member = {
        "id": "1",
        "name": user,
        "email": user,
        "permissions": {right: writable or right not in _WRITING for right in _RIGHTS},
    }
    return {
        "id": of.id,
        "name": of.name,
        "type": "device",
        "origin": "hosted",
        "isPrimary": of.primary,
        "isShared": False,
        "isDir": True,
        "online": True,
        "canWrite": writable,
        "canUpload": writable,
        "overQuota": of.used >= total * MIB,
        "almostOverQuota": of.used * 10 >= total * MIB * 9,
        "spaceTotal": total,
        "spaceUsed": -(-of.used // MIB),
        "version": 1,
        "owner": member,
        "users": [member],
        "groups": [],
        "permissions": member["permissions"],
    }


def trashed(removed: Trashed) -> dict[str, Any]:
    """An entry of the trash."""
    return {
        "mountId": removed.place.mount,
        "path": str(removed.place),
        "name": removed.place.name,
        "deleted": removed.deleted,
        "size": removed.size,
        "contentType": content_type(removed.place.name) if removed.is_file else "",
        "tags": {},
    }


def trash(account: Account, user: str, switches: Switches, now: int) -> dict[str, Any]:
    """The whole trash."""
    oldest = now - RETENTION_DAYS * 86_400_000
    kept = [removed for removed in account.trash if removed.deleted >= oldest]
    mounts = {removed.place.mount: account.mounts[removed.place.mount] for removed in kept}
    return {
        "files": [trashed(removed) for removed in kept],
        "mounts": {mount_id: mount(of, user, switches) for mount_id, of in mounts.items()},
        "retentionDays": RETENTION_DAYS,
    }
