"""What a program writes to share objects: the lines that the demo runs, and prints at its end.

Each function is one scene; nothing here checks anything, that is done by the story.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oaio_storage import OaioClient
from oaio_storage.client import SyncReport, map_files
from oaio_storage.errors import Forbidden, Offline
from oaio_storage.hosts import host_api
from oaio_storage.model import OaiObject
from oaio_storage.progress import Report
from oaio_storage.publish.layouts import published_tree
from oaio_storage.publish.published import PublishedTree
from oaio_storage.publish.results import Published
from oaio_storage.trees.switches import Switch


def connect(  # noqa: PLR0913, PLR0917 - as people would write it
    server: str, user: str, password: str, device: str, folder: Path, host: str = "Local"
) -> OaioClient:
    """A client of one user on one device, with a folder of its own; files of its objects go to the host."""
    login = {"username": user, "password": password}
    return OaioClient(server, login, "demo", device, csh_default_id=host, client_root=str(folder))


def register(
    laptop: OaioClient, file: Path, folder: Path, report: Report
) -> tuple[OaiObject | None, OaiObject | None, OaiObject | None, SyncReport]:
    """The laptop registers values, a file and a folder."""
    note = laptop.register_object({"title": "Groceries", "milk": 2})
    letter = laptop.register_file(file.name, root_path=str(file.parent))
    project = laptop.register_folder(str(folder))
    return note, letter, project, laptop.sync(report)


def receive(phone: OaioClient, project: str, folder: Path, report: Report) -> SyncReport:
    """The phone receives all of it, and keeps the folder where it wants."""
    received = phone.sync(report)
    map_files(phone, project, folder)
    return received


def edit(phone: OaioClient, note: str, project: str) -> str:
    """The phone edits while the server is away; nothing is lost."""
    phone.update_object(note, {"milk": 3, "bread": 1})
    phone.update_folder(project)
    try:
        phone.sync()
    except Offline as offline:
        return str(offline)
    return ""


def catch_up(phone: OaioClient, laptop: OaioClient, report: Report) -> tuple[SyncReport, SyncReport]:
    """The server is back: the phone sends, the laptop receives."""
    return phone.sync(report), laptop.sync(report)


def share(laptop: OaioClient, project: str, reader: str) -> int:
    """The laptop's user lets another user read the folder."""
    return laptop.upsert_subscription(project, reader, access_right="r")


def read(tablet: OaioClient, project: str, report: Report) -> tuple[SyncReport, str]:
    """The other user receives it, and is refused to change it."""
    received = tablet.sync(report)
    try:
        tablet.update_object(project, {"mine": True})
    except Forbidden as refusal:
        return received, str(refusal)
    return received, ""


def delete(laptop: OaioClient, phone: OaioClient, letter: str) -> tuple[SyncReport, SyncReport]:
    """The laptop deletes the file's object, and it goes from the phone, too."""
    laptop.unregister_object(letter, wipe_files=True)
    return laptop.sync(), phone.sync()


def site(www: Path) -> PublishedTree:
    """A tree on a storage host: on a folder of this machine plain files, which any web server can show."""
    tree = published_tree(host_api("Local", root_folder=str(www)), "site")
    tree.prepare()
    return tree


def publish(folder: Path, www: Path, report: Report) -> Published:
    """A folder goes live as a whole; only files that are new there are sent."""
    return site(www).publish(folder, report=report)


def roll_back(www: Path) -> Switch:
    """What was live before is live again, at once."""
    return site(www).rollback(yes=True)


SCENES: tuple[Callable[..., Any], ...] = (
    connect,
    register,
    receive,
    edit,
    catch_up,
    share,
    read,
    delete,
    site,
    publish,
    roll_back,
)


def lines() -> list[str]:
    """The lines of Python of all scenes, as they ran, with their imports: a module of its own."""
    module = inspect.getsource(sys.modules[__name__]).splitlines()
    told = [line for line in module if line.startswith(("from pathlib", "from oaio_storage"))]
    for scene in SCENES:
        told += ["", *inspect.getsource(scene).rstrip().splitlines()]
    return told
