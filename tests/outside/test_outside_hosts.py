"""`oaio hosts`: what a person configures on a machine."""

import json
import os
import pty
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest
from outsider import OAIO, Done, environment, oaio


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def hosts(config: Path, *words: object, stdin: str = "", **env: str) -> Done:
    return oaio("hosts", *words, stdin=stdin, env={"OAIO_CONFIG_DIR": str(config), **env})


def listed(config: Path) -> list[dict[str, object]]:
    found = hosts(config, "ls", "--json").ok().json
    assert isinstance(found, list)
    return found


def test_a_host_is_added_listed_and_removed(config: Path, tmp_path: Path) -> None:
    assert hosts(config, "ls").ok().out == ""
    assert listed(config) == []
    words = ("add", "Local-disk", "Local", "--set", f"root_folder={tmp_path}")
    assert "Local-disk" in hosts(config, *words).ok().out
    assert listed(config) == [
        {
            "csh_id": "Local-disk",
            "backend": "Local",
            "options": {"root_folder": str(tmp_path)},
            "root_id": "",
            "problem": "",
            "is_default": False,
        }
    ]
    line = hosts(config, "ls").ok().out
    assert "Local-disk" in line
    assert f"root_folder={tmp_path}" in line
    hosts(config, *words).ended(6, "Local-disk", "oaio hosts rm Local-disk")
    hosts(config, "rm", "Local-disk").ok()
    assert listed(config) == []
    hosts(config, "rm", "Local-disk").ended(4, "Local-disk")


def test_the_file_is_private_and_where_the_system_keeps_settings(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    oaio("hosts", "add", "Local-a", "Local", "--set", "root_folder=/a", env=env).ok()
    file = next(tmp_path.rglob("hosts.toml"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.name == "oaio"


def test_a_secret_comes_from_stdin_or_a_file_and_is_masked(config: Path, tmp_path: Path) -> None:
    secret = '{"token": "hidden 100% $HOME"}'
    file = tmp_path / "secret"
    file.write_text(f"{secret}\n")
    url = ("--set", "url=memory://outside")
    first = hosts(
        config,
        "add",
        "Fsspec-a",
        "Fsspec",
        *url,
        "--secret",
        "storage_options",
        stdin=f"{secret}\nnot read\n",
    )
    second = hosts(config, "add", "Fsspec-b", "Fsspec", *url, "--secret", f"storage_options={file}")
    told = [first.ok(), second.ok(), hosts(config, "ls").ok(), hosts(config, "ls", "--json").ok()]
    assert "hidden" not in "".join(done.out + done.err for done in told)
    assert "***" in told[2].out
    assert (config / "hosts.toml").read_text().count("hidden 100% $HOME") == 2
    assert "chmod 600" in second.err


def test_secrets_on_stdin_are_read_one_line_each_in_the_order_given(config: Path, tmp_path: Path) -> None:
    install_keys(tmp_path)
    words = ("add", "Keys-a", "Keys", "--secret", "second", "--secret", "first")
    hosts(config, *words, stdin="two\none\n", PYTHONPATH=str(tmp_path)).ok()
    text = (config / "hosts.toml").read_text()
    assert 'first = "one"' in text
    assert 'second = "two"' in text
    words = ("add", "Keys-b", "Keys", "--secret", "second", "--secret", "first")
    hosts(config, *words, stdin="two\n", PYTHONPATH=str(tmp_path)).ended(2, "first", "stdin")
    hosts(config, "add", "Keys-b", "Keys", "--secret", "second", PYTHONPATH=str(tmp_path)).ended(2, "first")
    assert (config / "hosts.toml").read_text() == text


def test_a_secret_is_asked_for_on_a_terminal_and_not_shown(config: Path) -> None:
    words = ["hosts", "add", "Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options"]
    ours, theirs = pty.openpty()
    env = environment({"OAIO_CONFIG_DIR": str(config)})
    with subprocess.Popen([str(OAIO), *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as asking:
        os.close(theirs)
        try:
            shown = b""
            while b"storage_options:" not in shown:
                shown += os.read(ours, 1024)
            while termios.tcgetattr(ours)[3] & termios.ECHO:  # what is typed before is thrown away
                time.sleep(0.01)
            os.write(ours, b'{"token": "hidden"}\n')
            with suppress(OSError):  # how a terminal says that nobody is left
                while piece := os.read(ours, 1024):
                    shown += piece
            asking.wait(30)
        finally:
            asking.kill()
    os.close(ours)
    assert asking.returncode == 0
    assert b"added Fsspec-a" in shown
    assert b"hidden" not in shown
    assert "hidden" in (config / "hosts.toml").read_text()


def test_a_file_that_may_not_be_read_is_told(config: Path) -> None:
    hosts(config, "add", "Local-a", "Local", "--set", "root_folder=/a").ok()
    (config / "hosts.toml").chmod(0)
    env = {"OAIO_CONFIG_DIR": str(config)}
    oaio("hosts", "ls", env=env, obey_modes=True).ended(2, "hosts.toml", "Permission denied")


def test_a_variable_may_hold_a_secret(config: Path, tmp_path: Path) -> None:
    install_keys(tmp_path)
    words = ("--secret-env", "first=KEYS_FIRST", "--secret-env", "second=KEYS_SECOND")
    hosts(config, "add", "Keys-a", "Keys", *words, PYTHONPATH=str(tmp_path), KEYS_FIRST="hidden").ok()
    assert "hidden" not in (config / "hosts.toml").read_text()
    line = hosts(config, "ls", PYTHONPATH=str(tmp_path), KEYS_FIRST="hidden").ok().out
    assert "first=$KEYS_FIRST" in line
    assert "hidden" not in line


def install_keys(folder: Path) -> None:
    """A backend of somebody else, with two secrets."""
    (folder / "keys_backend.py").write_text(
        "import attrs\nfrom oaio_storage.hosts.fsspec_api import FsspecApi\n\n@attrs.frozen(eq=False)\n"
        "class KeysApi(FsspecApi):\n    url: str = 'memory://keys'\n"
        "    first: str = attrs.field(repr=False, kw_only=True)\n"
        "    second: str = attrs.field(repr=False, kw_only=True)\n"
    )
    install(folder, "keys-backend", "Keys = keys_backend:KeysApi")


def install(folder: Path, name: str, entry_point: str) -> None:
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[oaio_storage.backends]\n{entry_point}\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["Local-a", "Local"], 2, "root_folder"),
        (["Local-a", "Local", "--set", "root_folder="], 2, "root_folder"),
        (["Local-a", "Local", "--set", "root_folder"], 2, "KEY=VALUE"),
        (["Local-a", "Local", "--set", "root_folder=/a", "--set", "colour=red"], 2, "root_folder (text"),
        (["Local-a", "Local", "--set", "root_folder=/a", "--set", "root_folder=/b"], 2, "twice"),
        (["Local-a", "Local", "--set", "root_folder=/a", "--secret", "root_folder"], 2, "no secret"),
        (
            ["Fsspec-a", "Fsspec", "--set", "url=memory://a", "--set", "storage_options={}"],
            2,
            "--secret storage",
        ),
        (
            ["Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options=/no/such"],
            4,
            "/no/such",
        ),
        (
            ["Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options=/"],
            2,
            "can't be read",
        ),
        (
            ["Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options"],
            2,
            "storage_options",
        ),
        (["Fsspec-a", "Fsspec", "--set", "url=sftp://u:hidden@127.0.0.1/a"], 2, "password"),
        (["Fsspec-a", "Fsspec", "--set", "url=zip://::sftp://u:hidden@127.0.0.1/a.zip"], 2, "password"),
        (["Fsspec-a", "Fsspec", "--set", "url=dir://::sftp://u:hidden@127.0.0.1/a"], 2, "password"),
        (["Fsspec-a", "Fsspec", "--set", "url=zip://::sftp://127.0.0.1/a.zip?key=hidden"], 2, "query"),
        (["Fsspec-a", "Fsspec", "--set", "url=zip://"], 2, "zip://::file:///"),
        (
            ["Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret-env", "storage_options=1bad"],
            2,
            "storage_options: not the name of a variable",
        ),
        (["disk", "Local", "--set", "root_folder=/a"], 2, "Local-NAME"),
        (["Local-a", "Nothing", "--set", "root_folder=/a"], 4, "Local"),
        (["a/b", "Local", "--set", "root_folder=/a"], 2, "a/b"),
        (["", "Local", "--set", "root_folder=/a"], 2, "id"),
    ],
)
def test_a_wrong_host_is_refused_and_nothing_stored(
    config: Path, words: list[str], code: int, said: str
) -> None:
    done = hosts(config, "add", *words).ended(code, said)
    assert "hidden" not in done.err + done.out
    assert not (config / "hosts.toml").exists()


def test_what_an_address_may_hold_of_secrets_is_masked(config: Path) -> None:
    for number, url in enumerate(("memory://hidden@host/a", "dir://::memory://a?token=hidden")):
        hosts(config, "add", f"Fsspec-{number}", "Fsspec", "--set", f"url={url}").ok()
    told = [hosts(config, "ls").ok(), hosts(config, "ls", "--json").ok()]
    assert "hidden" not in "".join(done.out for done in told)
    assert told[0].out.count("***") == 2


def test_a_host_that_would_make_the_file_unreadable_is_refused(config: Path, tmp_path: Path) -> None:
    install_keys(tmp_path)
    (tmp_path / "large").write_text("x" * 600_000)
    words = [f"--secret={name}={tmp_path / 'large'}" for name in ("first", "second")]
    hosts(config, "add", "Keys-a", "Keys", *words, PYTHONPATH=str(tmp_path)).ended(2, "larger")
    words = ["add", "Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options"]
    hosts(config, *words, stdin='{"token": null}\n').ended(2, "null")
    assert listed(config) == []


def test_a_file_with_secrets_that_others_may_read_is_refused(config: Path) -> None:
    words = ("add", "Fsspec-a", "Fsspec", "--set", "url=memory://a", "--secret", "storage_options")
    hosts(config, *words, stdin="{}\n").ok()
    (config / "hosts.toml").chmod(0o644)
    hosts(config, "ls").ended(2, "hosts.toml", "chmod 600")
    (config / "hosts.toml").chmod(0o600)
    hosts(config, "ls").ok()


def test_a_damaged_file_is_told_with_its_key_and_left_alone(config: Path) -> None:
    config.mkdir()
    (config / "hosts.toml").write_text("[Local-a.optoins]\nroot_folder = '/a'\n")
    for words in (["ls"], ["rm", "Local-a"], ["add", "Local", "Local", "--set", "root_folder=/a"]):
        hosts(config, *words).ended(2, "hosts.toml", "optoins")
    assert "optoins" in (config / "hosts.toml").read_text()


def test_a_plug_in_that_cannot_be_imported_names_itself_and_harms_no_other(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken_backend.py").write_text("import no_such_module\n")
    install(tmp_path, "broken-backend", "Broken = broken_backend:BrokenApi")
    install(tmp_path, "no-backend", "Wrong = json:JSONDecoder")
    install(tmp_path, "double-a", "Double = keys_backend:KeysApi")
    install(tmp_path, "double-b", "Double = other:KeysApi")
    config.mkdir()
    ids = ("Broken-a", "Wrong-a", "Double-a", "Gone-a", "Local-a")
    text = "".join(f"[{csh_id}.options]\nroot_folder = '/hidden/place'\n" for csh_id in ids)
    (config / "hosts.toml").write_text(text)
    done = hosts(config, "ls", "--json", PYTHONPATH=str(tmp_path)).ok()
    problems = {host["csh_id"]: host["problem"] for host in done.json}
    assert problems["Local-a"] == ""
    for csh_id, said in {
        "Broken-a": ["broken-backend 1.2", "no_such_module"],
        "Wrong-a": ["no-backend 1.2", "CshApi"],
        "Double-a": ["double-a 1.2", "double-b 1.2"],
        "Gone-a": ["Gone-a"],
    }.items():
        for text in said:
            assert text in problems[csh_id]
    assert [host["options"] for host in done.json if host["problem"]] == [{"root_folder": "***"}] * 4


def test_an_installed_but_broken_plug_in_is_told_by_its_bare_id(config: Path, tmp_path: Path) -> None:
    (tmp_path / "leaving_backend.py").write_text("raise SystemExit('gone')\n")
    (tmp_path / "annotated_backend.py").write_text(
        "import attrs\nfrom oaio_storage.hosts.fsspec_api import FsspecApi\n\n@attrs.frozen(eq=False)\n"
        "class AnnotatedApi(FsspecApi):\n    mode: 'attrs.nope' = attrs.field(default='', kw_only=True)\n"
    )
    install(tmp_path, "leaving-backend", "Leaving = leaving_backend:LeavingApi")
    install(tmp_path, "annotated-backend", "Annotated = annotated_backend:AnnotatedApi")
    env = {"PYTHONPATH": str(tmp_path), "OAIO_CONFIG_DIR": str(config)}
    oaio("doctor", "Leaving", env=env).ended(4, "leaving-backend 1.2", "SystemExit")
    oaio("doctor", "Gone", env=env).ended(4, "no storage host 'Gone' is configured")
    config.mkdir()
    (config / "hosts.toml").write_text("[Leaving-a.options]\n[Annotated-a.options]\nurl = 'memory://a'\n")
    problems = {host["csh_id"]: host["problem"] for host in hosts(config, "ls", "--json", **env).ok().json}
    assert problems["Annotated-a"] == ""
    assert "leaving-backend 1.2" in problems["Leaving-a"]


def test_json_of_an_error_is_on_stdout(config: Path) -> None:
    done = hosts(config, "rm", "Local-a", "--json").ended(4)
    assert json.loads(done.out)["error"]["code"] == "NotFound"
    assert os.linesep in done.err
