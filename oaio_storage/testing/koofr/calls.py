"""The calls of the API: each makes an answer of a request."""

import json
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from oaio_storage.testing.koofr import operations, shapes
from oaio_storage.testing.koofr.access import Access
from oaio_storage.testing.koofr.account import Account, Mount
from oaio_storage.testing.koofr.answers import Answer, as_json, as_lines
from oaio_storage.testing.koofr.changes import Copied, Moved
from oaio_storage.testing.koofr.control import Control
from oaio_storage.testing.koofr.names import Place, parse_name, parse_path
from oaio_storage.testing.koofr.nodes import File, find, find_file, find_folder
from oaio_storage.testing.koofr.operations import Condition
from oaio_storage.testing.koofr.ranges import parse_range
from oaio_storage.testing.koofr.refusals import NEW, Code, Refused
from oaio_storage.testing.koofr.request import Request, whole_number
from oaio_storage.testing.koofr.routes import CHANGING
from oaio_storage.testing.koofr.store import Store
from oaio_storage.testing.koofr.uploads import Upload


class Calls:
    """What can be asked of an account in a store."""

    def __init__(self, store: Store, access: Access, control: Control) -> None:
        self._store = store
        self._access = access
        self._control = control
        self._of_account: dict[str, Callable[[Request], Answer]] = {
            "revoke": self._revoke,
            "user": self._user,
            "mounts": self._mounts,
            "trash": self._trash,
        }
        self._of_mount: dict[str, Callable[[Request, Mount], Answer]] = {
            "mount": self._mount,
            "info": self._info,
            "list": self._list,
            "bundle": self._bundle,
            "tree": self._tree,
            "listrecursive": self._listrecursive,
            "get": self._get,
            "folder": self._folder,
            "put": self._put,
            "remove": self._remove,
            "rename": self._rename,
            "move": self._move,
            "copy": self._copy,
            "link": self._link,
        }

    def answer(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            Refused: it is to be answered with an error.
            CutShort: its body did not come to its end.
        """
        route = request.route
        if route.call == "token":
            return self._token(request)
        if self._control.switches.vanished or not self._access.allows(
            request.headers.get("Authorization", "")
        ):
            raise Refused(Code.UNAUTHORIZED)
        if not route.mount:
            return self._of_account[route.call](request)
        mount = self._store.look(lambda account: account.mount(route.mount))
        self._check(mount, changing=route.call in CHANGING)
        return self._of_mount[route.call](request, mount)

    def _check(self, mount: Mount, *, changing: bool) -> None:
        if mount.name in self._control.switches.gone:
            raise Refused(Code.NOT_FOUND, "Mount not found.")
        if changing and mount.name in self._control.switches.read_only:
            raise Refused(Code.FORBIDDEN, "No permission to write.")

    # ------------------------------------------------------------------------------------------ the account

    def _token(self, request: Request) -> Answer:
        if request.headers.get("X-Koofr-Email") is not None:
            given = request.headers.get("X-Koofr-Email"), request.headers.get("X-Koofr-Password")
            token = self._new_token(*given)
            return Answer(headers={"Content-Type": "text/plain", "X-Koofr-Token": token})
        values = request.json()
        token = self._new_token(values.get("email"), values.get("password"))
        return as_json({"token": token}, headers={"X-User-ID": "1"})

    def _new_token(self, user: object, password: object) -> str:
        token = None if self._control.switches.vanished else self._access.token_for(user, password)
        if token is None:
            raise Refused(Code.UNAUTHORIZED)
        return token

    def _revoke(self, request: Request) -> Answer:
        self._access.revoke(request.headers.get("Authorization", ""))
        return Answer(HTTPStatus.NO_CONTENT)

    def _user(self, _request: Request) -> Answer:
        return as_json({"id": "1", "firstName": "Test", "lastName": "User", "email": self._access.user})

    def _mounts(self, _request: Request) -> Answer:
        switches = self._control.switches
        mounts = self._store.look(
            lambda account: [
                shapes.mount(mount, self._access.user, switches)
                for mount in account.mounts.values()
                if mount.name not in switches.gone
            ]
        )
        return as_json({"mounts": mounts})

    def _mount(self, _request: Request, mount: Mount) -> Answer:
        return as_json(
            self._store.look(lambda _: shapes.mount(mount, self._access.user, self._control.switches))
        )

    def _trash(self, _request: Request) -> Answer:
        now, switches = self._control.now(), self._control.switches
        return as_json(
            self._store.look(lambda account: shapes.trash(account, self._access.user, switches, now))
        )

    # ---------------------------------------------------------------------------------------------- reading

    def _info(self, request: Request, mount: Mount) -> Answer:
        return as_json(self._store.look(lambda _: shapes.node(find(mount.root, request.path))))

    def _list(self, request: Request, mount: Mount) -> Answer:
        files = self._store.look(lambda _: shapes.children(find_folder(mount.root, request.path)))
        return as_json({"files": files})

    def _bundle(self, request: Request, mount: Mount) -> Answer:
        def seen(_: Account) -> dict[str, Any]:
            node = find(mount.root, request.path)
            below = {} if isinstance(node, File) else {"files": shapes.children(node)}
            return {"file": shapes.node(node), **below}

        return as_json(self._store.look(seen))

    def _tree(self, request: Request, mount: Mount) -> Answer:
        return as_json(self._store.look(lambda _: shapes.tree(find(mount.root, request.path))))

    def _listrecursive(self, request: Request, mount: Mount) -> Answer:
        return as_lines(self._store.look(lambda _: list(shapes.lines(find_folder(mount.root, request.path)))))

    def _get(self, request: Request, mount: Mount) -> Answer:
        file, content = self._store.open(lambda _: find_file(mount.root, request.path))
        headers = {"Content-Type": shapes.content_type(file.name), "Accept-Ranges": "bytes"}
        if request.route.level == NEW:
            headers["X-File-Info"] = json.dumps(shapes.node(file))
        wanted = request.headers.get("Range")
        if wanted is None:
            return Answer(headers=headers, file=content, part=range(file.size))
        try:
            part = parse_range(wanted, file.size)
        except Refused:
            content.close()
            raise
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
        return Answer(HTTPStatus.PARTIAL_CONTENT, headers, file=content, part=part)

    # --------------------------------------------------------------------------------------------- changing

    def _folder(self, request: Request, mount: Mount) -> Answer:
        wanted = Place(mount.id, request.path).below(parse_name(request.json().get("name")))
        now = self._control.now()
        self._store.change(lambda account: operations.make_folder(account, wanted, now))
        return Answer()

    def _put(self, request: Request, mount: Mount) -> Answer:
        upload = Upload.of(request, self._control)
        stored = upload.receive(self._store, mount)
        if request.route.query.get("info") == "true":
            return as_json(shapes.node(stored))
        return as_json([{"name": stored.name}])

    def _remove(self, request: Request, mount: Mount) -> Answer:
        place, condition = Place(mount.id, request.path), request.condition("removeIf")
        now, if_empty = self._control.now(), "removeIfEmpty" in request.route.query
        self._store.change(
            lambda account: operations.remove(account, place, condition, now, if_empty=if_empty)
        )
        return Answer()

    def _rename(self, request: Request, mount: Mount) -> Answer:
        source = Place(mount.id, request.path)
        target = source.beside(parse_name(request.json().get("name")))
        self._store.change(lambda account: operations.move(account, source, target, Condition()))
        return Answer()

    def _move(self, request: Request, mount: Mount) -> Answer:
        source, values = Place(mount.id, request.path), request.json()
        target = self._target(values)
        condition = Condition()
        if request.route.level == NEW:
            condition = Condition(
                whole_number(values.get("ifModified"), "ifModified"),
                whole_number(values.get("ifSize"), "ifSize"),
                values.get("ifHash"),
            )

        def decide(account: Account) -> Moved:
            change = operations.move(account, source, target, condition)
            self._check_room(account, change)
            return change

        self._store.change(decide)
        return as_json({"name": target.name})

    def _copy(self, request: Request, mount: Mount) -> Answer:
        source, values = Place(mount.id, request.path), request.json()
        target = self._target(values)
        modified = whole_number(values.get("modified"), "modified")

        def decide(account: Account) -> Copied:
            change = operations.copy(account, source, target, modified)
            self._check_room(account, change)
            return change

        self._store.change(decide)
        return as_json({"name": target.name})

    def _link(self, request: Request, mount: Mount) -> Answer:
        place = Place(mount.id, parse_path(str(request.json().get("path", ""))))
        node = self._store.look(lambda account: account.find(place))
        link = str(uuid.uuid5(uuid.UUID(mount.id), str(place)))
        url = f"http://{request.headers.get('Host', 'localhost')}/links/{link}"
        told = {"id": link, "name": node.name, "path": str(place), "url": url, "shortUrl": url}
        return as_json({**told, "hash": link, "hasPassword": False, "counter": 0}, HTTPStatus.CREATED)

    def _check_room(self, account: Account, change: Copied | Moved) -> None:
        name = account.mount(change.target.mount).name
        operations.check_room(account, change, self._control.quota(name))

    def _target(self, values: Mapping[str, Any]) -> Place:
        to_mount, to_path = values.get("toMountId"), values.get("toPath")
        if not isinstance(to_mount, str) or not isinstance(to_path, str):
            raise Refused(Code.BAD_REQUEST, "No target.")
        mount = self._store.look(lambda account: account.mount(to_mount))
        self._check(mount, changing=True)
        return Place(mount.id, parse_path(to_path))
