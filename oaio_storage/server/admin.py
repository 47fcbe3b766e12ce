"""The tables as the admin pages show them: accounts can be edited.

Objects are the users' own, and hosts are changed by ``oaio hosts``, so both are only looked at.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from oaio_storage.server.models import Conflict, Host, RightChange, StoredObject, StoredVersion, Subscription

if TYPE_CHECKING:
    ModelAdmin: TypeAlias = admin.ModelAdmin[Any]
    AccountAdmin: TypeAlias = UserAdmin[User]
else:  # Django's classes are generic in its type hints only
    ModelAdmin, AccountAdmin = admin.ModelAdmin, UserAdmin

admin.site.site_header = admin.site.site_title = "oaio server"


class ReadOnly(ModelAdmin):
    """Shows rows and changes none: changes go through the objects' own rules."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - same
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - same
        """Nobody deletes rows here."""
        return False


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnly):
    """Objects by id."""

    list_display = ("oaio_id", "current")
    search_fields = ("oaio_id",)


@admin.register(StoredVersion)
class StoredVersionAdmin(ReadOnly):
    """Versions without what the users wrote in them."""

    list_display = ("object", "number", "username", "accepted", "deleted")
    exclude = ("values", "files", "paths", "root_path")
    list_select_related = ("object",)


@admin.register(Conflict)
class ConflictAdmin(ReadOnly):
    """Conflicts, settled ones too."""

    list_display = ("version", "since", "settled_by")
    list_select_related = ("version__object", "settled_by__object")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnly):
    """Who has which right on what."""

    list_display = ("object", "user", "right")
    list_select_related = ("object", "user")


@admin.register(RightChange)
class RightChangeAdmin(ReadOnly):
    """Who gave which right to whom."""

    list_display = ("stamp", "actor", "user", "object", "right")
    list_select_related = ("actor", "user", "object")


@admin.register(Host)
class HostAdmin(ReadOnly):
    """Storage hosts on offer, without their arguments; ``oaio hosts --data`` changes them."""

    list_display = ("csh_id", "root_id", "is_default")
    exclude = ("sealed",)


admin.site.unregister(User)


@admin.register(User)
class UserAccountAdmin(AccountAdmin):
    """Accounts are disabled here; wiping one (``wipe_user``) also takes care of its objects."""

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody is deleted without the objects."""
        return False
