"""The functions of the original's module for Django."""

from types import SimpleNamespace
from typing import Any

import pytest
from file_transfer import wire

from oaio_storage.errors import InvalidConfiguration
from oaio_storage.file_transfer import django


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - settings have no types
    made = SimpleNamespace()
    monkeypatch.setattr(django, "settings", made)
    return made


def test_settings_are_bytes(settings: Any) -> None:  # noqa: ANN401 - same
    settings.TEXT, settings.BYTES, settings.NUMBER = "ü", b"b", 1
    assert django.setting_in_bytes("TEXT") == "ü".encode()
    assert django.setting_in_bytes("BYTES") == b"b"
    for name in ("NUMBER", "MISSING"):
        with pytest.raises(InvalidConfiguration, match=name):
            django.setting_in_bytes(name)


def test_a_decoder_needs_a_key(settings: Any) -> None:  # noqa: ANN401 - same
    assert django.prepare_decoder() is None
    settings.JWT_PUBLIC_KEY, settings.JWT_ISSUER = wire.public_pem().encode(), wire.ISSUER
    decode = django.prepare_decoder()
    assert decode is not None
    assert decode(wire.token("course"))["sub"] == "course"
    settings.JWT_PUBLIC_KEY = "nonsense"
    with pytest.raises(InvalidConfiguration):
        django.prepare_decoder()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("HTTP_X_FILE_INDEX", "X-File-Index"),
        ("CONTENT_TYPE", "Content-Type"),
        ("HTTP_X_PROCESS_ID", "X-Process-Id"),
        ("HTTP_X_HTTP_THING", "X-Http-Thing"),
    ],
)
def test_headers_are_named_as_they_travel(key: str, name: str) -> None:
    assert django.convert_django_header(key) == name
