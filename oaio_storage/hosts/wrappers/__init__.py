"""Hosts around a host, one concern each."""

__all__: list[str] = []
