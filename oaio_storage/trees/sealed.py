"""Texts whose last line is the digest of all others, so that damage, cuts and edits are found."""

from hashlib import sha256

_SEAL = "digest "
_SEAL_LENGTH = len(f"{_SEAL}{sha256().hexdigest()}\n")


def sealed(body: str) -> str:
    """``body``, which ends in a newline, with its digest as one more line."""
    return f"{body}{_SEAL}{_digest(body)}\n"


def unsealed(text: str) -> str | None:
    """The body of a text that :func:`sealed` made; None if the text is not as it was made."""
    body = text[:-_SEAL_LENGTH]
    return body if body.endswith("\n") and sealed(body) == text else None


def _digest(body: str) -> str:
    return sha256(body.encode(errors="surrogatepass")).hexdigest()
