"""The live trees of a site, and older ones, for readers."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from threading import Lock

import attrs

from oaio_storage.errors import CallerError, NotFound, OaioError
from oaio_storage.file_transfer.handlers import RETRY_SECONDS
from oaio_storage.file_transfer.site import Site
from oaio_storage.publish.published import OpenGeneration
from oaio_storage.publish.serve import Answer, LiveTree, answer
from oaio_storage.publish.serve.answering import not_available

_OPEN = 256
"""Trees that are kept open at the same time."""

PINNED = "@"


@attrs.define(eq=False)
class Sites:
    """What is live at a site, for many requests in many threads.

    Attributes:
        site: the courses.
        more: headers for every answer.
    """

    site: Site
    more: Mapping[str, str] = attrs.field(factory=dict)
    _live: "OrderedDict[str, LiveTree]" = attrs.field(factory=OrderedDict, init=False)
    _lock: Lock = attrs.field(factory=Lock, init=False)

    def answer(
        self, method: str, course: str, path: str, headers: Mapping[str, str], *, download: bool = False
    ) -> Answer:
        """What a request for a file is answered. Never raises; where the host does not answer it is 503.

        Args:
            method: of HTTP.
            course: whose tree.
            path: decoded, relative to the tree; ``@GENERATION/`` in front names one that is not live.
            headers: of the request.
            download: let browsers store the file instead of showing it.
        """
        generation, path = _pinned(path)
        try:
            with self._opened(course, generation) as opened:
                return answer(method, path, headers, opened, download=download, more=self.more)
        except CallerError:
            return not_available(HTTPStatus.NOT_FOUND, method, self.more)
        except OaioError:
            more = {**self.more, "Retry-After": RETRY_SECONDS}
            return not_available(HTTPStatus.SERVICE_UNAVAILABLE, method, more)

    def _opened(self, course: str, generation: str) -> AbstractContextManager[OpenGeneration]:
        if generation:
            return self.site.tree(course).open(generation)
        return self._tree(course).opened()

    def _tree(self, course: str) -> LiveTree:
        with self._lock:
            if (known := self._live.get(course)) is not None:
                self._live.move_to_end(course)
                return known
        tree = self.site.tree(course)
        if not tree.is_known():
            raise NotFound(f"nothing was published as {course!r}")
        with self._lock:
            known = self._live.setdefault(course, LiveTree(tree))
            old = self._live.popitem(last=False)[1] if len(self._live) > _OPEN else None
        if old is not None:
            old.close()
        return known


def _pinned(path: str) -> tuple[str, str]:
    """The generation that a path names in front, and the rest; empty if it names none."""
    first, slash, rest = path.partition("/")
    if not (slash and first.startswith(PINNED) and len(first) > 1):
        return "", path
    return first.removeprefix(PINNED), rest
