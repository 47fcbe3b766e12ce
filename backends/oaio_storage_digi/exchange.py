"""Contents over connections that are open already, at a fraction of the usual CPU time."""

import http.client
import re
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, Full
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection

_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)[^\r\n]*\r\n((?:[\w-]+:[^\r\n]*\r\n)+)\r\n")
_NOT_PLAIN = ("transfer-encoding", "connection")
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)


class Exchange:
    """Requests over the connections that a pool of urllib3 keeps open to a service.

    The pool opens them, with all that urllib3 knows of names, time-outs and certificates, and has them again
    once an answer was read to its end.
    """

    def __init__(self, pool: urllib3.HTTPConnectionPool, endpoint: str) -> None:
        self._pool = pool
        self._host = urlsplit(endpoint).netloc
        self._origin = len(endpoint) - len(urlsplit(endpoint).path)

    def answer(self, request: requests.PreparedRequest, body: bytes = b"") -> requests.Response | None:
        """The answer to a request with a short ``body``, its content still to be read.

        None, and nothing was asked, if no connection is open.

        Raises:
            requests.RequestException: the connection is lost, or what came is no HTTP.
        """
        connection = self._open_one()
        if connection is None:
            return None
        lines = [f"{request.method} {str(request.url)[self._origin :]} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        coming = _Coming(connection.sock, method=request.method)
        try:
            with suppress(BrokenPipeError):  # an answer may have come before
                connection.sock.sendall("\r\n".join((*lines, "", "")).encode("latin-1") + body)
            coming.begin()
        except (OSError, http.client.HTTPException) as err:
            coming.close()
            connection.close()
            raise _lost(err) from err
        answer = requests.Response()
        answer.status_code = coming.status
        answer.headers = CaseInsensitiveDict(coming.fields)
        answer.raw = _Content(coming, connection, self._pool)
        if coming.length == 0:
            answer.raw.read(1)  # nobody else would, and the connection would be lost
        return answer

    def close(self) -> None:
        """Close the pool. Safe to repeat."""
        self._pool.close()

    def _open_one(self) -> Any:  # noqa: ANN401 - a connection, whose ``sock`` http.client does not type
        places = self._pool.pool
        if places is None:  # closed
            return None
        try:
            connection: HTTPConnection | None = places.get_nowait()
        except Empty:
            return None
        if connection is not None and connection.is_connected:
            return connection
        places.put_nowait(connection)
        return None


class _Coming(http.client.HTTPResponse):
    """An answer whose head is taken apart at once if it is plain: all there, and telling the length.

    Attributes:
        fields: its headers.
    """

    fields: Mapping[str, str]

    def begin(self) -> None:
        """Read the head; http.client does it if it is not plain."""
        found = _PLAIN_HEAD.match(self.fp.peek())
        lines = found[2].decode("latin-1").split("\r\n")[:-1] if found else []
        named = (line.partition(":") for line in lines)
        self.fields = {name.lower(): value.strip() for name, _, value in named}
        length = _LENGTH.match(self.fields.get("content-length", ""))
        is_once = len(self.fields) == len(lines)
        if found and length and is_once and self.fields.keys().isdisjoint(_NOT_PLAIN):
            self.fp.read(found.end())
            self.status, self.length = int(found[1]), int(length[0])
            self.chunked = self.will_close = False
            return
        super().begin()
        self.fields = dict(self.headers.items())


class _Content:
    """The body of an answer, as requests reads it."""

    def __init__(
        self, coming: http.client.HTTPResponse, connection: HTTPConnection, pool: urllib3.HTTPConnectionPool
    ) -> None:
        self._coming, self._pool = coming, pool
        self._connection: HTTPConnection | None = connection

    def read(self, size: int, *, decode_content: bool = False) -> bytes:  # noqa: ARG002 - none is asked for
        """Up to ``size`` bytes; none at the end.

        Raises:
            requests.RequestException: the connection is lost.
        """
        try:
            content = self._coming.read(size)
        except (OSError, http.client.HTTPException) as err:
            self.close()
            raise _lost(err) from err
        if self._coming.isclosed() and self._connection is not None:
            is_cut = bool(self._coming.length)
            self._give_back(is_open=not (is_cut or self._coming.will_close))
            if is_cut:
                raise requests.exceptions.ChunkedEncodingError("the connection ended early")
        return content

    def close(self) -> None:
        """End the connection, if not all was read. Safe to repeat."""
        self._coming.close()
        self._give_back(is_open=False)

    def _give_back(self, *, is_open: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not is_open:
            connection.close()
        if (places := self._pool.pool) is not None:
            with suppress(Full):
                places.put_nowait(connection if is_open else None)


def _lost(err: Exception) -> requests.RequestException:
    if isinstance(err, TimeoutError):
        return requests.exceptions.ReadTimeout(err)
    return requests.exceptions.ConnectionError(err)
