"""Checking out a generation of a tree store, and what this device knows of it afterwards (T11, T17)."""

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import attrs

from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts.roots import check_alone
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Report, ignore
from oaio_storage.trees.checkout_plan import Seen
from oaio_storage.trees.chunking import WHOLE
from oaio_storage.trees.generation import Generation
from oaio_storage.trees.lines import StoredFile, all_pieces, parse_entry, parse_stored, path_part, place_order
from oaio_storage.trees.local import Known, LocalState
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.writing import CheckedOut, checked_folder, write_out


def check_out(  # noqa: PLR0913 - each is a choice of its own
    store: TreeStore,
    folder: Path,
    generation: str = "",
    *,
    cache: HashCache | None = None,
    trash: Path | None = None,
    report: Report = ignore,
) -> CheckedOut:
    """Write a generation, the live one if none is named, to ``folder``. A repeat goes on where it stopped.

    How, and what else may be raised, says :func:`~oaio_storage.trees.writing.write_out`.

    Args:
        store: the tree.
        folder: where to; neither a link, nor a file, nor in the root of any host.
        generation: which.
        cache: checksums of earlier looks at the folder.
        trash: where replaced and removed files go, for 30 days; None: nowhere.
        report: told the files that were written.

    Raises:
        NotFound: there is no such generation, or it is not kept any more.
        RootOverlap: ``folder`` lies in the root of a host.
        Corrupt: a part of it is missing or damaged, and was not moved anywhere.
    """
    folder = checked_folder(folder)
    check_alone(folder, "Check out to a folder outside of it.", is_root=False)
    source = _Stored(store, store.generation(generation))
    done = write_out(source, folder, as_live=not generation, cache=cache, trash=trash, report=report)
    if store.local:
        _remember(store.local, source, set(done.written))
    return done


@attrs.define(slots=False)
class _Stored:
    """A generation of a tree store."""

    store: TreeStore
    record: Generation

    @property
    def generation(self) -> str:
        return self.record.id

    @property
    def seen(self) -> Seen:
        return Seen(f"{self.store.host.root_id()} {self.store.name}", self.record.sequence)

    @cached_property
    def lines(self) -> list[str]:
        return list(self.store.lines(self.record))

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest(dict(map(parse_entry, self.lines)))

    def contents(self, paths: Collection[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Small files in the order in which they lie in the packs, then the others."""
        wanted = [line for line in self.lines if path_part(line) in paths]
        entries = self.manifest
        large, small = [], []
        for line in wanted:
            path = path_part(line)
            if entries[path].size > WHOLE:
                large.append(line)
            elif entries[path].size:
                small.append((*place_order(line), line))
            else:
                yield path, ()
        small.sort()
        contents = self.store.chunks.read_all(all_pieces(line)[0] for *_, line in small)
        for (*_, line), content in zip(small, contents, strict=True):
            yield path_part(line), (content,)
        for line in large:
            file: StoredFile = parse_stored(line)
            yield file.path, self.store.content(file)


def _remember(local: LocalState, source: _Stored, written: set[str]) -> None:
    """Keep in mind that contents which were written have been verified, as those that were known before."""
    known = local.known()
    before = local.lines(known.generation) if known.generation else None
    sure = {line for line in before or () if path_part(line) not in known.doubtful}
    paths = ((line, path_part(line)) for line in source.lines)
    doubtful = frozenset(path for line, path in paths if path not in written and line not in sure)
    local.keep_lines(source.generation, source.lines)
    local.keep_known(Known(source.generation, doubtful))
