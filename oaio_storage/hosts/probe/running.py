"""The probe: all checks, one after the other, in a folder of its own; and a small one of conditions."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import attrs

from oaio_storage.errors import (
    AccessDenied,
    NotGuaranteed,
    OaioError,
    QuotaExceeded,
    TryAgain,
    WrongRoot,
)
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Guarantees
from oaio_storage.hosts.probe import contents, promises, storing
from oaio_storage.hosts.probe.bench import Bench, Effort, Fault
from oaio_storage.hosts.probe.conditions import conditional_write, race, refuses_stale_conditions
from oaio_storage.hosts.probe.links import PlaceLink, links_lead_nowhere, placer
from oaio_storage.hosts.probe.results import Latency, Probed, Row, Verdict, fewer_promises
from oaio_storage.hosts.streams import PIECE
from oaio_storage.hosts.wrappers.base import Wrapper
from oaio_storage.progress import Progress, Report, ignore

Answer = TypeVar("Answer")

NOT_DURABLE = "only a loss of power could tell"
REFUSED = "refused before any I/O, as declared"
LISTED = 10_000
THOROUGH, SMALL = Effort(), Effort(racers=8, rounds=3)

_PROMISES = {"conditional_write": conditional_write, **promises.CHECKS}
_REFUSED_UNLESS_DECLARED = ("conditional_write", "swap", "signed_urls")


def probe(
    make: Callable[[], CshApi],
    *,
    effort: Effort = THOROUGH,
    place_link: PlaceLink | None = None,
    report: Report = ignore,
) -> Probed:
    """What the host that ``make`` makes declares, and what it keeps, found by trying it out.

    Works in a folder of its own in the root's state folder, which is removed in the end, also after an error
    or an interrupt; what a killed probe left, a later one removes after a day. Nothing else on the host is
    touched, but for ``probe.json`` beside the root's marker, which keeps the verdict: an older one is removed
    first. A read-only host is only read, and keeps none.

    Args:
        make: answers a fresh instance at each call; all are closed in the end.
        effort: how much to do.
        place_link: how a stranger places links on the host; known where the root is a folder of this machine.
        report: called in the caller's thread after each check.

    Raises:
        TryAgain: the host does not answer now.
        AccessDenied, QuotaExceeded, WrongRoot: it can't be tried out.
    """
    bench = Bench(make, effort)
    try:
        host = bench.raw()
        declared = host.guarantees
        if declared.read_only or _refuses_writes(bench):
            rows, latencies = _rows_of_a_read_only(bench, declared), _latencies_of_reading(bench)
        else:
            storing.forget(host)  # what does not hold any more must not outlive a probe that fails
            rows = [*_rows(bench, declared, report), _links_row(bench, place_link)]
            latencies = _latencies(bench)
    except BaseException:
        _cleaned(bench)
        raise
    rows.extend(_cleaned(bench))
    probed = Probed(host.name, declared, fewer_promises(declared, rows), tuple(rows), tuple(latencies))
    if probed.measured.read_only:
        return probed
    broken = tuple(row.property for row in probed.broken)
    with make() as host:
        is_stored = storing.store(host, storing.Stored(storing.WHOLE, declared, probed.measured, broken))
    return attrs.evolve(probed, is_stored=is_stored)


def verdict(host: CshApi) -> Guarantees | None:
    """What a probe of this root found that the host keeps; None if there was none of what it declares today.

    A host that does not keep what every host has to, such as exact listings, is said to keep nothing.

    Raises:
        StorageError, TryAgain: the host does not answer.
    """
    found = storing.load(host)
    if found is None or found.tried != storing.WHOLE:
        return None
    known = {field.name for field in attrs.fields(Guarantees)}
    return found.measured if known.issuperset(found.broken) else Guarantees()


def condition_test(host: CshApi) -> None:
    """Do nothing if ``host`` is known to decide conditions in one step; if it is not known yet, find out.

    There are gateways that take a condition and ignore it. A root without a verdict is tried out with a few
    races, in a folder of their own that is removed, and the outcome is stored; the next call is one read.

    Raises:
        NotGuaranteed: it declares no conditions, or does not keep them.
        StorageError, TryAgain: the host does not answer.
    """
    declared = host.guarantees
    lacking = NotGuaranteed(
        f"the host {host.name} does not decide conditions of a write in one step",
        "Use another host, or one publisher at a time; oaio doctor HOST tells more.",
    )
    if declared.read_only or not declared.conditional_write:
        raise lacking
    found = storing.load(host)
    if found is None:
        bench = Bench(lambda: _another(host), SMALL)
        try:
            _, fault = _tried(_few_races, bench)
        finally:
            _cleaned(bench)
        measured = attrs.evolve(declared, conditional_write=not fault)
        found = storing.Stored(
            storing.CONDITIONS, declared, measured, ("conditional_write",) if fault else ()
        )
        storing.store(host, found)
    if not found.measured.conditional_write:
        raise lacking


def _few_races(bench: Bench) -> None:
    refuses_stale_conditions(bench.host("stale"))
    hosts = bench.hosts("races", bench.effort.racers)
    for number in range(bench.effort.rounds):
        race(hosts, f"{number}/file")


def _another(host: CshApi) -> CshApi:
    """A separate instance with the same arguments."""
    if isinstance(host, Wrapper):
        return attrs.evolve(host, inner=_another(host.inner))
    return attrs.evolve(host)  # type: ignore[misc]  # every backend is an attrs class


def _rows(bench: Bench, declared: Guarantees, report: Report) -> Iterator[Row]:
    total = len(contents.CHECKS) + len(_PROMISES)
    yield Row("read_only", False, False, Verdict.KEPT, "a file was stored")
    yield Row("durable", declared.durable, None, Verdict.UNKNOWN, NOT_DURABLE)
    for done, (name, promise) in enumerate(_PROMISES.items()):
        said = getattr(declared, name)
        if name in _REFUSED_UNLESS_DECLARED and not said:
            yield Row(name, said, said, Verdict.KEPT, REFUSED)
        else:
            found, fault = _tried(promise, bench)
            yield _row(name, said, found, fault)
        report(Progress("probe", done + 1, total, "checks"))
    for done, (name, check) in enumerate(contents.CHECKS.items(), len(_PROMISES)):
        about, fault = _tried(check, bench)
        yield _required(name, about, fault)
        report(Progress("probe", done + 1, total, "checks"))


def _links_row(bench: Bench, place_link: PlaceLink | None) -> Row:
    place = place_link or placer(bench.raw())
    if place is None:
        return Row("links lead nowhere", True, None, Verdict.UNKNOWN, "no link can be placed from here")
    about, fault = _tried(lambda bench: links_lead_nowhere(bench, place), bench)
    return _required("links lead nowhere", about, fault)


def _required(name: str, about: str | None, fault: str) -> Row:
    """The row of what every host has to keep."""
    return Row(name, True, not fault, Verdict.BROKEN if fault else Verdict.KEPT, fault or about or "")


def _row(name: str, said: Any, found: tuple[object, str] | None, fault: str) -> Row:  # noqa: ANN401 - a field's value
    """The row of a guarantee, where ``said`` is declared, and ``found`` was measured or ``fault`` was met."""
    measured, about = found or (getattr(Guarantees(), name), fault)
    if name in promises.CERTAIN and measured != said:
        is_better = not said or (name == "max_part_bytes" and measured > said)
        return Row(name, said, measured, Verdict.BETTER if is_better else Verdict.BROKEN, about)
    is_kept = measured <= said if name == "visibility_delay" else not said or measured == said
    return Row(name, said, measured, Verdict.KEPT if is_kept else Verdict.BROKEN, about)


def _tried(check: Callable[[Bench], Answer], bench: Bench) -> tuple[Answer | None, str]:
    """The answer of ``check``, or what the host did wrong; its instances are closed."""
    try:
        return check(bench), ""
    except Fault as err:
        return None, str(err)
    except (TryAgain, AccessDenied, QuotaExceeded, WrongRoot):
        raise
    except OaioError as err:
        return None, f"{type(err).__name__}: {err.message}"
    finally:
        bench.close()


def _refuses_writes(bench: Bench) -> bool:
    try:
        bench.host("first").write("file", b"")
    except (AccessDenied, NotGuaranteed):
        return True
    return False


def _cleaned(bench: Bench) -> list[Row]:
    """Nothing, or the row that says that something is left of the probe."""
    try:
        left = bench.clean_up() if bench.stored else 0
    except OaioError:
        left = len(bench.stored)
    finally:
        bench.close()
    about = f"{left} files in .oaio/{bench.folder} could not be removed"
    return [Row("complete clean-up", True, False, Verdict.BROKEN, about)] if left else []


def _rows_of_a_read_only(bench: Bench, declared: Guarantees) -> list[Row]:
    kept = Verdict.KEPT if declared.read_only else Verdict.BROKEN
    names = [field.name for field in attrs.fields(Guarantees) if field.name != "read_only"]
    about, fault = _tried(_reads_alike, bench)
    return [
        Row("read_only", declared.read_only, True, kept, "writes are refused"),
        *(
            Row(name, getattr(declared, name), None, Verdict.UNKNOWN, "nothing can be stored")
            for name in names
        ),
        _required("byte ranges", about, fault),
    ]


def _reads_alike(bench: Bench) -> str:
    """A file that is there reads in parts as it reads at once."""
    host = bench.raw()
    for seen in islice(host.list(), LISTED):
        if 1 < seen.size <= PIECE:
            whole, middle = host.read(seen.path), seen.size // 2
            parts = host.read(seen.path, 0, middle) + host.read(seen.path, middle)
            if len(whole) != seen.size or parts != whole:
                raise Fault("a file reads otherwise in parts, or has another size than is listed")
            return "of a file that is there"
    return "no file to try it with"


def _latencies(bench: Bench) -> list[Latency]:
    host, content = bench.host("timed"), contents.pattern(1000)
    names = [f"{number}" for number in range(bench.effort.timed)]
    operations: dict[str, Callable[[str], object]] = {
        "write": lambda name: host.write(name, content),
        "read": host.read,
        "stat": host.stat,
        "copy": lambda name: host.copy(name, f"{name} copied"),
        "list": lambda _: list(host.list()),
        "delete": host.delete,
    }
    return _timed(operations, names)


def _latencies_of_reading(bench: Bench) -> list[Latency]:
    host = bench.raw()
    path = next((seen.path for seen in islice(host.list(), LISTED) if seen.size <= PIECE), None)
    if path is None:
        return []
    return _timed({"read": host.read, "stat": host.stat}, [path] * bench.effort.timed)


def _timed(operations: dict[str, Callable[[str], object]], names: list[str]) -> list[Latency]:
    found = []
    for operation, call in operations.items():
        seconds = []
        for name in names:
            begun = time.perf_counter()
            try:
                call(name)
            except OaioError:  # the checks have told what the host does wrong
                continue
            seconds.append(time.perf_counter() - begun)
        found.extend([Latency.of(operation, seconds)] if seconds else [])
    return found
