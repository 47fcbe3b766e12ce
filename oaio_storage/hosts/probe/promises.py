"""What a host declares beside conditions, measured."""

import hashlib
import math
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from oaio_storage.errors import AlreadyExists, InvalidName, NotFound, NotGuaranteed, OaioError, TooLarge
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.probe import writers
from oaio_storage.hosts.probe.bench import Bench, FailingSource, Fault, expect
from oaio_storage.hosts.wrappers.base import Wrapper
from oaio_storage.names import MAX_PART_BYTES

Found = tuple[object, str]
"""What was measured, and how."""

LARGE = 1 << 20
SIGNED_SECONDS, FETCH_SECONDS = 60, 30


def atomic_write(bench: Bench) -> Found:
    """Readers beside a write see the old or the new, and a failed write leaves the old."""
    for path in ("old", "new", "folder/new"):
        _fail(bench.host("failed"), path)
    reads = _read_beside_writes(bench)
    writers.one_stays(bench)
    effort = bench.effort
    told = f"{reads} reads during {effort.overwrites} or more overwrites"
    return True, f"{told}, {effort.racers} writers at once, and failing sources"


def _fail(host: CshApi, path: str) -> None:
    host.write("old", b"old")
    for good in (0, 1, 3 * LARGE):
        try:
            host.write(path, FailingSource.after(good))
        except FailingSource.failure:
            pass
        else:
            raise Fault("a write whose source failed was acknowledged")
        expect(host.read("old") == b"old", "a write whose source failed changed the file")
        expect(
            [seen.path for seen in host.list()] == ["old"],
            "a write whose source failed left a part of the file",
        )


def _read_beside_writes(bench: Bench) -> int:
    contents = [b"1", b"2" * LARGE]
    host, *readers = bench.hosts("overwritten", 3)
    host.write("file", contents[0])
    done, reads = threading.Event(), [0] * len(readers)

    def read(number: int) -> None:
        while not done.is_set():
            try:
                found = readers[number].read("file")
            except NotFound:
                raise Fault("a file was gone while it was replaced") from None
            expect(
                found in contents,
                f"{len(found)} bytes were read, neither the old nor the new content",
            )
            reads[number] += 1

    with ThreadPoolExecutor(len(readers)) as pool:
        running = [pool.submit(read, number) for number in range(len(readers))]
        try:
            writes = 0
            while not any(each.done() for each in running) and (
                writes < bench.effort.overwrites or not all(reads)
            ):
                writes += 1
                host.write("file", contents[writes % 2])
        finally:
            done.set()
        for each in running:
            each.result()
    return sum(reads)


def strong_version(bench: Bench) -> Found:
    """Another content has another version, however soon it comes, also of the same size."""
    host = bench.host("versions")
    seen: dict[str, bytes] = {}
    for number in range(10):
        content = b"content %d" % number
        written, stated = host.write("file", content).version, host.stat("file").version
        expect(bool(stated), "a file has no version")
        expect(written in ("", stated), "a file has another version than the one that writing it answered")
        expect(stated not in seen, f"two contents of {len(content)} bytes have one version")
        seen[stated] = content
    writers.each_is_told_its_own(bench)
    return True, "10 contents of one size, one after the other, and writers at once"


def swap(bench: Bench) -> Found:
    """Two folders are exchanged."""
    host = bench.host("swap")
    for name in ("a/x", "a/y/z", "b/x"):
        host.write(name, name.encode())
    try:
        host.swap_folders("a", "b")
    except NotGuaranteed:
        raise Fault("folders can't be exchanged") from None
    found = {seen.path: host.read(seen.path) for seen in host.list()}
    expect(found == {"b/x": b"a/x", "b/y/z": b"a/y/z", "a/x": b"b/x"}, "an exchange of folders mixed them up")
    return True, "two folders exchanged"


def server_copy(bench: Bench) -> Found:
    """The copies are right; whether they travel can be told from the backend alone."""
    host = bench.host("copies")
    host.write("source", b"content")
    host.copy("source", "folder/target")
    expect(host.read("folder/target") == b"content", "a copy has another content")
    backend = bench.raw()
    while isinstance(backend, Wrapper):
        backend = backend.inner
    if type(backend)._copy is CshApi._copy:  # noqa: SLF001 - whether it has a way of its own
        raise Fault("the backend has no copying of its own")
    return True, "the backend has a copying of its own"


def signed_urls(bench: Bench) -> Found:
    """A signed address yields the file, without anything else."""
    host = bench.host("signed")
    host.write("file", b"content")
    try:
        url = host.sign_url("file", SIGNED_SECONDS)
    except NotGuaranteed:
        raise Fault("addresses can't be signed") from None
    expect(url.startswith(("https://", "http://")), "a signed address is not one of the web")
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - checked before
            content = answer.read(100)
    except OSError as err:
        raise Fault(
            f"a signed address was not answered: {type(err).__name__}"
        ) from None  # it holds the signature
    expect(content == b"content", "a signed address yields another content")
    return True, "fetched over HTTP"


def checksum(bench: Bench) -> Found:
    """The checksum that the host tells is the content's."""
    host, content = bench.host("checksums"), b"content"
    host.write("file", content)
    told = host.stat("file").checksum
    if not told:
        return "", "none is told"
    expect(told == hashlib.sha256(content).hexdigest(), "a checksum is not the SHA-256 of the content")
    return "sha256", "compared"


def case_sensitive(bench: Bench) -> Found:
    """Names that differ in case are two files."""
    return _are_apart(bench.host("case"), "File", "fILE")


def unicode_exact(bench: Bench) -> Found:
    """Names that differ in their normal form are two files, and come back as given."""
    return _are_apart(bench.host("form"), "\u00e9", "e\u0301")


def _are_apart(host: CshApi, first: str, second: str) -> Found:
    host.write(first, b"first")
    try:
        host.write(second, b"second")
    except (AlreadyExists, InvalidName):
        return False, "the second of two such names is refused"
    if host.read(first) != b"first":
        raise Fault("one of two such names was silently written over the other")
    found = sorted(seen.path for seen in host.list())
    expect(found == sorted([first, second]), "names come back otherwise than they were given")
    return True, "two such names are two files"


def max_part_bytes(bench: Bench) -> Found:
    """The longest part that can be stored, up to the longest that any host may have."""
    host, declared = bench.host("long"), bench.raw().guarantees.max_part_bytes
    if _holds(host, declared):
        return declared, "stored"
    good, bad = 0, declared
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _holds(host, middle) else (good, middle)
    return good, f"a part of {declared} bytes is refused"


def _holds(host: CshApi, length: int) -> bool:
    names = ["x" * length, "x" * (length % 2) + "é" * (length // 2)]
    try:
        for name in names:
            host.write(name, b"")
            expect(host.stat(name).path == name, "a long name came back otherwise")
    except (InvalidName, TooLarge):
        return False
    return length <= MAX_PART_BYTES


def visibility_delay(bench: Bench) -> Found:
    """How long another instance, which had looked before, takes to see a change."""
    writer, reader = bench.hosts("visible", 2)
    declared = bench.raw().guarantees.visibility_delay
    patience = max(bench.effort.patience, 0.0 if math.isinf(declared) else declared)
    changes: list[tuple[Callable[[], object], dict[str, bytes]]] = [
        (lambda: writer.write("b", b"1"), {"a": b"1", "b": b"1"}),
        (lambda: writer.write("a", b"22"), {"a": b"22", "b": b"1"}),
        (lambda: writer.delete("b"), {"a": b"22"}),
    ]
    writer.write("a", b"1")
    worst = _seconds_until(reader, {"a": b"1"}, patience)
    for change, expected in changes:
        change()
        for host in (reader, writer):
            worst = max(worst, _seconds_until(host, expected, patience))
    if math.isinf(worst):
        return worst, f"another instance does not see a change within {patience:g} s"
    told = f"{math.ceil(worst)} s" if worst else "at once"
    return float(math.ceil(worst)), f"another instance saw changes {told}"


def _seconds_until(host: CshApi, expected: dict[str, bytes], patience: float) -> float:
    """0 if ``host`` has what is expected when it is first asked; infinite if not in time."""
    begun = time.monotonic()
    waited = 0.0
    while not _has(host, expected):
        waited = time.monotonic() - begun
        if waited > patience:
            return math.inf
        time.sleep(0.05)
    return waited


def _has(host: CshApi, expected: dict[str, bytes]) -> bool:
    listed = {seen.path: seen.size for seen in host.list()}
    try:
        return listed == {path: len(content) for path, content in expected.items()} and all(
            host.read(path) == content and host.stat(path).size == len(content)
            for path, content in expected.items()
        )
    except OaioError:
        return False


CERTAIN = ("case_sensitive", "unicode_exact", "max_part_bytes")
"""What a look tells for sure. The rest may hold by chance, so it is never better than declared."""

CHECKS: dict[str, Callable[[Bench], Found]] = {
    "visibility_delay": visibility_delay,
    "strong_version": strong_version,
    "atomic_write": atomic_write,
    "server_copy": server_copy,
    "swap": swap,
    "signed_urls": signed_urls,
    "checksum": checksum,
    "case_sensitive": case_sensitive,
    "unicode_exact": unicode_exact,
    "max_part_bytes": max_part_bytes,
}
"""Each raises Fault where the promise is broken; the answer is what was measured."""
