"""``oaio demo``: objects are shared and a site is published, told step by step and checked."""

from oaio_storage.cli.demo.showing import run_demo

__all__ = ["run_demo"]
