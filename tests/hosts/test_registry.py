"""From an id to a host, by entry points of real distributions."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from oaio_storage.errors import InvalidArgument, UnknownHost, WrongRoot
from oaio_storage.hosts import Retry, host_api, installed_backends
from oaio_storage.hosts.registry import GROUP, OURS, check_backend

PROJECT = Path(__file__).parents[2]


def test_shipped_backends_are_installed() -> None:
    assert {"Fsspec", "Local"} <= set(installed_backends())


@pytest.mark.parametrize("csh_id", ["Local", "Local-eu", "Local-"])
def test_an_id_finds_its_backend(tmp_path: Path, csh_id: str) -> None:
    host = host_api(csh_id, root_folder=str(tmp_path))
    assert isinstance(host, Retry)
    assert host.write("a", b"x").size == 1
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("csh_id", ["", "local", "S4", "Localeu", "eu-Local", "../Local"])
def test_an_unknown_id_lists_what_there_is(csh_id: str) -> None:
    with pytest.raises(UnknownHost, match="Local") as caught:
        host_api(csh_id, root_folder="x")
    assert repr(csh_id) in str(caught.value)
    assert "oaio_storage.backends" in caught.value.hint


def test_wrong_arguments_are_named_and_their_values_kept_secret() -> None:
    for arguments, named in (
        ({}, "root_folder"),
        ({"root_folder": "x", "colour": "red"}, "colour"),
        ({"root_folder": ""}, "root_folder"),
        ({"root_folder": 7}, "root_folder"),
    ):
        with pytest.raises(InvalidArgument, match=named):
            host_api("Local", **arguments)
    with pytest.raises(InvalidArgument, match="storage_options") as caught:
        host_api("Fsspec", url="memory://x", storage_options="secret word")
    assert "secret word" not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"


def test_secrets_are_not_shown() -> None:
    host = host_api("Fsspec", url="memory://x", storage_options={"secret": "word"})
    assert "word" not in repr(host)


def test_the_expected_root_is_checked(tmp_path: Path) -> None:
    ours, theirs = (host_api("Local", root_folder=str(tmp_path / name)) for name in ("ours", "theirs"))
    expected, other = ours.create_root(), theirs.create_root()
    assert expected != other
    assert host_api("Local", root_folder=str(tmp_path / "ours"), expect_root=expected).root_id() == expected
    with pytest.raises(WrongRoot, match=expected):
        host_api("Local", root_folder=str(tmp_path / "theirs"), expect_root=expected)


def install(folder: Path, name: str, entry_point: str) -> None:
    """What pip leaves in ``folder`` of the distribution ``name`` 1.2, for importlib.metadata to find."""
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[oaio_storage.backends]\n{entry_point}\n")


def run_with_stranger(folder: Path, source: str, program: str) -> str:
    """What ``program`` prints where a distribution of somebody else offers the backend ``Strange``."""
    (folder / "strange.py").write_text(source)
    install(folder, "strange-backend", "Strange = strange:StrangeApi")
    path = os.pathsep.join([str(folder), str(PROJECT), str(PROJECT / "backends")])
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    return done.stdout


def test_a_strangers_backend_is_a_backend(tmp_path: Path) -> None:
    source = (
        "import attrs\nfrom oaio_storage_local import LocalApi\n"
        "@attrs.frozen(eq=False)\nclass StrangeApi(LocalApi):\n    colour: str = ''\n"
    )
    program = (
        "from oaio_storage.hosts import host_api, installed_backends\n"
        "import sys\nprint(installed_backends(), 'strange' in sys.modules)\n"
        f"print(host_api('Strange-blue', root_folder={str(tmp_path)!r}, colour='blue'))\n"
    )
    printed = run_with_stranger(tmp_path, source, program)
    assert "'Strange'" in printed
    assert "False" in printed
    assert "colour='blue'" in printed


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module", "no_such_module"),
        ("1/0", "ZeroDivisionError"),
        ("", "StrangeApi"),
        ("class StrangeApi: pass", "CshApi"),
    ],
)
def test_a_broken_backend_names_itself_and_harms_no_other(tmp_path: Path, source: str, said: str) -> None:
    program = (
        "from oaio_storage.hosts import host_api\nfrom oaio_storage.errors import UnknownHost\n"
        f"host_api('Local', root_folder={str(tmp_path)!r})\n"
        "try:\n    host_api('Strange')\nexcept UnknownHost as err:\n    print(err, err.hint)\n"
    )
    printed = run_with_stranger(tmp_path, source, program)
    assert "Strange" in printed
    assert "strange-backend 1.2" in printed
    assert said in printed


def test_two_distributions_that_claim_one_id_are_named_and_harm_no_other(tmp_path: Path) -> None:
    install(tmp_path, "other-backend", "Strange = other:StrangeApi")
    program = (
        "from oaio_storage.hosts import host_api\nfrom oaio_storage.errors import UnknownHost\n"
        f"host_api('Local', root_folder={str(tmp_path)!r})\n"
        "try:\n    host_api('Strange-x')\nexcept UnknownHost as err:\n    print(err, err.hint)\n"
    )
    printed = run_with_stranger(tmp_path, "", program)
    for said in ("'Strange'", "other-backend 1.2", "strange-backend 1.2", "Uninstall"):
        assert said in printed
    assert not (tmp_path / "__pycache__").exists(), "neither was imported"


def test_our_own_backends_are_the_entry_points_of_our_distribution() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert {name: f"{module}:{backend}" for name, (module, backend) in OURS.items()} == declared


def test_nobody_takes_the_id_of_one_of_our_own(tmp_path: Path) -> None:
    program = (
        "from oaio_storage.hosts import host_api\n"
        f"print(type(host_api('Local', root_folder={str(tmp_path)!r}).inner).__module__)\n"
    )
    install(tmp_path, "impostor", "Local = strange:StrangeApi")
    assert run_with_stranger(tmp_path, "1/0", program).strip() == "oaio_storage_local.api"


def test_an_id_has_to_lead_clients_to_its_backend() -> None:
    for csh_id in ("Local", "Local-eu", "Local-"):
        check_backend(csh_id, "Local")
    for csh_id in ("disk", "local", "Localeu", "Fsspec-eu", ""):
        with pytest.raises(InvalidArgument, match="not Local") as caught:
            check_backend(csh_id, "Local")
        assert "Local-NAME" in caught.value.hint
    with pytest.raises(UnknownHost, match="Fsspec, Local"):
        check_backend("S4-eu", "S4")
    with pytest.raises(UnknownHost, match="Local-eu"):
        check_backend("Local-eu", "Local-eu")
