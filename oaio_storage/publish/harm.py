"""What damage of a tree store means for its generations."""

from collections.abc import Set as AbstractSet

import attrs

from oaio_storage.errors import Corrupt, NotFound, OaioError
from oaio_storage.publish.results import Fault, Verified
from oaio_storage.trees import verifying
from oaio_storage.trees.store import TreeStore
from oaio_storage.trees.switches import Switch


def told(store: TreeStore, found: verifying.Verified) -> Verified:
    """What was found wrong, as all layouts tell it, and which generations can't be read as a whole."""
    store = attrs.evolve(store, local=None)
    kept: tuple[Switch, ...] = ()
    live = ""
    try:
        head, _ = store.heads.read()
        live = head.generation if head else ""
        kept = store.kept()
    except OaioError:  # the head itself is damaged
        pass
    wrong = {fault.path for fault in found.faults}
    return Verified(
        generations=found.generations,
        files=found.packs,
        bytes=found.bytes,
        faults=tuple(Fault("", fault.path, fault.what) for fault in found.faults),
        live=live,
        damaged=tuple(
            sorted({one.generation for one in kept if wrong and _is_harmed(store, one, wrong, found)})
        ),
    )


def _is_harmed(store: TreeStore, switch: Switch, wrong: AbstractSet[str], found: verifying.Verified) -> bool:
    """Whether a generation can't be read as a whole."""
    if store.paths.generation(switch.generation) in wrong:
        return True
    try:
        pieces = store.all_pieces(store.generation(switch.generation))
        return any(piece.digest in found.lost for piece in pieces)
    except (Corrupt, NotFound):
        return True
