"""Reliability, B14 (path safety), B16 (collisions); wire contract, 4.3 (defuse)."""

import unicodedata
from itertools import chain
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidName
from oaio_storage.names import (
    MAX_PART_BYTES,
    MAX_PATH_BYTES,
    OBJECT_ROOM,
    are_allowed,
    check_path,
    collisions,
    defuse,
    fold,
    shown,
    undefuse,
    why_refused,
)

REFUSED = {
    "empty part": ["", "/", "/a", "a/", "a//b", "//host/share"],
    "'.' or '..'": [".", "..", "a/./b", "a/../b", "../a", "a/.."],
    "backslash": ["a\\b", "\\\\host\\share", "..\\a"],
    "drive letter": ["C:a", "c:", "C:/a", "x/d:y", "a::b"],
    "control character": ["a\0b", "a\nb", "a\tb", "\x1b[2J", "a\x7f", "a\x85b", "\x9f", "nul\n"],
    "lone surrogate": ["\ud800", "a/\udcffb"],
    "device name": [
        "CON",
        "con",
        "aux.txt",
        "x/NUL",
        "Com1.tar.gz",
        "lpt9/x",
        "LPT¹",
        "com0",
        "aux .c",
        "PRN:",
        "conin$",
    ],
    "ends in a dot or a space": ["a.", "a ", "a./b", "a /b", "...", "x/. "],
    "a part longer": ["a" * 256, "é" * 128, "x/" + "a" * 256 + "/y"],
    "longer than 1024": ["a/" * 512 + "a", "é/" * 400 + "é"],
    ".oaio in front": [".oaio", ".oaio/root.json", ".OAIO", ".Oaio/x", ".oAiO"],
}
ALLOWED = [
    *"*?[]{}#%~&+;'\"!$()-=@^_`,<>|",
    "a b", " a", ".git", ".hidden/.x", "~", "xx::y", "a'b\"c", "[1]", "{a,b}", "**", "s3:", "%41", "-o", "@x",
    "console", "auxiliary", "com10", "nul0", "a.con", "x.aux", "conin", "é", "e\u0301", "😀", "ß", "İ",
    "\u2028", "\u202e", "\u200b",
    "a" * 255, "é" * 127, "a/" * 511 + "aa", "x/.oaio", ".oaio2", "oaio", ".o", "$(x)", "/".join(["d"] * 500),
]  # fmt: skip

names = st.text(
    st.one_of(st.sampled_from("aAbß./ :\\~*\0éE\u0301"), st.characters()), min_size=0, max_size=12
)
safe_parts = st.one_of(
    st.sampled_from(
        ["a", "A", "b", "ß", "SS", "ss", "é", "e\u0301", "\u017f", "K", "k", "İ", "ﬁ", "fi", ".x"]
    ),
    st.text(min_size=1, max_size=6),
).filter(lambda part: "/" not in part and not why_refused(f"x/{part}"))
safe_paths = (
    st.lists(safe_parts, min_size=1, max_size=4).map("/".join).filter(lambda path: not why_refused(path))
)


class TestAllowedOrRefused:
    """B14: the decision is a pure function of the name, equal for all hosts."""

    @pytest.mark.parametrize(
        ("word", "path"), [(word, path) for word, paths in REFUSED.items() for path in paths]
    )
    def test_refused_with_the_reason(self, word: str, path: str) -> None:
        with pytest.raises(InvalidName) as caught:
            check_path(path)
        assert word in caught.value.message
        assert caught.value.hint

    @pytest.mark.parametrize("path", ALLOWED)
    def test_allowed_and_literal(self, path: str) -> None:
        assert check_path(path) is path

    @given(names)
    @example("a:b/c")
    def test_agrees_with_the_rule_written_out(self, path: str) -> None:
        assert (not why_refused(path)) == all(map(_part_allowed, path.split("/")))

    @given(safe_paths, safe_paths)
    def test_joining_and_splitting_keeps_paths_allowed(self, one: str, other: str) -> None:
        assert not why_refused(f"{one}/{other}")
        assert all(not why_refused(f"x/{part}") for part in one.split("/"))

    @given(safe_paths, st.integers(0, 60))
    def test_room_bounds_the_bytes(self, path: str, room: int) -> None:
        assert bool(why_refused(path, room=room)) == (len(path.encode()) > room)

    def test_room_of_an_object_is_what_the_longest_id_leaves(self) -> None:
        longest = "x" * MAX_PART_BYTES + "/" + "2" * 20 + "/"
        assert len(longest) + OBJECT_ROOM == MAX_PATH_BYTES
        fitting = ("d/" * OBJECT_ROOM)[: OBJECT_ROOM - 1] + "d"
        assert check_path(longest + check_path(fitting, room=OBJECT_ROOM))


def _part_allowed(part: str) -> bool:
    stem = part.partition(".")[0].partition(":")[0].rstrip(" ").upper()
    return not (
        part in ("", ".", "..")
        or part[-1] in ". "
        or "\\" in part
        or any(unicodedata.category(char) in ("Cc", "Cs") for char in part)
        or (part[1:2] == ":" and part[0].isascii() and part[0].isalpha())
        or stem in {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
        or (stem[:3] in ("COM", "LPT") and len(stem) == 4 and stem[3] in "0123456789¹²³")
        or part.lower() == ".oaio"
    )


class TestCollisions:
    """B16, B15: names equal after case folding or normalisation, and a file against a folder, are found."""

    @pytest.mark.parametrize(
        ("paths", "groups"),
        [
            (["a", "A"], [("A", "a")]),
            (["ß", "SS", "ss"], [("SS", "ss", "ß")]),
            (["é", "e\u0301"], [("e\u0301", "é")]),
            (["É", "e\u0301"], [("e\u0301", "É")]),
            (["\u017f", "s"], [("s", "\u017f")]),
            (["a", "a/b"], [("a", "a/b")]),
            (["A", "a/b", "a/c/d"], [("A", "a/b", "a/c/d")]),
            (["a", "a/b", "a/b/c"], [("a", "a/b", "a/b/c")]),
            (["x/A", "x/a", "y/A"], [("x/A", "x/a")]),
            (["A/x", "a/y"], []),
            (["A/x", "a/X"], [("A/x", "a/X")]),
            (["a", "ab", "a b", "a.b/c"], []),
            (["a", "a"], []),
        ],
    )
    def test_known_pairs(self, paths: list[str], groups: list[tuple[str, ...]]) -> None:
        assert collisions(paths) == groups

    @given(st.lists(safe_paths, max_size=12, unique=True))
    def test_agrees_with_comparing_every_pair(self, paths: list[str]) -> None:
        groups = collisions(paths)
        clashing = {(one, other) for one in paths for other in paths if one != other and _clash(one, other)}
        grouped = [path for group in groups for path in group]
        assert len(grouped) == len(set(grouped))
        assert set(grouped) == {path for pair in clashing for path in pair}
        for one, other in clashing:
            assert any(one in group and other in group for group in groups)

    @given(st.lists(safe_paths, max_size=8, unique=True), st.randoms())
    def test_the_order_of_the_paths_does_not_matter(self, paths: list[str], random: Random) -> None:
        shuffled = list(paths)
        random.shuffle(shuffled)
        assert collisions(shuffled) == collisions(paths)

    @given(st.text())
    def test_folding_again_changes_nothing(self, text: str) -> None:
        assert fold(fold(text)) == fold(text) == fold(unicodedata.normalize("NFD", text))

    def test_deep_chains_of_files_and_folders_take_no_quadratic_time(self) -> None:
        chain = ["/".join("d" * depth) for depth in range(1, 500)]
        assert collisions(chain) == [tuple(sorted(chain))]


def _clash(one: str, other: str) -> bool:
    first, second = fold(one), fold(other)
    return first == second or first.startswith(second + "/") or second.startswith(first + "/")


class TestDefuse:
    """Wire contract, 4.3."""

    def test_the_example_of_the_contract(self) -> None:
        told = "app://Müller@dev/{usr}/fold er/20250101000000000001"
        assert (
            defuse(told) == "app\u2afbMüller\ufe6bdev\u2044\ufe5busr\ufe5c\u2044fold\u2423er\u2044"
            "20250101000000000001"
        )

    def test_the_table_of_the_contract(self) -> None:
        pairs = {
            "/": 0x2044, "|": 0x964, "\\": 0xFE68, ":": 0xFE55, "*": 0xFE61, "?": 0xFE56, '"': 0xFF02,
            "'": 0x2018, "<": 0x27E8, ">": 0x27E9, "(": 0x27EE, ")": 0x27EF, "[": 0x27E6, "]": 0x27E7,
            "{": 0xFE5B, "}": 0xFE5C, "#": 0xFE5F, ";": 0xFE54, "@": 0xFE6B, "&": 0xFE60, "=": 0xFE66,
            "+": 0xFE62, "$": 0xFE69, "%": 0xFE6A, "^": 0xFF3E, ",": 0xFE50, " ": 0x2423, "\x7f": 0x2421,
            "\0": 0x2400, "\x1f": 0x241F, "://": 0x2AFB,
        }  # fmt: skip
        for text, code in pairs.items():
            assert defuse(text) == chr(code)
        assert defuse("aZ0_-.~!`é😀") == "aZ0_-.~!`é😀"

    @given(st.text(st.characters(max_codepoint=0x2FF)))
    @example("a:///b")
    def test_undefuse_gives_back_what_held_no_substitute(self, text: str) -> None:
        assert undefuse(defuse(text)) == text

    @given(st.text(st.characters(max_codepoint=0x7F), min_size=1))
    def test_nothing_that_paths_or_addresses_reserve_is_left(self, text: str) -> None:
        assert not set(defuse(text)) & set("/|\\:*?\"'<>()[]{}#;@&=+$%^, \x7f" + "".join(map(chr, range(32))))


@given(
    st.lists(
        names | safe_paths | st.sampled_from([*chain.from_iterable(REFUSED.values()), *ALLOWED]), max_size=5
    )
)
def test_many_are_judged_as_one_by_one(paths: list[str]) -> None:
    for room in (MAX_PATH_BYTES, 20):
        assert are_allowed(paths, room=room) == (not any(why_refused(path, room=room) for path in paths))


def test_names_are_shown_apart_and_never_long() -> None:
    assert shown("\u00e9") == "'\u00e9'"
    assert shown("e\u0301") == r"'e\u0301'"
    assert shown("x" * 120) == f"'{'x' * 120}'"
    assert shown(f"a{'x' * 5000}z") == f"'a{'x' * 89}...{'x' * 29}z'"
