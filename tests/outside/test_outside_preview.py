"""``oaio preview`` answers what means this machine, and nothing else, over raw HTTP."""

import socket
from urllib.parse import urlsplit

from outside.published import ONE, Work
from outside.test_outside_publish import got, previewed

PAGE = ONE["index.html"].encode()


def told(url: str, *lines: str, version: str = "HTTP/1.1", method: str = "GET") -> tuple[int, bytes]:
    """Status and content of the answer to a request with these lines, and no other."""
    where = urlsplit(url)
    request = "\r\n".join((f"{method} / {version}", *lines, "Connection: close", "", ""))
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    assert not content or method != "HEAD"
    return int(head.split()[1]), content


def test_only_names_of_this_machine_are_answered(work: Work) -> None:
    """A page elsewhere that lets its own name lead here (DNS rebinding) reads nothing."""
    work.publish(ONE)
    with previewed(work) as url:
        port = urlsplit(url).port
        for name in ("127.0.0.1", "localhost", "LocalHost", "[::1]"):
            for host in (name, f"{name}:{port}", f"{name}:1", f"{name}:"):
                assert told(url, f"Host: {host}") == (200, PAGE), host
        for host in (
            *(
                "evil.example",
                f"evil.example:{port}",
                "localhost.evil.example",
                "evil.localhost",
                "127.0.0.1.nip.io",
            ),
            *(
                "127.0.0.2",
                "0.0.0.0",
                "[::]",
                "::1",
                "2130706433",
                "127.1",
                "localhost:x",
                "localhost:80:80",
                "",
            ),
            *(
                "user@localhost",
                "localhost/",
                "localhost evil",
                "http://localhost",
                "\xff",
                "localhost\t.",
                "[::1",
            ),
        ):
            status, content = told(url, f"Host: {host}")
            assert status == 421, host
            assert PAGE not in content
        assert told(url, "Host: evil.example", method="HEAD") == (421, b"")
        assert got(url) == (200, PAGE.decode())


def test_a_request_names_one_host(work: Work) -> None:
    work.publish(ONE)
    with previewed(work) as url:
        assert told(url)[0] == 400
        assert told(url, "Host: localhost", "Host: localhost")[0] == 400
        assert told(url, "Host: localhost", "Host: evil.example")[0] == 400
        assert told(url, version="HTTP/1.0") == (200, PAGE)
        assert told(url, "Host: evil.example", version="HTTP/1.0")[0] == 421
        assert told(url, "Host: localhost", "X-Forwarded-Host: evil.example") == (200, PAGE)
