"""Folders: made when something is to stand in them, and asked for once."""

from collections.abc import Mapping

import attrs

from oaio_storage.errors import AlreadyExists, Changed, InvalidName, NotFound, Unavailable
from oaio_storage_digi import names
from oaio_storage_digi.entries import Entry
from oaio_storage_digi.mount import IF_EMPTY, Mount
from oaio_storage_digi.multipart import Upload

_ATTEMPTS = 10


@attrs.define(eq=False)
class Folders:
    """The folders of a mount as far as they are known to be there; safe for threads.

    Paths are those of :class:`Mount`. What is known may be wrong, since others change folders too: a call
    that says so (NotFound) makes it forgotten, and everything is looked at anew.

    Attributes:
        mount: where they are.
        top: a folder whose own spelling, and of those above it, is no matter.
        is_literal: whether a folder that differs from a path below ``top`` in the case of letters is another
            one, so in the way; otherwise it is taken for the same, as the service does.
    """

    mount: Mount
    top: str = ""
    is_literal: bool = False
    _known: set[str] = attrs.field(factory=set, init=False)

    def ensure(self, path: str) -> None:
        """Make a folder and those above it, unless they are there. A repeat and a race are safe.

        One request if only the last one is missing, none if it is known.

        Raises:
            AlreadyExists: a file is in its place, or a folder that is spelled otherwise.
            InvalidName: the service refuses the name.
        """
        if not names.check(path) or path in self._known:
            return
        if self.is_literal and self._is_below_top(path):
            self.ensure(path.rpartition("/")[0])  # whose spelling the service would not look at
        try:
            self._make(path)
        except (NotFound, InvalidName):  # perhaps a file is in the place of one above
            parent = path.rpartition("/")[0]
            if not parent:
                raise
            self._known.discard(parent)
            self.ensure(parent)
            self._make(path)
        self._known.add(path)

    def find(self, path: str) -> None:
        """Do nothing if a folder is there; known ones are not asked for.

        Raises:
            NotFound: it is not, or is spelled otherwise, or a file is in its place.
        """
        if not path or path in self._known or not self.is_literal:
            return
        if path != self.top:
            self.find(path.rpartition("/")[0])
        found = self.mount.info(path)
        if not (found.is_folder and self._is_same(found, path)):
            raise NotFound(f"there is no folder {path!r}")
        self._known.add(path)

    def learn(self, path: str) -> None:
        """Take note of a folder that a listing has shown."""
        self._known.add(path)

    def forget(self, path: str = "") -> None:
        """Know nothing any more of a folder and those below and above it; empty: of all."""
        self._known = {
            each
            for each in self._known
            if path and not f"{each}/".startswith(f"{path}/") and not f"{path}/".startswith(f"{each}/")
        }

    def put(
        self, path: str, upload: Upload, condition: Mapping[str, str], modified: int | None = None
    ) -> Entry:
        """As :meth:`Mount.put`, in a folder that is made if it is missing.

        Raises:
            Unavailable: the folder vanished, and the source can't be read again.
        """
        folder = names.check(path).rpartition("/")[0]
        for _ in range(_ATTEMPTS):
            self.ensure(folder)
            try:
                return self.mount.put(path, upload, condition, modified)
            except NotFound:
                self.forget(folder)
                if not upload.is_repeatable:
                    break
        raise Unavailable(f"the folder of {path!r} vanished while it was written")

    def prune(self, path: str) -> None:
        """Remove a folder below ``top``, and those above it, as far as they hold nothing."""
        while self._is_below_top(path):
            try:
                self.mount.remove(path, IF_EMPTY)
            except Changed:
                return
            except NotFound:
                pass
            self.forget(path)
            path = path.rpartition("/")[0]

    def remove_hollow(self, path: str) -> None:
        """Remove a folder that holds no files, with the folders in it.

        Raises:
            AlreadyExists: it holds something meanwhile.
        """
        try:
            for entry in self.mount.children(path):
                self.remove_hollow(f"{path}/{entry.name}")
            self.mount.remove(path, IF_EMPTY)
        except Changed:
            raise AlreadyExists(f"{path!r} is a folder") from None
        except NotFound:
            pass
        self.forget(path)

    def _make(self, path: str) -> None:
        try:
            self.mount.make_folder(path)
        except AlreadyExists:
            try:
                found = self.mount.info(path)
            except NotFound:
                raise InvalidName(f"the service refuses the name of the folder {path!r}") from None
            if not found.is_folder:
                raise AlreadyExists(f"{path!r} is a file, so nothing can stand in it") from None
            if not self._is_same(found, path):
                raise AlreadyExists(f"{path!r} is there as {found.name!r}") from None

    def _is_same(self, found: Entry, path: str) -> bool:
        is_literal = self.is_literal and self._is_below_top(path)
        return not is_literal or found.name == path.rpartition("/")[2]

    def _is_below_top(self, path: str) -> bool:
        return path.startswith(f"{self.top}/")
