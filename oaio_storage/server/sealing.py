"""The arguments of hosts as the database keeps them: sealed, with keys that lie outside of it.

The file of keys has one Fernet key in each line. The first seals, all unseal. It lies in the data folder,
where it may be a link to another place.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oaio_storage import values
from oaio_storage.durable import write_file
from oaio_storage.errors import InvalidConfiguration, Unavailable

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "hosts_key"
MAX_FILE_BYTES = 1 << 16


def make_key(file: Path) -> None:
    """Make the file of keys, if there is none; a link is never replaced, as its disk may not be mounted.

    Raises:
        InvalidConfiguration: the file can't be used.
    """
    if not file.exists() and not file.is_symlink():
        write_file(file, _new_key())
    check_keys(file)


def check_keys(file: Path) -> None:
    """Do nothing if ``file`` can be used.

    Raises:
        InvalidConfiguration: it can't.
    """
    _keys(file)


def add_key(file: Path) -> None:
    """Put a new key in front; only the one that was in front before stays, for copies of the database.

    Until all that is kept was sealed again, call this no second time.
    """
    newest = _lines(file)[0]
    write_file(file.resolve(), _new_key() + newest + b"\n")


def seal(args: Mapping[str, Any], file: Path) -> str:
    """``args`` as text that only the keys in ``file`` open."""
    return _keys(file).encrypt(values.canonical(dict(args)).encode()).decode()


def unseal(text: str, file: Path) -> dict[str, Any]:
    """The arguments that :func:`seal` was given.

    Raises:
        Unavailable: no key in ``file`` opens the text.
        InvalidConfiguration: the file can't be used.
    """
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - heavy

    try:
        return values.parse(_keys(file).decrypt(text.encode()).decode())
    except InvalidToken:
        raise Unavailable(
            "the server can't open what it keeps of this storage host: the key is another one",
            f"The operator restores {KEY_FILE}, or removes the host and adds it again.",
        ) from None


def is_sealed(text: str) -> bool:
    """Whether ``text`` was sealed; the first versions kept canonical JSON."""
    return not text.startswith("{")


def _new_key() -> bytes:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - heavy

    return Fernet.generate_key() + b"\n"


def _keys(file: Path) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - heavy

    try:
        return MultiFernet([Fernet(line) for line in _lines(file)])
    except ValueError:
        raise InvalidConfiguration(f"{file} holds a line that is no key", "Restore it.") from None


def _lines(file: Path) -> list[bytes]:
    """The keys in ``file``, read anew each time, so that a running server sees a change at once."""
    try:
        with file.open("rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            lines = source.read(MAX_FILE_BYTES).split()
    except FileNotFoundError as err:
        raise InvalidConfiguration(
            f"{file} is missing, without which nothing opens what the server keeps of its storage hosts",
            "Restore it. If there is no copy: oaio hosts rekey makes a new one; then add the hosts again.",
        ) from err
    except OSError as err:
        raise InvalidConfiguration(f"{file} can't be read: {err.strerror}", "Restore it.") from err
    if os.name == "posix" and mode & 0o077:
        raise InvalidConfiguration(
            f"{file} holds keys, and others than you may read or write it", f"chmod 600 '{file}'"
        )
    if not lines:
        raise InvalidConfiguration(f"{file} holds no key", "Restore it.")
    return lines
