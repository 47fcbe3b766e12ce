"""Whether links that strangers place on a host are followed, where one can be placed."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from oaio_storage.errors import AlreadyExists, NotFound, OaioError
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.probe.bench import Bench, expect, refused
from oaio_storage.names import STATE_FOLDER

PlaceLink = Callable[[str, Path], Callable[[], object]]
"""Places a link to a local file at a path of the root, around the host; the answer removes it again."""


def placer(host: CshApi) -> PlaceLink | None:
    """How a stranger places links, if the root of ``host`` is a folder of this machine."""
    try:
        root = Path(host.folders.root_folder)
    except OaioError:
        return None
    if not root.is_dir():  # it lies on a disk of another kind, such as one of a test
        return None

    def place(path: str, target: Path) -> Callable[[], object]:
        link = root / path
        link.symlink_to(target)
        return link.unlink

    return place


def links_lead_nowhere(bench: Bench, place: PlaceLink) -> str:
    """What a link points to is not there, and is neither changed nor removed.

    Raises:
        Fault: it is followed.
    """
    host = bench.host("links")
    host.write("file", b"inside")
    with tempfile.TemporaryDirectory() as outside:
        secret = Path(outside) / "file"
        secret.write_bytes(b"outside")
        remove = place(f"{STATE_FOLDER}/{bench.folder}/links/link", secret)
        try:
            _check(host, secret)
        finally:
            remove()
    return "a link to a file outside of the root"


def _check(host: CshApi, secret: Path) -> None:
    for call in (host.read, host.stat):
        with refused(NotFound, "a link out of the root is followed"):
            call("link")
    expect([seen.path for seen in host.list()] == ["file"], "a link out of the root is listed")
    host.delete("link")
    with suppress(AlreadyExists):
        host.write("link/below", b"new")
    expect(secret.read_bytes() == b"outside", "a file outside of the root was changed through a link")
