"""`oaio doctor`: what a storage host keeps of what it declares."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from outsider import OAIO, SECONDS, Done, environment, hearing_interrupts, oaio, tree

CARELESS = """
import attrs
from oaio_storage.hosts.fsspec_api import FsspecApi

@attrs.frozen(eq=False)
class CarelessApi(FsspecApi):
    url: str = "memory://careless"
    token: str = attrs.field(default="hidden", repr=False, kw_only=True)

    @property
    def guarantees(self):
        return attrs.evolve(super().guarantees, conditional_write=True)

    def _write(self, path, source, size, expect, headers):
        return super()._write(path, source, size, None, headers)

    def _delete(self, path, expect):
        super()._delete(path, None)

@attrs.frozen(eq=False)
class DroppingApi(FsspecApi):
    url: str = "memory://dropping"

    def _list(self, folder):
        for number, found in enumerate(super()._list(folder)):
            if number != 1000:
                yield found

@attrs.frozen(eq=False)
class ClosedApi(FsspecApi):
    url: str = "memory://closed"

    @property
    def guarantees(self):
        return attrs.evolve(super().guarantees, read_only=True)
"""


@pytest.fixture(scope="module")
def plug_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine on which somebody's backends are installed."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "careless.py").write_text(CARELESS)
    info = folder / "careless-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: careless\nVersion: 1.0\n")
    points = "".join(f"{name} = careless:{name}Api\n" for name in ("Careless", "Dropping", "Closed"))
    (info / "entry_points.txt").write_text(f"[oaio_storage.backends]\n{points}")
    return {"PYTHONPATH": str(folder), "OAIO_CONFIG_DIR": str(folder)}


def doctor(*words: object, env: dict[str, str] | None = None) -> Done:
    return oaio("doctor", *words, env=env)


def pasted(line: str) -> dict[str, Any]:
    """What a line `Guarantees(...)` says."""
    found = eval(line, {"Guarantees": dict})
    assert isinstance(found, dict)
    return found


def test_a_folder_is_tried_out_and_nothing_but_the_verdict_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = doctor(f"{tmp_path}/").ok()
    assert done.err == ""
    rows = {line.split("  ")[0]: line for line in done.out.splitlines() if line}
    for name in ("property", "atomic_write", "conditional_write", "exact listings", "operation", "write"):
        assert name in rows, done.out
    assert "processes" in rows["conditional_write"]
    assert "not measurable" in rows["durable"]
    assert "broken" not in done.out
    assert set(tree(tmp_path)) == {"mine", ".oaio/probe.json"}
    assert not (tmp_path / ".oaio/probe").exists()


def test_json_of_a_host_by_its_id_is_what_as_python_declares(tmp_path: Path) -> None:
    env = {"OAIO_CONFIG_DIR": str(tmp_path / "config")}
    oaio("hosts", "add", "Fsspec-disk", "Fsspec", "--set", "url=memory://disk", env=env).ok()
    found = doctor("Fsspec-disk", "--json", env=env).ok().json
    assert found["name"] == "Fsspec"
    assert found["declared"] == found["measured"]
    assert found["is_stored"] is True
    assert {row["verdict"] for row in found["rows"]} == {"kept", "not measurable"}
    told = {row["property"] for row in found["rows"]}
    assert told > set(found["declared"]) - {"flat_names"}
    assert "file or folder" in told  # which is where flat names are kept or not
    assert all(0 < time["median"] <= time["worst"] for time in found["latencies"])
    done = doctor("Fsspec-disk", "--as-python", env=env).ok()
    declared = pasted(done.out)
    assert len(done.out.splitlines()) == 1
    assert declared.items() <= found["measured"].items()


def test_a_host_that_ignores_conditions_is_told_with_what_to_do(plug_ins: dict[str, str]) -> None:
    done = doctor("Careless", "--json", env=plug_ins).ended(
        1, "Careless", "conditional_write", "declare conditional_write=False", "several"
    )
    broken = [row["property"] for row in done.json["rows"] if row["verdict"] == "broken"]
    assert broken == ["conditional_write"]
    assert done.json["measured"]["conditional_write"] is False
    assert "hidden" not in done.out + done.err
    assert "conditional_write" not in pasted(doctor("Careless", "--as-python", env=plug_ins).ended(1).out)


def test_a_host_that_loses_files_from_its_listings_is_told(plug_ins: dict[str, str]) -> None:
    done = doctor("Dropping", env=plug_ins).ended(1, "exact listings", "Do not use")
    assert "broken" in done.out


def test_a_host_that_is_only_read_says_that_the_verdict_is_not_kept(plug_ins: dict[str, str]) -> None:
    done = doctor("Closed", env=plug_ins).ok()
    assert "read_only=True" in done.out
    assert "not kept" in done.out


def test_what_can_not_be_tried_out_is_an_error(tmp_path: Path) -> None:
    env = {"OAIO_CONFIG_DIR": str(tmp_path / "config")}
    oaio("hosts", "add", "Local-a", "Local", "--set", f"root_folder={tmp_path}/absent", env=env).ok()
    doctor("Local-b", env=env).ended(4, "Local-b", "Local-a")
    doctor("Local-a", env=env).ended(1, "absent")
    doctor("nosuch://host/x", env=env).ended(2, "nosuch")
    doctor("ftp://127.0.0.1:1/x", env=env).ended(5, "refused")
    doctor("ftp://u:hidden@127.0.0.1:1/x", env=env).ended(2, "password")
    doctor("zip://::ftp://u:hidden@127.0.0.1:1/x.zip", env=env).ended(2, "password")
    for address in ("zip://z.zip", "zip:///z.zip", "zip://", "zip://::"):
        doctor(address, env=env).ended(2, "which archive", "zip://::file:///")
    doctor(f"{tmp_path}/", "--json", "--as-python", env=env).ended(2, "--as-python")
    doctor(env=env).ended(2, "HOST")
    assert not (tmp_path / "absent").exists()


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        hearing_interrupts(str(OAIO), "doctor", f"{tmp_path}/"),
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        while not list(tmp_path.glob(".oaio/probe/*/listings/*")):
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=SECONDS)
    assert run.returncode == 130
    assert tree(tmp_path) == {}


def test_progress_is_shown_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    words = [str(OAIO), "doctor", "memory://shown"]
    with subprocess.Popen(
        words, env=environment({"TERM": "xterm"}), stdout=subprocess.PIPE, stderr=theirs
    ) as run:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:  # how Linux tells that nobody writes there any more
            pass
        run.communicate(timeout=SECONDS)
    os.close(ours)
    assert run.returncode == 0
    assert b"probe" in told
    assert b"checks" in told
