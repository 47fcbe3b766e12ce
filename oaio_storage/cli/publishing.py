"""What the commands about published trees have in common."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from oaio_storage.cli.hints import filled, hints_filled
from oaio_storage.cli.opening import the_one
from oaio_storage.errors import InvalidArgument, MassDeletion, NotFound
from oaio_storage.trees.hints import PUBLISH, REPAIR

if TYPE_CHECKING:
    from oaio_storage.hash_cache import HashCache
    from oaio_storage.publish.published import PublishedTree
    from oaio_storage.publish.results import Verified

_Done = TypeVar("_Done")

HOST_HELP = "Id of a configured host, or a path or URL, which contains a /."
SHOWN = 12
"""Digits of a generation's id that are shown to people; any unique beginning is understood."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the published tree.")]
AtOption = Annotated[str, typer.Option("--at", metavar="HOST|URL", help=HOST_HELP)]
YesOption = Annotated[
    bool,
    typer.Option("--yes", help="Also if nothing would be left, or more than half of the files would go."),
]


@contextmanager
def tree_at(address: str, name: str) -> Iterator["PublishedTree"]:
    """The tree ``name`` on the host at ``address``, which is closed at the end of the block.

    Raises:
        NotFound: nothing was ever stored there by oaio.
        OaioError: as ``host_of``.
    """
    from oaio_storage.config import host_of  # noqa: PLC0415 - not needed for --help
    from oaio_storage.hosts.roots import MARKER, has_state  # noqa: PLC0415 - same
    from oaio_storage.publish.layouts import published_tree  # noqa: PLC0415 - same
    from oaio_storage.trees.paths import Paths  # noqa: PLC0415 - same

    with host_of(address) as host, hints_filled(NAME=name, HOST=address):
        if not (has_state(host, Paths(name).head) or has_state(host, MARKER)):
            raise NotFound(f"nothing was published at {address}", PUBLISH)
        yield published_tree(host, name, by=publisher(), cache=cache_folder())


def publisher() -> str:
    """Who publishes, for the log: user and machine."""
    import getpass  # noqa: PLC0415 - not needed for --help
    import socket  # noqa: PLC0415 - same

    user = "somebody"
    with suppress(KeyError, OSError, ImportError):  # a user without a name
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def generation_of(tree: "PublishedTree", text: str | None) -> str:
    """The id of the generation that ``text`` begins; empty if there is no text.

    Raises:
        NotFound: there is none.
        InvalidArgument: there are several.
    """
    if text is None:
        return ""
    known = {switch.generation for switch in tree.history()}
    return the_one(text, known, "generation", listed_by="generations NAME --at HOST")


def cache_folder() -> Path:
    """Where this user's programs keep what only saves time."""
    import platformdirs  # noqa: PLC0415 - not needed for --help

    return platformdirs.user_cache_path("oaio")


@contextmanager
def hash_cache() -> Iterator["HashCache | None"]:
    """The checksums of earlier looks by this user; None where there is no place for them."""
    from oaio_storage.hash_cache import HashCache  # noqa: PLC0415 - not needed for --help

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        yield None
        return
    with HashCache(folder / "hashes.sqlite") as cache:
        yield cache


def checked_folder(folder: Path) -> Path:
    """``folder``, if it is one.

    Raises:
        NotFound: it does not exist.
        InvalidArgument: it is a file, or a link.
    """
    if folder.is_symlink():
        raise InvalidArgument(f"{str(folder)!r} is a symbolic link", "Name the folder that it leads to.")
    if not folder.exists():
        raise NotFound(f"there is no folder {folder}", "Name a folder that exists; it is only read.")
    if not folder.is_dir():
        raise InvalidArgument(f"{folder} is a file", "Name a folder; it is only read.")
    return folder


def confirmed(act: Callable[[bool], _Done], *, yes: bool) -> _Done:
    """What ``act(yes)`` gives; if it refuses to remove so much, a person is asked, where there is one.

    Raises:
        MassDeletion: nobody said yes; nothing was changed.
    """
    try:
        return act(yes)
    except MassDeletion as refusal:
        if not (sys.stdin.isatty() and typer.confirm(f"{refusal.message}. Go on?", err=True)):
            raise
    return act(True)


def plain_advice(found: "Verified", name: str, at: str) -> list[str]:
    """What is affected of a tree of plain files, and what helps: publishing alone, or clean-up."""
    old = [one for one in found.damaged if one != found.live]
    kept = ", ".join(one[:SHOWN] for one in old)
    if found.live not in found.damaged:
        return [
            f"oaio: {name!r} is live as it was published; {kept} can't be gone back to whole",
            filled("hint: Remove all that is not live: oaio gc NAME --at HOST --now", NAME=name, HOST=at),
        ]
    also = f", and so {'are' if old[1:] else 'is'} {kept}" if old else ""
    if any(fault.what == "no record" for fault in found.faults if fault.generation == found.live):
        aim, command = "Replace the tree as a whole, whatever it holds", f"{PUBLISH} --yes"
    else:
        aim, command = "Send again what is damaged", REPAIR
    if old:
        aim += ", then remove all that is not live"
        command += " && oaio gc NAME --at HOST --now"
    return [
        f"oaio: {name!r} is not as it was published: what is live is damaged{also}",
        filled(f"hint: {aim}: {command}", NAME=name, HOST=at),
    ]
