"""The hosts of this machine: the file, and hosts by id."""

import os
from pathlib import Path

import pytest

from oaio_storage.config import configured_hosts, host_of, hosts_file
from oaio_storage.errors import InvalidConfiguration, OaioError, UnknownHost

GOOD = """
[Local-disk.options]
root_folder = "{folder}"

[Fsspec-mem.options]
url = "memory://test_config"
[Fsspec-mem.secrets]
storage_options = {{ hidden = "word" }}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OAIO_CONFIG_DIR", str(tmp_path))
    return tmp_path / "hosts.toml"


def write(file: Path, text: str | bytes, mode: int = 0o600) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)


def refusal(file: Path, *said: str) -> OaioError:
    """The error that reading ``file`` raises, which names it and says all of ``said``."""
    with pytest.raises(InvalidConfiguration) as caught:
        configured_hosts()
    error = caught.value
    for text in (str(file), *said):
        assert text in f"{error}"
    assert error.hint
    return error


def test_a_configured_id_is_a_host(file: Path) -> None:
    write(file, GOOD.format(folder=file.parent))
    with host_of("Local-disk") as host:
        host.write("a", b"x")
    assert (file.parent / "a").read_bytes() == b"x"
    hosts = configured_hosts()
    assert list(hosts) == ["Local-disk", "Fsspec-mem"]
    assert hosts["Fsspec-mem"].arguments()["storage_options"] == {"hidden": "word"}
    assert "word" not in repr(hosts)
    with host_of(f"{file.parent}/") as host:
        assert host.read("a") == b"x"


def test_no_file_means_no_hosts(file: Path) -> None:
    assert hosts_file() == file
    assert configured_hosts() == {}
    with pytest.raises(UnknownHost, match="there are: none") as caught:
        host_of("Local-disk")
    assert "oaio hosts add" in caught.value.hint


def test_without_the_variable_it_lies_where_the_system_keeps_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OAIO_CONFIG_DIR", raising=False)
    assert hosts_file().parts[-2:] == ("oaio", "hosts.toml")


def test_an_unknown_id_lists_the_configured_ones(file: Path) -> None:
    write(file, GOOD.format(folder=file.parent))
    for unknown in ("Local", "local-disk", "Nowhere", "", "Local-disk "):
        with pytest.raises(UnknownHost, match="Fsspec-mem, Local-disk"):
            host_of(unknown)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "x"),
        ("[Local-x]\ncolour = 1", "colour"),
        ("[Local-x]\noptions = 7", "Local-x.options"),
        ("[Local-x.Options]\na = 1", "Options"),
        ("[Local-x.options]\na = 1\na = 2", "key a"),
        ("[Local-x.options]\na = ", "end of document"),
        ("['../x'.options]\na = 1", "../x"),
        ("[''.options]\na = 1", "''"),
        ("['a b'.options]", "a b"),
        ("[Local-x.environment]\na = 7", "Local-x.environment.a"),
        ("[Local-x.environment]\na = '$HOME'", "Local-x.environment.a"),
        ("[Local-x.environment]\na = 'A'\n[Local-x.secrets]\na = 'B'", "Local-x.a"),
        ("[Local-x.options]\na = 'A'\n[Local-x.secrets]\na = 'B'", "Local-x.a"),
        ("\ufeff[Local-x.options]", "byte-order mark"),
        (b"[Local-x.options]\na = '\xff'", "UTF-8 in line 2"),
        ("a = " + "[" * 10_000, "deep"),
        ("a = " + "9" * 10_000, "TOML"),
        ("#" * (1 << 20) + "\n", "larger"),
        ("a = '\0'", "TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(file: Path, text: str | bytes, said: str) -> None:
    write(file, text)
    refusal(file, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Local-x.options]", "root_folder"),
        ("[Local-x.options]\nroot_folder = 7", "root_folder"),
        ("[Local-x.options]\nRoot_folder = '/a'", "Root_folder"),
        ("[Local-x.options]\nroot_folder = '/a'\ncolour = 1", "colour"),
        ("[Local-x.options]\nroot_folder = 2026-01-01", "root_folder"),
        ("[Local-x.options]\nroot_folder = ''", "root_folder"),
        ("[Local-x.environment]\nroot_folder = 'OAIO_NO_SUCH'", "OAIO_NO_SUCH"),
        ("[Fsspec-x.options]\nurl = 'memory://x'\nstorage_options = {}", "storage_options"),
        ("[Fsspec-x.options]\nurl = 'sftp://u:hidden@h/'", "url"),
        (
            "[Fsspec-x.options]\nurl = 'memory://x'\n[Fsspec-x.secrets]\nstorage_options = 'hidden'",
            "storage_options",
        ),
    ],
)
def test_a_host_is_compared_with_what_its_backend_takes(file: Path, text: str, said: str) -> None:
    write(file, text)
    (csh_id,) = configured_hosts()
    with pytest.raises(InvalidConfiguration) as caught:
        host_of(csh_id)
    for part in (str(file), csh_id, said):
        assert part in str(caught.value)
    assert "hidden" not in f"{caught.value}{caught.value.hint}"


def test_a_host_without_its_backend_harms_no_other(file: Path) -> None:
    write(file, f"[Nothing-x.options]\na = 1\n{GOOD.format(folder=file.parent)}")
    host_of("Local-disk").close()
    with pytest.raises(UnknownHost, match="Nothing-x"):
        host_of("Nothing-x")


def test_a_secret_may_be_in_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        file,
        "[Fsspec-x.options]\nurl='memory://x'\n[Fsspec-x.environment]\nstorage_options = 'OAIO_TEST_SECRET'",
        0o644,
    )
    monkeypatch.setenv("OAIO_TEST_SECRET", '{"a": "50%\\n$HOME"}')
    assert configured_hosts()["Fsspec-x"].arguments()["storage_options"] == {"a": "50%\n$HOME"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_secrets_that_others_reach_are_refused(file: Path, mode: int) -> None:
    write(file, GOOD.format(folder=file.parent), mode)
    assert "word" not in str(refusal(file, "secrets"))
    assert refusal(file).hint == f"chmod 600 '{file}'"
    write(file, GOOD.format(folder=file.parent).partition("[Fsspec-mem.secrets]")[0], mode)
    assert len(configured_hosts()) == 2


def test_only_a_regular_file_is_read(file: Path) -> None:
    file.mkdir()
    refusal(file, "regular file")
    file.rmdir()
    os.mkfifo(file)
    refusal(file, "regular file")
    file.unlink()
    file.symlink_to(file.parent / "nothing")
    refusal(file, "link")
    write(file.parent / "elsewhere", GOOD.format(folder=file.parent))
    file.unlink()
    file.symlink_to(file.parent / "elsewhere")
    assert len(configured_hosts()) == 2
