"""A proxy before a server of HTTP that takes its time, and counts what is asked and sent."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import attrs

_BLOCK = 1 << 16
_WAITING = 256
"""Blocks that may be under way in one direction of a connection."""

_MARK = b" HTTP/1.1\r\n"


@attrs.define
class Proxy:
    """What one proxy saw.

    Attributes:
        address: of the server.
        delay: seconds that each direction takes.
        endpoint: where the proxy is reached.
        requests: how many came.
        sent: bytes of all of them, heads included.
    """

    address: tuple[str, int]
    delay: float
    endpoint: str = ""
    requests: int = 0
    sent: int = 0

    def reset(self) -> None:
        """Begin to count anew."""
        self.requests = self.sent = 0

    async def serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        """Take connections until told to stop."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_BLOCK)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopped.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(*self.address)
            await asyncio.gather(
                self._pass(reader, server_writer, is_request=True),
                self._pass(server_reader, writer, is_request=False),
            )

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)
        passing = asyncio.ensure_future(self._pass_on(under_way, target))
        clock, tail = asyncio.get_running_loop().time, b""
        with suppress(OSError):
            while block := await source.read(_BLOCK):
                if is_request:
                    self.sent += len(block)
                    self.requests += (tail + block).count(_MARK)
                    tail = block[1 - len(_MARK) :]
                await under_way.put((clock() + self.delay, block))
        await under_way.put((clock() + self.delay, b""))
        await passing

    @staticmethod
    async def _pass_on(under_way: "asyncio.Queue[tuple[float, bytes]]", target: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        with suppress(OSError):
            while True:
                due, block = await under_way.get()
                if (rest := due - clock()) > 0:
                    await asyncio.sleep(rest)
                if not block:
                    target.close()
                    return
                target.write(block)
                await target.drain()
        while (await under_way.get())[1]:  # nobody listens any more
            pass


@contextmanager
def proxy(endpoint: str, round_trip: float = 0.0) -> Iterator[Proxy]:
    """A proxy before ``endpoint``; each answer takes ``round_trip`` seconds longer."""
    parts = urlsplit(endpoint)
    made = Proxy((str(parts.hostname), int(parts.port or 80)), round_trip / 2)
    loop, ready, stopped = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=[made.serve(ready, stopped)], daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
