"""Writers at once that set no conditions: what stays, and what each of them is told."""

import io
import time
from functools import partial

from oaio_storage.errors import Changed, OaioError, TryAgain
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Stat
from oaio_storage.hosts.probe.bench import Bench, at_once, expect

PIECE, PIECES = 5_000, 6


class _InPieces(io.BytesIO):
    """A source that yields small pieces, so that those of several writers come in turns."""

    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0.001)
        return super().read(PIECE if size is None or size < 0 else min(size, PIECE))


def one_stays(bench: Bench) -> None:
    """Do nothing if afterwards a file is what one of its writers wrote.

    Raises:
        Fault: it is not.
    """
    for host, path, contents, _ in _rounds(bench, "together"):
        expect(host.read(path) in contents, "the contents of writers at the same time were mixed")


def each_is_told_its_own(bench: Bench) -> None:
    """Do nothing if no writer is told the version of what another one wrote.

    Raises:
        Fault: one is.
    """
    for host, path, contents, told in _rounds(bench, "versions-together"):
        for content, stored in zip(contents, told, strict=True):
            try:
                is_own = not stored.version or host.read(path, version=stored.version) == content
            except Changed:
                continue
            expect(is_own, "one of several writers at once was told the version of what another one wrote")


def _rounds(bench: Bench, room: str) -> list[tuple[CshApi, str, list[bytes], list[Stat]]]:
    """Per round a host, the path, all contents, and what their writers were told; less those that are unsure.

    Raises:
        Fault: a write failed.
    """
    hosts = bench.hosts(room, bench.effort.racers)
    contents = [b"%02d" % number * (PIECE * PIECES // 2 + number // 2) for number in range(len(hosts))]
    found = []
    for number in range(bench.effort.rounds):
        answers = at_once(
            [
                partial(host.write, f"{number}", _InPieces(content))
                for host, content in zip(hosts, contents, strict=True)
            ]
        )
        told = [answer for answer in answers if isinstance(answer, Stat)]
        failed = [type(answer).__name__ for answer in answers if isinstance(answer, OaioError)]
        if not any(isinstance(answer, TryAgain) for answer in answers):
            expect(not failed, f"{len(failed)} of {len(answers)} writers at once failed: {set(failed)}")
            found.append((hosts[0], f"{number}", contents, told))
    return found
