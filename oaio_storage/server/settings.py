"""Django's settings of the oaio server; what varies comes from three environment variables.

``OAIO_DATA`` is the data folder (without one, an empty database in memory), ``OAIO_TLS`` is ``1`` when
clients come over TLS, and ``OAIO_ALLOWED_HOSTS`` names further host names under which clients reach the
server, for instance behind a proxy. With ``OAIO_JWT_PUBLIC_KEY`` it receives trees, too; see ``transfers``.
"""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from oaio_storage.file_transfer.auth import key_of
from oaio_storage.server.preparing import DATABASE_FILE, SITES_FOLDER
from oaio_storage.server.sealing import KEY_FILE

_DATA = os.environ.get("OAIO_DATA", "")
_TLS = os.environ.get("OAIO_TLS") == "1"
_SECRET_FILE = Path(_DATA, "secret_key")

SECRET_KEY = _SECRET_FILE.read_text() if _DATA and _SECRET_FILE.exists() else get_random_secret_key()
HOSTS_KEY_FILE = str(Path(_DATA, KEY_FILE))
DEBUG = False
ALLOWED_HOSTS = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    *filter(None, os.environ.get("OAIO_ALLOWED_HOSTS", "").split(",")),
]
ROOT_URLCONF = "oaio_storage.server.urls"
APPEND_SLASH = False  # a redirected POST loses its body (wire contract, 1.1)
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "oaio_storage.server.apps.ServerConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(_DATA, DATABASE_FILE)) if _DATA else ":memory:",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",  # a lock taken at the first write could no longer wait its turn
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
    }
}

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

SESSION_COOKIE_AGE = (
    14 * 24 * 3600
)  # seconds; the csrf cookie lives for a year, so never less (wire contract, 1.3)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS  # on plain http such cookies would never come back
SECURE_SSL_REDIRECT = _TLS
SECURE_HSTS_SECONDS = 24 * 3600 if _TLS else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other names below this one are not ours to promise TLS for
    "security.W021",  # same
]
CSRF_FAILURE_VIEW = "oaio_storage.server.answers.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

UPLOAD_DIR = os.environ.get("OAIO_UPLOAD_DIR") or str(Path(_DATA, SITES_FOLDER))
JWT_PUBLIC_KEY = key_of(os.environ.get("OAIO_JWT_PUBLIC_KEY", "")) or None
JWT_ISSUER = os.environ.get("OAIO_JWT_ISSUER", "")
JWT_ALGORITHM = os.environ.get("OAIO_JWT_ALGORITHM", "")
COURSES_FILE_TYPE = os.environ.get("OAIO_COURSES_FILE_TYPE") or "html"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.security": {"level": "CRITICAL"},  # anybody can send a wrong host; the answer says enough
    },
}
