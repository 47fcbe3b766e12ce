"""P1, P15: readers in a tight loop, in processes of their own, beside publications on a real disk."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import attrs
from counts import COUNTS
from publish.trees import Site

from oaio_storage.publish.cleaning import clean_up

READER = """
import collections, itertools, os, sys
from oaio_storage.publish.tree import PlainTree
from oaio_storage_local import LocalApi
root, reads, seen = sys.argv[1], int(sys.argv[2]), collections.Counter()
tree = PlainTree(host=LocalApi(root), name="site")
print("ready", flush=True)
for number in itertools.count():
    if number >= reads and len(seen) > 1:
        break
    file = os.open(root + "/site/one", os.O_RDONLY)
    seen[os.read(file, 9).decode()] += 1
    os.close(file)
    if number % 20 == 0:
        folder = os.open(root + "/site", os.O_RDONLY)
        files = [os.open(name, os.O_RDONLY, dir_fd=folder) for name in ("one", "two")]
        assert len({os.read(file, 9) for file in files}) == 1, "a mix in a folder"
        for handle in (folder, *files):
            os.close(handle)
    if number % 200 == 0:
        with tree.open() as opened:
            found = set()
            for path, entry in opened.record.manifest.items():
                with opened.folder.read(path) as stream:
                    found.add(stream.read())
            assert len(found) == 1, "a mix in a generation"
print(*sorted(seen), sum(seen.values()), flush=True)
"""


def test_a_file_that_was_opened_is_read_to_its_end_after_switches_and_clean_up(site: Site) -> None:
    """P15, for readers that know nothing of oaio."""
    site.publish({"page": b"one " * 10_000, "same": b"same"})
    with (site.root / "site" / "page").open("rb") as page, (site.root / "site" / "same").open("rb") as same:
        begun = page.read(4)
        for number in range(3):
            site.publish({"page": f"{number}".encode(), "same": b"same"})
        late = attrs.evolve(site.tree, clock=lambda: datetime.now(UTC) + timedelta(days=9000))
        clean_up(late, last=1, time=timedelta())
        assert len(site.tree.recorded()) == 1
        assert begun + page.read() == b"one " * 10_000
        assert same.read() == b"same"


def test_readers_never_find_a_gap_or_a_mix(site: Site) -> None:
    trees = [{"one": word, "two": word} for word in (b"new", b"old")]
    site.publish(trees[1])
    published = 0
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(site.root), str(COUNTS.swap_reads)],
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
        while reader.poll() is None:
            site.publish(trees[published % 2])
            published += 1
        told = reader.stdout.read()
    *words, reads = told.split()
    assert (words, int(reads) >= COUNTS.swap_reads) == (["new", "old"], True)
    while published < COUNTS.swaps:  # a slow disk: the reader was done first
        site.publish(trees[published % 2])
        published += 1
    assert site.on_disk() == trees[(published - 1) % 2]
