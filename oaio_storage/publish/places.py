"""Where everything of one published tree lies below the root of its host; pure.

``NAME/`` holds what is live, as plain files. In the state folder, ``.oaio/trees/NAME/`` holds::

    head                     which generation is live, and the log
    log/<nonce>              older parts of the log
    generations/<id>         the record of each generation that is kept
    kept/<id>/               the files of each that is kept and not live
    staging/<transaction>/   state, plan, and files/: what is to become the next one;
                             incoming/ and committing/ serve its publisher alone
"""

import attrs

from oaio_storage.names import STATE_FOLDER
from oaio_storage.trees.paths import ID, check_tree_name, checked_id

__all__ = ["TREES", "Places", "checked_id", "is_id"]

TREES = "trees"
"""The folder, in the state folder, with a folder for each tree."""


@attrs.frozen
class Places:
    """The paths of one tree. Those of files are relative to the state folder, those of folders to the root.

    Raises:
        InvalidName: ``tree`` is no name of one part that every host can hold.
    """

    tree: str = attrs.field(validator=lambda _self, _field, value: check_tree_name(value))

    @property
    def live(self) -> str:
        """The folder that readers see."""
        return self.tree

    @property
    def head(self) -> str:
        """The file that says which generation is live."""
        return f"{TREES}/{self.tree}/head"

    @property
    def records(self) -> str:
        """The folder, in the state folder, of all records."""
        return f"{TREES}/{self.tree}/generations"

    @property
    def stagings(self) -> str:
        """The folder, in the state folder, of all publications under way."""
        return f"{TREES}/{self.tree}/staging"

    @property
    def put_away(self) -> str:
        """The folder, below the root, of the files of all generations that are not live."""
        return f"{STATE_FOLDER}/{TREES}/{self.tree}/kept"

    def log(self, nonce: str) -> str:
        """The file with an older part of the log."""
        return f"{TREES}/{self.tree}/log/{nonce}"

    def record(self, generation: str) -> str:
        """The file with the record of a generation."""
        return f"{self.records}/{checked_id(generation)}"

    def kept(self, generation: str) -> str:
        """The folder with the files of a generation that is not live."""
        return f"{self.put_away}/{checked_id(generation)}"

    def is_kept(self, path: str) -> bool:
        """Whether ``path`` is the folder of some generation that is not live."""
        folder, _, name = path.rpartition("/")
        return folder == self.put_away and is_id(name)

    def staging(self, transaction: str) -> str:
        """The folder of a publication under way."""
        return f"{STATE_FOLDER}/{self.stagings}/{checked_id(transaction)}"

    def staged(self, transaction: str) -> str:
        """The folder with its files."""
        return f"{self.staging(transaction)}/files"

    def committing(self, transaction: str) -> str:
        """The folder that is held, by one process alone, while it is committed."""
        return f"{self.staging(transaction)}/committing"

    def incoming(self, transaction: str) -> str:
        """The folder with files that are not complete yet."""
        return f"{self.staging(transaction)}/incoming"

    def state(self, transaction: str) -> str:
        """The file that says whether it may still be committed."""
        return f"{self.stagings}/{checked_id(transaction)}/state"

    def plan(self, transaction: str) -> str:
        """The file with its plan."""
        return f"{self.stagings}/{checked_id(transaction)}/plan"


def is_id(text: str) -> bool:
    """Whether ``text`` is the id of a generation or transaction."""
    return ID.fullmatch(text) is not None
