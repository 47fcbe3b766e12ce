"""What a host that is a file system can do with whole folders, beyond :class:`~oaio_storage.hosts.CshApi`."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, Literal, NamedTuple, Protocol

import attrs

Guards = Mapping[str, str]
"""Paths of files in the state folder -> the version that each must have."""

Kind = Literal["", "folder", "mount", "link", "other"]
"""What stands somewhere: nothing, a folder, a folder on which a disk is mounted so that it can't be moved, a
symbolic link, anything else."""

How = Literal["exchange", "point", "gap"]
"""How a folder takes the place of another: exchanged in one step; a symbolic link replaced in one step; or
renamed away and renamed in, with a moment in which nothing is there."""


@attrs.frozen
class Standing:
    """What stands somewhere.

    Attributes:
        kind: what it is.
        folder: its identity, or that of the folder that a link names, as :meth:`HostFolders.identity`.
        pointed_at: what a link names; empty: it is none.
    """

    kind: Kind
    folder: str = ""
    pointed_at: str = ""


class Placed(NamedTuple):
    """A file in a folder.

    Attributes:
        size: bytes.
        mark: inode and mtime: while both are the same, and the size, so are the bytes, given that nobody
            writes to files that oaio placed and sets their times back.
        executable: whether its owner may execute it.
    """

    size: int
    mark: str
    executable: bool


class Link(NamedTuple):
    """A second name wanted for a file: ``target``, for ``source``, if that is still ``placed`` so.

    Both are relative to a folder each.
    """

    source: str
    target: str
    placed: Placed


@attrs.frozen(kw_only=True)
class Incoming:
    """A file to be stored.

    Attributes:
        path: where.
        checksum: SHA-256 that its content must have.
        executable: whether its owner may execute it.
        drafts: folder on the same disk for content that is not complete yet.
    """

    path: str
    checksum: str
    executable: bool
    drafts: str


class HostFolders(Protocol):
    """The folders of a host, for layouts that publish plain files; no method follows a link.

    Paths are relative to the root and checked by the caller. They may lie in the state folder, in which the
    caller has a folder of its own. Errors are those of :mod:`oaio_storage.errors`. Nothing is durable before
    :meth:`flush`, unless it says so. Where a method takes guards, looking at them and changing a name are one
    step for all that use this host.
    """

    @property
    def root_folder(self) -> str:
        """Where the root lies on this machine."""
        ...

    def kind(self, path: str) -> Kind:
        """What stands at ``path``."""
        ...

    def standing(self, name: str) -> Standing:
        """What stands at a name in the root."""
        ...

    def identity(self, path: str) -> str:
        """Tells the folder at ``path``, or the one that a link there names, from all others that exist.

        It stays the same when the folder is renamed or exchanged. Empty if there is none. Once the folder is
        gone, no other gets it, unless :func:`is_reusable`.
        """
        ...

    def durable_identity(self, name: str) -> str:
        """As :meth:`identity` of a name in the root, once what it stands for survives a loss of power.

        Whoever changed it may have been cut off before it did so; while somebody switches it, it is waited.
        """
        ...

    def check_writable(self) -> None:
        """Do nothing if this user may change which names there are in the root.

        Raises:
            AccessDenied: no, or nobody may, since the disk is mounted read-only.
        """
        ...

    def make(self, folder: str) -> None:
        """Make a folder, and those above it, as far as they are missing."""
        ...

    def receive(self, file: Incoming, source: BinaryIO, *, guards: Guards) -> Placed:
        """Store a read-only file with its folders, all or nothing; what it is.

        Raises:
            Corrupt: ``source`` is not what was announced.
            Changed: a guard is not as it must be.
        """
        ...

    def discard(self, path: str, *, guards: Guards) -> None:
        """Remove one file; that it is absent already is success.

        Raises:
            Changed: a guard is not as it must be.
        """
        ...

    def link(self, source: str, target: str, links: Iterable[Link], *, guards: Guards) -> list[Link]:
        """Give files of one folder names in another; the links that can't be, or whose source is not as said.

        Raises:
            Changed: a guard is not as it must be; some of the files may have their second name.
        """
        ...

    def inside(self, folder: str) -> Iterator[tuple[str, int]]:
        """The folders directly in ``folder``: name, and when something came or went in it (ns since 1970)."""
        ...

    def placed(self, folder: str) -> Iterator[tuple[str, Placed | None]]:
        """Everything below ``folder`` that is no folder, relative to it; None for what is no regular file."""
        ...

    def differing(self, folder: str, marks: Mapping[str, str]) -> list[str]:
        """The paths, relative to ``folder``, of files that lack, are too much, or are not those marked.

        Files are told apart, but not looked at: that one was written to since is not found. Costs far less
        than :meth:`placed`.

        Args:
            folder: a folder.
            marks: path -> mark of all files that it should hold.
        """
        ...

    def read(self, path: str) -> BinaryIO:
        """A stream of the file at ``path``.

        Raises:
            NotFound: there is no regular file.
        """
        ...

    def take_modes(self, folder: str, model: str) -> None:
        """Give ``folder``, and each folder in it, the permissions that its namesake in ``model`` has."""
        ...

    def flush(self, folder: str) -> None:
        """Make all that lies below ``folder``, and its own name, survive a loss of power.

        Raises:
            Unavailable: an earlier flush of it failed or was cut off (:func:`unproven`), so that another one
                that succeeds would prove nothing.
        """
        ...

    def switch(self, staged: str, place: str, how: How, *, found: Standing, guards: Guards) -> None:
        """Let the folder ``staged`` take the ``place``, durably, unless that or a guard has changed.

        What was there before lies at ``staged`` afterwards; if nothing was, nothing does. What could not be
        made durable is taken back.

        Args:
            staged: the folder, in the state folder.
            place: a name in the root.
            how: in which way. With ``"point"`` ``staged`` stays where it is and ``place`` is a link to it.
                With ``"gap"`` what was there lies at :func:`displaced` of ``staged`` in between.
            found: what must stand there, so that no stranger's folder is taken for it.
            guards: what must be as it was.

        Raises:
            Changed: something else stands there, or a guard is not as it must be.
            NotGuaranteed: this is not possible here in this way.
        """
        ...

    def move(self, folder: str, target: str) -> None:
        """Rename a folder, durably; where ``target`` exists or ``folder`` does not, nothing happens.

        That somebody else moved ``folder`` is durable then, too.
        """
        ...

    def remove(self, folder: str, *, guards: Guards | None = None) -> bool:
        """Remove a folder and all in it; False if somebody holds it, or made it anew, and it stays.

        It is gone in one step; what was in it goes afterwards, as far as this user may remove it; the rest is
        for :meth:`tidy`. That is durable, whoever removed it.

        Raises:
            Changed: a guard is not as it must be.
        """
        ...

    def tidy(self, folder: str, *, dry_run: bool = False) -> dict[str, str]:
        """Remove what removals and switches that were cut off left directly in ``folder``.

        What somebody works on stays, and is not named.

        Returns:
            Its names, sorted, each with why it stays; empty: it went, or would go.

        Args:
            folder: which.
            dry_run: only name it.
        """
        ...

    def hold(self, folder: str, *, alone: bool = False) -> AbstractContextManager["HeldFolder"]:
        """The folder, or the one that a link of :meth:`switch` names, kept from :meth:`remove`.

        It is kept until the block ends or this process does. With ``alone`` nobody else may hold it.

        Raises:
            NotFound: there is no such folder.
            Busy: somebody else holds it, and one of the two alone.
        """
        ...

    def is_held(self, folder: str) -> bool:
        """Whether somebody holds it."""
        ...


def displaced(staged: str) -> str:
    """Where a folder lies for the moment of a gap, while ``staged`` takes its place."""
    return f"{staged}.displaced"


def reusable(number: str) -> str:
    """An identity that only tells folders apart that exist at the same time."""
    return f"{number}?"


def is_reusable(identity: str) -> bool:
    """Whether another folder may have this identity, once the one that had it is gone."""
    return identity.endswith("?")


def unproven(folder: str) -> str:
    """What lies beside a folder while it is flushed, and afterwards unless that succeeded."""
    return f"{folder}.unproven"


class HeldFolder(Protocol):
    """A folder that stays what it is, whatever its name leads to meanwhile."""

    @property
    def identity(self) -> str:
        """As :meth:`HostFolders.identity`."""
        ...

    def read(self, path: str) -> BinaryIO:
        """A seekable stream of a file in it.

        Raises:
            NotFound: there is no such regular file.
        """
        ...

    def placed(self) -> Iterator[tuple[str, Placed | None]]:
        """As :meth:`HostFolders.placed`."""
        ...
