"""One winner, and nothing promised that is not kept: B8, B9, B10, B12."""

from contextlib import ExitStack
from typing import BinaryIO, cast

import pytest

from oaio_storage.errors import AlreadyExists, Changed, InvalidArgument, NotGuaranteed
from oaio_storage.hosts import Absent, CshApi
from oaio_storage.testing.elsewhere import elsewhere
from oaio_storage.testing.host_contract.base import HostKit, HostSource, everything, race
from oaio_storage.testing.host_contract.writing import FailingStream


class Conditions(HostKit):
    """Group: conditions. A host without them has to refuse them, which the first test checks."""

    def test_conditions_are_kept_or_refused(self, host: CshApi) -> None:
        """B10: without the guarantee nothing is read from the source or asked of the host."""
        host.write("file", b"old")
        version = host.stat("file").version
        untouched = cast("BinaryIO", FailingStream(0, RuntimeError("was read")))
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
        if not host.guarantees.conditional_write:
            return  # refused, see above
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

    def test_one_creator_wins(self, source: HostSource) -> None:
        """B8: the others get the typed error, and the content is the winner's."""
        hosts = [source.make() for _ in range(self.counts.racers)]
        if not hosts[0].guarantees.conditional_write:
            return  # refused, see above
        for number in range(self.counts.rounds):
            path = f"races/{number}/file"
            versions: dict[int, str] = {}

            def create(
                host: CshApi, racer: int, path: str = path, versions: dict[int, str] = versions
            ) -> None:
                versions[racer] = host.write(path, b"racer %d" % racer, expect=Absent).version

            assert race(hosts, create) == {"won": 1, "AlreadyExists": len(hosts) - 1}
            ((winner, version),) = versions.items()
            assert hosts[0].read(path, version=version) == b"racer %d" % winner

    def test_one_replacer_wins(self, source: HostSource) -> None:
        """B9: of many with the same version."""
        hosts = [source.make() for _ in range(self.counts.racers)]
        if not hosts[0].guarantees.conditional_write:
            return  # refused, see above
        for number in range(self.counts.rounds):
            version = hosts[0].write("file", b"round %d" % number).version
            versions: dict[int, str] = {}

            def replace(
                host: CshApi, racer: int, version: str = version, versions: dict[int, str] = versions
            ) -> None:
                versions[racer] = host.write("file", b"racer %d" % racer, expect=version).version

            assert race(hosts, replace) == {"won": 1, "Changed": len(hosts) - 1}
            ((winner, version),) = versions.items()
            assert hosts[0].read("file", version=version) == b"racer %d" % winner

    def test_one_process_wins(self, source: HostSource, host: CshApi) -> None:
        """B8, B9: between processes."""
        if source.process is None or not host.guarantees.conditional_write:
            return  # nobody else can reach it; or refused, see above
        with ExitStack() as stack:
            racers = [
                stack.enter_context(elsewhere(*source.process)) for _ in range(self.counts.racing_processes)
            ]
            for number in range(self.counts.rounds):
                path = f"races/{number}/file"
                for racer, process in enumerate(racers):
                    process.send("create", path, f"racer {racer}")
                answers = [process.answer() for process in racers]
                winners = [answer for answer in answers if isinstance(answer, str)]
                assert len(winners) == 1
                assert answers.count({"error": "AlreadyExists"}) == len(racers) - 1
                for racer, process in enumerate(racers):
                    process.send("replace", path, f"replacer {racer}", winners[0])
                answers = [process.answer() for process in racers]
                assert answers.count({"error": "Changed"}) == len(racers) - 1
