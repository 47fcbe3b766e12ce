"""``oaio demo``."""


def demo() -> None:
    """x."""
