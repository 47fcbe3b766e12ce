"""fsspec's own tests of filesystems, on a server with the API of Koofr and Digi Storage."""

import secrets
from collections.abc import Callable, Iterator

import fsspec.tests.abstract as theirs
import pytest
from backends.digi_server import filesystem

from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server
from oaio_storage_digi import DigiFileSystem


class DigiFixtures(theirs.AbstractFixtures):  # type: ignore[misc]  # fsspec has no types
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[RunningKoofr]:
        with koofr_server() as server:
            yield server

    @pytest.fixture(scope="class")
    @classmethod
    def fs(cls, server: RunningKoofr) -> Iterator[DigiFileSystem]:
        made = filesystem(server)
        yield made
        made.mount.session.close()

    @pytest.fixture
    def fs_path(self, fs: DigiFileSystem) -> str:
        path = f"/{secrets.token_hex(4)}"
        fs.mkdir(path)
        return path

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)


class TestCopy(theirs.AbstractCopyTests, DigiFixtures):  # type: ignore[misc]  # fsspec has no types
    pass


class TestGet(theirs.AbstractGetTests, DigiFixtures):  # type: ignore[misc]  # fsspec has no types
    pass


class TestPut(theirs.AbstractPutTests, DigiFixtures):  # type: ignore[misc]  # fsspec has no types
    pass


class TestOpen(theirs.AbstractOpenTests, DigiFixtures):  # type: ignore[misc]  # fsspec has no types
    pass


class TestPipe(theirs.AbstractPipeTests, DigiFixtures):  # type: ignore[misc]  # fsspec has no types
    pass
