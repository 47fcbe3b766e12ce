"""Bringing versions into the database.

One transaction each, object's row first, ``feed_clock`` last (O2, O3, O6).
"""

import json
from collections.abc import Callable, Collection
from typing import TypeVar

import attrs
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from oaio_storage.errors import LoginNeeded, OaioError, ReusedId
from oaio_storage.model import AccessRight, Proposal, Version
from oaio_storage.server.deciding import Accept, Current, Refuse, State, check_content, decide
from oaio_storage.server.feed import announce, read_clock
from oaio_storage.server.models import Conflict, StoredObject, StoredVersion, Subscription, hash_of
from oaio_storage.server.offer import check_offered, offered_hosts

T = TypeVar("T")


@attrs.frozen
class Outcome:
    """What became of a proposal.

    ``version`` if it is accepted, else ``error``, with ``current`` if the caller may see it.
    """

    version: Version | None = None
    error: OaioError | None = None
    current: Version | None = None


@attrs.frozen(kw_only=True)
class Context:
    """The locked object, what is known of it, and the server's now; of one transaction."""

    user: User
    row: StoredObject | None
    state: State
    now: str


def version_of(row: StoredVersion, oaio_id: str) -> Version:
    """The version that ``row`` keeps."""
    names = {field.name for field in attrs.fields(Version)} - {"oaio_id", "paths"}
    paths = None if row.paths is None else tuple(json.loads(row.paths))
    return Version(oaio_id=oaio_id, paths=paths, **{name: getattr(row, name) for name in names})


def accept(proposal: Proposal, user: User) -> Outcome:
    """Judge ``proposal`` and store it if it is accepted; the same again answers the same (O2)."""
    try:
        check_content(proposal)
        if proposal.attached:
            check_offered(proposal.csh_id, offered_hosts())
        return changing(lambda: _accept(proposal, user))
    except OaioError as err:
        return Outcome(error=err)


def changing(change: Callable[[], T]) -> T:
    """The result of ``change``, run as one transaction.

    Once more if another one made the same row meanwhile.
    """
    try:
        with transaction.atomic():
            return change()
    except IntegrityError:
        with transaction.atomic():
            return change()


def locked(oaio_id: str, user: User, *, base: str | None = None, stamp: str = "") -> Context:
    """Lock the object's row and read what decides about it.

    Raises:
        LoginNeeded: the user was wiped or disabled meanwhile.
    """
    row = (
        StoredObject.objects.select_for_update(of=("self",))
        .select_related("current")
        .filter(id_hash=hash_of(oaio_id))
        .first()
    )
    if not User.objects.filter(pk=user.pk, is_active=True).exists():
        raise LoginNeeded("this user is not there any more")
    _, now = read_clock()
    if row is None:
        return Context(user=user, row=None, state=State(right=AccessRight.NONE), now=now)
    current = row.current
    versions = dict(row.versions.filter(pk=base).values_list("pk", "stamp")) if base else {}
    state = State(
        right=right_of(user.pk, row.pk),
        current=Current(current.pk, current.stamp, current.deleted) if current else None,
        wiped=current is None,
        conflicts={pk: settler is None for pk, settler in row.conflicts.values_list("pk", "settled_by")},
        base_stamp=versions.get(base or "", ""),
        stamp_taken=bool(stamp) and row.versions.filter(stamp=stamp).exists(),
    )
    return Context(user=user, row=row, state=state, now=now)


def right_of(user_pk: int, object_pk: int) -> AccessRight:
    """The right of a user on an object."""
    found = (
        Subscription.objects.filter(user_id=user_pk, object_id=object_pk)
        .values_list("right", flat=True)
        .first()
    )
    return AccessRight(found or AccessRight.NONE)


def store(context: Context, version: Version, decision: Accept, *, digest: str = "") -> Version:
    """Write an accepted ``version`` and all that follows, and tell everybody with a right.

    Number, author and time are filled in.
    """
    row = context.row
    if row is None:
        row = StoredObject.objects.create(id_hash=hash_of(version.oaio_id), oaio_id=version.oaio_id)
        Subscription.objects.create(object=row, user=context.user, right=AccessRight.CREATOR)
    last = row.versions.order_by("-number").values_list("number", flat=True).first()
    version = attrs.evolve(
        version, number=(last or 0) + 1, username=context.user.username, accepted=context.now
    )
    fields = version.as_json() | {"paths": None if version.paths is None else json.dumps(version.paths)}
    del fields["oaio_id"]
    kept = StoredVersion.objects.create(object=row, author=context.user, digest=digest, **fields)
    if decision.in_front:
        row.current = kept
        row.save(update_fields=["current"])
    if conflicting := decision.overtaken or ("" if decision.in_front else kept.pk):
        Conflict.objects.create(version_id=conflicting, object=row, since=context.now)
    if decision.settled:
        Conflict.objects.filter(pk__in=decision.settled).update(settled_by=kept)
    announce([row.pk], subscribers(row.pk), context.now)
    return version


def subscribers(object_pk: int) -> Collection[int]:
    """The users with a right on the object."""
    return Subscription.objects.filter(object_id=object_pk).values_list("user_id", flat=True)


def _accept(proposal: Proposal, user: User) -> Outcome:
    context = locked(proposal.oaio_id, user, base=proposal.base, stamp=proposal.stamp)
    known = StoredVersion.objects.select_related("object").filter(pk=proposal.id).first()
    if known is not None:
        if known.digest != proposal.digest() or known.author_id != user.pk:
            return Outcome(error=ReusedId(f"the version id {proposal.id} was used for something else"))
        return Outcome(version=version_of(known, known.object.oaio_id))
    decision = decide(proposal, context.state, context.now)
    if isinstance(decision, Refuse):
        return Outcome(error=decision.error, current=_current(context) if decision.shows_current else None)
    proposed = {
        key: value for key, value in attrs.asdict(proposal).items() if key not in ("overtakes", "resolves")
    }
    version = Version(**proposed, paths=None, number=0, username="", accepted="")
    return Outcome(version=store(context, version, decision, digest=proposal.digest()))


def _current(context: Context) -> Version | None:
    row = context.row
    return version_of(row.current, row.oaio_id) if row and row.current else None
