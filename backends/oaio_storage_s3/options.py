"""Where a bucket is, and how it is spoken to: options, completed by the variables of other tools."""

import os
import re
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from oaio_storage.errors import InvalidArgument
from oaio_storage.names import check_path

DEFAULT_REGION = "us-east-1"
Addressing = Literal["auto", "path", "virtual"]
Encryption = Literal["", "AES256", "aws:kms", "aws:kms:dsse"]


_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_REGION = re.compile(r"[A-Za-z0-9._:-]*")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"https?://(?:\[(?P<ip>[0-9A-Fa-f:.]+)\]|(?P<host>{_LABEL}(?:\.{_LABEL})*)\.?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~!$&'()*+,;=:%/-]*)?"
)
_PORTS = range(1, 1 << 16)


def _is_bucket(_: object, __: object, bucket: str) -> None:
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise InvalidArgument(
            "bucket has to be the name of a bucket, without s3:// and slashes",
            "It has letters, digits, dots and hyphens, and begins with none of the last two.",
        )


def _is_region(_: object, field: "attrs.Attribute[str]", region: str) -> None:
    _check_region(field.name, region)


def _check_region(name: str, region: str) -> None:
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise InvalidArgument(f"{name} has to be the name of a region, such as eu-central-1")


def _has_its_encryption(options: "S3Options", field: "attrs.Attribute[str]", key: str) -> None:
    check_sendable(field.name, key)
    if key and not options.encryption.startswith("aws:kms"):
        raise InvalidArgument(
            "encryption_key is the id of a key of KMS, and would not be used",
            "Set encryption to aws:kms, too, or leave encryption_key out.",
        )


def _without_ends(prefix: str) -> str:
    return prefix.strip("/") if isinstance(prefix, str) else prefix


def _is_prefix(_: object, __: object, prefix: str) -> None:
    if prefix:
        check_path(prefix)


def _is_endpoint(_: object, field: "attrs.Attribute[str]", url: str) -> None:
    if url:
        _check_endpoint(field.name, url)


def _check_endpoint(name: str, url: str) -> None:
    if isinstance(url, str) and "@" in url:
        raise InvalidArgument(f"{name} holds a user or password, which others could see")
    found = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    if not found or not _is_server(found["ip"] or found["host"]) or int(found["port"] or 1) not in _PORTS:
        raise InvalidArgument(f"{name} has to be an address such as https://s3.example.org")


def _is_server(host: str) -> bool:
    """Whether ``host`` is a name, or an IP address that there can be: obstore panics over others."""
    import ipaddress  # noqa: PLC0415 - slow, and only where there is an endpoint

    if ":" not in host and not host.rpartition(".")[2].isdecimal():
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_sendable(name: str, text: object) -> None:
    """Do nothing if ``text`` can go in a header of a request.

    Raises:
        InvalidArgument: it is none, or has signs that can't, such as the end of a line; it is not told.
    """
    if not isinstance(text, str) or not text.isprintable():
        raise InvalidArgument(
            f"{name} has to be a text without line ends and other signs that are not seen",
            "Leave them out; they come along where such a text is copied, or read from a file.",
        )


def _is_sendable(_: object, field: "attrs.Attribute[str]", text: str) -> None:
    check_sendable(field.name, text)


def _of_environment(*names: str) -> tuple[str, str]:
    """The first of these variables that has a value, and that; two empty texts if none has."""
    return next(((name, os.environ[name]) for name in names if os.environ.get(name)), ("", ""))


def _is_positive(_: object, field: "attrs.Attribute[float]", seconds: float) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e6:  # noqa: PLR2004 - 11 days
        raise InvalidArgument(f"{field.name} has to be a positive number of seconds, not {seconds!r}")


def _is_one_way_in(options: "S3Options", _: object, __: object) -> None:
    has_key, has_secret = bool(options.access_key_id), bool(options.secret_access_key)
    if has_key != has_secret:
        raise InvalidArgument("access_key_id and secret_access_key go together", "Give both or none.")
    if options.session_token and not has_key:
        raise InvalidArgument("session_token goes with the keys that it came with", "Give all three.")
    if has_key + bool(options.profile) + options.anonymous > 1:
        raise InvalidArgument("keys, a profile and anonymous exclude each other", "Give one of them.")


def _text(*, is_secret: bool = False) -> Any:  # noqa: ANN401 - what attrs.field answers
    return attrs.field(default="", repr=not is_secret, validator=_is_sendable)


@attrs.frozen(eq=False)
class S3Options:
    """The options of an :class:`~oaio_storage_s3.api.S3Api`, which says what they mean."""

    bucket: str = attrs.field(validator=_is_bucket)
    prefix: str = attrs.field(default="", converter=_without_ends, validator=_is_prefix)
    endpoint: str = attrs.field(default="", validator=_is_endpoint)
    public_endpoint: str = attrs.field(default="", validator=_is_endpoint)
    region: str = attrs.field(default="", validator=_is_region)
    addressing: Addressing = attrs.field(
        default="auto", validator=attrs.validators.in_(("auto", "path", "virtual"))
    )
    access_key_id: str = _text()
    secret_access_key: str = _text(is_secret=True)
    session_token: str = _text(is_secret=True)
    profile: str = _text()
    anonymous: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    encryption: Encryption = attrs.field(
        default="", validator=attrs.validators.in_(("", "AES256", "aws:kms", "aws:kms:dsse"))
    )
    encryption_key: str = attrs.field(default="", validator=_has_its_encryption)
    storage_class: str = _text()
    connect_timeout: float = attrs.field(default=10.0, validator=_is_positive)
    timeout: float = attrs.field(default=60.0, validator=[_is_positive, _is_one_way_in])

    @property
    def endpoint_used(self) -> str:
        """The endpoint of this host, or of the environment; empty: Amazon's of the region.

        Raises:
            InvalidArgument: the variable is no address, or holds a password.
        """
        if self.endpoint:
            return self.endpoint.rstrip("/")
        name, found = _of_environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        if found:
            _check_endpoint(name, found)
        return found.rstrip("/")

    @property
    def region_used(self) -> str:
        """The region of this host, or of the environment.

        Raises:
            InvalidArgument: the variable is no name of a region.
        """
        if self.region:
            return self.region
        name, found = _of_environment("AWS_REGION", "AWS_DEFAULT_REGION")
        _check_region(name, found)
        return found or DEFAULT_REGION

    @property
    def is_virtual(self) -> bool:
        """Whether the bucket is a part of the server's name, and not of the path."""
        return self.addressing == "virtual" or (self.addressing == "auto" and not self.endpoint_used)

    def key(self, path: str) -> str:
        """The key of the file ``path``, or the prefix of the root for an empty one."""
        return f"{self.prefix}/{path}" if self.prefix and path else self.prefix or path

    def path(self, key: str) -> str:
        """The path of the file with this key, which is below the prefix."""
        return key[len(self.prefix) + 1 :] if self.prefix else key


def arguments_of_url(url: str) -> dict[str, str]:
    """The options that ``s3://BUCKET/PREFIX`` stands for.

    Raises:
        InvalidArgument: it names more than that, or no bucket.
    """
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not bucket or any(sign in url for sign in "?#@"):
        raise InvalidArgument(
            "an S3 address has the form s3://BUCKET/FOLDER",
            "Keys come from the usual AWS variables, or configure the host: oaio hosts add --help",
        )
    return {"bucket": bucket, "prefix": prefix}


def arguments_below(csh_args: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The options for a folder in the root."""
    prefix = str(csh_args.get("prefix", "")).strip("/")
    return {**csh_args, "prefix": f"{prefix}/{folder}" if prefix else folder}
