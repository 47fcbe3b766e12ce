"""Starting stays light: which modules a fresh process has loaded. How long that takes, `make bench` says."""

import subprocess
import sys

import pytest

HEAVY = {
    *("django", "cheroot", "whitenoise"),
    *("fsspec", "pyfastcdc", "zstandard", "s3fs", "obstore", "botocore", "aiohttp"),
    *("hypothesis", "pytest"),
}

STARTS = {
    "import oaio_storage": ["import oaio_storage"],
    "import OaioClient": ["from oaio_storage import OaioClient"],
    "import the rooms": [
        "import oaio_storage.cli, oaio_storage.client, oaio_storage.hosts, oaio_storage.server",
        "import oaio_storage.trees",
    ],
    "oaio --help": ["from oaio_storage.cli import main", "try: main(['--help'])", "except SystemExit: pass"],
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_no_framework_and_no_storage_library_is_loaded_at_the_start(start: list[str]) -> None:
    program = "\n".join([*start, "import sys", "print('loaded:', *sys.modules, file=sys.stderr)"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.rpartition("loaded:")[2].split())
    assert "oaio_storage" in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_importing_the_package_loads_nothing_of_others() -> None:
    program = "import sys; before = set(sys.modules); import oaio_storage; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    foreign = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert foreign == {"oaio_storage"}
