"""Receiving trees over HTTP, in a web app of Flask or Django, on any storage host."""

__all__: list[str] = []
