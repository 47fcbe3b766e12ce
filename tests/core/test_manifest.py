"""Reliability, M1 to M15: one class for each clause. Pairs of trees are made by changing one of them."""

import io
import os
import subprocess
import sys
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from counts import COUNTS
from hypothesis import assume, given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidArgument, InvalidManifest
from oaio_storage.manifest import (
    EMPTY_CHECKSUM,
    MAX_SIZE,
    Change,
    Diff,
    FileEntry,
    Manifest,
    OriginalEntry,
    diff,
    diff_texts,
    import_original,
    renames,
)
from oaio_storage.testing.strategies import related_trees as pairs
from oaio_storage.testing.strategies import trees


def lines(manifest: Manifest) -> io.StringIO:
    return io.StringIO(manifest.text(), newline="\n")


def entry_of(content: bytes, *, executable: bool | None = None) -> FileEntry:
    return FileEntry(len(content), sha256(content).hexdigest(), executable)


def signed(*text: str) -> str:
    body = "".join(f"{line}\n" for line in text)
    return f"{body}digest {sha256(body.encode()).hexdigest()}\n"


def manifest_of(*entry_lines: str) -> str:
    return signed("oaio-manifest 1", *entry_lines)


A, B = f"{'a' * 64} 1 -", f"{'b' * 64} 2 x"


class TestM1Deterministic:
    """The manifest depends on names, bytes and declared modes only."""

    @given(trees, st.randoms())
    def test_the_order_of_the_entries_does_not_matter(self, tree: Manifest, random: Random) -> None:
        shuffled = list(tree.items())
        random.shuffle(shuffled)
        other = Manifest(dict(shuffled))
        assert (other, other.text(), other.digest(), hash(other)) == (
            tree,
            tree.text(),
            tree.digest(),
            hash(tree),
        )

    @given(trees, st.integers())
    def test_times_change_nothing(self, tree: Manifest, mtime: int) -> None:
        other = Manifest(
            {path: FileEntry(e.size, e.checksum, e.executable, mtime, e.extra) for path, e in tree.items()}
        )
        assert (other, other.text(), other.digest(), hash(other)) == (
            tree,
            tree.text(),
            tree.digest(),
            hash(tree),
        )
        assert diff(tree, other).is_empty

    def test_hash_seed_locale_and_time_zone_change_nothing(self) -> None:
        program = (
            "from oaio_storage.manifest import *\n"
            "names = {'b', 'ä', 'a/ü', 'a/1', 'Z', '\U0001f600', '\\uffee'}\n"
            "print(ascii(Manifest({name: FileEntry(1, 'a' * 64) for name in names}).text()))"
        )
        told = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone},
                check=True,
                capture_output=True,
            ).stdout
            for seed, locale, zone in (("0", "C", "UTC"), ("1", "C.UTF-8", "Asia/Tokyo"), ("2", "tr_TR", ""))
        }
        assert len(told) == 1

    def test_entries_are_sorted_by_their_utf8(self) -> None:
        names = ["\U0001f600", "\uffee", "z", "Y", "a/b", "a b"]
        tree = Manifest(dict.fromkeys(names, entry_of(b"x")))
        assert list(tree) == sorted(tree, key=str.encode)
        assert [line.split(" ", 3)[3] for line in tree.text().split("\n")[1:-2]] == list(tree)


class TestM2Canonical:
    """Texts and manifests map one to one; a text that is not canonical is refused."""

    @given(trees)
    def test_parse_gives_back_the_manifest(self, tree: Manifest) -> None:
        assert Manifest.parse(tree.text()) == tree
        assert Manifest.parse(tree.text().encode()) == tree

    @given(trees, st.data())
    def test_what_is_accepted_is_canonical(self, tree: Manifest, data: st.DataObject) -> None:
        body = tree.text().split("\n")[:-2]
        row = data.draw(st.integers(0, len(body) - 1))
        body[row] = data.draw(
            st.sampled_from([
                body[row] + " ", " " + body[row], body[row].upper(), body[row].replace(" ", "  ", 1), "",
                body[0], body[-1], body[row] + "\r", body[row].replace(" 1 ", " 01 "),
                body[row].replace(" 1 ", " +1 "),
                body[row].replace(" - ", " -, "), body[row].replace(" ? ", " ?,b=1,a=2 "),
                body[row].replace(" x ", " ?x "), body[row].replace(" 1 ", " 1\u0661 "),
            ])
        )  # fmt: skip
        try:
            parsed = Manifest.parse(signed(*body))
        except InvalidManifest:
            return
        assert parsed.text() == signed(*body)

    def test_the_format_stays_readable(self) -> None:
        empty, content = EMPTY_CHECKSUM, sha256(b"content\n").hexdigest()
        text = signed(
            "oaio-manifest 1", f"{content} 8 x bin/run", f"{empty} 0 - notes/é 1.txt", f"{empty} 0 ? z"
        )
        assert text.endswith("digest 85725216464906a8d116156a30314e15b6add18c95112c57034bd9b03027c1ef\n")
        assert Manifest.parse(text) == Manifest(
            {
                "z": FileEntry(0, empty),
                "notes/é 1.txt": FileEntry(0, empty, executable=False),
                "bin/run": FileEntry(8, content, executable=True),
            }
        )


class TestM3Injective:
    """Different trees have different texts, whatever their names look like."""

    @given(pairs())
    def test_texts_digests_and_hashes_tell_trees_apart(self, pair: tuple[Manifest, ...]) -> None:
        one, other = pair
        assert (one == other) == (one.text() == other.text()) == (one.digest() == other.digest())

    def test_names_can_not_imitate_other_entries(self) -> None:
        line = f"{'a' * 64} 1 - x"
        tree = Manifest({line: entry_of(b"1"), f"digest {'0' * 64}": entry_of(b"2"), "1 x y": entry_of(b"3")})
        assert Manifest.parse(tree.text()) == tree
        assert [change.path for change in diff_texts(lines(Manifest()), lines(tree))] == list(tree)


class TestM4Identity:
    """A tree does not differ from itself."""

    @given(trees)
    def test_diff_of_a_tree_with_itself(self, tree: Manifest) -> None:
        assert diff(tree, tree) == Diff(new={}, update={}, keep=dict(tree), remove={})
        assert diff(tree, tree).is_empty
        assert list(diff_texts(lines(tree), lines(tree))) == []


class TestM5Sound:
    """The difference turns the first tree into the second."""

    @given(pairs())
    def test_apply(self, pair: tuple[Manifest, ...]) -> None:
        old, new = pair
        made = diff(old, new).apply(old)
        assert made == new
        assert {path: made[path].mtime for path in made} == {path: new[path].mtime for path in new}

    @given(pairs(3))
    def test_another_base_is_refused(self, three: tuple[Manifest, ...]) -> None:
        old, new, other = three
        assume(other.keys() != old.keys())
        with pytest.raises(InvalidArgument):
            diff(old, new).apply(other)


class TestM6Minimal:
    """The parts are disjoint, complete, and hold nothing that did not change."""

    @given(pairs())
    def test_parts(self, pair: tuple[Manifest, ...]) -> None:
        old, new = pair
        made = diff(old, new)
        all_paths = [*made.new, *made.update, *made.keep, *made.remove]
        assert sorted(all_paths) == sorted(old.keys() | new.keys())
        assert set(made.new) | set(made.update) | set(made.remove) == {
            path for path in old.keys() | new.keys() if old.get(path) != new.get(path)
        }
        assert all(list(part) == sorted(part) for part in (made.new, made.update, made.keep, made.remove))

    @given(pairs())
    def test_texts_differ_in_the_same_paths(self, pair: tuple[Manifest, ...]) -> None:
        old, new = pair
        made = diff(old, new)
        changed = sorted([*made.new, *made.update, *made.remove])
        expected = [Change(path, old.get(path), new.get(path)) for path in changed]
        assert list(diff_texts(lines(old), lines(new))) == expected


class TestM7Inverse:
    """The opposite difference leads back."""

    @given(pairs())
    def test_there_and_back(self, pair: tuple[Manifest, ...]) -> None:
        old, new = pair
        assert diff(new, old).apply(diff(old, new).apply(old)) == old


class TestM8Composition:
    """Two differences in a row lead where the direct one does."""

    @given(pairs(3))
    def test_two_steps_or_one(self, three: tuple[Manifest, ...]) -> None:
        first, second, third = three
        assert diff(second, third).apply(diff(first, second).apply(first)) == diff(first, third).apply(first)


class TestM9OrderFree:
    """The steps of a difference may be taken in any order and any number of times."""

    @given(pairs(), st.randoms())
    def test_steps_shuffled_and_repeated(self, pair: tuple[Manifest, ...], random: Random) -> None:
        old, new = pair
        made = diff(old, new)
        steps: list[tuple[str, FileEntry | None]] = [*made.new.items(), *made.update.items()]
        steps += [(path, None) for path in made.remove]
        steps += random.choices(steps, k=5) if steps else []
        random.shuffle(steps)
        tree = dict(old)
        for path, entry in steps:
            if entry is None:
                tree.pop(path, None)
            else:
                tree[path] = entry
        assert Manifest(tree) == new


class TestM10MovesAreCheap:
    """What was only renamed is found, so that its content is not sent."""

    @given(trees)
    def test_a_renamed_folder_sends_nothing(self, tree: Manifest) -> None:
        moved = Manifest({f"moved/{path}": entry for path, entry in tree.items()})
        assume(not set(moved) & set(tree))
        found = renames(diff(tree, moved))
        assert all(tree[old].checksum == moved[new].checksum for new, old in found.items())
        assert len(set(found.values())) == len(found)
        assert {path for path, entry in moved.items() if entry.size} <= found.keys()

    def test_the_same_file_name_is_preferred(self) -> None:
        same = entry_of(b"same")
        old = Manifest({"x/1": same, "x/2": same, "x/3": same, "empty": entry_of(b"")})
        new = Manifest({"y/2": same, "y/9": same, "void": entry_of(b"")})
        assert renames(diff(old, new)) == {"y/2": "x/2", "y/9": "x/1"}


class TestM11AllOrNothing:
    """What no manifest may hold is refused as a whole."""

    @pytest.mark.parametrize(
        "text",
        [
            "", "\n", "oaio-manifest 1\n", signed(), signed("oaio-manifest 2"), signed("oaio-manifest 10"),
            signed("oaio-manifest 1 "), signed("\ufeffoaio-manifest 1"), manifest_of(""),
            manifest_of(f"{A} b", f"{B} a"), manifest_of(f"{A} a", f"{A} a"),
            manifest_of(f"{A} a", f"{B} a"), manifest_of(f"{A} A", f"{B} a"),
            manifest_of(f"{A} a", f"{B} a/b"), manifest_of(f"{A} e\u0301", f"{B} é"),
            manifest_of(f"{A} ../x"), manifest_of(f"{A} /x"),
            manifest_of(f"{A} a\0"), manifest_of(f"{A} .oaio/x"),
            manifest_of(f"{A} "), manifest_of(A), manifest_of(f"{A} CON"),
            manifest_of(f"{'a' * 63} 1 - a"), manifest_of(f"{'A' * 64} 1 - a"),
            manifest_of(f"{'g' * 64} 1 - a"), manifest_of(f"{'a' * 64} -1 - a"),
            manifest_of(f"{'a' * 64} 1.0 - a"), manifest_of(f"{'a' * 64} 1e3 - a"),
            manifest_of(f"{'a' * 64} {2**63} - a"), manifest_of(f"{'a' * 64} 0 - a"),
            manifest_of(f"{EMPTY_CHECKSUM} 1 - a"), manifest_of(f"{'a' * 64} 1 X a"),
            manifest_of(f"{A} a") * 2, manifest_of(f"{A} a") + "\n",
            manifest_of(f"{A} a")[:-1], "x",
        ],
    )  # fmt: skip
    def test_texts(self, text: str) -> None:
        with pytest.raises(InvalidManifest) as caught:
            Manifest.parse(text)
        assert caught.value.hint

    @pytest.mark.parametrize(
        "wrong",
        [
            {"size": -1}, {"size": 1.0}, {"size": "1"}, {"size": True}, {"size": 2**63},
            {"size": 2**64}, {"size": 0},
            {"checksum": ""}, {"checksum": "A" * 64}, {"checksum": "a" * 65}, {"checksum": None},
            {"checksum": "a" * 64 + "\n"}, {"checksum": EMPTY_CHECKSUM}, {"executable": 1},
            {"executable": "x"},
            {"mtime": 1.5}, {"mtime": None}, {"extra": "x"}, {"extra": ",b=1,a=2"}, {"extra": ",a=1,a=2"},
            {"extra": ",a=b c"}, {"extra": ",A=1"}, {"extra": ",a=\n"}, {"extra": ",a=é"},
        ],
    )  # fmt: skip
    def test_entries(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidManifest):
            FileEntry(**{"size": 1, "checksum": "a" * 64, **wrong})

    def test_the_largest_file_is_allowed(self) -> None:
        tree = Manifest({"a": FileEntry(MAX_SIZE, "a" * 64)})
        assert Manifest.parse(tree.text()) == tree
        assert tree.size == MAX_SIZE

    @pytest.mark.parametrize(
        "names", [["a", "A"], ["a", "a/b"], [".oaio"], ["../x"], [""], ["\ud800"], ["é", "e\u0301"]]
    )
    def test_names(self, names: list[str]) -> None:
        with pytest.raises(InvalidManifest):
            Manifest(dict.fromkeys(names, entry_of(b"x")))
        with pytest.raises(InvalidManifest):
            import_original({name: {"mtime": 1} for name in names})

    def test_what_is_no_mapping_of_entries(self) -> None:
        for wrong in ({"a": 1}, {1: entry_of(b"x")}, {"a": {"size": 1}}):
            with pytest.raises(InvalidManifest):
                Manifest(wrong)  # type: ignore[arg-type]  # what a caller without a type checker may pass


class TestM14UnknownFields:
    """Fields of later minor versions survive reading and writing."""

    @given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), unique=True, max_size=4))
    def test_survive(self, fields: list[str]) -> None:
        extra = "".join(f",{name}={name * 2}=!" for name in sorted(fields))
        text = manifest_of(f"{'a' * 64} 1 -{extra} a 1")
        tree = Manifest.parse(text)
        assert tree["a 1"].extra == extra
        assert tree.text() == text

    def test_survive_the_import_of_an_originals_manifest(self) -> None:
        given_fields = {
            "mtime": 1700000000123456789,
            "checksum": f"sha256:{'a' * 64}",
            "size": 5,
            "later": [1],
        }
        entry = import_original({"index.html": given_fields, "x/y": {}})
        assert entry["index.html"] == OriginalEntry("a" * 64, 1700000000123456789, given_fields)
        assert entry["x/y"] == OriginalEntry("", None, {})

    @pytest.mark.parametrize(
        "wrong",
        [None, [], {"a": 1}, {"a": {"mtime": 1.5}}, {"a": {"mtime": True}}, {"a": {"checksum": "md5:x"}},
         {"a": {"checksum": "sha256:x"}}, {"a": {"checksum": "a" * 64}}, {1: {}}],
    )  # fmt: skip
    def test_an_original_of_another_form_is_refused(self, wrong: object) -> None:
        with pytest.raises(InvalidManifest):
            import_original(wrong)


class TestM15DamageIsFound:
    """Any change of a stored manifest is detected when it is read."""

    def stored(self) -> bytes:
        random = Random(5)
        names = [f"folder {n % 7}/é{n}.txt" for n in range(40)]
        return (
            Manifest({name: entry_of(random.randbytes(n + 1)) for n, name in enumerate(names)})
            .text()
            .encode()
        )

    def test_changed_bytes(self) -> None:
        stored, random = self.stored(), Random(7)
        for _ in range(COUNTS.byte_changes):
            place = random.randrange(len(stored))
            changed = bytearray(stored)
            changed[place] ^= random.randrange(1, 256)
            self.assert_found(bytes(changed))

    def test_cut_at_each_byte(self) -> None:
        stored = self.stored()
        for end in range(len(stored)):
            self.assert_found(stored[:end])

    def test_lines_lost_doubled_or_exchanged(self) -> None:
        rows = self.stored().splitlines(keepends=True)
        for row in range(len(rows)):
            self.assert_found(b"".join(rows[:row] + rows[row + 1 :]))
            self.assert_found(b"".join(rows[: row + 1] + rows[row:]))
        self.assert_found(b"".join([rows[0], rows[2], rows[1], *rows[3:]]))

    def assert_found(self, damaged: bytes) -> None:
        with pytest.raises(InvalidManifest):
            Manifest.parse(damaged)
        text, whole = (content.decode(errors="replace") for content in (damaged, self.stored()))
        with pytest.raises(InvalidManifest):
            list(diff_texts(io.StringIO(text, newline="\n"), io.StringIO(whole, newline="\n")))


class TestDiffOfLargeTexts:
    """Texts much larger than what is held in memory at once; equal lines are never parsed."""

    @given(st.randoms(), st.integers(0, 40), st.booleans())
    def test_changes_anywhere(self, random: Random, changes: int, shift: bool) -> None:  # noqa: FBT001 - drawn
        tree = {f"d{n % 11}/{n}": FileEntry(n + 1, f"{n:064x}") for n in range(1, 9000)}
        other = dict(tree)
        for path in random.sample(sorted(tree), changes):
            match random.randrange(3):
                case 0:
                    del other[path]
                case 1:
                    other[path] = FileEntry(5, "f" * 64)
                case _:
                    other[f"{path} new"] = FileEntry(5, "f" * 64)
        if shift:
            other |= {f"0 first {n}": FileEntry(1, "e" * 64) for n in range(5000)}
        old, new = Manifest(tree), Manifest(other)
        expected = diff(old, new)
        found = list(diff_texts(lines(old), lines(new)))
        assert [change.path for change in found] == sorted(
            [*expected.new, *expected.update, *expected.remove]
        )
        assert {change.path: change.new for change in found if change.new} == {
            **expected.new,
            **expected.update,
        }

    def test_what_both_texts_have_is_not_parsed(self) -> None:
        odd = manifest_of("no entry at all")
        assert list(diff_texts(io.StringIO(odd), io.StringIO(odd))) == []
        with pytest.raises(InvalidManifest):
            list(diff_texts(io.StringIO(odd), lines(Manifest())))
