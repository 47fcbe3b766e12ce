"""Files, folders and links of a disk in memory, each as it is cached and as it is durable."""

import os
import stat

import attrs

DEVICE = 7
"""The number of the device that all of them are on."""


@attrs.define(eq=False, slots=True)
class File:
    """A file: its content as programs see it, and as it is on the platter."""

    inode: int
    mode: int
    cached: bytearray = attrs.field(factory=bytearray)
    durable: bytearray = attrs.field(factory=bytearray)
    links: int = 0
    mtime: int = 0
    ctime: int = 0


@attrs.define(eq=False, slots=True)
class Link:
    """A symbolic link."""

    inode: int
    target: str
    links: int = 0
    mtime: int = 0
    ctime: int = 0


@attrs.define(eq=False, slots=True)
class Folder:
    """A folder: its names as programs see them, and as they are on the platter.

    ``changed`` tells for each name the number of the effect that made it durable as it is, so that an older
    one never overwrites a newer one. A ``removed`` folder takes no new names.
    """

    inode: int
    mode: int
    cached: "dict[str, Node]" = attrs.field(factory=dict)
    durable: "dict[str, Node]" = attrs.field(factory=dict)
    changed: dict[str, int] = attrs.field(factory=dict)
    removed: bool = False
    birth: int = 0
    mtime: int = 0
    ctime: int = 0


Node = File | Folder | Link


def describe(node: Node) -> os.stat_result:
    """What the system call stat would say of it."""
    match node:
        case File():
            mode, links, size = stat.S_IFREG | node.mode, node.links, len(node.cached)
        case Folder():
            below = sum(isinstance(one, Folder) for one in node.cached.values())
            mode, links, size = stat.S_IFDIR | node.mode, 0 if node.removed else 2 + below, 4096
        case Link():
            mode, links, size = stat.S_IFLNK | 0o777, node.links, len(node.target)
    second = 10**9
    return os.stat_result(
        (
            *(mode, node.inode, DEVICE, links, os.geteuid(), os.getegid(), size),
            *(node.mtime // second, node.mtime // second, node.ctime // second),
        ),
        {"st_mtime_ns": node.mtime, "st_ctime_ns": node.ctime},
    )
