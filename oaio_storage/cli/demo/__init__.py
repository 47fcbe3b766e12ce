"""``oaio demo``: devices and users share objects through a real server, told step by step and checked."""

from oaio_storage.cli.demo.showing import run_demo

__all__ = ["run_demo"]
