"""One winner, and nothing promised that is not kept: B8, B9, B10, B12."""

from contextlib import ExitStack
from typing import Any

import pytest

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotGuaranteed
from oaio_storage.hosts import Absent, CshApi, Expect
from oaio_storage.testing.host_contract.base import (
    HostKit,
    HostSource,
    everything,
    instances,
    need,
    race,
    somewhere_else,
)
from oaio_storage.testing.host_contract.contents import generated


class Conditions(HostKit):
    """Group: conditions. A host without them has to refuse them, which the first two tests check."""

    def test_conditions_are_kept_or_refused(self, host: CshApi) -> None:
        """B10: without the guarantee nothing is read from the source or asked of the host."""
        host.write("file", b"old")
        version = host.stat("file").version
        untouched = generated(0, RuntimeError("was read"))
        if host.guarantees.conditional_write:
            with pytest.raises(AlreadyExists):
                host.write("file", b"new", expect=Absent)
            assert host.write("file", b"new", expect=version).version != version
            host.delete("file", expect=host.stat("file").version)
            assert everything(host) == {}
        else:
            for condition in (Absent, version):
                with pytest.raises(NotGuaranteed):
                    host.write("file", untouched, expect=condition)
            with pytest.raises(NotGuaranteed):
                host.delete("file", expect=version)
            with pytest.raises(NotGuaranteed):
                host.put_files([], expect=Absent)
            assert everything(host) == {"file": b"old"}
        with pytest.raises(InvalidArgument):
            host.write("file", b"", expect="")

    def test_other_abilities_are_kept_or_refused(self, host: CshApi) -> None:
        """B10: exchange of folders and signed addresses."""
        host.write("a/file", b"x")
        host.write("b/file", b"y")
        if not host.guarantees.swap:
            with pytest.raises(NotGuaranteed):
                host.swap_folders("a", "b")
        if not host.guarantees.signed_urls:
            with pytest.raises(NotGuaranteed):
                host.sign_url("a/file", 1)
        assert everything(host) == {"a/file": b"x", "b/file": b"y"}

    def test_a_stale_version_never_succeeds(self, host: CshApi) -> None:
        """B9: on the absent it is an error and never a create; B12 for deletions."""
        need(host, "conditional_write")
        first = host.write("file", b"1").version
        second = host.write("file", b"2", expect=first).version
        for path in ("file", "absent", "absent/deeper"):
            with pytest.raises(Changed):
                host.write(path, b"3", expect=first)
        with pytest.raises(Changed):
            host.delete("file", expect=first)
        assert everything(host) == {"file": b"2"}
        host.delete("file", expect=second)
        host.delete("file", expect=second)
        with pytest.raises(Changed):
            host.write("file", b"3", expect=second)
        assert everything(host) == {}

    def test_one_creator_wins(self, source: HostSource, host: CshApi) -> None:
        """B8: the others get the typed error, and the content is the winner's."""
        need(host, "conditional_write")
        with instances(source, self.counts.racers) as hosts:
            for number in range(self.counts.rounds):
                self._one_wins(hosts, f"races/{number}/file", Absent, "AlreadyExists")

    def test_one_replacer_wins(self, source: HostSource, host: CshApi) -> None:
        """B9: of many with the same version."""
        need(host, "conditional_write")
        with instances(source, self.counts.racers) as hosts:
            for number in range(self.counts.rounds):
                version = host.write("file", b"round %d" % number).version
                self._one_wins(hosts, "file", version, "Changed")

    @staticmethod
    def _one_wins(hosts: list[CshApi], path: str, expect: Expect, error: str) -> None:
        versions: dict[int, str] = {}

        def act(host: CshApi, racer: int) -> None:
            versions[racer] = host.write(path, b"racer %d" % racer, expect=expect).version

        assert race(hosts, act) == {"won": 1, error: len(hosts) - 1}
        ((winner, version),) = versions.items()
        for host in hosts:
            assert host.read(path, version=version) == b"racer %d" % winner

    def test_one_deleter_wins(self, source: HostSource, host: CshApi) -> None:
        """B9, B12: of those who replace and those who delete the same version, one alone has its way."""
        need(host, "conditional_write")
        with instances(source, self.counts.racers) as hosts:
            for number in range(self.counts.rounds):
                version = host.write("file", b"round %d" % number).version
                written: list[bytes] = []

                def act(
                    host: CshApi, racer: int, version: str = version, written: list[bytes] = written
                ) -> None:
                    if racer % 2:
                        host.delete("file", expect=version)
                    else:
                        content = b"racer %d" % racer
                        host.write("file", content, expect=version)
                        written.append(content)

                outcomes = race(hosts, act)
                assert len(written) <= 1
                assert list(everything(host).items()) == [("file", content) for content in written]
                if written:  # whoever deletes what is gone has its way, too (B12)
                    assert outcomes == {"won": 1, "Changed": len(hosts) - 1}

    def test_one_process_wins(self, source: HostSource, host: CshApi) -> None:
        """B8, B9: between processes."""
        need(host, "conditional_write")
        with ExitStack() as stack:
            racers = [
                stack.enter_context(somewhere_else(source)) for _ in range(self.counts.racing_processes)
            ]
            for number in range(self.counts.rounds):
                path = f"races/{number}/file"
                for racer, process in enumerate(racers):
                    process.send("create", path, f"racer {racer}")
                winner, version = _winner([process.answer() for process in racers], "AlreadyExists")
                assert host.read(path, version=version) == b"racer %d" % winner
                for racer, process in enumerate(racers):
                    process.send("replace", path, f"replacer {racer}", version)
                winner, version = _winner([process.answer() for process in racers], "Changed")
                assert host.read(path, version=version) == b"replacer %d" % winner


def _winner(answers: list[Any], error: str) -> tuple[int, str]:
    """Which of the ``answers`` is a version, and that; all others have to be ``error``."""
    assert answers.count({"error": error}) == len(answers) - 1, answers
    ((winner, version),) = ((number, each) for number, each in enumerate(answers) if isinstance(each, str))
    return winner, version
