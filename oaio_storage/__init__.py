"""Share and synchronise objects with files, on any storage host."""

__version__ = "0.1.0.dev0"
