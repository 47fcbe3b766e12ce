"""The client as apps use it.

The original's names, parameters, defaults and conventions, and the modern surface beside them.
"""

import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oaio_storage.client import attaching, edits, resolving
from oaio_storage.client.drafts import Draft, State
from oaio_storage.client.edits import check_argument, plain_values
from oaio_storage.client.mapping import ObjectMap
from oaio_storage.client.people import People
from oaio_storage.client.reports import Conflict, Problem, SyncReport
from oaio_storage.client.syncing import Syncing, told
from oaio_storage.client.wiring import connect
from oaio_storage.errors import OaioError
from oaio_storage.model import FILES_KEY, ROOT_KEY, OaiObject
from oaio_storage.progress import Report, ignore

if TYPE_CHECKING:
    from oaio_storage.hosts.api import CshApi


class OaioClient(People):
    """A user's objects on this device.

    Made, changed and deleted here at once, and exchanged with the oaio server when it is there.

    Every edit is checked first and durable when the call returns, with or without a connection; then a
    synchronisation is tried, which never fails the edit (``error_message`` tells why it did not work).
    Offline is a normal state.

    Differences from the original, where it lost edits: a stamp never decides what is newer, the server's
    order does, so ``client_stamp`` becomes the stamp that the server accepted; edits that nobody had seen
    become :meth:`conflicts` and are never overwritten; what is deleted on one device goes from the others;
    ``credentials`` are never changed and never shown.

    All methods may raise an InvalidArgument (also an AssertionError) for arguments that are not allowed, Busy
    when another process keeps this device's records locked, QuotaExceeded when its disk is full, and
    LocalStateDamaged when the records can't be read; all of them leave everything as it was.

    Args:
        host: address of the oaio server. ``http://`` and ``https://`` are taken as given; without them it is
            http if the name is exactly ``localhost`` or ``127.0.0.1``, else https.
        credentials: ``username`` and ``password``. Without a password, a session kept in client_root is used.
        app_id: id of the app; default: the program's name.
        device_id: id of this device; default: the host's name.
        csh_default_id: the storage host that objects take unless they name one; empty: the server's default.
        client_root: folder of records and files, placeholders allowed. One user and one server each.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the original's parameters
        self,
        host: str,
        credentials: dict[str, str],
        app_id: str = "",
        device_id: str = "",
        csh_default_id: str = "Digi",
        client_root: str = "{usr}/oaio_root/",
    ) -> None:
        super().__init__()
        self.device, self.remote = connect(host, credentials, app_id, device_id, csh_default_id, client_root)
        self.credentials = credentials
        self.base_url = f"{self.remote.url}/api/"
        self.user_name, self.app_id, self.device_id = (
            self.device.user_name,
            self.device.app_id,
            self.device.device_id,
        )
        self.csh_default_id, self.client_root = csh_default_id, str(self.device.client_root)
        self._syncing = Syncing(self.device, self.remote)

    def __del__(self) -> None:
        """Close connections and records. The session stays, so that the next client needs no log-in."""
        if not sys.is_finalizing() and hasattr(self, "_syncing"):
            self.close()

    def close(self) -> None:
        """Close connections and records. Safe to repeat; the client can be used again afterwards."""
        self.remote.close()
        self.device.store.close()

    @property
    def client_objectz(self) -> MutableMapping[str, OaiObject]:
        """The objects of this device by id, always as they are now."""
        return ObjectMap(self)

    # registering

    def register_object(
        self, values: dict[str, Any], stamp: str = "", oaio_id: str = "", csh_id: str = ""
    ) -> OaiObject | None:
        """Register an object.

        Args:
            values: its values. ``_file_paths`` in it attaches these files of the folder ``_root_path``
                (default: the object's folder under client_root), as the original did.
            stamp: its stamp; default: now.
            oaio_id: its id; default: made of app, user, device, values and stamp.
            csh_id: storage host; needed by objects with files only.

        Returns:
            The new object; None if the stamp is taken by an object of this device, or the server refused the
            id (``error_message``).

        Raises:
            InvalidArgument: values, stamp or id are not allowed, or ``oaio_id`` is registered here already.
        """
        text = plain_values(values)
        check_argument(isinstance(oaio_id, str), "an object id is a text")
        check_argument(
            not oaio_id or not self._is_known(oaio_id), f"the object {oaio_id!r} is registered already"
        )
        stamp = self._stamp(stamp)
        oaio_id = oaio_id or edits.new_id(self.device, stamp, values)
        csh_id = csh_id or self.csh_default_id
        if FILES_KEY not in values:
            return self._register(oaio_id, stamp, Draft(values=text, csh_id=csh_id))
        root = attaching.root_named(self.device, values.get(ROOT_KEY, ""))
        where = root or self.device.cached_root(oaio_id)
        attached = attaching.files(self.device, values[FILES_KEY], root, where)
        draft = attaching.draft_of(self.device, text, "", csh_id, attached)
        return self._register(oaio_id, stamp, draft, attached)

    def register_file(
        self,
        file_name: str,
        file_content: bytes | None = None,
        root_path: str = "",
        stamp: str = "",
        csh_id: str = "",
    ) -> OaiObject | None:
        """Register an object with one file.

        Args:
            file_name: path relative to ``root_path``; an absolute path alone means the file's own folder.
            file_content: bytes to be stored as the file; None: it exists.
            root_path: the file's folder, placeholders allowed; default: the object's folder under
                client_root.
            stamp: as for :meth:`register_object`.
            csh_id: storage host; default: the client's.

        Returns:
            As :meth:`register_object`.

        Raises:
            InvalidArgument: there is no such file, or its name is not allowed.
            UnknownHost: the server does not offer the storage host; the message lists those that it does.
            RootUnavailable, SourceChanged: the file can't be read.
        """
        stamp = self._stamp(stamp)
        name, root = attaching.place(self.device, file_name, root_path)
        told_values = {FILES_KEY: [name]} | ({ROOT_KEY: self.device.places.shorten(root)} if root else {})
        oaio_id = edits.new_id(self.device, stamp, told_values)
        where = root or self.device.cached_root(oaio_id)
        attached = attaching.file(self.device, name, root, where, file_content)
        draft = attaching.draft_of(self.device, "{}", "", csh_id or self.csh_default_id, attached)
        return self._register(oaio_id, stamp, draft, attached)

    def register_folder(self, root_path: str, stamp: str = "", csh_id: str = "") -> OaiObject | None:
        """Register an object with all files below a folder; links and devices are left out.

        Args:
            root_path: the folder, placeholders allowed.
            stamp: as for :meth:`register_object`.
            csh_id: storage host; default: the client's.

        Returns:
            As :meth:`register_object`.

        Raises:
            InvalidArgument: there is no such folder.
            InvalidName: a name in it that no host can hold; the message tells which.
            RootOverlap: it overlaps client_root or another object's folder.
            UnknownHost, RootUnavailable, SourceChanged: as :meth:`register_file`.
        """
        stamp = self._stamp(stamp)
        root = attaching.root_named(self.device, root_path)
        check_argument(root, "no folder was named")
        assert root is not None
        with self.device.store.read() as tables:
            edits.check_root(self.device, tables, root)
        oaio_id = edits.new_id(self.device, stamp, {ROOT_KEY: self.device.places.shorten(root)})
        attached = attaching.folder(self.device, root)
        draft = attaching.draft_of(self.device, "{}", "", csh_id or self.csh_default_id, attached)
        return self._register(oaio_id, stamp, draft, attached)

    # updating

    def update_object(
        self,
        oaio_id: str,
        values: dict[str, Any],
        stamp: str = "",
        reset: bool = False,  # noqa: FBT001, FBT002 - the original's
    ) -> OaiObject:
        """Update values of an object; attached files stay as they are.

        Args:
            oaio_id: the object.
            values: keys to set; ``_root_path`` and ``_file_paths`` in it are derived and ignored.
            stamp: the edit's stamp, greater than the object's; default: now.
            reset: remove all other keys.

        Returns:
            The object as it is now.

        Raises:
            NotRegistered: there is no such object here (also an AssertionError).
            Forbidden: the last known right does not allow it.
        """
        plain_values(values)

        def merged(state: State) -> Draft:
            kept = {} if reset else state.seen.client_values
            return state.with_values(self.device, plain_values({**kept, **values}))

        return self._updated(edits.update(self.device, oaio_id, merged, stamp))

    def update_file(
        self,
        oaio_id: str,
        file_name: str = "",
        file_content: bytes | None = None,
        root_path: str = "",
        stamp: str = "",
    ) -> OaiObject:
        """Update the file of an object.

        Args:
            oaio_id: the object.
            file_name: the file, from now on the only one; default: the first that is attached.
            file_content: its new content; None: what lies there.
            root_path: its folder from now on; default: where the object's files are.
            stamp: as for :meth:`update_object`.

        Returns:
            The object as it is now.

        Raises:
            InvalidArgument: there is no such file, or none was ever attached and none is named.
            NotRegistered, Forbidden: as :meth:`update_object`.
            RootUnavailable, SourceChanged: the file can't be read.
        """
        known = self._state(oaio_id).seen.client_values.get(FILES_KEY, [])
        check_argument(file_name or known, f"no file is attached to {oaio_id}", "Name one.")
        name, root = attaching.place(self.device, file_name or known[0], root_path)
        return self._attach(
            oaio_id,
            (name, root),
            stamp,
            lambda where, at: attaching.file(self.device, name, at, where, file_content),
        )

    def update_folder(self, oaio_id: str, root_path: str = "", stamp: str = "") -> OaiObject:
        """Update an object to what is in its folder now.

        That more than half of it may be gone is said by this call.

        Args:
            oaio_id: the object.
            root_path: its folder from now on; default: where its files are.
            stamp: as for :meth:`update_object`.

        Returns:
            The object as it is now.

        Raises:
            NotRegistered, Forbidden, RootOverlap, RootUnavailable: as :meth:`update_object` and
                :meth:`register_folder`.
        """
        root = attaching.root_named(self.device, root_path)
        return self._attach(
            oaio_id, ("", root), stamp, lambda where, at: attaching.folder_at(self.device, where, at)
        )

    def unregister_object(self, oaio_id: str, wipe_files: bool = False) -> str:  # noqa: FBT001, FBT002 - the original's
        """Delete an object, here at once and with the next synchronisation everywhere.

        Args:
            oaio_id: the object.
            wipe_files: also move its files on this device to the trash under client_root: those that the
                object names and no others. The original removed the whole folder. Files on the storage host
                stay until the server's retention ends.

        Returns:
            Empty, or what went wrong.
        """
        self.error_message = ""
        try:
            self._unregister(oaio_id, wipe=bool(wipe_files))
        except OaioError as err:
            self.error_message = told(err)
            return self.error_message
        return ""

    def _unregister(self, oaio_id: str, *, wipe: bool) -> None:
        edits.delete(self.device, oaio_id, wipe=wipe)
        self._syncing.finish_leftovers()
        self._sync_quietly()

    # synchronising

    def synchronize_with_server_if_online(self) -> bool:
        """Synchronise now; as :meth:`sync`, without raising.

        Returns:
            False if the server can't be reached or refuses (``error_message``). Objects that need somebody
            are in :meth:`problems` and do not make it False: one bad object never spoils the rest.
        """
        try:
            self.sync()
        except OaioError as err:
            self.error_message = told(err)
            return False
        return True

    def sync(self, report: Report = ignore) -> SyncReport:
        """Synchronise now: local changes of files become edits, edits are sent, changes of others applied.

        A repeat is safe.

        Args:
            report: told about files on their way, in this thread.

        Raises:
            Offline: the server can't be reached; nothing is lost.
            Busy: another process synchronises this client_root.
            LoginNeeded: there is no session and no password.
        """
        done = self._syncing.sync(report)
        self.error_message = ""
        self.last_sync_stamp = self.device.now()
        return done

    def files(self, oaio_id: str) -> list[Path]:
        """Absolute paths of the object's files on this device, sorted.

        Raises:
            NotRegistered: there is no such object here.
        """
        with self.device.store.read() as tables:
            _, holding, _ = self.device.known(tables, oaio_id)
        root = self.device.root_of(holding)
        return [root / path for path in sorted(holding.manifest())]

    def conflicts(self, oaio_id: str = "") -> list[Conflict]:
        """The open conflicts, of one object or of all, and edits that can't be sent; works offline."""
        return resolving.conflicts(self.device, oaio_id)

    def resolve(self, conflict_id: str, keep: str) -> OaiObject:
        """Settle one of :meth:`conflicts` by an edit, also offline; durable when it returns.

        Args:
            conflict_id: its id.
            keep: ``front``; ``other``; ``both``: front stays, the other becomes a new object.

        Returns:
            The object as it is now; with ``both`` the new one. What stays deleted is told without values.

        Raises:
            InvalidArgument: ``keep`` is none of the three, or the other of ``both`` is a deletion.
            NotFound: no such conflict, or it is settled.
            Forbidden: the right on the object does not allow it.
            Busy, RootUnavailable: files of the object are being put in place, or can't be.
            Unavailable: an original client wrote a version whose files were not looked at yet.
        """
        resolved = resolving.resolve(self.device, conflict_id, keep)
        return self._updated(resolved)

    def problems(self) -> list[Problem]:
        """What needs somebody, each with a way out; works offline."""
        return resolving.problems(self.device)

    # names of the original that apps and its documentation know

    def _client_file_root(self, oaio_id: str, values: Mapping[str, Any]) -> str:
        """Folder of the object's files on this device.

        ``_root_path`` of ``values``, else under client_root.
        """
        root = values.get(ROOT_KEY)
        return str(self.device.places.expand(root) if root else self.device.cached_root(oaio_id))

    def _folder_files(self, folder_path: str) -> Sequence[str]:
        """Relative paths of all files below a folder, placeholders allowed."""
        return sorted(attaching.folder(self.device, self.device.places.expand(folder_path)).manifest)

    def _csh_api(self, csh_id: str) -> "CshApi | None":
        """The storage host of this id as the server configures it; None if that fails (``error_message``)."""
        from oaio_storage.client.hosts_pool import HostsPool  # noqa: PLC0415 - values objects need no host

        try:
            return HostsPool(self.remote).get(csh_id)
        except OaioError as err:
            self.error_message = told(err)
            return None
