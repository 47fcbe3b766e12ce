"""What each call of the API does to an account, decided without doing it.

Every function here returns the change to make, or raises
:class:`~oaio_storage.testing.koofr.refusals.Refused`.
"""

import attrs

from oaio_storage.testing.koofr.account import Account
from oaio_storage.testing.koofr.changes import Copied, FileStored, FolderMade, Moved, Removed
from oaio_storage.testing.koofr.names import Place, numbered
from oaio_storage.testing.koofr.nodes import File, Folder, Node, files
from oaio_storage.testing.koofr.refusals import Code, Refused


@attrs.frozen
class Condition:
    """What a present file must be; ``None`` is no matter."""

    modified: int | None = None
    size: int | None = None
    hash: str | None = None

    def __bool__(self) -> bool:
        return self != Condition()

    def check(self, node: Node, place: Place) -> None:
        """Refuse with ``Conflict`` what does not match."""
        present = Condition(
            node.modified,
            node.size if isinstance(node, File) else 0,
            node.hash if isinstance(node, File) else "",
        )
        for name in ("modified", "size", "hash"):
            wanted = getattr(self, name)
            if wanted is not None and wanted != getattr(present, name):
                raise Refused(Code.CONDITION_NOT_MET, f"{place} has another {name}.")


@attrs.frozen
class Clash:
    """What a put does where its name is taken: replace, refuse, or, as nobody said, find another name."""

    overwrite: bool = False
    autorename: bool = True
    condition: Condition = Condition()
    ignore_missing: bool = False


@attrs.frozen
class Content:
    """What was uploaded: the id of its bytes, how many, and their MD5 in hex."""

    body: str
    size: int
    hash: str


def make_folder(account: Account, wanted: Place, now: int) -> FolderMade:
    """A folder in a present one; a name that is taken, by a file or a folder, is ``AlreadyExists``."""
    if account.folder(wanted.parent).child(wanted.name) is not None:
        raise Refused(Code.ALREADY_EXISTS, f"{wanted} already exists.")
    return FolderMade(wanted, now)


def put(account: Account, wanted: Place, modified: int, content: Content, clash: Clash) -> FileStored:
    """A file in a present folder, at the place wanted or, where ``clash`` says so, under a name like it."""
    place = _place_of_put(account.folder(wanted.parent), wanted, clash)
    return FileStored(place, modified, content.size, content.hash, content.body)


def _place_of_put(folder: Folder, wanted: Place, clash: Clash) -> Place:
    present = folder.child(wanted.name)
    if clash.overwrite or clash.condition:
        if isinstance(present, Folder):
            raise Refused(Code.NOT_FILE, f"{wanted} is a folder.")
        if present is not None:
            clash.condition.check(present, wanted)
        elif clash.condition and not clash.ignore_missing:
            raise Refused(Code.CONDITION_NOT_MET, f"{wanted} does not exist.")
        return wanted
    if present is None:
        return wanted
    if clash.autorename:
        return wanted.beside(next(name for name in numbered(wanted.name) if folder.child(name) is None))
    raise Refused(Code.NAME_TAKEN, f"{wanted} already exists.")


def remove(
    account: Account, place: Place, condition: Condition, now: int, *, if_empty: bool = False
) -> Removed:
    """A file, or a folder with everything below it; the root stays."""
    if not place.path:
        raise Refused(Code.NOT_FOLDER, "The root of a mount can't be removed.")
    node = account.find(place)
    condition.check(node, place)
    if if_empty and isinstance(node, Folder) and node.children:
        raise Refused(Code.CONDITION_NOT_MET, f"{place} is not empty.")
    return Removed(place, now)


def move(account: Account, source: Place, target: Place, condition: Condition) -> Moved:
    """A file or folder to a place that is free; one that differs in case alone is not."""
    if not source.path:
        raise Refused(Code.BAD_REQUEST, "The root of a mount can't be moved.")
    condition.check(account.find(source), source)
    _check_target(account, source, target, Code.MOVE_INTO_SELF)
    return Moved(source, target)


def copy(account: Account, source: Place, target: Place, modified: int | None) -> Copied:
    """A file or folder once more, at a place that is free; it keeps its time if ``modified`` is ``None``."""
    node = account.find(source)
    _check_target(account, source, target, Code.COPY_INTO_SELF)
    return Copied(source, target, node.modified if modified is None else modified)


def _check_target(account: Account, source: Place, target: Place, into_self: Code) -> None:
    if source.holds(target):
        raise Refused(into_self, f"{target} is {source}, or below it.")
    if not target.path:
        raise Refused(Code.ALREADY_EXISTS, "The root of a mount always exists.")
    if account.folder(target.parent).child(target.name) is not None:
        raise Refused(Code.ALREADY_EXISTS, f"{target} already exists.")


def check_room(account: Account, change: FileStored | Copied | Moved, quota: int) -> None:
    """Refuse with ``OverQuota`` what would make the mount that it goes to hold more than ``quota`` bytes."""
    if isinstance(change, FileStored):
        place = change.place
        present = account.folder(place.parent).child(place.name)
        grown = change.size - (present.size if isinstance(present, File) else 0)
    else:
        place = change.target
        within = isinstance(change, Moved) and change.source.mount == place.mount
        grown = 0 if within else sum(file.size for file in files(account.find(change.source)))
    mount = account.mount(place.mount)
    if grown > 0 and mount.used + grown > quota:
        raise Refused(Code.OVER_QUOTA, f"Not enough space on {mount.name}.")
