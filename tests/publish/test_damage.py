"""P19: every damage that is planted is named by a verification, and nothing else is."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest
from counts import COUNTS
from publish.trees import Site

from oaio_storage.errors import Corrupt, NotFound
from oaio_storage.publish import cleaning
from oaio_storage.publish.cleaning import clean_up
from oaio_storage.publish.head import Head
from oaio_storage.publish.head_file import HeadFile
from oaio_storage.publish.results import Fault
from oaio_storage.publish.verifying import verify

TREES = [
    {f"d{number % 3}/{number}": b"%d %d" % (number, tree) * (number + 1) for number in range(9)}
    | {"same": b"same", "twin": b"mate", f"only {tree}": b"x"}
    for tree in range(3)
]


@attrs.define
class Kept:
    """One generation as it lies on the disk, and what is to be found of it.

    Attributes:
        id: of the generation.
        folder: with its files.
        files: what they are.
        dice: choose what is damaged.
        faults: what was planted.
    """

    id: str
    folder: Path
    files: dict[str, bytes]
    dice: Random
    faults: list[Fault] = attrs.field(factory=list)

    def expect(self, path: str, what: str) -> None:
        self.faults.append(Fault(self.id, path, what))  # type: ignore[arg-type]  # one of its words

    def one(self) -> str:
        return self.dice.choice(sorted(self.files))

    def put(self, path: str, content: bytes) -> None:
        """A file of its own, so that no other generation has it."""
        file = self.folder / path
        mode = file.stat().st_mode if file.exists() else 0o444
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        file.chmod(mode)


def flip(kept: Kept) -> None:
    path = kept.one()
    content = bytearray(kept.files[path])
    content[kept.dice.randrange(len(content))] ^= 1 << kept.dice.randrange(8)
    kept.put(path, bytes(content))
    kept.expect(path, "altered")


def cut(kept: Kept) -> None:
    path = kept.one()
    kept.put(path, kept.files[path][: kept.dice.randrange(len(kept.files[path]))])
    kept.expect(path, "short")


def extend(kept: Kept) -> None:
    path = kept.one()
    kept.put(path, kept.files[path] + kept.dice.randbytes(kept.dice.randint(1, 5)))
    kept.expect(path, "long")


def exchange(kept: Kept) -> None:
    for path, other in (("same", "twin"), ("twin", "same")):
        kept.put(path, kept.files[other])
        kept.expect(path, "altered")


def delete(kept: Kept) -> None:
    path = kept.one()
    (kept.folder / path).unlink()
    kept.expect(path, "missing")


def add(kept: Kept) -> None:
    kept.put("d0/more", b"more")
    kept.expect("d0/more", "extra")


def mode(kept: Kept) -> None:
    path = kept.one()
    kept.put(path, kept.files[path])
    (kept.folder / path).chmod(0o555)
    kept.expect(path, "mode")


def link(kept: Kept) -> None:
    path = kept.one()
    (kept.folder / path).unlink()
    (kept.folder / path).symlink_to("/etc/hostname")
    kept.expect(path, "missing")


def files_gone(kept: Kept) -> None:
    kept.folder.rename(kept.folder.with_name("elsewhere"))
    kept.expect("", "no files")


DAMAGES = (flip, cut, extend, exchange, delete, add, mode, link, files_gone)


@pytest.fixture
def kept(site: Site) -> Callable[[Random], Kept]:
    """Three generations; one of them, to be damaged."""
    made = [site.publish(files) for files in TREES]

    def choose(dice: Random) -> Kept:
        number = dice.randrange(len(made))
        generation = made[number].generation
        is_live = number == len(made) - 1
        folder = site.root / ("site" if is_live else site.tree.places.kept(generation))
        return Kept(generation, folder, TREES[number], dice)

    return choose


def mend(kept: Kept) -> None:
    """Put everything back."""
    elsewhere = kept.folder.with_name("elsewhere")
    if elsewhere.exists():
        elsewhere.rename(kept.folder)
    (kept.folder / "d0/more").unlink(missing_ok=True)
    for path in {fault.path for fault in kept.faults} & kept.files.keys():
        (kept.folder / path).unlink(missing_ok=True)
        kept.put(path, kept.files[path])


def test_each_damage_of_files_is_named_and_nothing_else(site: Site, kept: Callable[[Random], Kept]) -> None:
    met = Counter[str]()
    for seed in range(COUNTS.damages):
        chosen = kept(Random(seed))
        damage = chosen.dice.choice(DAMAGES)
        damage(chosen)
        met[damage.__name__] += 1
        assert verify(site.tree).faults == tuple(sorted(chosen.faults)), (seed, damage)
        mend(chosen)
    assert verify(site.tree).faults == ()
    assert len(met) == len(DAMAGES)


def test_each_damage_of_a_record_or_of_the_head_is_named(site: Site, kept: Callable[[Random], Kept]) -> None:
    state = site.root / ".oaio"
    for seed in range(COUNTS.damages):
        chosen = kept(Random(seed))
        is_head = chosen.dice.random() < 0.5
        file = state / (site.tree.places.head if is_head else site.tree.places.record(chosen.id))
        text = file.read_bytes()
        place = chosen.dice.randrange(len(text))
        damaged = {
            "flip": text[:place] + bytes([text[place] ^ 1 << chosen.dice.randrange(8)]) + text[place + 1 :],
            "cut": text[:place],
            "extend": text + b"\n",
            "twice": text + text,
            "gone": None,
        }[chosen.dice.choice(["flip", "flip", "cut", "extend", "twice", "gone"])]
        file.unlink()
        if damaged is not None:
            file.write_bytes(damaged)
        if is_head:
            with pytest.raises((Corrupt, NotFound)):
                verify(site.tree)
        else:
            found = verify(site.tree).faults
            assert found == (Fault(chosen.id, "", "no record"),), (seed, found)
        file.unlink(missing_ok=True)
        file.write_bytes(text)
    assert verify(site.tree).faults == ()


def test_who_shares_what_was_damaged_is_told_and_cant_be_gone_back_to(site: Site) -> None:
    """A file edited in place is altered in every generation that shares it, until they are cleaned up."""
    first, second = site.publish(TREES[0] | {"big": b"b"}), site.publish(TREES[1] | {"big": b"b"})
    file = site.root / "site/big"
    file.chmod(0o644)
    file.write_bytes(b"B")
    file.chmod(0o444)
    found = verify(site.tree)
    assert (found.live, set(found.damaged)) == (second.generation, {first.generation, second.generation})
    third = site.publish(TREES[2] | {"big": b"b"})
    found = verify(site.tree)
    assert (found.live, set(found.damaged)) == (third.generation, {first.generation, second.generation})
    back = site.tree.rollback(first.generation, yes=True)
    assert site.on_disk() == TREES[0] | {"big": b"b"}, "what is live has it whole"
    assert back.generation not in verify(site.tree).damaged
    site.publish(TREES[2])
    with pytest.raises(Corrupt, match="'big'") as caught:
        site.tree.rollback(second.generation, yes=True)
    assert "oaio verify" in caught.value.hint
    assert site.on_disk() == TREES[2]
    clean_up(site.tree, at_once=True)
    assert verify(site.tree).faults == ()
    assert site.litter() == []


@pytest.mark.parametrize("moment", ["collecting", "half", "collected"])
def test_what_a_clean_up_removes_meanwhile_is_no_fault(
    site: Site, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (site.publish(files) for files in TREES[:2])
    drop, history = cleaning._drop, HeadFile.history

    def look(*_given: object) -> None:
        found = verify(tree)
        assert (found.faults, found.generations) == ((), 1)

    def while_it_runs(*given: Any) -> bool:  # noqa: ANN401 - as the function that it stands for
        if moment == "half":
            site.tree.folders.remove(site.tree.places.kept(first.generation))
            look()
        return drop(*given)

    def then_it_runs(file: HeadFile, head: Head) -> object:
        """Between the moment that verification says what to look at, and the look."""
        found = history(file, head)
        monkeypatch.setattr(HeadFile, "history", history)
        monkeypatch.setattr(cleaning, "_drop", while_it_runs if moment == "half" else drop)
        if moment == "collecting":
            now, version = site.tree.head.read()
            assert now is not None
            site.tree.head.swap(attrs.evolve(now, collecting=(first.generation,), nonce="0" * 32), version)
            site.tree.folders.remove(site.tree.places.kept(first.generation))
        else:
            assert clean_up(site.tree, at_once=True).generations == (first.generation,)
        return found

    tree = site.tree
    monkeypatch.setattr(HeadFile, "history", then_it_runs)
    look()
    assert second.generation == verify(tree).live
