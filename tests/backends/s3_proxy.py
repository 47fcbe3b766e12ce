"""A proxy in front of a server of S3 that counts what is asked, and answers some of it itself."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import attrs


@attrs.frozen
class Reply:
    """An answer of the proxy's own: after ``seconds``, cut off after ``sent`` bytes if that is not None."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = attrs.field(factory=dict)
    seconds: float = 0
    sent: int | None = None
    hang_up: bool = False


@attrs.frozen
class Asked:
    """A request: its method, its path with the query, and its headers."""

    method: str
    path: str
    headers: dict[str, str] = attrs.field(factory=dict, repr=False)


Rule = Callable[[Asked], Reply | None]


@attrs.define
class Proxy:
    """Where it listens, what was asked, and the rule for what it answers itself; None: as the server does."""

    endpoint: str
    asked: list[Asked] = attrs.field(factory=list)
    rule: Rule = lambda _: None
    cut: Callable[[Asked, int], int | None] = lambda *_: None
    """After how many bytes the server's answer to the request of this number is cut off."""
    cut_off: int = 0
    done_first: bool = False
    """Whether the server does what is asked before the proxy answers something else."""

    def methods(self) -> Counter[str]:
        return Counter(each.method for each in self.asked)


class Handler(BaseHTTPRequestHandler):
    """One connection; the listener knows the proxy, and the server behind it."""

    protocol_version = "HTTP/1.1"
    server: "Listener"

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # whatever the method of the request is
            return self.handle_any
        raise AttributeError(name)

    def handle_any(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers.items()))
        proxy.asked.append(asked)
        reply = proxy.rule(asked)
        if reply is None or proxy.done_first:
            real = self.forwarded(body)
            reply = reply or attrs.evolve(real, sent=proxy.cut(asked, len(proxy.asked)))
            proxy.cut_off += reply.sent is not None and reply.sent < len(reply.body)
        time.sleep(reply.seconds)
        if reply.hang_up:
            self.close_connection = True
        else:
            self.answer(reply)

    def forwarded(self, body: bytes) -> Reply:
        connection = http.client.HTTPConnection(self.server.behind)
        headers = {name: text for name, text in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        found = Reply(answer.status, answer.read(), dict(answer.getheaders()))
        connection.close()
        return found

    def answer(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        told = {name.lower(): text for name, text in reply.headers.items()}
        for name, text in told.items():
            if name not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, text)
        is_head = self.command == "HEAD"
        self.send_header(
            "Content-Length", told.get("content-length", "0") if is_head else str(len(reply.body))
        )
        self.end_headers()
        if not is_head:
            self.wfile.write(reply.body if reply.sent is None else reply.body[: reply.sent])
        self.close_connection = self.close_connection or reply.sent is not None

    def log_message(self, *_: object) -> None:
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    behind = ""
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        pass  # a client that hung up


@contextmanager
def proxy_of(endpoint: str) -> Iterator[Proxy]:
    """A proxy in front of ``endpoint``."""
    with Listener(("127.0.0.1", 0), Handler) as listening:
        listening.behind = urlsplit(endpoint).netloc
        listening.proxy = Proxy(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listening.proxy
        finally:
            listening.shutdown()
            thread.join()
