"""How often tests repeat what chance decides: one table, small for `make test`, full for `make property`."""

import os

import attrs


@attrs.frozen
class Counts:
    """Rounds, histories and kills; one row of the table below for each field."""

    examples: int
    """Examples of an ordinary property."""
    machine_steps: int
    """Steps of one history of a state machine."""
    machine_histories: int
    """Histories of a state machine that works in memory or on a local disk."""
    sync_histories: int
    """Histories of devices that synchronise through a real server."""
    client_kills: int
    """Kills of a client during ``sync``."""
    server_kills: int
    """Kills of the server during requests."""
    host_kills: int
    """Kills of a writer on a storage host."""
    crash_outcomes: int
    """What a loss of power may leave of a disk: outcomes looked at after each operation."""
    swap_reads: int
    """Reads of a file in a tight loop while its folder is exchanged."""
    swaps: int
    """Exchanges of the folder meanwhile, at least."""
    byte_changes: int
    """Random changes of one byte of something stored."""
    config_changes: int
    """Changes of a file of settings."""
    damages: int
    """Damages of a published tree, its records and its head."""
    races: int
    """Rounds in which writers race for one file, row or lock."""

    fuzzed_requests: int
    """Requests without sense to each kind of site that receives trees."""


_TABLE = {
    #                    make test, make property
    "examples": (50, 1_000),
    "machine_steps": (20, 50),
    "machine_histories": (30, 500),
    "sync_histories": (5, 100),
    "client_kills": (10, 50),
    "server_kills": (10, 50),
    "host_kills": (10, 50),
    "crash_outcomes": (20, 1_000),
    "swap_reads": (20_000, 1_000_000),
    "swaps": (50, 1_000),
    "byte_changes": (2_000, 10_000),
    "config_changes": (300, 5_000),
    "damages": (60, 1_000),
    "races": (10, 1_000),
    "fuzzed_requests": (600, 20_000),
}

HUGE = int(os.environ.get("OAIO_HUGE", "0"))
"""Size in bytes of the one huge file that hosts are given, meant to be above 5 GiB; 0 for none."""

FULL = os.environ.get("OAIO_COUNTS") == "full"

COUNTS = Counts(**{name: row[FULL] for name, row in _TABLE.items()})
