"""An original client's object against a version of ours.

``_root_path`` and ``_file_paths`` apart from the values, and back. Pure.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from oaio_storage import values
from oaio_storage.errors import InvalidArgument, InvalidName
from oaio_storage.manifest import Manifest
from oaio_storage.model import FILES_KEY, ROOT_KEY, checked_object_id, checked_stamp
from oaio_storage.names import check_path
from oaio_storage.server.answers import text_of
from oaio_storage.server.deciding import check_text


@attrs.frozen(kw_only=True)
class Content:
    """What an original client sends of an object, checked.

    Its values without the reserved keys, those beside them.
    """

    oaio_id: str
    stamp: str
    base_stamp: str
    values: str
    attached: str
    paths: tuple[str, ...] | None
    root_path: str
    csh_id: str

    @classmethod
    def of_body(cls, body: Mapping[str, Any]) -> "Content":
        """What a ``register/`` or ``upload/`` says.

        Raises:
            InvalidArgument: a field is missing or not allowed; unsafe paths are refused as well (W18).
        """
        kept = body.get("client_values")
        if not isinstance(kept, dict):
            raise InvalidArgument("client_values has to be a dictionary")
        kept = dict(kept)
        paths = _checked_paths(kept.pop(FILES_KEY)) if FILES_KEY in kept else None
        root_path = _checked_root(kept.pop(ROOT_KEY, ""))
        csh_id = body.get("csh_id") or ""
        if not isinstance(csh_id, str):
            raise InvalidArgument("csh_id has to be a text")
        check_text("csh_id", csh_id)
        return cls(
            oaio_id=checked_object_id(text_of(body, "oaio_id")),
            stamp=checked_stamp(text_of(body, "client_stamp")),
            base_stamp=text_of(body, "server_stamp"),
            values=values.canonical(kept),
            attached="" if paths is None else "file" if len(paths) == 1 else "folder",
            paths=paths,
            root_path=root_path,
            csh_id=csh_id,
        )


def compose(text: str, paths: tuple[str, ...] | None, root_path: str) -> dict[str, Any]:
    """The values as an original client knows them: ``text`` with the reserved keys put back."""
    composed = values.parse(text)
    if root_path:
        composed[ROOT_KEY] = root_path
    if paths is not None:
        composed[FILES_KEY] = list(paths)
    return composed


def paths_of(attached: str, files: str | None, paths: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What is attached.

    The manifest's paths for versions of ours, else those that the original client named.
    """
    if not attached:
        return None
    return tuple(sorted(Manifest.parse(files))) if files is not None else paths


def _checked_paths(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(path, str) for path in given):
        raise InvalidArgument(f"{FILES_KEY} has to be a list of texts")
    if len(set(given)) != len(given):
        raise InvalidName(f"a path occurs twice in {FILES_KEY}")
    return tuple(check_path(path) for path in given)


def _checked_root(given: object) -> str:
    if not isinstance(given, str):
        raise InvalidArgument(f"{ROOT_KEY} has to be a text")
    check_text(ROOT_KEY, given)
    if ".." in given.replace("\\", "/").split("/"):
        raise InvalidName(f"{ROOT_KEY} leads upwards")
    return given
