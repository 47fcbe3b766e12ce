"""This device, as one user's: where its records and files lie, and who is asked for time and ids."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs

from oaio_storage import values
from oaio_storage.client.records import Edit, Holding
from oaio_storage.client.store import Store
from oaio_storage.client.tables import Tables
from oaio_storage.errors import InvalidArgument, NotRegistered
from oaio_storage.hash_cache import HashCache
from oaio_storage.manifest import Manifest
from oaio_storage.model import (
    FILES_KEY,
    OLDEST_SYNC_STAMP,
    ROOT_KEY,
    AccessRight,
    OaiObject,
    Proposal,
    Version,
    checked_stamp,
    stamp_of,
    stamp_plus,
)
from oaio_storage.places import Places

FILES_DIR, TRASH_DIR, STAGING_DIR, CONTENTS_DIR = "filez", "trash", "staging", "contents"


def clock_stamp() -> str:
    """The stamp of this moment, by the system's clock."""
    return stamp_of(datetime.now(UTC))


def random_id() -> str:
    """A version id: 32 random hexadecimal digits."""
    return secrets.token_hex(16)


@attrs.frozen(kw_only=True, eq=False)
class Device:
    """What all parts of a client share.

    Attributes:
        csh_id: the storage host that new objects take unless they name one; empty: the server's default.
        now: this device's clock. It informs only: order comes from the server.
        new_id: makes version ids.
    """

    store: Store
    client_root: Path
    places: Places
    cache: HashCache
    user_name: str
    device_id: str
    app_id: str
    csh_id: str = ""
    now: Callable[[], str] = clock_stamp
    new_id: Callable[[], str] = random_id

    @property
    def trash(self) -> Path:
        """Where files go instead of being removed."""
        return self.client_root / TRASH_DIR

    def cached_root(self, oaio_id: str) -> Path:
        """The folder of an object's files under client_root."""
        return self.client_root / FILES_DIR / oaio_id

    def root_of(self, holding: Holding) -> Path:
        """The folder of an object's files on this device."""
        return Path(holding.root) if holding.root else self.cached_root(holding.oaio_id)

    def staging(self, version_id: str) -> Path:
        """Where the files of a version are gathered before they are switched in."""
        return self.client_root / STAGING_DIR / version_id

    def next_stamp(self, tables: Tables, after: str = "", wanted: str = "") -> str:
        """A stamp for an edit; those of one device strictly increase, whatever its clock does.

        Args:
            tables: of the transaction that stores the edit.
            after: the stamp that it has to be greater than.
            wanted: taken as it is, if it is greater than ``after``.

        Raises:
            InvalidArgument: ``wanted`` is no stamp, or too old.
        """
        if wanted:
            checked_stamp(wanted)
            if wanted <= after:
                raise InvalidArgument(f"the stamp {wanted} is not newer than the object's {after}")
            return wanted
        last = max(tables.meta("last_stamp"), after, OLDEST_SYNC_STAMP)
        stamp = max(self.now(), stamp_plus(last, 1))
        while tables.took_stamp(stamp):
            stamp = stamp_plus(stamp, 1)
        tables.set_meta(last_stamp=stamp)
        return stamp

    def offer(self, tables: Tables) -> tuple[str, ...]:
        """The storage hosts that the server offered last; empty if that is not known."""
        return tuple(json.loads(tables.meta("offer") or "[]"))

    def visible(self, tables: Tables, oaio_id: str) -> OaiObject | None:
        """The object as its user sees it here; None if there is none, or no more."""
        holding = tables.holding(oaio_id)
        return None if holding is None else self.seen(holding, tables.edits(oaio_id))

    def known(self, tables: Tables, oaio_id: str) -> tuple[OaiObject, Holding, list[Edit]]:
        """The object, what is held of it, and its edits.

        Raises:
            NotRegistered: there is no such object on this device.
        """
        holding = tables.holding(oaio_id) if isinstance(oaio_id, str) else None
        edits = tables.edits(oaio_id) if holding else []
        seen = self.seen(holding, edits) if holding else None
        if holding is None or seen is None:
            raise NotRegistered(f"no object {str(oaio_id)[:300]!r} on this device")
        return seen, holding, edits

    def seen(self, holding: Holding, edits: list[Edit]) -> OaiObject | None:
        """The object that ``holding`` and its ``edits`` make.

        None if it is deleted, revoked or not yet here.
        """
        agreed = holding.version
        newest: Proposal | Version | None = edits[-1].item if edits else agreed
        if newest is None or newest.deleted or holding.right == AccessRight.NONE:
            return None
        return OaiObject(
            oaio_id=holding.oaio_id,
            client_stamp=edits[-1].item.client_stamp if edits else newest.stamp,
            server_stamp=agreed.stamp if agreed else "",
            client_values=self.values_of(newest, holding),
            server_values=self.values_of(agreed, holding) if agreed and not agreed.deleted else {},
            csh_id=newest.csh_id,
            username=newest.username if isinstance(newest, Version) else self.user_name,
            device_id=newest.device_id,
            app_id=newest.app_id,
            csh_access_right=str(holding.right),
        )

    def version_seen(self, version: Version, right: str) -> OaiObject | None:
        """An object as ``version`` has it, for instance one that was overtaken; None for a deletion."""
        if version.deleted:
            return None
        return OaiObject(
            oaio_id=version.oaio_id,
            client_stamp=version.stamp,
            server_stamp=version.stamp,
            client_values=self.values_of(version),
            server_values=self.values_of(version),
            csh_id=version.csh_id,
            username=version.username,
            device_id=version.device_id,
            app_id=version.app_id,
            csh_access_right=right,
        )

    def place_told(self, newest: Proposal | Version, holding: Holding) -> str:
        """The root path that an edit of ``newest`` tells, in placeholder form.

        What this user said stays; a place that another user named is never passed on under this user's name,
        whose other devices would trust it (O15).
        """
        if isinstance(newest, Proposal) or newest.username == self.user_name:
            return newest.root_path
        return self.places.shorten(holding.root) if holding.root else ""

    def values_of(self, newest: Proposal | Version, holding: Holding | None = None) -> dict[str, object]:
        """The values with the reserved keys that are derived.

        Which files are attached, and where they lie here.
        """
        found: dict[str, object] = values.parse(newest.values)
        if newest.attached:
            found[FILES_KEY] = paths_of(newest)
            if holding and holding.root:
                found[ROOT_KEY] = self.places.shorten(holding.root)
        return found


def paths_of(newest: Proposal | Version) -> list[str]:
    """The relative paths of the attached files, sorted."""
    if newest.files is not None:
        return sorted(Manifest.parse(newest.files))
    return sorted((newest.paths or ()) if isinstance(newest, Version) else ())
