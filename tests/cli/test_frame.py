"""The frame: help, the one table of exit codes, and every way a command may end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from oaio_storage.cli import commands, main
from oaio_storage.cli.app import ending, frame
from oaio_storage.errors import EXIT_CODES, Busy, InvalidArgument, NotFound, leaves

HEAVY = ("django", "requests", "fsspec", "s3fs", "obstore", "rich", "sqlite3")


def test_each_command_is_a_module_with_a_function_of_its_name() -> None:
    folder = Path(commands.__file__).parent
    assert {path.stem for path in folder.glob("[!_]*.py")} == {*commands.COMMANDS, *commands.GROUPS}


def test_help_names_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f" {name} " in shown for name in (*commands.COMMANDS, "user"))
    assert all(f"{code} {meaning}" in shown for code, meaning in EXIT_CODES.items())


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: oaio" in capsys.readouterr().out


IN_GROUPS = [
    f"{group} {name}"
    for group in commands.GROUPS
    for name in getattr(typer.main.get_command(commands.group(group)), "commands", ())
]


@pytest.mark.parametrize("name", [*commands.COMMANDS, *IN_GROUPS])
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    assert f"Example: oaio {name}" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    run = "import sys, oaio_storage.cli as c; c.main(['--help'])"
    code = f"{run}; sys.exit(str(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda kind: kind.__name__)
def test_every_error_ends_with_its_own_exit_code_and_two_lines(
    kind: Callable[..., Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind("it went wrong", "mend it")

    def command() -> None:
        raise error

    assert ending(command, to_json=True) == error.exit_code  # type: ignore[attr-defined]  # every leaf has it
    told = capsys.readouterr()
    assert told.err == "oaio: it went wrong\nhint: mend it\n"
    assert json.loads(told.out) == {
        "error": {"code": type(error).__name__, "message": "it went wrong", "hint": "mend it"}
    }


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_ctrl_c_ends_with_130_and_one_line(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise error

    for run in (command, lambda: app([], standalone_mode=False)):
        assert ending(run) == 130
        assert capsys.readouterr().err.strip() == "oaio: interrupted"


def test_ctrl_c_while_the_command_line_is_loaded_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, *_: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "oaio_storage.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupted()])
    assert main(["--version"]) == 130


def test_an_unexpected_error_is_one_line_and_asks_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(lambda: 1 // 0) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("oaio: unexpected ZeroDivisionError")
    assert "report" in shown[1]
    assert len(shown) == 2


def test_oaio_debug_shows_where_it_happened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAIO_DEBUG", "1")
    assert ending(lambda: 1 // 0) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise OSError(28, os.strerror(28), "/data/x")

    assert ending(command) == 1
    assert capsys.readouterr().err == "oaio: No space left on device: /data/x\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sunc"], "No such command 'sunc'"),
        (["sync", "--nope"], "--nope"),
        (["register"], "PATH or --values"),
        (["register", "a", "--values", "{}"], "PATH or --values"),
        (["show"], "ID"),
        (["share", "x", "bob", "--right", "Z"], "--right"),
        (["resolve", "x", "--keep", "neither"], "--keep"),
        (["update", "x", "--reset"], "--reset"),
        (["serve"], "--data"),
        (["serve", "--data", "d", "--port", "70000"], "--port"),
        (["init", "r", "--server", "http://127.0.0.1:1"], "--user"),
        (["user", "add"], "NAME"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["sync"], ["status"], ["ls"], ["register", "x"], ["login", "--password-stdin"]]
)
def test_without_a_client_root_the_error_names_the_option(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAIO_ROOT", raising=False)
    assert main(words) == 2
    assert "--root CLIENT_ROOT" in capsys.readouterr().err


def test_errors_that_mean_the_same_have_the_codes_of_the_documentation() -> None:
    assert (InvalidArgument.exit_code, NotFound.exit_code, Busy.exit_code) == (2, 4, 5)


def test_the_frame_is_named_oaio() -> None:
    assert frame().info.name == "oaio"
