"""An oaio server that receives trees: with a key it does, without it does not."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from file_transfer import wire
from file_transfer.original_client import OriginalClient
from outsider import OAIO, oaio, tree, written

from oaio_storage.testing.servers import RunningServer, oaio_server

FILES = {"index.html": "<h1>first</h1>", "css/style.css": "body {}"}


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    here = tmp_path_factory.mktemp("receiving")
    (here / "key.pem").write_text(wire.public_pem())
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("OAIO_JWT_PUBLIC_KEY", str(here / "key.pem"))
            patched.setenv("OAIO_JWT_ISSUER", wire.ISSUER)
            server = running.enter_context(oaio_server(here / "data"))
        yield server


def test_a_folder_that_is_sent_is_served(receiving: RunningServer, tmp_path: Path) -> None:
    written(tmp_path / "public", FILES)
    (tmp_path / "token").write_text(wire.token("course"))
    words = ("--api", f"{receiving.url}/transfer", "--course", "course", "--token-file", "token")
    own = {"OAIO_STATE_DIR": str(tmp_path / "state")}
    oaio("send", "public", *words, cwd=tmp_path, env=own).ok()
    answer = requests.get(f"{receiving.url}/sites/course/", timeout=60)
    assert answer.text == FILES["index.html"]
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    os.utime(tmp_path / "public/index.html", (0, 2_000_000_000))
    (tmp_path / "public/css/style.css").write_text("p {}")
    shown = oaio("send", "public", *words, cwd=tmp_path, env=own).ok().out
    assert "M  css/style.css" in shown
    pins = [line.split()[0] for line in generations(receiving)]
    older = [
        requests.get(f"{receiving.url}/sites/course/@{pin}/css/style.css", timeout=60).text for pin in pins
    ]
    assert sorted(older) == ["body {}", "p {}"]


def generations(server: RunningServer) -> list[str]:
    told = oaio("generations", "course", "--at", server.data / "sites", "--json").ok().json
    return [one["generation"] for one in told]


def test_the_original_client_publishes_a_large_site_in_one_request(
    receiving: RunningServer, tmp_path: Path
) -> None:
    written(tmp_path / "public", FILES)
    (tmp_path / "public/large").write_bytes(os.urandom(70 << 20))
    client = OriginalClient(f"{receiving.url}/transfer/", "large", wire.token("large"), tmp_path / "pid")
    client.upload(tmp_path / "public")
    client.publish()
    assert tree(receiving.data / "sites" / "large") == tree(tmp_path / "public")


def test_without_a_key_nothing_is_received(server: RunningServer) -> None:
    for path in ("transfer/course/select-files", "sites/course/"):
        assert requests.get(f"{server.url}/{path}", timeout=60).status_code == 404


def test_a_key_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nonsense")
    for key, said in ((tmp_path / "key.pem", "public key"), (tmp_path / "nothing", "can't be read")):
        env = {"OAIO_JWT_PUBLIC_KEY": str(key)}
        oaio("serve", "--data", tmp_path / "data", "--port", 0, env=env, program=OAIO).ended(2, said)
