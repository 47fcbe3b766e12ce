"""Everything this library raises on purpose, by who must act.

::

    OaioError
    ├── CallerError                 the caller changes the request
    │   ├── InvalidArgument         (also AssertionError and ValueError)
    │   │   ├── InvalidName         a path, id or tree name that no host may hold
    │   │   ├── InvalidValues       values that can't be stored as they are
    │   │   └── InvalidManifest     a manifest that is malformed
    │   ├── NotFound                (also FileNotFoundError)
    │   │   └── NotRegistered       no such object on this device (also AssertionError)
    │   ├── AlreadyExists           (also FileExistsError)
    │   ├── Changed                 a condition did not hold: somebody else was first
    │   ├── Stale                   an edit of a version that is no longer the current one
    │   ├── Superseded              a publication whose base is no longer live
    │   ├── ReusedId                one version id, two different contents
    │   ├── Forbidden               (also PermissionError)
    │   ├── LoginNeeded             no session, or one that ended
    │   ├── WrongPassword           user name and password do not fit
    │   ├── UnknownHost             a csh_id that nobody offers here
    │   └── NotGuaranteed           asked of a host what it does not declare
    ├── DeviceError                 the owner of this device acts
    │   ├── RootUnavailable         a folder is not mounted, not readable, or not the one it was
    │   ├── RootOverlap             two folders that must be apart
    │   ├── SourceChanged           a file changed or vanished while it was read
    │   ├── LocalStateDamaged       this device's own records can't be read
    │   ├── InvalidConfiguration    a file of settings is not as it has to be
    │   └── MassDeletion            more than half would go; a person says yes first
    ├── StorageError                the operator of a host or server acts
    │   ├── AccessDenied            the host refuses these credentials
    │   ├── QuotaExceeded           no room left
    │   ├── TooLarge                above a limit
    │   ├── Corrupt                 bytes are not those that were announced
    │   ├── WrongRoot               the root is another one than the server means
    │   ├── ForeignPublisher        a tree was changed by something else than its publishers
    │   ├── BadAnswer               an answer that the contract does not allow
    │   ├── Untrusted               the other side can't prove who it is
    │   └── ClockSkew               clocks differ too much
    └── TryAgain                    nobody acts; the same call may succeed later
        ├── Offline                 the server can't be reached
        ├── Unavailable             the other side is down for now
        ├── Throttled               asked too often
        ├── TimedOut                no answer in time; the outcome is unknown
        └── Busy                    another process holds the lock

Every leaf has the exit code of the command line and the HTTP status of the server that go with it.
A message says what happened and to what; ``hint`` says what to do next, where it can, a command to type.
"""

from collections.abc import Iterator
from typing import ClassVar

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_PARTLY = 0, 1, 2, 3
EXIT_NOT_FOUND, EXIT_TRY_AGAIN, EXIT_CONFLICT = 4, 5, 6

EXIT_CODES = {
    EXIT_DONE: "done",
    EXIT_FAILED: "failed",
    EXIT_USAGE: "usage",
    EXIT_PARTLY: "partly done",
    EXIT_NOT_FOUND: "not found",
    EXIT_TRY_AGAIN: "try again",
    EXIT_CONFLICT: "conflict",
}


class OaioError(Exception):
    """Root of everything the library raises on purpose.

    Attributes:
        message: what happened, and to what; never a secret.
        hint: what to do next; empty when the class's own hint says it best.
    """

    exit_code: ClassVar[int] = EXIT_FAILED
    http_status: ClassVar[int] = 500
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint

    def __str__(self) -> str:
        return self.message


class CallerError(OaioError):
    """The request can't succeed as it is; the caller changes it."""

    http_status = 400


class InvalidArgument(CallerError, AssertionError, ValueError):
    """An argument is not allowed. Nothing was changed."""

    exit_code = EXIT_USAGE


class InvalidName(InvalidArgument):
    """A path, id or tree name that no host may hold. Nothing was changed."""

    default_hint = "Rename it, or leave it out."


class InvalidValues(InvalidArgument):
    """Values that can't be stored and sent as they are. Nothing was changed."""


class InvalidManifest(InvalidArgument):
    """A manifest is malformed. Nothing was changed."""

    default_hint = "Make the manifest anew from the folder."


class NotFound(CallerError, FileNotFoundError):
    """Nothing is there under this name. Asking again will not help."""

    exit_code = EXIT_NOT_FOUND
    http_status = 404


class NotRegistered(NotFound, AssertionError):
    """No object of this id is known on this device. Nothing was changed."""

    default_hint = "oaio ls shows the objects, after oaio sync also those of other devices."


class AlreadyExists(CallerError, FileExistsError):
    """Something is there already, and was left as it is."""

    exit_code = EXIT_CONFLICT
    http_status = 409


class Changed(CallerError):
    """A condition did not hold: somebody else was first. Nothing was changed."""

    exit_code = EXIT_CONFLICT
    http_status = 412
    default_hint = "Read again, then decide."


class Stale(CallerError):
    """An edit is based on a version that is no longer the current one. Nothing was changed."""

    exit_code = EXIT_CONFLICT
    http_status = 409
    default_hint = "Synchronise, then edit again."


class Superseded(CallerError):
    """A publication began from a generation that is no longer live. Nothing of it is visible."""

    exit_code = EXIT_CONFLICT
    http_status = 409
    default_hint = "Look at what is live now, then publish again."


class ReusedId(CallerError):
    """A version id came a second time with another content. Nothing was changed."""

    http_status = 422


class Forbidden(CallerError, PermissionError):
    """The right on the object does not allow it. Nothing was changed."""

    http_status = 403
    default_hint = "Ask the object's owner for a higher right."


class LoginNeeded(CallerError):
    """There is no session, or it ended."""

    http_status = 401
    default_hint = "oaio login --password-stdin"


class WrongPassword(CallerError):
    """User name and password do not fit."""

    http_status = 401
    default_hint = "Check the user name and type the password again."


class UnknownHost(CallerError):
    """A storage host id that is neither installed nor offered here."""

    exit_code = EXIT_NOT_FOUND
    http_status = 404


class NotGuaranteed(CallerError):
    """Something was asked of a host that it does not declare. Raised before any I/O."""

    http_status = 501


class DeviceError(OaioError):
    """Something on this device needs its owner."""

    http_status = 409


class RootUnavailable(DeviceError):
    """A folder is not mounted, not readable, or not the one it was. Nothing counts as removed."""

    default_hint = "Mount or restore the folder, or make it readable."


class RootOverlap(DeviceError):
    """Two folders that must lie apart contain one another. Nothing was changed."""

    exit_code = EXIT_USAGE
    default_hint = "Choose a folder outside of the other."


class SourceChanged(DeviceError):
    """A file changed or vanished while it was being read. Nothing was changed."""

    exit_code = EXIT_TRY_AGAIN
    default_hint = "Try again when nobody writes to it."


class LocalStateDamaged(DeviceError):
    """This device's own records can't be read; they were set aside, not deleted."""


class InvalidConfiguration(DeviceError):
    """A file of settings is not as it has to be; the message names file and key. It was left as it is."""

    exit_code = EXIT_USAGE
    default_hint = "Correct the file."


class MassDeletion(DeviceError):
    """More than half of the files would go. Nothing was changed."""

    exit_code = EXIT_USAGE


class StorageError(OaioError):
    """A host or the server failed; the request was well formed."""

    http_status = 502


class AccessDenied(StorageError, PermissionError):
    """The host refuses these credentials."""

    default_hint = "Use credentials, or a user of this machine, that may do this."


class QuotaExceeded(StorageError):
    """No room is left on the host or the disk."""

    default_hint = "Make room there, then do it again."
    http_status = 507


class TooLarge(StorageError):
    """Above a limit."""

    http_status = 413


class Corrupt(StorageError):
    """Bytes are not those that were announced; they were not used."""


class WrongRoot(StorageError):
    """The host's root is another one than the server means, for instance another machine's disk."""

    default_hint = "Reach the root that the server means (mount it), or use another storage host."


class ForeignPublisher(StorageError):
    """What is live was put there by something else than the publishers of this tree; it was left alone."""

    http_status = 409


class BadAnswer(StorageError):
    """An answer that the contract does not allow."""


class Untrusted(StorageError):
    """The other side can't prove who it is; nothing was sent to it."""

    default_hint = (
        "Check the address. If the certificate is one that you signed yourself, name it: "
        "REQUESTS_CA_BUNDLE=FILE in front of the command."
    )


class ClockSkew(StorageError):
    """Clocks differ too much for a stamp to be accepted."""

    http_status = 409
    default_hint = "Set the clock of this device."


class TryAgain(OaioError):
    """The same call may succeed later."""

    exit_code = EXIT_TRY_AGAIN
    http_status = 503
    default_hint = "Try again later."


class Offline(TryAgain):
    """The server can't be reached. Edits are kept and sent later."""


class Unavailable(TryAgain):
    """The other side is down for now."""


class Throttled(TryAgain):
    """Asked too often."""

    http_status = 429


class TimedOut(TryAgain):
    """No answer came in time; whether it was done is unknown until it is read."""

    http_status = 504


class Busy(TryAgain):
    """Another process holds the lock."""

    default_hint = "Wait until the other process is done."


def leaves(of: type[OaioError] = OaioError) -> Iterator[type[OaioError]]:
    """Every class below ``of`` that is raised, in the order of the tree above."""
    for child in of.__subclasses__():
        yield child
        yield from leaves(child)


def as_json(error: OaioError) -> dict[str, str]:
    """``error`` as it travels: ``code`` (the class's name), ``message`` and ``hint``."""
    return {"code": type(error).__name__, "message": error.message, "hint": error.hint}


def from_json(answer: object, default: type[OaioError] = StorageError) -> OaioError:
    """The error that :func:`as_json` described; an unknown code becomes ``default``. Never raises."""
    told = answer if isinstance(answer, dict) else {}
    classes = {leaf.__name__: leaf for leaf in leaves()}
    kind = classes.get(str(told.get("code")), default)
    return kind(str(told.get("message") or "the other side gave no reason"), str(told.get("hint") or ""))
