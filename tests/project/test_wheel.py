"""What the wheel holds, and that version, changelog and licence agree with it."""

import configparser
import email
import re
import zipfile
from pathlib import Path

import oaio_storage

PROJECT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_the_packages_with_their_types_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"oaio_storage", "oaio_storage_local", "oaio_storage_s3", "oaio_storage_digi", info}
    assert {f"{package}/py.typed" for package in tops - {info}} <= names
    strange = {
        name for name in names if not name.startswith(info) and not name.endswith((".py", "/py.typed"))
    }
    assert strange == set()
    assert not [name for name in names if "test_" in name or name.startswith("tests/")]


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for root in (PROJECT, PROJECT / "backends"):
        for package in root.glob("oaio_storage*"):
            modules = {path.relative_to(root).as_posix() for path in package.rglob("*.py")}
            assert modules
            assert modules <= names
    assert [name for name in names if re.fullmatch(r"oaio_storage/server/migrations/0001_\w+\.py", name)]


def test_entry_points_name_the_backends_the_command_and_the_pytest_plugin(unpacked_wheel: Path) -> None:
    (file,) = unpacked_wheel.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser(delimiters="=")
    points.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep case
    points.read(file, "utf-8")
    assert set(points["oaio_storage.backends"]) == {"Local", "S3", "Fsspec", "Digi"}
    assert set(points["fsspec.specs"]) == {"digi", "koofr"}
    assert dict(points["console_scripts"]) == {"oaio": "oaio_storage.cli:main"}
    assert dict(points["pytest11"]) == {"oaio_storage": "oaio_storage.testing.plugin"}


def test_the_wheel_says_which_version_and_licence_it_is(wheel: Path, unpacked_wheel: Path) -> None:
    (file,) = unpacked_wheel.glob("*.dist-info/METADATA")
    told = email.message_from_string(file.read_text("utf-8"))
    assert told["Version"] == oaio_storage.__version__
    assert told["License-Expression"] == "MIT"
    assert told["License-File"] == "LICENSE"
    assert f"-{oaio_storage.__version__}-py3-none-any.whl" in wheel.name


def test_the_changelog_begins_with_the_version_at_hand() -> None:
    headings = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    expected = "Unreleased" if ".dev" in oaio_storage.__version__ else oaio_storage.__version__
    assert headings[0].split(" ")[0] == expected
