"""The data folder: keys, database, the host ``Local``; and its accounts.

Everything here is safe to repeat after a kill.
"""

import importlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from oaio_storage.client import foreign
from oaio_storage.durable import write_file
from oaio_storage.errors import AlreadyExists, Busy, InvalidArgument, InvalidName
from oaio_storage.model import checked_object_id
from oaio_storage.server import sealing

FILES_FOLDER = "files"
"""Where in the data folder the files of the server's own host lie."""

SITES_FOLDER = "sites"
"""Where in the data folder trees lie that come over HTTP."""

DATABASE_FILE = "oaio.sqlite3"

_SETTINGS = "oaio_storage.server.settings"
_MAX_NAME = 150
_DJANGOS_NAMES = re.compile(r"[\w.@+-]+")


def prepare(data: Path) -> None:
    """Make the data folder ``data`` complete.

    Folder (0700), secret key and key of the hosts' arguments (0600), tables, and on the first start the host
    ``Local`` below ``data/files``.

    What is there already stays. Safe to repeat, to run twice at once, and to kill at any point.

    Raises:
        InvalidArgument: ``data`` can't be a folder.
        RootOverlap: it is or lies in a client root, another data folder or a storage host's root.
        Busy: another process is preparing it and does not end.
        InvalidConfiguration: the file of keys can't be used; the message names it.
        WrongRoot: the files' folder is not the one that this database means.
    """
    with prepared(data):
        pass


def is_prepared(data: Path) -> bool:
    """Whether ``data`` is a data folder already."""
    return (data / DATABASE_FILE).is_file()


def add_user(data: Path, name: str, password: str, *, admin: bool = False) -> bool:
    """Add an account to the data folder, which is prepared first; with ``admin`` it may use ``/admin/``.

    Returns:
        Whether a new data folder was made for it.

    Raises:
        InvalidArgument: the name or the password is not allowed.
        AlreadyExists: there is an account of this name; it was left as it is.
    """
    _check_account(name, password)
    is_new = not is_prepared(data)
    with prepared(data):
        from django.contrib.auth.models import User  # noqa: PLC0415 - needs configured settings
        from django.db import IntegrityError  # noqa: PLC0415 - same

        create = User.objects.create_superuser if admin else User.objects.create_user
        try:
            create(name, password=password)
        except IntegrityError as err:
            raise AlreadyExists(f"there is a user {name!r} already", "Choose another name.") from err
    return is_new


def configure(data: Path, *, tls: bool = False, allowed_hosts: tuple[str, ...] = ()) -> None:
    """Point Django at the data folder ``data``; a process serves one at a time, but may go on to another."""
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS
    os.environ["OAIO_DATA"] = str(data.absolute())
    os.environ["OAIO_TLS"] = "1" if tls else "0"
    if allowed_hosts:
        told = os.environ.get("OAIO_ALLOWED_HOSTS", "").split(",")
        os.environ["OAIO_ALLOWED_HOSTS"] = ",".join(dict.fromkeys(filter(None, [*told, *allowed_hosts])))

    import django  # noqa: PLC0415 - heavy
    from django.conf import settings  # noqa: PLC0415 - same
    from django.db import connections  # noqa: PLC0415 - same

    if settings.configured:
        module = importlib.reload(importlib.import_module(_SETTINGS))
        for name in filter(str.isupper, dir(module)):
            setattr(settings, name, getattr(module, name))
        for alias in connections:
            connections[alias].close()
            del connections[alias]
        connections.settings = connections.configure_settings(settings.DATABASES)
    django.setup()


@contextmanager
def prepared(data: Path) -> Iterator[None]:
    """As :func:`prepare`; for the block no other process prepares ``data``."""
    foreign.check_above(data, may_be=foreign.DATA_FOLDER)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError
    except (OSError, ValueError) as err:
        raise InvalidArgument(
            f"{data} can't be a data folder", "Name a folder that you may write to."
        ) from err
    try:
        with FileLock(data / "prepare.lock", timeout=60, mode=0o600):
            _make_secret_key(data)
            _make_database(data)
            yield
    except Timeout as err:
        raise Busy(f"another process is preparing {data}") from err


def _make_secret_key(data: Path) -> None:
    path = data / "secret_key"
    if not path.exists():
        write_file(path, secrets.token_urlsafe(64).encode())


def _make_database(data: Path) -> None:
    configure(data)
    from django.core.management import call_command  # noqa: PLC0415 - needs configured settings

    from oaio_storage.server import offer  # noqa: PLC0415 - same
    from oaio_storage.server.feed import start_clock  # noqa: PLC0415 - same

    database = data / DATABASE_FILE
    os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its companions the same mode
    call_command("migrate", verbosity=0, interactive=False)
    call_command("clearsessions")
    if offer.has_sealed():
        sealing.check_keys(data / sealing.KEY_FILE)  # a new key would open none of it
    else:
        sealing.make_key(data / sealing.KEY_FILE)
    offer.seal_plain()
    offer.offer_own_host(str((data / FILES_FOLDER).absolute()))
    start_clock()  # last: without a clock the first start is not over


def _is_user_name(name: str) -> bool:
    """Whether Django's forms take ``name`` too, and the id of an object can hold it."""
    try:
        checked_object_id(name)
    except InvalidName:
        return False
    return len(name) <= _MAX_NAME and _DJANGOS_NAMES.fullmatch(name) is not None


def _check_account(name: str, password: str) -> None:
    if not _is_user_name(name):
        raise InvalidArgument(
            f"not a user name: {name[:80]!r}",
            f"Use 1 to {_MAX_NAME} letters, digits and @.+-_ without a dot in front.",
        )
    if unicodedata.normalize("NFKC", name) != name:
        raise InvalidArgument(f"the user name {name!r} is not in normal form", "Write it in the form NFKC.")
    if not password:
        raise InvalidArgument("an empty password is not allowed")
    if "\0" in password or any(0xD800 <= ord(char) <= 0xDFFF for char in password):  # noqa: PLR2004 - surrogates
        raise InvalidArgument("the password holds NUL or lone surrogates")
