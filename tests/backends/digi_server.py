"""Hosts and filesystems of a server with the API of Koofr and Digi Storage, and what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from oaio_storage.errors import (
    OaioError,
)
from oaio_storage.testing import HostSource
from oaio_storage.testing.koofr.running import PASSWORD, RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem, names


def api(server: RunningKoofr, root_folder: str = "", **more: Any) -> DigiApi:  # noqa: ANN401 - any argument
    arguments = {"email": server.user, "password": server.password, "endpoint": server.url, **more}
    return DigiApi(root_folder=root_folder, **arguments)


def filesystem(server: RunningKoofr, **more: Any) -> DigiFileSystem:  # noqa: ANN401 - any option
    options = {"email": server.user, "password": server.password, "endpoint": server.url, **more}
    return DigiFileSystem(**options, skip_instance_cache=True)


def source(server: RunningKoofr, root: str, **more: Any) -> HostSource:  # noqa: ANN401 - any argument
    """Hosts whose root is a folder; around them strangers use the names that the service takes."""
    raw = filesystem(server)

    def place(path: str) -> str:
        return f"/{root}/{path if more.get('provider') == 'koofr' else names.escape(path)}"

    def raw_list() -> list[str]:
        found = raw.find(f"/{root}")
        return [names.unescape(path.removeprefix(f"/{root}/")) for path in found]

    arguments = {"email": server.user, "password": server.password, "endpoint": server.url, **more}
    return HostSource(
        make=lambda: api(server, root, **more),
        raw_read=lambda path: raw.cat_file(place(path)),
        raw_write=lambda path, content: raw.pipe_file(place(path), content),
        raw_list=raw_list,
        process=("oaio_storage_digi:DigiApi", {"root_folder": root, **arguments}),
    )


def calls(server: RunningKoofr) -> list[str]:
    return [seen["call"] for seen in server.requests()]


@contextmanager
def told(kind: type[OaioError]) -> Iterator[None]:
    """``kind`` is raised, and neither it nor what it comes from tells a secret."""
    with pytest.raises(OaioError) as caught:
        yield
    assert type(caught.value) is kind, repr(caught.value)
    texts: list[str] = []
    err: BaseException | None = caught.value
    while err is not None:
        texts += [str(err), repr(err), getattr(err, "hint", "")]
        err = err.__cause__ or (None if err.__suppress_context__ else err.__context__)
    assert PASSWORD not in "".join(texts)
