"""The project as an outsider meets it: the script `oaio`, HTTP and files; it imports nothing of ours."""

import contextlib
import ctypes
import hashlib
import http.cookiejar
import json
import os
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

OAIO = Path(sys.executable).with_name("oaio")
PASSWORD = "correct horse"
SECONDS = 120


@attrs.frozen
class Done:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        return json.loads(self.out)

    def ok(self) -> "Done":
        return self.ended(0)

    def ended(self, code: int, *said: str) -> "Done":
        """This, if it ended with ``code`` and stderr says all of ``said``, without a traceback."""
        assert self.code == code, f"{self.words} ended with {self.code}: {self.err or self.out}"
        assert "Traceback" not in self.err
        for text in said:
            assert text.casefold() in self.err.casefold(), f"{text!r} is not in {self.err!r}"
        if code not in (0, 3, 6):
            assert [line.split(":")[0] for line in self.err.splitlines()][-2:] == ["oaio", "hint"], self.err
        return self


def oaio(
    *words: object,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    obey_modes: bool = False,
    program: Path = OAIO,
) -> Done:
    """Run ``oaio``; with ``obey_modes`` file modes bind it even if the superuser runs the tests."""
    done = subprocess.run(
        [str(program), *map(str, words)],
        input=stdin.encode(),
        capture_output=True,
        env=environment(env),
        cwd=cwd,
        check=False,
        timeout=SECONDS,
        preexec_fn=_obey_modes if obey_modes else None,
    )
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    return Done(tuple(map(str, words)), done.returncode, out, err)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: this one's, without settings of oaio."""
    return {key: text for key, text in os.environ.items() if not key.startswith("OAIO_")} | dict(more or {})


_HEARING_INTERRUPTS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def hearing_interrupts(*command: str) -> list[str]:
    """``command``, so that it hears SIGINT also where the tests run in the background, which ignores it."""
    return [sys.executable, "-c", _HEARING_INTERRUPTS, *command]


def _obey_modes() -> None:
    """Give up, for the program that is executed next, the superuser's right to pass by file modes."""
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2  # prctl(2), capabilities(7)
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@attrs.frozen
class Client:
    """A client of one user on one device, by its folder."""

    root: Path

    def run(self, *words: object, **how: Any) -> Done:  # noqa: ANN401 - as :func:`oaio` takes it
        return oaio(*words, "--root", self.root, **how)

    def json(self, *words: object, **how: Any) -> Any:  # noqa: ANN401 - whatever the command printed
        return self.run(*words, "--json", **how).ok().json

    def sync(self) -> Any:  # noqa: ANN401 - the fields of a SyncReport
        return self.json("sync")

    def register(self, *words: object) -> str:
        """The id of the new object."""
        made = self.json("register", *words)
        return str(made["oaio_id"])

    def ids(self) -> list[str]:
        return [one["oaio_id"] for one in self.json("ls")]

    def values(self, oaio_id: str) -> Any:  # noqa: ANN401 - JSON
        shown = self.json("show", oaio_id)["client_values"]
        return {key: value for key, value in shown.items() if key not in ("_file_paths", "_root_path")}

    def files(self, oaio_id: str) -> list[Path]:
        return [Path(path) for path in self.json("files", oaio_id)]

    def state(self) -> Any:  # noqa: ANN401 - JSON
        """What the client says of itself and its objects, to see that nothing changed."""
        return self.json("status"), self.json("ls")


NewUser = Callable[[], str]
NewClient = Callable[..., Client]


def tree(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below ``folder``, by path; of links where they point to."""
    return {
        os.fsdecode(os.fsencode(path.relative_to(folder))): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """``folder``, after ``files`` were written there."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


class Browser:
    """Plain HTTP with cookies, as any other program would speak with the server."""

    def __init__(self, url: str) -> None:
        self.url, self.jar = url.rstrip("/"), http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar)).open

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the JSON of an answer; a body makes it a POST, bytes go as they are."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        token = {cookie.name: cookie.value or "" for cookie in self.jar}.get("csrftoken", "")
        headers = {"Content-Type": "application/json", "X-CSRFToken": token, "Referer": self.url}
        request = urllib.request.Request(f"{self.url}{path}", content, headers)
        with contextlib.ExitStack() as closing:
            try:
                answer = closing.enter_context(self._open(request, timeout=SECONDS))
            except urllib.error.HTTPError as err:
                answer = closing.enter_context(err)
            return answer.status, json.loads(answer.read() or b"null")

    def login(self, user: str, password: str = PASSWORD) -> "Browser":
        self.ask("/api/v1/login")
        status, _ = self.ask("/api/v1/login", {"username": user, "password": password})
        assert status == 200
        return self


def installed_programs(folder: Path, *wheels: Path) -> Path:
    """The programs of an environment that has the wheels, and sees the dependencies of this one.

    A path named by a ``.pth`` file is not searched for further ``.pth`` files, so the checkout, which this
    environment has as an editable installation, stays out of it.
    """
    made = folder / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(made))
    python = made / "bin" / "python"
    packages = Path(run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", *map(str, wheels))
    return made / "bin"


def run(*words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a program printed that has to end well."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=cwd, env=environment(env)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
