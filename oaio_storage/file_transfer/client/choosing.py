"""Agreeing with a server on what it needs, also where it compares nothing but times.

The original's server asks for a file if the time that it is told is later than the one that it has, and
tells nobody what it has. So what changed is told with the time of sending; and of what did not change, as far
as this device knows, two requests find out whether the server has it still: it does not ask for a file at the
time ``t`` of the last publication, and asks for it at ``t + 1``, only if it has exactly ``t``.

The index page always has its own time: by that the server decides whether a version is newer.
"""

import time
from collections.abc import Iterator, Mapping

from oaio_storage.errors import BadAnswer, InvalidName
from oaio_storage.file_transfer.client.answers import Selected
from oaio_storage.file_transfer.client.memory import Begun
from oaio_storage.file_transfer.client.offer import Offer
from oaio_storage.file_transfer.client.wire import Wire

_INDEXES = frozenset({"index.html", "index.yaml"})
_OF_THE_SERVER = ("manifest.json", "files_to_update.json")
"""What the original's server keeps among the files of a tree."""

_ROUNDS = 4

Sent = Mapping[str, tuple[str, int]]


def choose(wire: Wire, offer: Offer, sent: Sent) -> Begun:
    """Begin a publication.

    Args:
        wire: to the server.
        offer: what is to be live.
        sent: what an original's server has, as far as this device knows.

    Raises:
        InvalidName: the server can't take a file of this name.
        OaioError: as :meth:`Wire.select`.
    """
    times: Mapping[str, int] = {}
    selected = _asked(wire, offer, times) if not sent else None
    if selected is None or (selected.exists and not selected.ours):
        times, selected = _by_times(wire, offer, sent)
    if not selected.ours:
        for name in _OF_THE_SERVER:
            if name in offer.files:
                raise InvalidName(f"the server keeps a file of its own as {name!r}")
    return Begun(offer.digest, selected, times)


def _by_times(wire: Wire, offer: Offer, sent: Sent) -> tuple[Mapping[str, int], Selected]:
    """The times to tell, so that an original's server asks for whatever it does not have; and its answer."""
    now = time.time_ns()
    same = {path: sent[path][1] for path in _held(offer, sent)}
    changed = {
        path: _later(now, sent.get(path)) for path in offer.files if path not in _INDEXES | same.keys()
    }
    if same:
        probe = {path: at + 1 for path, at in same.items()}
        asked = set(_asked(wire, offer, changed | probe).update)
        changed |= {path: _later(now, sent[path]) for path in same if path not in asked}
        same = {path: at for path, at in same.items() if path in asked}
    for _ in range(_ROUNDS):
        selected = _asked(wire, offer, changed | same)
        asked = {*selected.new, *selected.update}
        late = changed.keys() - asked if selected.exists and not selected.ours else ()
        if not late:
            return changed | same, selected
        changed |= {path: changed[path] * 2 for path in late}  # somebody's clock was wrong
    raise BadAnswer("the server does not ask for files whatever their time is", "Check --api.")


def _asked(wire: Wire, offer: Offer, times: Mapping[str, int]) -> Selected:
    selected = wire.select(offer.text(times))
    selected.check(offer.files)
    return selected


def _held(offer: Offer, sent: Sent) -> Iterator[str]:
    """What the server had after the last publication of this device, and is to have now."""
    for path, entry in offer.files.items():
        if path in sent and path not in _INDEXES and sent[path][0] == entry.checksum:
            yield path


def _later(now: int, sent: tuple[str, int] | None) -> int:
    return max(now, sent[1] + 1) if sent else now
