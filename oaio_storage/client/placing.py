"""Files that an edit puts in place or takes away on this device: finished again after a crash (O14)."""

from contextlib import suppress
from pathlib import Path

from oaio_storage import durable
from oaio_storage.client.device import FILES_DIR, Device
from oaio_storage.client.locking import locked
from oaio_storage.client.switching import checksum_at, umask
from oaio_storage.errors import OaioError

LOCK_FILE, LOCK_SECONDS = "place.lock", 30.0


def finish(device: Device) -> None:
    """Put given bytes in place, and wiped files into the trash. A repeat is safe.

    What the disk refuses stays written down for the next call; looking at the object's folder tells it.

    Raises:
        Busy: another process does so for too long.
    """
    with device.store.read() as tables:
        if not tables.contents() and not tables.wipes():
            return
    with locked(device.client_root / LOCK_FILE, LOCK_SECONDS, f"puts files of {device.client_root} in place"):
        with device.store.read() as tables:
            contents, wipes = tables.contents(), tables.wipes()
        for content in contents:
            with suppress(OaioError, OSError):
                _place(device, Path(content.stored), Path(content.target))
                with device.store.write() as tables:
                    tables.drop_content(content)
        for path, checksum in wipes:
            with suppress(OaioError, OSError):
                _wipe(device, Path(path), checksum)
                with device.store.write() as tables:
                    tables.drop_wipe(path)


def _place(device: Device, stored: Path, target: Path) -> None:
    if not stored.exists():
        return
    if checksum_at(target) not in ("", checksum_at(stored)):
        durable.to_trash(target, device.trash)
    stored.chmod(0o666 & ~umask())
    durable.put(stored, target)


def _wipe(device: Device, path: Path, checksum: str) -> None:
    if checksum_at(path) == checksum:
        durable.to_trash(path, device.trash)
    durable.remove_empty_folders(path.parent, device.client_root / FILES_DIR)
