"""The storage hosts that this machine knows: the file ``hosts.toml``, and hosts by id or address.

The file has one table for each host, by its id, with up to three tables in it: ``options``, ``secrets``, and
``environment``, which names for a secret the variable of the environment that holds it::

    [Fsspec-nas.options]
    url = "sftp://nas/oaio"

    [Fsspec-nas.environment]
    storage_options = "NAS_OPTIONS"

Values are literal: nothing in them is expanded.
"""

import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from oaio_storage import durable
from oaio_storage.errors import (
    AlreadyExists,
    Busy,
    InvalidArgument,
    InvalidConfiguration,
    NotFound,
    OaioError,
    StorageError,
    UnknownHost,
)
from oaio_storage.hosts.addresses import host_at, is_address
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.options import (
    MASK,
    Described,
    Option,
    check_all_given,
    described,
    option_named,
    options_of,
)
from oaio_storage.hosts.registry import backend_id, backend_of, host_api
from oaio_storage.names import defuse

DIRECTORY_VARIABLE = "OAIO_CONFIG_DIR"
STATE_VARIABLE = "OAIO_STATE_DIR"
HOSTS_FILE = "hosts.toml"
MAX_FILE_BYTES = 1 << 20
MAX_ID_BYTES = 255

LOCK_SECONDS = 30
"""How long a change waits for those of other processes."""

_HEADING = """\
# The storage hosts of this machine. oaio hosts add|ls|rm keeps it; oaio doctor ID tries one.

"""
_PARTS = ("options", "secrets", "environment")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"""\s*(?:\[+\s*([\w."' -]+?)\s*\]+|([\w."'-]+)\s*=\s*["'\[{\w+-])""", re.ASCII)


@attrs.frozen
class ConfiguredHost:
    """A host as the file describes it; not yet compared with what its backend takes."""

    csh_id: str
    options: Mapping[str, Any] = attrs.field(factory=dict)
    secrets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    environment: Mapping[str, str] = attrs.field(factory=dict)

    def arguments(self) -> dict[str, Any]:
        """The arguments of the backend, checked against what it takes.

        Raises:
            UnknownHost: the backend is not installed, or broken.
            InvalidArgument: an option or secret is unknown, of a wrong type, at the wrong place, or its
                variable is not set; the message names it, and never shows a secret.
        """
        known = self.check()
        found = {**self.options, **self.secrets}
        for name, variable in self.environment.items():
            if not (text := os.environ.get(variable)):
                raise InvalidArgument(
                    f"the variable {variable}, which holds the option {name!r}, is not set",
                    f"Set {variable}.",
                )
            found[name] = known[name].parse(text)
        return found

    def check(self) -> dict[str, Option]:
        """The options of the backend, after those here were compared with them, the environment aside.

        Raises:
            UnknownHost, InvalidArgument: as :meth:`arguments`.
        """
        known = options_of(backend_of(self.csh_id))
        for name, value in self.options.items():
            if option_named(name, known).is_secret:
                raise InvalidArgument(f"the option {name!r} is a secret", "It belongs in secrets.")
            known[name].check(value)
        for name, value in self.secrets.items():
            option_named(name, known).check(value)
        for name in self.environment:
            option_named(name, known)
        check_all_given({*self.options, *self.secrets, *self.environment}, known)
        return known

    def described(self) -> Described:
        """This host as it may be shown; of the environment the variables' names, not what they hold."""
        seen = described(self.csh_id, {**self.options, **self.secrets})
        problem = ""
        try:
            self.check()
        except OaioError as err:
            problem = err.message
        masked = dict.fromkeys(self.secrets, MASK)
        variables = {name: f"${variable}" for name, variable in self.environment.items()}
        return attrs.evolve(seen, options={**seen.options, **masked, **variables}, problem=problem)


def hosts_file() -> Path:
    """The file with the hosts of this machine; whether it exists or not.

    It lies in the user's folder for configuration; ``OAIO_CONFIG_DIR`` names another one.
    """
    if named := os.environ.get(DIRECTORY_VARIABLE):
        return Path(named).expanduser().absolute() / HOSTS_FILE
    import platformdirs  # noqa: PLC0415 - not needed for --help

    return platformdirs.user_config_path("oaio") / HOSTS_FILE


def state_folder() -> Path:
    """Where this machine keeps what it must not lose; whether it exists or not.

    It is the user's folder for state; ``OAIO_STATE_DIR`` names another one.
    """
    if named := os.environ.get(STATE_VARIABLE):
        return Path(named).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - not needed for --help

    return platformdirs.user_state_path("oaio")


def configured_hosts(file: Path | None = None) -> dict[str, ConfiguredHost]:
    """The hosts of ``file`` (default: :func:`hosts_file`) by id; none if it does not exist.

    No backend is imported.

    Raises:
        InvalidConfiguration: the file can't be read, others may read its secrets, or it holds what it may
            not; the message names file and key.
    """
    return _hosts_in(_read(file or hosts_file()), file or hosts_file())


def host_of(text: str) -> CshApi:
    """The storage host that a person means by ``text``, wrapped with retry; nothing is asked of it.

    What holds a ``/`` is a path or a URL (:func:`~oaio_storage.hosts.addresses.host_at`). Anything else is
    the id of a host in :func:`hosts_file`, or of a backend that needs no options.

    Raises:
        UnknownHost: no such host is configured; the message lists those that are. Or its backend is not
            installed, or broken.
        InvalidArgument: an address that can't be the one of a host.
        InvalidConfiguration: the file is not as it has to be; the message names file and key.
    """
    if is_address(text):
        return host_at(text)
    file = hosts_file()
    known = configured_hosts(file)
    if text not in known:
        return _without_options(text, known)
    try:
        return host_api(text, **known[text].arguments())
    except InvalidArgument as err:
        raise InvalidConfiguration(f"{file}: {text}: {err.message}", err.hint) from err


def add_host(host: ConfiguredHost, file: Path | None = None) -> None:
    """Add ``host`` to ``file`` (default: :func:`hosts_file`), which is made if needed, readable by you alone.

    What else the file holds stays, comments too. All or nothing, durable, and safe beside other processes
    that do the same.

    Raises:
        AlreadyExists: there is a host of this id; it was left as it is.
        InvalidArgument: the id can't be one, or the file could not be read with this host in it.
        InvalidConfiguration: the file is not as it has to be.
        Busy: another process is changing the file and does not end.
        StorageError: the file can't be written.
    """
    check_id(host.csh_id)
    with _changed(file or hosts_file()) as (known, document):
        if host.csh_id in known:
            raise AlreadyExists(
                f"there is a host {host.csh_id!r} already",
                f"To replace it, first: oaio hosts rm {host.csh_id}",
            )
        tables = {"options": host.options, "secrets": host.secrets, "environment": host.environment}
        document[host.csh_id] = {part: dict(table) for part, table in tables.items() if table}


def remove_host(csh_id: str, file: Path | None = None) -> None:
    """Remove the host ``csh_id`` from ``file`` (default: :func:`hosts_file`); what it stores stays.

    Raises:
        NotFound: there is none; the message lists those that there are.
        InvalidConfiguration, Busy, StorageError: as :func:`add_host`.
    """
    with _changed(file or hosts_file()) as (known, document):
        if csh_id not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise NotFound(f"there is no host {csh_id[:80]!r}; there are: {listed}", "oaio hosts ls")
        del document[csh_id]


@contextmanager
def _changed(file: Path) -> Iterator[tuple[dict[str, ConfiguredHost], MutableMapping[str, Any]]]:
    """The hosts in ``file``, and its document, which is stored when the block ends without an error."""
    import tomlkit  # noqa: PLC0415 - only for those who change the file
    from filelock import FileLock, Timeout  # noqa: PLC0415 - same

    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = file.resolve()
        with FileLock(target.with_name(f"{target.name}.lock"), timeout=LOCK_SECONDS, mode=0o600):
            known = configured_hosts(file)
            document = tomlkit.parse(target.read_text("utf-8") if target.exists() else _HEADING)
            try:
                yield known, document
                data = tomlkit.dumps(document).encode()
            except (tomlkit.exceptions.ConvertError, UnicodeEncodeError):  # the texts may hold a secret
                raise InvalidArgument("a value is null or no Unicode, for which TOML has no form") from None
            _check_readable(file, data)
            durable.write_file(target, data)
    except Timeout as err:
        raise Busy(f"another process is changing {file}") from err
    except OSError as err:
        if isinstance(err, OaioError):
            raise
        raise StorageError(
            f"{file} can't be written: {err.strerror}", f"Make it writable, or set {DIRECTORY_VARIABLE}."
        ) from err


def _check_readable(file: Path, data: bytes) -> None:
    """Raises InvalidArgument if ``data`` would be refused when it is read as ``file``."""
    try:
        _hosts_in((_parsed(file, data), 0), file)
    except InvalidConfiguration as err:
        raise InvalidArgument(f"refused, and nothing changed: {err.message}", err.hint) from None


def check_id(csh_id: str) -> str:
    """``csh_id`` itself, if it can be the id of a host on every device.

    Raises:
        InvalidArgument: it can't.
    """
    if not csh_id or defuse(csh_id) != csh_id or not csh_id.isprintable() or csh_id in (".", ".."):
        raise InvalidArgument(f"not the id of a host: {csh_id[:80]!r}", "Use letters, digits, - and _.")
    if len(csh_id.encode()) > MAX_ID_BYTES:
        raise InvalidArgument(f"the id of a host is longer than {MAX_ID_BYTES} bytes: {csh_id[:80]!r}...")
    return csh_id


def _without_options(csh_id: str, known: Mapping[str, ConfiguredHost]) -> CshApi:
    told = f"no storage host {csh_id[:80]!r} is configured on this machine; there are: "
    error = UnknownHost(
        told + (", ".join(sorted(known)) or "none"),
        f"For the folder of that name write {shlex.quote(f'./{csh_id[:80]}')}; to add a host: "
        "oaio hosts add ID BACKEND --set KEY=VALUE",
    )
    try:
        backend_id(csh_id)
    except UnknownHost:
        raise error from None
    if any(option.is_needed for option in options_of(backend_of(csh_id)).values()):
        raise error
    return host_api(csh_id)


def _read(file: Path) -> tuple[dict[str, Any], int]:
    """What ``file`` holds, and its mode."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        if file.is_symlink():
            raise InvalidConfiguration(f"{file} is a link to nowhere", "Remove or repair the link.") from None
        return {}, 0
    except (OSError, ValueError) as err:
        raise _unreadable(file, str(getattr(err, "strerror", err))) from err
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise InvalidConfiguration(f"{file} is no regular file", "Move it away.")
        with open(descriptor, "rb", closefd=False) as content:
            data = content.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        raise _unreadable(file, str(err.strerror)) from err
    finally:
        os.close(descriptor)
    return _parsed(file, data), seen.st_mode


def _unreadable(file: Path, why: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"{file} can't be read: {why}", "Make it a file that you may read.")


def _parsed(file: Path, data: bytes) -> dict[str, Any]:
    if len(data) > MAX_FILE_BYTES:
        raise InvalidConfiguration(f"{file} is larger than {MAX_FILE_BYTES} bytes")
    if data.startswith(b"\xef\xbb\xbf"):
        raise InvalidConfiguration(f"{file} begins with a byte-order mark", "Save it as UTF-8 without one.")
    import tomllib  # noqa: PLC0415 - only where there is such a file

    try:
        text = data.decode()
        return tomllib.loads(text)
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise InvalidConfiguration(f"{file} is not UTF-8 in line {line}", "Save it as UTF-8.") from None
    except RecursionError:
        raise InvalidConfiguration(f"{file} is nested too deep") from None
    except ValueError as err:  # tomllib's own errors, and numbers with too many digits
        raise InvalidConfiguration(f"{file} is not TOML: {_place(str(err), text)}") from None


def _place(told: str, text: str) -> str:
    """What tomllib says, with the key that stands in the line that it says it of."""
    lines = text.splitlines()
    found = re.search(r"\(at line (\d+)", told)
    line = lines[min(int(found[1]) if found else len(lines), len(lines)) - 1] if lines else ""
    key = _KEY.match(line)
    return f"{told}, key {key[1] or key[2]}" if key else told


def _hosts_in(read: tuple[dict[str, Any], int], file: Path) -> dict[str, ConfiguredHost]:
    content, mode = read
    hosts = {}
    for csh_id, table in content.items():
        try:
            check_id(csh_id)
            hosts[csh_id] = _host(csh_id, table)
        except InvalidArgument as err:
            raise InvalidConfiguration(f"{file}: {err.message}", err.hint) from None
    if os.name == "posix" and mode & 0o077 and any(host.secrets for host in hosts.values()):
        raise InvalidConfiguration(
            f"{file} holds secrets, and others than you may read or write it", f"chmod 600 '{file}'"
        )
    return hosts


def _host(csh_id: str, table: object) -> ConfiguredHost:
    _check_table(csh_id, table, _PARTS)
    assert isinstance(table, dict)
    for part in table:
        _check_table(f"{csh_id}.{part}", table[part])
    host = ConfiguredHost(csh_id, **table)
    for name, variable in host.environment.items():
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise InvalidArgument(f"{csh_id}.environment.{name}: not the name of a variable")
    for name in host.options:
        if name in host.secrets or name in host.environment:
            raise InvalidArgument(f"{csh_id}.{name} is given twice", "Leave one of the two out.")
    if twice := sorted(host.secrets.keys() & host.environment.keys()):
        raise InvalidArgument(f"{csh_id}.{twice[0]} is given twice", "Leave one of the two out.")
    return host


def _check_table(place: str, table: object, allowed: tuple[str, ...] = ()) -> None:
    if not isinstance(table, dict):
        raise InvalidArgument(f"{place} has to be a table, not {type(table).__name__}")
    for key in table:
        if allowed and key not in allowed:
            raise InvalidArgument(
                f"{place} holds the unknown key {key[:80]!r}", f"Allowed: {', '.join(allowed)}."
            )
