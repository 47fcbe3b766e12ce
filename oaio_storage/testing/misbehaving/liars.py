"""Hosts that declare what the honest one declares, and keep all of it but one thing each.

They stand for services and gateways that exist. Whatever judges hosts, such as the contract kit and the
probe, has to reject each of them.
"""

import io
import time
from collections.abc import Iterator, Mapping
from typing import BinaryIO, ClassVar

import attrs

from oaio_storage.errors import NotFound
from oaio_storage.hosts import Expect, Guarantees, Stat
from oaio_storage.hosts.streams import PIECE
from oaio_storage.names import fold
from oaio_storage.testing.misbehaving.memory import MemoryApi


class Liar(MemoryApi):
    """A host that does not keep what it declares.

    Attributes:
        rejected_by: the tests of the contract that are there to find this.
    """

    rejected_by: ClassVar[tuple[str, ...]]


class IgnoresConditions(Liar):
    """Takes a condition, and writes whether it holds or not."""

    rejected_by = ("test_conditions_are_kept_or_refused", "test_a_stale_version_never_succeeds")

    def _check(self, path: str, expect: Expect) -> None:
        pass


class ChecksThenWrites(Liar):
    """Decides a condition in one step and writes in another."""

    rejected_by = ("test_one_creator_wins", "test_one_replacer_wins")

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        self._check(path, expect)
        time.sleep(0.01)
        return super()._store(path, content, None)


class CreatesForAnyVersion(Liar):
    """Takes the version of a file that is gone as leave to create it."""

    rejected_by = ("test_a_stale_version_never_succeeds",)

    def _check(self, path: str, expect: Expect) -> None:
        if path in self.store.files:
            super()._check(path, expect)


@attrs.frozen(eq=False)
class ListsFromACache(Liar):
    """Answers each listing of a folder as its first."""

    rejected_by = ("test_writes_are_read_at_once_by_any_instance",)
    _seen: dict[str, list[Stat]] = attrs.field(factory=dict, init=False, repr=False)

    def _list(self, folder: str) -> Iterator[Stat]:
        if folder not in self._seen:
            self._seen[folder] = list(super()._list(folder))
        return iter(self._seen[folder])


class DropsAPage(Liar):
    """Loses what stands where one page of a listing ends and the next begins."""

    rejected_by = ("test_a_listing_is_exact",)

    def _list(self, folder: str) -> Iterator[Stat]:
        found = list(super()._list(folder))
        return iter(found[:25] + found[26:])


class ListsNeighbours(Liar):
    """Takes a folder for the beginning of a name."""

    rejected_by = ("test_folders_have_bounds",)

    def _list(self, folder: str) -> Iterator[Stat]:
        return (found for found in super()._list("") if found.path.startswith(folder))


class FoldsCase(Liar):
    """Has one file for names that differ in case alone, and declares two."""

    rejected_by = ("test_names_that_only_differ_in_spelling",)

    def _same(self, path: str) -> str:
        return next((held for held in self.store.files if fold(held) == fold(path)), path)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        return attrs.evolve(super()._store(self._same(path), content, expect), path=path)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return super()._read(self._same(path), start, end, version)


class RenamesOnClash(Liar):
    """Stores ``x (1)`` beside an ``x`` that should have been replaced."""

    rejected_by = ("test_names_are_literal",)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        free = f"{path} (1)" if path in self.store.files and expect is None else path
        return super()._store(free, content, expect)


class ReadsShort(Liar):
    """Answers one MiB at most, whatever was asked for."""

    rejected_by = ("test_sizes_arrive_equal",)

    def _read(self, path: str, start: int, end: int | None, version: str | None) -> bytes:
        return super()._read(path, start, end, version)[:PIECE]


class TruncatesSilently(Liar):
    """Stores one MiB at most, and reports success."""

    rejected_by = ("test_sizes_arrive_equal",)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        return super()._store(path, content[:PIECE], expect)


class HasWeakVersions(Liar):
    """Has one version for all contents of a size."""

    rejected_by = ("test_versions_follow_the_content",)

    def _version(self, content: bytes, number: int) -> str:  # noqa: ARG002 - the hook's signature
        return f"size {len(content)}"


class LosesEmptyFiles(Liar):
    """Takes an empty file for none."""

    rejected_by = ("test_sizes_arrive_equal",)

    def _stat(self, path: str) -> Stat:
        found = super()._stat(path)
        if not found.size:
            raise NotFound(f"there is no file {path!r}")
        return found


class ForgetsOnRestart(Liar):
    """Acknowledges what is gone when the last instance is closed."""

    rejected_by = ("test_what_was_stored_outlives_all_instances",)

    def close(self) -> None:
        """Forget, if nobody else is there to remember."""
        super().close()
        if not self.store.open_hosts:
            self.store.files.clear()


class FollowsLinks(Liar):
    """Reads, through links that strangers placed, what lies outside of its root."""

    rejected_by = ("test_links_lead_nowhere",)

    def _held(self, path: str) -> tuple[bytes, str]:
        for link, target in self.store.links.items():
            if path == link and target.is_file():
                return target.read_bytes(), "outside"
            if path.startswith(f"{link}/") and (found := target / path[len(link) + 1 :]).is_file():
                return found.read_bytes(), "outside"
        return super()._held(path)


class CommitsOnFailure(Liar):
    """Stores what came until the source failed."""

    rejected_by = ("test_a_source_that_fails_leaves_the_old",)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        content = b""
        try:
            while piece := source.read(PIECE):
                content += piece
        finally:
            stored = super()._write(path, io.BytesIO(content), size, expect, headers)
        return stored


class ShowsPartialWrites(Liar):
    """Empties a file before it fills it anew."""

    rejected_by = ("test_readers_see_old_or_new",)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        if expect is None and path in self.store.files:
            super()._store(path, b"", expect)
            time.sleep(0.01)
        return super()._store(path, content, expect)


class SharesTemporaryNames(Liar):
    """Has one temporary file for all who write to a path without a condition."""

    rejected_by = ("test_writers_at_once_are_not_mixed",)

    def _write(
        self, path: str, source: BinaryIO, size: int | None, expect: Expect, headers: Mapping[str, str]
    ) -> Stat:
        if expect is not None:
            return super()._write(path, source, size, expect, headers)
        temporary, count = self.store.unfinished.setdefault(path, bytearray()), 0
        temporary.clear()
        while piece := source.read(PIECE):
            temporary[count : count + len(piece)] = piece
            count += len(piece)
        return attrs.evolve(self._store(path, bytes(temporary), expect), size=count)


class AnswersALaterStat(Liar):
    """Writes, and then looks what is there: perhaps what somebody else wrote meanwhile."""

    rejected_by = ("test_writers_at_once_are_not_mixed",)

    def _store(self, path: str, content: bytes, expect: Expect) -> Stat:
        super()._store(path, content, expect)
        time.sleep(0.01)
        return attrs.evolve(self._stat(path), size=len(content))


class ListsOtherVersions(Liar):
    """Spells a version in listings otherwise than anywhere else."""

    rejected_by = ("test_a_listing_tells_what_stat_tells",)

    def _list(self, folder: str) -> Iterator[Stat]:
        for found in super()._list(folder):
            yield attrs.evolve(found, version=f'"{self._stat(found.path).version}"')


class AllowsFileAndFolder(Liar):
    """Lets a name be a file and a folder at once."""

    rejected_by = ("test_file_or_folder_not_both",)

    def _check_way(self, path: str) -> None:
        pass


class TakesNamesForPatterns(Liar):
    """Removes all files beside one called ``*``."""

    rejected_by = ("test_names_are_literal",)

    def _delete(self, path: str, expect: str | None) -> None:
        folder, _, name = path.rpartition("/")
        for held in list(self.store.files):
            if held == path or (name == "*" and held.rpartition("/")[0] == folder):
                super()._delete(held, expect)


class DeletesFolders(Liar):
    """Removes a folder where a file was named."""

    rejected_by = ("test_deleting_removes_exactly_one_file",)

    def _delete(self, path: str, expect: str | None) -> None:
        for held in list(self.store.files):
            if held == path or held.startswith(f"{path}/"):
                super()._delete(held, expect)


class DeclaresWhatItCannot(Liar):
    """Declares that it can exchange folders."""

    rejected_by = ("test_folders_are_exchanged",)

    @property
    def guarantees(self) -> Guarantees:
        """One too many."""
        return attrs.evolve(super().guarantees, swap=True)


LIARS: tuple[type[Liar], ...] = tuple({kind.__name__: kind for kind in Liar.__subclasses__()}.values())
"""All of them; each is made as :class:`~oaio_storage.testing.misbehaving.memory.MemoryApi` is."""
