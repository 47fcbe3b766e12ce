"""A site of Django that does nothing but receive and serve trees, configured by the environment."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import URLPattern, URLResolver, include, path

from oaio_storage.file_transfer.auth import key_of

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="of a test",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        COURSES_PATH=os.environ["OAIO_UPLOAD_DIR"],
        JWT_PUBLIC_KEY=key_of(os.environ["OAIO_JWT_PUBLIC_KEY"]),
        JWT_ISSUER=os.environ.get("OAIO_JWT_ISSUER"),
        JWT_ALGORITHM="RS256",
    )

urlpatterns: list[URLPattern | URLResolver] = [
    path("transfer/", include("oaio_storage.file_transfer.django")),
]
application = get_wsgi_application()
