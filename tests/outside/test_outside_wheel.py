"""The built wheel alone, installed into an environment of its own: nothing needs the checkout."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outsider import PASSWORD, environment, oaio, run, tree, written


@contextmanager
def _serving(program: Path, data: Path) -> Iterator[str]:
    """The address of a server on a free port."""
    words = [str(program), "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split(" at ", 1)[1].split(" ", 1)[0]
        finally:
            server.terminate()
    assert server.returncode == 0


def test_what_is_installed_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    named = "oaio_storage, oaio_storage_local, oaio_storage_s3, oaio_storage.server"
    lines = f"import {named}\nfor one in ({named}): print(one.__file__)"
    places = run(str(installed / "python"), "-c", lines, cwd=tmp_path).split()
    assert [place for place in places if not place.startswith(f"{installed.parent}/")] == []
    assert len(places) == len(named.split(","))


def test_the_main_job_is_done_by_the_wheel(installed: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "single", {"only one.txt": "text"})
    before = tree(folder)
    told = oaio("demo", folder, "--json", program=installed / "oaio", cwd=tmp_path).ok().json
    assert told["held"] is True
    assert tree(folder) == before


TWO_DEVICES = """
import sys
from pathlib import Path

from oaio_storage import OaioClient

server, password, folder = sys.argv[1:]
alice = {"username": "alice", "password": password}
laptop = OaioClient(server, alice, "shop", "laptop", csh_default_id="Local", client_root="laptop")
phone = OaioClient(server, alice, "shop", "phone", csh_default_id="Local", client_root="phone")
made = laptop.register_folder(folder)
laptop.sync(), phone.sync()
print(*(path.read_text() for path in map(Path, phone.files(made.oaio_id))))
Path(folder, "a.txt").unlink()
laptop.sync(), phone.sync()
print(*(path.read_text() for path in map(Path, phone.files(made.oaio_id))))
laptop.close(), phone.close()
"""


def test_a_server_and_two_devices_in_python_run_by_the_wheel(installed: Path, tmp_path: Path) -> None:
    program, data, devices = installed / "oaio", tmp_path / "data", tmp_path / "devices"
    devices.mkdir()
    folder = written(tmp_path / "mine", {"a.txt": "first", "b/c.txt": "second", "d.txt": "third"})
    words = ("user", "add", "alice", "--data", data, "--password-stdin")
    oaio(*words, stdin=PASSWORD, program=program, cwd=tmp_path).ok()
    with _serving(program, data) as url:
        python = str(installed / "python")
        said = run(python, "-c", TWO_DEVICES, url, PASSWORD, str(folder), cwd=devices)
    assert said.splitlines() == ["first second third", "second third"]
