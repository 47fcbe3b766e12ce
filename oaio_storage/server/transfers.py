"""Trees that an oaio server receives over HTTP and serves, if a key for tokens is configured.

``OAIO_JWT_PUBLIC_KEY`` is the key, PEM or the path of a file; ``OAIO_JWT_ISSUER``, ``OAIO_JWT_ALGORITHM`` and
``OAIO_UPLOAD_DIR`` (else ``sites`` in the data folder) are as those of an app of Flask; the type of index
pages is ``OAIO_COURSES_FILE_TYPE``.
"""

from pathlib import Path

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from oaio_storage.file_transfer.limits import Limits

SANDBOX = {"Content-Security-Policy": "sandbox allow-downloads allow-forms allow-popups allow-scripts"}
"""What is published is none of the server's own pages: its scripts get an origin of their own, and so neither
a session nor the administration of whoever looks at it."""


def is_on() -> bool:
    """Whether trees are received."""
    return settings.JWT_PUBLIC_KEY is not None


def max_body() -> int:
    """Bytes that the body of a request may have; 0: trees are not received."""
    return Limits().body_bytes if is_on() else 0


def prepare() -> None:
    """Make the place of the trees, if it is in the data folder, and see that they can be received.

    Raises:
        InvalidConfiguration: a setting is not as it has to be.
    """
    if not is_on():
        return
    from oaio_storage.file_transfer.django import prepare_decoder  # noqa: PLC0415 - only where it is on
    from oaio_storage.file_transfer.site import site_at  # noqa: PLC0415 - same

    prepare_decoder()
    if "://" not in settings.UPLOAD_DIR and "/" in settings.UPLOAD_DIR:
        Path(settings.UPLOAD_DIR).mkdir(parents=True, exist_ok=True)
    site_at(settings.UPLOAD_DIR)


def urls() -> list[URLPattern | URLResolver]:
    """What the server's URLs have in addition: ``transfer/`` and ``sites/``."""
    if not is_on():
        return []
    from oaio_storage.file_transfer.django import sites_urls, transfer_urls  # noqa: PLC0415 - same

    return [path("transfer/", include(transfer_urls())), path("sites/", include(sites_urls(more=SANDBOX)))]
