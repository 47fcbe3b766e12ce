"""What the original package offers in its module of this name."""

from collections.abc import Mapping
from typing import Any

from oaio_storage.errors import NotFound
from oaio_storage.file_transfer import offers
from oaio_storage.file_transfer.offers import Fields
from oaio_storage.file_transfer.session import check_process_id
from oaio_storage.file_transfer.site import site_at

_PREFIX = "temp_"


def get_update_files(
    manifest_srv: Mapping[str, Fields], manifest_client: Mapping[str, Fields]
) -> dict[str, Any]:
    """What a client has to send, compared by checksum, and by time where one of them tells none.

    Args:
        manifest_srv: what is live, ``{path: {"mtime": ..., "checksum": ...}}``.
        manifest_client: the same of the client.

    Returns:
        ``files_new`` and ``files_update``, dictionaries with the client's entries, and ``files_keep`` and
        ``files_remove``, sorted lists of paths.

    Raises:
        TypeError: one of them is no dictionary.
        KeyError: an entry of both tells neither checksum nor time.
    """
    if not isinstance(manifest_srv, Mapping) or not isinstance(manifest_client, Mapping):
        raise TypeError("a manifest is a dictionary")
    both = sorted(manifest_srv.keys() & manifest_client.keys())
    update = {path for path in both if _is_updated(manifest_srv[path], manifest_client[path])}
    return {
        "files_new": {path: manifest_client[path] for path in manifest_client if path not in manifest_srv},
        "files_update": {path: manifest_client[path] for path in both if path in update},
        "files_keep": [path for path in both if path not in update],
        "files_remove": sorted(manifest_srv.keys() - manifest_client.keys()),
    }


def whether_allow_renew(
    manifest_srv: Mapping[str, Fields], manifest_client: Mapping[str, Fields], file_type: str
) -> bool:
    """Whether the client's version is strictly newer than what is live.

    Args:
        manifest_srv: what is live, ``{path: {"mtime": ...}}``.
        manifest_client: the same of the client.
        file_type: ``html`` and ``yaml`` have the time of their index page, others that of their newest file.

    Raises:
        KeyError: a time that counts lacks.
        ValueError: one of them has no files, and the newest counts.
    """
    return offers.is_newer(manifest_srv, manifest_client, file_type)


def _is_updated(server: Fields, client: Fields) -> bool:
    if server.get("checksum") and client.get("checksum"):
        return bool(server["checksum"] != client["checksum"])
    return bool(client["mtime"] > server["mtime"])


def tempdir_path(upload_dir: str, course_name: str, pid: str) -> str:
    """What stands for a publication under way, for the functions that take a ``temp_course_dir``.

    Nothing needs to lie there: what comes is kept where the host keeps its state.

    Args:
        upload_dir: the place of the courses, a path or a URL.
        course_name: which.
        pid: the ``process_id`` of the publication.
    """
    return f"{str(upload_dir).rstrip('/')}/{_PREFIX}{course_name}_{pid}"


def publication_of(temp_course_dir: str) -> tuple[str, str, str]:
    """The place, the course and the process that :func:`tempdir_path` was given.

    Raises:
        NotFound: it was given none.
    """
    upload_dir, _, name = str(temp_course_dir).rpartition("/")
    course, _, pid = name.removeprefix(_PREFIX).rpartition("_")
    if not name.startswith(_PREFIX) or not upload_dir or not course:
        raise NotFound("no such publication is under way", "Name it by tempdir_path.")
    return upload_dir, course, check_process_id(pid)


def create_new_manifest(static_file_path: str, course_name: str, temp_course_dir: str) -> None:
    """Let a publication be complete, after its last file came: all is made ready to be published.

    Args:
        static_file_path: the place of the courses, a path or a URL.
        course_name: which.
        temp_course_dir: of :func:`tempdir_path`.

    Raises:
        NotFound: no such publication is under way.
        InvalidArgument: files lack.
        Superseded: something else became live since it began.
    """
    site_at(static_file_path).complete(course_name, publication_of(temp_course_dir)[2])
