"""What the methods of the client share: error texts, stamps, and what follows an edit."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from oaio_storage import durable
from oaio_storage.client import edits, switching
from oaio_storage.client.device import Device
from oaio_storage.client.drafts import Attachment, Draft, LookedAt, State
from oaio_storage.client.remote import Remote
from oaio_storage.client.syncing import Syncing, told
from oaio_storage.errors import AlreadyExists, Busy, Changed, Forbidden, OaioError
from oaio_storage.model import MAY_UPDATE, OLDEST_SYNC_STAMP, OaiObject, checked_stamp

LAST_SYNC_STAMP_FILE = "last_sync_stamp.txt"
"""Name of the file under client_root that holds the stamp of the last synchronisation."""


LOOKS = 3
"""How often an edit looks at files that change place meanwhile."""


class Common:
    """State and helpers of the client; use :class:`~oaio_storage.OaioClient`."""

    device: Device
    remote: Remote
    csh_default_id: str
    _syncing: Syncing

    def __init__(self) -> None:
        self._error_message = ""
        self._syncs_itself = True

    @property
    def error_message(self) -> str:
        """What went wrong since the last success; assigned texts accumulate, the empty one wipes them."""
        return self._error_message

    @error_message.setter
    def error_message(self, text: str) -> None:
        self._error_message = "\n\n".join(filter(None, [self._error_message, text])) if text else ""

    @property
    def last_sync_stamp(self) -> str:
        """Stamp of the last synchronisation that reached the server; informs only. It can be set."""
        try:
            return (self.device.client_root / LAST_SYNC_STAMP_FILE).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return OLDEST_SYNC_STAMP

    @last_sync_stamp.setter
    def last_sync_stamp(self, stamp: str) -> None:
        durable.write_file(self.device.client_root / LAST_SYNC_STAMP_FILE, stamp.encode("ascii"))

    def _stamp(self, wanted: str) -> str:
        if wanted:
            return checked_stamp(wanted)
        with self.device.store.write() as tables:
            return self.device.next_stamp(tables)

    def _is_known(self, oaio_id: str) -> bool:
        with self.device.store.read() as tables:
            return tables.holding(oaio_id) is not None

    def _register(
        self, oaio_id: str, stamp: str, draft: Draft, attached: Attachment | None = None
    ) -> OaiObject | None:
        try:
            made = edits.register(self.device, oaio_id, stamp, draft, attached)
        except AlreadyExists as err:
            self.error_message = told(err)
            return None
        if attached is not None and attached.contents:
            self._syncing.finish_leftovers()
        self._sync_quietly()
        with self.device.store.read() as tables:
            refused = [edit for edit in tables.edits(oaio_id) if edit.held == "AlreadyExists"]
            now = self.device.visible(tables, oaio_id)
        if refused:
            self.error_message = refused[0].why
            return None
        return now or made

    def _state(self, oaio_id: str) -> State:
        with self.device.store.read() as tables:
            return edits.state_of(self.device, tables, oaio_id)

    def _attach(
        self,
        oaio_id: str,
        place: tuple[str, Path | None],
        stamp: str,
        make: Callable[[Path, Path | None], Attachment],
    ) -> OaiObject:
        for _ in range(LOOKS):
            looked_at = self._looked_at(oaio_id, place, make)
            attached = looked_at.attachment
            change = partial(self._with_files, attached, place[1])
            try:
                made = edits.update(self.device, oaio_id, change, stamp, looked_at)
            except Changed:  # a newer version came in between: what lies there now has seen it
                continue
            if attached.contents:
                self._syncing.finish_leftovers()
            return self._updated(made)
        raise Busy(f"the files of {oaio_id} changed place whenever they were looked at")

    def _looked_at(
        self, oaio_id: str, place: tuple[str, Path | None], make: Callable[[Path, Path | None], Attachment]
    ) -> LookedAt:
        name, root = place
        switching.finish(self.device, oaio_id)
        holding = self._state(oaio_id).holding
        if root is not None:
            with self.device.store.read() as tables:
                edits.check_root(self.device, tables, root, oaio_id, [name] if name else None)
        if holding.right not in MAY_UPDATE:
            raise Forbidden(f"your right {holding.right!s} on {oaio_id} does not allow to change it")
        at = root or (Path(holding.root) if holding.root else None)
        attached = make(at or self.device.cached_root(oaio_id), at)
        return LookedAt(attachment=attached, holding=holding)

    def _with_files(self, files: Attachment, root: Path | None, state: State) -> Draft:
        newest, places = state.newest, self.device.places
        return Draft(
            values=newest.values,
            attached=files.kind,
            files=files.manifest.text(),
            root_path=self.device.place_told(newest, state.holding) if root is None else places.shorten(root),
            csh_id=newest.csh_id if newest.attached else self.csh_default_id or newest.csh_id,
        )

    def _updated(self, made: OaiObject) -> OaiObject:
        """The object after an edit and the synchronisation that is tried with it."""
        self._sync_quietly()
        with self.device.store.read() as tables:
            return self.device.visible(tables, made.oaio_id) or made

    def _sync_quietly(self) -> None:
        """Try to synchronise, unless only ``sync`` shall; what goes wrong is told and fails nothing."""
        if not self._syncs_itself:
            return
        try:
            if self._syncing.try_to_sync():
                self.error_message = ""
                self.last_sync_stamp = self.device.now()
        except OaioError as err:
            self.error_message = told(err)
        except (OSError, sqlite3.Error) as err:
            self.error_message = f"this device's disk failed: {err}"
