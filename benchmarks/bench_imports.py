"""What starting costs, above a bare ``python -c pass``."""

import sys
from pathlib import Path

from benchmarks.harness import Row, above_bare_python, at_most

_LIMITS = {
    "import oaio_storage": (40, [sys.executable, "-c", "import oaio_storage"]),
    "from oaio_storage import OaioClient": (
        200,
        [sys.executable, "-c", "from oaio_storage import OaioClient"],
    ),
    "oaio --help": (300, [str(Path(sys.executable).with_name("oaio")), "--help"]),
}


def rows() -> list[Row]:
    taken = above_bare_python({name: command for name, (_, command) in _LIMITS.items()})
    return [at_most(name, taken[name], limit) for name, (limit, _) in _LIMITS.items()]
