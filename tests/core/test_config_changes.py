"""A file of settings that was changed in any way is valid, or refused by an error that names the key."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from counts import COUNTS

from oaio_storage.config import configured_hosts, host_of
from oaio_storage.errors import InvalidArgument, InvalidConfiguration, OaioError, UnknownHost

SECRET = "hidden-word"

BACKEND = """
from typing import Literal
import attrs
from oaio_storage_local import LocalApi

@attrs.frozen(eq=False)
class ManyApi(LocalApi):
    number: int = 0
    share: float = 0.5
    is_fast: bool = False
    way: Literal["path", "virtual"] = "path"
    limit: int | None = None
    more: dict[str, int] = attrs.field(factory=dict)
    several: list[str] = attrs.field(factory=list)
    token: str = attrs.field(default="", repr=False)
"""

VALID = {
    "root_folder": ["'/a'", '"b"'],
    "number": ["0", "-7", "1_000", "0x10"],
    "share": ["0.5", "1", "-1e3"],
    "is_fast": ["true", "false"],
    "way": ["'path'", "'virtual'"],
    "limit": ["0", "9"],
    "more": ["{}", "{ a = 1 }"],
    "several": ["[]", "['a', 'b']"],
    "token": [f"'{SECRET}'", f'"""\n{SECRET}\n100% $HOME"""'],
}
WRONG = {
    "root_folder": ["7", "true", "''", "['a']", "{}"],
    "number": ["'1'", "1.0", "true", "[1]", "2026-01-01", "1" * 101],
    "share": ["'0.5'", "nan", "inf", "-inf", "true"],
    "is_fast": ["'true'", "1", "0", "'yes'"],
    "way": ["'Path'", "0", "''"],
    "limit": ["''", "0.5", "false"],
    "more": ["[]", "{ a = '1' }", "{ a = true }", "'{}'"],
    "several": ["'a,b'", "[1]", "['a', 1]", "{}"],
    "token": ["7", f"['{SECRET}']", f"{{ a = '{SECRET}' }}", f"'{SECRET}\\u0000'.x"],
}


@attrs.define
class Draft:
    """A file: for each host the lines ``key = value`` of its options and of its secrets."""

    hosts: dict[str, dict[str, list[tuple[str, str]]]]

    def text(self) -> str:
        lines = ["# hosts"]
        for csh_id, parts in self.hosts.items():
            for part, pairs in parts.items():
                lines += [f"[{csh_id}.{part}]", *(f"{key} = {value}" for key, value in pairs)]
        return "\n".join(lines) + "\n"

    def somewhere(self, rng: random.Random) -> list[tuple[str, str]]:
        """The lines of one table that has any."""
        return rng.choice([pairs for parts in self.hosts.values() for pairs in parts.values() if pairs])


def valid(rng: random.Random) -> Draft:
    hosts = {}
    for csh_id in rng.sample(["Many", "Many-a", "Many-b"], rng.randint(1, 3)):
        keys = [
            "root_folder",
            *rng.sample(sorted(VALID.keys() - {"root_folder", "token"}), rng.randint(0, 7)),
        ]
        hosts[csh_id] = {
            "options": [(key, rng.choice(VALID[key])) for key in keys],
            "secrets": [("token", rng.choice(VALID["token"]))] * rng.randint(0, 1),
        }
    return Draft(hosts)


Change = Callable[[Draft, random.Random], str]
"""Changes the draft; the key that an error has to name, or nothing if the file stays valid."""


def other_value(draft: Draft, rng: random.Random) -> str:
    pairs = draft.somewhere(rng)
    rng.shuffle(pairs)
    pairs[0] = pairs[0][0], rng.choice(VALID[pairs[0][0]])
    return ""


def wrong_type(draft: Draft, rng: random.Random) -> str:
    pairs = draft.somewhere(rng)
    at = rng.randrange(len(pairs))
    pairs[at] = pairs[at][0], rng.choice(WRONG[pairs[at][0]])
    return pairs[at][0]


def other_spelling(draft: Draft, rng: random.Random) -> str:
    pairs = draft.somewhere(rng)
    at = rng.randrange(len(pairs))
    key = rng.choice([pairs[at][0].upper(), pairs[at][0] + "s", f"_{pairs[at][0]}"])
    pairs[at] = key, pairs[at][1]
    return key


def twice(draft: Draft, rng: random.Random) -> str:
    pairs = draft.somewhere(rng)
    key, _ = rng.choice(pairs)
    pairs.append((key, rng.choice(VALID[key]).replace("\n", "")))
    return key


def left_out(draft: Draft, rng: random.Random) -> str:
    pairs = rng.choice(list(draft.hosts.values()))["options"]
    pairs[:] = [pair for pair in pairs if pair[0] != "root_folder"]
    return "root_folder"


def wrong_part(draft: Draft, rng: random.Random) -> str:
    parts = rng.choice(list(draft.hosts.values()))
    parts["options"].append(("token", f"'{SECRET}'"))
    return "token"


def unknown_part(draft: Draft, rng: random.Random) -> str:
    part = rng.choice(["Options", "option", "args", "secret"])
    rng.choice(list(draft.hosts.values()))[part] = []
    return part


def bad_id(draft: Draft, rng: random.Random) -> str:
    csh_id = rng.choice(["'a b'", "'../x'", "''", "'x/y'", '"\\n"', f"'{'x' * 300}'"])
    draft.hosts[csh_id] = draft.hosts.pop(rng.choice(list(draft.hosts)))
    return "the id of a host"


def other_backend(draft: Draft, rng: random.Random) -> str:
    csh_id = rng.choice(["many", "Nothing-x", "Manya"])
    draft.hosts[csh_id] = draft.hosts.pop(rng.choice(list(draft.hosts)))
    return csh_id


def variable(draft: Draft, rng: random.Random) -> str:
    name = rng.choice(["7", "'$HOME'", "''", "'a b'", "'OAIO_NO_SUCH_VARIABLE'"])
    parts = rng.choice(list(draft.hosts.values()))
    parts["secrets"], parts["environment"] = [], [("token", name)]
    return "token"


CHANGES: list[Change] = [
    *(other_value, wrong_type, other_spelling, twice, left_out),
    *(wrong_part, unknown_part, bad_id, other_backend, variable),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "many_options.py").write_text(BACKEND)
    info = tmp_path / "many_options-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: many-options\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[oaio_storage.backends]\nMany = many_options:ManyApi\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OAIO_CONFIG_DIR", str(tmp_path))
    file = tmp_path / "hosts.toml"
    file.touch(0o600)
    return file


def refusal() -> OaioError | None:
    """The error that looking at all hosts of the file ends with, as a command would."""
    error: OaioError | None = None
    try:
        for host in configured_hosts().values():
            host_of(host.csh_id)
    except (InvalidConfiguration, InvalidArgument, UnknownHost) as err:
        error = err
    assert error is None or SECRET not in f"{error}{error.hint}{error.__cause__}"
    return error


def test_every_change_is_valid_or_refused_by_name(file: Path) -> None:
    rng, seen = random.Random(3), Counter[str]()
    for number in range(COUNTS.config_changes):
        draft = valid(rng)
        change = CHANGES[number % len(CHANGES)]
        key = change(draft, rng)
        file.write_text(draft.text())
        error = refusal()
        if key:
            assert error is not None, draft.text()
            assert key in str(error), f"{key!r} is not in {error}\n{draft.text()}"
        else:
            assert error is None, f"{error}\n{draft.text()}"
        seen[change.__name__] += 1
    assert len(seen) == len(CHANGES)


def test_every_change_of_bytes_is_valid_or_refused(file: Path) -> None:
    rng, seen = random.Random(4), Counter[bool]()
    for _ in range(COUNTS.config_changes):
        content = bytearray(valid(rng).text().encode())
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(content))
            content[at : at + rng.randint(0, 2)] = rng.choice(
                [b"", b"\x00", b"\xff", b"=", b"[", b"]", b"'", b'"', b"\n", b"#", rng.randbytes(1)]
            )
        file.write_bytes(content)
        seen[refusal() is None] += 1
    assert min(seen[True], seen[False]) > COUNTS.config_changes / 20
