"""Real processes, ended by ``kill -9`` at random moments; afterwards one ``sync`` makes devices equal."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from client.conftest import PASSWORD, MakeClient, Service
from counts import COUNTS

from oaio_storage.client import init_client
from oaio_storage.client.api import OaioClient
from oaio_storage.errors import OaioError
from oaio_storage.testing.servers import oaio_server

WORKER = """
import sys
from pathlib import Path
from oaio_storage.client import open_client
client = open_client(sys.argv[1])
folder = Path(sys.argv[2])
tokens = sys.argv[3].split()
print("begun", flush=True)
for token in tokens:
    values = client.register_object({"token": token})
    print("registered", token, flush=True)
    (folder / f"{token}.txt").write_text(token * 50)
    (folder / "same.txt").write_text(token)
    client.update_folder(sys.argv[4])
    print("updated", token, flush=True)
    client.synchronize_with_server_if_online()
"""


def run_and_kill(
    client: OaioClient, folder: Path, arguments: list[str], lines: int, seconds: float
) -> list[str]:
    """What the process had acknowledged before it was killed."""
    command = [sys.executable, "-c", WORKER, str(client.client_root), str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    said = "".join(process.stdout.readline() for _ in range(lines))
    time.sleep(seconds)
    process.kill()
    said += process.stdout.read()
    process.stdout.close()
    process.wait()
    return [line for line in said.splitlines(keepends=True) if line.endswith("\n")]


def whole(client: OaioClient) -> dict[str, str]:
    return {
        oaio_id: json.dumps(
            [
                {key: value for key, value in one.client_values.items() if key != "_root_path"},
                one.server_stamp,
            ]
        )
        for oaio_id, one in client.client_objectz.items()
    }


def files(client: OaioClient, oaio_id: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in client.files(oaio_id)}


def test_a_killed_client_loses_nothing(make_client: MakeClient, tmp_path: Path) -> None:
    chance = random.Random(COUNTS.client_kills)
    one, two = make_client("one"), make_client("two")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "same.txt").write_text("begin")
    made = one.register_folder(str(folder))
    assert made is not None
    acknowledged: list[str] = []
    for kill in range(COUNTS.client_kills):
        tokens = [f"k{kill}n{number}" for number in range(30)]
        arguments = [" ".join(tokens), made.oaio_id]
        acknowledged += run_and_kill(one, folder, arguments, chance.randrange(3), chance.random() * 0.3)
        report = one.sync()
        assert report.problems == ()
        two.sync()
        assert whole(one) == whole(two)
        there = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert files(one, made.oaio_id) == files(two, made.oaio_id) == there
        assert one.conflicts() == two.conflicts() == []
    assert len(acknowledged) >= COUNTS.client_kills // 2
    tokens_there = {one_object.client_values.get("token") for one_object in two.client_objectz.values()}
    for line in acknowledged:
        what, token = line.split()
        if what == "registered":
            assert token in tokens_there
        else:
            assert f"{token}.txt" in files(two, made.oaio_id)


def test_a_killed_receiver_goes_on(make_client: MakeClient, tmp_path: Path) -> None:
    chance = random.Random(2)
    one, two = make_client("one"), make_client("two")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "begin").write_text("begin")
    made = one.register_folder(str(folder))
    assert made is not None
    two.sync()
    code = (
        "import sys; from oaio_storage.client import open_client; client = open_client(sys.argv[1])\n"
        "print(1, flush=True); client.sync()"
    )
    cut = 0
    for kill in range(COUNTS.client_kills):
        for number in range(40):
            (folder / f"{number}.bin").write_bytes(chance.randbytes(2000))
        if kill % 3 == 2:
            (folder / f"{kill % 40}.bin").unlink()
        one.sync()
        process = subprocess.Popen([sys.executable, "-c", code, str(two.client_root)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.5)
        process.kill()
        cut += process.wait() != 0
        process.stdout.close()
        assert two.sync().problems == ()
        there = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert files(two, made.oaio_id) == there
        assert two.sync().sent == 0
        assert two.conflicts() == []
    assert cut >= COUNTS.client_kills // 3


def test_a_killed_server_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(3)
    data = tmp_path / "data"
    with oaio_server(data) as server:
        own = Service(server, tmp_path)
        own.add_user("alice")
        port = server.port
        one = init_client(tmp_path / "s1", server.url, "alice", PASSWORD, "s1", "app")
        two = init_client(tmp_path / "s2", server.url, "alice", PASSWORD, "s2", "app")
        server.kill()
    made: list[str] = []
    for kill in range(COUNTS.server_kills):
        with oaio_server(data, port) as server:
            code = f"import time, os; time.sleep({chance.random() * 0.4}); os.kill({server.pid}, 9)"
            killer = subprocess.Popen([sys.executable, "-c", code])
            for number in range(8):
                one._syncing.pause.succeeded()
                registered = one.register_object({"kill": kill, "number": number})
                assert registered is not None
                made.append(registered.oaio_id)
                try:
                    two.sync()
                except OaioError:
                    continue
            killer.wait()
            server.process.wait(10)
    with oaio_server(data, port):
        one.sync()
        two.sync()
        assert whole(one) == whole(two)
        assert set(made) == set(two.client_objectz)
        assert one.conflicts() == []
        assert one.problems() == []
    one.close()
    two.close()


@pytest.mark.parametrize("number", range(2))
def test_two_processes_on_one_client_root_take_turns(make_client: MakeClient, number: int) -> None:
    one = make_client(f"one{number}")
    code = (
        "import sys; from oaio_storage.client import open_client; c = open_client(sys.argv[1])\n"
        "for n in range(10): c.register_object({'n': n, 'by': sys.argv[2]})\n"
    )
    before = len(one.client_objectz)
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(one.client_root), name]) for name in ("a", "b")
    ]
    assert [worker.wait() for worker in workers] == [0, 0]
    report = one.sync()
    assert report.problems == ()
    mine = [made for made in one.client_objectz.values() if made.client_values.get("by") in ("a", "b")]
    assert len([made for made in mine if made.device_id == one.device_id]) >= 20
    assert before <= len(one.client_objectz)
    assert all(made.server_stamp for made in mine)
