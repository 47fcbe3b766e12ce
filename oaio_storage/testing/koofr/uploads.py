"""A put: its content on the way to the disk, and the place that it gets."""

from collections.abc import Iterable

import attrs

from oaio_storage.testing.koofr import operations
from oaio_storage.testing.koofr.account import Account, Mount
from oaio_storage.testing.koofr.bodies import Incoming
from oaio_storage.testing.koofr.changes import FileStored
from oaio_storage.testing.koofr.control import Control
from oaio_storage.testing.koofr.forms import FormFile, is_form
from oaio_storage.testing.koofr.names import Path, Place, parse_name
from oaio_storage.testing.koofr.nodes import File, find_folder
from oaio_storage.testing.koofr.operations import Clash
from oaio_storage.testing.koofr.refusals import NEW, Code, Refused
from oaio_storage.testing.koofr.request import Request
from oaio_storage.testing.koofr.store import Store

_IGNORE_MISSING = {"overwriteIgnoreNonexisting", "overwriteIgnoreNonexistent"}


@attrs.frozen
class Upload:
    """What a put asks for. ``filename`` is told in the query, else in the form."""

    request: Request
    parent: Path
    filename: str | None
    modified: int
    size: int | None
    clash: Clash
    control: Control

    @classmethod
    def of(cls, request: Request, control: Control) -> "Upload":
        """Read the query of a put; ``BadRequest`` is refused."""
        query = request.route.query
        filename = query.get("filename")
        modified = request.number("modified")
        clash = Clash(
            overwrite=query.get("overwrite") == "true",
            autorename=query.get("autorename") != "false",
            condition=request.condition("overwriteIf"),
            ignore_missing=not _IGNORE_MISSING.isdisjoint(query),
        )
        return cls(
            request,
            request.path,
            None if filename is None else parse_name(filename),
            control.now() if modified is None else modified,
            request.number("size"),
            clash,
            control,
        )

    def receive(self, store: Store, mount: Mount) -> File:
        """Take the content and store it as a file; a body that breaks off leaves nothing.

        Raises:
            Refused: as :func:`operations.put`; also ``FileTooLarge``, ``OverQuota``, or no form.
            CutShort: the connection ended.
        """
        store.look(lambda _: find_folder(mount.root, self.parent))
        form = self._form()
        with store.receive() as incoming:
            self._take(incoming, form.pieces() if form else iter(self.request.body.read, b""), mount)
            content = incoming.finish()
            if self.size not in {None, content.size}:
                raise Refused(Code.BAD_REQUEST, "Not of the size that was told.")
            name = parse_name(self.filename or (form and form.filename))
            wanted = Place(mount.id, self.parent).below(name)

            def decide(account: Account) -> FileStored:
                change = operations.put(account, wanted, self.modified, content, self.clash)
                operations.check_room(account, change, self.control.quota(mount.name))
                return change

            stored = store.change(decide, incoming)
        return File(stored.place.name, stored.modified, stored.size, stored.hash, stored.body)

    def _form(self) -> FormFile | None:
        kind = self.request.headers.get("Content-Type", "")
        if is_form(kind):
            return FormFile(self.request.body, kind)
        if self.request.route.level != NEW:
            raise Refused(Code.BAD_REQUEST, "Not a form.")
        return None

    def _take(self, incoming: Incoming, pieces: Iterable[bytes], mount: Mount) -> None:
        largest, quota = self.control.switches.largest_file, self.control.quota(mount.name)
        for piece in pieces:
            incoming.write(piece)
            if largest is not None and incoming.size > largest:
                raise Refused(Code.TOO_LARGE, f"More than {largest} bytes.")
            if incoming.size > quota:
                raise Refused(Code.OVER_QUOTA, f"Not enough space on {mount.name}.")
