"""Files to and from an account of Digi Storage, beside rclone's koofr backend with 8 transfers.

Both talk to the same server with the service's API on this machine, and both are timed as whole processes,
from their start to their end; ours imports what it needs and logs in each time. What comes down is made
durable, which rclone does not do.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Row, at_most, beside, interleaved
from oaio_storage.testing.koofr.running import RunningKoofr, koofr_server

FILES, SMALL, LARGE = 500, 4096, 512 << 20
TRANSFERS = 8
LIMIT, MEMORY = 1.1, 64.0
RUNS = {"small": 3, "large": 2}

_OURS = """
import json, resource, sys
from pathlib import Path
from oaio_storage_digi import DigiApi
way, folder, arguments = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone, and not of the one that started it
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

idle = peak()
host = DigiApi(**arguments)
if way == "up":
    host.put_files((path.name, path) for path in sorted(folder.iterdir()))
else:
    host.get_files((seen.path, folder / seen.path, seen.size, None) for seen in host.list())
print((peak() - idle) / 1024)
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as scratch, koofr_server() as server:
        place = Path(scratch)
        small, large = place / "small", place / "large"
        small.mkdir()
        large.mkdir()
        for number in range(FILES):
            (small / f"{number:03}").write_bytes(os.urandom(SMALL))
        with (large / "file").open("wb") as target:
            for _ in range(LARGE >> 20):
                target.write(os.urandom(1 << 20))
        bench = _Bench(server, place)
        return [
            *bench.compared("small", small, f"{FILES} files of {SMALL >> 10} KiB"),
            *bench.compared("large", large, f"one file of {LARGE >> 20} MiB"),
            at_most("memory above idle", bench.most_memory, MEMORY, "MiB"),
            at_most("requests for each small file up", bench.requests_up(small) / FILES, 1.05, "requests"),
        ]


class _Bench:
    def __init__(self, server: RunningKoofr, place: Path) -> None:
        self.server, self.place = server, place
        self.most_memory = 0.0
        self._turn = 0
        self._roots: dict[str, str] = {}
        obscured = subprocess.run(
            [_rclone(), "obscure", "-"], input=server.password, capture_output=True, text=True, check=True
        ).stdout.strip()
        self._environment = os.environ | {
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_KT_TYPE": "koofr",
            "RCLONE_CONFIG_KT_PROVIDER": "other",
            "RCLONE_CONFIG_KT_ENDPOINT": server.url,
            "RCLONE_CONFIG_KT_USER": server.user,
            "RCLONE_CONFIG_KT_PASSWORD": obscured,
        }

    def compared(self, name: str, folder: Path, what: str) -> list[Row]:
        up = interleaved(
            {"ours": lambda: self.ours("up", folder), "peer": lambda: self.peer("up", folder)}, RUNS[name]
        )
        down = interleaved({"ours": lambda: self.ours("down"), "peer": lambda: self.peer("down")}, RUNS[name])
        return [
            beside(f"{what} up, rclone", up["ours"], up["peer"], LIMIT),
            beside(f"{what} down, rclone", down["ours"], down["peer"], LIMIT),
        ]

    def ours(self, way: str, folder: Path | None = None) -> None:
        arguments = {
            "email": self.server.user,
            "password": self.server.password,
            "endpoint": self.server.url,
            "root_folder": self._root("ours", way),
        }
        target = str(folder or self._target("ours"))
        command = [sys.executable, "-c", _OURS, way, target, json.dumps(arguments)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.most_memory = max(self.most_memory, float(told))

    def peer(self, way: str, folder: Path | None = None) -> None:
        remote = f"KT:{self._root('peer', way)}"
        ends = [str(folder), remote] if way == "up" else [remote, str(self._target("peer"))]
        options = ["--transfers", str(TRANSFERS), "--retries", "1", "--low-level-retries", "1"]
        subprocess.run([_rclone(), "copy", *ends, *options], env=self._environment, check=True)

    def requests_up(self, folder: Path) -> int:
        self.server.requests()
        self.ours("up", folder)
        return len(self.server.requests())

    def _root(self, side: str, way: str) -> str:
        """Up, a new folder each time; down, the last one."""
        if way == "up":
            self._turn += 1
            self._roots[side] = f"{side}/{self._turn}"
        return self._roots[side]

    def _target(self, side: str) -> Path:
        self._turn += 1
        return self.place / f"{side}-{self._turn}"


def _rclone() -> str:
    return str(Path(sys.executable).with_name("rclone"))
