"""The tree store beside restic, rclone and aws on a SeaweedFS of this machine, each as whole processes.

The server works on the same cores as its clients. Requests and bytes are counted by a proxy, which also makes
a round trip 20 ms longer where a row says so. restic is Debian's (make system); without it, its rows are
left out.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from benchmarks.changing import CHANGED, SIZE, change, filled
from benchmarks.harness import Row, at_most, beside, interleaved
from benchmarks.proxies import proxy
from benchmarks.tree_sides import Aws, Ours, Place, Rclone, Restic

from seaweed import Weed, seaweed  # isort: skip - found by tree_sides

SMALL_FILES, MANY_FILES = 4_000, 20_000
LARGE, INSERTED = 1 << 30, 1 << 20
ROUND_TRIP = 0.02
ENTRIES = int(os.environ.get("OAIO_ENTRIES", "100000"))
"""Files of which each is tiny; a million take minutes to lay out."""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name, seaweed() as server:
        bench = _Bench(server, Path(name), shutil.which("restic") is not None)
        if not bench.has_restic:
            print("restic is not installed (make system): no rows beside it", file=sys.stderr)
        return [
            *bench.first(),
            *bench.far(),
            *bench.republished(),
            *bench.unchanged(),
            *bench.large(),
            at_most("memory above idle, all of these", bench.memory / 2**20, 64, "MiB"),
            *bench.entries(),
        ]


@attrs.define
class _Bench:
    server: Weed
    work: Path
    has_restic: bool
    _sides: list[Ours] = attrs.field(factory=list)
    _small: Path = attrs.field(
        default=attrs.Factory(lambda self: filled(self.work / "small", SMALL_FILES), takes_self=True)
    )

    @property
    def memory(self) -> int:
        """Bytes above idle that any of our processes took, at most."""
        return max(side.memory for side in self._sides)

    def first(self) -> list[Row]:
        """A first commit of small files, and its checkout by a device that has nothing."""
        name = f"first commit of {SMALL_FILES:,} files of 4 KiB"
        committed: dict[str, Ours | Restic] = {}

        def ours() -> float:
            committed["ours"] = side = self._ours()
            return _seconds(lambda: side.commit(self._small))

        def restic() -> float:
            committed["restic"] = side = Restic.at(self._place())
            return _seconds(lambda: side.commit(self._small))

        def rclone() -> float:
            return _seconds(lambda: Rclone(self._place()).commit(self._small))

        taken = interleaved(
            {"ours": ours, "rclone": rclone} | ({"restic": restic} if self.has_restic else {})
        )
        found = [beside(f"{name} (rclone)", taken["ours"], taken["rclone"], 0.15)]
        if self.has_restic:
            found.append(beside(f"{name} (restic)", taken["ours"], taken["restic"], 0.4))
            turn = iter(range(100))
            outs = {
                side: lambda made=made: _seconds(lambda: made.check_out(self.work / f"out {next(turn)}"))
                for side, made in committed.items()
            }
            taken = interleaved(outs)
            found.append(beside("checkout of the same (restic)", taken["ours"], taken["restic"], 0.5))
        return found

    def far(self) -> list[Row]:
        """The first commit to a server that is far away."""
        with proxy(self.server.endpoint, ROUND_TRIP) as far:
            taken = interleaved(
                {
                    "ours": self._timed(lambda: self._ours(far.endpoint).commit, self._small),
                    "rclone": self._timed(lambda: Rclone(self._place(far.endpoint)).commit, self._small),
                }
            )
        return [beside("the same with 20 ms round trip (rclone)", taken["ours"], taken["rclone"], 0.1)]

    def republished(self) -> list[Row]:
        """A commit of a few changes, beside those who look at every file."""
        ours, rclone, aws = self._ours(), Rclone(self._place()), Aws(self._place())
        sides: dict[str, Callable[[Path], object]] = {
            "ours": ours.commit,
            "rclone": rclone.sync,
            "aws": aws.sync,
        }

        def changed(sync: Callable[[Path], object]) -> Callable[[], float]:
            def run() -> float:
                change(self._small)
                return _seconds(lambda: sync(self._small))

            return run

        taken = interleaved({side: changed(sync) for side, sync in sides.items()})
        name = f"{CHANGED} changed of {SMALL_FILES:,} files"
        return [
            beside(f"{name} ({peer} sync)", taken["ours"], taken[peer], 0.3) for peer in ("rclone", "aws")
        ]

    def unchanged(self) -> list[Row]:
        """A commit where nothing changed, and one where little did."""
        folder = filled(self.work / "many", MANY_FILES)
        with proxy(self.server.endpoint) as counting:
            side = self._ours(counting.endpoint)
            side.commit(folder)
            sides: dict[str, Callable[[], object]] = {"ours": lambda: direct.commit(folder)}
            direct = attrs.evolve(side, place=attrs.evolve(side.place, endpoint=self.server.endpoint))
            if self.has_restic:
                peer = Restic.at(self._place())
                peer.commit(folder)
                sides["restic"] = lambda: peer.commit(folder)
            taken = interleaved(sides)
            counting.reset()
            name, told = f"unchanged commit of {MANY_FILES:,} files", side.commit(folder)
            found = [
                at_most(f"{name}: sent", told["sent"], 0, "bytes"),
                at_most(f"{name}: requests", counting.requests, 3, "requests"),
            ]
            if self.has_restic:
                found.append(beside(f"{name} (restic)", taken["ours"], taken["restic"], 0.5))
            change(folder)
            counting.reset()
            told = side.commit(folder)
            name, sent = f"{CHANGED} changed of {MANY_FILES:,}", counting.sent - CHANGED * SIZE
            return [
                *found,
                at_most(f"{name}: requests", counting.requests, 6, "requests"),
                at_most(f"{name}: sent beside them", (sent - told["carried"]) / 1024, 200, "KiB"),
                at_most(f"{name}: carried along", told["carried"] / 1024, 0, "KiB"),
            ]

    def large(self) -> list[Row]:
        """A first commit of a large file, and 1 MiB inserted in its middle."""
        folder = self.work / "large"
        _fill(folder, LARGE)
        found, sides = [], {"ours": self._timed(lambda: self._ours().commit, folder)}
        if self.has_restic:
            sides["restic"] = self._timed(lambda: Restic.at(self._place()).commit, folder)
            taken = interleaved(sides)
            found.append(beside("first commit of 1 GiB (restic)", taken["ours"], taken["restic"], 1.0))
        with proxy(self.server.endpoint) as counting:
            side = self._ours(counting.endpoint)
            side.commit(folder)
            _insert(folder / "file", LARGE // 2, os.urandom(INSERTED))
            counting.reset()
            side.commit(folder)
            found.append(at_most("1 MiB inserted in 1 GiB: sent", counting.sent / 2**20, 6, "MiB"))
        shutil.rmtree(folder)
        return found

    def entries(self) -> list[Row]:
        """Memory for many entries."""
        folder, side = self.work / "entries", self._ours()
        for number in range(ENTRIES):
            inner = folder / f"{number % 1_000}"
            if number < 1_000:
                inner.mkdir(parents=True)
            (inner / f"file {number}").write_bytes(b"%d" % number)
        side.commit(folder)
        side.check_out(self.work / "entries out")
        limit = 64 + (ENTRIES - 20_000) / 1024
        return [at_most(f"memory above idle for {ENTRIES:,} entries", side.memory / 2**20, limit, "MiB")]

    def _ours(self, endpoint: str = "") -> Ours:
        self._sides.append(side := Ours.at(self._place(endpoint), self.server.endpoint))
        return side

    def _place(self, endpoint: str = "") -> Place:
        return Place.new(self.server, self.work, endpoint)

    @staticmethod
    def _timed(made: Callable[[], Callable[[Path], object]], folder: Path) -> Callable[[], float]:
        """A run whose preparation is not timed."""

        def run() -> float:
            act = made()
            return _seconds(lambda: act(folder))

        return run


def _fill(folder: Path, size: int) -> None:
    folder.mkdir()
    with (folder / "file").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))


def _insert(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        rest = file.read()
        file.seek(at)
        file.write(content)
        file.write(rest)


def _seconds(run: Callable[[], object]) -> float:
    before = time.perf_counter()
    run()
    return time.perf_counter() - before
