"""The layers hold, and the contracts that say so do fail: each forbidden import is planted in a copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("oaio_storage", "backends"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def _lint(root: Path) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'backends'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_layers_hold(copy: Path) -> None:
    code, told = _lint(copy)
    assert code == 0, told


def test_a_new_module_needs_a_layer(copy: Path) -> None:
    (copy / "oaio_storage" / "novelty.py").write_text('"""A module without a layer."""\n')
    code, told = _lint(copy)
    assert code != 0
    assert "novelty" in told


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("backends/oaio_storage_local/planted.py", "oaio_storage.client"),
        ("oaio_storage/scan.py", "oaio_storage.hosts.api"),
        ("oaio_storage/values.py", "oaio_storage.places"),
        ("oaio_storage/names.py", "oaio_storage.values"),
        ("oaio_storage/errors.py", "oaio_storage.model"),
        ("oaio_storage/client/planted.py", "oaio_storage.server.preparing"),
        ("oaio_storage/client/planted.py", "django.db"),
        ("oaio_storage/hosts/planted.py", "cheroot.wsgi"),
        ("oaio_storage/server/planted.py", "oaio_storage.testing"),
        ("oaio_storage/cli/planted.py", "pytest"),
    ],
)
def test_a_forbidden_import_is_caught(copy: Path, module: str, forbidden: str) -> None:
    with (copy / module).open("a", encoding="utf-8") as planted:
        planted.write(f"\n\ndef _late() -> None:\n    import {forbidden}\n")
    code, told = _lint(copy)
    assert code != 0
    assert Path(module).stem in told
    assert forbidden.split(".", maxsplit=1)[0] in told
