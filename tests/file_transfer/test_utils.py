"""The functions of the original package's ``utils``."""

import pytest

from oaio_storage.errors import NotFound
from oaio_storage.file_transfer.utils import (
    get_update_files,
    publication_of,
    tempdir_path,
    whether_allow_renew,
)

BIG = 1_700_000_000_123_456_789


def test_parts_of_two_manifests() -> None:
    server: dict[str, dict[str, object]] = {
        "same": {"mtime": 1, "checksum": "sha256:a"},
        "touched": {"mtime": 1, "checksum": "sha256:a"},
        "older but other": {"mtime": 5, "checksum": "sha256:a"},
        "gone": {"mtime": 1, "checksum": "sha256:a"},
        "newer by time": {"mtime": BIG},
        "older by time": {"mtime": BIG},
    }
    client: dict[str, dict[str, object]] = {
        "same": {"mtime": 1, "checksum": "sha256:a"},
        "touched": {"mtime": 2, "checksum": "sha256:a"},
        "older but other": {"mtime": 4, "checksum": "sha256:b"},
        "new": {"mtime": 1, "checksum": "sha256:c", "size": 5},
        "newer by time": {"mtime": BIG + 1},
        "older by time": {"mtime": BIG},
    }
    assert get_update_files(server, client) == {
        "files_new": {"new": client["new"]},
        "files_update": {name: client[name] for name in ("newer by time", "older but other")},
        "files_keep": ["older by time", "same", "touched"],
        "files_remove": ["gone"],
    }


def test_what_are_no_manifests() -> None:
    with pytest.raises(TypeError):
        get_update_files([], {})  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        get_update_files({"a": {}}, {"a": {}})


def test_only_a_strictly_newer_version_is_allowed() -> None:
    for kind in ("html", "yaml"):
        server = {f"index.{kind}": {"mtime": BIG}, "a": {"mtime": BIG + 9}}
        for later in (-1, 0, 1):
            client = {f"index.{kind}": {"mtime": BIG + later}}
            assert whether_allow_renew(server, client, kind) is (later > 0)
        with pytest.raises(KeyError):
            whether_allow_renew(server, {"a": {"mtime": BIG}}, kind)
    assert whether_allow_renew({"a": {"mtime": BIG}}, {"b": {"mtime": BIG + 1}}, "rst")
    assert not whether_allow_renew({"a": {"mtime": BIG}}, {"b": {"mtime": BIG}, "c": {"mtime": 1}}, "rst")
    with pytest.raises(ValueError, match="empty"):
        whether_allow_renew({}, {"a": {"mtime": 1}}, "rst")


def test_the_path_that_stands_for_a_publication() -> None:
    pid = "01234567-89ab-4def-8123-456789abcdef"
    for place in ("/srv/courses", "s3://bucket/courses", "courses"):
        for course in ("default", "a_b", "temp_x_"):
            path = tempdir_path(f"{place}/", course, pid)
            assert path == f"{place}/temp_{course}_{pid}"
            assert publication_of(path) == (place, course, pid)
    for path in (
        "",
        "x",
        f"/srv/default_{pid}",
        "/srv/temp_default_x",
        f"temp_default_{pid}",
        f"/srv/temp__{pid}x",
    ):
        with pytest.raises(NotFound):
            publication_of(path)
