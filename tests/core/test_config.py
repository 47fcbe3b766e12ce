"""The hosts of this machine: the file, and hosts by id."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from counts import COUNTS

from oaio_storage.config import ConfiguredHost, add_host, configured_hosts, host_of, hosts_file, remove_host
from oaio_storage.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidConfiguration,
    NotFound,
    OaioError,
    StorageError,
    UnknownHost,
)

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


def test_what_is_added_is_there_and_private(file: Path) -> None:
    folder = file.parent / "new" / "folder"
    file = folder / "hosts.toml"
    secret = {"a": "x\"'\n%$HOME\\", "b": [1, {"c": 2.5}], "d": True}
    host = ConfiguredHost("Fsspec-x", {"url": "memory://x"}, {"storage_options": secret})
    add_host(host, file)
    assert configured_hosts(file) == {"Fsspec-x": host}
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    add_host(ConfiguredHost("Local", environment={}), file)
    remove_host("Fsspec-x", file)
    assert list(configured_hosts(file)) == ["Local"]
    assert "memory" not in file.read_text()
    assert {path.name for path in folder.iterdir()} <= {"hosts.toml", "hosts.toml.lock"}


def test_what_a_person_wrote_stays(file: Path) -> None:
    written = "# my hosts\n\n['Local-a'.options] # the first\nroot_folder = '/a'\n"
    write(file, written, 0o644)
    add_host(ConfiguredHost("Local-b", {"root_folder": "/b"}))
    assert written.strip() in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    remove_host("Local-b")
    assert file.read_text().strip() == written.strip()


def test_a_link_stays_a_link(file: Path) -> None:
    target = file.parent / "dotfiles"
    write(target, "")
    file.symlink_to(target)
    add_host(ConfiguredHost("Local-b", {"root_folder": "/b"}))
    assert file.is_symlink()
    assert "Local-b" in target.read_text()


def test_a_refused_change_changes_nothing(file: Path) -> None:
    add_host(ConfiguredHost("Local-a", {"root_folder": "/a"}))
    before = file.read_bytes()
    with pytest.raises(AlreadyExists, match="Local-a") as caught:
        add_host(ConfiguredHost("Local-a", {"root_folder": "/other"}))
    assert "oaio hosts rm Local-a" in caught.value.hint
    with pytest.raises(NotFound, match="Local-a"):
        remove_host("Local-b")
    for bad in ("", "a b", "../x", "a/b", "x" * 256, "a\n", "."):
        with pytest.raises(InvalidArgument):
            add_host(ConfiguredHost(bad))
    twice = {"options": {"url": "memory://a"}, "secrets": {"url": "memory://b"}}
    for values in (twice, {"options": {"url": "\udc80"}}, {"options": {"url": None}}):
        with pytest.raises(InvalidArgument):
            add_host(ConfiguredHost("Fsspec-a", **values))
    assert file.read_bytes() == before
    write(file, "damaged")
    with pytest.raises(InvalidConfiguration):
        add_host(ConfiguredHost("Local-b", {"root_folder": "/b"}))
    assert file.read_text() == "damaged"


def test_a_folder_that_cannot_be_made_is_told(file: Path) -> None:
    (file.parent / "a file").touch()
    with pytest.raises(StorageError, match="a file"):
        add_host(ConfiguredHost("Local-b"), file.parent / "a file" / "hosts.toml")


def test_of_many_processes_that_add_at_once_none_is_lost(file: Path) -> None:
    program = (
        "import sys\nfrom oaio_storage.config import ConfiguredHost, add_host\nsys.stdin.readline()\n"
        "for number in range(5):\n"
        "    add_host(ConfiguredHost(f'Local-{sys.argv[1]}-{number}', {'root_folder': '/a'}))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(number)], stdin=subprocess.PIPE)
        for number in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in started] == [0] * 4
    assert len(configured_hosts(file)) == 20


def test_what_was_acknowledged_survives_a_kill(file: Path) -> None:
    program = (
        "from oaio_storage.config import ConfiguredHost, add_host\n"
        "for number in range(1000):\n"
        "    add_host(ConfiguredHost(f'Local-{number}', {'root_folder': '/a'}))\n"
        "    print(number, flush=True)\n"
    )
    for kill in range(COUNTS.host_kills):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(kill % 5 + 1):
                told = process.stdout.readline()
            process.kill()
            told = [told, *process.stdout][-1]
        assert set(configured_hosts()) >= {f"Local-{number}" for number in range(int(told) + 1)}
        file.unlink()
