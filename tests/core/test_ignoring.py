"""``.oaioignore``: git's patterns, compared with git itself; what is hidden is unknown, not absent."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oaio_storage.errors import InvalidConfiguration, OaioError
from oaio_storage.manifest import FileEntry, Manifest
from oaio_storage.scan import scan
from oaio_storage.scan.ignoring import MAX_IGNORE_BYTES, Ignored, ignored_by

NAMES = st.sampled_from(["a", "b", "a.o", "b.txt", ".c", "#d", "!e", "f g", "[h]", "*"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PLAIN = st.sampled_from(
    ["a", "b", ".o", ".txt", "*", "**", "?", "/", "\\", "#", "!", " ", ".", "[", "]", "^"]
)
PIECES = PLAIN | st.sampled_from(
    ["[ab]", "[!a]", "[a-c]", "[[:alpha:]]", "[^[:lower:]#]", "[]h]", "[!]a]", "[[^a]"]
)
IN_BRACKETS = st.sampled_from(
    ["a", "c", "z", "A", "0", "]", "[", "-", "^", "!", "\\", "&", "~", "|", ":", "[:", ":]", "\\]"]
    + [f"[:{name}:]" for name in ("alnum", "alpha", "blank", "digit", "graph", "lower", "print", "punct")]
    + [f"[:{name}:]" for name in ("space", "upper", "xdigit", "cntrl", "nothing", "")]
)
BRACKETS = st.tuples(st.sampled_from(["", "!", "^"]), st.lists(IN_BRACKETS, max_size=5).map("".join))
ASCII = [f"x{chr(code)}" for code in range(0x20, 0x7F) if chr(code) != "/"]
PATTERNS = st.lists(st.lists(PIECES, max_size=5).map("".join), max_size=5)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("git"):
        pytest.skip("there is no git")
    folder = tmp_path_factory.mktemp("repository")
    _git(folder, "init", "-q")
    return folder


def _git(folder: Path, *words: str, stdin: str = "") -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=folder, input=stdin.encode(), capture_output=True, check=False, env=env
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode()


@given(patterns=PATTERNS, paths=st.sets(PATHS, min_size=1, max_size=8))
@example(patterns=["a/", "!a/b"], paths={"a/b", "b/a/b"})
@example(patterns=["a/*", "!a/b"], paths={"a/b", "a/a"})
@example(patterns=["*", "!*/", "!*.txt"], paths={"a/b.txt", "a/a.o"})
@example(patterns=["*", "!*/", "!*.txt"], paths={"a/b/b.txt", "a/b/a.o"})
@example(patterns=["a/**", "!a/b"], paths={"a/b", "a/a", "a/b/a"})
@example(patterns=["/\u00fc", "b/*\u00fc"], paths={"\u00fc", "b/a\u00fc", "b/u"})
@example(patterns=["*[!a]", "c[!b]d"], paths={"b/a", "c/d"})
@example(patterns=["*[[:punct:]]", "!*[^a]/b"], paths={"a#", "#d", "[h]", "*", "#d/b", "[h]/a"})
@example(patterns=["*[[^a]^"], paths={"[^", "a^", "b^", "b[^"})
@example(patterns=["*[[:digit:]].key", "[!]a].key"], paths={"a1.key", "b.key", "a.key", "].key"})
@example(patterns=["a/**/b", "\\#d", "\\!e"], paths={"a/b", "a/a/b", "#d", "!e"})
def test_what_is_hidden_is_what_git_ignores(repository: Path, patterns: list[str], paths: set[str]) -> None:
    text = "\n".join(patterns)
    try:
        ignored = ignored_by(text)
    except InvalidConfiguration:
        return
    assert {path for path in paths if ignored.covers(path)} == _ignored_by_git(repository, text, paths)


def _ignored_by_git(repository: Path, text: str, paths: Iterable[str]) -> set[str]:
    (repository / ".gitignore").write_text(text, "utf-8")
    listed = "\0".join(sorted(paths))
    said = _git(repository, "check-ignore", "--no-index", "-z", "--stdin", stdin=listed)
    return set(said.split("\0")) - {""}


@given(brackets=BRACKETS)
@example(brackets=("", "[:digit:]"))
@example(brackets=("!", "]a"))
@example(brackets=("", "[^a"))
@example(brackets=("", "]-a"))
@example(brackets=("", "z-a"))
@example(brackets=("", "a-c-z"))
@example(brackets=("^", "[:"))
@example(brackets=("", "a-[:digit:]"))
@example(brackets=("", "[:nothing:]"))
def test_brackets_hold_what_they_hold_for_git(repository: Path, brackets: tuple[str, str]) -> None:
    text = f"x[{''.join(brackets)}]"
    said = _ignored_by_git(repository, text, ASCII)
    try:
        ignored = ignored_by(text)
    except InvalidConfiguration:
        assert not said
    else:
        assert {path for path in ASCII if ignored.covers(path)} == said


@pytest.mark.parametrize(
    "line", ["[a", "a[", "[]", "[a/b]", "x[[:digits:]]", "[[:alpha:]", "[a\\", "[a\\]", "a\\"]
)
def test_a_line_that_would_hide_nothing_is_refused_by_its_number(line: str) -> None:
    """Where git passes over it: what was meant to be hidden would be published."""
    with pytest.raises(InvalidConfiguration, match="line 2 is no pattern"):
        ignored_by(f"fine\n{line}\n")
    assert not ignored_by(f"# {line}\n")


def test_a_line_may_have_a_thousand_brackets_and_not_more() -> None:
    assert ignored_by("[ab]" * 1024).covers("ab" * 512)
    with pytest.raises(InvalidConfiguration, match="line 1"):
        ignored_by("[ab]" * 1025)


def _found(folder: Path) -> list[str]:
    return list(scan(folder).manifest)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for path in ("a.o", "keep.o", "build/x", "sub/a.o", "sub/b"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "link.o").symlink_to("a.o")
    (tmp_path / ".oaioignore").write_text("*.o\r\n!keep.o\r\n# words\n/build/\n")
    found = scan(tmp_path)
    assert list(found.manifest) == [".oaioignore", "keep.o", "sub/b"]
    assert found.unknown == {}
    assert list(scan(tmp_path, only=["a.o"]).manifest) == ["a.o"]
    assert "build/x" in scan(tmp_path, with_ignored=True).manifest


def test_what_is_hidden_anew_stays_as_it_was(tmp_path: Path) -> None:
    """It is unknown, so neither removed nor changed."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    base = scan(tmp_path).manifest
    (tmp_path / "a").write_text("edited")
    (tmp_path / "b").unlink()
    (tmp_path / "c").unlink()
    (tmp_path / ".oaioignore").write_text("/a\n/b\n")
    changes = scan(tmp_path).changes(base)
    assert list(changes.new) == [".oaioignore"]
    assert (list(changes.update), list(changes.remove), list(changes.keep)) == ([], ["c"], ["a", "b"])


@given(patterns=PATTERNS, paths=st.sets(PATHS, max_size=8))
def test_nothing_that_is_hidden_is_ever_removed(patterns: list[str], paths: set[str]) -> None:
    try:
        ignored = ignored_by("\n".join(patterns))
        base = Manifest({path: FileEntry(1, "0" * 64) for path in paths})
    except (InvalidConfiguration, OaioError):
        return
    with TemporaryDirectory() as name:
        (Path(name) / ".oaioignore").write_text("\n".join(patterns), "utf-8")
        gone = scan(Path(name)).changes(base).remove
    assert set(gone) == {path for path in base if not ignored.covers(path)}


def test_without_patterns_nothing_is_hidden() -> None:
    assert not Ignored().covers("a")
    assert not ignored_by("\n# words\n\n").covers("a")


@pytest.mark.parametrize("what", ["link", "folder", "pipe", "long", "no pattern"])
def test_patterns_that_can_not_be_read_show_nothing_by_accident(tmp_path: Path, what: str) -> None:
    place = tmp_path / ".oaioignore"
    match what:
        case "link":
            place.symlink_to("elsewhere")
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "long":
            place.write_bytes(b"a" * (MAX_IGNORE_BYTES + 1))
        case _:
            place.write_text("fine\n!\n")
    with pytest.raises(InvalidConfiguration, match="oaioignore"):
        scan(tmp_path)


def test_further_lines_win_over_the_folders_own(tmp_path: Path) -> None:
    for name in (".oaioignore", ".hidden", "seen", "mine", ".folder/file", "sub/.hidden", "sub/seen"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("!.*\nmine\n" if name == ".oaioignore" else "")
    found = scan(tmp_path, hiding=".*")
    assert set(found.manifest) == {"seen", "sub/seen"}
    assert not found.unknown
    (tmp_path / ".oaioignore").unlink()
    assert set(scan(tmp_path, hiding=".*").manifest) == {"mine", "seen", "sub/seen"}
