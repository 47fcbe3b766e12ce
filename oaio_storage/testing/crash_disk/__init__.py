"""A disk in memory that tells what a crash may leave of unsynced writes."""

from oaio_storage.testing.crash_disk.disk import CrashDisk
from oaio_storage.testing.crash_disk.outcomes import Mode

__all__ = ["CrashDisk", "Mode"]
