"""From the id of a host to the host: the backends that are installed, found by their entry points."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import attrs

from oaio_storage.errors import InvalidArgument, OaioError, UnknownHost
from oaio_storage.hosts import foreign, roots
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.wrappers.retry import Retry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "oaio_storage.backends"
"""The group of entry points under which a distribution offers its backends."""

OURS = {
    "Digi": ("oaio_storage_digi", "DigiApi"),
    "Fsspec": ("oaio_storage.hosts.fsspec_api", "FsspecApi"),
    "Local": ("oaio_storage_local", "LocalApi"),
    "S3": ("oaio_storage_s3", "S3Api"),
}
"""The backends of this distribution by id, which nobody else can claim: module and class.

They are found without a look at what is installed, which costs a short command more time than anything else.
"""


def installed_backends() -> tuple[str, ...]:
    """The ids of the installed backends, sorted. None of them is imported."""
    return tuple(sorted(_points()))


def id_of_scheme(scheme: str) -> str | None:
    """The id of the backend that is called like ``scheme``, in any letter case; no backend is imported."""
    return _called(scheme, OURS) or _called(scheme, installed_backends())


def _called(name: str, ids: Iterable[str]) -> str | None:
    return next((known for known in ids if known.lower() == name.lower()), None)


def host_api(csh_id: str, /, *, expect_root: str = "", **csh_args: object) -> CshApi:
    """The host ``csh_id``, bound to the root that ``csh_args`` name, and wrapped with retry.

    The backend is the one with exactly this id, else the one whose id stands before the first ``-``:
    ``S3-eu`` is a host of the backend ``S3``.

    Args:
        csh_id: the host's id.
        expect_root: the id of the root that is meant; empty: any.
        csh_args: the fields of the backend's class.

    Raises:
        UnknownHost: no such backend is installed; the message lists those that are.
        InvalidArgument: a field is missing, unknown or of a wrong type; the message names it.
        WrongRoot: the root is not the expected one.
        OaioError: the backend is installed, but can't be imported; the message names it and its distribution.
    """
    host = Retry(_made(backend_of(csh_id), csh_id, csh_args))
    if expect_root:
        roots.check_root(host, expect_root)
    return host


def settled(csh_id: str, /, **csh_args: object) -> dict[str, Any]:
    """``csh_args`` as the backend's class keeps them: a relative path made absolute, for instance.

    They mean the same wherever they are used then. Errors are those of :func:`host_api`.
    """
    backend = backend_of(csh_id)
    with _made(backend, csh_id, csh_args) as host:
        kept = {name: getattr(host, field.name) for name, field in arguments(backend).items()}
    return {
        name: kept[name] if type(kept[name]) is type(value) else value for name, value in csh_args.items()
    }


def backend_id(csh_id: str) -> str:
    """The id of the backend that serves the host ``csh_id``. No backend is imported.

    Raises:
        UnknownHost: no such backend is installed; the message lists those that are.
    """
    return _claims(csh_id)[0]


def backend_of(csh_id: str) -> type[CshApi]:
    """The class of the backend that serves the host ``csh_id``.

    Raises:
        UnknownHost: none is installed, two distributions claim its id, or it can't be imported or is no
            backend; the message names it and the distributions.
    """
    if csh_id in OURS:
        module, name = OURS[csh_id]
        with suppress(ImportError):  # what it needs is not installed, which is told below
            return cast("type[CshApi]", getattr(import_module(module), name))
    _, claims = _claims(csh_id)
    if len(claims) > 1:
        named = " and ".join(_origin(point) for point in claims)
        raise UnknownHost(f"two distributions claim one id: {named}", "Uninstall one of them.")
    point = claims[0]
    try:
        loaded = point.load()
    except (Exception, SystemExit) as err:  # whatever a stranger's module raises when it is imported
        raise UnknownHost(
            f"{_origin(point)} can't be imported: {type(err).__name__}: {err}", "Repair or upgrade it."
        ) from err
    if not (attrs.has(loaded) and isinstance(loaded, type) and issubclass(loaded, CshApi)):
        raise UnknownHost(f"{_origin(point)} is no attrs class derived from CshApi", "Repair or upgrade it.")
    return loaded


def check_backend(csh_id: str, backend: str) -> None:
    """Do nothing if clients, who know only the id, would find ``backend`` for the host ``csh_id``.

    Raises:
        UnknownHost: ``backend`` is not installed; the message lists those that are.
        InvalidArgument: they would find another one or none; the hint tells ids for which they would.
    """
    points = _points()
    if backend not in points:
        raise UnknownHost(
            f"no backend {backend[:80]!r} is installed; there are: {_listed(points)}",
            f"Install a package that offers it as entry point of {GROUP}, or use one of those.",
        )
    found = next((name for name in (csh_id, csh_id.partition("-")[0]) if name in points), None)
    if found != backend:
        told = f"the backend {found}" if found else "no backend"
        working = f"{backend}, or {backend}-NAME" if "-" not in backend else backend
        raise InvalidArgument(
            f"by the id {csh_id[:80]!r} clients would find {told}, not {backend}", f"Use {working} as id."
        )


def arguments(backend: type[CshApi]) -> dict[str, "attrs.Attribute[object]"]:
    """The fields of ``backend`` that are the arguments of its hosts, by the names they are given with."""
    fields = attrs.fields(backend)  # type: ignore[arg-type]  # every backend is an attrs class
    return {field.alias: field for field in fields if field.init}


def _claims(csh_id: str) -> tuple[str, list["EntryPoint"]]:
    """The id of the backend of ``csh_id``, and the entry points that offer it."""
    points = _points()
    for name in (csh_id, csh_id.partition("-")[0]):
        if name in points:
            return name, points[name]
    raise UnknownHost(
        f"no backend for the storage host {csh_id[:80]!r} is installed; there are: {_listed(points)}",
        f"Install a package that offers it as entry point of {GROUP}, or use one of those.",
    )


def _points() -> dict[str, list["EntryPoint"]]:
    """The entry points by name; several under one name if different distributions claim it."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - see OURS

    points: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        claim = (point.value, point.dist.name if point.dist else "")
        points.setdefault(point.name, {}).setdefault(claim, point)
    return {name: list(claims.values()) for name, claims in points.items()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _origin(point: "EntryPoint") -> str:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    return f"the backend {point.name!r} ({point.value}) of {distribution}"


def _made(backend: type[CshApi], csh_id: str, csh_args: dict[str, object]) -> CshApi:
    fields = arguments(backend)
    if unknown := sorted(csh_args.keys() - fields.keys()):
        raise InvalidArgument(
            f"the storage host {csh_id!r} has no argument {_listed(unknown)}; it has: {_listed(fields)}"
        )
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    if missing := [name for name in required if name not in csh_args]:
        raise InvalidArgument(f"the storage host {csh_id!r} needs the argument {_listed(missing)}")
    try:
        return backend(**csh_args)
    except OaioError:
        raise
    except (TypeError, ValueError) as err:
        guilty = [arg.name for arg in err.args if isinstance(arg, attrs.Attribute)]
        named = f"argument {guilty[0]!r}" if guilty else f"arguments ({', '.join(sorted(csh_args))})"
        raise InvalidArgument(
            f"the storage host {csh_id!r} refuses the value of its {named}"
        ) from None  # it may be a secret
    except Exception as err:
        table = backend.foreign_errors if isinstance(backend.foreign_errors, Mapping) else foreign.OS_ERRORS
        raise foreign.ours(err, table, f"can't reach the storage host {csh_id!r}") from err
