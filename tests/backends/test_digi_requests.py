"""How many requests what costs, and how much memory."""

import io
import subprocess
import sys
from pathlib import Path

from backends.digi_server import api, calls

from oaio_storage.testing.koofr.running import RunningKoofr
from oaio_storage_digi import DigiApi, DigiFileSystem

MIB = 1 << 20


def test_requests_for_each_call_of_a_host(host: DigiApi, server: RunningKoofr, tmp_path: Path) -> None:
    host.write("folder/first", b"x")
    assert calls(server) == ["folder", "put"]
    version = host.write("folder/new", b"x").version
    assert calls(server) == ["put"]
    host.write("folder/new", b"y")
    assert calls(server) == ["put", "info", "put"]  # the first is refused: it would take the place of a file
    host.write("folder/new", io.BytesIO(b"y" * MIB))
    assert calls(server) == ["info", "put"]
    host.write("folder/new", b"x", expect=host.stat("folder/new").version)
    assert calls(server) == ["info", "info", "put"]
    host.read("folder/new", version=version)
    assert calls(server) == ["get"]
    host.read("folder/new", 0, 1, version)
    assert calls(server) == ["get"]
    host.get_files([("folder/new", tmp_path / "fetched", 1, None)])
    assert calls(server) == ["get"]
    host.stat("folder/new")
    assert calls(server) == ["info"]
    host.copy("folder/new", "folder/copied")
    assert calls(server) == ["info", "copy", "info"]
    assert len(list(host.list())) == 4
    assert calls(server) == ["list", "list"]
    host.delete("folder/copied")
    assert calls(server) == ["info", "remove", "remove"]  # the last one: its folder, if it is empty


def test_many_small_files_cost_one_put_each(host: DigiApi, server: RunningKoofr, tmp_path: Path) -> None:
    files = {f"many/{number}": tmp_path / f"{number}" for number in range(50)}
    for path, local in files.items():
        local.write_bytes(path.encode())
    host.write("many/first", b"")
    server.requests()
    host.put_files(files.items())
    assert calls(server) == ["put"] * 50
    host.get_files([(path, tmp_path / "in" / path, None, None) for path in files])
    assert calls(server) == ["get"] * 50


def test_a_fresh_host_asks_once_who_and_where(server: RunningKoofr) -> None:
    with api(server, "top/deep/er") as host:
        for number in range(3):
            host.write(f"{number}", b"x")
    seen = calls(server)
    assert seen[:2] == ["token", "mounts"]
    assert seen[-3:] == ["put", "put", "put"]
    assert set(seen[2:-3]) == {"folder", "mount"}  # one asks whether the mount is there when a folder is not


def test_requests_for_each_call_of_a_filesystem(
    fs: DigiFileSystem, server: RunningKoofr, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"content")
    for call, wanted in (
        (lambda: fs.pipe_file("/top/file", b"x"), ["put"]),
        (lambda: fs.put_file(str(local), "/top/file"), ["put"]),
        (lambda: fs.cat_file("/top/file"), ["get"]),
        (lambda: fs.cat_file("/top/file", -3, -1), ["info", "get"]),
        (lambda: fs.get_file("/top/file", str(tmp_path / "fetched")), ["get"]),
        (lambda: fs.info("/top/file"), ["info"]),
        (lambda: fs.ls("/top"), ["list"]),
        (lambda: fs.cp_file("/top/file", "/top/new"), ["info", "info", "copy"]),
        (lambda: fs.mv("/top/new", "/top/moved"), ["info", "info", "info", "move"]),
        (lambda: fs.rm_file("/top/moved"), ["info", "remove"]),
        (fs.quota, ["mount"]),
    ):
        call()
        seen = calls(server)
        assert len([each for each in seen if each == "mount"]) <= 1
        assert [each for each in seen if each != "mount" or wanted == ["mount"]] == wanted


_MOVES = """
import io, resource, sys
from pathlib import Path
from oaio_storage_digi import DigiApi

class Zeros(io.RawIOBase):
    left = int(sys.argv[4])
    def readable(self): return True
    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone, and not of the one that started it
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

host = DigiApi(endpoint=sys.argv[1], email=sys.argv[2], password=sys.argv[3])
host.write("warm", bytes(1 << 20)); host.read("warm")
idle = peak()
host.write("large", Zeros(), size=Zeros.left)
with host.open("large") as stream:
    while stream.read(1 << 20): pass
print(peak() - idle)
"""


def test_a_large_file_is_never_held_in_memory(server: RunningKoofr) -> None:
    size = 96 * MIB
    done = subprocess.run(
        [sys.executable, "-c", _MOVES, server.url, server.user, server.password, str(size)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 24 << 10
