"""The example of a backend, as a stranger's package: built, installed beside the wheel, tested, and found."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from outsider import installed_programs, run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "oaio-storage-example"


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source))
    (built,) = folder.glob("*.whl")
    return installed_programs(folder, wheel, built)


def test_it_passes_its_own_tests_where_it_is_installed(programs: Path, tmp_path: Path) -> None:
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    told = run(
        str(programs / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests), cwd=tmp_path
    )
    assert " passed" in told
    assert int(told.rpartition(" passed")[0].rpartition("\n")[2]) > 40


def test_it_is_found_by_its_id(programs: Path, tmp_path: Path) -> None:
    env = {"OAIO_CONFIG_DIR": str(tmp_path / "config")}
    oaio = str(programs / "oaio")
    run(oaio, "hosts", "add", "Sqlite-notes", "Sqlite", "--set", f"database={tmp_path}/notes.db", env=env)
    (host,) = json.loads(run(oaio, "hosts", "ls", "--json", env=env))
    assert "Sqlite-notes" in host.values()
    assert "Sqlite" in host.values()
    program = (
        "import sys\nfrom oaio_storage.config import host_of\n"
        "with host_of('Sqlite-notes') as host:\n"
        "    host.write('a', b'kept')\n    print(host.read('a'))"
    )
    assert run(str(programs / "python"), "-c", program, cwd=tmp_path, env=env) == "b'kept'\n"
