"""Every address of the server.

The original's slugs are there with and without a slash at the end (wire contract, 1.1).
"""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from oaio_storage.server import transfers
from oaio_storage.server.native_api import hosts as native_hosts
from oaio_storage.server.native_api import sessions as native_sessions
from oaio_storage.server.native_api import sharing as native_sharing
from oaio_storage.server.native_api import sync as native_sync
from oaio_storage.server.original_api import hosts, objects, sessions, sharing

ORIGINAL = {
    "login": sessions.login_view,
    "logout": sessions.logout_view,
    "current_stamp": sessions.stamp_view,
    "oaio_stampz": objects.listing_view,
    "register": objects.register_view,
    "upload": objects.upload_view,
    "delete": objects.delete_view,
    "subscribe": sharing.subscribe_view,
    "wipe_user": sharing.wipe_view,
    "csh_args/<path:csh_id>": hosts.csh_args_view,
    "user_subz/<path:oaio_id>": sharing.user_subz_view,
}
NATIVE = {
    "login": native_sessions.login_view,
    "logout": native_sessions.logout_view,
    "sync": native_sync.sync_view,
    "hosts/<str:csh_id>": native_hosts.host_view,
    "access": native_sharing.access_view,
    "wipe_user": native_sharing.wipe_view,
}

urlpatterns: list[URLPattern | URLResolver] = [
    *(path(f"api/v1/{slug}", view) for slug, view in NATIVE.items()),
    *(path(f"api/{slug}{slash}", view) for slug, view in ORIGINAL.items() for slash in ("/", "")),
    path("admin/", admin.site.urls),
    *transfers.urls(),
]

handler400 = "oaio_storage.server.answers.bad_request"
handler403 = "oaio_storage.server.answers.permission_denied"
handler404 = "oaio_storage.server.answers.not_found"
handler500 = "oaio_storage.server.answers.server_error"
