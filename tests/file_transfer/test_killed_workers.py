"""Workers that are killed in the middle of uploads and commits: another one completes the publication."""

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import psutil
import requests
from counts import COUNTS
from file_transfer import wire
from file_transfer.servers import Gunicorn

ATTEMPTS = 100


def kill(site: Gunicorn, seconds: float) -> None:
    """Kill all workers after some time; the master starts others."""
    time.sleep(seconds)
    for worker in site.workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


def until_told(ask: Callable[[], wire.Told], *statuses: int) -> tuple[wire.Told, int]:
    """What a client is told that asks again where its connection breaks; and how often that was."""
    for number in range(ATTEMPTS):
        try:
            told = ask()
        except requests.ConnectionError:
            time.sleep(0.05)
            continue
        if told.status != 503:
            assert told.status in statuses, told
            return told, number
        time.sleep(0.05)
    raise AssertionError


def published(site: Gunicorn, course: str, files: wire.Files, mtime: int) -> int:
    client = wire.Client(site.ask, course, wire.bearer(course))
    manifest = json.dumps(wire.manifest_of(files, mtime)).encode()
    told, broken = until_told(lambda: client.select(manifest), 200)
    pid, asked = told.json["process_id"], [*told.json["files_new"], *told.json["files_update"]]
    half = len(asked) // 2
    for number, paths in enumerate((asked[:half], asked[half:])):
        archive = wire.archive_of({path: files[path] for path in paths})
        send = partial(client.send, pid, archive, last=bool(number))
        sent, more = until_told(send, 200, 409)
        assert sent.status == 200 or number, sent  # 409: it was complete when the worker was killed
        broken += more
    done, more = until_told(lambda: client.publish(pid), 200)
    assert done.json["msg"]
    return broken + more


def test_a_publication_goes_on_in_another_worker(site: Gunicorn) -> None:
    course, chance, broken = f"course-{uuid4().hex[:8]}", random.Random(8), 0
    for number in range(COUNTS.server_kills // 2):
        files = {
            "index.html": b"%d" % number,
            **{f"{one}.txt": b"%d %d" % (one, number) for one in range(40)},
        }
        killer = threading.Thread(target=kill, args=(site, chance.uniform(0, 0.6)))
        killer.start()
        broken += published(site, course, files, wire.BEGIN + number)
        killer.join()
        for path in ("index.html", "7.txt"):
            seen, _ = until_told(partial(site.ask, "GET", f"/sites/{course}/{path}"), 200)
            assert seen.body == files[path]
    assert broken, "no request met a kill"
