"""What to do next with an object, decided from what is known of it. No I/O.

Until values and files are merged key by key (O13), the whole object is one key: an edit of an overtaken
version is put in front of the newer one, which becomes a listed conflict; a deletion stays in front of an
edit (O10).
"""

from collections.abc import Sequence
from enum import Enum, auto

import attrs

from oaio_storage.client.records import Edit, Source
from oaio_storage.model import MAY_DELETE, MAY_UPDATE, Proposal, Version


class Step(Enum):
    """What to do with the version in the inbox."""

    IGNORE = auto()  # it is not newer, and nothing of it is missing here
    WAIT = auto()  # edits go first
    APPLY = auto()
    REBASE = auto()  # the edit is put on it


def next_step(number: int, incoming: Version, edits: Sequence[Edit]) -> Step:
    """What to do with ``incoming``, given the agreed version's ``number`` and the object's ``edits``.

    An edit that may have reached the server is sent again as it is before anything is decided about it: only
    its answer tells whether ``incoming`` has seen it (O2).
    """
    if incoming.number < number:
        return Step.IGNORE
    if not edits:
        return Step.APPLY
    if edits[0].attempted or edits[0].held or incoming.number == number:
        return Step.WAIT
    return Step.REBASE


def same_content(item: Proposal, version: Version) -> bool:
    """Whether ``item`` and ``version`` say the same: equal content on both sides is no conflict."""
    if item.deleted or version.deleted:
        return item.deleted and version.deleted
    if (item.values, item.attached) != (version.values, version.attached):
        return False
    return item.files == version.files and (not item.attached or item.csh_id == version.csh_id)


def rebased(edit: Edit, on: Version) -> Edit | None:
    """``edit``, put on the version that overtook its base; None if that version says the same already.

    An edit that meets a deletion is kept as a conflict of it, aside, on the base that it was made on; a
    registration has none and can't. ``edit`` was never sent under its id.
    """
    item = edit.item
    same = same_content(item, on)
    if same and not item.resolves:
        return None
    aside = on.deleted and not item.deleted
    item = attrs.evolve(
        item,
        base=item.base if aside else on.id,
        overtakes=() if same or on.deleted else (on.id,),
        resolves=() if aside else item.resolves,
        aside=aside,
    )
    return attrs.evolve(edit, item=item, stamped=False)


def renewed(edit: Edit, version_id: str) -> Edit:
    """``edit`` after the server refused it: a new proposal with an id of its own.

    Files that were uploaded for the refused one are copied from there.
    """
    sources = edit.sources
    if edit.item.files is not None and edit.stamped:
        uploaded = Source(
            csh_id=edit.item.csh_id, folder=f"{edit.oaio_id}/{edit.item.stamp}", files=edit.item.files
        )
        sources = (*sources, uploaded)
    item = attrs.evolve(edit.item, id=version_id)
    return attrs.evolve(edit, item=item, stamped=False, attempted=False, sources=sources)


def merged_chain(edits: Sequence[Edit]) -> Edit:
    """One edit in place of several that follow each other, after the first was refused.

    The last one's author had seen the others, so its content stands for all.
    """
    first, last = edits[0], edits[-1]
    resolves = tuple(dict.fromkeys(one for edit in edits for one in edit.item.resolves))
    sources = tuple(dict.fromkeys(one for edit in edits for one in edit.sources))
    item = attrs.evolve(
        last.item,
        id=first.item.id,
        base=first.item.base,
        overtakes=first.item.overtakes,
        resolves=resolves,
        aside=first.item.aside,
    )
    return attrs.evolve(last, seq=first.seq, item=item, sources=sources)


def allowed(item: Proposal, right: str) -> bool:
    """Whether ``right`` suffices for ``item``, as far as this device knows."""
    if item.base is None:
        return True
    return right in (MAY_DELETE if item.deleted else MAY_UPDATE)
