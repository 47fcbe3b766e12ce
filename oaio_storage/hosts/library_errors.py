"""What the libraries below fsspec raise, and ours for it; no library is imported to know it."""

import sys

from oaio_storage.errors import (
    AccessDenied,
    Corrupt,
    InvalidArgument,
    OaioError,
    TooLarge,
    Unavailable,
)
from oaio_storage.hosts.foreign import HTTP_ERRORS, OS_ERRORS, ForeignErrors

_COMMON: ForeignErrors = {
    **OS_ERRORS,
    **HTTP_ERRORS,
    EOFError: Unavailable,
}

LIBRARIES: dict[str, dict[str, type[OaioError]]] = {
    "paramiko.ssh_exception": {
        "AuthenticationException": AccessDenied,
        "BadHostKeyException": AccessDenied,
        "ConfigParseError": InvalidArgument,
        "NoValidConnectionsError": Unavailable,
        "SSHException": Unavailable,
    },
    "socket": {"gaierror": Unavailable},
    "tarfile": {"TarError": Corrupt},
    "zipfile": {"BadZipFile": Corrupt, "LargeZipFile": TooLarge},
    "zlib": {"error": Corrupt},
}
"""Our error by module and class; a class without a row goes by the one it is derived from."""


def of_imported() -> ForeignErrors:
    """The table for those libraries that something in this process uses."""
    rows = {
        getattr(sys.modules[module], name): ours
        for module, classes in LIBRARIES.items()
        if module in sys.modules
        for name, ours in classes.items()
        if hasattr(sys.modules[module], name)
    }
    return {**_COMMON, **rows}
