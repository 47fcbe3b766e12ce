"""Whatever a server answers over a connection that is kept: it is read as urllib3 reads it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping

import pytest
import requests
import urllib3

from oaio_storage.errors import Unavailable
from oaio_storage_digi.download import Download
from oaio_storage_digi.exchange import Exchange

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kept: yes\r\n\r\nfirst"


class Canned:
    """A server that answers request after request of one connection with what it is given."""

    def __init__(self, *answers: bytes, pause: float = 0) -> None:
        self._answers, self._pause = answers, pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.asked: list[bytes] = []

    def serve(self) -> None:
        with self._listening.accept()[0] as connection:
            for answer in self._answers:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(1 << 16)
                self.asked.append(asked)
                middle = len(answer) // 2 if self._pause else len(answer)
                connection.sendall(answer[:middle])
                time.sleep(self._pause)
                connection.sendall(answer[middle:])

    @contextlib.contextmanager
    def running(self) -> Iterator[urllib3.HTTPConnectionPool]:
        """A pool with an open connection to it, over which the first answer has come."""
        thread = threading.Thread(target=self.serve)
        thread.start()
        with self._listening:
            try:
                with urllib3.HTTPConnectionPool("127.0.0.1", self.port, timeout=5) as pool:
                    assert pool.urlopen("GET", "/first", retries=False).data == b"first"
                    yield pool
            finally:
                thread.join()


def request(port: int) -> requests.PreparedRequest:
    headers = {"Accept": "*/*", "Authorization": "Token t"}
    return requests.Request("GET", f"http://127.0.0.1:{port}/a%20b?path=%2Fc", headers).prepare()


def got(answer: bytes, *after: bytes, pause: float = 0) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers and content of an answer, and whether its connection is used again."""
    server = Canned(PLAIN, answer, *after, pause=pause)
    with server.running() as pool:
        exchange = Exchange(pool, f"http://127.0.0.1:{server.port}")
        with _some(exchange.answer(request(server.port))) as found:
            content = b"".join(iter(lambda: found.raw.read(1000), b""))
            headers = _bare(found.headers)
            again = exchange.answer(request(server.port)) if after else None
            if again is not None:
                again.close()
    assert server.asked[1].startswith(b"GET /a%20b?path=%2Fc HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Token t\r\n" in server.asked[1]
    return found.status_code, headers, content, again is not None


def expected(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    server = Canned(PLAIN, answer)
    with server.running() as pool:
        found = pool.urlopen("GET", "/", retries=False, redirect=False, decode_content=False)
        return found.status, _bare(found.headers), found.data


def _bare(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): " ".join(value.split()) for name, value in headers.items()}


def _some(answer: requests.Response | None) -> requests.Response:
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        b"HTTP/1.1 206 \r\nContent-Length: 0\r\nContent-Range: bytes 1-2/3\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-LENGTH:   4 \r\nX-Text: a: b\r\n\r\nnone",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Long: " + b"y" * 9000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;more\r\nef\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: a\r\nX-Twice: b\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Folded: a\r\n b\r\n\r\nok",
    ],
)
@pytest.mark.parametrize("pause", [0, 0.02])
def test_an_answer_is_read_as_urllib3_reads_it(answer: bytes, pause: float) -> None:
    *found, is_kept = got(answer, PLAIN, pause=pause)
    assert tuple(found) == expected(answer)
    assert is_kept


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nup to the end",
    ],
)
def test_the_last_answer_of_a_connection_ends_it(answer: bytes) -> None:
    *found, is_kept = got(answer)
    assert tuple(found) == expected(answer)
    assert not is_kept


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    ],
)
def test_an_answer_that_is_cut_is_an_error(answer: bytes) -> None:
    with pytest.raises(requests.RequestException):
        got(answer)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\n\r\nmore"])
def test_an_answer_that_tells_no_length_is_no_content(answer: bytes) -> None:
    server = Canned(PLAIN, answer)
    with server.running() as pool:
        found = _some(Exchange(pool, f"http://127.0.0.1:{server.port}").answer(request(server.port)))
        with pytest.raises(Unavailable):
            Download(found, "can't read it", 0, None)


@pytest.mark.parametrize("answer", [PLAIN, PLAIN.replace(b"200 OK", b"507 No room")])
def test_a_short_body_goes_along(answer: bytes) -> None:
    server = Canned(PLAIN, answer)
    with server.running() as pool:
        asked = requests.Request("POST", f"http://127.0.0.1:{server.port}/put").prepare()
        exchange = Exchange(pool, f"http://127.0.0.1:{server.port}")
        found = _some(exchange.answer(asked, b"the body"))
        assert (found.status_code, found.content) == (int(answer[9:12]), b"first")
    assert server.asked[1].startswith(b"POST /put HTTP/1.1\r\n")
    assert server.asked[1].endswith(b"\r\n\r\nthe body")


def test_a_connection_is_kept_where_there_is_nothing_to_read() -> None:
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    server = Canned(PLAIN, empty, empty)
    with server.running() as pool:
        exchange = Exchange(pool, f"http://127.0.0.1:{server.port}")
        for _ in range(2):
            _some(exchange.answer(request(server.port))).close()


def test_a_connection_that_is_not_open_is_not_asked() -> None:
    server = Canned(PLAIN)
    with server.running() as pool:
        time.sleep(0.05)  # it ends the connection meanwhile
        assert Exchange(pool, f"http://127.0.0.1:{server.port}").answer(request(server.port)) is None
    exchange = Exchange(pool, f"http://127.0.0.1:{server.port}")
    assert exchange.answer(request(server.port)) is None
    exchange.close()
