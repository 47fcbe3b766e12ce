"""Copying and moving within a mount."""

import posixpath
import secrets
from collections.abc import Callable
from typing import BinaryIO, cast

import attrs

from oaio_storage.errors import AlreadyExists, NotFound, Unavailable
from oaio_storage_digi.entries import Entry
from oaio_storage_digi.folders import Folders
from oaio_storage_digi.mount import OVERWRITE, Mount, removal
from oaio_storage_digi.multipart import Upload
from oaio_storage_digi.reader import Reader

_ATTEMPTS = 5


@attrs.frozen(eq=False)
class Transfers:
    """What is done with files and folders that are there already.

    The service does it, but for a file that takes the place of another: the service refuses that, and
    removing the other first would leave none for a while, so the content travels through this machine.

    Attributes:
        mount: where they are.
        folders: what is known of its folders; those of targets are made if they are missing.
    """

    mount: Mount
    folders: Folders

    def copy(self, source: str, target: str) -> None:
        """Copy a file with its time, in place of one that is there; to itself: nothing.

        Raises:
            NotFound: there is no source.
            AlreadyExists: a folder is in the way.
        """
        if source.lower() != target.lower():
            self._to_place(source, target, self._copied)

    def move(self, source: str, target: str) -> None:
        """Move a file in place of one that is there, or a folder with all that it holds.

        Raises:
            NotFound: there is no source.
            AlreadyExists: something is in the way of a folder, or a folder of a file; or it would come to be
                in itself.
        """
        if source.lower() == target.lower():
            self._respell(source, target)
        else:
            self._to_place(source, target, self._moved)
        self.folders.forget(source)

    def _to_place(self, source: str, target: str, transfer: Callable[[str, str, Entry], None]) -> None:
        for _ in range(_ATTEMPTS):
            seen = self.mount.info(source)
            self.folders.ensure(posixpath.dirname(target).rstrip("/"))
            try:
                transfer(source, target, seen)
            except NotFound:  # the source vanished, or a folder that is known no more
                self.folders.forget()
            else:
                return
        raise Unavailable(f"the folder of {target!r} vanishes again and again")

    def _copied(self, source: str, target: str, seen: Entry) -> None:
        try:
            self.mount.copy(source, target, seen.modified)
        except AlreadyExists:
            if seen.is_folder:
                raise
            self._sent_over(source, target, seen)

    def _moved(self, source: str, target: str, seen: Entry) -> None:
        try:
            self.mount.move(source, target)
        except AlreadyExists:
            if seen.is_folder:
                raise
            self._sent_over(source, target, seen)
            self.mount.remove(source, removal(seen.version))

    def _sent_over(self, source: str, target: str, seen: Entry) -> None:
        with Reader(self.mount, source, seen) as content:
            upload = Upload(cast("BinaryIO", content), seen.size)
            self.folders.put(target, upload, OVERWRITE, seen.modified)

    def _respell(self, source: str, target: str) -> None:
        """Change the case of letters, which the service refuses to do in one step."""
        between = f"{target}-{secrets.token_hex(4)}"
        self.mount.move(source, between)
        self.mount.move(between, target)
