"""From a path or values on the command line to the call of the client that fits."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oaio_storage.errors import AlreadyExists, InvalidArgument, NotFound, RootUnavailable
from oaio_storage.model import FILES_KEY, ROOT_KEY, OaiObject

if TYPE_CHECKING:
    from oaio_storage import OaioClient


def existing(path: Path) -> Path:
    """``path``, made absolute without following links.

    Raises:
        NotFound: nothing is there.
        InvalidArgument: it is a device, pipe or socket.
    """
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}", "Check the path.")
    if not (path.is_file() or path.is_dir()):
        raise InvalidArgument(f"{path} is neither a regular file nor a folder", "Name one of those.")
    return path.absolute()


def registered(client: "OaioClient", what: Path | dict[str, Any]) -> OaiObject:
    """The new object of a file, a folder or values."""
    if isinstance(what, dict):
        made = client.register_object(what)
    elif (path := existing(what)).is_dir():
        made = client.register_folder(str(path))
    else:
        made = client.register_file(path.name, root_path=str(path.parent))
    if made is None:
        raise AlreadyExists(client.error_message or "an object of this id is known already")
    return made


def updated(
    client: "OaioClient", oaio_id: str, path: Path | None, values: Mapping[str, Any] | None, *, reset: bool
) -> OaiObject:
    """The object after ``values`` and the files at ``path`` were taken; without both, the files it has."""
    known = client.client_objectz[oaio_id]
    if values is not None:
        _check_together(known, values, reset=reset)
    if path is not None:
        path = existing(path)
        if path.is_dir():
            known = client.update_folder(oaio_id, root_path=str(path))
        else:
            known = client.update_file(oaio_id, path.name, root_path=str(path.parent))
    elif values is None:
        known = _looked_at(client, known)
    if values is not None:
        known = client.update_object(oaio_id, dict(values), reset=reset)
    return known


def _looked_at(client: "OaioClient", known: OaiObject) -> OaiObject:
    """The object after what changed in its files on this device became an edit."""
    from oaio_storage.client.roots import look  # noqa: PLC0415 - not needed for --help

    if not known.client_values.get(FILES_KEY):
        raise InvalidArgument(f"no files are attached to {known.oaio_id}", "Add PATH or --values JSON.")
    look(client.device, known.oaio_id)
    for problem in client.problems():
        if problem.oaio_id == known.oaio_id:
            raise RootUnavailable(problem.what, problem.way_out)
    return client.client_objectz[known.oaio_id]


def _check_together(known: OaiObject, values: Mapping[str, Any], *, reset: bool) -> None:
    """Raise for values that the object can't hold before its files are touched."""
    from oaio_storage.values import canonical  # noqa: PLC0415 - not needed for --help

    together = {**({} if reset else known.client_values), **values}
    canonical({key: value for key, value in together.items() if key not in (FILES_KEY, ROOT_KEY)})
