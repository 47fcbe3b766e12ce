"""Whether the host decides conditions in one step: stale ones refused, and of many writers one winner."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from oaio_storage.errors import AlreadyExists, Changed, OaioError, TryAgain
from oaio_storage.hosts.api import CshApi
from oaio_storage.hosts.guarantees import Absent
from oaio_storage.hosts.probe.bench import Bench, Fault, at_once, everything, expect, refused
from oaio_storage.hosts.probe.processes import SEEN, UNKNOWN, WON, Racer, racers


def conditional_write(bench: Bench) -> tuple[bool, str]:
    """Whether conditions are decided in one step; what was done to find out.

    Raises:
        Fault: they are not.
    """
    refuses_stale_conditions(bench.host("stale"))
    effort = bench.effort
    hosts = bench.hosts("races", effort.racers)
    for number in range(effort.rounds):
        race(hosts, f"{number}/file")
    told = f"{effort.rounds} races of {effort.racers} writers for each condition"
    folder, names = f"{bench.folder}/processes", [f"{number}" for number in range(effort.rounds)]
    bench.stored.update(f"{folder}/{name}" for name in (SEEN, *names))
    host = bench.raw()
    with racers(host, folder, effort.processes) as others:
        for name in names if others else ():
            race_between_processes(host, folder, name, others)
        return True, f"{told}, and of {len(others)} processes" if others else told


def refuses_stale_conditions(host: CshApi) -> None:
    """Do nothing if ``host``, a folder without files, refuses what is not so, and takes what is.

    Raises:
        Fault: it does not.
    """
    first = host.write("file", b"1", expect=Absent).version
    with refused(AlreadyExists, "a file was created though there was one"):
        host.write("file", b"two", expect=Absent)
    second = host.write("file", b"three", expect=first).version
    for path, what in (("file", "of a version that is gone"), ("absent", "that is not there")):
        with refused(Changed, f"a file {what} was replaced"):
            host.write(path, b"four", expect=first)
    with refused(Changed, "a file of a version that is gone was deleted"):
        host.delete("file", expect=first)
    expect(everything(host) == {"file": b"three"}, "a refused condition changed something")
    host.delete("file", expect=second)
    expect(everything(host) == {}, "a file was not deleted though its version was named")


def race(hosts: list[CshApi], path: str) -> None:
    """Let all ``hosts``, separate instances bound to one folder, create and then replace the file ``path``.

    Raises:
        Fault: more than one was acknowledged, or none.
    """
    for what, condition in (("created", Absent), ("replaced", None)):
        expected = condition or hosts[0].stat(path).version
        contents = [f"{what} by {number}".encode() * (number + 1) for number in range(len(hosts))]
        writes = [
            partial(host.write, path, content, expect=expected)
            for host, content in zip(hosts, contents, strict=True)
        ]
        answers = at_once(writes)
        winners = [number for number, answer in enumerate(answers) if not isinstance(answer, OaioError)]
        _check(what, len(winners), [answer for answer in answers if isinstance(answer, OaioError)])
        if winners and not _is_unknown(answers):
            expect(hosts[0].read(path) == contents[winners[0]], "the content is not the winner's")


def race_between_processes(host: CshApi, folder: str, name: str, others: list[Racer]) -> None:
    """As :func:`race`, between processes.

    Raises:
        Fault: more than one was acknowledged, or none, or the content is another's.
    """
    for what in ("created", "replaced"):
        version = host.state.stat(f"{folder}/{name}").version if what == "replaced" else ""
        contents = [f"{what} by process {number}" for number in range(len(others))]
        for racer, content in zip(others, contents, strict=True):
            racer.send(name, version, content)
        answers = [racer.answer() for racer in others]
        losers = [answer for answer in answers if answer != WON]
        _check(f"{what}, from different processes,", len(answers) - len(losers), losers)
        if WON in answers and not _is_unknown(answers):
            found = host.state.read(f"{folder}/{name}")
            expect(
                found == contents[answers.index(WON)].encode(),
                "the content is not that of the process that won",
            )


def _check(what: str, winners: int, losers: Sequence[OaioError | str]) -> None:
    if winners > 1:
        raise Fault(
            f"{winners} of {winners + len(losers)} writers at once were told that they {what} one file"
        )
    if not winners and not _is_unknown(losers):
        kinds = Counter(each if isinstance(each, str) else type(each).__name__ for each in losers)
        raise Fault(f"none of {len(losers)} writers at once was told that it {what} a file: {dict(kinds)}")


def _is_unknown(answers: Sequence[object]) -> bool:
    """Whether the host did not say of each writer whether it won."""
    return any(isinstance(answer, TryAgain) or answer == UNKNOWN for answer in answers)
