"""The rows of this device's records, as values: what is held of an object, an edit, a change to apply."""

import json
from collections.abc import Sequence
from typing import Any, Self

import attrs

from oaio_storage.manifest import Manifest
from oaio_storage.model import AccessRight, Proposal, Version


@attrs.frozen(kw_only=True)
class Source:
    """Files that lie complete on a storage host already, so that the host may copy them.

    Attributes:
        csh_id: the host.
        folder: ``oaio_id/stamp`` on it.
        files: canonical manifest text of what lies there.
    """

    csh_id: str
    folder: str
    files: str

    @classmethod
    def of(cls, version: Version | Proposal) -> Self:
        """The files of a version that was stored completely, and says what they are."""
        return cls(
            csh_id=version.csh_id,
            folder=f"{version.oaio_id}/{version.stamp}",
            files=version.files or Manifest({}).text(),
        )

    def manifest(self) -> Manifest:
        """What lies in the folder."""
        return Manifest.parse(self.files)


@attrs.frozen(kw_only=True)
class Holding:
    """What this device holds of one object.

    Attributes:
        oaio_id: the object.
        version: the version last agreed with the server; None: none yet.
        right: the user's right on it, as last heard.
        root: absolute folder of its files on this device; empty: below client_root.
        root_id: identity of that folder when it was mapped; empty: not recorded.
        disk: canonical manifest text of the files as they were last put or seen on this device; empty: none
            are there.
        whole: ``root`` is the object's with everything in it. False: a file was attached, not its folder, and
            what lies beside it is nobody's business. This device alone decides it, never a version.
    """

    oaio_id: str
    version: Version | None = None
    right: str = AccessRight.CREATOR
    root: str = ""
    root_id: str = ""
    disk: str = ""
    whole: bool = True

    @property
    def takes_all(self) -> bool:
        """Whether everything in the object's folder is the object's."""
        return self.whole or not self.root

    @property
    def number(self) -> int:
        """How new the agreed version is; 0 if there is none."""
        return self.version.number if self.version else 0

    def manifest(self) -> Manifest:
        """The files on this device, as last put or seen there."""
        return Manifest.parse(self.disk) if self.disk else Manifest({})


@attrs.frozen(kw_only=True)
class Edit:
    """An entry of the outbox: a version that the server has not accepted yet.

    Attributes:
        seq: its place in the outbox.
        item: the version to propose. Its stamp is final only once ``stamped``.
        stamped: a stamp of the server was given to it, and its files go to that stamp's folder.
        attempted: sending it began, so it is immutable (O1).
        held: name of the error class that keeps it from being sent; empty: it may be sent.
        why: that error's message; also why the last attempt failed, if it may be sent.
        sources: where its files may be copied from.
    """

    seq: int = 0
    item: Proposal
    stamped: bool = False
    attempted: bool = False
    held: str = ""
    why: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def oaio_id(self) -> str:
        """The object."""
        return self.item.oaio_id

    def manifest(self) -> Manifest:
        """The files of this version; empty if nothing is attached."""
        return Manifest.parse(self.item.files) if self.item.files is not None else Manifest({})

    def sources_text(self) -> str:
        """``sources`` as stored."""
        return json.dumps([attrs.asdict(source) for source in self.sources])

    @staticmethod
    def parse_sources(text: str) -> tuple[Source, ...]:
        """The inverse of :meth:`sources_text`."""
        return tuple(Source(**source) for source in json.loads(text))


def newest(holding: Holding, edits: Sequence[Edit]) -> Proposal | Version | None:
    """The newest state of the object on this device."""
    return edits[-1].item if edits else holding.version


@attrs.frozen(kw_only=True)
class Incoming:
    """An entry of the inbox: the newest version of an object that this device has not applied yet.

    Attributes:
        oaio_id: the object.
        version: what to apply; None: the user has no right any more.
        tries: how often applying it failed.
        error: name of the error class of the last failure.
        why: its message.
        hint: its way out.
    """

    oaio_id: str
    version: Version | None
    tries: int = 0
    error: str = ""
    why: str = ""
    hint: str = ""


@attrs.frozen(kw_only=True)
class Overtaken:
    """A listed conflict: the version that is not in front."""

    id: str
    oaio_id: str
    since: str
    version: Version


@attrs.frozen(kw_only=True)
class Content:
    """Bytes given by an app, stored durably, that have yet to be put in place (O14)."""

    target: str
    stored: str
    oaio_id: str


def version_text(version: Version | None) -> str | None:
    """A version as stored; None stays None."""
    return None if version is None else json.dumps(version.as_json(), ensure_ascii=False)


def parse_version(text: str | None) -> Version | None:
    """The inverse of :func:`version_text`."""
    return None if text is None else Version.from_json(json.loads(text))


@attrs.frozen(kw_only=True)
class Entry:
    """An ENTRY of the feed (native API)."""

    oaio_id: str
    right: str
    version: Version | None
    conflicts: tuple[Overtaken, ...]

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> Self:
        """The entry that ``answer`` describes.

        Raises:
            BadAnswer: a version in it is malformed.
            KeyError, TypeError: anything else is.
        """
        version = answer["version"]
        return cls(
            oaio_id=answer["oaio_id"],
            right=AccessRight(answer["right"]),
            version=None if version is None else Version.from_json(version),
            conflicts=tuple(
                Overtaken(
                    id=one["id"],
                    oaio_id=answer["oaio_id"],
                    since=one["since"],
                    version=Version.from_json(one["version"]),
                )
                for one in answer["conflicts"]
            ),
        )
