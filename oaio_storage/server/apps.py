"""The server as a Django application."""

from django.apps import AppConfig


class ServerConfig(AppConfig):
    """Label ``oaio``: its tables begin with it."""

    name = "oaio_storage.server"
    label = "oaio"
    verbose_name = "oaio server"
