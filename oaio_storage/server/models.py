"""The tables.

Values, manifests and arguments are canonical text, never JSON columns, which change values (O5).
"""

import hashlib
from typing import ClassVar

from django.conf import settings
from django.db import models

RIGHTS = [("C", "creator"), ("D", "delete"), ("U", "update"), ("r", "read")]


def hash_of(oaio_id: str) -> str:
    """What stays of an object's id for ever (O9)."""
    return hashlib.sha256(oaio_id.encode(errors="surrogatepass")).hexdigest()


class StoredObject(models.Model):
    """An object; without ``current`` only the hash of a wiped one, whose id is never accepted again (O9)."""

    id_hash = models.CharField(max_length=64, unique=True, editable=False)
    oaio_id = models.TextField(blank=True)
    current = models.ForeignKey("StoredVersion", models.RESTRICT, null=True, related_name="+")
    last_number = models.PositiveBigIntegerField(default=0)

    class Meta:  # noqa: D106 - Django's
        verbose_name = "object"

    def __str__(self) -> str:
        return self.oaio_id or self.id_hash


class StoredVersion(models.Model):
    """One accepted version of an object (O1).

    Never changed, except that wiping a user takes the author's name away.
    """

    id = models.CharField(max_length=32, primary_key=True)
    object = models.ForeignKey(StoredObject, models.CASCADE, related_name="versions")
    digest = models.CharField(max_length=64, blank=True)
    number = models.PositiveBigIntegerField()
    base = models.CharField(max_length=32, null=True)  # noqa: DJ001 - null is the contract's word for no base
    stamp = models.CharField(max_length=20)
    client_stamp = models.CharField(max_length=20)
    deleted = models.BooleanField()
    values = models.TextField()
    attached = models.CharField(max_length=6, blank=True)
    files = models.TextField(null=True)  # noqa: DJ001 - null: nothing attached, or written by an original client
    paths = models.TextField(null=True)  # noqa: DJ001 - JSON list; only of versions written by an original client
    root_path = models.TextField(blank=True)
    csh_id = models.TextField(blank=True)
    device_id = models.TextField(blank=True)
    app_id = models.TextField(blank=True)
    aside = models.BooleanField()
    username = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    accepted = models.CharField(max_length=20)

    class Meta:  # noqa: D106 - Django's
        verbose_name = "version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["object", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["object", "stamp"], name="one_version_per_stamp"),
        ]

    def __str__(self) -> str:
        return f"{self.object} #{self.number}"


class Conflict(models.Model):
    """A version that is not in front and waits for a person's word; its id is the version's."""

    version = models.OneToOneField(StoredVersion, models.CASCADE, primary_key=True, related_name="conflict")
    object = models.ForeignKey(StoredObject, models.CASCADE, related_name="conflicts")
    since = models.CharField(max_length=20)
    settled_by = models.ForeignKey(StoredVersion, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"conflict about {self.version}"


class Subscription(models.Model):
    """The right of a user on an object; no row means none."""

    object = models.ForeignKey(StoredObject, models.CASCADE, related_name="subscriptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    right = models.CharField(max_length=1, choices=RIGHTS)

    class Meta:  # noqa: D106 - Django's
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["object", "user"], name="one_right_per_user")
        ]

    def __str__(self) -> str:
        return f"{self.right} of {self.user} on {self.object}"


class FeedEntry(models.Model):
    """That ``user`` must learn the state of ``object``, at ``sequence`` in the server's order (O6)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    object = models.ForeignKey(StoredObject, models.CASCADE, related_name="+")
    sequence = models.PositiveBigIntegerField()

    class Meta:  # noqa: D106 - Django's
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "object"], name="one_entry_per_user_and_object"),
            models.UniqueConstraint(fields=["user", "sequence"], name="one_entry_per_user_and_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} for {self.user}"


class FeedClock(models.Model):
    """One row: the last sequence and the last stamp that were given, and the name of this database."""

    sequence = models.PositiveBigIntegerField(default=0)
    last_stamp = models.CharField(max_length=20)
    server_id = models.CharField(max_length=32)

    def __str__(self) -> str:
        return f"server {self.server_id} at {self.sequence}"


class RightChange(models.Model):
    """Who gave whom which right on what, and when (reliability A22)."""

    stamp = models.CharField(max_length=20)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    object = models.ForeignKey(StoredObject, models.CASCADE, related_name="+")
    right = models.CharField(max_length=1)

    def __str__(self) -> str:
        return f"{self.right} for {self.user} on {self.object} at {self.stamp}"


class Host(models.Model):
    """A storage host on offer.

    ``sealed`` holds its arguments (:mod:`oaio_storage.server.sealing`), ``root_id`` is its marker's id, empty
    where the host can have none. ``is_default`` is set for the one that the operator chose.
    """

    csh_id = models.CharField(max_length=255, primary_key=True)
    sealed = models.TextField()
    root_id = models.CharField(max_length=255, blank=True)
    is_default = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.csh_id
