"""A host that only plans what it is asked to change."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import attrs

from oaio_storage.errors import AlreadyExists, Changed, NotFound, WrongRoot
from oaio_storage.hosts.folders import HostFolders
from oaio_storage.hosts.guarantees import Absent, Expect, Stat
from oaio_storage.hosts.roots import MARKER
from oaio_storage.hosts.streams import PIECE
from oaio_storage.hosts.wrappers.base import Wrapper
from oaio_storage.names import STATE_FOLDER


@attrs.frozen
class Change:
    """One change that would be made; prints as ``write a/b 120 B``.

    Attributes:
        action: ``write``, ``copy``, ``delete``, ``exchange``, ``clean up`` or ``create root``.
        path: the file or folder; empty if it is about none.
        target: of ``copy`` and ``exchange`` the other one.
        size: in bytes, of what would be stored.
    """

    action: str
    path: str = ""
    target: str = ""
    size: int | None = None

    def __str__(self) -> str:
        names = {"copy": f"{self.path} to {self.target}", "exchange": f"{self.path} and {self.target}"}
        size = f"{self.size} B" if self.size is not None else ""
        return " ".join(filter(None, (self.action, names.get(self.action, self.path), size)))


@attrs.define(eq=False)
class _Planned:
    """What would be there: by the place where it lies before the planned exchanges, and without contents.

    Attributes:
        files: the files that would be there, and None for those that would be gone.
        folders: how many of those that would be there stand in each folder.
        exchanges: the folders that would be exchanged, in order.
    """

    files: dict[str, Stat | None] = attrs.field(factory=dict)
    folders: Counter[str] = attrs.field(factory=Counter)
    exchanges: list[tuple[str, str]] = attrs.field(factory=list)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def place(self, path: str) -> str:
        """Where that lies which would be found at ``path``."""
        for a, b in reversed(self.exchanges):
            for here, there in ((a, b), (b, a)):
                if f"{path}/".startswith(f"{here}/"):
                    path = there + path[len(here) :]
                    break
        return path

    def put(self, place: str, stored: Stat | None) -> None:
        """Let ``stored`` be what would be there."""
        with self.lock:
            before, self.files[place] = self.files.get(place), stored
            for folder in _folders(place):
                self.folders[folder] += (stored is not None) - (before is not None)


@attrs.frozen(eq=False)
class DryRun(Wrapper):
    """``inner``, which is read but never changed: what would change it is checked, and added to ``plan``.

    Checked is, as if it were done: names, guarantees, the source to its announced end, conditions, and what
    is in the way, against what ``inner`` holds and what the plan made of that. Answers are those of the real
    host, with versions that only this plan knows. Reading and listing answer what ``inner`` holds, without
    the plan: who reads what was written needs a host that stores it.

    Attributes:
        plan: the changes that would have been made, in order; shared with the state folder.
    """

    plan: list[Change] = attrs.field(factory=list, kw_only=True)
    _planned: _Planned = attrs.field(factory=_Planned, kw_only=True, repr=False)
    _folder: str = attrs.field(default="", kw_only=True, repr=False)

    @property
    def state(self) -> "DryRun":
        """The state folder of ``inner``, with the same plan."""
        return attrs.evolve(self, inner=self.inner.state, folder=f"{STATE_FOLDER}/")

    @property
    def folders(self) -> HostFolders:
        """None: they would change the host around this one; publishing makes plans of its own."""
        raise self._not_guaranteed("plan changes of whole folders")

    def _write(
        self,
        path: str,
        source: BinaryIO,
        size: int | None,  # noqa: ARG002 - whoever calls the hook checks it
        expect: Expect,
        headers: Mapping[str, str],  # noqa: ARG002 - they change no name
    ) -> Stat:
        length = 0
        while piece := source.read(PIECE):
            length += len(piece)
        if expect is not None:
            self._check_expected(path, expect)
        return self._put(Change("write", self._folder + path, size=length), path)

    def _copy(self, source: str, target: str) -> Stat:
        found = self._found(source)
        if found is None:
            raise NotFound(f"there is no file {source!r}")
        return self._put(Change("copy", self._folder + source, self._folder + target, found.size), target)

    def _delete(self, path: str, expect: str | None) -> None:
        found = self._found(path)
        if found is None:
            return
        if expect is not None:
            self._check_expected(path, expect)
        self._planned.put(self._place(path), None)
        self.plan.append(Change("delete", self._folder + path))

    def _swap_folders(self, a: str, b: str) -> None:
        for path in (a, b):
            if not self._is_folder(path):
                raise NotFound(f"{path!r} is no folder")
        self._planned.exchanges.append((self._folder + a, self._folder + b))
        self.plan.append(Change("exchange", self._folder + a, self._folder + b))

    def _clean_up(self, older_than: float) -> int:
        self.plan.append(Change("clean up", f"what is older than {older_than} s"))
        return 0

    def _create_root(self) -> str:
        """The marker's id; where there is none, one that no root has."""
        try:
            self.inner.state.stat(MARKER)
        except (NotFound, WrongRoot):
            self._demand(self.guarantees.conditional_write, "decide conditions of a write in one step")
            self.plan.append(Change("create root"))
            return secrets.token_hex(16)
        return self.inner.root_id()

    def _put(self, change: Change, path: str) -> Stat:
        self._check_way(path)
        stored = Stat(path, change.size or 0, f"planned-{secrets.token_hex(8)}")
        self._planned.put(self._place(path), stored)
        self.plan.append(change)
        return stored

    def _place(self, path: str) -> str:
        return self._planned.place(self._folder + path)

    def _found(self, path: str) -> Stat | None:
        place = self._place(path)
        if place in self._planned.files:
            return self._planned.files[place]
        try:
            return self.inner.stat(place.removeprefix(self._folder))
        except NotFound:
            return None

    def _is_folder(self, path: str) -> bool:
        place, planned = self._place(path), self._planned
        if planned.folders[place]:
            return True
        inside = self.inner.list(place.removeprefix(self._folder))
        return any(planned.files.get(self._folder + seen.path, seen) is not None for seen in inside)

    def _check_expected(self, path: str, expect: Expect) -> None:
        found = self._found(path)
        if expect is Absent and found is not None:
            raise AlreadyExists(f"{path!r} exists already")
        if expect is not Absent and (found is None or found.version != expect):
            raise Changed(f"{path!r} has another version" if found else f"{path!r} is not there any more")

    def _check_way(self, path: str) -> None:
        for folder in _folders(path):
            if self._found(folder) is not None:
                raise AlreadyExists(f"{folder!r} is a file, so {path!r} can't be one")
        if self._is_folder(path):
            raise AlreadyExists(f"{path!r} is a folder")


def _folders(path: str) -> Iterator[str]:
    """The folders that ``path`` stands in."""
    while path := path.rpartition("/")[0]:
        yield path
