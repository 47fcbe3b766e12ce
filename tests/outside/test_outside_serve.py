"""`oaio serve` and `oaio user`, and how a server is spoken to by anything that speaks HTTP."""

import json
import signal
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest
from outsider import OAIO, PASSWORD, Browser, Client, NewUser, environment, oaio, tree, written

from oaio_storage.testing.servers import RunningServer, oaio_server


def test_one_line_says_that_the_server_is_ready_and_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    data = tmp_path / "data"
    words = [str(OAIO), "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        assert line.startswith("oaio server ready at http://127.0.0.1:")
        assert line.endswith(f"/ (data: {data})\n")
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, b"", b"")


def test_the_first_start_makes_everything_among_it_the_host_local(server: RunningServer, user: str) -> None:
    status, host = Browser(server.url).login(user).ask("/api/v1/hosts/Local")
    assert status == 200
    assert host["csh_id"] == "Local"
    assert list(host["args"]) == ["root_folder"]
    assert Path(host["args"]["root_folder"]).is_dir()


def test_what_the_server_keeps_is_private(server: RunningServer, user: str) -> None:
    assert user
    assert server.data.stat().st_mode & 0o077 == 0
    assert (server.data / "secret_key").stat().st_mode & 0o077 == 0
    assert (server.data / "oaio.sqlite3").stat().st_mode & 0o077 == 0


def test_a_second_server_on_the_same_data_has_to_wait(server: RunningServer) -> None:
    oaio("serve", "--data", server.data, "--port", "0").ended(5, "another server")


def test_a_taken_port_is_told(server: RunningServer, tmp_path: Path) -> None:
    oaio("serve", "--data", tmp_path / "other", "--port", server.port).ended(5, str(server.port))


def test_a_server_speaks_tls_with_a_certificate_and_a_key(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    data = tmp_path / "data"
    oaio("user", "add", "alice", "--data", data, "--password-stdin", stdin=PASSWORD).ok()
    with oaio_server(data, 0, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{server.url}/api/v1/login", context=trust) as answer:
            assert answer.status == 200
        root = tmp_path / "root"
        words = ("init", root, "--server", server.url, "--user", "alice", "--password-stdin")
        oaio(*words, stdin=PASSWORD).ended(1, "REQUESTS_CA_BUNDLE=")
        oaio(*words, stdin=PASSWORD, env={"REQUESTS_CA_BUNDLE": str(cert)}).ok()
        Client(root).run("sync", env={"REQUESTS_CA_BUNDLE": str(cert)}).ok()


def test_tls_takes_both_files_or_none(tmp_path: Path) -> None:
    cert = written(tmp_path, {"cert.pem": "no certificate"}) / "cert.pem"
    oaio("serve", "--data", tmp_path / "data", "--tls-cert", cert).ended(2, "--tls-key")
    oaio("serve", "--data", tmp_path / "data", "--tls-cert", cert, "--tls-key", cert, "--port", 0).ended(
        2, "certificate"
    )


def test_data_that_can_not_be_a_folder_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, {"file": "mine"}) / "file"
    oaio("serve", "--data", file, "--port", 0).ended(2, "data folder")
    assert file.read_text() == "mine"


def test_a_user_is_added_once(server: RunningServer, new_user: NewUser) -> None:
    name = new_user()
    words = ("user", "add", name, "--data", server.data, "--password-stdin")
    oaio(*words, stdin="another password").ended(6, name)
    Browser(server.url).login(name, PASSWORD)


@pytest.mark.parametrize("stdin", ["", "\n", "\nsecond line"])
def test_an_empty_password_is_refused(stdin: str, server: RunningServer) -> None:
    words = ("user", "add", "nobody", "--data", server.data, "--password-stdin")
    oaio(*words, stdin=stdin).ended(2, "empty")


def test_without_a_terminal_a_missing_password_names_the_option(server: RunningServer) -> None:
    oaio("user", "add", "nobody", "--data", server.data).ended(2, "--password-stdin")


@pytest.mark.parametrize("name", ["", " alice", "a\nb", "x" * 200, "..", "../x", "a b"])
def test_a_user_name_that_nobody_could_type_is_refused(name: str, server: RunningServer) -> None:
    words = ("user", "add", name, "--data", server.data, "--password-stdin")
    oaio(*words, stdin=PASSWORD).ended(2, "user name")


def test_only_an_admin_sees_all_users(server: RunningServer, new_user: NewUser) -> None:
    new_user()
    oaio("user", "add", "root", "--data", server.data, "--password-stdin", "--admin", stdin=PASSWORD).ok()
    for name, sees_all in (("root", True), (new_user(), False)):
        _, answer = Browser(server.url).login(name).ask("/api/v1/access?oaio_id=")
        assert (len(answer["access"]) > 1) is sees_all


def test_a_wrong_password_opens_no_session(server: RunningServer, user: str) -> None:
    browser = Browser(server.url)
    browser.ask("/api/v1/login")
    status, answer = browser.ask("/api/v1/login", {"username": user, "password": "wrong"})
    assert (status, answer["error"]["code"]) == (401, "WrongPassword")
    assert browser.ask("/api/v1/hosts/Local")[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[1]",
        b"\xff",
        b'{"cursor": 5}',
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"cursor": "\\u0000"}',
    ],
)
def test_a_malformed_request_is_refused_with_a_reason(body: bytes, server: RunningServer, user: str) -> None:
    status, answer = Browser(server.url).login(user).ask("/api/v1/sync", body)
    assert 400 <= status < 500
    assert answer["error"]["message"]


ODD_IDS = ["..", "../x", "a/b", "a\\b", "nul\0", "new\nline", ".hidden", "", "x" * 256, "\ud800"]


@pytest.mark.parametrize("oaio_id", ODD_IDS)
def test_an_id_that_no_folder_can_have_is_refused(oaio_id: str, server: RunningServer, user: str) -> None:
    before = tree(server.data / "files")
    status, answer = Browser(server.url).login(user).ask("/api/v1/sync", _registering(oaio_id=oaio_id))
    assert _refused(status, answer)
    assert tree(server.data / "files") == before


@pytest.mark.parametrize(
    "name", ["..", "../x", "/etc/passwd", "a/../../x", "nul\0", "\ud800", ".oaio/root.json"]
)
def test_a_file_name_that_leaves_its_folder_is_refused(name: str, server: RunningServer, user: str) -> None:
    files = json.dumps({name: {"size": 1, "checksum": "0" * 64}})
    body = _registering(oaio_id="an object", attached="file", files=files, csh_id="Local")
    status, answer = Browser(server.url).login(user).ask("/api/v1/sync", body)
    assert _refused(status, answer)


def _refused(status: int, answer: dict[str, list[dict[str, int]]]) -> bool:
    return 400 <= status < 500 or 400 <= answer["results"][0]["status"] < 500


def _registering(**fields: object) -> dict[str, object]:
    item = {
        "id": "0" * 32,
        "base": None,
        "stamp": "20260101120000000000",
        "client_stamp": "20260101120000000000",
    }
    texts = {"values": "{}", "attached": "", "root_path": "", "csh_id": "", "device_id": "d", "app_id": "a"}
    rest: dict[str, object] = {
        "deleted": False,
        "files": None,
        "overtakes": [],
        "resolves": [],
        "aside": False,
    }
    return {"cursor": "", "stamps": 0, "items": [{**item, **texts, **rest, **fields}], "limit": 1}
