"""What an edit is made of: the wish of a user, files for an object, and what the edit finds of it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from oaio_storage.client.device import Device
from oaio_storage.client.records import Holding, Source
from oaio_storage.manifest import Manifest
from oaio_storage.model import OaiObject, Proposal, Version


@attrs.frozen(kw_only=True)
class Attachment:
    """Files for an object.

    Attributes:
        kind: ``"file"`` or ``"folder"``.
        manifest: what the files are.
        root: their folder on this device; None: below client_root.
        contents: bytes by relative path that are not there yet, as :func:`.edits.keep_content` stored them.
    """

    kind: str
    manifest: Manifest
    root: Path | None = None
    contents: Mapping[str, Path] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class LookedAt:
    """Files of an object, and what was held of it when they were looked at."""

    attachment: Attachment
    holding: Holding

    def is_so(self, now: Holding) -> bool:
        """Whether its files lie where, and are what, they were then."""
        return (now.root, now.disk) == (self.holding.root, self.holding.disk)


@attrs.frozen(kw_only=True)
class Draft:
    """What a user wants an object to be next."""

    values: str
    attached: str = ""
    files: str | None = None
    root_path: str = ""
    csh_id: str = ""
    resolves: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()


@attrs.frozen(kw_only=True)
class State:
    """What an edit finds of its object, in the transaction that stores it.

    Attributes:
        seen: the object as its user sees it.
        holding: what this device holds of it.
        newest: its newest version or edit here, which the new edit is based on.
    """

    seen: OaiObject
    holding: Holding
    newest: Proposal | Version

    def with_values(self, device: Device, values: str) -> Draft:
        """This state with other values; attached files stay as they are."""
        files = self.newest.files
        if self.newest.attached and files is None:
            files = self.holding.manifest().text()
        return Draft(
            values=values,
            attached=self.newest.attached,
            files=files,
            root_path=device.place_told(self.newest, self.holding),
            csh_id=self.newest.csh_id,
        )


Change = Callable[[State], Draft]
"""An edit: what the object is to be next, made of what it is when the edit is stored."""
