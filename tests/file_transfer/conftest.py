"""Sites that receive trees: one for each kind of host, which the tests of a module share."""

from collections.abc import Iterator

import pytest
from file_transfer.servers import Gunicorn, Place, account, bucket, gunicorn

from oaio_storage.testing.koofr.running import koofr_server


@pytest.fixture(scope="module", params=["folder", "bucket", "account"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder of this machine, a bucket of SeaweedFS, an account of Digi."""
    folder = tmp_path_factory.mktemp("site")
    if request.param == "folder":
        (folder / "courses").mkdir()
        yield Place(str(folder / "courses"))
    elif request.param == "bucket":
        yield bucket(request.getfixturevalue("weed"))
    else:
        with koofr_server() as koofr:
            yield account(koofr, folder)


@pytest.fixture(scope="module")
def site(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """A site there."""
    with gunicorn(place, tmp_path_factory.mktemp("gunicorn")) as running:
        yield running
