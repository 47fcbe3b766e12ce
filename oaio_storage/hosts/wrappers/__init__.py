"""Hosts around a host, one concern each.

Several can be put around each other; from the outside to the inside, with the reason for each place::

    DryRun or ReadOnly   nothing that is refused or only planned goes further
    Logging              one record for each call of the program, however often it was tried
    Retry                what waits before its next attempt holds no place of Limit
    Limit                next to the host, since it counts what really goes there

:func:`~oaio_storage.hosts.host_api` puts Retry alone around a backend, and the others are put around what it
returns; only Limit then stands outside of Retry, and a call that waits keeps its place.
"""

__all__: list[str] = []
