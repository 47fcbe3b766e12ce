"""The server as a process: its data folder, its locks, its end, kills, and TLS."""

import itertools
import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from counts import COUNTS
from server.conftest import PASSWORD
from server.devices import Json

from oaio_storage.errors import AlreadyExists, InvalidArgument, Unavailable, WrongRoot
from oaio_storage.server import add_user, prepare
from oaio_storage.testing.servers import RunningServer, oaio_server


class Session:
    """A session with a server in another process."""

    def __init__(self, url: str, *, verify: str | bool = True) -> None:
        self.url, self.http = f"{url}/api/v1", requests.Session()
        self.http.trust_env = False
        self.http.verify = verify
        self.http.get(f"{self.url}/login", timeout=30)
        assert self.post("login", username="alice", password=PASSWORD).status_code == 200

    def post(self, slug: str, **body: Json) -> requests.Response:
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"], "Referer": self.url}
        return self.http.post(f"{self.url}/{slug}", json=body, headers=headers, timeout=30)

    def register(self, oaio_id: str, version_id: str) -> Json:
        """The result of registering an object, or None if no answer came."""
        try:
            stamp = self.post("sync", cursor="", stamps=1, items=[], limit=0).json()["stamp"]
            item = {
                "id": version_id,
                "oaio_id": oaio_id,
                "base": None,
                "stamp": stamp,
                "client_stamp": stamp,
                "deleted": False,
                "values": json.dumps({"id": version_id}, separators=(",", ":")),
                "attached": "",
                "files": None,
                "root_path": "",
                "csh_id": "",
                "device_id": "d",
                "app_id": "a",
                "overtakes": [],
                "resolves": [],
                "aside": False,
            }
            answer = self.post("sync", cursor="", stamps=0, items=[item], limit=0)
            return answer.json()["results"][0]
        except requests.RequestException:
            return None

    def versions(self) -> dict[str, str]:
        """The ids of the current versions by object."""
        found: dict[str, str] = {}
        cursor, more = "", True
        while more:
            told = self.post("sync", cursor=cursor, stamps=0, items=[], limit=1_000).json()
            found |= {one["oaio_id"]: one["version"]["id"] for one in told["entries"]}
            cursor, more = told["cursor"], told["more"]
        return found


def test_what_prepare_makes_is_for_the_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    assert add_user(data, "Zoë.O-Brien", PASSWORD)
    kept = {path.name: path.read_bytes() for path in data.iterdir() if path.name == "secret_key"}
    prepare(data)
    assert not add_user(data, "zed", PASSWORD)
    assert {name: (data / name).read_bytes() for name in kept} == kept
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("secret_key", "oaio.sqlite3"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    with sqlite3.connect(data / "oaio.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_accounts_that_are_not_allowed(data: Path) -> None:
    for name, password in (
        ("", "x"),
        ("x", ""),
        (" x", "x"),
        ("x\n", "x"),
        ("x" * 151, "x"),
        ("\U00020000" * 64, "x"),
        ("..", "x"),
        (".x", "x"),
        ("../x", "x"),
        ("x y", "x"),
        ("x\udc80", "x"),
        ("e\u0301", "x"),
    ):
        with pytest.raises(InvalidArgument):
            add_user(data, name, password)
    with pytest.raises(AlreadyExists):
        add_user(data, "alice", "x")


def test_a_data_folder_that_can_not_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidArgument):
            prepare(data)


def test_files_of_another_server_are_noticed(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    prepare(other)
    (data / "files").rename(tmp_path / "away")
    (other / "files").rename(data / "files")
    with pytest.raises(WrongRoot):
        prepare(data)


def test_one_server_for_each_folder_and_port(server: RunningServer, tmp_path: Path) -> None:
    for data in (server.data, tmp_path / "second"):
        with (
            pytest.raises(Unavailable, match=r"another (server runs|process)"),
            oaio_server(data, server.port),
        ):
            pass


def test_sigterm_finishes_running_requests_and_frees_everything(server: RunningServer) -> None:
    session = Session(server.url)
    results: list[Json] = []
    threads = [
        threading.Thread(
            target=lambda number=number: results.append(session.register(f"o{number}", f"{number:032x}"))
        )
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    assert server.stop() == 0
    for thread in threads:
        thread.join()
    with oaio_server(server.data, server.port) as again:
        kept = Session(again.url).versions()
    assert {one["id"] for one in results if one and one["status"] == 200} <= set(kept.values())


def test_what_was_acknowledged_survives_kills(data: Path) -> None:
    chance = random.Random(1)
    acknowledged: dict[str, str] = {}
    port = 0
    for round_number in range(COUNTS.server_kills):
        with oaio_server(data, port) as server:
            port = server.port
            session = Session(server.url)
            assert acknowledged.items() <= session.versions().items()
            some = chance.randrange(1, 9)  # after which the server is killed in the middle of a later one
            timer = threading.Timer(chance.uniform(0, 0.1), server.kill)
            for number in itertools.count():
                oaio_id, version_id = f"o{round_number}-{number}", f"{round_number:016x}{number:016x}"
                result = session.register(oaio_id, version_id)
                if result is None:
                    assert number >= some
                    break
                assert result["status"] == 200
                acknowledged[oaio_id] = version_id
                if number + 1 == some:
                    timer.start()
            timer.join()
    assert len(acknowledged) >= COUNTS.server_kills
    with oaio_server(data, port) as server:
        assert acknowledged.items() <= Session(server.url).versions().items()


def test_a_first_start_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    data, chance = tmp_path / "data", random.Random(2)
    command = [sys.executable, "-c", "import sys, pathlib; from oaio_storage.server import prepare"]
    command[2] += "; prepare(pathlib.Path(sys.argv[1]))"
    for _ in range(COUNTS.server_kills):
        with subprocess.Popen([*command, str(data)], stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(chance.uniform(0.3, 1.2))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
    prepare(data)
    add_user(data, "alice", PASSWORD)
    with oaio_server(data) as server:
        assert Session(server.url).versions() == {}


def test_tls(data: Path, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=127.0.0.1",
    ]
    make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(make, check=True, capture_output=True)
    with oaio_server(data, 0, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        session = Session(server.url, verify=str(cert))
        assert all(cookie.secure for cookie in session.http.cookies)
        assert session.register("x", "0" * 32)["status"] == 200
    cert.write_text("no certificate")
    with (
        pytest.raises(Unavailable, match="no certificate and key"),
        oaio_server(data, 0, "--tls-cert", str(cert), "--tls-key", str(key)),
    ):
        pass


@pytest.mark.parametrize("tls", ["0", "1"])
def test_the_deployment_checks_are_silent_with_tls(data: Path, tls: str) -> None:
    environment = os.environ | {"OAIO_DATA": str(data), "OAIO_TLS": tls}
    check = [
        sys.executable,
        "-m",
        "django",
        "check",
        "--deploy",
        "--settings",
        "oaio_storage.server.settings",
    ]
    done = subprocess.run(check, env=environment, capture_output=True, text=True, check=True)
    assert ("no issues" in done.stdout) == (tls == "1"), done.stderr


def test_the_admin_pages_and_their_files(server: RunningServer) -> None:
    login = requests.get(f"{server.url}/admin/", timeout=30)
    assert login.status_code == 200
    assert "oaio server" in login.text
    assert requests.get(f"{server.url}/static/admin/css/base.css", timeout=30).status_code == 200
