"""Each package's ``__all__`` is what it exports: read from its text, and asked of the built wheel."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = {
    "oaio_storage",
    "oaio_storage.cli",
    "oaio_storage.client",
    "oaio_storage.hosts",
    "oaio_storage.publish.serve",
    "oaio_storage.scan",
    "oaio_storage.server",
    "oaio_storage.testing",
    "oaio_storage.trees",
    "oaio_storage_local",
    "oaio_storage_s3",
    "oaio_storage_digi",
}
OWN_ROOTS = ("oaio_storage", "oaio_storage_local", "oaio_storage_s3", "oaio_storage_digi")

IMPORT_ALL = """
import importlib, json, os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oaio_storage.server.settings")
import django
django.setup()
for name, names in json.load(sys.stdin).items():
    module = importlib.import_module(name)
    assert module.__file__.startswith(sys.argv[1]), f"{name} is not the wheel's: {module.__file__}"
    for public in names:
        getattr(module, public)
"""


def _packages(root: Path) -> dict[str, ast.Module]:
    found = {}
    for path in sorted(root.glob("oaio_storage*/**/__init__.py")):
        name = ".".join(path.parent.relative_to(root).parts)
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            value = node.value  # type: ignore[attr-defined]  # both kinds of assignment have one
            names = ast.literal_eval(value)
            assert isinstance(names, list)
            return names
    return None


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Names that the text of a package offers: its own definitions, and what it takes from this project."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] in OWN_ROOTS:
                yield from (alias.asname or alias.name for alias in names)
            case ast.If() | ast.Try():
                yield from _bound(node.body)
            case _:
                pass


def test_every_room_declares_its_public_names(unpacked_wheel: Path) -> None:
    packages = _packages(unpacked_wheel)
    assert set(packages) >= ROOMS
    assert {name for name in ROOMS if _declared(packages[name]) is None} == set()


def test_what_a_package_binds_is_what_it_declares(unpacked_wheel: Path) -> None:
    for name, tree in _packages(unpacked_wheel).items():
        declared = _declared(tree) or []
        folder = unpacked_wheel.joinpath(*name.split("."))
        modules = {path.stem for path in folder.iterdir()}
        bound = {each for each in _bound(tree.body) if not each.startswith("_")} - modules
        assert bound == {each for each in declared if not each.startswith("_")} - modules, name
        assert len(declared) == len(set(declared)), name


def test_what_a_package_declares_can_be_imported_from_the_wheel(unpacked_wheel: Path) -> None:
    declared = {name: _declared(tree) or [] for name, tree in _packages(unpacked_wheel).items()}
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT_ALL, str(unpacked_wheel)],
        input=json.dumps(declared),
        env={**os.environ, "PYTHONPATH": str(unpacked_wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
