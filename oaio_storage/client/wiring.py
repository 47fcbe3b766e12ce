"""Putting a client together from what an app or a person says, and keeping that for the next process."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oaio_storage import durable
from oaio_storage.client import foreign
from oaio_storage.client.common import LAST_SYNC_STAMP_FILE
from oaio_storage.client.device import Device
from oaio_storage.client.edits import check_argument
from oaio_storage.client.remote import Remote
from oaio_storage.client.session import SESSION_FILE, Settings
from oaio_storage.client.store import Store
from oaio_storage.errors import InvalidArgument, OaioError, RootUnavailable, UnknownHost
from oaio_storage.hash_cache import HashCache
from oaio_storage.model import OLDEST_SYNC_STAMP
from oaio_storage.names import defuse, is_utf8
from oaio_storage.places import Places
from oaio_storage.web import base_url

if TYPE_CHECKING:
    from oaio_storage.client.api import OaioClient

STATE_FILE, HASHES_FILE = "state.sqlite", "hashes.sqlite"


def connect(  # noqa: PLR0913, PLR0917 - the parameters of the original
    host: str, credentials: Mapping[str, str], app_id: str, device_id: str, csh_id: str, client_root: str
) -> tuple[Device, Remote]:
    """This device and its session; nothing is sent yet.

    Raises:
        InvalidArgument: an argument is not allowed, or the client_root belongs to another user.
        RootOverlap: client_root lies in another one, in a server's data folder or in a storage host's root.
        RootUnavailable: client_root can't be made or written.
        LocalStateDamaged: the records can't be read.
    """
    check_argument(
        isinstance(credentials, Mapping), "credentials are a dictionary with username and password"
    )
    texts = {"app_id": app_id, "device_id": device_id, "csh_default_id": csh_id, "client_root": client_root}
    for name, text in texts.items():
        check_argument(isinstance(text, str), f"{name} is a text")
        check_argument(
            not name.endswith("_id") or defuse(text) == text,
            f"{name} holds characters that no id may: {text!r}",
        )
    url = base_url(host)
    user_name = credentials.get("username") or _system_user()
    check_argument(
        isinstance(user_name, str) and is_utf8(user_name), f"not a user name: {str(user_name)[:80]!r}"
    )
    places = Places.of_system(app_id)
    root = places.expand(client_root)
    store = _opened(root, user_name)
    device = Device(
        store=store,
        client_root=root,
        places=places,
        cache=HashCache(root / HASHES_FILE),
        user_name=user_name,
        device_id=device_id or _system_name(),
        app_id=app_id or places.places["app_name"],
        csh_id=csh_id,
    )
    remote = Remote(
        url=url,
        user_name=user_name,
        device_id=device.device_id,
        app_id=device.app_id,
        session_file=root / SESSION_FILE,
        password=lambda: credentials.get("password") or "",
    )
    return device, remote


def init_client(  # noqa: PLR0913, PLR0917 - what has to be said once
    client_root: Path | str,
    server: str,
    user_name: str,
    password: str,
    device_id: str = "",
    app_id: str = "",
    csh_id: str = "",
) -> "OaioClient":
    """Log in, and keep in ``client_root`` what the next process needs.

    Settings and session, never the password.

    Args:
        client_root: folder of records and files; made if needed.
        server: the server's address.
        user_name: the user.
        password: used for this log-in alone.
        device_id: id of this device; default: the host's name.
        app_id: id of the app; default: the program's name.
        csh_id: storage host of new objects; empty: the server's default.

    Raises:
        WrongPassword, Offline: nothing was kept; what was made in ``client_root`` is gone again.
        UnknownHost: the server does not offer ``csh_id``, likewise; the message lists what it does.
        InvalidArgument, RootOverlap, RootUnavailable, LocalStateDamaged: as :func:`connect`.
    """
    from oaio_storage.client.api import OaioClient  # noqa: PLC0415 - it imports this module

    check_argument(user_name, "no user was named")
    check_argument(password, "no password was given")
    root = Path(client_root).expanduser().absolute()
    is_new, was_there = not (root / STATE_FILE).exists(), root.exists()
    client = OaioClient(server, {"username": user_name}, app_id, device_id, csh_id, str(root))
    try:
        client.remote.login(password)
        _learn_offer(client, csh_id)
    except OaioError:
        client.close()
        if is_new:
            _unmake(root, keep_folder=was_there)
        raise
    settings = Settings(
        server=client.remote.url,
        user_name=user_name,
        device_id=client.device_id,
        app_id=client.app_id,
        csh_id=csh_id,
    )
    settings.save(root)
    return client


def _unmake(root: Path, *, keep_folder: bool) -> None:
    """Remove records that hold nothing yet, so that the folder is free for another user or server."""
    records = [STATE_FILE, f"{STATE_FILE}-wal", f"{STATE_FILE}-shm", HASHES_FILE]
    for name in (*records, SESSION_FILE, LAST_SYNC_STAMP_FILE):
        (root / name).unlink(missing_ok=True)
    if not keep_folder:
        with suppress(OSError):  # not empty: somebody else put something there
            root.rmdir()


def _learn_offer(client: "OaioClient", csh_id: str) -> None:
    """Keep which storage hosts the server offers, so that an unknown one is refused at once, also offline."""
    answer = client.remote.call("sync", {"cursor": "", "stamps": 0, "items": [], "limit": 1})
    offer = [str(one) for one in answer.get("hosts") or ()]
    if csh_id and csh_id not in offer:
        what = f"the server does not offer the storage host {csh_id!r}"
        raise UnknownHost(f"{what}; it offers: {', '.join(offer)}", "Name one of these, or none.")
    with client.device.store.write() as tables:
        tables.set_meta(offer=json.dumps(offer), default_host=str(answer.get("default_host") or ""))


def open_client(client_root: Path | str, *, syncs_itself: bool = True) -> "OaioClient":
    """The client that :func:`init_client` set up in ``client_root``. Nothing is sent.

    Args:
        client_root: its folder.
        syncs_itself: whether each edit is followed by an attempt to synchronise; False: only ``sync`` does.

    Raises:
        NotFound: none was; the hint is the command that does.
        LocalStateDamaged: settings or records can't be read.
    """
    from oaio_storage.client.api import OaioClient  # noqa: PLC0415 - it imports this module

    root = Path(client_root).expanduser().absolute()
    kept = Settings.load(root)
    credentials = {"username": kept.user_name}
    client = OaioClient(kept.server, credentials, kept.app_id, kept.device_id, kept.csh_id, str(root))
    client._syncs_itself = syncs_itself  # noqa: SLF001 - not one of the names that the original has
    return client


def login(client: "OaioClient", password: str) -> None:
    """Begin a new session and keep it in client_root.

    Raises:
        WrongPassword: the old session stays.
        Offline: the server can't be reached.
    """
    check_argument(password, "no password was given")
    client.remote.login(password)


def _opened(root: Path, user_name: str) -> Store:
    foreign.check_above(root, may_be=foreign.CLIENT_ROOT)
    try:
        durable.make_folder(root)
        root.chmod(0o700)
        store = Store(root / STATE_FILE)
        if not (root / LAST_SYNC_STAMP_FILE).exists():
            durable.write_file(root / LAST_SYNC_STAMP_FILE, OLDEST_SYNC_STAMP.encode())
    except OSError as err:
        raise RootUnavailable(
            f"the client root {root} can't be used: {err.strerror}", "Choose a folder that you may write."
        ) from err
    with store.read() as tables:
        owner = tables.meta("user_name")
    if owner != user_name:
        if owner:
            raise InvalidArgument(
                f"the client root {root} belongs to the user {owner}", "Use another client root."
            )
        with store.write() as tables:
            tables.set_meta(user_name=user_name)
    return store


def _system_user() -> str:
    import getpass  # noqa: PLC0415 - rarely needed

    return getpass.getuser()


def _system_name() -> str:
    import socket  # noqa: PLC0415 - rarely needed

    return defuse(socket.gethostname())
