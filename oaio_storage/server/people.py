"""Accounts: logging in, sharing, who may see whom, and wiping a user."""

from uuid import uuid4

from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from oaio_storage.errors import Forbidden, NotFound, WrongPassword
from oaio_storage.model import AccessRight, stamp_plus
from oaio_storage.server.accepting import Context, changing, locked, right_of
from oaio_storage.server.attempts import ATTEMPTS
from oaio_storage.server.feed import announce, read_clock
from oaio_storage.server.models import RightChange, StoredObject, StoredVersion, Subscription, hash_of
from oaio_storage.server.rights import Grant, checked_right, may_read


def log_in(request: HttpRequest, name: str, password: str) -> User:
    """Begin a session of the user, under a new id.

    Raises:
        WrongPassword: name and password do not fit, or the account is disabled; which of them is not told.
        Throttled: too many wrong passwords for this account from this address.
    """
    who = (name, str(request.META.get("REMOTE_ADDR")))
    ATTEMPTS.check(who)
    user = authenticate(request, username=name, password=password)
    if not isinstance(user, User):
        ATTEMPTS.failed(who)
        raise WrongPassword("user name and password do not fit")
    ATTEMPTS.succeeded(who)
    request.session.flush()  # Django keeps the id when the same user logs in again
    login(request, user)
    return user


def access_list(user: User, oaio_id: str) -> list[dict[str, str]]:
    """Everybody with a right on the object, if ``user`` may read it.

    And with right ``x`` the user and those that the user shares other objects with, or all for staff
    (O12). Sorted by right and name.
    """
    row = StoredObject.objects.filter(id_hash=hash_of(oaio_id)).first()
    rights: dict[str, str] = {}
    if row is not None and (user.is_staff or may_read(right_of(user.pk, row.pk))):
        rights = dict(Subscription.objects.filter(object=row).values_list("user__username", "right"))
    if user.is_staff:
        others = set(User.objects.filter(is_active=True).values_list("username", flat=True))
    else:
        shared = Subscription.objects.filter(user=user).values("object")
        others = set(Subscription.objects.filter(object__in=shared).values_list("user__username", flat=True))
    everybody = {name: str(AccessRight.NONE) for name in [user.username, *others]} | rights
    found = [{"username": name, "access_right": right} for name, right in everybody.items()]
    return sorted(found, key=lambda one: (one["access_right"], one["username"]))


def share(actor: User, oaio_id: str, name: str, right: str) -> tuple[int, int]:
    """Give ``name`` the ``right`` on the object; ``x`` takes it away. Safe to repeat.

    Returns:
        The key of the subscription (0 if there was none to remove), and how many versions its user can read.

    Raises:
        InvalidArgument: there is no such right.
        NotFound: there is no such object for the actor, or no such user.
        Forbidden: the actor's right does not allow it.
    """
    wanted = checked_right(right)
    return changing(lambda: _share(actor, oaio_id, name, wanted))


def wipe_user(actor: User, name: str) -> None:
    """Remove the user ``name`` with subscriptions and log (sessions die with the user).

    Objects on which nobody else has ``C`` become deletions for those who share them, without anything
    of their values.

    Raises:
        Forbidden: the actor is neither this user nor staff.
        NotFound: there is no such user; only staff is told.
    """
    if actor.username != name and not actor.is_staff:
        raise Forbidden("only staff may wipe another user", "Ask the server's operator.")
    with transaction.atomic():
        user = User.objects.filter(username=name).first()
        if user is None:
            raise NotFound(f"there is no user {name!r}", "Check the spelling of the name.")
        _wipe_objects(user)
        user.delete()


def _share(actor: User, oaio_id: str, name: str, wanted: AccessRight) -> tuple[int, int]:
    context = locked(oaio_id, actor)
    own = actor.username == name
    user = actor if own else User.objects.filter(username=name, is_active=True).first()
    row = context.row
    present = right_of(user.pk, row.pk) if row and user else AccessRight.NONE
    grant = Grant(
        actor=context.state.right,
        own=own,
        present=present,
        wanted=wanted,
        creators=Subscription.objects.filter(object=row, right=AccessRight.CREATOR).count() if row else 0,
        deleted=context.state.current is None or context.state.current.deleted,
    )
    if refusal := grant.refusal():
        raise refusal
    if user is None or row is None:
        raise NotFound(f"there is no user {name!r}", "Check the spelling of the name.")
    return _set_right(context, row, user, wanted), row.versions.count() if may_read(wanted) else 0


def _set_right(context: Context, row: StoredObject, user: User, wanted: AccessRight) -> int:
    subscription = Subscription.objects.filter(object=row, user=user).first()
    if wanted == (subscription.right if subscription else AccessRight.NONE):
        return subscription.pk if subscription else 0
    if subscription is None:
        subscription = Subscription(object=row, user=user)
    pk = subscription.pk
    if wanted is AccessRight.NONE:
        subscription.delete()
    else:
        subscription.right = wanted
        subscription.save()
        pk = subscription.pk
    RightChange.objects.create(stamp=context.now, actor=context.user, user=user, object=row, right=wanted)
    announce(row.pk, context.now, only=user.pk)
    return pk


def _wipe_objects(user: User) -> None:
    _, now = read_clock()
    mine = Subscription.objects.filter(user=user)
    rows = list(StoredObject.objects.select_for_update().filter(pk__in=mine.values("object")).order_by("pk"))
    owned = set(mine.filter(right=AccessRight.CREATOR).values_list("object_id", flat=True))
    kept = set(
        Subscription.objects.filter(object__in=owned, right=AccessRight.CREATOR)
        .exclude(user=user)
        .values_list("object_id", flat=True)
    )
    Subscription.objects.filter(user=user).delete()
    StoredVersion.objects.filter(author=user).update(username="", author=None)
    for row in rows:
        if row.pk in owned - kept:
            _wipe_object(row, now)
            announce(row.pk, now)


def _wipe_object(row: StoredObject, now: str) -> None:
    last = row.current
    tombstone = ""
    if last is not None and row.subscriptions.exists():
        tombstone = uuid4().hex
        row.last_number += 1
        StoredVersion.objects.create(
            id=tombstone,
            object=row,
            number=row.last_number,
            base=last.pk,
            stamp=max(now, stamp_plus(last.stamp, 1)),
            client_stamp=now,
            deleted=True,
            values="{}",
            aside=False,
            accepted=now,
        )
    row.current_id = tombstone or None
    row.oaio_id = row.oaio_id if tombstone else ""
    row.save(update_fields=["current", "oaio_id", "last_number"])
    row.versions.exclude(pk=tombstone).delete()
