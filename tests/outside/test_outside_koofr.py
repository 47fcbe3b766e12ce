"""The Koofr test server as a user meets it: one command, HTTP, and a kill."""

import base64
import contextlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USER, PASSWORD = "me@example.com", "secret"


@contextlib.contextmanager
def running(data: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-m", "oaio_storage.testing.koofr", "--port", "0", "--data", str(data)]
    login = ["--user", USER, "--password", PASSWORD]
    with subprocess.Popen([*command, *login], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("koofr server ready at http://127.0.0.1:")
        try:
            yield line.split()[-1], process
        finally:
            process.terminate()


def ask(url: str, method: str = "GET", body: bytes | None = None, kind: str = "application/json") -> Any:  # noqa: ANN401 - whatever JSON holds
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": kind}
    asked = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhello\r\n--b--\r\n'
    put = "/content/api/v2/mounts/primary/files/put?path=/new&filename=a.txt"
    with running(tmp_path / "data") as (url, process):
        ask(f"{url}/api/v2/mounts/primary/files/folder?path=/", "POST", b'{"name": "new"}')
        for _ in range(2):
            ask(url + put, "POST", part, "multipart/form-data; boundary=b")
        process.send_signal(signal.SIGKILL)
    with running(tmp_path / "data") as (url, process):
        found = ask(f"{url}/api/v2/mounts/primary/files/list?path=/NEW")
        assert [file["name"] for file in found["files"]] == ["a.txt", "a (1).txt"]
        assert {file["hash"] for file in found["files"]} == {"5d41402abc4b2a76b9719d911017c592"}
        process.terminate()
        assert process.wait(30) == 0


def test_a_fault_is_met_as_often_as_it_was_told(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (url, _):
        faults = {"faults": [{"call": "mounts", "status": 503, "times": 1}]}
        ask(f"{url}/testing/switches", "PUT", json.dumps(faults).encode())
        with contextlib.suppress(urllib.error.HTTPError):
            ask(f"{url}/api/v2/mounts")
        assert ask(f"{url}/api/v2/mounts")["mounts"][0]["isPrimary"]
        assert [seen["status"] for seen in ask(f"{url}/testing/requests")] == [503, 200]


def test_a_start_that_can_not_be_says_why(tmp_path: Path) -> None:
    with running(tmp_path / "data") as (url, _):
        port = url.rpartition(":")[2]
        words = ["--user", USER, "--password", PASSWORD, "--port"]
        command = [sys.executable, "-m", "oaio_storage.testing.koofr", *words]
        taken = subprocess.run([*command, port], capture_output=True, text=True, check=False)
        assert taken.returncode == 1
        assert taken.stderr.startswith("the server can't start: ")
        shared = [*command, "0", "--data", str(tmp_path / "data")]
        busy = subprocess.run(shared, capture_output=True, text=True, check=False)
        assert busy.returncode == 5
        assert "another server has" in busy.stderr
        wrong = subprocess.run(
            [*command, "0", "--switches", "{"], capture_output=True, text=True, check=False
        )
        assert wrong.returncode == 2
        for said in (taken, busy, wrong):
            assert PASSWORD not in said.stderr
            assert "Traceback" not in said.stderr
