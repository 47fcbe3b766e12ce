"""A Koofr-compatible server for the tests of a module, and hosts and filesystems of it."""

from typing import Any

from oaio_storage.testing import HostSource
from oaio_storage.testing.koofr.running import RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem, names


def api(server: RunningKoofr, root_folder: str = "", **more: Any) -> DigiApi:  # noqa: ANN401 - any argument
    return DigiApi(
        root_folder=root_folder, email=server.user, password=server.password, endpoint=server.url, **more
    )


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
