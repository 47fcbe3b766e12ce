"""Bringing versions into the database.

One transaction each, object's row first, ``feed_clock`` last (O2, O3, O6).
"""

import json
from collections.abc import Callable
from typing import TypeVar

import attrs
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, Q, Subquery

from oaio_storage.errors import LoginNeeded, OaioError, ReusedId
from oaio_storage.model import AccessRight, Proposal, Version
from oaio_storage.server.deciding import Accept, Current, Refuse, State, check_content, decide
from oaio_storage.server.feed import announce, now_of
from oaio_storage.server.models import Conflict, FeedClock, StoredObject, StoredVersion, Subscription, hash_of
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
    """The locked object, what is known of it, and the server's now; of one transaction.

    ``known``: there is a version of the id that was asked for.
    """

    user: User
    row: StoredObject | None
    state: State
    now: str
    known: bool = False


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
            check_offered(proposal.csh_id, offered_hosts()[0])
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


def locked(oaio_id: str, user: User, *, version_id: str = "", base: str = "", stamp: str = "") -> Context:
    """Lock the object's row, and only then read what decides about it.

    Raises:
        LoginNeeded: the user was wiped or disabled meanwhile.
    """
    row = StoredObject.objects.select_for_update().filter(id_hash=hash_of(oaio_id)).first()
    facts = FeedClock.objects.annotate(
        active=Exists(User.objects.filter(pk=user.pk, is_active=True)),
        known=Exists(StoredVersion.objects.filter(pk=version_id)),
        right=Subquery(Subscription.objects.filter(user=user, object=row and row.pk).values("right")),
    ).get(pk=1)
    if not facts.active:
        raise LoginNeeded("this user is not there any more")
    return Context(
        user=user,
        row=row,
        state=_state(row, user, AccessRight(facts.right or AccessRight.NONE), base, stamp),
        now=now_of(facts),
        known=facts.known,
    )


def _state(row: StoredObject | None, user: User, right: AccessRight, base: str, stamp: str) -> State:
    if row is None:
        return State(right=right)
    current = row.current
    found = list(row.versions.filter(Q(pk=base) | Q(stamp=stamp)).values_list("pk", "stamp", "author"))
    return State(
        right=right,
        current=Current(current.pk, current.stamp, current.deleted) if current else None,
        wiped=current is None,
        conflicts={pk: settler is None for pk, settler in row.conflicts.values_list("pk", "settled_by")},
        base_stamp=next((taken for pk, taken, _ in found if pk == base), ""),
        base_own=any(pk == base and author == user.pk for pk, _, author in found),
        stamp_taken=any(taken == stamp for _, taken, _ in found),
    )


def right_of(user_pk: int, object_pk: int) -> AccessRight:
    """The right of a user on an object."""
    found = Subscription.objects.filter(user_id=user_pk, object_id=object_pk).values_list("right", flat=True)
    return AccessRight(found.first() or AccessRight.NONE)


def store(context: Context, version: Version, decision: Accept, *, digest: str = "") -> Version:
    """Write an accepted ``version`` and all that follows, and tell everybody with a right.

    Number, author and time are filled in.
    """
    row = context.row
    version = attrs.evolve(
        version,
        number=row.last_number + 1 if row else 1,
        username=context.user.username,
        accepted=context.now,
    )
    if row is None:  # refers to its current version before that is there: references are checked at commit
        row = StoredObject.objects.create(
            id_hash=hash_of(version.oaio_id), oaio_id=version.oaio_id, current_id=version.id, last_number=1
        )
        Subscription.objects.create(object=row, user=context.user, right=AccessRight.CREATOR)
    else:
        row.last_number = version.number
        if decision.in_front:
            row.current_id = version.id
        row.save(update_fields=["current", "last_number"])
    fields = version.as_json() | {"paths": None if version.paths is None else json.dumps(version.paths)}
    del fields["oaio_id"]
    StoredVersion.objects.create(object=row, author=context.user, digest=digest, **fields)
    if conflicting := decision.overtaken or ("" if decision.in_front else version.id):
        Conflict.objects.create(version_id=conflicting, object=row, since=context.now)
    if decision.settled:
        Conflict.objects.filter(pk__in=decision.settled).update(settled_by=version.id)
    announce(row.pk, context.now)
    return version


def _accept(proposal: Proposal, user: User) -> Outcome:
    context = locked(
        proposal.oaio_id, user, version_id=proposal.id, base=proposal.base or "", stamp=proposal.stamp
    )
    if context.known:
        known = StoredVersion.objects.select_related("object").get(pk=proposal.id)
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
