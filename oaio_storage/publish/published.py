"""A published tree, however it is kept: what can be done with it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol, Union

from oaio_storage.hash_cache import HashCache
from oaio_storage.hosts import CshApi
from oaio_storage.manifest import Manifest
from oaio_storage.progress import Report, ignore
from oaio_storage.publish.plan import Plan
from oaio_storage.publish.receiving import Receiver
from oaio_storage.publish.results import Cleaned, Mended, Published, Verified
from oaio_storage.trees.switches import Switch

if TYPE_CHECKING:
    from oaio_storage.trees.writing import CheckedOut


class OpenGeneration(Protocol):
    """One generation, open for reading, whatever becomes live meanwhile."""

    @property
    def switch(self) -> Switch:
        """How it became live."""

    @property
    def manifest(self) -> Manifest:
        """Its files."""

    def read(self, path: str) -> BinaryIO:
        """A file of it, to be read and closed; it may be read after the generation was closed.

        Raises:
            NotFound: there is no such file.
        """


class ReadableTree(Protocol):
    """A tree of which one generation is live."""

    @property
    def name(self) -> str:
        """The tree's name."""

    def version(self) -> str:
        """Another text whenever something else may have become live; costs one look.

        Raises:
            NotFound: nothing was published.
        """

    def seen(self) -> tuple[Switch | None, str]:
        """What is live, and the version that says so; empty if none does for long."""

    def open(self, generation: str = "") -> AbstractContextManager[OpenGeneration]:
        """One generation, the live one if none is named, kept as it is until the block ends.

        Raises:
            NotFound: nothing was published, or this generation is not kept any more.
            Corrupt: what is known of it is damaged or lost.
        """


class PublishedTree(ABC):
    """A tree on a host, of which one generation is live; safe for use by many threads and processes.

    The live one is replaced as a whole, in one step; a crash at any moment leaves the old or the new one, and
    whoever comes next completes what was begun. Every changing call may be repeated.

    Attributes:
        layout: how the tree is kept; see ``docs/publishing.md``.
    """

    layout: ClassVar[str]

    @property
    @abstractmethod
    def name(self) -> str:
        """The tree's name."""

    @property
    @abstractmethod
    def host(self) -> CshApi:
        """Where it lies."""

    # ---- looking

    @abstractmethod
    def version(self) -> str:
        """As :meth:`ReadableTree.version`."""

    @abstractmethod
    def seen(self) -> tuple[Switch | None, str]:
        """As :meth:`ReadableTree.seen`."""

    @abstractmethod
    def history(self) -> tuple[Switch, ...]:
        """All switches that ever were, oldest first; the last one is what is live."""

    @abstractmethod
    def kept(self) -> Collection[str]:
        """The ids of all generations that can be opened."""

    @abstractmethod
    def manifest(self, generation: str) -> Manifest:
        """The files of a generation.

        Raises:
            NotFound: there is no such generation, or it was collected.
            Corrupt: what is known of it is damaged.
        """

    @abstractmethod
    def live_manifest(self, *, yes: bool = False) -> Manifest:
        """The files that are live; none if none ever were, or if ``yes`` and what is known of them is lost.

        Raises:
            Corrupt: it is lost, and ``yes`` is needed, or does not help.
            Superseded: somebody published, and cleaned up, meanwhile.
        """

    @abstractmethod
    def open(self, generation: str = "", *, stays: bool = False) -> AbstractContextManager[OpenGeneration]:
        """As :meth:`ReadableTree.open`.

        Args:
            generation: which.
            stays: it may be read for longer than generations are kept; where the host knows of no readers
                it gets a pin meanwhile, if it may be written to.
        """

    def is_known(self) -> bool:
        """Whether it was published before."""
        return self.live() is not None

    def live(self) -> Switch | None:
        """How the generation that is live became so; None if none ever was."""
        return self.seen()[0]

    # ---- publishing

    @abstractmethod
    def prepare(self) -> None:
        """Make the host's root ready for a first publication: with its marker. A repeat is safe.

        Raises:
            NotGuaranteed: the host can't keep this layout; the hint says what would help.
        """

    @abstractmethod
    def planned(
        self,
        folder: Path,
        *,
        yes: bool = False,
        check: bool = False,
        cache: HashCache | None = None,
        report: Report = ignore,
    ) -> Published:
        """What publishing ``folder`` would do. Nothing is changed.

        Args:
            folder: only looked at.
            yes: also if what is known of the live generation is lost: then all files are new.
            check: read every byte of what is live, too.
            cache: checksums of earlier looks.
            report: told the files that were looked at.

        Raises:
            As :meth:`publish`; MassDeletion is not.
        """

    @abstractmethod
    def publish(  # noqa: PLR0913 - each is said once for a publication
        self,
        folder: Path,
        plan: Plan | None = None,
        *,
        yes: bool = False,
        check: bool = False,
        cache: HashCache | None = None,
        report: Report = ignore,
    ) -> Published:
        """Make what ``folder`` holds live, as a whole or not at all, and durably. A repeat resumes.

        Args:
            folder: only read.
            plan: made earlier and looked at; the folder has to be as it was then.
            yes: also if the tree would be empty, or more than half of its files would go.
            check: read every byte of what is live, so that nothing damaged is taken over.
            cache: checksums of earlier looks.
            report: told the files that were looked at and sent.

        Raises:
            RootUnavailable: the folder is missing or unreadable; or something in it can't be told.
            InvalidArgument: the folder is a link.
            RootOverlap: the folder holds the host's root, or lies in it.
            SourceChanged: a file is being written to, or the folder is not what the plan says.
            MassDeletion: ``yes`` is needed.
            Superseded: something else became live since the plan was made, or since this began.
            AlreadyExists, ForeignPublisher: something else than this layout's publishers put something there.
            NotGuaranteed: the host can't keep this layout.
        """

    @abstractmethod
    def receiver(self, base: str, transaction: str, room: str, guards: Mapping[str, str]) -> Receiver:
        """Takes in the files of a publication over many requests. The host is ready (:meth:`prepare`).

        Args:
            base: the generation that the publication follows; empty: none.
            transaction: its id.
            room: a folder in the state folder that is this publication's, for what comes.
            guards: files of the state folder and their versions; once one changes nothing comes any more.
        """

    @abstractmethod
    def rollback(self, generation: str = "", *, yes: bool = False) -> Switch:
        """Bring an older generation's content back, as a new one; nothing is sent.

        Args:
            generation: its id; empty: what was live before the live one.
            yes: also if more than half of the files would go.

        Raises:
            NotFound: there is none, or it is not kept any more.
            Superseded: somebody else published meanwhile.
            MassDeletion: ``yes`` is needed.
            Corrupt: that generation, or the live one, can't be read.
        """

    # ---- keeping it sound

    @abstractmethod
    def clean_up(
        self, *, at_once: bool = False, dry_run: bool = False, forget_readers: bool = False
    ) -> Cleaned:
        """Remove old generations, and publications that were given up. A repeat is safe.

        Args:
            at_once: only what is live or in use stays, whatever its age.
            dry_run: only tell what would go.
            forget_readers: what is said to be in use goes, too, where the host can't tell whether its reader
                ended without a word.

        Raises:
            Changed: somebody published or cleaned up meanwhile; no generation was removed.
        """

    @abstractmethod
    def verify(self, report: Report = ignore) -> Verified:
        """Read every byte of the live generation and of all that are kept (P19). Nothing is changed.

        Raises:
            NotFound: nothing was published under this name.
        """

    @abstractmethod
    def repair(self, source: Union["PublishedTree", Path, None] = None, report: Report = ignore) -> Mended:
        """Bring back what is missing or damaged. A repeat is safe, and so is an interruption.

        Args:
            source: the same tree on another host, or a folder with files of it; None: what needs neither.
            report: told the bytes that were read.

        Raises:
            NotFound: nothing was published under this name.
            NotGuaranteed: this layout is not repaired from there; the hint says how it is.
        """

    @abstractmethod
    def check_out(
        self, folder: Path, generation: str = "", *, cache: HashCache | None = None, report: Report = ignore
    ) -> "CheckedOut":
        """Write a generation, the live one if none is named, to ``folder``. A repeat goes on where it was.

        How, and what else may be raised, says :func:`~oaio_storage.trees.writing.write_out`.

        Raises:
            NotFound: there is no such generation, or it is not kept any more.
            RootOverlap: ``folder`` lies in a host's root, or around this one's.
        """
