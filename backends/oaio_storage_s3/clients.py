"""The two libraries that speak with a bucket: obstore for what has to be fast, botocore for the rest."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import attrs

from oaio_storage.errors import AccessDenied, InvalidArgument
from oaio_storage_s3.options import S3Options, check_sendable

CONNECTIONS = 16
LONGEST = 3600
"""Seconds that a request may take while bytes come."""

_runtime_of: list[int] = []
"""The process that started obstore's threads; a fork of it has none of them, and can't start them again."""


def is_fast() -> bool:
    """Whether obstore can be used in this process: its calls never return in a fork of one that used it."""
    if not _runtime_of:
        _runtime_of.append(os.getpid())
    return _runtime_of[0] == os.getpid()


@attrs.frozen(eq=False)
class Clients:
    """The clients of one bucket: of this process alone, made when first used, and anew after a fork."""

    options: S3Options = attrs.field(repr=False)
    _held: dict[tuple[int, str], Any] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def store(self) -> Any:  # noqa: ANN401 - obstore's types are there for type checkers alone
        """Obstore's store."""
        return self._made("store", partial(_store, self.options, self.options.endpoint_used))

    @property
    def signer(self) -> Any:  # noqa: ANN401 - botocore has no types
        """A client whose addresses are those that others reach the bucket by."""
        endpoint = self.options.public_endpoint or self.options.endpoint_used
        return self._made("signer", partial(_client, self.options, endpoint))

    @property
    def client(self) -> Any:  # noqa: ANN401 - same
        """Botocore's client."""
        return self._made("client", partial(_client, self.options, self.options.endpoint_used))

    def close(self) -> None:
        """Let all connections of this process go. Safe to repeat."""
        for pid, kind in list(self._held):
            made = self._held.pop((pid, kind), None)
            if pid == os.getpid() and callable(close := getattr(made, "close", None)):
                close()

    def _made(self, kind: str, make: Any) -> Any:  # noqa: ANN401 - same
        held = self._held.get((os.getpid(), kind))
        return held or self._held.setdefault((os.getpid(), kind), make())


def _store(options: S3Options, endpoint: str) -> Any:  # noqa: ANN401 - same
    from obstore.store import S3Store  # noqa: PLC0415 - not needed to configure a host

    config: dict[str, Any] = {
        "region": options.region_used,
        "virtual_hosted_style_request": options.is_virtual,
        "skip_signature": options.anonymous,
        **({"server_side_encryption": options.encryption} if options.encryption else {}),
        **({"sse_kms_key_id": options.encryption_key} if options.encryption_key else {}),
    }
    if endpoint:
        scheme, _, server = endpoint.partition("://")
        config["endpoint"] = f"{scheme}://{options.bucket}.{server}" if options.is_virtual else endpoint
    if options.is_virtual:
        config["bucket"] = options.bucket
    return S3Store(
        options.bucket,
        config=cast("Any", config),
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "timeout": timedelta(seconds=max(LONGEST, options.timeout)),
            "read_timeout": timedelta(seconds=options.timeout),
            "connect_timeout": timedelta(seconds=options.connect_timeout),
            "pool_max_idle_per_host": str(CONNECTIONS),
        },
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=options.timeout)},
        **_obstore_keys(options),
    )


def _obstore_keys(options: S3Options) -> Mapping[str, Any]:
    if options.anonymous:
        return {}
    keys = _plain_keys(options)
    if keys is None:
        found = _session(options).get_credentials()
        if found is None:
            raise _no_keys(options)
        return {"credential_provider": partial(_fresh, found)}
    key, secret, token = keys
    given = {"access_key_id": key, "secret_access_key": secret}
    return given | ({"session_token": token} if token else {})


def _fresh(credentials: Any) -> dict[str, Any]:  # noqa: ANN401 - botocore's, which renews them
    frozen = credentials.get_frozen_credentials()
    expires = getattr(credentials, "_expiry_time", None)
    return {
        "access_key_id": frozen.access_key,
        "secret_access_key": frozen.secret_key,
        "token": frozen.token,
        "expires_at": expires,
    }


def _plain_keys(options: S3Options) -> tuple[str, str, str] | None:
    """Key, secret and token, if they are given or in the environment; else None."""
    if options.access_key_id:
        return options.access_key_id, options.secret_access_key, options.session_token
    if options.profile or os.environ.get("AWS_PROFILE"):
        return None
    named = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key, secret, token = (os.environ.get(name, "") for name in named)
    for name in named:
        check_sendable(name, os.environ.get(name, ""))
    return (key, secret, token) if key and secret else None


def _session(options: S3Options) -> Any:  # noqa: ANN401 - same
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415 - slow, and rarely needed
    from botocore.session import Session  # noqa: PLC0415 - same

    session = Session(profile=options.profile or None)
    try:
        session.get_scoped_config()
    except ProfileNotFound:
        raise InvalidArgument(
            f"AWS knows no profile {options.profile or os.environ.get('AWS_PROFILE')!r} on this machine",
            "aws configure list-profiles shows those that there are.",
        ) from None
    return session


def _no_keys(options: S3Options) -> AccessDenied:
    return AccessDenied(
        f"there are no keys for the bucket {options.bucket!r}: none are given, and the environment has none",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host keys, profile or anonymous.",
    )


def _client(options: S3Options, endpoint: str) -> Any:  # noqa: ANN401 - same
    from botocore import UNSIGNED  # noqa: PLC0415 - slow, and not needed for bulk moves
    from botocore.config import Config  # noqa: PLC0415 - same

    keys = None if options.anonymous else _plain_keys(options)
    session = _session(options)
    if not keys and not options.anonymous and session.get_credentials() is None:
        raise _no_keys(options)
    key, secret, token = keys or (None, None, None)
    parsers = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_time_of)
    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.timeout,
        retries={"total_max_attempts": 1},  # host_api's wrapper repeats
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "virtual" if options.is_virtual else "path"},
        signature_version=UNSIGNED if options.anonymous else "s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.create_client(
        "s3",
        region_name=options.region_used,
        endpoint_url=endpoint or None,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token or None,
        config=config,
    )
    client.meta.events.register("before-call.s3", _stay)
    return client


def _time_of(text: str | float) -> datetime:
    """A time in an answer: botocore's own way takes longer than all else in a listing."""
    from botocore.utils import parse_timestamp  # noqa: PLC0415 - slow, and loaded by now

    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        made: datetime = parse_timestamp(text)
        return made


def _stay(context: dict[str, Any], **_: object) -> None:
    """Keep botocore from looking for the bucket's region, which it asks the same server for, without end."""
    context.setdefault("s3_redirect", {})["redirected"] = True
