"""An account: its mounts, its trash, and which contents are in use. Works in memory alone."""

import uuid
from collections import Counter
from collections.abc import Mapping

import attrs

from oaio_storage.testing.koofr.changes import Change, Copied, FileStored, FolderMade, Moved, Removed
from oaio_storage.testing.koofr.names import Place, fold
from oaio_storage.testing.koofr.nodes import File, Folder, Node, clone, files, find, find_folder
from oaio_storage.testing.koofr.refusals import Code, Refused

PRIMARY = "primary"
_MOUNTS = uuid.UUID("6cb6ae61-3ad3-4f94-9dd9-6c1ab9c6b2a4")


@attrs.define
class Mount:
    """A tree of files of its own; ``used`` bytes in all."""

    name: str
    primary: bool
    id: str = attrs.field(init=False)
    root: Folder = attrs.field(factory=lambda: Folder("", 0), init=False, repr=False)
    used: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.id = str(uuid.uuid5(_MOUNTS, self.name))


@attrs.frozen
class Trashed:
    """What the trash tells of something removed: its place, bytes, and when, in milliseconds."""

    place: Place
    size: int
    deleted: int
    is_file: bool


@attrs.define
class Account:
    """Mounts by id, the first of the names given is the primary one; changed by :meth:`apply` alone."""

    mounts: Mapping[str, Mount]
    trash: list[Trashed] = attrs.field(factory=list)
    references: Counter[str] = attrs.field(factory=Counter, repr=False)

    @classmethod
    def of(cls, *names: str) -> "Account":
        """An account with empty mounts of these names. Their ids depend on the names alone."""
        mounts = [Mount(name, primary=not index) for index, name in enumerate(names)]
        return cls({mount.id: mount for mount in mounts})

    def mount(self, mount_id: str) -> Mount:
        """The mount of this id; ``primary`` is the primary one.

        Raises:
            Refused: ``NotFound``.
        """
        for mount in self.mounts.values():
            if mount.id == mount_id or (mount_id == PRIMARY and mount.primary):
                return mount
        raise Refused(Code.NOT_FOUND, "Mount not found.")

    def find(self, place: Place) -> Node:
        """What lies at a place; ``NotFound`` is refused."""
        return find(self.mount(place.mount).root, place.path)

    def folder(self, place: Place) -> Folder:
        """The folder at a place; ``NotFound`` and ``NotDir`` are refused."""
        return find_folder(self.mount(place.mount).root, place.path)

    def apply(self, change: Change) -> list[str]:
        """Let a change happen that was decided on this state; the contents that nobody uses now."""
        gone: Node | None = None
        match change:
            case FolderMade(place, modified):
                self._attach(place, Folder(place.name, modified))
            case FileStored(place, modified, size, md5, body):
                gone = self._attach(place, File(place.name, modified, size, md5, body))
            case Removed(place, deleted):
                gone = self._detach(place)
                size = sum(file.size for file in files(gone))
                self.trash.append(Trashed(place, size, deleted, isinstance(gone, File)))
            case Moved(source, target):
                self._attach(target, attrs.evolve(self._detach(source), name=target.name))
            case Copied(source, target, modified):
                node = clone(self.find(source))
                self._attach(target, attrs.evolve(node, name=target.name, modified=modified))
        bodies = {file.body for file in files(gone)} if gone else set()
        return [body for body in bodies if not self.references[body]]

    def _attach(self, place: Place, node: Node) -> Node | None:
        """Put ``node`` at ``place``; what was there before."""
        children = self.folder(place.parent).children
        replaced = children.pop(fold(place.name), None)
        if replaced is not None:
            self._count(place, replaced, -1)
        children[fold(place.name)] = node
        self._count(place, node, 1)
        return replaced

    def _detach(self, place: Place) -> Node:
        node = self.folder(place.parent).children.pop(fold(place.name))
        self._count(place, node, -1)
        return node

    def _count(self, place: Place, node: Node, times: int) -> None:
        mount = self.mounts[place.mount]
        for file in files(node):
            mount.used += times * file.size
            self.references[file.body] += times
            if not self.references[file.body]:
                del self.references[file.body]
